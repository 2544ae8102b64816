//! The typed verbs of the contract: one for each operation, over any service.

use super::{Outcome, Patience, ReplicationService};
use crate::error::{Error, JobError, Missing, Result};
use crate::model::{
    AuthorizationEntry, Call, ErrorRecord, FailoverNetworkAdapterSettings, InitialReplication,
    JobId, JobState, Operation, Output, PointId, RelationshipId, RequestedJobState,
    RequestedReplicationState, RequestedState, ServiceSettings, Settings, SimTime, Statistics,
    VmId,
};

macro_rules! verbs {
    ($(
        $(#[$meta:meta])*
        $alias:literal $operation:ident
        fn $name:ident(&self $(, $arg:ident: $ty:ty)*) => $call:expr;
    )+) => {
        /// Conveniences over any [`ReplicationService`]; implemented for every one, never by hand.
        ///
        /// Each verb is a call of WMI. What it may be refused with stands below it, from the same
        /// [rule book](crate::rules) that the simulator judges by.
        pub trait ReplicationServiceExt: ReplicationService {
            $(
                $(#[$meta])*
                #[doc = ""]
                #[doc = concat!("Calls `", $alias, "`; judged by the rule of [`Operation::",
                    stringify!($operation), "`].\n")]
                #[doc = include_str!(concat!("../../docs/refused/", stringify!($operation), ".md"))]
                #[doc(alias = $alias)]
                fn $name(&self $(, $arg: $ty)*) -> Result<Outcome> {
                    self.call(&$call)
                }
            )+

            /// The statistics and health issues of a relationship.
            #[doc(alias = "GetReplicationStatisticsEx")]
            fn statistics(&self, id: RelationshipId) -> Result<(Statistics, Vec<ErrorRecord>)> {
                let call =
                    Call::GetReplicationStatistics { vm: id.vm, relationship: Some(id) };
                match self.call(&call)? {
                    Outcome::Returned(output) => match *output {
                        Output::Statistics { statistics, issues } => Ok((statistics, issues)),
                        _ => Err(unexpected(Operation::GetReplicationStatistics)),
                    },
                    _ => Err(unexpected(Operation::GetReplicationStatistics)),
                }
            }

            /// Why a job did not succeed: what failed, then the cause with its HRESULT; nothing
            /// while it runs and after success.
            #[doc(alias = "GetErrorEx")]
            fn job_errors(&self, job: JobId) -> Result<Vec<ErrorRecord>> {
                match self.call(&Call::GetErrorEx { job })? {
                    Outcome::Returned(output) => match *output {
                        Output::Errors(errors) => Ok(errors),
                        _ => Err(unexpected(Operation::GetErrorEx)),
                    },
                    _ => Err(unexpected(Operation::GetErrorEx)),
                }
            }

            /// Waits for what a call began, with the default [`Patience`].
            ///
            /// # Errors
            /// [`Error::JobFailed`] if the job ends badly or vanishes unseen,
            /// [`Error::WaitTimedOut`] if it does not end in an hour.
            fn wait(&self, started: impl Into<Outcome>) -> Result<()> {
                self.wait_for(&started.into(), Patience::default())
            }

            /// Polls the job that a call began until it ends, letting the service's time pass
            /// between two looks: an instant under virtual time, a real wait on a real host.
            ///
            /// # Errors
            /// As [`wait`](Self::wait), with this patience.
            fn wait_for(&self, started: &Outcome, patience: Patience) -> Result<()> {
                let Outcome::Started(job) = *started else { return Ok(()) };
                let begun = self.now()?;
                loop {
                    match ended(self.job(job), job)? {
                        Some(state) if state.is_success() => return Ok(()),
                        Some(state) => {
                            let failure = self.job(job).ok().and_then(|it| it.error);
                            let state = Some(state);
                            return Err(Error::JobFailed(JobError { job, state, failure }));
                        }
                        None => {}
                    }
                    let waited = self.now()?.since(begun);
                    if waited >= patience.timeout {
                        return Err(Error::WaitTimedOut { job, waited });
                    }
                    self.sleep(patience.poll.min(patience.timeout - waited))?;
                }
            }
        }
    };
}

fn unexpected(operation: Operation) -> Error {
    Error::Transport { operation: Some(operation), source: "the answer lacks its outputs".into() }
}

