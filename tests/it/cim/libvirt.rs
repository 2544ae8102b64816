//! What libvirt's driver for Hyper-V asks a host, and what it needs of the answers.
//!
//! Each of its commands begins with two queries of `root\cimv2`. Of every class that it reads it
//! insists on all scalar properties that Windows Server 2012 R2 has, with a value or null:
//! <https://libvirt.org/drvhyperv.html>.

use hyperv_replica::cim::namespace::Namespace;
use hyperv_replica::cim::*;
use hyperv_replica::model::{EnabledState, JobState, VmId, WindowsBuild};
use hyperv_replica::prelude::*;
use hyperv_replica::sim::{HostHandle, Lab};
use std::path::Path;

const NOT_SUPPORTED: u32 = 32770;

/// The scalar properties of each class, from its page at
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/windows-virtualization-portal> or
/// <https://learn.microsoft.com/windows/win32/cimwin32prov/computer-system-hardware-classes>.
const SCALARS: &[(&str, &str)] = &[
    (
        "Msvm_ComputerSystem",
        "Caption CommunicationStatus CreationClassName Description DetailedStatus \
         ElementName EnabledDefault EnabledState EnhancedSessionModeState \
         FailedOverReplicationType HealthState InstallDate InstanceID \
         LastApplicationConsistentReplicationTime LastReplicationTime LastReplicationType \
         LastSuccessfulBackupTime Name NameFormat NumberOfNumaNodes OnTimeInMilliseconds \
         OperatingStatus OtherEnabledState PrimaryOwnerContact PrimaryOwnerName \
         PrimaryStatus ProcessID ReplicationHealth ReplicationMode ReplicationState \
         RequestedState ResetCapability Status TimeOfLastConfigurationChange \
         TimeOfLastStateChange TransitioningToState",
    ),
    (
        "Msvm_ConcreteJob",
        "Cancellable Caption CommunicationStatus DeleteOnCompletion Description \
         DetailedStatus ElapsedTime ElementName ErrorCode ErrorDescription \
         ErrorSummaryDescription HealthState InstallDate InstanceID JobRunTimes JobState \
         JobStatus JobType LocalOrUtcTime Name Notify OperatingStatus OtherRecoveryAction \
         Owner PercentComplete PrimaryStatus Priority RecoveryAction RunDay RunDayOfWeek \
         RunMonth RunStartInterval ScheduledStartTime StartTime Status TimeBeforeRemoval \
         TimeOfLastStateChange TimeSubmitted UntilTime",
    ),
    (
        "Msvm_MemorySettingData",
        "Address AddressOnParent AllocationUnits AutomaticAllocation \
         AutomaticDeallocation Caption ConsumerVisibility Description \
         DynamicMemoryEnabled ElementName InstanceID IsVirtualized Limit MappingBehavior \
         MaxMemoryBlocksPerNumaNode OtherResourceType Parent PoolID Reservation \
         ResourceSubType ResourceType SwapFilesInUse TargetMemoryBuffer VirtualQuantity \
         VirtualQuantityUnits Weight",
    ),
    (
        "Msvm_ProcessorSettingData",
        "Address AddressOnParent AllocationUnits AutomaticAllocation \
         AutomaticDeallocation Caption ConsumerVisibility Description ElementName \
         InstanceID Limit LimitCPUID LimitProcessorFeatures MappingBehavior \
         MaxNumaNodesPerSocket MaxProcessorsPerNumaNode OtherResourceType Parent PoolID \
         Reservation ResourceSubType ResourceType VirtualQuantity VirtualQuantityUnits \
         Weight",
    ),
    (
        "Msvm_VirtualSystemSettingData",
        "AdditionalRecoveryInformation AllowFullSCSICommandSet AllowReducedFcRedundancy \
         AutomaticRecoveryAction AutomaticShutdownAction AutomaticStartupAction \
         AutomaticStartupActionDelay AutomaticStartupActionSequenceNumber BIOSGUID \
         BIOSNumLock BIOSSerialNumber BaseBoardSerialNumber Caption ChassisAssetTag \
         ChassisSerialNumber ConfigurationDataRoot ConfigurationFile ConfigurationID \
         CreationTime DebugChannelId DebugPort DebugPortEnabled Description ElementName \
         IncrementalBackupEnabled InstanceID IsSaved LogDataRoot LowMmioGapSize \
         NetworkBootPreferredProtocol Parent PauseAfterBootFailure RecoveryFile \
         SecureBootEnabled SnapshotDataRoot SuspendDataRoot SwapFileDataRoot Version \
         VirtualNumaEnabled VirtualSystemIdentifier VirtualSystemSubType \
         VirtualSystemType",
    ),
    (
        "Msvm_ShutdownComponent",
        "Availability Caption CommunicationStatus CreationClassName Description \
         DetailedStatus DeviceID ElementName EnabledDefault EnabledState ErrorCleared \
         ErrorDescription HealthState InstallDate InstanceID LastErrorCode MaxQuiesceTime \
         Name OperatingStatus OtherEnabledState PowerManagementSupported PowerOnHours \
         PrimaryStatus RequestedState Status StatusInfo SystemCreationClassName \
         SystemName TimeOfLastStateChange TotalPowerOnHours TransitioningToState",
    ),
    (
        "Win32_ComputerSystemProduct",
        "Caption Description IdentifyingNumber Name SKUNumber UUID Vendor Version",
    ),
    (
        "Win32_OperatingSystem",
        "BootDevice BuildNumber BuildType CSCreationClassName CSDVersion CSName Caption \
         CodeSet CountryCode CreationClassName CurrentTimeZone \
         DataExecutionPrevention_32BitApplications DataExecutionPrevention_Available \
         DataExecutionPrevention_Drivers DataExecutionPrevention_SupportPolicy Debug \
         Description Distributed EncryptionLevel ForegroundApplicationBoost \
         FreePhysicalMemory FreeSpaceInPagingFiles FreeVirtualMemory InstallDate \
         LargeSystemCache LastBootUpTime LocalDateTime Locale Manufacturer \
         MaxNumberOfProcesses MaxProcessMemorySize Name NumberOfLicensedUsers \
         NumberOfProcesses NumberOfUsers OSArchitecture OSLanguage OSProductSuite OSType \
         OperatingSystemSKU Organization OtherTypeDescription PAEEnabled PlusProductID \
         PlusVersionNumber Primary ProductType RegisteredUser SerialNumber \
         ServicePackMajorVersion ServicePackMinorVersion SizeStoredInPagingFiles Status \
         SuiteMask SystemDevice SystemDirectory SystemDrive TotalSwapSpaceSize \
         TotalVirtualMemorySize TotalVisibleMemorySize Version WindowsDirectory",
    ),
    (
        "Win32_ComputerSystem",
        "AdminPasswordStatus AutomaticManagedPagefile AutomaticResetBootOption \
         AutomaticResetCapability BootOptionOnLimit BootOptionOnWatchDog BootROMSupported \
         BootupState Caption ChassisBootupState CreationClassName CurrentTimeZone \
         DNSHostName DaylightInEffect Description Domain DomainRole \
         EnableDaylightSavingsTime FrontPanelResetStatus InfraredSupported InstallDate \
         KeyboardPasswordStatus LastLoadInfo Manufacturer Model Name NameFormat \
         NetworkServerModeEnabled NumberOfLogicalProcessors NumberOfProcessors \
         PCSystemType PartOfDomain PauseAfterReset PowerManagementSupported \
         PowerOnPasswordStatus PowerState PowerSupplyState PrimaryOwnerContact \
         PrimaryOwnerName ResetCapability ResetCount ResetLimit Status SystemStartupDelay \
         SystemStartupSetting SystemType ThermalState TotalPhysicalMemory UserName \
         WakeUpType Workgroup",
    ),
    (
        "Win32_Processor",
        "AddressWidth Architecture Availability Caption ConfigManagerErrorCode \
         ConfigManagerUserConfig CpuStatus CreationClassName CurrentClockSpeed \
         CurrentVoltage DataWidth Description DeviceID ErrorCleared ErrorDescription \
         ExtClock Family InstallDate L2CacheSize L2CacheSpeed L3CacheSize L3CacheSpeed \
         LastErrorCode Level LoadPercentage Manufacturer MaxClockSpeed Name NumberOfCores \
         NumberOfLogicalProcessors OtherFamilyDescription PNPDeviceID \
         PowerManagementSupported ProcessorId ProcessorType Revision Role \
         SocketDesignation Status StatusInfo Stepping SystemCreationClassName SystemName \
         UniqueId UpgradeMethod Version VoltageCaps",
    ),
];

