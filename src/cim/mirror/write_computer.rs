//! A host as a computer: the few classes of `root\cimv2` that clients of Hyper-V read.
//!
//! The model knows nothing of hardware. A host has one processor with one core, which is the least
//! that clients can count; of its memory, its maker and its users nothing is said.

use super::names::{class, local_time};
use crate::cim::{Instance, Value};
use crate::model::{Host, SimTime, WindowsBuild};

/// How many processors a host has, and how many cores these have.
const PROCESSORS: u32 = 1;

/// `Workgroup` of a computer that is in no domain, unless it is told otherwise.
const WORKGROUP: &str = "WORKGROUP";

/// A host by its name, which ends with its domain if it is in one.
///
/// <https://learn.microsoft.com/windows/win32/cimwin32prov/win32-computersystem>
pub(crate) fn computer(host: &Host) -> Instance {
    const STANDALONE_SERVER: u16 = 2;
    const MEMBER_SERVER: u16 = 3;
    let (name, domain) = match host.name.split_once('.') {
        Some((name, domain)) => (name, Some(domain)),
        None => (&*host.name, None),
    };
    let role = if domain.is_some() { MEMBER_SERVER } else { STANDALONE_SERVER };
    Instance::of(
        class::COMPUTER,
        [
            ("Name", Value::from(&*host.name)),
            ("Caption", Value::from(&*host.name)),
            ("CreationClassName", class::COMPUTER.into()),
            ("DNSHostName", name.into()),
            ("Domain", domain.unwrap_or(WORKGROUP).into()),
            ("Workgroup", domain.is_none().then_some(WORKGROUP).into()),
            ("PartOfDomain", domain.is_some().into()),
            ("DomainRole", role.into()),
            ("CurrentTimeZone", host.utc_offset_min.into()),
            ("HypervisorPresent", true.into()),
            ("NumberOfProcessors", PROCESSORS.into()),
            ("NumberOfLogicalProcessors", PROCESSORS.into()),
            ("Status", "OK".into()),
        ],
    )
}

/// What a host was bought as. A computer without a UUID shows zeros.
///
/// <https://learn.microsoft.com/windows/win32/cimwin32prov/win32-computersystemproduct>
pub(crate) fn product() -> Instance {
    const NO_UUID: &str = "00000000-0000-0000-0000-000000000000";
    Instance::of(
        class::PRODUCT,
        [
            ("Caption", PRODUCT.into()),
            ("Description", PRODUCT.into()),
            ("Name", PRODUCT.into()),
            ("IdentifyingNumber", "".into()),
            ("Version", "".into()),
            ("UUID", NO_UUID.into()),
        ],
    )
}

/// `Name` of what a host was bought as, which is also what it is.
pub(crate) const PRODUCT: &str = "Computer System Product";

/// The processor of a host.
///
/// <https://learn.microsoft.com/windows/win32/cimwin32prov/win32-processor>
pub(crate) fn processor(host: &Host) -> Instance {
    const X64: u16 = 9;
    const CENTRAL: u16 = 3;
    Instance::of(
        class::HOST_PROCESSOR,
        [
            ("DeviceID", PROCESSOR.into()),
            ("Caption", "Processor".into()),
            ("Name", "Processor".into()),
            ("CreationClassName", class::HOST_PROCESSOR.into()),
            ("SystemCreationClassName", class::COMPUTER.into()),
            ("SystemName", Value::from(&*host.name)),
            ("Architecture", X64.into()),
            ("AddressWidth", 64_u16.into()),
            ("ProcessorType", CENTRAL.into()),
            ("NumberOfCores", PROCESSORS.into()),
            ("NumberOfLogicalProcessors", PROCESSORS.into()),
            ("Status", "OK".into()),
        ],
    )
}

/// `DeviceID` of the processor of a host.
pub(crate) const PROCESSOR: &str = "CPU0";

/// The host's Windows, at a time of the host's clock.
///
/// <https://learn.microsoft.com/windows/win32/cimwin32prov/win32-operatingsystem>
pub(crate) fn operating_system(host: &Host, now: SimTime) -> Instance {
    const WINDOWS_NT: u16 = 18;
    const SERVER: u32 = 3;
    let build = host.build.to_wire();
    let version = match host.build {
        WindowsBuild::Server2012 => "6.2",
        WindowsBuild::Server2012R2 => "6.3",
        _ => "10.0",
    };
    Instance::of(
        class::OPERATING_SYSTEM,
        [
            ("Name", operating_system_name(host).into()),
            ("Caption", edition(host).into()),
            ("Manufacturer", "Microsoft Corporation".into()),
            ("BuildNumber", build.to_string().into()),
            ("Version", format!("{version}.{build}").into()),
            ("OSType", WINDOWS_NT.into()),
            ("ProductType", SERVER.into()),
            ("OSArchitecture", "64-bit".into()),
            ("LocalDateTime", local_time(now, host.utc_offset_min).into()),
            ("CurrentTimeZone", host.utc_offset_min.into()),
            ("CSName", Value::from(&*host.name)),
            ("CreationClassName", class::OPERATING_SYSTEM.into()),
            ("CSCreationClassName", class::COMPUTER.into()),
            ("Primary", true.into()),
            ("Status", "OK".into()),
        ],
    )
}

fn edition(host: &Host) -> String {
    format!("Microsoft {}", host.build.label())
}

/// `Name` of the host's Windows: what it is and where it is installed.
pub(crate) fn operating_system_name(host: &Host) -> String {
    format!(r"{}|C:\Windows|\Device\Harddisk0\Partition4", edition(host))
}
