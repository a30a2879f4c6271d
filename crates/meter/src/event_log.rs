//! Event logs: what their codes mean, and when one is written (L2; codes in the order of the IDIS event tables).
//!
//! An event whose cause persists is not written again: what begins and ends has a code for either, and [`Causes`] remembers what has begun. A
//! log takes only the codes of its filter; alarms are raised nevertheless. That a log was cleared is always written.

/// A log book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log {
    /// 0-0:99.98.0: power, clock, tariffs, firmware, errors.
    Standard = 0,
    /// 0-0:99.98.1: covers, fields, failed authentications.
    Fraud = 1,
    /// 0-0:99.98.2: the switch in the supply.
    Disconnect = 2,
    /// 0-0:99.98.4: the quality of the supply.
    Quality = 3,
    /// 0-0:99.98.5: modem and network.
    Communication = 4,
    /// 0-0:99.98.9: keys, policies, lock-outs.
    Security = 5,
    /// 0-1:99.98.3: the device on M-Bus channel 1.
    MBus1 = 6,
    /// 0-2:99.98.3.
    MBus2 = 7,
    /// 0-3:99.98.3.
    MBus3 = 8,
    /// 0-4:99.98.3.
    MBus4 = 9,
}

impl Log {
    /// All logs in the order of their numbers.
    pub const ALL: [Self; N_LOGS] = [
        Self::Standard,
        Self::Fraud,
        Self::Disconnect,
        Self::Quality,
        Self::Communication,
        Self::Security,
        Self::MBus1,
        Self::MBus2,
        Self::MBus3,
        Self::MBus4,
    ];

    /// Its place among the logs.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The log of an M-Bus channel, 1 to 4.
    #[must_use]
    pub const fn of_channel(channel: u8) -> Option<Self> {
        match channel {
            1 => Some(Self::MBus1),
            2 => Some(Self::MBus2),
            3 => Some(Self::MBus3),
            4 => Some(Self::MBus4),
            _ => None,
        }
    }

    /// The M-Bus channel, 1 to 4, whose log it is.
    #[must_use]
    pub const fn channel(self) -> Option<u8> {
        match self {
            Self::MBus1 => Some(1),
            Self::MBus2 => Some(2),
            Self::MBus3 => Some(3),
            Self::MBus4 => Some(4),
            _ => None,
        }
    }
}

/// How many logs there are.
pub const N_LOGS: usize = 10;

/// The codes that a log takes: a bit for each, code 0 in the highest bit of the first octet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filter(pub [u8; 32]);

impl Filter {
    /// Every code.
    pub const ALL: Self = Self([0xFF; 32]);

    /// Whether a log with this filter takes `code`.
    #[must_use]
    pub fn takes(&self, code: u8) -> bool {
        let Self(octets) = self;
        let octet = octets.get(usize::from(code / 8)).copied().unwrap_or(0);
        code == LOG_CLEARED || octet & 0x80 >> (code % 8) != 0
    }
}

/// What has begun and not ended, a bit for each row of [`CAUSES`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Causes(pub u32);

