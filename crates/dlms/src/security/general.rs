//! general-ciphering and general-signing (IEC 62056-5-3, 7.3.13): APDUs that say who sends them to whom, with which key,
//! and who answers for them.
//!
//! ```text
//! DD header key-info length control counter body
//! DF header length content length signature        header = transaction, originator, recipient, time, other
//! ```

use core::ops::Range;

use cosem::axdr::{AxdrError, Full, Reader, Writer};

use super::algorithms::{Algorithms, PrivateKey, PublicKey};
use super::cipher::Schedule;
use super::envelope::{KeySet, OpenError, SECURITY_HEADER, SealError, open_in_place, seal_in_place};
use super::{Keys, Protection, Title};

/// The tag of general-ciphering.
pub const CIPHERING: u8 = 0xDD;
/// The tag of general-signing.
pub const SIGNING: u8 = 0xDF;

/// Octets of a transaction identifier.
pub const TRANSACTION_MAX: usize = 32;
/// Octets of other-information.
const OTHER_MAX: usize = 32;
/// Octets of the header fields with their lengths.
const HEADER_MAX: usize = 1 + TRANSACTION_MAX + 9 + 9 + 13 + 1 + OTHER_MAX;

/// Octets that stay free before a general form for the heads of a block and a link.
const ROOM: usize = 24;

/// Where implementations differ. The standard's form is [`Dialect::STANDARD`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// Whether the header of general-ciphering is authenticated with it. Without it, Gurux and pydlms understand.
    pub header_authenticated: bool,
    /// Whether the length of the content is signed in general-signing, as in Great Britain. Both are understood.
    pub content_length_signed: bool,
    /// Whether an ephemeral key in general-ciphering is signed with the identifier of its scheme before it, as Gurux does.
    /// Both are understood.
    pub ephemeral_scheme_signed: bool,
    /// Whether messages under a dedicated key have a counter of their own that starts with the association. It is safe
    /// only when every association has a new key.
    pub dedicated_counter: bool,
    /// Whether the security control octet in an answer by GMAC names the suite.
    pub gmac_names_suite: bool,
    /// Whether a client says the key of general-ciphering in every message, for meters that take a message without
    /// key-info for one under the global key, as pydlms does. The standard says a wrapped or agreed key once.
    pub key_said_each_time: bool,
}

impl Dialect {
    /// As the standard says.
    pub const STANDARD: Self = Self {
        header_authenticated: true,
        content_length_signed: false,
        ephemeral_scheme_signed: false,
        dedicated_counter: false,
        gmac_names_suite: true,
        key_said_each_time: false,
    };

    /// As Gurux and pydlms speak.
    pub const GURUX: Self = Self {
        header_authenticated: false,
        ephemeral_scheme_signed: true,
        ..Self::STANDARD
    };
}

/// Who says something to whom, in an APDU that is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// What the answer is found by.
    pub transaction: &'a [u8],
    /// Who sends.
    pub originator: &'a Title,
    /// Who is meant.
    pub recipient: &'a Title,
    /// What is authenticated and signed of it.
    pub dialect: Dialect,
}

impl Header<'_> {
    /// Octets of the header with its lengths; date-time and other-information are left out.
    #[must_use]
    pub const fn length(&self) -> usize {
        1 + self.transaction.len() + 9 + 9 + 2
    }

    fn emit(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        for field in [self.transaction, self.originator, self.recipient, &[], &[]] {
            out.length(field.len())?;
            out.put(field)?;
        }
        Ok(())
    }
}

/// The header of an APDU that was read. Ranges count from the start of the APDU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heading {
    /// All its fields with their lengths.
    pub octets: Range<usize>,
    /// The transaction identifier.
    pub transaction: Range<usize>,
    /// Who says that it sends; `None` when it is left out.
    pub originator: Option<Title>,
    /// Who is meant; `None` for anybody.
    pub recipient: Option<Title>,
}

impl Heading {
    fn take(reader: &mut Reader<'_>) -> Result<Self, AxdrError> {
        let start = reader.offset();
        let (transaction, _) = field(reader, TRANSACTION_MAX)?;
        let mut title = || match field(reader, 8)?.1 {
            [] => Ok(None),
            title => Title::try_from(title)
                .map(Some)
                .map_err(|_| reader.error("a system title has 8 octets")),
        };
        let (originator, recipient) = (title()?, title()?);
        let (_, time) = field(reader, 12)?;
        if !matches!(time.len(), 0 | 12) {
            return Err(reader.error("a date-time has 12 octets"));
        }
        field(reader, OTHER_MAX)?;
        Ok(Self {
            octets: start..reader.offset(),
            transaction,
            originator,
            recipient,
        })
    }
}

