//! Who may do what with an object (IEC 62056-6-2, Association LN, access_rights).

/// The role in which a client is associated. Rights hang on roles, not on client numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Client 16: may look at the identification without any security.
    Public,
    /// Client 1: the utility's management.
    Management,
    /// Client 2: reads everything, changes nothing.
    Reading,
    /// Client 102: always associated, for broadcasts.
    PreEstablished,
}

impl Role {
    /// All roles, in the order of [`Policy`].
    pub const ALL: [Self; 4] = [Self::Public, Self::Management, Self::Reading, Self::PreEstablished];
}

/// A set of attribute numbers, 1 to 31.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes(u32);

/// A set of method numbers, 1 to 31.
pub type Methods = Attributes;

impl Attributes {
    /// No number.
    pub const NONE: Self = Self(0);
    /// Every number.
    pub const ALL: Self = Self(u32::MAX);

    /// The set of these numbers.
    ///
    /// # Panics
    /// When a number is not 1 to 31; in a `const` it does not compile.
    #[must_use]
    pub const fn of(numbers: &[u8]) -> Self {
        let (mut set, mut at) = (0, 0);
        while at < numbers.len() {
            assert!(
                1 <= numbers[at] && numbers[at] <= 31,
                "attributes and methods are numbered 1 to 31"
            );
            set |= 1 << numbers[at];
            at += 1;
        }
        Self(set)
    }

    /// True when `number` is in the set.
    #[must_use]
    pub const fn contains(self, number: u8) -> bool {
        number < 32 && self.0 >> number & 1 == 1
    }

    /// The numbers of the set, ascending, up to `last`.
    pub fn iter(self, last: u8) -> impl Iterator<Item = u8> {
        (1..=last).filter(move |&number| self.contains(number))
    }
}

/// What one role may do with one object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// Attributes it may GET.
    pub read: Attributes,
    /// Attributes it may SET.
    pub write: Attributes,
    /// Methods it may invoke.
    pub invoke: Methods,
}

impl Grant {
    /// The object is invisible.
    pub const NONE: Self = Self {
        read: Attributes::NONE,
        write: Attributes::NONE,
        invoke: Attributes::NONE,
    };
    /// Everything may be read, nothing changed.
    pub const READ: Self = Self {
        read: Attributes::ALL,
        ..Self::NONE
    };

    /// This grant, and these attributes may be written.
    #[must_use]
    pub const fn writing(self, attributes: &[u8]) -> Self {
        Self {
            write: Attributes::of(attributes),
            ..self
        }
    }

    /// This grant, and these methods may be invoked.
    #[must_use]
    pub const fn invoking(self, methods: &[u8]) -> Self {
        Self {
            invoke: Attributes::of(methods),
            ..self
        }
    }

    /// This grant, but these attributes only may be read.
    #[must_use]
    pub const fn reading_only(self, attributes: &[u8]) -> Self {
        Self {
            read: Attributes::of(attributes),
            ..self
        }
    }

    /// True when the object is listed for the role.
    #[must_use]
    pub const fn is_visible(self) -> bool {
        self.read.0 | self.write.0 | self.invoke.0 != 0
    }
}

/// What each role may do with an object: a named constant, shared by all objects that are treated alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Grants of the public client.
    pub public: Grant,
    /// Grants of the management client.
    pub management: Grant,
    /// Grants of the reading client.
    pub reading: Grant,
    /// Grants of the pre-established client.
    pub pre_established: Grant,
}

impl Policy {
    /// What `role` may do.
    #[must_use]
    pub const fn grant(&self, role: Role) -> Grant {
        match role {
            Role::Public => self.public,
            Role::Management => self.management,
            Role::Reading => self.reading,
            Role::PreEstablished => self.pre_established,
        }
    }
}
