//! The public pages that behaviours cite.

macro_rules! pages {
    ($base:literal: $($name:ident = $page:literal;)+) => {
        $(pub(super) const $name: &str = concat!($base, $page);)+
    };
}

pages! { "https://learn.microsoft.com/windows/win32/hyperv_v2/":
    ADD_ENTRY = "addauthorizationentry-msvm-replicationservice";
    CERTIFICATES = "getsystemcertificates-msvm-replicationservice";
    CHANGE_MODE = "changereplicationmodetoprimary-msvm-replicationservice";
    COMMIT = "commitfailover-msvm-replicationservice";
    CONNECTION = "testreplicationconnection-msvm-replicationservice";
    CREATE = "createreplicationrelationship-msvm-replicationservice";
    DESTROY = "destroysystem-msvm-virtualsystemmanagementservice";
    ERRORS = "geterrorex-msvm-concretejob";
    FAILOVER = "initiatefailover-msvm-replicationservice";
    JOB = "msvm-concretejob";
    JOB_STATE = "requeststatechange-msvm-concretejob";
    MODIFY = "modifyreplicationsettings-msvm-replicationservice";
    MODIFY_ENTRY = "modifyauthorizationentry-msvm-replicationservice";
    NETWORK = "setfailovernetworkadaptersettings-msvm-replicationservice";
    NETWORK_DATA = "msvm-failovernetworkadaptersettingdata";
    POWER = "requeststatechange-msvm-computersystem";
    PROVIDER = "msvm-replicationprovider";
    RELATIONSHIP = "msvm-replicationrelationship";
    REMOVE = "removereplicationrelationship-msvm-replicationservice";
    REMOVE_ENTRY = "removeauthorizationentry-msvm-replicationservice";
    REMOVE_EX = "removereplicationrelationshipex-msvm-replicationservice";
    RESYNCHRONIZE = "resynchronize-msvm-replicationservice";
    REVERSE = "reversereplicationrelationship-msvm-replicationservice";
    REVERT = "revertfailover-msvm-replicationservice";
    SERVER_DATA = "msvm-replicationservicesettingdata";
    SERVICE = "msvm-replicationservice";
    SET_ENTRY = "setauthorizationentry-msvm-replicationservice";
    SETTINGS = "msvm-replicationsettingdata";
    START = "startreplication-msvm-replicationservice";
    STATE = "msvm-computersystem-requestreplicationstatechange";
    STATE_EX = "msvm-requestreplicationstatechangeex-computersystem";
    STATISTICS = "getreplicationstatisticsex-msvm-replicationservice";
    STATISTICS_DATA = "msvm-replicationstatistics";
    TEST = "testreplicasystem-msvm-replicationservice";
    VM = "msvm-computersystem";
}

pages! { "https://learn.microsoft.com/powershell/module/hyper-v/":
    PS_ENABLE = "enable-vmreplication";
    PS_FAILOVER = "start-vmfailover";
    PS_GET = "get-vmreplication";
    PS_MEASURE = "measure-vmreplication";
    PS_NEW_ENTRY = "new-vmreplicationauthorizationentry";
    PS_IMPORT = "import-vminitialreplication";
    PS_REMOVE = "remove-vmreplication";
    PS_RESET = "reset-vmreplicationstatistics";
    PS_RESUME = "resume-vmreplication";
    PS_SERVER = "set-vmreplicationserver";
    PS_SET = "set-vmreplication";
    PS_SET_NETWORK = "set-vmnetworkadapterfailoverconfiguration";
    PS_START = "start-vminitialreplication";
    PS_STOP = "stop-vminitialreplication";
    PS_STOP_FAILOVER = "stop-vmfailover";
    PS_SUSPEND = "suspend-vmreplication";
}

pages! { "https://learn.microsoft.com/windows-server/virtualization/hyper-v/":
    LEARN_FAILOVER = "replication-failover";
    LEARN_OVERVIEW = "replication-overview";
}

pages! { "https://learn.microsoft.com/virtualization/community/team-blog/":
    BLOG_2012_R2 = "2013/20131022-whats-new-in-hyper-v-replica-in-windows-server-2012-r2";
    BLOG_EXPORT = "2013/20130628-save-network-bandwidth-by-using-out-of-band-initial-replication-method-in-hyper-v-replica";
    BLOG_EXTEND = "2013/20131209-hyper-v-replica-extend-replication";
    BLOG_EXTENDED_HEALTH = "2014/20140505-replication-health-windows-server-2012-r2";
    BLOG_HEALTH = "2012/20120615-interpreting-replication-health-part-1";
    BLOG_HISTORY = "2014/20140127-improvements-in-recovery-history";
    BLOG_MEASURE = "2013/20131230-measuring-replication-health-in-a-cluster";
    BLOG_NETWORK = "2012/20120528-inject-ip-address-into-the-vm-during-failover";
    BLOG_PLANNED = "2012/20120731-types-of-failover-operations-in-hyper-v-replica-part-ii-planned-failover";
    BLOG_RESYNC = "2013/20130510-resynchronization-of-virtual-machines-in-hyper-v-replica";
    BLOG_SEED = "2013/20130827-using-an-existing-vm-for-initial-replication-in-hyper-v-replica";
    BLOG_STATISTICS = "2012/20120621-interpreting-replication-health-part-2";
    BLOG_TEST = "2012/20120725-types-of-failover-operations-in-hyper-v-replica-part-i-test-failover";
}

/// The Japanese support team on planned failover.
pub(super) const SUPPORT_PLANNED: &str =
    "https://jpwinsup.github.io/blog/2017/02/24/Hyper-V/PlannedfailoverinHyper-VReplica/";
/// The same replication engine with Azure as its target.
pub(super) const AZURE: &str =
    "https://learn.microsoft.com/azure/site-recovery/hyper-v-azure-architecture";
/// Microsoft's lab for planned failover.
pub(super) const LAB: &str = "https://github.com/MicrosoftLearning/WS-011-Windows-Server-2019-Administration/blob/master/Instructions/Labs/LAB_AK_07_Implementing_Hyper-V_Replica_and_Windows_Server_Backup.md";
/// Microsoft's sample of the Windows SDK.
pub(super) const SAMPLE: &str =
    "https://github.com/microsoft/Windows-classic-samples/tree/main/Samples/Hyper-V/Replica";
/// Microsoft's Linux test that fails a virtual machine over and cleans up.
pub(super) const LIS_TEST: &str = "https://github.com/microsoft/lis-test/blob/2b2221b390a8361c6902c2aab20c860f54f3f4bb/WS2012R2/lisa/setupscripts/SR-IOV_Replication.ps1";
/// Scripts that drive two hosts by the states they poll.
pub(super) const SCRIPTS: &str =
    "https://github.com/y-oga/Hyper-V-Replica-Cluster/tree/master/LAN/ForWS2019/AutoScripts";
/// An enable job that failed, as dumped by its victim.
pub(super) const ENABLE_FAILED: &str = "https://github.com/MicrosoftDocs/azure-docs/issues/68695";
/// A client in C that turns virtual machines off.
pub(super) const LIBVIRT: &str =
    "https://github.com/libvirt/libvirt/blob/master/src/hyperv/hyperv_driver.c";
