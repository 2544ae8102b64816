//! What a client can ask for: one entry per method, and one per state a method may request.

use std::fmt;
use std::str::FromStr;

/// Declares [`Operation`] once: variant, method, class, page and requested state.
macro_rules! operations {
    ($($(#[$meta:meta])* $variant:ident = $class:ident . $method:literal $(or $also:literal)?
        $(requests $state:literal)?, $page:literal;)+) => {
        /// A thing a client can ask for, with a rule of its own.
        ///
        /// It is a method, except that each state which `RequestReplicationStateChange` and the
        /// virtual machine's `RequestStateChange` may request stands for itself, and that a
        /// deprecated method shares the entry of its `...Ex` successor.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(serde::Serialize, serde::Deserialize)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum Operation {
            $($(#[$meta])* #[doc = concat!("\nPage: <https://learn.microsoft.com/windows/win32/hyperv_v2/", $page, ">.")]
            $variant,)+
        }

        impl Operation {
            /// Every operation, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name of the entry, as the command line accepts it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)+ }
            }

            /// The method a client calls.
            pub const fn method(self) -> &'static str {
                match self { $(Self::$variant => $method,)+ }
            }

            /// The deprecated method that does the same to relationship 0, where there is one.
            pub const fn deprecated_method(self) -> Option<&'static str> {
                match self { $(Self::$variant => operations!(@first $($also)?),)+ }
            }

            /// The class that has the method.
            pub const fn class(self) -> &'static str {
                match self { $(Self::$variant => concat!("Msvm_", stringify!($class)),)+ }
            }

            /// The state the method is asked for, where each state has an entry of its own.
            pub const fn requested_state(self) -> Option<u16> {
                match self { $(Self::$variant => operations!(@first $($state)?),)+ }
            }

            /// The public page that documents it.
            pub const fn page(self) -> &'static str {
                match self {
                    $(Self::$variant =>
                        concat!("https://learn.microsoft.com/windows/win32/hyperv_v2/", $page),)+
                }
            }
        }
    };
    (@first) => { None };
    (@first $value:literal) => { Some($value) };
}

