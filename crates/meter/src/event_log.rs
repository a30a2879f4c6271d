//! Event logs and what their codes mean (L2; codes in the order of the IDIS event tables).

/// A log book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log {
    /// 0-0:99.98.0: power, clock, tariffs, firmware, errors.
    Standard = 0,
    /// 0-0:99.98.1: covers, fields, failed authentications.
    Fraud = 1,
    /// 0-0:99.98.2: the switch in the supply.
    Disconnect = 2,
}

impl Log {
    /// All logs in the order of their names.
    pub const ALL: [Self; 3] = [Self::Standard, Self::Fraud, Self::Disconnect];

    /// Its place among the logs.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// Codes of the standard event log.
pub mod standard {
    /// The whole device lost power.
    pub const POWER_DOWN: u8 = 1;
    /// The device got power again.
    pub const POWER_UP: u8 = 2;
    /// The clock was set; the stamp is the time before.
    pub const CLOCK_ADJUSTED_FROM: u8 = 4;
    /// The clock was set; the stamp is the time after.
    pub const CLOCK_ADJUSTED_TO: u8 = 5;
    /// The clock has no valid time.
    pub const CLOCK_INVALID: u8 = 6;
    /// The non-volatile memory lost something.
    pub const NV_MEMORY_ERROR: u8 = 14;
    /// The program was started again by itself, by its watchdog or after a broken promise.
    pub const WATCHDOG_ERROR: u8 = 15;
    /// The measuring system reports an error.
    pub const MEASUREMENT_SYSTEM_ERROR: u8 = 16;
    /// Parameters were changed.
    pub const PARAMETERS_CHANGED: u8 = 47;
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

/// Written first to a log that was cleared.
pub const LOG_CLEARED: u8 = 255;

/// A code in plain English; codes that this meter never writes are "event".
#[must_use]
pub const fn meaning(log: Log, code: u8) -> &'static str {
    match (log, code) {
        (_, LOG_CLEARED) => "event log cleared",
        (Log::Standard, standard::POWER_DOWN) => "power down",
        (Log::Standard, standard::POWER_UP) => "power up",
        (Log::Standard, standard::CLOCK_ADJUSTED_FROM) => "clock adjusted (old time)",
        (Log::Standard, standard::CLOCK_ADJUSTED_TO) => "clock adjusted (new time)",
        (Log::Standard, standard::CLOCK_INVALID) => "clock invalid",
        (Log::Standard, standard::NV_MEMORY_ERROR) => "NV memory error",
        (Log::Standard, standard::WATCHDOG_ERROR) => "watchdog error",
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
        (Log::Disconnect, disconnect::MANUAL_DISCONNECTION) => "manual disconnection",
        (Log::Disconnect, disconnect::MANUAL_CONNECTION) => "manual connection",
        (Log::Disconnect, disconnect::REMOTE_DISCONNECTION) => "remote disconnection",
        (Log::Disconnect, disconnect::REMOTE_CONNECTION) => "remote connection",
        (Log::Disconnect, disconnect::LOCAL_DISCONNECTION) => "local disconnection",
        (Log::Disconnect, disconnect::LOCAL_RECONNECTION) => "local reconnection",
        _ => "event",
    }
}
