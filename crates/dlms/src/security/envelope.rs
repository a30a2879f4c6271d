//! The ciphered forms of an APDU (IEC 62056-5-3, 7.3.13): what is around the octets, and how they get in and out in
//! place.

use core::fmt;
use core::ops::Range;

use cosem::axdr::{AxdrError, Reader};
use zeroize::Zeroize;

use super::cipher::{Schedule, TAG_LENGTH, decrypt, encrypt};
use super::{Keys, Protection, Title};

/// Which of the global encryption keys protects a message: bit 6 of the security control octet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeySet {
    /// 0: the one that is shared with a client.
    Unicast,
    /// 1: the one that is shared with all devices.
    Broadcast,
}

impl KeySet {
    /// The key set that a security control octet says.
    #[must_use]
    pub const fn from_control(control: u8) -> Self {
        if control & BROADCAST == 0 {
            Self::Unicast
        } else {
            Self::Broadcast
        }
    }

    /// The bit in a security control octet.
    #[must_use]
    pub const fn bit(self) -> u8 {
        match self {
            Self::Unicast => 0,
            Self::Broadcast => BROADCAST,
        }
    }

    /// The key set of this key identifier.
    #[must_use]
    pub const fn from_id(id: u8) -> Option<Self> {
        match id {
            0 => Some(Self::Unicast),
            1 => Some(Self::Broadcast),
            _ => None,
        }
    }

    /// The key identifier.
    #[must_use]
    pub const fn id(self) -> u8 {
        match self {
            Self::Unicast => 0,
            Self::Broadcast => 1,
        }
    }
}

/// Octets that must stand free before an APDU that is sealed or opened: security control and authentication key of
/// suite 2 go there for a moment, and the ciphered form's head (18 octets), a block head (12) and a link's header (8)
/// for good.
pub const HEADROOM: usize = 64;

/// Security control and invocation counter.
pub(super) const SECURITY_HEADER: usize = 5;

/// The bit of the security control octet that names the broadcast key.
const BROADCAST: u8 = 0x40;
/// The bit that says that the APDU was compressed (V.44) before it was protected.
const COMPRESSED: u8 = 0x80;

/// The form of a ciphered APDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Envelope {
    /// glo-: one tag per service, the global key.
    Global,
    /// ded-: one tag per service, the key of the association.
    Dedicated,
    /// general-glo-ciphering: any APDU, the sender's title inside.
    GeneralGlobal,
    /// general-ded-ciphering.
    GeneralDedicated,
    /// general-ciphering: any APDU, with titles and what its key is. It is sealed by [`super::seal_general`].
    GeneralCiphering,
}

/// Tags of the general forms.
const GENERAL_GLOBAL: u8 = 0xDB;
const GENERAL_DEDICATED: u8 = 0xDC;

impl Envelope {
    /// True for the forms that use the key of the association.
    #[must_use]
    pub const fn is_dedicated(self) -> bool {
        matches!(self, Self::Dedicated | Self::GeneralDedicated)
    }

    /// The form that carries any APDU under the same key.
    #[must_use]
    pub const fn general(self) -> Self {
        match self {
            Self::Global => Self::GeneralGlobal,
            Self::Dedicated => Self::GeneralDedicated,
            general => general,
        }
    }

    /// True for the forms that carry a title and any APDU.
    #[must_use]
    pub const fn is_general(self) -> bool {
        matches!(
            self,
            Self::GeneralGlobal | Self::GeneralDedicated | Self::GeneralCiphering
        )
    }
}

/// What the head of a ciphered APDU says. Ranges count from the start of the APDU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Its form.
    pub envelope: Envelope,
    /// The tag that the APDU inside must have; the general forms do not say it.
    pub inner_tag: Option<u8>,
    /// The title of the sender, when it is said.
    pub title: Option<Title>,
    /// The security control octet.
    pub control: u8,
    /// The invocation counter.
    pub counter: u32,
    /// The octets behind the counter: APDU or ciphertext, and the tag when there is one.
    pub body: Range<usize>,
}

