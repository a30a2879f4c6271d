//! Every bound of the meter as a named constant, and how they hang together.

use base::Micros;

/// Octets of a device identification (0-0:96.1.x).
pub const DEVICE_ID_OCTETS: usize = 48;
/// Octets of an LLS password.
pub const PASSWORD_OCTETS: usize = 16;
/// Octets of the secret of mechanisms 2, 3, 4 and 6.
pub const HLS_SECRET_OCTETS: usize = 64;
/// Columns of a profile (B1, L1).
pub const COLUMNS: usize = 32;
/// Octets of a profile row without its head: 32 columns of a clock are the worst that can be set.
pub const ROW_OCTETS: usize = 448;
/// Parameters that the store can hold: kept attributes and records.
pub const KEYS: usize = 256;
/// Effects that one step can leave behind.
pub const EFFECTS: usize = 24;
/// Octets of one step of a long GET.
pub const STEP_OCTETS: usize = 512;
/// Octets of a kept attribute: a capture list of 32 columns, 18 each, is the longest.
pub const KEPT_OCTETS: usize = 640;
/// Invocation counters are made durable ahead in blocks of this many: a power cut wastes numbers, never repeats one.
pub const COUNTER_BLOCK: u32 = 1_000;
/// Authentication failures in a row that are worth an event (fraud log 46).
pub const AUTHENTICATION_FAILURES: u8 = 5;
/// Connections and handshakes in a row that were begun and not ended: so many are a flood (security log 231).
pub const ABANDONED: u8 = 5;
/// Energies are saved this often without a warning of power loss unless the order says otherwise, in seconds (U2).
pub const CHECKPOINT_SECONDS: u16 = 60;
/// How often it is seen to that a farewell fits its place in flash.
pub const FAREWELL_WATCHED: Micros = Micros::from_secs(5);
/// The registers that COSEM objects show roll over to 0 behind 999 999 999 Wh: 4 000 h at 3 x 230 V, 100 A are 276 MWh (M1).
pub const REGISTER_MODULUS: i64 = 1_000_000_000;

const _: () = {
    assert!(ROW_OCTETS + 4 <= STEP_OCTETS, "a row and its head are one step");
    assert!(3 + COLUMNS * 18 <= KEPT_OCTETS, "a capture list is kept whole");
    assert!(COLUMNS * 14 <= ROW_OCTETS, "every column may be a clock");
    assert!(EFFECTS >= 16, "a clock change with its events and marks must fit");
};
