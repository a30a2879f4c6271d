//! X.509 certificates of DLMS and requests for them (IEC 62056-5-3, 5.3.6.5; RFC 5280, RFC 2986).
//!
//! Read without a heap: a [`Certificate`] borrows the octets it was read from. Only what DLMS uses is understood: ECDSA
//! on P-256 with SHA-256 and on P-384 with SHA-384, and a common name that is the system title in hexadecimal digits.

use core::fmt;

use base::{Civil, Utc};

use super::Title;
use super::algorithms::{Algorithms, Curve, PrivateKey, PublicKey, Purpose, Signature};
use super::der::{Backwards, Der, tag};

/// Octets of the longest certificate that is taken.
pub const CERTIFICATE_MAX: usize = 896;

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CertificateFault {
    /// The octets are no certificate that this reader knows.
    Malformed,
    /// There is none where one is needed.
    Missing,
    /// No trust anchor vouches for it, or a signature in its chain is wrong.
    Untrusted,
    /// Its time has not come yet, or is over, by the clock of this device.
    Expired,
    /// The clock is not valid, so its time cannot be judged.
    NoTime,
    /// Its key usage is another.
    Usage,
    /// Its common name is not the system title.
    Name,
    /// Its key is of another curve than the suite, or not the key that was generated here.
    Key,
    /// There is no room for it.
    Full,
}

impl fmt::Display for CertificateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not a certificate that is understood",
            Self::Missing => "there is no certificate",
            Self::Untrusted => "no trust anchor vouches for it",
            Self::Expired => "it is not valid at this time",
            Self::NoTime => "the clock is not valid, so its time cannot be judged",
            Self::Usage => "its key usage is another",
            Self::Name => "its common name is not the system title",
            Self::Key => "its key is another",
            Self::Full => "there is no room for it",
        })
    }
}

impl core::error::Error for CertificateFault {}

const EC_PUBLIC_KEY: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01];
const PRIME256V1: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];
const SECP384R1: &[u8] = &[0x2B, 0x81, 0x04, 0x00, 0x22];
const ECDSA_SHA256: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02];
const ECDSA_SHA384: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x03];
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const KEY_USAGE: &[u8] = &[0x55, 0x1D, 0x0F];
const ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1D, 0x11];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1D, 0x13];

/// Bits of keyUsage, the first in the highest one.
const DIGITAL_SIGNATURE: u8 = 0x80;
const KEY_AGREEMENT: u8 = 0x08;
const CERTIFICATE_SIGN: u8 = 0x04;

impl Curve {
    const fn object(self) -> &'static [u8] {
        match self {
            Self::P256 => PRIME256V1,
            Self::P384 => SECP384R1,
        }
    }

    const fn signing(self) -> &'static [u8] {
        match self {
            Self::P256 => ECDSA_SHA256,
            Self::P384 => ECDSA_SHA384,
        }
    }
}