/// `web` runs on tokyo and `db` is off there.
struct Site {
    lab: Lab,
    handle: HostHandle,
    tokyo: Namespace<HostHandle>,
    web: VmId,
}

impl Site {
    fn new() -> Self {
        let lab = Lab::new(["tokyo", "osaka"]);
        let web = lab.vm("web").on("tokyo").running().disk(1 << 30, 1 << 20).create();
        lab.vm("db").on("tokyo").create();
        let handle = lab.host("tokyo");
        Self { tokyo: Namespace::new(handle.clone()), lab, handle, web }
    }

    /// What a query finds; each has all scalars of its class.
    #[track_caller]
    fn query(&self, wql: &str) -> Vec<Instance> {
        let all = self.tokyo.query(wql).unwrap_or_else(|error| panic!("{wql}: {error}"));
        all.iter().for_each(has_every_scalar);
        all
    }

    #[track_caller]
    fn one(&self, wql: &str) -> Instance {
        let mut all = self.query(wql);
        assert_eq!(all.len(), 1, "{wql}: {all:?}");
        all.remove(0)
    }

    /// The parts of the settings of `web`.
    fn parts(&self, class: &str) -> Vec<Instance> {
        self.query(&format!(
            "ASSOCIATORS OF {{Msvm_VirtualSystemSettingData.InstanceID='Microsoft:{}'}} WHERE \
             AssocClass = Msvm_VirtualSystemSettingDataComponent ResultClass = {class}",
            self.web
        ))
    }