/// Log, the code that says a cause began, the code that says it is over. One end may stand for several beginnings.
const CAUSES: [(Log, u8, u8); 29] = [
    (Log::Fraud, 40, 41),
    (Log::Fraud, 42, 43),
    (Log::Fraud, 44, 45),
    (Log::Fraud, 210, 211),
    (Log::Fraud, 212, 213),
    (Log::Fraud, 214, 215),
    (Log::Disconnect, 65, 66),
    (Log::Disconnect, 70, 71),
    (Log::Disconnect, 72, 73),
    (Log::Disconnect, 74, 75),
    (Log::Quality, 76, 85),
    (Log::Quality, 79, 85),
    (Log::Quality, 82, 85),
    (Log::Quality, 77, 86),
    (Log::Quality, 80, 86),
    (Log::Quality, 83, 86),
    (Log::Quality, 78, 87),
    (Log::Quality, 81, 87),
    (Log::Quality, 84, 87),
    (Log::MBus1, 100, 101),
    (Log::MBus2, 110, 111),
    (Log::MBus3, 120, 121),
    (Log::MBus4, 130, 131),
    // A new battery is no event: the two causes end without an entry.
    (Log::Standard, standard::REPLACE_BATTERY, standard::BATTERY_GOOD),
    (Log::Standard, standard::BATTERY_LOW, standard::BATTERY_GOOD),
    // Neither is a clock that has its time again: how it was set is said by 4 and 5.
    (Log::Standard, standard::CLOCK_INVALID, standard::CLOCK_VALID),
    // Nor phases that are in order again.
    (Log::Standard, standard::PHASE_SEQUENCE, standard::PHASES_IN_ORDER),
    (
        Log::Standard,
        standard::VERIFICATION_BEGUN,
        standard::VERIFICATION_ENDED,
    ),
    // Nor phases that are even again.
    (Log::Quality, quality::ASYMMETRY, quality::BALANCED),
];

impl Causes {
    /// Whether an event is worth an entry: its cause did not persist already, or it ends one that has begun.
    #[must_use]
    pub fn is_news(self, log: Log, code: u8) -> bool {
        let (begins, ends) = Self::bits(log, code);
        if begins != 0 {
            self.0 & begins == 0
        } else {
            ends == 0 || self.0 & ends != 0
        }
    }

    /// Whether what an event began has not ended.
    #[must_use]
    pub fn persists(self, log: Log, code: u8) -> bool {
        let (begins, _) = Self::bits(log, code);
        self.0 & begins != 0
    }

    /// Remembers what an event began or ended; true when that is a change.
    pub fn note(&mut self, log: Log, code: u8) -> bool {
        let (begins, ends) = Self::bits(log, code);
        let after = (self.0 | begins) & !ends;
        core::mem::replace(&mut self.0, after) != after
    }

    /// The causes that an event begins, and those that it ends.
    fn bits(log: Log, code: u8) -> (u32, u32) {
        let mut bits = (0, 0);
        for (at, (of, begin, end)) in CAUSES.into_iter().enumerate() {
            if of == log && begin == code {
                bits.0 |= 1 << at;
            }
            if of == log && end == code {
                bits.1 |= 1 << at;
            }
        }
        bits
    }
}