/// Takes an octet-string of at most `most` octets.
fn field<'a>(reader: &mut Reader<'a>, most: usize) -> Result<(Range<usize>, &'a [u8]), AxdrError> {
    let length = reader.length()?;
    if most < length {
        return Err(reader.error("longer than it may be"));
    }
    let start = reader.offset();
    Ok((start..start + length, reader.take(length)?))
}

/// Which key seals a general-ciphering APDU. Ranges count from the start of the APDU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyInfo {
    /// Nothing is said: the key that was said last, or the global unicast key.
    Absent,
    /// One of the global keys.
    Identified(KeySet),
    /// This key, wrapped under the master key.
    Wrapped(Range<usize>),
    /// C(1e, 1s): agreed between this new public key of the sender and the static one of the recipient.
    OnePass {
        /// X ‖ Y.
        public: Range<usize>,
        /// The sender's signature over it.
        signature: Range<usize>,
    },
    /// C(0e, 2s): agreed between the static keys of both.
    Static,
}

/// The key-info of an APDU that is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyNote<'a> {
    /// Nothing.
    Absent,
    /// One of the global keys.
    Identified(KeySet),
    /// A wrapped key.
    Wrapped(&'a [u8]),
    /// A new public key and the signature over it.
    OnePass(&'a [u8], &'a [u8]),
    /// The static keys.
    Static,
}

impl KeyNote<'_> {
    /// Octets on the wire.
    #[must_use]
    pub fn length(&self) -> usize {
        match self {
            Self::Absent => 1,
            Self::Identified(_) => 3,
            Self::Wrapped(key) => 4 + key.len(),
            Self::OnePass(public, signature) => {
                4 + length_octets(public.len() + signature.len()) + public.len() + signature.len()
            }
            Self::Static => 5,
        }
    }

    fn emit(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        match *self {
            Self::Absent => out.octet(0),
            Self::Identified(set) => out.put(&[1, 0, set.id()]),
            Self::Wrapped(key) => {
                out.put(&[1, 1, 0])?;
                out.length(key.len())?;
                out.put(key)
            }
            Self::OnePass(public, signature) => {
                out.put(&[1, 2, 1, 1])?;
                out.length(public.len() + signature.len())?;
                out.put(public)?;
                out.put(signature)
            }
            Self::Static => out.put(&[1, 2, 1, 2, 0]),
        }
    }
}

const fn length_octets(length: usize) -> usize {
    match length {
        0..0x80 => 1,
        0x80..0x100 => 2,
        _ => 3,
    }
}

/// A general-ciphering APDU that was read. Ranges count from the start of the APDU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneralCiphered {
    /// Who to whom.
    pub heading: Heading,
    /// With which key.
    pub key: KeyInfo,
    /// The security control octet.
    pub control: u8,
    /// The invocation counter.
    pub counter: u32,
    /// The octets behind the counter.
    pub body: Range<usize>,
}

impl GeneralCiphered {
    /// Reads a general-ciphering APDU that is all of `octets`.
    ///
    /// # Errors
    /// When the octets are none.
    pub fn parse(octets: &[u8]) -> Result<Self, AxdrError> {
        let mut reader = Reader::new(octets);
        reader.expect(CIPHERING, "general-ciphering is expected")?;
        let heading = Heading::take(&mut reader)?;
        let key = match reader.octet()? {
            0 => KeyInfo::Absent,
            1 => match reader.octet()? {
                0 => {
                    let set = KeySet::from_id(reader.octet()?);
                    KeyInfo::Identified(set.ok_or_else(|| reader.error("a key that does not exist"))?)
                }
                1 => {
                    reader.expect(0, "the master key is the only one that wraps")?;
                    KeyInfo::Wrapped(field(&mut reader, super::WRAPPED_MAX)?.0)
                }
                2 => {
                    let (_, scheme) = field(&mut reader, 1)?;
                    let (data, _) = field(&mut reader, 4 * 48)?;
                    match scheme {
                        [1] if data.len() == 4 * 32 || data.len() == 4 * 48 => {
                            let middle = data.start + data.len() / 2;
                            KeyInfo::OnePass {
                                public: data.start..middle,
                                signature: middle..data.end,
                            }
                        }
                        [2] if data.is_empty() => KeyInfo::Static,
                        _ => return Err(reader.error("a key agreement that does not exist")),
                    }
                }
                _ => return Err(reader.error("a kind of key that does not exist")),
            },
            _ => return Err(reader.error("present (01) or absent (00) is expected")),
        };
        if reader.length()? != reader.rest().len() {
            return Err(reader.error("the length is not that of the APDU"));
        }
        let control = reader.octet()?;
        let counter = u32::from_be_bytes(reader.array_of()?);
        let body = reader.offset()..octets.len();
        Ok(Self {
            heading,
            key,
            control,
            counter,
            body,
        })
    }

