//! The methods of WMI that a line may call.

use super::args::BLANK;
use crate::model::{
    AuthorizationEntry, Call, JobId, Operation, RelationshipId, ServiceSettings, Settings, VmId,
};
use std::fmt;

/// A method of WMI, by the name that a client calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Method {
    operation: Operation,
    deprecated: bool,
}

impl Method {
    /// Every method, in the order of the rule book.
    pub fn all() -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for &operation in Operation::ALL {
            for deprecated in [false, true] {
                let method = Self { operation, deprecated };
                let there = !deprecated || operation.deprecated_method().is_some();
                if there && all.iter().all(|it| it.name() != method.name()) {
                    all.push(method);
                }
            }
        }
        all
    }

    /// The method of this name, without regard to case, with or without its class:
    /// `CommitFailover`, `Msvm_ConcreteJob.GetError`, `ConcreteJob.RequestStateChange`.
    pub fn named(name: &str) -> Option<Self> {
        let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
        let all = Self::all();
        all.iter().copied().find(|it| same(it.name(), name)).or_else(|| {
            let (class, method) = name.split_once('.')?;
            all.iter().copied().find(|it| {
                let known = it.operation.class();
                let short = known.strip_prefix("Msvm_").unwrap_or(known);
                (same(class, known) || same(class, short)) && same(it.bare_name(), method)
            })
        })
    }

    /// The name that a line writes. Three classes have a method called `RequestStateChange`;
    /// without its class it is the virtual machine's.
    pub fn name(self) -> &'static str {
        match self.operation {
            Operation::RequestServiceStateChange => "ReplicationService.RequestStateChange",
            Operation::RequestJobStateChange => "ConcreteJob.RequestStateChange",
            _ => self.bare_name(),
        }
    }

    fn bare_name(self) -> &'static str {
        let deprecated = self.operation.deprecated_method().filter(|_| self.deprecated);
        deprecated.unwrap_or(self.operation.method())
    }

    /// An operation of the method. Where each requested state is an operation of its own, it is
    /// the first of them.
    pub fn operation(self) -> Operation {
        self.operation
    }

    /// Whether a `…Ex` method took its place. Such a method names no relationship.
    pub fn is_deprecated(self) -> bool {
        self.deprecated
    }

    /// The method that makes this call.
    pub fn of(call: &Call) -> Self {
        let (call, _) = call.parts();
        let deprecated = match call {
            Call::RemoveReplicationRelationship { relationship, .. }
            | Call::GetReplicationStatistics { relationship, .. }
            | Call::ResetReplicationStatistics { relationship, .. } => relationship.is_none(),
            _ => false,
        };
        let this = Self { operation: call.operation(), deprecated };
        Self::named(this.name()).unwrap_or(this)
    }

    /// A call of this method with nothing filled in.
    pub(super) fn blank(self) -> Call {
        use Operation as O;
        let (vm, job) = (VmId(BLANK), JobId(BLANK));
        let settings = Box::new(Settings::default());
        let entry = AuthorizationEntry::any("");
        match self.operation {
            O::ModifyServiceSettings => {
                Call::ModifyServiceSettings { settings: Box::new(ServiceSettings::default()) }
            }
            O::AddAuthorizationEntry => Call::AddAuthorizationEntry { entry },
            O::ModifyAuthorizationEntry => Call::ModifyAuthorizationEntry { entry },
            O::RemoveAuthorizationEntry => {
                Call::RemoveAuthorizationEntry { allowed_primary: String::new() }
            }
            O::SetAuthorizationEntry => Call::SetAuthorizationEntry { vm, entry },
            O::GetSystemCertificates => Call::GetSystemCertificates,
            O::TestReplicationConnection => Call::TestReplicationConnection {
                recovery_connection_point: String::new(),
                port: 0,
                authentication: 0,
                certificate_thumbprint: None,
                bypass_proxy: false,
            },
            O::CreateReplicationRelationship => {
                Call::CreateReplicationRelationship { vm, settings }
            }
            O::ModifyReplicationSettings => Call::ModifyReplicationSettings { vm, settings },
            O::RemoveReplicationRelationship => {
                Call::RemoveReplicationRelationship { vm, relationship: None }
            }
            O::StartReplication => {
                Call::StartReplication { vm, initial: 0, export_location: None, start: None }
            }
            O::ImportInitialReplica => {
                Call::ImportInitialReplica { vm, import_location: String::new() }
            }
            O::ReverseReplicationRelationship => {
                Call::ReverseReplicationRelationship { vm, settings: None }
            }
            O::InitiateFailover => Call::InitiateFailover { vm, point: None },
            O::RevertFailover => Call::RevertFailover { vm },
            O::CommitFailover => Call::CommitFailover { vm },
            O::TestReplicaSystem => Call::TestReplicaSystem { vm, point: None },
            O::Resynchronize => Call::Resynchronize { vm, start: None },
            O::SetFailoverNetworkAdapterSettings => {
                Call::SetFailoverNetworkAdapterSettings { vm, settings: Vec::new() }
            }
            O::GetReplicationStatistics => {
                Call::GetReplicationStatistics { vm, relationship: None }
            }
            O::ResetReplicationStatistics => {
                Call::ResetReplicationStatistics { vm, relationship: None }
            }
            O::ChangeReplicationModeToPrimary => {
                let relationship = RelationshipId::extended(vm);
                Call::ChangeReplicationModeToPrimary { vm, relationship }
            }
            O::InitiateFailback => Call::InitiateFailback { vm, settings, point: None },
            O::RequestServiceStateChange => Call::RequestServiceStateChange { requested: 0 },
            O::StartService => Call::StartService,
            O::StopService => Call::StopService,
            O::CancelInitialReplication
            | O::BecomeReplica
            | O::ResumeReplication
            | O::PrepareFailover
            | O::SuspendReplication
            | O::CancelResynchronization
            | O::ResumeDiskUpdate
            | O::RequestUndocumentedState => {
                Call::RequestReplicationStateChange { vm, relationship: None, requested: 0 }
            }
            O::StartVm
            | O::TurnOffVm
            | O::ShutDownVm
            | O::SaveVm
            | O::PauseVm
            | O::RebootVm
            | O::ResetVm
            | O::RequestUndocumentedPower => Call::RequestStateChange { vm, requested: 0 },
            O::RequestJobStateChange => Call::RequestJobStateChange { job, requested: 0 },
            O::GetError => Call::GetError { job },
            O::GetErrorEx => Call::GetErrorEx { job },
            O::DestroySystem => Call::DestroySystem { vm },
        }
    }
}

impl From<Operation> for Method {
    /// The method that a client calls for this operation, where there are two the newer one.
    fn from(operation: Operation) -> Self {
        Self { operation, deprecated: false }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