/// Codes of the standard event log.
pub mod standard {
    /// The whole device lost power.
    pub const POWER_DOWN: u8 = 1;
    /// The device got power again.
    pub const POWER_UP: u8 = 2;
    /// Daylight saving began or ended; the stamp is the time before.
    pub const DAYLIGHT_SAVING_CHANGED: u8 = 3;
    /// The clock was set; the stamp is the time before.
    pub const CLOCK_ADJUSTED_FROM: u8 = 4;
    /// The clock was set; the stamp is the time after.
    pub const CLOCK_ADJUSTED_TO: u8 = 5;
    /// The clock has no valid time.
    pub const CLOCK_INVALID: u8 = 6;
    /// The battery of the clock has reached its end.
    pub const REPLACE_BATTERY: u8 = 7;
    /// The voltage of the clock's battery is low.
    pub const BATTERY_LOW: u8 = 8;
    /// The battery of the clock is good again; no entry of a log.
    pub(crate) const BATTERY_GOOD: u8 = 0;
    /// The clock has a valid time again; no entry of a log, and a code that none has.
    pub(crate) const CLOCK_VALID: u8 = 253;
    /// The phases are in order again; no entry of a log, and a code that none has.
    pub(crate) const PHASES_IN_ORDER: u8 = 252;
    /// Two phases are swapped.
    pub const PHASE_SEQUENCE: u8 = 88;
    /// The error register was written.
    pub const ERROR_REGISTER_CLEARED: u8 = 10;
    /// An alarm register was written.
    pub const ALARM_REGISTER_CLEARED: u8 = 11;
    /// The passive calendar became active.
    pub const TOU_ACTIVATED: u8 = 9;
    /// The non-volatile memory lost something.
    pub const NV_MEMORY_ERROR: u8 = 14;
    /// The program was started again by itself, by its watchdog or after a broken promise.
    pub const WATCHDOG_ERROR: u8 = 15;
    /// The measuring system reports an error.
    pub const MEASUREMENT_SYSTEM_ERROR: u8 = 16;
    /// Load profile 1 is captured again.
    pub const PROFILE_1_ENABLED: u8 = 22;
    /// Load profile 1 is not captured any more.
    pub const PROFILE_1_DISABLED: u8 = 23;
    /// Load profile 2 is captured again.
    pub const PROFILE_2_ENABLED: u8 = 24;
    /// Load profile 2 is not captured any more.
    pub const PROFILE_2_DISABLED: u8 = 25;
    /// A part of the passive calendar, or the time of its activation, was set.
    pub const PASSIVE_TOU_PROGRAMMED: u8 = 19;
    /// A billing period was closed by command or button.
    pub const BILLING_BY_COMMAND: u8 = 21;
    /// Parameters were changed.
    pub const PARAMETERS_CHANGED: u8 = 47;
    /// The passive calendar contradicts itself and did not become active (own code).
    pub const PASSIVE_TOU_REFUSED: u8 = 200;
    /// Another ratio of the transformers holds (own code).
    pub const TRANSFORMER_RATIO_CHANGED: u8 = 201;
    /// The verification mode was entered (own code, that of the MCS301).
    pub const VERIFICATION_BEGUN: u8 = 203;
    /// The verification mode has ended, by command, by time or with the power.
    pub const VERIFICATION_ENDED: u8 = 204;
    /// A load profile was cleared.
    pub const PROFILE_CLEARED: u8 = 254;
}

/// Codes of the fraud detection log.
pub mod fraud {
    /// The terminal cover was removed.
    pub const TERMINAL_COVER_REMOVED: u8 = 40;
    /// The terminal cover is closed again.
    pub const TERMINAL_COVER_CLOSED: u8 = 41;
    /// A strong magnetic field acts on the meter.
    pub const STRONG_FIELD: u8 = 42;
    /// The field is gone.
    pub const STRONG_FIELD_GONE: u8 = 43;
    /// The meter cover was removed.
    pub const METER_COVER_REMOVED: u8 = 44;
    /// The meter cover is closed again.
    pub const METER_COVER_CLOSED: u8 = 45;
    /// A client failed to authenticate several times.
    pub const AUTHENTICATION_FAILURE: u8 = 46;
    /// A message could not be deciphered or authenticated.
    pub const DECRYPTION_FAILURE: u8 = 49;
    /// A message came with an invocation counter that was used before.
    pub const REPLAY: u8 = 50;
    /// A device that is to import only has exported.
    pub const CURRENT_REVERSAL: u8 = 91;
}

/// Codes of the disconnect control log.
pub mod disconnect {
    /// Opened by hand.
    pub const MANUAL_DISCONNECTION: u8 = 60;
    /// Closed by hand.
    pub const MANUAL_CONNECTION: u8 = 61;
    /// Opened by a client.
    pub const REMOTE_DISCONNECTION: u8 = 62;
    /// Closed, or made ready to be closed, by a client.
    pub const REMOTE_CONNECTION: u8 = 63;
    /// Opened by the meter itself.
    pub const LOCAL_DISCONNECTION: u8 = 64;
    /// Closed by the meter itself.
    pub const LOCAL_RECONNECTION: u8 = 69;
}

/// Codes of the power quality log, for L1; those of L2 and L3 are the next two.
pub mod quality {
    /// Voltage below the threshold of sags.
    pub const UNDERVOLTAGE: u8 = 76;
    /// Voltage above the threshold of swells.
    pub const OVERVOLTAGE: u8 = 79;
    /// No voltage.
    pub const MISSING_VOLTAGE: u8 = 82;
    /// Voltage as it should be again.
    pub const VOLTAGE_NORMAL: u8 = 85;
    /// The phases differ; one code for all.
    pub const ASYMMETRY: u8 = 90;
    /// The phases are even again; no entry of a log, and a code that none has.
    pub(crate) const BALANCED: u8 = 251;
    /// A weekly criterion of EN 50160 was missed.
    pub const BAD_VOLTAGE_QUALITY: u8 = 92;
}

