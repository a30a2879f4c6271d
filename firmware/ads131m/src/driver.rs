//! The part on its bus: reset, set-up with every register read back, frames.

use core::fmt;

use embedded_hal::delay::DelayNs;
use embedded_hal::spi::SpiDevice;

use crate::frame::{CRC, Damage, Frame, NULL_FRAME, RawFrame, WORD, frame_length};
use crate::registers::{Register, Setup};

/// A converter with `N` channels (2, 3, 4, 6 or 8) on an SPI bus in mode 1, of at most 25 MHz.
///
/// Life: [`Ads131m::setup`], then either [`Ads131m::read`] at every data-ready edge, or [`Ads131m::release`] the bus to a DMA that sends
/// [`NULL_FRAME`] at every edge. After [`Damage::Reset`] or [`Damage::Registers`] it is set up again.
#[derive(Debug)]
pub struct Ads131m<SPI, const N: usize> {
    spi: SPI,
}

/// Why the part does not do what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault<E> {
    /// The bus failed.
    Bus(E),
    /// A frame came damaged, or says that the part is not set up.
    Frame(Damage),
    /// It does not answer a reset as it should; this is what it answers: 0x0000 or 0xFFFF when nothing is there.
    Reset(u16),
    /// It is another part; this is its identification.
    WrongPart(u16),
    /// It answered a command with this, which is not the answer to it.
    Answer(u16),
    /// A register does not hold what was written.
    Register {
        /// The register.
        register: Register,
        /// What was written.
        wrote: u16,
        /// What was read back.
        read: u16,
    },
}

impl<SPI: SpiDevice, const N: usize> Ads131m<SPI, N> {
    /// A part that was not spoken to yet.
    pub const fn new(spi: SPI) -> Self {
        Self { spi }
    }

    /// Gives the bus back.
    pub fn release(self) -> SPI {
        self.spi
    }

    /// Resets the part, makes sure that it is the right one, writes its registers and reads each back. Takes about 30 frames.
    ///
    /// # Errors
    /// [`Fault`]; the part must then not be used, and may be set up again.
    pub fn setup(&mut self, setup: &Setup<N>, delay: &mut impl DelayNs) -> Result<(), Fault<SPI::Error>> {
        // A frame that was cut off by our own restart ends here, so that the reset is taken as a command.
        let _old_answer = self.transfer(&NULL_FRAME)?;
        let _old_answer = self.transfer(&request(RESET, None))?;
        // Registers can be reached 5 us after the reset; twice that, for delays that are short.
        delay.delay_us(10);
        let answer = self.answer()?;
        if answer != RESET_ANSWER | channels::<N>() {
            return Err(Fault::Reset(answer));
        }
        let id = self.register(Register::ID)?;
        if id >> 8 & 0b1111 != channels::<N>() {
            return Err(Fault::WrongPart(id));
        }
        for (register, value) in setup.writes() {
            self.write(register, value)?;
        }
        // Two conversions are held back by the part, and the first status still tells of the registers that we changed.
        for _held_back in 0..2 {
            let _old_conversion = self.transfer(&NULL_FRAME)?;
        }
        Ok(())
    }

    /// Reads a register.
    ///
    /// # Errors
    /// [`Fault::Bus`], [`Fault::Frame`].
    pub fn register(&mut self, register: Register) -> Result<u16, Fault<SPI::Error>> {
        let _answer_to_the_last = self.exchange(&request(READ | address(register), None))?;
        self.answer()
    }

    /// The next frame.
    ///
    /// # Errors
    /// [`Fault::Bus`], and [`Fault::Frame`] when the codes must not be used.
    pub fn read(&mut self) -> Result<Frame<N>, Fault<SPI::Error>> {
        let octets = self.transfer(&NULL_FRAME)?;
        Frame::parse(&octets).map_err(Fault::Frame)
    }

    fn write(&mut self, register: Register, value: u16) -> Result<(), Fault<SPI::Error>> {
        let _answer_to_the_last = self.exchange(&request(WRITE | address(register), Some(value)))?;
        let answer = self.answer()?;
        if answer != WRITE_ANSWER | address(register) {
            return Err(Fault::Answer(answer));
        }
        let read = self.register(register)?;
        if read == value {
            Ok(())
        } else {
            Err(Fault::Register {
                register,
                wrote: value,
                read,
            })
        }
    }