/// The state of a job that has ended; one that vanished has failed as far as anybody can tell.
fn ended(read: Result<crate::model::Job>, job: JobId) -> Result<Option<JobState>> {
    match read {
        Ok(it) if it.state.is_terminal() => Ok(Some(it.state)),
        Ok(_) => Ok(None),
        Err(Error::NotFound(Missing::Job(_))) => {
            Err(Error::JobFailed(JobError { job, state: None, failure: None }))
        }
        Err(error) => Err(error),
    }
}

fn state_change(id: RelationshipId, to: RequestedReplicationState) -> Call {
    Call::RequestReplicationStateChange {
        vm: id.vm,
        relationship: Some(id),
        requested: to.to_wire(),
    }
}

fn power(vm: VmId, to: RequestedState) -> Call {
    Call::RequestStateChange { vm, requested: to.to_wire() }
}

verbs! {
    /// Changes the settings of the replica server.
    "ModifyServiceSettings" ModifyServiceSettings
    fn modify_service_settings(&self, settings: ServiceSettings) =>
        Call::ModifyServiceSettings { settings: Box::new(settings) };
    /// Lets a primary host in.
    "AddAuthorizationEntry" AddAuthorizationEntry
    fn add_authorization_entry(&self, entry: AuthorizationEntry) =>
        Call::AddAuthorizationEntry { entry };
    /// Changes an entry, found by its allowed primary.
    "ModifyAuthorizationEntry" ModifyAuthorizationEntry
    fn modify_authorization_entry(&self, entry: AuthorizationEntry) =>
        Call::ModifyAuthorizationEntry { entry };
    /// Stops letting a primary host in.
    "RemoveAuthorizationEntry" RemoveAuthorizationEntry
    fn remove_authorization_entry(&self, allowed_primary: &str) =>
        Call::RemoveAuthorizationEntry { allowed_primary: allowed_primary.to_owned() };
    /// Binds an existing entry to a replica.
    "SetAuthorizationEntry" SetAuthorizationEntry
    fn set_authorization_entry(&self, vm: VmId, entry: AuthorizationEntry) =>
        Call::SetAuthorizationEntry { vm, entry };
    /// Enables replication, or extends it from a replica.
    "CreateReplicationRelationship" CreateReplicationRelationship
    fn create_replication_relationship(&self, vm: VmId, settings: Settings) =>
        Call::CreateReplicationRelationship { vm, settings: Box::new(settings) };
    /// Changes the settings of the relationship that the virtual machine sends on.
    "ModifyReplicationSettings" ModifyReplicationSettings
    fn modify_replication_settings(&self, vm: VmId, settings: Settings) =>
        Call::ModifyReplicationSettings { vm, settings: Box::new(settings) };
    /// Ends a relationship on this side.
    "RemoveReplicationRelationshipEx" RemoveReplicationRelationship
    fn remove_replication_relationship(&self, id: RelationshipId) =>
        Call::RemoveReplicationRelationship { vm: id.vm, relationship: Some(id) };
    /// Starts initial replication.
    "StartReplication" StartReplication
    fn start_replication(&self, vm: VmId, initial: InitialReplication) => initial.into_call(vm);
    /// Reads an exported initial replica from its folder.
    "ImportInitialReplica" ImportInitialReplica
    fn import_initial_replica(&self, vm: VmId, folder: &str) =>
        Call::ImportInitialReplica { vm, import_location: folder.to_owned() };
    /// Swaps the roles, with the same settings the other way round unless others are given.
    "ReverseReplicationRelationship" ReverseReplicationRelationship
    fn reverse_replication_relationship(&self, vm: VmId, settings: Option<Settings>) =>
        Call::ReverseReplicationRelationship { vm, settings: settings.map(Box::new) };
    /// Fails a replica over to a recovery point, or to the latest state.
    "InitiateFailover" InitiateFailover
    fn initiate_failover(&self, vm: VmId, point: Option<PointId>) =>
        Call::InitiateFailover { vm, point };
    /// Takes a failover back, or cancels a prepared planned failover on the primary.
    "RevertFailover" RevertFailover
    fn revert_failover(&self, vm: VmId) => Call::RevertFailover { vm };
    /// Makes a failover final.
    "CommitFailover" CommitFailover
    fn commit_failover(&self, vm: VmId) => Call::CommitFailover { vm };
    /// Makes a test replica of a recovery point, or of the latest state.
    "TestReplicaSystem" TestReplicaSystem
    fn test_replica_system(&self, vm: VmId, point: Option<PointId>) =>
        Call::TestReplicaSystem { vm, point };
    /// Compares both copies and sends what differs, now or at a time at most seven days ahead.
    "Resynchronize" Resynchronize
    fn resynchronize(&self, vm: VmId, start: Option<SimTime>) => Call::Resynchronize { vm, start };
    /// Stores the addresses that adapters take after a failover.
    "SetFailoverNetworkAdapterSettings" SetFailoverNetworkAdapterSettings
    fn set_failover_network_adapter_settings(
        &self, vm: VmId, settings: Vec<FailoverNetworkAdapterSettings>
    ) => Call::SetFailoverNetworkAdapterSettings { vm, settings };
    /// Starts the statistics of a relationship anew.
    "ResetReplicationStatisticsEx" ResetReplicationStatistics
    fn reset_replication_statistics(&self, id: RelationshipId) =>
        Call::ResetReplicationStatistics { vm: id.vm, relationship: Some(id) };
    /// Makes a committed replica the primary of its extended replica.
    "ChangeReplicationModeToPrimary" ChangeReplicationModeToPrimary
    fn change_replication_mode_to_primary(&self, vm: VmId) =>
        Call::ChangeReplicationModeToPrimary { vm, relationship: RelationshipId::extended(vm) };
    /// Cancels initial replication.
    "RequestReplicationStateChangeEx" CancelInitialReplication
    fn cancel_initial_replication(&self, id: RelationshipId) =>
        state_change(id, RequestedReplicationState::Ready);
    /// Marks a virtual machine as a replica that waits for its primary.
    "RequestReplicationStateChangeEx" BecomeReplica
    fn become_replica(&self, vm: VmId) => state_change(
        RelationshipId::primary(vm), RequestedReplicationState::WaitingForInitialReplication);
    /// Resumes replication.
    "RequestReplicationStateChangeEx" ResumeReplication
    fn resume_replication(&self, id: RelationshipId) =>
        state_change(id, RequestedReplicationState::Replicating);
    /// Prepares a planned failover.
    "RequestReplicationStateChangeEx" PrepareFailover
    fn prepare_failover(&self, id: RelationshipId) =>
        state_change(id, RequestedReplicationState::Synced);
    /// Pauses replication.
    "RequestReplicationStateChangeEx" SuspendReplication
    fn suspend_replication(&self, id: RelationshipId) =>
        state_change(id, RequestedReplicationState::Suspended);
    /// Cancels a resynchronisation.
    "RequestReplicationStateChangeEx" CancelResynchronization
    fn cancel_resynchronization(&self, id: RelationshipId) =>
        state_change(id, RequestedReplicationState::WaitingForResynchronization);
    /// Starts, restores or resumes a virtual machine.
    "RequestStateChange" StartVm
    fn start_vm(&self, vm: VmId) => power(vm, RequestedState::Enabled);
    /// Turns a virtual machine off at once.
    "RequestStateChange" TurnOffVm
    fn turn_off_vm(&self, vm: VmId) => power(vm, RequestedState::Disabled);
    /// Asks the guest to shut down.
    "RequestStateChange" ShutDownVm
    fn shut_down_vm(&self, vm: VmId) => power(vm, RequestedState::ShutDown);
    /// Saves the state of a virtual machine.
    "RequestStateChange" SaveVm
    fn save_vm(&self, vm: VmId) => power(vm, RequestedState::Offline);
    /// Pauses a virtual machine.
    "RequestStateChange" PauseVm
    fn pause_vm(&self, vm: VmId) => power(vm, RequestedState::Quiesce);
    /// Cancels a job.
    "RequestStateChange" RequestJobStateChange
    fn terminate_job(&self, job: JobId) => Call::RequestJobStateChange {
        job, requested: RequestedJobState::Terminate.to_wire() };
    /// Deletes a virtual machine.
    "DestroySystem" DestroySystem
    fn destroy_system(&self, vm: VmId) => Call::DestroySystem { vm };
}

impl<T: ReplicationService + ?Sized> ReplicationServiceExt for T {}