/// Codes of the communication log.
pub mod communication {
    /// Nobody connected for too long.
    pub const NO_CONNECTION_TIMEOUT: u8 = 140;
    /// Somebody came over a local interface.
    pub const LOCAL_ATTEMPT: u8 = 158;
    /// Another SIM is in the modem.
    pub const SIM_EXCHANGED: u8 = 159;
}

/// Codes of the security log that are not those of the fraud log.
pub mod security {
    /// A global key was changed.
    pub const KEY_CHANGED: u8 = 48;
    /// A certificate was imported.
    pub const CERTIFICATE_IMPORTED: u8 = 220;
    /// A certificate was removed.
    pub const CERTIFICATE_REMOVED: u8 = 221;
    /// A key pair was generated.
    pub const KEY_PAIR_GENERATED: u8 = 222;
    /// A security policy was activated.
    pub const POLICY_ACTIVATED: u8 = 223;
    /// A port or client is locked out.
    pub const LOCKED_OUT: u8 = 224;
    /// The lock-out is over.
    pub const LOCK_OUT_ENDED: u8 = 225;
    /// The seal of the metrology was opened.
    pub const SEAL_OPENED: u8 = 226;
    /// It was closed.
    pub const SEAL_CLOSED: u8 = 227;
    /// Somebody wanted sealed parameters.
    pub const SEALED_PARAMETERS_REFUSED: u8 = 228;
    /// A request, or an association asked for, had less protection than it must have (own code).
    pub const DOWNGRADE: u8 = 229;
    /// Messages that are none of the protocol, too long or out of order (own code).
    pub const MALFORMED: u8 = 230;
    /// Connections and handshakes that are begun and not ended, or more connections than there are places (own code).
    pub const FLOOD: u8 = 231;
}

/// Codes of the log of an M-Bus channel, less its base of 100, 110, 120 or 130.
pub mod mbus {
    /// The device does not answer.
    pub const COMMUNICATION_ERROR: u8 = 0;
    /// It answers again.
    pub const COMMUNICATION_OK: u8 = 1;
    /// Its battery is to be replaced.
    pub const REPLACE_BATTERY: u8 = 2;
    /// It reports an attempt of fraud.
    pub const FRAUD_ATTEMPT: u8 = 3;
    /// Its clock was adjusted.
    pub const CLOCK_ADJUSTED: u8 = 4;
    /// It is new.
    pub const INSTALLED: u8 = 5;
    /// It reports a permanent error.
    pub const PERMANENT_ERROR: u8 = 6;
    /// The profile of the channel was cleared: this very code.
    pub const PROFILE_CLEARED: u8 = 254;

    /// The code of a happening on a channel, 1 to 4.
    #[must_use]
    pub const fn code(channel: u8, happening: u8) -> u8 {
        90 + 10 * channel + happening
    }
}

/// Written first to a log that was cleared.
pub const LOG_CLEARED: u8 = 255;