    /// What the part answers to the last command.
    fn answer(&mut self) -> Result<u16, Fault<SPI::Error>> {
        self.exchange(&NULL_FRAME)
    }

    /// Sends a frame and gives the first word of the one that comes back, which answers the command before.
    fn exchange(&mut self, request: &RawFrame) -> Result<u16, Fault<SPI::Error>> {
        let octets = self.transfer(request)?;
        let octets = octets.get(..frame_length(N)).unwrap_or(&[]);
        let (covered, check) = octets.split_at(octets.len().saturating_sub(WORD));
        let (&[high, low, ..], &[check_high, check_low, ..]) = (covered, check) else {
            return Err(Fault::Frame(Damage::Length));
        };
        if CRC.checksum(covered) == u16::from_be_bytes([check_high, check_low]) {
            Ok(u16::from_be_bytes([high, low]))
        } else {
            Err(Fault::Frame(Damage::Crc))
        }
    }

    fn transfer(&mut self, request: &RawFrame) -> Result<RawFrame, Fault<SPI::Error>> {
        let mut octets = *request;
        if let Some(frame) = octets.get_mut(..frame_length(N)) {
            self.spi.transfer_in_place(frame).map_err(Fault::Bus)?;
        }
        Ok(octets)
    }
}

/// A frame with a command, its data, and the CRC of both. Parts that do not check it yet pass over it.
fn request(command: u16, data: Option<u16>) -> RawFrame {
    let mut frame = RawFrame::default();
    let mut words = frame.chunks_exact_mut(WORD);
    let mut check = CRC.digest();
    for value in [Some(command), data].into_iter().flatten() {
        let [high, low] = value.to_be_bytes();
        let word = [high, low, 0];
        check.update(&word);
        if let Some(place) = words.next() {
            place.copy_from_slice(&word);
        }
    }
    let [high, low] = check.finalize().to_be_bytes();
    if let Some(place) = words.next() {
        place.copy_from_slice(&[high, low, 0]);
    }
    frame
}

/// A register's address where the commands want it.
const fn address(register: Register) -> u16 {
    (register.0 as u16 & 0b11_1111) << 7
}

/// The number of channels as the part names it.
pub(crate) const fn channels<const N: usize>() -> u16 {
    const {
        match N {
            2 => 2,
            3 => 3,
            4 => 4,
            6 => 6,
            8 => 8,
            _ => panic!("no member of the family has so many channels"),
        }
    }
}

impl<E> fmt::Display for Fault<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bus(_) => f.write_str("the converter's bus failed"),
            Self::Frame(damage) => write!(f, "{damage}"),
            Self::Reset(answer) => write!(f, "no converter answers the reset, but {answer:#06x}"),
            Self::WrongPart(id) => write!(f, "the converter is another one: {id:#06x}"),
            Self::Answer(answer) => write!(f, "the converter answers a command with {answer:#06x}"),
            Self::Register {
                register: Register(address),
                wrote,
                read,
            } => {
                write!(
                    f,
                    "register {address:#04x} of the converter holds {read:#06x} and not {wrote:#06x}"
                )
            }
        }
    }
}

impl<E: fmt::Debug> core::error::Error for Fault<E> {}

