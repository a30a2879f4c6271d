//! The object identifiers by which associations name their context and their authentication (IEC 62056-5-3, 7.2.2).

/// Which referencing and which protection an association uses: 2.16.756.5.8.1.n.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// 1: logical names, no ciphering.
    Plain,
    /// 2: short names, no ciphering.
    ShortNames,
    /// 3: logical names, with ciphering.
    Ciphered,
    /// 4: short names, with ciphering.
    ShortNamesCiphered,
}

/// How the client shows who it is: 2.16.756.5.8.2.n.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// 0: not at all ("lowest level security").
    None,
    /// 1: a password ("low level security").
    Password,
    /// 2: a challenge, the manufacturer's way.
    Manufacturer,
    /// 3: a challenge with MD5.
    Md5,
    /// 4: a challenge with SHA-1.
    Sha1,
    /// 5: a challenge with GMAC.
    Gmac,
    /// 6: a challenge with SHA-256.
    Sha256,
    /// 7: a challenge with ECDSA.
    Ecdsa,
}

/// 2.16.756.5.8, the DLMS UA, as the start of an encoded object identifier.
const DLMS_UA: [u8; 5] = [0x60, 0x85, 0x74, 0x05, 0x08];

impl Context {
    /// The context of this number.
    #[must_use]
    pub const fn from_id(id: u8) -> Option<Self> {
        match id {
            1 => Some(Self::Plain),
            2 => Some(Self::ShortNames),
            3 => Some(Self::Ciphered),
            4 => Some(Self::ShortNamesCiphered),
            _ => None,
        }
    }

    /// The last number of the identifier.
    #[must_use]
    pub const fn id(self) -> u8 {
        match self {
            Self::Plain => 1,
            Self::ShortNames => 2,
            Self::Ciphered => 3,
            Self::ShortNamesCiphered => 4,
        }
    }

    /// The encoded object identifier, without tag and length.
    #[must_use]
    pub const fn octets(self) -> [u8; 7] {
        let [a, b, c, d, e] = DLMS_UA;
        [a, b, c, d, e, 1, self.id()]
    }

    pub(super) fn from_octets(octets: &[u8]) -> Option<Self> {
        match octets.strip_prefix(&DLMS_UA) {
            Some(&[1, id]) => Self::from_id(id),
            _ => None,
        }
    }
}

impl Mechanism {
    /// The mechanism of this number.
    #[must_use]
    pub const fn from_id(id: u8) -> Option<Self> {
        match id {
            0 => Some(Self::None),
            1 => Some(Self::Password),
            2 => Some(Self::Manufacturer),
            3 => Some(Self::Md5),
            4 => Some(Self::Sha1),
            5 => Some(Self::Gmac),
            6 => Some(Self::Sha256),
            7 => Some(Self::Ecdsa),
            _ => None,
        }
    }

    /// The last number of the identifier.
    #[must_use]
    pub const fn id(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Password => 1,
            Self::Manufacturer => 2,
            Self::Md5 => 3,
            Self::Sha1 => 4,
            Self::Gmac => 5,
            Self::Sha256 => 6,
            Self::Ecdsa => 7,
        }
    }

    /// True for the mechanisms with a challenge in each direction ("high level security").
    #[must_use]
    pub const fn is_high(self) -> bool {
        2 <= self.id()
    }

    /// The encoded object identifier, without tag and length.
    #[must_use]
    pub const fn octets(self) -> [u8; 7] {
        let [a, b, c, d, e] = DLMS_UA;
        [a, b, c, d, e, 2, self.id()]
    }

    pub(super) fn from_octets(octets: &[u8]) -> Option<Self> {
        match octets.strip_prefix(&DLMS_UA) {
            Some(&[2, id]) => Self::from_id(id),
            _ => None,
        }
    }
}