/// A code in plain English; codes that this meter never writes are "event".
#[must_use]
pub const fn meaning(log: Log, code: u8) -> &'static str {
    match (log, code) {
        (_, LOG_CLEARED) => "event log cleared",
        (Log::Standard, standard::POWER_DOWN) => "power down",
        (Log::Standard, standard::POWER_UP) => "power up",
        (Log::Standard, standard::DAYLIGHT_SAVING_CHANGED) => "daylight saving began or ended",
        (Log::Standard, standard::TOU_ACTIVATED) => "passive calendar activated",
        (Log::Standard, standard::PASSIVE_TOU_PROGRAMMED) => "passive calendar programmed",
        (Log::Standard, standard::PASSIVE_TOU_REFUSED) => "passive calendar refused",
        (Log::Standard, standard::TRANSFORMER_RATIO_CHANGED) => "transformer ratio changed",
        (Log::Standard, standard::VERIFICATION_BEGUN) => "verification mode begun",
        (Log::Standard, standard::VERIFICATION_ENDED) => "verification mode ended",
        (Log::Standard, standard::BILLING_BY_COMMAND) => "billing period closed by command",
        (Log::Standard, standard::CLOCK_ADJUSTED_FROM) => "clock adjusted (old time)",
        (Log::Standard, standard::CLOCK_ADJUSTED_TO) => "clock adjusted (new time)",
        (Log::Standard, standard::CLOCK_INVALID) => "clock invalid",
        (Log::Standard, standard::REPLACE_BATTERY) => "replace battery",
        (Log::Standard, standard::BATTERY_LOW) => "battery voltage low",
        (Log::Standard, standard::NV_MEMORY_ERROR) => "NV memory error",
        (Log::Standard, standard::WATCHDOG_ERROR) => "watchdog error",
        (Log::Standard, standard::PHASE_SEQUENCE) => "phase sequence reversal",
        (Log::Standard, standard::MEASUREMENT_SYSTEM_ERROR) => "measurement system error",
        (Log::Standard, standard::PARAMETERS_CHANGED) => "one or more parameters changed",
        (Log::Standard, standard::PROFILE_CLEARED) => "load profile cleared",
        (Log::Fraud, fraud::TERMINAL_COVER_REMOVED) => "terminal cover removed",
        (Log::Fraud, fraud::TERMINAL_COVER_CLOSED) => "terminal cover closed",
        (Log::Fraud, fraud::STRONG_FIELD) => "strong magnetic field detected",
        (Log::Fraud, fraud::STRONG_FIELD_GONE) => "magnetic field gone",
        (Log::Fraud, fraud::METER_COVER_REMOVED) => "meter cover removed",
        (Log::Fraud, fraud::METER_COVER_CLOSED) => "meter cover closed",
        (Log::Fraud, fraud::AUTHENTICATION_FAILURE) => "association authentication failure",
        (Log::Fraud, fraud::DECRYPTION_FAILURE) => "decryption or authentication failure",
        (Log::Fraud, fraud::REPLAY) => "replay attack",
        (Log::Fraud, fraud::CURRENT_REVERSAL) => "current reversal",
        (Log::Disconnect, disconnect::MANUAL_DISCONNECTION) => "manual disconnection",
        (Log::Disconnect, disconnect::MANUAL_CONNECTION) => "manual connection",
        (Log::Disconnect, disconnect::REMOTE_DISCONNECTION) => "remote disconnection",
        (Log::Disconnect, disconnect::REMOTE_CONNECTION) => "remote connection",
        (Log::Disconnect, disconnect::LOCAL_DISCONNECTION) => "local disconnection",
        (Log::Disconnect, disconnect::LOCAL_RECONNECTION) => "local reconnection",
        (Log::Standard, standard::ERROR_REGISTER_CLEARED) => "error register cleared",
        (Log::Standard, standard::ALARM_REGISTER_CLEARED) => "alarm register cleared",
        (Log::Standard, standard::PROFILE_1_ENABLED) => "load profile 1 enabled",
        (Log::Standard, standard::PROFILE_1_DISABLED) => "load profile 1 disabled",
        (Log::Standard, standard::PROFILE_2_ENABLED) => "load profile 2 enabled",
        (Log::Standard, standard::PROFILE_2_DISABLED) => "load profile 2 disabled",
        (Log::Standard | Log::Security, security::KEY_CHANGED) => "global key changed",
        (Log::Security, fraud::AUTHENTICATION_FAILURE) => "association authentication failure",
        (Log::Security, fraud::DECRYPTION_FAILURE) => "decryption or authentication failure",
        (Log::Security, fraud::REPLAY) => "replay attack",
        (Log::Security, security::CERTIFICATE_IMPORTED) => "certificate imported",
        (Log::Security, security::CERTIFICATE_REMOVED) => "certificate removed",
        (Log::Security, security::KEY_PAIR_GENERATED) => "key pair generated",
        (Log::Security, security::POLICY_ACTIVATED) => "security policy activated",
        (Log::Security, security::LOCKED_OUT) => "port or client locked out",
        (Log::Security, security::LOCK_OUT_ENDED) => "lock-out ended",
        (Log::Security, security::SEAL_OPENED) => "metrology seal opened",
        (Log::Security, security::SEAL_CLOSED) => "metrology seal closed",
        (Log::Security, security::SEALED_PARAMETERS_REFUSED) => "access to sealed parameters refused",
        (Log::Security, security::DOWNGRADE) => "less protection than demanded",
        (Log::Security, security::MALFORMED) => "malformed or out-of-order messages",
        (Log::Security, security::FLOOD) => "flood of connections or handshakes",
        (Log::Quality, 76..=78) => "undervoltage",
        (Log::Quality, 79..=81) => "overvoltage",
        (Log::Quality, 82..=84) => "missing voltage",
        (Log::Quality, 85..=87) => "voltage normal again",
        (Log::Quality, quality::ASYMMETRY) => "phase asymmetry",
        (Log::Quality, 92..=94) => "bad voltage quality",
        (Log::Communication, communication::NO_CONNECTION_TIMEOUT) => "no connection timeout",
        (Log::Communication, communication::LOCAL_ATTEMPT) => "local communication attempt",
        (Log::Communication, communication::SIM_EXCHANGED) => "SIM exchanged",
        (Log::MBus1 | Log::MBus2 | Log::MBus3 | Log::MBus4, mbus::PROFILE_CLEARED) => "M-Bus profile cleared",
        (Log::MBus1 | Log::MBus2 | Log::MBus3 | Log::MBus4, 100..=139) => match code % 10 {
            mbus::COMMUNICATION_ERROR => "M-Bus communication error",
            mbus::COMMUNICATION_OK => "M-Bus communication ok",
            mbus::REPLACE_BATTERY => "M-Bus device: replace battery",
            mbus::FRAUD_ATTEMPT => "M-Bus device: fraud attempt",
            mbus::CLOCK_ADJUSTED => "M-Bus device: clock adjusted",
            mbus::INSTALLED => "M-Bus device installed",
            mbus::PERMANENT_ERROR => "M-Bus device: permanent error",
            _ => "event",
        },
        _ => "event",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// L2: while the cause persists an event is not logged again, and an end without a beginning is none.
    #[test]
    fn a_cause_is_said_when_it_begins_and_when_it_is_over() {
        let mut causes = Causes::default();
        for (log, begin, end) in CAUSES {
            assert!(!causes.is_news(log, end), "{log:?} {end}");
            assert!(causes.is_news(log, begin), "{log:?} {begin}");
            assert!(causes.note(log, begin));
            assert!(!causes.is_news(log, begin), "{log:?} {begin}");
            assert!(causes.is_news(log, end), "{log:?} {end}");
            assert!(causes.note(log, end));
        }
        assert_eq!(causes, Causes::default());
        // One end for all that ails a voltage.
        assert!(causes.note(Log::Quality, 76) && causes.note(Log::Quality, 82) && causes.note(Log::Quality, 77));
        assert!(causes.note(Log::Quality, 85));
        assert!(causes.is_news(Log::Quality, 82) && !causes.is_news(Log::Quality, 77));
        assert!(causes.is_news(Log::Standard, 2) && !causes.note(Log::Standard, 2));
    }

    #[test]
    fn a_filter_takes_its_codes_and_always_the_clearing() {
        let mut filter = Filter([0; 32]);
        filter.0[9] = 0x80 >> 4;
        assert!((0..=u8::MAX).all(|code| filter.takes(code) == (code == 76 || code == LOG_CLEARED)));
        assert!((0..=u8::MAX).all(|code| Filter::ALL.takes(code)));
    }
}
