//! What protection a message has and what protection it must have (IEC 62056-6-2, class 64).

use core::ops::BitOr;

/// The protection of one message: bits 4 and 5 of the security control octet.
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

    /// The protection that a security control octet says.
    #[must_use]
    pub const fn from_control(control: u8) -> Self {
        Self(control & 0x30)
    }

    /// The bits in a security control octet.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
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

    /// What a request must have.
    #[must_use]
    pub const fn request(self) -> Protection {
        Protection((self.0 & 0x0C) << 2)
    }

    /// What a response gets.
    #[must_use]
    pub const fn response(self) -> Protection {
        Protection((self.0 & 0x60) >> 1)
    }

    /// Whether a request with this protection may be served.
    ///
    /// A protected request must be authenticated unless the policy asks for encryption alone: without a tag anybody
    /// could move the invocation counter and so lock the client out.
    #[must_use]
    pub fn admits(self, request: Protection) -> bool {
        let asked = self.request();
        let plain = request == Protection::NONE;
        let tagged = request.covers(Protection::AUTHENTICATED) || asked == Protection::ENCRYPTED;
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
}
