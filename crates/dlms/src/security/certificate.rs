//! X.509 certificates of DLMS (IEC 62056-5-3, 5.3.6.5).

use core::fmt;

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
    /// Its key is of another curve than the suite.
    Curve,
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
            Self::Curve => "its key is of another curve than the suite",
        })
    }
}

impl core::error::Error for CertificateFault {}