operations! {
    /// Changes the settings of the replica server.
    ModifyServiceSettings = ReplicationService."ModifyServiceSettings",
        "modifyservicesettings-msvm-replicationservice";
    /// Lets a primary host replicate to this host.
    AddAuthorizationEntry = ReplicationService."AddAuthorizationEntry",
        "addauthorizationentry-msvm-replicationservice";
    /// Changes the trust group or the storage location of an entry.
    ModifyAuthorizationEntry = ReplicationService."ModifyAuthorizationEntry",
        "modifyauthorizationentry-msvm-replicationservice";
    /// Stops letting a primary host in.
    RemoveAuthorizationEntry = ReplicationService."RemoveAuthorizationEntry",
        "removeauthorizationentry-msvm-replicationservice";
    /// Binds an entry to a replica virtual machine.
    SetAuthorizationEntry = ReplicationService."SetAuthorizationEntry",
        "setauthorizationentry-msvm-replicationservice";
    /// Lists the certificates of the host's personal store.
    GetSystemCertificates = ReplicationService."GetSystemCertificates",
        "getsystemcertificates-msvm-replicationservice";
    /// Tries whether replication to another host could be enabled.
    TestReplicationConnection = ReplicationService."TestReplicationConnection",
        "testreplicationconnection-msvm-replicationservice";
    /// Enables replication, or extends it from a replica to a third host.
    CreateReplicationRelationship = ReplicationService."CreateReplicationRelationship",
        "createreplicationrelationship-msvm-replicationservice";
    /// Changes the settings of the relationship that the virtual machine sends on.
    ModifyReplicationSettings = ReplicationService."ModifyReplicationSettings",
        "modifyreplicationsettings-msvm-replicationservice";
    /// Ends a relationship on this side only.
    RemoveReplicationRelationship = ReplicationService."RemoveReplicationRelationshipEx"
        or "RemoveReplicationRelationship",
        "removereplicationrelationshipex-msvm-replicationservice";
    /// Starts initial replication.
    StartReplication = ReplicationService."StartReplication",
        "startreplication-msvm-replicationservice";
    /// Reads an exported initial replica.
    ImportInitialReplica = ReplicationService."ImportInitialReplica",
        "importinitialreplica-msvm-replicationservice";
    /// Makes a failed-over replica the primary of its old primary.
    ReverseReplicationRelationship = ReplicationService."ReverseReplicationRelationship",
        "reversereplicationrelationship-msvm-replicationservice";
    /// Fails a replica over.
    InitiateFailover = ReplicationService."InitiateFailover",
        "initiatefailover-msvm-replicationservice";
    /// Takes a failover back, or cancels a prepared planned failover on the primary.
    RevertFailover = ReplicationService."RevertFailover",
        "revertfailover-msvm-replicationservice";
    /// Makes a failover final.
    CommitFailover = ReplicationService."CommitFailover",
        "commitfailover-msvm-replicationservice";
    /// Makes a test replica.
    TestReplicaSystem = ReplicationService."TestReplicaSystem",
        "testreplicasystem-msvm-replicationservice";
    /// Compares both sides and copies what differs.
    Resynchronize = ReplicationService."Resynchronize",
        "resynchronize-msvm-replicationservice";
    /// Stores the addresses a virtual machine takes after a failover.
    SetFailoverNetworkAdapterSettings = ReplicationService."SetFailoverNetworkAdapterSettings",
        "setfailovernetworkadaptersettings-msvm-replicationservice";
    /// Reads statistics and health issues.
    GetReplicationStatistics = ReplicationService."GetReplicationStatisticsEx"
        or "GetReplicationStatistics",
        "getreplicationstatisticsex-msvm-replicationservice";
    /// Starts the statistics anew.
    ResetReplicationStatistics = ReplicationService."ResetReplicationStatisticsEx"
        or "ResetReplicationStatistics",
        "resetreplicationstatisticsex-msvm-replicationservice";
    /// Makes a committed replica the primary of its extended replica.
    ChangeReplicationModeToPrimary = ReplicationService."ChangeReplicationModeToPrimary",
        "changereplicationmodetoprimary-msvm-replicationservice";
    /// Asks an external provider to fail back.
    InitiateFailback = ReplicationService."InitiateFailback",
        "initiatefailback-msvm-replicationservice";
    /// The service's own `RequestStateChange`; not implemented by Windows.
    RequestServiceStateChange = ReplicationService."RequestStateChange",
        "msvm-replicationservice-requeststatechange";
    /// Not implemented by Windows.
    StartService = ReplicationService."StartService",
        "msvm-replicationservice-startservice";
    /// Not implemented by Windows.
    StopService = ReplicationService."StopService",
        "msvm-replicationservice-stopservice";
    /// Cancels initial replication.
    CancelInitialReplication = ComputerSystem."RequestReplicationStateChangeEx"
        or "RequestReplicationStateChange" requests 1,
        "msvm-requestreplicationstatechangeex-computersystem";
    /// Marks a virtual machine as a replica that waits for its primary.
    BecomeReplica = ComputerSystem."RequestReplicationStateChangeEx"
        or "RequestReplicationStateChange" requests 2,
        "msvm-requestreplicationstatechangeex-computersystem";
    /// Resumes replication after a pause or an error.
    ResumeReplication = ComputerSystem."RequestReplicationStateChangeEx"
        or "RequestReplicationStateChange" requests 3,
        "msvm-requestreplicationstatechangeex-computersystem";
    /// Prepares a planned failover: sends the last changes and locks the primary.
    PrepareFailover = ComputerSystem."RequestReplicationStateChangeEx"
        or "RequestReplicationStateChange" requests 4,
        "msvm-requestreplicationstatechangeex-computersystem";
    /// Pauses replication, on either side.
    SuspendReplication = ComputerSystem."RequestReplicationStateChangeEx"
        or "RequestReplicationStateChange" requests 7,
        "msvm-requestreplicationstatechangeex-computersystem";
    /// Cancels a resynchronisation.
    CancelResynchronization = ComputerSystem."RequestReplicationStateChangeEx"
        or "RequestReplicationStateChange" requests 9,
        "msvm-requestreplicationstatechangeex-computersystem";
    /// Resumes a failed change of the disk set.
    ResumeDiskUpdate = ComputerSystem."RequestReplicationStateChangeEx"
        or "RequestReplicationStateChange" requests 15,
        "msvm-requestreplicationstatechangeex-computersystem";
    /// A requested replication state outside the value map.
    RequestUndocumentedState = ComputerSystem."RequestReplicationStateChangeEx"
        or "RequestReplicationStateChange",
        "msvm-requestreplicationstatechangeex-computersystem";
    /// Starts, restores or resumes a virtual machine.
    StartVm = ComputerSystem."RequestStateChange" requests 2,
        "requeststatechange-msvm-computersystem";
    /// Turns a virtual machine off at once.
    TurnOffVm = ComputerSystem."RequestStateChange" requests 3,
        "requeststatechange-msvm-computersystem";
    /// Asks the guest to shut down.
    ShutDownVm = ComputerSystem."RequestStateChange" requests 4,
        "requeststatechange-msvm-computersystem";
    /// Saves the state of a virtual machine.
    SaveVm = ComputerSystem."RequestStateChange" requests 6,
        "requeststatechange-msvm-computersystem";
    /// Pauses a virtual machine.
    PauseVm = ComputerSystem."RequestStateChange" requests 9,
        "requeststatechange-msvm-computersystem";
    /// Restarts a virtual machine through its guest.
    RebootVm = ComputerSystem."RequestStateChange" requests 10,
        "requeststatechange-msvm-computersystem";
    /// Restarts a virtual machine at once.
    ResetVm = ComputerSystem."RequestStateChange" requests 11,
        "requeststatechange-msvm-computersystem";
    /// A requested power state outside the value map.
    RequestUndocumentedPower = ComputerSystem."RequestStateChange",
        "requeststatechange-msvm-computersystem";
    /// Cancels or kills a job.
    RequestJobStateChange = ConcreteJob."RequestStateChange",
        "requeststatechange-msvm-concretejob";
    /// Reads why a job failed.
    GetError = ConcreteJob."GetError",
        "geterror-msvm-concretejob";
    /// Reads every error of a job.
    GetErrorEx = ConcreteJob."GetErrorEx",
        "geterrorex-msvm-concretejob";
    /// Deletes a virtual machine; the way to clean up a test replica.
    DestroySystem = VirtualSystemManagementService."DestroySystem",
        "destroysystem-msvm-virtualsystemmanagementservice";
}

