//! The documented refusals.

use super::wire::wire_enum;

wire_enum! {
    /// Why a method refused: every documented return value but 0 and 4096.
    ///
    /// A job that fails carries one of the same numbers in its `ErrorCode`.
    "https://learn.microsoft.com/windows/win32/hyperv_v2/initiatefailover-msvm-replicationservice"
    pub enum ErrorCode: u32 {
        /// Nothing more specific fits.
        Failed = 32768, "Failed";
        /// The caller is no Hyper-V administrator.
        AccessDenied = 32769, "Access Denied";
        /// This host, build or provider does not do that.
        NotSupported = 32770, "Not Supported";
        /// The outcome is not known.
        StatusUnknown = 32771, "Status is unknown";
        /// The other side did not answer in time.
        Timeout = 32772, "Timeout";
        /// A value is out of range or missing.
        InvalidParameter = 32773, "Invalid parameter";
        /// Another operation holds the virtual machine.
        InUse = 32774, "System is in use";
        /// The mode, state or power does not allow it now.
        InvalidState = 32775, "Invalid state for this operation";
        /// An embedded instance of the wrong class.
        IncorrectDataType = 32776, "Incorrect data type";
        /// The virtual machine or the service is not there.
        NotAvailable = 32777, "System is not available";
        /// The host lacks memory.
        OutOfMemory = 32778, "Out of memory";
        /// A path does not exist.
        FileNotFound = 32779, "File not found";
    }
}
