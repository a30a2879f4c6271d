//! Why an access was refused, as the wire says it (IEC 62056-5-3, Data-Access-Result and Action-Result).

use core::fmt;

macro_rules! results {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $code:literal => $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// The code on the wire; 0, success, is not among them.
            #[must_use]
            pub const fn code(self) -> u8 {
                match self { $(Self::$variant => $code,)* }
            }

            /// The refusal that a code on the wire stands for; unknown codes are "other reason", 0 is none.
            #[must_use]
            pub const fn from_code(code: u8) -> Option<Self> {
                match code { 0 => None, $($code => Some(Self::$variant),)* _ => Some(Self::OtherReason) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $text,)* })
            }
        }

        impl core::error::Error for $name {}
    };
}

results! {
    /// A data-access-result other than success: why a GET or SET was refused.
    AccessError {
        /// A part of the device does not work.
        HardwareFault = 1 => "hardware fault",
        /// Not now, perhaps later.
        TemporaryFailure = 2 => "temporary failure",
        /// No right to read or write this, or no such attribute.
        ReadWriteDenied = 3 => "read-write denied",
        /// No object of this class and name.
        ObjectUndefined = 4 => "object undefined",
        /// The object is of another class.
        ObjectClassInconsistent = 9 => "object class inconsistent",
        /// The object is there but cannot be used.
        ObjectUnavailable = 11 => "object unavailable",
        /// The value is of another type than the attribute.
        TypeUnmatched = 12 => "type unmatched",
        /// The selection is not one that the attribute has.
        ScopeOfAccessViolated = 13 => "scope of access violated",
        /// The block is not there any more.
        DataBlockUnavailable = 14 => "data block unavailable",
        /// The long GET was given up.
        LongGetAborted = 15 => "long get aborted",
        /// GET-next without a long GET.
        NoLongGetInProgress = 16 => "no long get in progress",
        /// The long SET was given up.
        LongSetAborted = 17 => "long set aborted",
        /// A further block without a long SET.
        NoLongSetInProgress = 18 => "no long set in progress",
        /// Not the block that was due.
        DataBlockNumberInvalid = 19 => "data block number invalid",
        /// None of the above, e.g. a value out of range.
        OtherReason = 250 => "other reason",
    }
}

results! {
    /// An action-result other than success: why a method was refused.
    ActionError {
        /// A part of the device does not work.
        HardwareFault = 1 => "hardware fault",
        /// Not now, perhaps later.
        TemporaryFailure = 2 => "temporary failure",
        /// No right to invoke this, or no such method.
        ReadWriteDenied = 3 => "read-write denied",
        /// No object of this class and name.
        ObjectUndefined = 4 => "object undefined",
        /// The object is of another class.
        ObjectClassInconsistent = 9 => "object class inconsistent",
        /// The object is there but cannot be used.
        ObjectUnavailable = 11 => "object unavailable",
        /// The parameters are of another type than the method's.
        TypeUnmatched = 12 => "type unmatched",
        /// The parameters are outside of what the method allows.
        ScopeOfAccessViolated = 13 => "scope of access violated",
        /// The block is not there any more.
        DataBlockUnavailable = 14 => "data block unavailable",
        /// The long ACTION was given up.
        LongActionAborted = 15 => "long action aborted",
        /// A further block without a long ACTION.
        NoLongActionInProgress = 16 => "no long action in progress",
        /// None of the above.
        OtherReason = 250 => "other reason",
    }
}

impl From<AccessError> for ActionError {
    /// The same refusal in the words of a method; what only a long GET or SET can meet is "other reason".
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::HardwareFault => Self::HardwareFault,
            AccessError::TemporaryFailure => Self::TemporaryFailure,
            AccessError::ReadWriteDenied => Self::ReadWriteDenied,
            AccessError::ObjectUndefined => Self::ObjectUndefined,
            AccessError::ObjectClassInconsistent => Self::ObjectClassInconsistent,
            AccessError::ObjectUnavailable => Self::ObjectUnavailable,
            AccessError::TypeUnmatched => Self::TypeUnmatched,
            AccessError::ScopeOfAccessViolated => Self::ScopeOfAccessViolated,
            AccessError::DataBlockUnavailable => Self::DataBlockUnavailable,
            _ => Self::OtherReason,
        }
    }
}