impl Operation {
    /// Its place in [`Operation::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether it is part of Hyper-V Replica, which only a Windows Server has: every implemented
    /// method of the service, and each state that a relationship may be asked for.
    pub const fn is_replication(self) -> bool {
        !matches!(
            self,
            Self::RequestServiceStateChange
                | Self::StartService
                | Self::StopService
                | Self::StartVm
                | Self::TurnOffVm
                | Self::ShutDownVm
                | Self::SaveVm
                | Self::PauseVm
                | Self::RebootVm
                | Self::ResetVm
                | Self::RequestUndocumentedPower
                | Self::RequestJobStateChange
                | Self::GetError
                | Self::GetErrorEx
                | Self::DestroySystem
        )
    }

    /// Whether Windows implements it. What it does not implement returns 1, whatever it is asked.
    pub const fn is_implemented(self) -> bool {
        !matches!(self, Self::RequestServiceStateChange | Self::StartService | Self::StopService)
    }

    /// Every operation a name may mean: an entry's own name or a method's, without regard to case.
    ///
    /// ```
    /// use hyperv_replica::model::Operation;
    ///
    /// assert_eq!(Operation::named("initiatefailover"), [Operation::InitiateFailover]);
    /// assert_eq!(Operation::named("RequestReplicationStateChange").len(), 8);
    /// ```
    pub fn named(name: &str) -> Vec<Self> {
        let matches = |it: &Self| {
            let names = [Some(it.name()), Some(it.method()), it.deprecated_method()];
            names.into_iter().flatten().any(|known| known.eq_ignore_ascii_case(name))
        };
        Self::ALL.iter().copied().filter(matches).collect()
    }
}

impl fmt::Display for Operation {
    /// The method, with the state it requests: `RequestReplicationStateChangeEx(4)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.method())?;
        match self.requested_state() {
            Some(state) => write!(f, "({state})"),
            None => Ok(()),
        }
    }
}

impl FromStr for Operation {
    type Err = UnknownOperation;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownOperation(text.chars().take(64).collect());
        Self::named(text).first().copied().ok_or_else(unknown)
    }
}

/// A name that no operation and no method has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownOperation(pub String);

impl fmt::Display for UnknownOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no method or operation is called `{}`", self.0)
    }
}

impl std::error::Error for UnknownOperation {}
