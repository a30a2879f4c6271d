//! A converter made of its data sheet, for tests: registers, commands answered one frame later, CRCs, and damage on request.

extern crate std;

use core::convert::Infallible;
use std::vec;
use std::vec::Vec;

use embedded_hal::delay::DelayNs;
use embedded_hal::spi::{ErrorType, Operation, SpiDevice};

use crate::driver::channels;
use crate::frame::{CRC, WORD, frame_length};

pub(crate) struct Model<const N: usize> {
    registers: [u16; 64],
    stuck: Option<(usize, u16)>,
    wire: Option<u8>,
    codes: [i32; N],
    fresh: bool,
    map_changed: bool,
    command_damaged: bool,
    /// The answer to the last command; none: the status.
    answer: Option<u16>,
    frames: usize,
    damaged_answer: Option<usize>,
    damaged_command: Option<usize>,
}

pub(crate) struct NoDelay;

impl DelayNs for NoDelay {
    fn delay_ns(&mut self, _nanoseconds: u32) {}
}

impl<const N: usize> Model<N> {
    pub(crate) fn new() -> Self {
        let mut model = Self {
            registers: [0; 64],
            stuck: None,
            wire: None,
            codes: [0; N],
            fresh: false,
            map_changed: false,
            command_damaged: false,
            answer: None,
            frames: 0,
            damaged_answer: None,
            damaged_command: None,
        };
        model.reset();
        model
    }

    pub(crate) fn reset(&mut self) {
        self.registers = [0; 64];
        self.registers[0x00] = 0x2000 | channels::<N>() << 8;
        self.registers[0x02] = 0x0510;
        self.registers[0x03] = 0xFF0E;
        self.map_changed = false;
        self.answer = Some(0xFF20 | channels::<N>());
    }

    pub(crate) fn register(&self, address: usize) -> u16 {
        self.registers[address]
    }

    pub(crate) fn convert(&mut self, codes: [i32; N]) {
        self.codes = codes;
        self.fresh = true;
        self.answer = None;
    }

    pub(crate) fn flip(&mut self, address: usize, bits: u16) {
        self.registers[address] ^= bits;
        self.map_changed = true;
    }

    pub(crate) fn stick(&mut self, address: usize, value: u16) {
        self.stuck = Some((address, value));
    }

    pub(crate) fn stick_wire(&mut self, level: u8) {
        self.wire = Some(level);
    }

    pub(crate) fn damage_answer(&mut self, frame: usize) {
        self.damaged_answer = Some(frame);
    }

    pub(crate) fn damage_command(&mut self, frame: usize) {
        self.damaged_command = Some(frame);
    }

    fn status(&self) -> u16 {
        let fresh = if self.fresh { (1_u16 << N) - 1 } else { 0 };
        let mode = self.registers[0x02] & 0x0700;
        mode | u16::from(self.map_changed) << 13 | u16::from(self.command_damaged) << 12 | fresh
    }

    fn obey(&mut self, frame: &[u8]) {
        let word = |index: usize| u16::from_be_bytes([frame[index * WORD], frame[index * WORD + 1]]);
        let command = word(0);
        let address = usize::from(command >> 7 & 0b11_1111);
        let n_words = if command >> 13 == 0b011 { 2 } else { 1 };
        let checked = self.registers[0x02] & 1 << 12 != 0;
        self.command_damaged = checked && CRC.checksum(&frame[..n_words * WORD]) != word(n_words);
        if self.command_damaged {
            self.answer = None;
            return;
        }
        self.answer = match (command, command >> 13) {
            (0x0011, _) => {
                self.reset();
                self.answer
            }
            (_, 0b101) => Some(self.registers[address]),
            (_, 0b011) => {
                self.registers[address] = word(1);
                if let Some((stuck, value)) = self.stuck {
                    self.registers[stuck] = value;
                }
                self.map_changed = self.registers[0x02] & 1 << 13 != 0;
                Some(0x4000 | command & 0x1FFF)
            }
            _ => None,
        };
    }

    fn exchange(&mut self, frame: &mut [u8]) {
        let mut heard = frame.to_vec();
        if self.damaged_command == Some(self.frames) {
            heard[1] ^= 0x04;
        }
        let mut out = vec![0; frame_length(N) - WORD];
        out[..2].copy_from_slice(&self.answer.unwrap_or_else(|| self.status()).to_be_bytes());
        if self.answer.is_none() {
            self.map_changed = false; // telling it clears it
        }
        for (channel, code) in self.codes.iter().enumerate() {
            out[(channel + 1) * WORD..(channel + 2) * WORD].copy_from_slice(&code.to_be_bytes()[1..]);
        }
        self.fresh = false;
        let check = CRC.checksum(&out).to_be_bytes();
        out.extend([check[0], check[1], 0]);
        if self.damaged_answer == Some(self.frames) {
            out[4] ^= 0x10;
        }
        self.frames += 1;
        for (place, octet) in frame.iter_mut().zip(out.into_iter().chain(core::iter::repeat(0))) {
            *place = self.wire.unwrap_or(octet);
        }
        self.obey(&heard);
    }
}

impl<const N: usize> ErrorType for Model<N> {
    type Error = Infallible;
}

impl<const N: usize> SpiDevice for Model<N> {
    fn transaction(&mut self, operations: &mut [Operation<'_, u8>]) -> Result<(), Infallible> {
        for operation in operations {
            match operation {
                Operation::TransferInPlace(frame) => self.exchange(frame),
                Operation::Read(frame) => self.exchange(frame),
                Operation::Write(frame) => self.exchange(&mut frame.to_vec()),
                Operation::Transfer(read, write) => {
                    let mut frame: Vec<u8> = write.to_vec();
                    self.exchange(&mut frame);
                    let n_octets = read.len().min(frame.len());
                    read[..n_octets].copy_from_slice(&frame[..n_octets]);
                }
                Operation::DelayNs(_) => {}
            }
        }
        Ok(())
    }
}