/// Why a ciphered APDU did not open. Nobody outside is told which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// A suite other than that of the keys, or no protection at all.
    Control,
    /// The APDU is compressed (V.44), which nobody here does.
    Compressed,
    /// Shorter than a tag.
    Short,
    /// The tag is wrong: another key, another sender, or changed octets.
    Tag,
    /// What came out is not the APDU that the form promises.
    Inner,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Control => "a protection that these keys do not have",
            Self::Compressed => "compressed, which is not supported",
            Self::Short => "shorter than its tag",
            Self::Tag => "the tag is wrong",
            Self::Inner => "another APDU inside than its form promises",
        })
    }
}

impl core::error::Error for OpenError {}

/// Why an APDU cannot be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealError {
    /// The buffer has no room before or behind the APDU.
    Room,
    /// The keys do not fit their suite.
    Key,
    /// The APDU has no form of this kind.
    Form,
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Room => "no room around the APDU",
            Self::Key => "the keys do not fit their suite",
            Self::Form => "the APDU has no ciphered form of this kind",
        })
    }
}

impl core::error::Error for SealError {}

/// The tag of the glo- form of an APDU, if there is one.
const fn global_tag(inner: u8) -> Option<u8> {
    match inner {
        0x01 | 0x08 | 0x0E => Some(inner | 0x20),
        0xC0..=0xC7 => Some(inner + 0x08),
        _ => None,
    }
}

/// The form and the inner tag that a tag of the glo- and ded- forms says.
const fn form(tag: u8) -> Option<(Envelope, Option<u8>)> {
    match tag {
        0x21 | 0x28 | 0x2E => Some((Envelope::Global, Some(tag & !0x20))),
        0xC8..=0xCF => Some((Envelope::Global, Some(tag - 0x08))),
        0xD0..=0xD7 => Some((Envelope::Dedicated, Some(tag - 0x10))),
        GENERAL_GLOBAL => Some((Envelope::GeneralGlobal, None)),
        GENERAL_DEDICATED => Some((Envelope::GeneralDedicated, None)),
        _ => None,
    }
}

impl Sealed {
    /// True for the tags of ciphered APDUs that [`Sealed::parse`] knows.
    #[must_use]
    pub const fn is_tag(tag: u8) -> bool {
        form(tag).is_some()
    }

