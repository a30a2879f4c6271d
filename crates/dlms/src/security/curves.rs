//! ECDSA and ECDH on P-256 and P-384: two modules of one shape over the crates that compute them.

/// The functions of one curve. The crates' types differ by curve and their traits are long to name, so the sameness is
/// written here once.
macro_rules! curve {
    ($name:ident, $krate:ident, $curve:expr, $scalar:literal, $point:literal) => {
        pub(super) mod $name {
            use ::$krate::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
            use ::$krate::ecdsa::{Signature as Signed, SigningKey, VerifyingKey};
            use ::$krate::elliptic_curve::sec1::ToSec1Point;
            use ::$krate::{PublicKey as Point, SecretKey};
            use zeroize::Zeroize;

            use crate::security::algorithms::{Curve, PrivateKey, PublicKey, SecretNumber, Signature};

            const CURVE: Curve = $curve;

            /// The uncompressed point of SEC 1.
            fn point(public: &PublicKey) -> Option<[u8; $point]> {
                let mut point = [4; $point];
                point.get_mut(1..)?.copy_from_slice(public.octets());
                Some(point)
            }

            pub(in super::super) fn public_key(private: &PrivateKey) -> Option<PublicKey> {
                let secret = SecretKey::from_slice(private.octets()).ok()?;
                let point = secret.public_key().to_sec1_point(false);
                PublicKey::new(CURVE, point.as_bytes().get(1..)?)
            }

            pub(in super::super) fn sign(private: &PrivateKey, digest: &[u8]) -> Option<Signature> {
                let key = SigningKey::from_slice(private.octets()).ok()?;
                let signed: Signed = key.sign_prehash(digest).ok()?;
                Signature::new(CURVE, &signed.to_bytes())
            }

            pub(in super::super) fn verify(public: &PublicKey, digest: &[u8], signature: &[u8]) -> bool {
                let Some(point) = point(public) else { return false };
                let (Ok(key), Ok(signed)) = (
                    VerifyingKey::from_sec1_bytes(&point),
                    Signed::from_slice(signature),
                ) else {
                    return false;
                };
                key.verify_prehash(digest, &signed).is_ok()
            }

            pub(in super::super) fn agree(private: &PrivateKey, public: &PublicKey) -> Option<SecretNumber> {
                let secret = SecretKey::from_slice(private.octets()).ok()?;
                let public = Point::from_sec1_bytes(&point(public)?).ok()?;
                let shared = ::$krate::ecdh::diffie_hellman(secret.to_nonzero_scalar(), public.as_affine());
                let mut octets = [0; $scalar];
                octets.copy_from_slice(shared.raw_secret_bytes());
                let number = SecretNumber::new(CURVE, &octets);
                octets.zeroize();
                number
            }
        }
    };
}

curve!(p256, p256, Curve::P256, 32, 65);
curve!(p384, p384, Curve::P384, 48, 97);