    /// Asks for a state, and looks at the job until it has ended.
    #[track_caller]
    fn request(&self, state: u16) -> JobState {
        let path = system(self.web);
        let given = Instance::parameters().with("RequestedState", state);
        let reply = self.tokyo.invoke(&path, "RequestStateChange", &given).unwrap();
        assert_eq!(reply.value, 4096);
        let Some(Value::Reference(job)) = reply.out.get("Job") else { panic!("{reply:?}") };
        let id = job.key("InstanceID").and_then(KeyValue::as_str).expect("its only key");
        let query = format!("SELECT * FROM Msvm_ConcreteJob WHERE InstanceID = '{id}'");
        loop {
            let state = number(&self.one(&query), "JobState");
            let state = JobState::from_wire(state.try_into().unwrap()).expect("a state");
            if state.is_terminal() {
                return state;
            }
            self.handle.sleep(std::time::Duration::from_millis(100)).unwrap();
        }
    }

    fn power(&self) -> EnabledState {
        self.handle.vm(self.web).unwrap().power
    }
}

/// GUIDs come in lower case.
fn system(vm: VmId) -> ObjectPath {
    ObjectPath::class("Msvm_ComputerSystem")
        .with("CreationClassName", "Msvm_ComputerSystem")
        .with("Name", vm.to_string().to_lowercase())
}

fn management() -> ObjectPath {
    ObjectPath::class("Msvm_VirtualSystemManagementService")
        .with("CreationClassName", "Msvm_VirtualSystemManagementService")
}

fn scalars(class: &str) -> impl Iterator<Item = &'static str> {
    let found = SCALARS.iter().find(|(name, _)| *name == class);
    found.into_iter().flat_map(|(_, names)| names.split_whitespace())
}