/// A certificate. It borrows the octets it was read from.
#[derive(Clone, Copy)]
pub struct Certificate<'a> {
    /// What is signed.
    signed: &'a [u8],
    /// The serial number, as its octets.
    pub serial: &'a [u8],
    /// The name of who issued it, as DER.
    pub issuer: &'a [u8],
    /// The name of whose it is, as DER.
    pub subject: &'a [u8],
    /// The alternative name, as DER; empty when there is none.
    pub alternative: &'a [u8],
    from: Utc,
    to: Utc,
    /// The public key.
    pub public: PublicKey,
    usage: u8,
    is_authority: bool,
    /// How many authorities may stand between it and whom they vouch for; none for any number.
    path: Option<u8>,
    signing: Curve,
    signature: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// Reads a certificate that is all of `octets`.
    ///
    /// # Errors
    /// [`CertificateFault::Malformed`].
    pub fn parse(octets: &'a [u8]) -> Result<Self, CertificateFault> {
        Self::read(octets).ok_or(CertificateFault::Malformed)
    }

    fn read(octets: &'a [u8]) -> Option<Self> {
        let mut all = Der(octets);
        let mut certificate = all.open(tag::SEQUENCE)?;
        let (first, content, signed) = certificate.next()?;
        let outer = signing_curve(certificate.open(tag::SEQUENCE)?)?;
        let signature = bits(certificate.take(tag::BITS)?)?;
        if first != tag::SEQUENCE || !all.is_at_end() || !certificate.is_at_end() {
            return None;
        }
        let mut it = Der(content);
        // Version 3, explicitly.
        if it.take(0xA0)? != [tag::INTEGER, 1, 2] {
            return None;
        }
        let serial = it.take(tag::INTEGER)?;
        let signing = signing_curve(it.open(tag::SEQUENCE)?)?;
        let (_, _, issuer) = it.next()?;
        let mut validity = it.open(tag::SEQUENCE)?;
        let (from, to) = (time(&mut validity)?, time(&mut validity)?);
        let (_, _, subject) = it.next()?;
        let public = public_key(it.open(tag::SEQUENCE)?)?;
        let (mut usage, mut constraints, mut alternative) = (None, None, None);
        while let Some((number, content, _)) = it.next() {
            // Unique identifiers are passed over.
            if number != 0xA3 {
                continue;
            }
            let mut extensions = Der(content).open(tag::SEQUENCE)?;
            while !extensions.is_at_end() {
                let mut extension = extensions.open(tag::SEQUENCE)?;
                let object = extension.take(tag::OBJECT)?;
                let critical = extension.peek() == Some(tag::BOOLEAN) && extension.take(tag::BOOLEAN)? != [0];
                let value = extension.take(tag::OCTETS)?;
                // RFC 5280, 4.2: each stands there once. Of two, everybody would obey another.
                let is_second = match object {
                    KEY_USAGE => usage.replace(Der(value).take(tag::BITS)?.get(1).copied()?).is_some(),
                    BASIC_CONSTRAINTS => constraints.replace(basic_constraints(value)?).is_some(),
                    ALTERNATIVE_NAME => alternative.replace(value).is_some(),
                    // Who marks an extension critical wants nobody to act who does not understand it.
                    _ => critical,
                };
                if is_second {
                    return None;
                }
            }
        }
        let (is_authority, path) = constraints.unwrap_or((false, None));
        (serial.len() <= 20 && outer == signing && it.is_at_end()).then_some(Self {
            signed,
            serial,
            issuer,
            subject,
            alternative: alternative.unwrap_or(&[]),
            from,
            to,
            public,
            usage: usage.unwrap_or(0),
            is_authority,
            path,
            signing,
            signature,
        })
    }

    /// Whether its issuer's name is its own.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        self.issuer == self.subject
    }

    /// Whether it may vouch for others.
    #[must_use]
    pub const fn is_authority(&self) -> bool {
        self.is_authority && self.usage & CERTIFICATE_SIGN != 0
    }

    /// What its key may be used for; a certificate for TLS is for signatures and key agreement.
    #[must_use]
    pub const fn purpose(&self) -> Option<Purpose> {
        match (self.usage & DIGITAL_SIGNATURE != 0, self.usage & KEY_AGREEMENT != 0) {
            (true, true) => Some(Purpose::Tls),
            (true, false) => Some(Purpose::Signature),
            (false, true) => Some(Purpose::Agreement),
            (false, false) => None,
        }
    }

    /// The system title that its common name says.
    #[must_use]
    pub fn title(&self) -> Option<Title> {
        title_of(self.subject)
    }

    /// Whether it is valid at this time.
    ///
    /// # Errors
    /// [`CertificateFault::Expired`], and [`CertificateFault::NoTime`] when nobody knows the time.
    pub fn check_time(&self, now: Option<Utc>) -> Result<(), CertificateFault> {
        let now = now.ok_or(CertificateFault::NoTime)?;
        if self.from <= now && now <= self.to {
            Ok(())
        } else {
            Err(CertificateFault::Expired)
        }
    }

    /// Whether it belongs to `title` and may be used for `purpose`.
    ///
    /// # Errors
    /// [`CertificateFault::Name`], [`CertificateFault::Usage`].
    pub fn check_use(&self, title: &Title, purpose: Purpose) -> Result<(), CertificateFault> {
        if self.title() != Some(*title) {
            return Err(CertificateFault::Name);
        }
        if self.is_authority || self.purpose() != Some(purpose) {
            return Err(CertificateFault::Usage);
        }
        Ok(())
    }

    /// Whether `issuer` signed it and may do so.
    #[must_use]
    pub fn is_signed_by(&self, issuer: &Certificate<'_>, algorithms: &dyn Algorithms) -> bool {
        let mut pair = [0; 96];
        let length = issuer.public.curve().pair_length();
        let pair = pair.get_mut(..length).unwrap_or_default();
        issuer.is_authority()
            && self.issuer == issuer.subject
            && self.signing == issuer.public.curve()
            && raw_signature(self.signature, pair).is_some()
            && algorithms.verify(&issuer.public, &[self.signed], pair)
    }
}

