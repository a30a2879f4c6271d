//! Keys that two parties agree on: one step of NIST SP 800-56A (5.8.1) over the shared number (IEC 62056-5-3, 5.3.4.6).

use super::algorithms::{Algorithms, Curve, SecretNumber};
use super::{Key, Suite, Title};

/// Which of the three schemes a key comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme<'a> {
    /// C(2e, 0s), the key agreement of the security setup, and C(1e, 1s), one pass.
    Ephemeral,
    /// C(0e, 2s), static unified: the transaction identifier makes each key another one.
    Static(&'a [u8]),
}

/// The key that `first` (client, or originator) and `second` (server, or recipient) derive from their shared number.
///
/// The titles stand without lengths; the transaction identifier of the static scheme stands with its length.
#[must_use]
pub fn derive(
    algorithms: &dyn Algorithms,
    shared: &SecretNumber,
    scheme: Scheme<'_>,
    first: &Title,
    second: &Title,
) -> Option<Key> {
    let suite = match shared.curve() {
        Curve::P256 => Suite::One,
        Curve::P384 => Suite::Two,
    };
    // AES-GCM of the suite by its object identifier, 2.16.756.5.8.3.n.
    let algorithm = [0x60, 0x85, 0x74, 0x05, 0x08, 0x03, u8::from(suite == Suite::Two)];
    let counter = [0, 0, 0, 1];
    let length;
    let transaction: [&[u8]; 2] = match scheme {
        Scheme::Ephemeral => [&[], &[]],
        Scheme::Static(transaction) => {
            length = [u8::try_from(transaction.len()).ok().filter(|&it| it < 0x80)?];
            [&length, transaction]
        }
    };
    let [length, transaction] = transaction;
    let digest = algorithms.digest(
        shared.curve().hash(),
        &[
            &counter,
            shared.octets(),
            &algorithm,
            first,
            length,
            transaction,
            second,
        ],
    )?;
    Key::new(digest.octets().get(..suite.key_length())?)
}
