//! What COM answers when it fails: numbers, their names, and which of them are WMI's own.

use crate::cim::{Error, WbemStatus};
use std::fmt;

/// A call that COM did not carry to the service, or whose answer it lost: the source of
/// [`Error::Transport`].
///
/// ```
/// use hyperv_replica::wmi::ComError;
///
/// let error = ComError { hresult: 0x8007_06BA, why: r"connecting to \\osaka".into() };
/// assert_eq!(error.to_string(), r"RPC_S_SERVER_UNAVAILABLE (0x800706BA): connecting to \\osaka");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComError {
    /// The `HRESULT`.
    pub hresult: u32,
    /// What was tried, and what COM says of it.
    pub why: String,
}

impl ComError {
    /// Microsoft's name of the number, if it has one here.
    pub fn name(&self) -> Option<&'static str> {
        NAMES.iter().find(|(number, _)| *number == self.hresult).map(|(_, name)| *name)
    }
}

impl fmt::Display for ComError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} (0x{:08X}): {}", self.hresult, self.why),
            None => write!(f, "0x{:08X}: {}", self.hresult, self.why),
        }
    }
}

impl std::error::Error for ComError {}

/// The error that a failed call is: an answer of WMI, or of what should have carried it there.
pub(super) fn error(hresult: u32, why: String) -> Error {
    /// What [WMI] numbers: its core, events, setup and MOF.
    ///
    /// [WMI]: https://learn.microsoft.com/windows/win32/wmisdk/wmi-error-constants
    const WMI: std::ops::RangeInclusive<u32> = 0x8004_1000..=0x8004_4FFF;

    if WMI.contains(&hresult) && hresult != WBEM_E_TRANSPORT_FAILURE {
        Error::Status { status: WbemStatus(hresult), why }
    } else {
        Error::Transport(Box::new(ComError { hresult, why }))
    }
}

/// The one of WMI's numbers by which it says that it was not reached.
const WBEM_E_TRANSPORT_FAILURE: u32 = 0x8004_1015;

/// Numbers of [COM] and of [RPC] with which reaching a host fails.
///
/// [COM]: https://learn.microsoft.com/windows/win32/com/com-error-codes
/// [RPC]: https://learn.microsoft.com/windows/win32/debug/system-error-codes--1700-3999-
const NAMES: &[(u32, &str)] = &[
    (0x8000_4001, "E_NOTIMPL"),
    (0x8000_4002, "E_NOINTERFACE"),
    (0x8000_4005, "E_FAIL"),
    (0x8000_FFFF, "E_UNEXPECTED"),
    (0x8001_0002, "RPC_E_CALL_CANCELED"),
    (0x8001_0006, "RPC_E_CONNECTION_TERMINATED"),
    (0x8001_0007, "RPC_E_SERVER_DIED"),
    (0x8001_0012, "RPC_E_SERVER_DIED_DNE"),
    (0x8001_0105, "RPC_E_SERVERFAULT"),
    (0x8001_0106, "RPC_E_CHANGED_MODE"),
    (0x8001_0108, "RPC_E_DISCONNECTED"),
    (0x8001_010A, "RPC_E_SERVERCALL_RETRYLATER"),
    (0x8001_011B, "RPC_E_ACCESS_DENIED"),
    (0x8001_011F, "RPC_E_TIMEOUT"),
    (0x8004_0154, "REGDB_E_CLASSNOTREG"),
    (0x8004_01F0, "CO_E_NOTINITIALIZED"),
    (WBEM_E_TRANSPORT_FAILURE, "WBEM_E_TRANSPORT_FAILURE"),
    (0x8007_0005, "E_ACCESSDENIED"),
    (0x8007_000E, "E_OUTOFMEMORY"),
    (0x8007_0057, "E_INVALIDARG"),
    (0x8007_052E, "ERROR_LOGON_FAILURE"),
    (0x8007_06B5, "RPC_S_UNKNOWN_IF"),
    (0x8007_06BA, "RPC_S_SERVER_UNAVAILABLE"),
    (0x8007_06BB, "RPC_S_SERVER_TOO_BUSY"),
    (0x8007_06BE, "RPC_S_CALL_FAILED"),
    (0x8007_06BF, "RPC_S_CALL_FAILED_DNE"),
    (0x8007_06D9, "EPT_S_NOT_REGISTERED"),
    (0x8007_0721, "RPC_S_SEC_PKG_ERROR"),
    (0x8007_0776, "OR_INVALID_OXID"),
    (0x8008_0005, "CO_E_SERVER_EXEC_FAILURE"),
];

/// What an `__ExtendedStatus` adds to a number, as a [provider or WMI] filled it in.
///
/// [provider or WMI]: https://learn.microsoft.com/windows/win32/wmisdk/--extendedstatus
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Extended {
    pub(super) provider: Option<String>,
    pub(super) operation: Option<String>,
    pub(super) parameter: Option<String>,
    pub(super) description: Option<String>,
}

impl fmt::Display for Extended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            ("", &self.description),
            ("provider ", &self.provider),
            ("operation ", &self.operation),
            ("parameter ", &self.parameter),
        ];
        let said = parts.iter().filter_map(|(what, it)| Some((what, it.as_deref()?.trim())));
        let mut separator = "";
        for (what, text) in said.filter(|(_, text)| !text.is_empty()) {
            write!(f, "{separator}{what}{text}")?;
            separator = ", ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_statuses_and_others_are_not() {
        let not_found = error(0x8004_1002, "GetObject X".into());
        assert_eq!(not_found.to_string(), "WBEM_E_NOT_FOUND (0x80041002): GetObject X");
        // WBEMESS_E_REGISTRATION_TOO_BROAD has no name here, and is an answer all the same.
        let too_broad = error(0x8004_2001, "ExecNotificationQuery".into());
        assert_eq!(too_broad.wbem_status(), Some(WbemStatus(0x8004_2001)));
        let gone = error(0x8007_06BA, r"connecting to \\osaka".into());
        assert_eq!(
            gone.to_string(),
            "it may or may not have happened: \
             RPC_S_SERVER_UNAVAILABLE (0x800706BA): connecting to \\\\osaka"
        );
        for transport in [0x8007_0005, 0x8001_0108, 0x8004_0154, 0x8004_1015, 0x8000_4005] {
            let error = error(transport, String::new());
            assert!(matches!(error, Error::Transport(_)), "0x{transport:08X}: {error}");
        }
    }

    #[test]
    fn names_are_in_order_and_each_is_there_once() {
        assert!(NAMES.is_sorted_by(|a, b| a.0 < b.0));
        assert_eq!(ComError { hresult: 1, why: "?".into() }.to_string(), "0x00000001: ?");
    }

    #[test]
    fn extended_status_says_what_is_there() {
        let extended = Extended {
            operation: Some("ExecMethod".into()),
            parameter: Some(" Msvm_X.Name=\"1\" ".into()),
            description: Some(String::new()),
            ..Extended::default()
        };
        assert_eq!(extended.to_string(), "operation ExecMethod, parameter Msvm_X.Name=\"1\"");
        assert_eq!(Extended::default().to_string(), "");
    }
}
