//! What protection a message has and what protection it must have (IEC 62056-6-2, class 64).

use core::ops::BitOr;

/// The protection of one message: bits 4 and 5 of the security control octet, and whether it is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Protection(u8);

impl Protection {
    /// None.
    pub const NONE: Self = Self(0);
    /// A tag shows who wrote it and that it is whole.
    pub const AUTHENTICATED: Self = Self(0x10);
    /// Nobody else can read it.
    pub const ENCRYPTED: Self = Self(0x20);
    /// Both.
    pub const BOTH: Self = Self(0x30);
    /// A signature shows everybody who wrote it; general-signing is around it.
    pub const SIGNED: Self = Self(0x40);

    /// The protection that a security control octet says.
    #[must_use]
    pub const fn from_control(control: u8) -> Self {
        Self(control & 0x30)
    }

    /// The bits in a security control octet.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0 & 0x30
    }

    /// Without the signature: what the ciphered form inside has.
    #[must_use]
    pub const fn ciphered(self) -> Self {
        Self(self.0 & 0x30)
    }

    /// The signature alone, or nothing.
    #[must_use]
    pub const fn signature(self) -> Self {
        Self(self.0 & 0x40)
    }

    /// True when it is at least `other`.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Protection {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The security policy of an association: what each request must have and each response gets, coded as in class 64
/// version 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Policy(u8);

impl Policy {
    /// Nothing is asked for.
    pub const NONE: Self = Self(0);
    /// Requests and responses authenticated.
    pub const AUTHENTICATED: Self = Self(0x24);
    /// Requests and responses authenticated and encrypted.
    pub const BOTH: Self = Self(0x6C);

    /// The policy of this bit mask: 04 authenticated, 08 encrypted, 10 signed request; 20, 40, 80 the same of the
    /// response.
    #[must_use]
    pub const fn from_mask(mask: u8) -> Self {
        Self(mask)
    }

    /// The bit mask.
    #[must_use]
    pub const fn mask(self) -> u8 {
        self.0
    }

    /// The policy of class 64 version 0: 0 none, 1 authenticated, 2 encrypted, 3 both, for both directions.
    #[must_use]
    pub const fn from_version_0(policy: u8) -> Option<Self> {
        match policy {
            0 => Some(Self::NONE),
            1 => Some(Self::AUTHENTICATED),
            2 => Some(Self(0x48)),
            3 => Some(Self::BOTH),
            _ => None,
        }
    }

    /// The same without signatures: the initiate APDUs, which come before anybody's signature is known, have none.
    #[must_use]
    pub const fn unsigned(self) -> Self {
        Self(self.0 & !0x90)
    }

    /// What a request must have.
    #[must_use]
    pub const fn request(self) -> Protection {
        Protection((self.0 & 0x1C) << 2)
    }

    /// What a response gets.
    #[must_use]
    pub const fn response(self) -> Protection {
        Protection((self.0 & 0xE0) >> 1)
    }

    /// Whether a request with this protection may be served.
    ///
    /// A protected request must be authenticated or signed unless the policy asks for encryption alone: without either
    /// anybody could move the invocation counter and so lock the client out.
    #[must_use]
    pub fn admits(self, request: Protection) -> bool {
        let asked = self.request();
        let plain = request.ciphered() == Protection::NONE;
        let tagged = request.covers(Protection::AUTHENTICATED)
            || request.covers(Protection::SIGNED)
            || asked == Protection::ENCRYPTED;
        request.covers(asked) && (plain || tagged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_versions_of_class_64_mean_the_same() {
        for (version_0, mask, protection) in [
            (0, 0, Protection::NONE),
            (1, 0x24, Protection::AUTHENTICATED),
            (2, 0x48, Protection::ENCRYPTED),
            (3, 0x6C, Protection::BOTH),
        ] {
            let policy = Policy::from_version_0(version_0).expect("there are four");
            assert_eq!(policy, Policy::from_mask(mask));
            assert_eq!((policy.request(), policy.response()), (protection, protection));
        }
        assert_eq!(Policy::from_version_0(4), None);
    }

    #[test]
    fn less_than_the_policy_is_never_admitted() {
        let all = [
            Protection::NONE,
            Protection::AUTHENTICATED,
            Protection::ENCRYPTED,
            Protection::BOTH,
        ];
        let admitted = |policy: Policy| all.map(|protection| policy.admits(protection));
        assert_eq!(admitted(Policy::NONE), [true, true, false, true]);
        assert_eq!(admitted(Policy::AUTHENTICATED), [false, true, false, true]);
        assert_eq!(admitted(Policy::from_mask(0x48)), [false, false, true, true]);
        assert_eq!(admitted(Policy::BOTH), [false, false, false, true]);
    }

    /// Each bit of the mask asks for its protection in its direction, and for nothing else.
    #[test]
    fn every_bit_of_the_policy_asks_for_one_thing() {
        let kinds = [Protection::AUTHENTICATED, Protection::ENCRYPTED, Protection::SIGNED];
        for mask in 0..=0xFF_u8 {
            let policy = Policy::from_mask(mask);
            for (bit, kind) in kinds.into_iter().enumerate() {
                assert_eq!(policy.request().covers(kind), mask & 0x04 << bit != 0, "{mask:02X}");
                assert_eq!(policy.response().covers(kind), mask & 0x20 << bit != 0, "{mask:02X}");
            }
            for bits in 0..8_u8 {
                let request = kinds
                    .into_iter()
                    .enumerate()
                    .filter(|(bit, _)| bits & 1 << bit != 0)
                    .fold(Protection::NONE, |all, (_, kind)| all | kind);
                let asked = mask >> 2 & 7;
                let naked = bits & 7 == 2 && asked != 2;
                assert_eq!(
                    policy.admits(request),
                    bits & asked == asked && !naked,
                    "{mask:02X} {bits}"
                );
            }
        }
    }
}
