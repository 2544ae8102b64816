//! The public pages that rules cite.

macro_rules! win32 {
    ($page:literal) => {
        concat!("https://learn.microsoft.com/windows/win32/hyperv_v2/", $page)
    };
}
macro_rules! cmdlet {
    ($page:literal) => {
        concat!("https://learn.microsoft.com/powershell/module/hyper-v/", $page)
    };
}
macro_rules! blog {
    ($page:literal) => {
        concat!("https://learn.microsoft.com/virtualization/community/team-blog/", $page)
    };
}
pub(crate) use {cmdlet, win32};

pub(crate) const RELATIONSHIP: &str = win32!("msvm-replicationrelationship");
pub(crate) const SETTINGS: &str = win32!("msvm-replicationsettingdata");
pub(crate) const SERVER_SETTINGS: &str = win32!("msvm-replicationservicesettingdata");
pub(crate) const STATE_CHANGE: &str = win32!("msvm-computersystem-requestreplicationstatechange");
pub(crate) const STATE_CHANGE_EX: &str =
    win32!("msvm-requestreplicationstatechangeex-computersystem");
pub(crate) const CREATE: &str = win32!("createreplicationrelationship-msvm-replicationservice");
pub(crate) const START: &str = win32!("startreplication-msvm-replicationservice");
pub(crate) const FAILOVER: &str = win32!("initiatefailover-msvm-replicationservice");
pub(crate) const COMMIT: &str = win32!("commitfailover-msvm-replicationservice");
pub(crate) const REVERSE: &str = win32!("reversereplicationrelationship-msvm-replicationservice");
pub(crate) const FAILBACK: &str = win32!("initiatefailback-msvm-replicationservice");
pub(crate) const REMOVE: &str = win32!("removereplicationrelationshipex-msvm-replicationservice");
pub(crate) const POWER: &str = win32!("requeststatechange-msvm-computersystem");
pub(crate) const DESTROY: &str = win32!("destroysystem-msvm-virtualsystemmanagementservice");
pub(crate) const JOB: &str = win32!("msvm-concretejob");
pub(crate) const JOB_STATE: &str = win32!("requeststatechange-msvm-concretejob");

/// “Fail over a replicated virtual machine with Hyper-V Replica”.
pub(crate) const LEARN_FAILOVER: &str =
    "https://learn.microsoft.com/windows-server/virtualization/hyper-v/replication-failover";
/// “Hyper-V Replica overview”.
pub(crate) const LEARN_OVERVIEW: &str =
    "https://learn.microsoft.com/windows-server/virtualization/hyper-v/replication-overview";
pub(crate) const ENABLE: &str = cmdlet!("enable-vmreplication");
pub(crate) const START_FAILOVER: &str = cmdlet!("start-vmfailover");
pub(crate) const STOP_FAILOVER: &str = cmdlet!("stop-vmfailover");
pub(crate) const START_INITIAL: &str = cmdlet!("start-vminitialreplication");
pub(crate) const STOP_INITIAL: &str = cmdlet!("stop-vminitialreplication");
pub(crate) const SUSPEND: &str = cmdlet!("suspend-vmreplication");
pub(crate) const RESUME: &str = cmdlet!("resume-vmreplication");
pub(crate) const REMOVE_REPLICATION: &str = cmdlet!("remove-vmreplication");
pub(crate) const IMPORT: &str = cmdlet!("import-vminitialreplication");
pub(crate) const SET_SERVER: &str = cmdlet!("set-vmreplicationserver");
pub(crate) const NEW_ENTRY: &str = cmdlet!("new-vmreplicationauthorizationentry");
pub(crate) const SET_REPLICATION: &str = cmdlet!("set-vmreplication");

/// “Interpreting Replication Health, part 1”: states, roles, health.
pub(crate) const BLOG_HEALTH: &str = blog!("2012/20120615-interpreting-replication-health-part-1");
/// “Interpreting Replication Health, part 2”: statistics and their windows.
pub(crate) const BLOG_STATISTICS: &str =
    blog!("2012/20120621-interpreting-replication-health-part-2");
/// “Inject IP address into the VM during failover”.
pub(crate) const BLOG_NETWORK: &str =
    blog!("2012/20120528-inject-ip-address-into-the-vm-during-failover");
/// “Resynchronization of virtual machines in Hyper-V Replica”.
pub(crate) const BLOG_RESYNC: &str =
    blog!("2013/20130510-resynchronization-of-virtual-machines-in-hyper-v-replica");
/// “Online resize of virtual disks attached to replicating virtual machines”.
pub(crate) const BLOG_RESIZE: &str =
    blog!("2013/20131114-online-resize-of-virtual-disks-attached-to-replicating-virtual-machines");
/// “Save network bandwidth by using out-of-band initial replication”.
pub(crate) const BLOG_EXPORT: &str = blog!(
    "2013/20130628-save-network-bandwidth-by-using-out-of-band-initial-replication-method-in-hyper-v-replica"
);
/// “Using existing virtual machines for initial replication”.
pub(crate) const BLOG_SEED: &str =
    blog!("2013/20130827-using-an-existing-vm-for-initial-replication-in-hyper-v-replica");
/// “Using SMB shares with Hyper-V Replica”: an entry whose folder cannot be opened.
pub(crate) const BLOG_SMB: &str = blog!("2013/20130614-using-smb-shares-with-hyper-v-replica");
/// “What's new in Hyper-V Replica in Windows Server 2012 R2”.
pub(crate) const BLOG_2012_R2: &str =
    blog!("2013/20131022-whats-new-in-hyper-v-replica-in-windows-server-2012-r2");
/// “Hyper-V Replica: extend replication”.
pub(crate) const BLOG_EXTEND: &str = blog!("2013/20131209-hyper-v-replica-extend-replication");
/// “Improvements in recovery history”: snapshots, undo logs, and what their damage costs.
pub(crate) const BLOG_HISTORY: &str = blog!("2014/20140127-improvements-in-recovery-history");
/// “Measure replication”: the cmdlet does not apply to a virtual machine without replication.
pub(crate) const BLOG_MEASURE: &str =
    blog!("2013/20131230-measuring-replication-health-in-a-cluster");
/// Scripts that drive two hosts by the states they poll.
pub(crate) const SCRIPTS: &str =
    "https://github.com/y-oga/Hyper-V-Replica-Cluster/tree/master/LAN/ForWS2019/AutoScripts";
/// Microsoft's lab for planned failover.
pub(crate) const LAB: &str = "https://github.com/MicrosoftLearning/WS-011-Windows-Server-2019-Administration/blob/master/Instructions/Labs/LAB_AK_07_Implementing_Hyper-V_Replica_and_Windows_Server_Backup.md";
/// Microsoft's Linux test that fails a virtual machine over and cleans up.
pub(crate) const LIS_TEST: &str = "https://github.com/microsoft/lis-test/blob/2b2221b390a8361c6902c2aab20c860f54f3f4bb/WS2012R2/lisa/setupscripts/SR-IOV_Replication.ps1";
/// The same replication engine with Azure as its target.
pub(crate) const AZURE: &str =
    "https://learn.microsoft.com/azure/site-recovery/hyper-v-azure-architecture";
/// An enable job that failed, as dumped by its victim.
pub(crate) const ENABLE_FAILED: &str = "https://github.com/MicrosoftDocs/azure-docs/issues/68695";