const RESET: u16 = 0x0011;
const RESET_ANSWER: u16 = 0xFF20;
const READ: u16 = 0b101 << 13;
const WRITE: u16 = 0b011 << 13;
const WRITE_ANSWER: u16 = 0b010 << 13;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Model, NoDelay};
    use crate::registers::Gain;

    fn setup_of(model: &mut Model<8>) -> Result<(), Fault<core::convert::Infallible>> {
        let mut setup = Setup::EIGHT_KILOHERTZ;
        setup.gains = [Gain::By4; 8];
        setup.delays = [-3; 8];
        Ads131m::<_, 8>::new(model).setup(&setup, &mut NoDelay)
    }

    #[test]
    fn a_part_is_set_up_and_gives_its_codes() {
        let mut model = Model::<8>::new();
        assert_eq!(setup_of(&mut model), Ok(()));
        assert_eq!(model.register(0x03), 0xFF0A);
        assert_eq!(model.register(0x04), 0x2222);
        assert_eq!(model.register(0x2C), 0xFF40);
        let codes = [1, -1, 0x7F_FFFF, -0x80_0000, 5, 6, 7, 8];
        model.convert(codes);
        let mut part = Ads131m::<_, 8>::new(&mut model);
        assert_eq!(
            part.read().map(|frame| (frame.codes, frame.status.is_fresh(8))),
            Ok((codes, true))
        );
        // Read again before the next conversion: the old codes, and they say so.
        assert_eq!(
            part.read().map(|frame| (frame.codes, frame.status.is_fresh(8))),
            Ok((codes, false))
        );
    }

    #[test]
    fn it_is_set_up_whatever_happened_before() {
        // Set up already, and left inside a frame by a restart of ours: the cut frame counts as one of its own.
        let mut model = Model::<8>::new();
        assert_eq!(setup_of(&mut model), Ok(()));
        assert_eq!(setup_of(&mut model), Ok(()));
    }

    #[test]
    fn each_damaged_frame_of_the_set_up_is_found_or_does_no_harm() {
        for damaged in 0..64 {
            let mut model = Model::<8>::new();
            model.damage_answer(damaged);
            let outcome = setup_of(&mut model);
            let right =
                model.register(0x02) == 0x3110 && model.register(0x03) == 0xFF0A && model.register(0x2C) == 0xFF40;
            assert!(outcome.is_err() || right, "answer {damaged} damaged: {outcome:?}");
        }
    }

    #[test]
    fn each_damaged_command_of_the_set_up_is_found_or_does_no_harm() {
        for damaged in 0..64 {
            let mut model = Model::<8>::new();
            model.damage_command(damaged);
            let outcome = setup_of(&mut model);
            let right =
                model.register(0x02) == 0x3110 && model.register(0x03) == 0xFF0A && model.register(0x2C) == 0xFF40;
            assert!(outcome.is_err() || right, "command {damaged} damaged: {outcome:?}");
        }
    }

    #[test]
    fn a_part_that_resets_itself_says_so_until_it_is_set_up_again() {
        let mut model = Model::<8>::new();
        assert_eq!(setup_of(&mut model), Ok(()));
        model.reset();
        model.convert([1; 8]);
        for _ in 0..3 {
            let read = Ads131m::<_, 8>::new(&mut model).read();
            assert_eq!(read, Err(Fault::Frame(Damage::Reset)));
        }
        assert_eq!(setup_of(&mut model), Ok(()));
        model.convert([1; 8]);
        assert!(Ads131m::<_, 8>::new(&mut model).read().is_ok());
    }

    #[test]
    fn a_register_that_flips_by_itself_is_told() {
        let mut model = Model::<8>::new();
        assert_eq!(setup_of(&mut model), Ok(()));
        model.flip(0x04, 0x0001);
        model.convert([1; 8]);
        let read = Ads131m::<_, 8>::new(&mut model).read();
        assert_eq!(read, Err(Fault::Frame(Damage::Registers)));
    }

    #[test]
    fn a_register_that_does_not_hold_is_told() {
        let mut model = Model::<8>::new();
        model.stick(0x03, 0xFF0E);
        let expected = Fault::Register {
            register: Register::CLOCK,
            wrote: 0xFF0A,
            read: 0xFF0E,
        };
        assert_eq!(setup_of(&mut model), Err(expected));
    }

    #[test]
    fn another_member_is_not_taken() {
        let mut four = Model::<4>::new();
        let outcome = Ads131m::<_, 8>::new(&mut four).setup(&Setup::EIGHT_KILOHERTZ, &mut NoDelay);
        assert!(outcome.is_err(), "{outcome:?}");
    }

    #[test]
    fn no_part_at_all_is_told() {
        for level in [0x00, 0xFF] {
            let mut model = Model::<8>::new();
            model.stick_wire(level);
            assert_eq!(setup_of(&mut model), Err(Fault::Frame(Damage::Crc)));
        }
    }
}
