//! Keys that two parties have agreed on with private keys, computed again from those that the key file has (IEC 62056-5-3, 5.3.4.6).
//!
//! One pass, C(1e, 1s): the message says an ephemeral public key, and the private key of whom it is for makes the session key. Static
//! unified, C(0e, 2s): the private key of either end and the public key of the other do, together with the transaction identifier.

use dlms::security::{ASYMMETRIC, Curve, PrivateKey, PublicKey, Scheme, derive};
use zeroize::Zeroizing;

use super::apdu::Ciphered;
use super::keys::{KeySet, Title};

/// The keys of one end for key agreement.
#[derive(Clone, Default)]
pub(crate) struct Agreement {
    pub(crate) private: Option<PrivateKey>,
    /// The public key; that of the private key when it is not given.
    pub(crate) public: Option<PublicKey>,
}

impl Agreement {
    fn public(&self) -> Option<PublicKey> {
        self.public.or_else(|| ASYMMETRIC.public_key(self.private.as_ref()?))
    }
}

/// A private or public key of either curve, by its length.
pub(crate) fn curve(octets: usize) -> Option<Curve> {
    [Curve::P256, Curve::P384]
        .into_iter()
        .find(|curve| octets == curve.scalar_length() || octets == curve.pair_length())
}

/// The session keys that `set` leads to, with their names.
///
/// # Errors
/// What is missing for it.
pub(crate) fn agreed(
    octets: &[u8],
    ciphered: &Ciphered,
    parameters: u8,
    data: &[u8],
    set: &KeySet,
) -> Result<Vec<(Zeroizing<Vec<u8>>, &'static str)>, String> {
    let (Some(from), Some(to)) = (ciphered.title, ciphered.recipient) else {
        return Err("its key was agreed on, and the titles that belong to it are not said".into());
    };
    let ends = [&set.client_agreement, &set.meter_agreement];
    let keys = match parameters {
        1 => one_pass(data, ends, &from, &to),
        2 => static_unified(octets, ciphered, ends, &from, &to),
        other => {
            return Err(format!(
                "its key was agreed on by scheme {other}, which is none that there is"
            ));
        }
    };
    Ok(keys)
}

fn one_pass(data: &[u8], ends: [&Agreement; 2], from: &Title, to: &Title) -> Vec<(Zeroizing<Vec<u8>>, &'static str)> {
    // The point, and the signature over it of the same length.
    let point = data.get(..data.len() / 2).unwrap_or(&[]);
    let Some(ephemeral) = curve(point.len()).and_then(|curve| PublicKey::new(curve, point)) else {
        return Vec::new();
    };
    let keys = ends.into_iter().filter_map(|end| {
        let private = end.private.as_ref().filter(|it| it.curve() == ephemeral.curve())?;
        let shared = ASYMMETRIC.agree(private, &ephemeral)?;
        let key = derive(ASYMMETRIC, &shared, Scheme::Ephemeral, from, to)?;
        Some((
            Zeroizing::new(key.octets().to_vec()),
            "the key agreed on in one pass, with the private key",
        ))
    });
    keys.collect()
}

fn static_unified(
    octets: &[u8],
    ciphered: &Ciphered,
    [client, meter]: [&Agreement; 2],
    from: &Title,
    to: &Title,
) -> Vec<(Zeroizing<Vec<u8>>, &'static str)> {
    // Behind its length.
    let transaction = octets.get(ciphered.transaction.start + 1..ciphered.transaction.end);
    let transaction = transaction.unwrap_or(&[]);
    let pairs = [(client, meter), (meter, client)];
    let keys = pairs.into_iter().filter_map(|(own, other)| {
        let (private, public) = own.private.as_ref().zip(other.public())?;
        if private.curve() != public.curve() {
            return None;
        }
        let shared = ASYMMETRIC.agree(private, &public)?;
        let key = derive(ASYMMETRIC, &shared, Scheme::Static(transaction), from, to)?;
        Some((
            Zeroizing::new(key.octets().to_vec()),
            "the key agreed on between the static keys",
        ))
    });
    // Either end comes to the same.
    keys.take(1).collect()
}