/// The system title in the common name of a name; `None` when there is none of 16 hexadecimal digits.
fn title_of(name: &[u8]) -> Option<Title> {
    let mut name = Der(name).open(tag::SEQUENCE)?;
    while !name.is_at_end() {
        let mut attribute = name.open(tag::SET)?.open(tag::SEQUENCE)?;
        if attribute.take(tag::OBJECT)? != COMMON_NAME {
            continue;
        }
        let (tag::UTF8 | tag::PRINTABLE, digits, _) = attribute.next()? else {
            return None;
        };
        let mut title = Title::default();
        if digits.len() != 16 {
            return None;
        }
        for (octet, pair) in title.iter_mut().zip(digits.chunks_exact(2)) {
            for &digit in pair {
                *octet = *octet << 4 | u8::try_from(char::from(digit).to_digit(16)?).ok()?;
            }
        }
        return Some(title);
    }
    None
}

/// cA and pathLenConstraint.
fn basic_constraints(value: &[u8]) -> Option<(bool, Option<u8>)> {
    let mut it = Der(value).open(tag::SEQUENCE)?;
    let is_authority = it.peek() == Some(tag::BOOLEAN) && it.take(tag::BOOLEAN)? != [0];
    let path = match it.peek() {
        Some(tag::INTEGER) => match it.take(tag::INTEGER)? {
            [path @ 0..0x80] => Some(*path),
            // More than any chain here has.
            [0..0x80, _, ..] => None,
            _ => return None,
        },
        _ => None,
    };
    it.is_at_end().then_some((is_authority, path))
}

/// The octets of a bit string that has no unused bits.
fn bits(content: &[u8]) -> Option<&[u8]> {
    content
        .split_first()
        .filter(|(unused, _)| **unused == 0)
        .map(|(_, octets)| octets)
}

fn signing_curve(mut it: Der<'_>) -> Option<Curve> {
    match it.take(tag::OBJECT)? {
        ECDSA_SHA256 => Some(Curve::P256),
        ECDSA_SHA384 => Some(Curve::P384),
        _ => None,
    }
}

fn public_key(mut it: Der<'_>) -> Option<PublicKey> {
    let mut algorithm = it.open(tag::SEQUENCE)?;
    if algorithm.take(tag::OBJECT)? != EC_PUBLIC_KEY {
        return None;
    }
    let curve = match algorithm.take(tag::OBJECT)? {
        PRIME256V1 => Curve::P256,
        SECP384R1 => Curve::P384,
        _ => return None,
    };
    // Uncompressed points alone.
    let (&4, point) = bits(it.take(tag::BITS)?)?.split_first()? else {
        return None;
    };
    PublicKey::new(curve, point)
}

/// UTCTime of 1950 to 2049 or GeneralizedTime, in seconds and UTC.
fn time(it: &mut Der<'_>) -> Option<Utc> {
    let (kind, digits, _) = it.next()?;
    let (&b'Z', digits) = digits.split_last()? else {
        return None;
    };
    let mut numbers = digits.chunks_exact(2).map(|pair| {
        pair.iter().try_fold(0_u8, |number, &digit| {
            let digit = u8::try_from(char::from(digit).to_digit(10)?).ok()?;
            Some(number * 10 + digit)
        })
    });
    let mut next = || numbers.next().flatten();
    let year = match (kind, digits.len()) {
        (tag::UTC_TIME, 12) => match u16::from(next()?) {
            year @ 0..50 => 2000 + year,
            year => 1900 + year,
        },
        (tag::GENERAL_TIME, 14) => u16::from(next()?) * 100 + u16::from(next()?),
        _ => return None,
    };
    let (month, day, hour, minute, second) = (next()?, next()?, next()?, next()?, next()?);
    Civil::new(year, month, day, hour, minute, second).ok().map(Civil::utc)
}