#[track_caller]
fn has_every_scalar(it: &Instance) {
    let missing: Vec<_> = scalars(it.class.as_str()).filter(|name| !it.supplies(name)).collect();
    assert_eq!(missing, [""; 0], "of {}", it.class);
}

#[track_caller]
fn text<'a>(it: &'a Instance, property: &str) -> &'a str {
    it.read::<&str>(property).unwrap().unwrap_or_else(|| panic!("{property} of {it:?}"))
}

#[track_caller]
fn number(it: &Instance, property: &str) -> i128 {
    let value = it.get(property).and_then(Value::as_integer);
    value.unwrap_or_else(|| panic!("{property} of {it:?}"))
}

fn names(all: &[Instance]) -> Vec<&str> {
    all.iter().map(|it| text(it, "ElementName")).collect()
}

/// Every class that is in the list is asked for in some test, and every Windows since 2012 R2 has
/// what it needs.
#[test]
fn every_windows_has_every_scalar() {
    assert_eq!(scalars("Msvm_ComputerSystem").count(), 36);
    for build in WindowsBuild::ALL.iter().filter(|it| it.to_wire() >= 9600) {
        let schema = Schema::virtualization().of_build(build.to_wire().into());
        for (class, _) in SCALARS {
            let of = schema.class(class).unwrap_or_else(|| panic!("{class} of {build}"));
            let missing: Vec<_> = scalars(class).filter(|it| of.property(it).is_none()).collect();
            assert_eq!(missing, [""; 0], "of {class} of {build}");
            let arrays = scalars(class).filter(|it| of.property(it).unwrap().of.is_array);
            assert_eq!(arrays.count(), 0, "{class}");
        }
    }
}

/// `UUID` is parsed, and `Version` taken apart at its points:
/// <https://learn.microsoft.com/windows/win32/cimwin32prov/win32-computersystemproduct>, by which a
/// computer without a UUID shows zeros.
#[test]
fn every_command_begins_with_the_host() {
    let site = Site::new();
    let product = site.one("SELECT * FROM Win32_ComputerSystemProduct ");
    assert_eq!(text(&product, "UUID"), "00000000-0000-0000-0000-000000000000");
    let windows = site.one("SELECT * FROM Win32_OperatingSystem ");
    let parts: Vec<u32> =
        text(&windows, "Version").split('.').map(|it| it.parse().unwrap()).collect();
    assert_eq!(parts.len(), 3);
    assert_eq!(windows.get("FreePhysicalMemory"), Some(&Value::Null), "nobody knows");
    for it in [&product, &windows] {
        let path = it.path.as_ref().expect("where it is");
        assert_eq!(path.namespace.as_ref().unwrap().name, *r"root\cimv2");
        assert_eq!(site.tokyo.get(path).unwrap(), *it);
    }
}

/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-computersystem>: 2 runs, 3 is off.
#[test]
fn list_finds_each_and_then_one_by_one() {
    let site = Site::new();
    let every = "SELECT * FROM Msvm_ComputerSystem WHERE Name != __SERVER ";
    let running = "AND (EnabledState != 0 and EnabledState != 3 and EnabledState != 32769) ";
    let mut all = names(&site.query(every)).into_iter().map(str::to_owned).collect::<Vec<_>>();
    all.sort();
    assert_eq!(all, ["db", "web"]);
    let found = site.one(&format!("{every}{running}"));
    assert_eq!((text(&found, "ElementName"), number(&found, "EnabledState")), ("web", 2));
    let id = text(&found, "Name").to_lowercase();
    assert_eq!(site.one(&format!("{every}AND Name = '{id}'")), found);
    assert_eq!(site.one(&format!("{every}AND ElementName = 'web'")), found);
    assert!(number(&found, "ProcessID") > 0);
}

