//! Why a job did not succeed, as a client reads it.

use super::World;
use super::job::JobRecord;
use crate::model::{
    CimStatus, ErrorCode, ErrorRecord, ErrorType, HostId, JobFailure, JobId, JobState, MessageId,
    PerceivedSeverity, ProbableCause,
};

/// `E_ABORT`, which real messages of cancelled work show.
///
/// Source: <https://learn.microsoft.com/troubleshoot/windows-server/virtualization/event-19050-32022-32032-32056-32315-32546-33680>.
pub(super) const ABORTED: u32 = 0x8000_4004;

impl World {
    /// `GetErrorEx` of a job: what failed, then the cause with its HRESULT. Nothing while it runs
    /// and after success, as `JobState` says; `OperationalStatus`, of which Microsoft's page
    /// speaks, is documented to be OK always.
    ///
    /// Source: <https://learn.microsoft.com/windows/win32/hyperv_v2/geterrorex-msvm-concretejob>.
    pub(super) fn job_errors(&self, host: HostId, id: JobId) -> Vec<ErrorRecord> {
        let Some(job) = self.host(host).and_then(|it| it.jobs.get(&id)) else { return Vec::new() };
        let Some(failure) = job.failure.as_deref() else { return Vec::new() };
        let name = job.vm.and_then(|vm| self.vm_state(host, vm)).map(|vm| vm.name.to_string());
        job.errors(failure, name)
    }
}

impl JobRecord {
    fn errors(&self, failure: &JobFailure, vm: Option<String>) -> Vec<ErrorRecord> {
        let (message, perceived_severity, action) = match self.state {
            JobState::Exception => (
                MessageId::OperationFailed,
                PerceivedSeverity::High,
                "Correct the cause and try again.",
            ),
            _ => (MessageId::OperationCancelled, PerceivedSeverity::Low, "Try again if need be."),
        };
        let id = self.vm.map(|vm| vm.to_string());
        let subject: Vec<_> = vm.into_iter().chain(id).collect();
        let (error_type, probable_cause) = kind_of(failure.hresult);
        let summary = ErrorRecord {
            message_id: message.to_wire(),
            message: failure.summary.clone(),
            message_arguments: subject,
            owning_entity: message.owning_entity().to_owned(),
            error_type,
            perceived_severity,
            probable_cause,
            error_source: self.operation.method().to_owned(),
            cim_status: status_of(failure.code),
            recommended_actions: vec![action.to_owned()],
        };
        let mut cause = ErrorRecord {
            message_id: MessageId::Cause.to_wire(),
            message: failure.description.clone(),
            recommended_actions: Vec::new(),
            ..summary.clone()
        };
        cause.message_arguments.push(format!("0x{:08X}", failure.hresult));
        vec![summary, cause]
    }
}

/// What the code behind a failure says of its kind: the numbers of `WinHTTP` are of the way to the
/// other host; access denied and the numbers of the security facility are of identity.
const fn kind_of(hresult: u32) -> (ErrorType, ProbableCause) {
    match hresult {
        0x2EE0..=0x2F8F => (ErrorType::Communications, ProbableCause::ConnectionEstablishment),
        0x8007_0005 | 0x8009_0000..=0x8009_FFFF => {
            (ErrorType::Security, ProbableCause::UnauthorizedAccess)
        }
        _ => (ErrorType::Software, ProbableCause::Unknown),
    }
}

const fn status_of(code: ErrorCode) -> CimStatus {
    match code {
        ErrorCode::AccessDenied => CimStatus::AccessDenied,
        ErrorCode::NotSupported => CimStatus::NotSupported,
        ErrorCode::InvalidParameter | ErrorCode::IncorrectDataType => CimStatus::InvalidParameter,
        ErrorCode::NotAvailable | ErrorCode::FileNotFound => CimStatus::NotFound,
        _ => CimStatus::Failed,
    }
}