    /// Reads the head of a ciphered APDU that is all of `octets`.
    ///
    /// # Errors
    /// When the octets are none, or their length is not what they say.
    pub fn parse(octets: &[u8]) -> Result<Self, AxdrError> {
        let mut reader = Reader::new(octets);
        let tag = reader.octet()?;
        let (envelope, inner_tag) = form(tag).ok_or(AxdrError {
            at: 0,
            why: "no ciphered APDU",
        })?;
        let title = if envelope.is_general() {
            match reader.length()? {
                0 => None,
                8 => Some(reader.array_of()?),
                _ => return Err(reader.error("a system title has 8 octets")),
            }
        } else {
            None
        };
        if reader.length()? != reader.rest().len() {
            return Err(reader.error("the length is not that of the APDU"));
        }
        let control = reader.octet()?;
        let counter = u32::from_be_bytes(reader.array_of()?);
        let body = reader.offset()..octets.len();
        Ok(Self {
            envelope,
            inner_tag,
            title,
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

    /// The key that it claims to be sealed with, when its form uses a global one.
    #[must_use]
    pub const fn key_set(&self) -> KeySet {
        KeySet::from_control(self.control)
    }

    /// Whether it says that its APDU is compressed.
    #[must_use]
    pub const fn is_compressed(&self) -> bool {
        self.control & COMPRESSED != 0
    }
}

/// How many octets a form with this protection takes around an APDU of at most `apdu` octets.
#[must_use]
pub fn overhead(envelope: Envelope, protection: Protection, apdu: usize) -> usize {
    if protection.ciphered() == Protection::NONE {
        return 0;
    }
    let tag = if protection.covers(Protection::AUTHENTICATED) {
        TAG_LENGTH
    } else {
        0
    };
    let title = match envelope {
        Envelope::GeneralGlobal | Envelope::GeneralDedicated => 9,
        // What general-ciphering says beside this depends on its key: whoever seals it counts that apart.
        _ => 0,
    };
    let content = SECURITY_HEADER + apdu + tag;
    let length = match content {
        0..0x80 => 1,
        0x80..0x100 => 2,
        _ => 3,
    };
    1 + title + length + SECURITY_HEADER + tag
}

/// Seals the APDU at `apdu` of `buffer` in place and answers where the ciphered one is: it grows to both sides.
///
/// `title` and `counter` make the initialisation vector: the counter must never have been used with this key before.
///
/// # Errors
/// When the buffer has less than [`HEADROOM`] octets before the APDU or none for the tag behind it, when the APDU has
/// no form of this kind, or the keys do not fit their suite. Then nothing may be sent, and the counter is spent.
pub fn seal(
    buffer: &mut [u8],
    apdu: Range<usize>,
    envelope: Envelope,
    protection: Protection,
    keys: Keys<'_>,
    title: Title,
    counter: u32,
) -> Result<Range<usize>, SealError> {
    seal_with(
        &mut Schedule::new(),
        buffer,
        apdu,
        (envelope, protection),
        keys,
        title,
        counter,
    )
}

/// The same with a key that may be expanded already.
pub(crate) fn seal_with(
    schedule: &mut Schedule,
    buffer: &mut [u8],
    apdu: Range<usize>,
    (envelope, protection): (Envelope, Protection),
    keys: Keys<'_>,
    title: Title,
    counter: u32,
) -> Result<Range<usize>, SealError> {
    let tag = match envelope {
        Envelope::GeneralGlobal => GENERAL_GLOBAL,
        Envelope::GeneralDedicated => GENERAL_DEDICATED,
        Envelope::GeneralCiphering => return Err(SealError::Form),
        Envelope::Global | Envelope::Dedicated => {
            let inner = *buffer.get(apdu.start).ok_or(SealError::Room)?;
            let global = global_tag(inner).ok_or(SealError::Form)?;
            // The initiate APDUs have no ded- form that is in use.
            match envelope {
                Envelope::Dedicated if global < 0xC8 => return Err(SealError::Form),
                Envelope::Dedicated => global + 0x08,
                _ => global,
            }
        }
    };
    let control = protection.bits() | keys.suite.id();
    let end = seal_in_place(schedule, buffer, apdu.clone(), control, keys, (title, counter), &[])?;

    let mut start = apdu.start;
    let mut prepend = |octets: &[u8]| -> Result<(), SealError> {
        let from = start.checked_sub(octets.len()).ok_or(SealError::Room)?;
        buffer
            .get_mut(from..start)
            .ok_or(SealError::Room)?
            .copy_from_slice(octets);
        start = from;
        Ok(())
    };
    prepend(&counter.to_be_bytes())?;
    prepend(&[control])?;
    let content = end - apdu.start + SECURITY_HEADER;
    match u16::try_from(content).map_err(|_| SealError::Room)?.to_be_bytes() {
        [0, low] if low < 0x80 => prepend(&[low])?,
        [0, low] => prepend(&[0x81, low])?,
        [high, low] => prepend(&[0x82, high, low])?,
    }
    if envelope.is_general() {
        prepend(&title)?;
        prepend(&[8])?;
    }
    prepend(&[tag])?;
    Ok(start..end)
}

/// Opens, in place, the ciphered APDU that starts at `start` of `buffer` and whose head is `sealed`; answers where the
/// APDU is.
///
/// A wrong tag changes nothing but the octets before the body. The caller checks the counter afterwards, and the policy
/// before.
///
/// # Errors
/// When the keys do not open it, or what comes out is not what its form promises.
pub fn open(
    buffer: &mut [u8],
    start: usize,
    sealed: &Sealed,
    keys: Keys<'_>,
    title: Title,
) -> Result<Range<usize>, OpenError> {
    open_with(&mut Schedule::new(), buffer, start, sealed, keys, title)
}

/// The same with a key that may be expanded already.
pub(crate) fn open_with(
    schedule: &mut Schedule,
    buffer: &mut [u8],
    start: usize,
    sealed: &Sealed,
    keys: Keys<'_>,
    title: Title,
) -> Result<Range<usize>, OpenError> {
    let body = start + sealed.body.start..start + sealed.body.end;
    let apdu = open_in_place(
        schedule,
        buffer,
        body,
        sealed.control,
        keys,
        (title, sealed.counter),
        &[],
    )?;
    let first = buffer.get(apdu.clone()).and_then(|apdu| apdu.first()).copied();
    match (sealed.inner_tag, first) {
        (Some(promised), Some(found)) if promised != found => Err(OpenError::Inner),
        (_, None) => Err(OpenError::Inner),
        _ => Ok(apdu),
    }
}

/// Seals the APDU at `apdu` without any head and answers where it ends. `header` is what else is authenticated; with
/// security control and authentication key it stands before the APDU for a moment.
pub(super) fn seal_in_place(
    schedule: &mut Schedule,
    buffer: &mut [u8],
    apdu: Range<usize>,
    control: u8,
    keys: Keys<'_>,
    (title, counter): (Title, u32),
    header: &[u8],
) -> Result<usize, SealError> {
    let protection = Protection::from_control(control);
    let head = 1 + keys.authentication.octets().len() + header.len();
    let before = apdu.start.checked_sub(head).ok_or(SealError::Room)?;
    let authenticated = protection.covers(Protection::AUTHENTICATED);
    let end = if authenticated { apdu.end + TAG_LENGTH } else { apdu.end };
    let work = buffer.get_mut(before..end).ok_or(SealError::Room)?;
    let (associated, data) = work.split_at_mut(head);
    put_associated(associated, control, keys, header);

    let sealed = if protection.covers(Protection::ENCRYPTED) {
        let length = apdu.len();
        let (text, tag) = data.split_at_mut(length);
        let associated = if authenticated { &*associated } else { &[] };
        encrypt(
            schedule,
            (keys.suite, keys.encryption),
            title,
            counter,
            associated,
            text,
        )
        .map(|it| tag.copy_from_slice(it.get(..tag.len()).unwrap_or(&[])))
    } else {
        // Authentication alone: the tag is over control, key and APDU, which stand in a row.
        let (row, tag) = work.split_at_mut(head + apdu.len());
        encrypt(schedule, (keys.suite, keys.encryption), title, counter, row, &mut [])
            .map(|it| tag.copy_from_slice(it.get(..tag.len()).unwrap_or(&[])))
    };
    if let Some(associated) = buffer.get_mut(before..apdu.start) {
        associated.zeroize();
    }
    sealed.map_err(|_| SealError::Key)?;
    Ok(end)
}

/// Opens what stands behind an invocation counter and answers where the APDU is.
pub(super) fn open_in_place(
    schedule: &mut Schedule,
    buffer: &mut [u8],
    body: Range<usize>,
    control: u8,
    keys: Keys<'_>,
    (title, counter): (Title, u32),
    header: &[u8],
) -> Result<Range<usize>, OpenError> {
    let protection = Protection::from_control(control);
    if control & COMPRESSED != 0 {
        return Err(OpenError::Compressed);
    }
    if control & 0x0F != keys.suite.id() || protection == Protection::NONE {
        return Err(OpenError::Control);
    }
    let head = 1 + keys.authentication.octets().len() + header.len();
    let (from, to) = (body.start, body.end);
    let before = from.checked_sub(head).ok_or(OpenError::Short)?;
    let work = buffer.get_mut(before..to).ok_or(OpenError::Short)?;
    let authenticated = protection.covers(Protection::AUTHENTICATED);
    let (row, end) = if authenticated {
        let end = to
            .checked_sub(TAG_LENGTH)
            .filter(|&end| from < end)
            .ok_or(OpenError::Short)?;
        (work, end)
    } else {
        (work, to)
    };
    let (row, tag) = row.split_at_mut(end - before);
    let (associated, data) = row.split_at_mut(head);
    put_associated(associated, control, keys, header);
    let key = (keys.suite, keys.encryption);
    let opened = match <[u8; TAG_LENGTH]>::try_from(&*tag) {
        Ok(tag) if protection.covers(Protection::ENCRYPTED) => {
            decrypt(schedule, key, title, counter, associated, data, tag)
        }
        Ok(tag) => decrypt(schedule, key, title, counter, row, &mut [], tag),
        // Encryption alone: counter mode is its own inverse.
        Err(_) => encrypt(schedule, key, title, counter, &[], data).is_ok(),
    };
    if let Some(associated) = buffer.get_mut(before..from) {
        associated.zeroize();
    }
    if !opened {
        return Err(OpenError::Tag);
    }
    Ok(from..end)
}

/// Writes security control, authentication key and what else is authenticated.
fn put_associated(place: &mut [u8], control: u8, keys: Keys<'_>, header: &[u8]) {
    if let Some((first, rest)) = place.split_first_mut() {
        *first = control;
        let octets = keys.authentication.octets().iter().chain(header);
        for (place, &octet) in rest.iter_mut().zip(octets) {
            *place = octet;
        }
    }
}