/// r and s of a DER signature, each filled up to half of `out`.
fn raw_signature(signature: &[u8], out: &mut [u8]) -> Option<()> {
    let mut pair = Der(signature).open(tag::SEQUENCE)?;
    let half = out.len() / 2;
    let (r, s) = out.split_at_mut(half);
    for place in [r, s] {
        let number = pair.take(tag::INTEGER)?;
        let number = match number.split_first()? {
            (0, rest) if !rest.is_empty() => rest,
            _ => number,
        };
        let zeros = half.checked_sub(number.len())?;
        place.get_mut(zeros..)?.copy_from_slice(number);
    }
    pair.is_at_end().then_some(())
}

/// Follows `leaf` to a trust anchor. `authorities` are the certificates of authorities that are stored here; those that
/// are self-issued are trust anchors. A chain has at most three authorities, and no more below one than its path length allows (RFC 5280,
/// 4.2.1.9); a leaf that is an authority counts among them.
///
/// # Errors
/// [`CertificateFault::Untrusted`], or the fault of an authority's time.
pub fn follow<'c>(
    leaf: &Certificate<'_>,
    authorities: &mut dyn FnMut(usize) -> Option<Certificate<'c>>,
    now: Option<Utc>,
    algorithms: &dyn Algorithms,
) -> Result<(), CertificateFault> {
    let mut link: Option<Certificate<'c>> = None;
    let below = u8::from(leaf.is_authority);
    for below in below..below + 3 {
        let mut at = 0;
        let issuer = loop {
            let Some(authority) = authorities(at) else {
                return Err(CertificateFault::Untrusted);
            };
            let signed = match &link {
                None => leaf.is_signed_by(&authority, algorithms),
                Some(link) => link.is_signed_by(&authority, algorithms),
            };
            if signed && authority.path.is_none_or(|path| below <= path) {
                break authority;
            }
            at += 1;
        };
        issuer.check_time(now)?;
        if issuer.is_self_issued() {
            return Ok(());
        }
        link = Some(issuer);
    }
    Err(CertificateFault::Untrusted)
}

/// What an authority writes into a certificate. It is for laboratories and tests: a meter issues none.
#[derive(Clone, Copy)]
pub struct Issue<'a> {
    /// The serial number.
    pub serial: &'a [u8],
    /// The common name of the authority.
    pub issuer: &'a str,
    /// The common name of the subject: a system title in 16 hexadecimal digits, or an authority's name.
    pub subject: &'a str,
    /// From when it is valid.
    pub from: Utc,
    /// Until when.
    pub to: Utc,
    /// The subject's key.
    pub public: &'a PublicKey,
    /// What the key is for; `None` for an authority.
    pub purpose: Option<Purpose>,
}

impl Issue<'_> {
    /// Writes the certificate, signed by `authority`; answers how many octets it has, or `None` when it does not fit or
    /// cannot be signed.
    #[must_use]
    pub fn emit(&self, algorithms: &dyn Algorithms, authority: &PrivateKey, out: &mut [u8]) -> Option<usize> {
        let mut scratch = [0; CERTIFICATE_MAX];
        let mut it = Backwards::new(&mut scratch);
        let end = it.mark();
        self.extensions(&mut it);
        public_key_info(&mut it, self.public);
        common_name(&mut it, self.subject);
        let validity = it.mark();
        put_time(&mut it, self.to.civil());
        put_time(&mut it, self.from.civil());
        it.wrap(tag::SEQUENCE, validity);
        common_name(&mut it, self.issuer);
        algorithm(&mut it, authority.curve());
        it.integer(self.serial);
        it.put(&[0xA0, 3, tag::INTEGER, 1, 2]);
        it.wrap(tag::SEQUENCE, end);
        signed(it.since(end), algorithms, authority, out)
    }

    fn extensions(&self, it: &mut Backwards<'_>) {
        let end = it.mark();
        let (usage, unused) = match self.purpose {
            None => (CERTIFICATE_SIGN, 2),
            Some(Purpose::Signature) => (DIGITAL_SIGNATURE, 7),
            Some(Purpose::Agreement) => (KEY_AGREEMENT, 3),
            Some(Purpose::Tls) => (DIGITAL_SIGNATURE | KEY_AGREEMENT, 3),
        };
        let mut extension = |object: &[u8], value: &[u8]| {
            let end = it.mark();
            it.element(tag::OCTETS, value);
            it.element(tag::BOOLEAN, &[0xFF]);
            it.element(tag::OBJECT, object);
            it.wrap(tag::SEQUENCE, end);
        };
        if self.purpose.is_none() {
            extension(BASIC_CONSTRAINTS, &[tag::SEQUENCE, 3, tag::BOOLEAN, 1, 0xFF]);
        }
        extension(KEY_USAGE, &[tag::BITS, 2, unused, usage]);
        it.wrap(tag::SEQUENCE, end);
        it.wrap(0xA3, end);
    }
}