    /// What protection it claims.
    #[must_use]
    pub const fn protection(&self) -> Protection {
        Protection::from_control(self.control)
    }
}

/// Opens, in place, the general-ciphering APDU that starts at `start` of `buffer`; answers where the APDU inside is.
/// `title` is the sender's. A wrong tag changes only octets before the body.
///
/// # Errors
/// When the keys do not open it, or nothing is inside.
pub fn open_general(
    buffer: &mut [u8],
    start: usize,
    general: &GeneralCiphered,
    keys: Keys<'_>,
    title: Title,
    dialect: Dialect,
) -> Result<Range<usize>, OpenError> {
    let mut header = [0; HEADER_MAX];
    let place = start + general.heading.octets.start..start + general.heading.octets.end;
    let header = header.get_mut(..place.len()).ok_or(OpenError::Short)?;
    header.copy_from_slice(buffer.get(place).ok_or(OpenError::Short)?);
    let header = if dialect.header_authenticated { &*header } else { &[] };
    let body = start + general.body.start..start + general.body.end;
    // The key-info names the key; the bit in the control octet does too.
    let apdu = open_in_place(
        &mut Schedule::new(),
        buffer,
        body,
        general.control,
        keys,
        (title, general.counter),
        header,
    )?;
    if apdu.is_empty() {
        Err(OpenError::Inner)
    } else {
        Ok(apdu)
    }
}

/// Seals the APDU at `apdu` as general-ciphering and answers where it is. The APDU is moved behind as far as its head
/// needs.
///
/// # Errors
/// When the buffer has no room around the APDU, or the keys do not fit their suite. Then nothing may be sent, and the
/// counter is spent.
pub fn seal_general(
    buffer: &mut [u8],
    apdu: Range<usize>,
    header: Header<'_>,
    note: KeyNote<'_>,
    protection: Protection,
    keys: Keys<'_>,
    counter: u32,
) -> Result<Range<usize>, SealError> {
    let mut head = [0; HEADER_MAX];
    let mut head = Writer::new(&mut head);
    header.emit(&mut head).map_err(|_| SealError::Room)?;
    let key_set = match note {
        KeyNote::Identified(set) => set.bit(),
        _ => 0,
    };
    let control = protection.bits() | keys.suite.id() | key_set;
    let room = ROOM + 1 + head.len() + note.length() + 3 + SECURITY_HEADER + 1 + keys.authentication.octets().len();
    let apdu = shift(buffer, apdu, room)?;
    let authenticated = if header.dialect.header_authenticated {
        head.written()
    } else {
        &[]
    };
    let end = seal_in_place(
        &mut Schedule::new(),
        buffer,
        apdu.clone(),
        control,
        keys,
        (*header.originator, counter),
        authenticated,
    )?;
    let content = end - apdu.start + SECURITY_HEADER;
    let length = 1 + head.len() + note.length() + length_octets(content) + SECURITY_HEADER;
    let start = apdu.start.checked_sub(length).ok_or(SealError::Room)?;
    let mut out = Writer::new(buffer.get_mut(start..apdu.start).ok_or(SealError::Room)?);
    let mut emit = || {
        out.octet(CIPHERING)?;
        out.put(head.written())?;
        note.emit(&mut out)?;
        out.length(content)?;
        out.octet(control)?;
        out.put(&counter.to_be_bytes())
    };
    emit().map_err(|_: Full| SealError::Room)?;
    Ok(start..end)
}

