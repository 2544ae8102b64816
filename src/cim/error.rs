//! What can go wrong between a client and a WMI service.

use super::SyntaxError;
use std::fmt;

/// The result of what a [`CimClient`](super::CimClient) does.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why WMI did not do what it was asked for.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The service answered that it did not.
    Status {
        /// The number of the answer.
        status: WbemStatus,
        /// What is wrong, as a sentence without a full stop.
        why: String,
    },
    /// The service was not reached, or its answer was lost: it may or may not have happened.
    Transport(Box<dyn std::error::Error + Send + Sync>),
    /// The service answered with something that makes no sense.
    Malformed(Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// An answer of the service.
    pub fn status(status: WbemStatus, why: impl Into<String>) -> Self {
        Self::Status { status, why: why.into() }
    }

    /// An answer that makes no sense.
    pub fn malformed(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Malformed(source.into())
    }

    /// The number, if the service answered with one.
    pub fn wbem_status(&self) -> Option<WbemStatus> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status { status, why } => write!(f, "{status}: {why}"),
            Self::Transport(source) => write!(f, "it may or may not have happened: {source}"),
            Self::Malformed(source) => write!(f, "the service's answer makes no sense: {source}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Status { .. } => None,
            Self::Transport(source) | Self::Malformed(source) => Some(&**source),
        }
    }
}

/// A path that a caller handed in is none.
impl From<SyntaxError> for Error {
    fn from(error: SyntaxError) -> Self {
        Self::status(WbemStatus::INVALID_OBJECT_PATH, error.to_string())
    }
}

/// An `HRESULT` of WMI.
///
/// ```
/// use hyperv_replica::cim::WbemStatus;
///
/// assert_eq!(WbemStatus::NOT_FOUND.to_string(), "WBEM_E_NOT_FOUND (0x80041002)");
/// assert_eq!(WbemStatus(0x8000_FFFF).to_string(), "0x8000FFFF");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WbemStatus(pub u32);

/// Declares the numbers that have names here: the constant, the number, what it means.
macro_rules! statuses {
    ($($name:ident = $number:literal, $wbem:literal, $meaning:literal;)+) => {
        /// The numbers that this crate answers with, of those on
        /// [Microsoft's page](https://learn.microsoft.com/windows/win32/wmisdk/wmi-error-constants).
        impl WbemStatus {
            $(#[doc = concat!("`", $wbem, "`, ", $meaning, ".")]
            pub const $name: Self = Self($number);)+

            /// Every number that has a name here.
            pub const NAMED: &'static [Self] = &[$(Self::$name,)+];

            /// Microsoft's name, if it has one here.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($wbem),)+
                    _ => None,
                }
            }
        }
    };
}

statuses! {
    FAILED = 0x8004_1001, "WBEM_E_FAILED", "nothing more specific fits";
    NOT_FOUND = 0x8004_1002, "WBEM_E_NOT_FOUND", "there is no such object";
    ACCESS_DENIED = 0x8004_1003, "WBEM_E_ACCESS_DENIED", "the caller may not do that";
    PROVIDER_FAILURE = 0x8004_1004, "WBEM_E_PROVIDER_FAILURE", "the provider failed";
    TYPE_MISMATCH = 0x8004_1005, "WBEM_E_TYPE_MISMATCH", "a value is of another type";
    OUT_OF_MEMORY = 0x8004_1006, "WBEM_E_OUT_OF_MEMORY", "memory is short";
    INVALID_PARAMETER = 0x8004_1008, "WBEM_E_INVALID_PARAMETER", "a parameter is not valid";
    NOT_SUPPORTED = 0x8004_100C, "WBEM_E_NOT_SUPPORTED", "the feature or operation is not supported";
    INVALID_NAMESPACE = 0x8004_100E, "WBEM_E_INVALID_NAMESPACE", "there is no such namespace";
    INVALID_OBJECT = 0x8004_100F, "WBEM_E_INVALID_OBJECT", "an object is not valid";
    INVALID_CLASS = 0x8004_1010, "WBEM_E_INVALID_CLASS", "there is no such class";
    INVALID_QUERY = 0x8004_1017, "WBEM_E_INVALID_QUERY", "a query is not valid";
    INVALID_QUERY_TYPE = 0x8004_1018, "WBEM_E_INVALID_QUERY_TYPE", "the language is not supported";
    PROVIDER_NOT_CAPABLE = 0x8004_1024, "WBEM_E_PROVIDER_NOT_CAPABLE", "the provider cannot do that";
    INVALID_METHOD = 0x8004_102E, "WBEM_E_INVALID_METHOD", "there is no such method";
    INVALID_METHOD_PARAMETERS = 0x8004_102F, "WBEM_E_INVALID_METHOD_PARAMETERS", "the parameters are not those of the method";
    INVALID_PROPERTY = 0x8004_1031, "WBEM_E_INVALID_PROPERTY", "there is no such property";
    CALL_CANCELLED = 0x8004_1032, "WBEM_E_CALL_CANCELLED", "the call was cancelled";
    SHUTTING_DOWN = 0x8004_1033, "WBEM_E_SHUTTING_DOWN", "the service is going down";
    INVALID_OBJECT_PATH = 0x8004_103A, "WBEM_E_INVALID_OBJECT_PATH", "a path is not valid";
    UNPARSABLE_QUERY = 0x8004_1058, "WBEM_E_UNPARSABLE_QUERY", "a query cannot be read";
    QUOTA_VIOLATION = 0x8004_106C, "WBEM_E_QUOTA_VIOLATION", "a limit is reached";
}

impl fmt::Display for WbemStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} (0x{:08X})", self.0),
            None => write!(f, "0x{:08X}", self.0),
        }
    }
}