/// One processor without limit and 512 MB, by
/// <https://learn.microsoft.com/powershell/module/hyper-v/new-vm>.
#[test]
fn dominfo_reads_settings_processors_and_memory() {
    let site = Site::new();
    let settings = site.one(&format!(
        "ASSOCIATORS OF {{{}}} WHERE AssocClass = Msvm_SettingsDefineState ResultClass = \
         Msvm_VirtualSystemSettingData",
        system(site.web).to_string().replace('"', "'")
    ));
    assert_eq!(text(&settings, "InstanceID"), format!("Microsoft:{}", site.web));
    assert_eq!(number(&settings, "AutomaticStartupAction"), 2, "no autostart");
    let [processors] = &site.parts("Msvm_ProcessorSettingData")[..] else { panic!("one") };
    assert_eq!(number(processors, "VirtualQuantity"), 1);
    assert_eq!(number(processors, "Limit"), 100_000);
    let [memory] = &site.parts("Msvm_MemorySettingData")[..] else { panic!("one") };
    assert_eq!(number(memory, "VirtualQuantity"), 512);
    assert_eq!(text(memory, "AllocationUnits"), "byte * 2^20");
    for part in [processors, memory] {
        let back = format!("ASSOCIATORS OF {{{}}}", part.path.as_ref().unwrap());
        assert_eq!(site.one(&back), settings);
    }
}

/// `Parent` leads from a disk to its drive, and from there to the controller:
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-storageallocationsettingdata>.
#[test]
fn dumpxml_follows_disks_to_their_controller() {
    let site = Site::new();
    let disks = site.parts("Msvm_StorageAllocationSettingData");
    let resources = site.parts("Msvm_ResourceAllocationSettingData");
    let parent = |of: &Instance| {
        let path = text(of, "Parent");
        let end = |it: &&Instance| {
            path.ends_with(&format!("{}\"", text(it, "InstanceID").replace('\\', "\\\\")))
        };
        let found = resources.iter().find(end).unwrap_or_else(|| panic!("{path}"));
        assert_eq!(site.tokyo.get(&path.parse().unwrap()).unwrap(), *found);
        found
    };
    assert_eq!(disks.len(), 1);
    for disk in &disks {
        let files: &[String] = disk.read("HostResource").unwrap().expect("a file");
        let [file] = files else { panic!("{files:?}") };
        let extension = Path::new(file).extension().expect("an extension");
        assert!(extension.eq_ignore_ascii_case("vhdx"), "{file}");
        let drive = parent(disk);
        assert_eq!(number(drive, "ResourceType"), 17);
        assert_eq!(text(drive, "AddressOnParent"), "0");
        assert_eq!(number(parent(drive), "ResourceType"), 6);
    }
    for class in ["Msvm_SerialPortSettingData", "Msvm_EthernetPortAllocationSettingData"] {
        assert_eq!(site.parts(class), []);
    }
}

#[test]
fn nodeinfo_hostname_and_networks() {
    let site = Site::new();
    let computer = site.one("SELECT * FROM Win32_ComputerSystem ");
    assert_eq!(text(&computer, "DNSHostName"), "tokyo");
    let name = text(&computer, "Name");
    let processor = site.one(&format!(
        "ASSOCIATORS OF {{Win32_ComputerSystem.Name='{name}'}} WHERE AssocClass = \
         Win32_ComputerSystemProcessor ResultClass = Win32_Processor"
    ));
    // Both are divided by, and the name is copied.
    assert!(number(&processor, "NumberOfCores") > 0);
    assert!(number(&processor, "NumberOfLogicalProcessors") > 0);
    assert!(!text(&processor, "Name").is_empty());
    let most = site.one(
        "SELECT * FROM Msvm_ProcessorSettingData WHERE InstanceID LIKE \
         'Microsoft:Definition%Maximum'",
    );
    assert_eq!(number(&most, "VirtualQuantity"), 64);
    assert_eq!(site.tokyo.get(most.path.as_ref().unwrap()).unwrap(), most);
    assert_eq!(site.query("SELECT * FROM Msvm_VirtualEthernetSwitch WHERE HealthState = 5"), []);
}