/// Moves the APDU behind until `room` octets are before it.
fn shift(buffer: &mut [u8], apdu: Range<usize>, room: usize) -> Result<Range<usize>, SealError> {
    if room <= apdu.start {
        return Ok(apdu);
    }
    let end = room + apdu.len();
    if buffer.len() < end || apdu.end < apdu.start || buffer.len() < apdu.end {
        return Err(SealError::Room);
    }
    buffer.copy_within(apdu, room);
    Ok(room..end)
}

/// A general-signing APDU that was read. Ranges count from the start of the APDU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneralSigned {
    /// Who to whom.
    pub heading: Heading,
    /// The APDU inside, plain or ciphered.
    pub content: Range<usize>,
    /// The signature.
    pub signature: Range<usize>,
}

impl GeneralSigned {
    /// Reads a general-signing APDU that is all of `octets`.
    ///
    /// # Errors
    /// When the octets are none.
    pub fn parse(octets: &[u8]) -> Result<Self, AxdrError> {
        let mut reader = Reader::new(octets);
        reader.expect(SIGNING, "general-signing is expected")?;
        let heading = Heading::take(&mut reader)?;
        let (content, inside) = field(&mut reader, octets.len())?;
        if inside.is_empty() {
            return Err(reader.error("nothing is signed"));
        }
        let (signature, _) = field(&mut reader, 96)?;
        reader.end()?;
        Ok(Self {
            heading,
            content,
            signature,
        })
    }

    /// Whether it is signed by the owner of `public`. `octets` is the whole APDU.
    #[must_use]
    pub fn verify(&self, octets: &[u8], algorithms: &dyn Algorithms, public: &PublicKey) -> bool {
        let get = |range: Range<usize>| octets.get(range).unwrap_or(&[]);
        let header = get(self.heading.octets.clone());
        let length = get(self.heading.octets.end..self.content.start);
        let content = get(self.content.clone());
        let signature = get(self.signature.clone());
        algorithms.verify(public, &[header, content], signature)
            || algorithms.verify(public, &[header, length, content], signature)
    }
}

/// How many octets general-signing takes around content of at most `content` octets.
#[must_use]
pub fn signing_overhead(header: Header<'_>, signature: usize, content: usize) -> usize {
    1 + header.length() + length_octets(content) + 1 + signature
}

/// Signs the APDU at `content` and answers where the general-signing APDU is. The content is moved behind as far as its
/// head needs.
///
/// # Errors
/// When the buffer has no room around the content, or the algorithms cannot sign with this key.
pub fn sign_general(
    buffer: &mut [u8],
    content: Range<usize>,
    header: Header<'_>,
    algorithms: &dyn Algorithms,
    private: &PrivateKey,
) -> Result<Range<usize>, SealError> {
    let mut head = [0; HEADER_MAX];
    let mut head = Writer::new(&mut head);
    header.emit(&mut head).map_err(|_| SealError::Room)?;
    let before = 1 + head.len() + length_octets(content.len());
    let content = shift(buffer, content, ROOM + before)?;
    let start = content.start.checked_sub(before).ok_or(SealError::Room)?;
    let length = content.len();
    let mut out = Writer::new(buffer.get_mut(start..content.start).ok_or(SealError::Room)?);
    let mut emit = || {
        out.octet(SIGNING)?;
        out.put(head.written())?;
        out.length(length)
    };
    emit().map_err(|_: Full| SealError::Room)?;
    let length = buffer
        .get(content.start - length_octets(length)..content.start)
        .ok_or(SealError::Room)?;
    let length = if header.dialect.content_length_signed {
        length
    } else {
        &[]
    };
    let octets = buffer.get(content.clone()).ok_or(SealError::Room)?;
    let signature = algorithms
        .sign(private, &[head.written(), length, octets])
        .ok_or(SealError::Key)?;
    let end = content.end + 1 + signature.octets().len();
    let mut out = Writer::new(buffer.get_mut(content.end..end).ok_or(SealError::Room)?);
    let mut emit = || {
        out.length(signature.octets().len())?;
        out.put(signature.octets())
    };
    emit().map_err(|_: Full| SealError::Room)?;
    Ok(start..end)
}

/// Whether the ephemeral key `point` of general-ciphering is signed by the owner of `public`, in either form that is in
/// use.
#[must_use]
pub fn verify_ephemeral(algorithms: &dyn Algorithms, public: &PublicKey, point: &[u8], signature: &[u8]) -> bool {
    algorithms.verify(public, &[point], signature) || algorithms.verify(public, &[&[1], point], signature)
}
