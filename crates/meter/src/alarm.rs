//! Alarm registers, filters and descriptors (L2): which event raises which bit, and how bits fall.
//!
//! A bit is raised when its filter lets it; it stays until a client writes the register without it. A register bit that rises raises its bit in
//! the descriptor, which the push takes and a client or the push puts back.

use crate::event_log::Log;

/// The two sets of alarms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alarms {
    /// 0-0:97.98.0 and 0-0:97.98.1.
    pub registers: [u32; 2],
    /// 0-0:97.98.10 and 0-0:97.98.11: alarms that are not in them are not raised.
    pub filters: [u32; 2],
    /// 0-0:97.98.20 and 0-0:97.98.21.
    pub descriptors: [u32; 2],
}

/// Bits that mean something: the filters from the factory.
const MEANT: [u32; 2] = {
    let mut meant = [0, 0];
    let mut at = 0;
    while at < ALARMS.len() {
        let (_, _, register, bit) = ALARMS[at];
        meant[register] |= 1 << bit;
        at += 1;
    }
    meant
};

impl Alarms {
    /// No alarm; all of them are let through.
    pub const NONE: Self = Self {
        registers: [0; 2],
        filters: MEANT,
        descriptors: [0; 2],
    };

    /// Raises what an event is alarming for; true when that is a change.
    pub fn raise(&mut self, log: Log, code: u8) -> bool {
        let before = *self;
        for (at, bits) in raised_by(log, code).into_iter().enumerate() {
            let (Some(register), Some(filter), Some(descriptor)) = (
                self.registers.get_mut(at),
                self.filters.get(at),
                self.descriptors.get_mut(at),
            ) else {
                continue;
            };
            let risen = bits & filter & !*register;
            *register |= risen;
            *descriptor |= risen;
        }
        *self != before
    }

    /// A client writes a register: bits that are 0 in `value` fall, none rises.
    pub fn write_register(&mut self, at: usize, value: u32) {
        if let Some(register) = self.registers.get_mut(at) {
            *register &= value;
        }
    }

    /// A client, or a push that got through, writes a descriptor: bits that are 0 in `value` fall, none rises.
    pub fn write_descriptor(&mut self, at: usize, value: u32) {
        if let Some(descriptor) = self.descriptors.get_mut(at) {
            *descriptor &= value;
        }
    }
}

/// The bits of both registers that an event raises.
#[must_use]
pub fn raised_by(log: Log, code: u8) -> [u32; 2] {
    let mut bits = [0; 2];
    for (of, by, register, bit) in ALARMS {
        if let Some(bits) = bits.get_mut(register).filter(|_| of == log && by == code) {
            *bits |= 1 << bit;
        }
    }
    bits
}

/// Log, code, register, bit.
const ALARMS: [(Log, u8, usize, u8); 63] = [
    (Log::Standard, 6, 0, 0),
    (Log::Standard, 7, 0, 1),
    (Log::Standard, 12, 0, 8),
    (Log::Standard, 13, 0, 9),
    (Log::Standard, 14, 0, 10),
    (Log::Standard, 16, 0, 11),
    (Log::Standard, 15, 0, 12),
    (Log::Fraud, 40, 0, 13),
    (Log::Fraud, 42, 0, 13),
    (Log::Fraud, 44, 0, 13),
    (Log::Fraud, 46, 0, 13),
    (Log::Fraud, 49, 0, 13),
    (Log::Fraud, 50, 0, 13),
    (Log::Fraud, 200, 0, 13),
    (Log::Fraud, 201, 0, 13),
    (Log::Fraud, 202, 0, 13),
    (Log::Fraud, 210, 0, 13),
    (Log::Fraud, 212, 0, 13),
    (Log::Fraud, 214, 0, 13),
    (Log::MBus1, 100, 0, 16),
    (Log::MBus2, 110, 0, 17),
    (Log::MBus3, 120, 0, 18),
    (Log::MBus4, 130, 0, 19),
    (Log::MBus1, 103, 0, 20),
    (Log::MBus2, 113, 0, 21),
    (Log::MBus3, 123, 0, 22),
    (Log::MBus4, 133, 0, 23),
    (Log::MBus1, 106, 0, 24),
    (Log::MBus2, 116, 0, 25),
    (Log::MBus3, 126, 0, 26),
    (Log::MBus4, 136, 0, 27),
    (Log::MBus1, 102, 0, 28),
    (Log::MBus2, 112, 0, 29),
    (Log::MBus3, 122, 0, 30),
    (Log::MBus4, 132, 0, 31),
    (Log::Standard, 1, 1, 0),
    (Log::Standard, 2, 1, 1),
    (Log::Quality, 82, 1, 2),
    (Log::Quality, 83, 1, 3),
    (Log::Quality, 84, 1, 4),
    (Log::Quality, 85, 1, 5),
    (Log::Quality, 86, 1, 6),
    (Log::Quality, 87, 1, 7),
    (Log::Standard, 89, 1, 8),
    (Log::Quality, 90, 1, 9),
    (Log::Fraud, 91, 1, 10),
    (Log::Standard, 88, 1, 11),
    (Log::Standard, 52, 1, 12),
    (Log::Standard, 48, 1, 13),
    (Log::Quality, 92, 1, 14),
    (Log::Quality, 93, 1, 15),
    (Log::Quality, 94, 1, 16),
    (Log::Standard, 20, 1, 17),
    (Log::Communication, 158, 1, 18),
    (Log::MBus1, 105, 1, 19),
    (Log::MBus2, 115, 1, 20),
    (Log::MBus3, 125, 1, 21),
    (Log::MBus4, 135, 1, 22),
    (Log::MBus1, 164, 1, 27),
    (Log::MBus2, 174, 1, 28),
    (Log::MBus3, 184, 1, 29),
    (Log::MBus4, 194, 1, 30),
    (Log::Disconnect, 68, 1, 31),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// L2: the filter decides, the bit stays, the descriptor follows the rise only.
    #[test]
    fn an_alarm_rises_once_and_falls_when_it_is_written() {
        let mut alarms = Alarms::NONE;
        assert!(alarms.raise(Log::Fraud, 40));
        assert_eq!((alarms.registers, alarms.descriptors), ([1 << 13, 0], [1 << 13, 0]));
        alarms.write_descriptor(0, 0);
        assert!(!alarms.raise(Log::Fraud, 44), "the bit stands already");
        assert_eq!(alarms.descriptors, [0, 0]);
        alarms.write_register(0, !(1 << 13));
        assert!(alarms.raise(Log::Fraud, 44));
        alarms.write_register(0, u32::MAX);
        assert_eq!(alarms.registers, [1 << 13, 0], "writing raises nothing");
        alarms.filters = [0, 0];
        alarms.write_register(0, 0);
        assert!(!alarms.raise(Log::Fraud, 44));
        assert!(!alarms.raise(Log::Standard, 3), "no alarm");
    }

    /// events_alarms.md, 3: bits 2 to 7, 14 and 15 of register 1 and 23 to 26 of register 2 are reserved.
    #[test]
    fn every_bit_that_is_not_reserved_has_its_event() {
        assert_eq!(MEANT, [!0x0000_C0FC, !0x0780_0000]);
    }
}