/// Writes a request for a certificate of `title` (PKCS #10), signed with the key that it is for; answers how many octets
/// it has, or `None` when it does not fit or cannot be signed.
#[must_use]
pub fn request(algorithms: &dyn Algorithms, private: &PrivateKey, title: &Title, out: &mut [u8]) -> Option<usize> {
    let public = algorithms.public_key(private)?;
    let mut scratch = [0; 320];
    let mut it = Backwards::new(&mut scratch);
    let end = it.mark();
    // No attributes.
    it.put(&[0xA0, 0]);
    public_key_info(&mut it, &public);
    common_name(&mut it, digits(title)?.as_str());
    it.put(&[tag::INTEGER, 1, 0]);
    it.wrap(tag::SEQUENCE, end);
    signed(it.since(end), algorithms, private, out)
}

/// A title as 16 hexadecimal digits.
fn digits(title: &Title) -> Option<heapless::String<16>> {
    let mut digits = heapless::String::new();
    for octet in title {
        fmt::Write::write_fmt(&mut digits, format_args!("{octet:02X}")).ok()?;
    }
    Some(digits)
}

/// Puts algorithm and signature behind what is signed.
fn signed(content: &[u8], algorithms: &dyn Algorithms, private: &PrivateKey, out: &mut [u8]) -> Option<usize> {
    let signature: Signature = algorithms.sign(private, &[content])?;
    let (r, s) = signature.octets().split_at_checked(private.curve().scalar_length())?;
    let mut it = Backwards::new(out);
    let end = it.mark();
    it.integer(s);
    it.integer(r);
    it.wrap(tag::SEQUENCE, end);
    it.put(&[0]);
    it.wrap(tag::BITS, end);
    algorithm(&mut it, private.curve());
    it.put(content);
    it.wrap(tag::SEQUENCE, end);
    it.finish()
}

fn algorithm(it: &mut Backwards<'_>, curve: Curve) {
    let end = it.mark();
    it.element(tag::OBJECT, curve.signing());
    it.wrap(tag::SEQUENCE, end);
}

fn public_key_info(it: &mut Backwards<'_>, public: &PublicKey) {
    let end = it.mark();
    it.put(public.octets());
    it.put(&[0, 4]);
    it.wrap(tag::BITS, end);
    let algorithm = it.mark();
    it.element(tag::OBJECT, public.curve().object());
    it.element(tag::OBJECT, EC_PUBLIC_KEY);
    it.wrap(tag::SEQUENCE, algorithm);
    it.wrap(tag::SEQUENCE, end);
}

fn common_name(it: &mut Backwards<'_>, name: &str) {
    let end = it.mark();
    it.element(tag::UTF8, name.as_bytes());
    it.element(tag::OBJECT, COMMON_NAME);
    it.wrap(tag::SEQUENCE, end);
    it.wrap(tag::SET, end);
    it.wrap(tag::SEQUENCE, end);
}

fn put_time(it: &mut Backwards<'_>, civil: Civil) {
    let mut text = heapless::String::<16>::new();
    let written = fmt::Write::write_fmt(
        &mut text,
        format_args!(
            "{:04}{:02}{:02}{:02}{:02}{:02}Z",
            civil.year(),
            civil.month(),
            civil.day(),
            civil.hour(),
            civil.minute(),
            civil.second()
        ),
    );
    debug_assert!(written.is_ok(), "a year has four digits");
    // RFC 5280: UTCTime until 2049.
    if civil.year() < 2050 {
        it.element(tag::UTC_TIME, text.as_bytes().get(2..).unwrap_or(&[]));
    } else {
        it.element(tag::GENERAL_TIME, text.as_bytes());
    }
}