#[test]
fn a_name_with_a_domain_is_that_of_a_member() {
    let lab = Lab::new(["tokyo.contoso.com"]);
    let host = Namespace::new(lab.host("tokyo.contoso.com"));
    let computer = host.query("SELECT * FROM Win32_ComputerSystem").unwrap().remove(0);
    assert_eq!(text(&computer, "DNSHostName"), "tokyo");
    assert_eq!(text(&computer, "Domain"), "contoso.com");
    assert_eq!(computer.get("PartOfDomain"), Some(&Value::Boolean(true)));
    assert_eq!(
        CimService::new(host).host().unwrap().name,
        lab.host("tokyo.contoso.com").host().unwrap().name
    );
}

/// 2 start or resume, 9 suspend, 3 destroy, 6 managedsave:
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/requeststatechange-msvm-computersystem>.
#[test]
fn power_changes_by_jobs() {
    let site = Site::new();
    for (state, power) in [
        (9, EnabledState::Quiesce),
        (2, EnabledState::Enabled),
        (6, EnabledState::Offline),
        (2, EnabledState::Enabled),
        (3, EnabledState::Disabled),
        (2, EnabledState::Enabled),
    ] {
        assert_eq!(site.request(state), JobState::Completed, "to {state}");
        assert_eq!(site.power(), power, "after {state}");
    }
}

/// <https://learn.microsoft.com/windows/win32/hyperv_v2/initiateshutdown-msvm-shutdowncomponent>
#[test]
fn shutdown_asks_the_guest() {
    let site = Site::new();
    let query = format!(
        "SELECT * FROM Msvm_ShutdownComponent WHERE SystemName = '{}'",
        site.web.to_string().to_lowercase()
    );
    let component = site.one(&query);
    let path = ObjectPath::class("Msvm_ShutdownComponent")
        .with("CreationClassName", "Msvm_ShutdownComponent")
        .with("DeviceID", text(&component, "DeviceID"))
        .with("SystemCreationClassName", "Msvm_ComputerSystem")
        .with("SystemName", site.web.to_string().to_lowercase());
    let given =
        Instance::parameters().with("Force", false).with("Reason", "Planned shutdown via libvirt");
    assert_eq!(site.tokyo.invoke(&path, "InitiateShutdown", &given).unwrap().value, 0);
    site.lab.advance(minutes(5));
    assert_eq!(site.power(), EnabledState::Disabled);
}

#[test]
fn undefine_removes() {
    let site = Site::new();
    assert_eq!(site.request(3), JobState::Completed);
    let given = Instance::parameters().with("AffectedSystem", system(site.web));
    let reply = site.tokyo.invoke(&management(), "DestroySystem", &given).unwrap();
    assert!([0, 4096].contains(&reply.value), "{reply:?}");
    site.lab.advance(minutes(5));
    let left = site.query("SELECT * FROM Msvm_ComputerSystem WHERE Name != __SERVER ");
    assert_eq!(names(&left), ["db"]);
}

/// Autostart, setvcpus, setmem, attach and define ask for what the contract has no words for.
#[test]
fn what_changes_hardware_is_refused() {
    let site = Site::new();
    let before = site.lab.world();
    let autostart = format!(
        r#"<INSTANCE CLASSNAME="Msvm_VirtualSystemSettingData">
           <PROPERTY NAME="AutomaticStartupAction" TYPE="uint16"><VALUE>4</VALUE></PROPERTY>
           <PROPERTY NAME="InstanceID" TYPE="string"><VALUE>Microsoft:{}</VALUE></PROPERTY>
           </INSTANCE>"#,
        site.web
    );
    let settings = || Instance::parameters().with("SystemSettings", autostart.clone());
    let parts = || Instance::parameters().with("ResourceSettings", vec![autostart.clone()]);
    for (method, given) in [
        ("ModifySystemSettings", settings()),
        ("DefineSystem", settings()),
        ("ModifyResourceSettings", parts()),
        ("AddResourceSettings", parts()),
    ] {
        let reply = site.tokyo.invoke(&management(), method, &given).unwrap();
        assert_eq!(reply.value, NOT_SUPPORTED, "{method}");
    }
    assert_eq!(site.lab.world(), before);
}
