//! The WMI of this machine. On Linux that is Wine's, which is not Windows': where it differs, what
//! Windows is documented to do is expected, and Wine's answer is let pass by name.

use hyperv_replica::cim::{
    CimClient, CimClientExt, CimType, Error, Instance, KeyValue, ObjectPath, Value, WbemStatus,
};
use hyperv_replica::wmi::{Client, Options};
use std::path::Path;

fn options(namespace: &str) -> Options {
    Options { namespace: namespace.into(), ..Options::local() }
}

fn cimv2() -> Client {
    Client::connect(options(r"root\cimv2")).expect("every machine has it")
}

fn is_wine() -> bool {
    Path::new(r"C:\windows\system32\winecfg.exe").exists()
}

fn registry() -> ObjectPath {
    ObjectPath::class("StdRegProv")
}

/// A key below `HKEY_LOCAL_MACHINE`, a uint32 that Wine declares to be signed.
fn key(key: &str) -> Instance {
    let root = 0x8000_0002_u32;
    let root = if is_wine() { Value::Sint32(root.cast_signed()) } else { Value::Uint32(root) };
    Instance::parameters().with("hDefKey", root).with("sSubKeyName", key)
}

const VERSION: &str = r"Software\Microsoft\Windows NT\CurrentVersion";

fn text<'a>(instance: &'a Instance, name: &str) -> &'a str {
    instance.read(name).unwrap().unwrap_or_else(|| panic!("{name} of {instance:?}"))
}

#[test]
fn namespaces_that_are_not_there() {
    for namespace in [r"root\nonsense", r"root\virtualization\v2"] {
        match Client::connect(options(namespace)) {
            Err(error) => {
                assert_eq!(error.wbem_status(), Some(WbemStatus::INVALID_NAMESPACE), "{error}");
            }
            Ok(_) => assert!(namespace.ends_with("v2"), "a Hyper-V host has it"),
        }
    }
}

/// A boolean, numbers of each width and text, as [Microsoft declares] them.
///
/// [Microsoft declares]: https://learn.microsoft.com/windows/win32/cimwin32prov/win32-operatingsystem
#[test]
fn instances_are_typed_by_their_class() {
    let found = cimv2().query(
        "SELECT Caption, Primary, OSLanguage, SuiteMask, ProductType, TotalVisibleMemorySize, \
         LastBootUpTime FROM Win32_OperatingSystem",
    );
    let found = found.unwrap();
    let [system] = &found[..] else { panic!("{found:?}") };
    assert_eq!(system.class, *"Win32_OperatingSystem");
    assert!(text(system, "caption").contains("Windows"));
    assert_eq!(system.read("Primary").unwrap(), Some(&true));
    for (name, of) in [
        ("OSLanguage", CimType::Uint32),
        ("ProductType", CimType::Uint32),
        ("SuiteMask", CimType::Uint32),
        ("TotalVisibleMemorySize", CimType::Uint64),
        ("LastBootUpTime", CimType::DateTime),
    ] {
        match system.get(name).and_then(Value::type_of) {
            Some(found) => assert_eq!((found.of, found.is_array), (of, false), "{name}"),
            None => assert!(is_wine(), "{name} of {system:?}"),
        }
    }
    let memory = <&u64>::try_from(system.get("TotalVisibleMemorySize").unwrap()).unwrap();
    assert!(*memory > 1 << 17, "{memory} KiB");
}

/// A `datetime` has 25 characters, of which Wine writes 24.
#[test]
fn a_datetime_is_one_or_an_error() {
    match cimv2().query("SELECT LocalDateTime FROM Win32_OperatingSystem") {
        Ok(found) => assert!(matches!(found[0].get("LocalDateTime"), Some(Value::DateTime(_)))),
        Err(error) => {
            assert!(is_wine() && matches!(error, Error::Malformed(_)), "{error}");
            assert!(error.to_string().contains("Win32_OperatingSystem.LocalDateTime"), "{error}");
        }
    }
}

#[test]
fn a_path_leads_back_to_its_instance() {
    let client = cimv2();
    let id = std::process::id();
    let wql = format!("SELECT * FROM Win32_Process WHERE ProcessId = {id}");
    let found = client.query(&wql).unwrap();
    let [process] = &found[..] else { panic!("{found:?}") };
    assert_eq!(process.read("ProcessId").unwrap(), Some(&id));
    let path = process.path.as_ref().expect("everything was asked for");
    assert_eq!(path.class, *"Win32_Process");
    assert_eq!(path.key("Handle").and_then(KeyValue::as_str), Some(&*id.to_string()));
    let again = client.get(path).unwrap();
    assert_eq!(again.get("ProcessId"), process.get("ProcessId"));
    assert_eq!(again.path, process.path);
    let gone = ObjectPath::class("Win32_Process").with("Handle", "4294967295");
    assert_eq!(client.get(&gone).unwrap_err().wbem_status(), Some(WbemStatus::NOT_FOUND));
}

#[test]
fn queries_and_classes_that_are_wrong() {
    let client = cimv2();
    let error = client.query("SELEKT nope").unwrap_err();
    assert_eq!(error.wbem_status(), Some(WbemStatus::INVALID_QUERY), "{error}");
    match client.query("SELECT * FROM No_SuchClass") {
        Ok(found) => assert!(is_wine() && found.is_empty(), "{found:?}"),
        Err(error) => assert_eq!(error.wbem_status(), Some(WbemStatus::INVALID_CLASS), "{error}"),
    }
    let nothing = Instance::parameters();
    let call = |path: &str, method, arguments: &Instance| {
        let path = path.parse().unwrap();
        client.invoke(&path, method, arguments).unwrap_err().wbem_status()
    };
    assert_eq!(call("No_SuchClass", "X", &nothing), Some(WbemStatus::NOT_FOUND));
    assert_eq!(call("StdRegProv", "NoSuch", &nothing), Some(WbemStatus::INVALID_METHOD));
    let odd = Instance::parameters().with("bogus", 1_u32);
    let refused = Some(WbemStatus::INVALID_METHOD_PARAMETERS);
    assert_eq!(call("StdRegProv", "EnumKey", &odd), refused);
    let odd = Instance::parameters().with("hDefKey", "text");
    assert_eq!(call("StdRegProv", "EnumKey", &odd), Some(WbemStatus::TYPE_MISMATCH));
}

#[test]
fn static_methods() {
    let client = cimv2();
    let call = |method, arguments| client.invoke(&registry(), method, &arguments).unwrap();
    let name = key(VERSION).with("sValueName", "ProductName");
    let reply = call("GetStringValue", name);
    assert_eq!(reply.value, 0);
    assert!(text(&reply.out, "sValue").contains("Windows"), "{reply:?}");
    // That a key is missing is the method's affair, not WMI's: ERROR_FILE_NOT_FOUND.
    let reply = call("GetStringValue", key(r"Software\Nope").with("sValueName", "x"));
    assert_eq!(reply.value, 2);
}

#[test]
fn arrays_of_strings_and_numbers() {
    let client = cimv2();
    let reply = client.invoke(&registry(), "EnumKey", &key(r"Software\Microsoft")).unwrap();
    let names = <&[String]>::try_from(reply.out.get("sNames").unwrap()).unwrap();
    assert!(names.iter().any(|it| it == "Windows"), "{names:?}");
    let reply = client.invoke(&registry(), "EnumValues", &key(VERSION)).unwrap();
    let names = <&[String]>::try_from(reply.out.get("sNames").unwrap()).unwrap();
    let types = <&[i32]>::try_from(reply.out.get("Types").unwrap()).unwrap();
    assert_eq!(names.len(), types.len());
    assert!(types.contains(&1), "a REG_SZ among {types:?}");
}

#[test]
fn what_a_method_writes_is_there() {
    const PLACE: &str = r"Software\HypervReplicaTest";
    let client = cimv2();
    let call = |method, arguments| client.invoke(&registry(), method, &arguments);
    assert_eq!(call("CreateKey", key(PLACE)).unwrap().value, 0);
    let name = || key(PLACE).with("sValueName", "n\u{e4}me");
    let written = "w\u{e4}rt \u{2713} \u{1F600}";
    assert_eq!(call("SetStringValue", name().with("sValue", written)).unwrap().value, 0);
    let reply = call("GetStringValue", name()).unwrap();
    assert_eq!(text(&reply.out, "sValue"), written);
    // A uint32 is a VT_I4, which Wine refuses.
    match call("SetDWORDValue", name().with("uValue", 0xFFFF_FFF0_u32)) {
        Ok(reply) => {
            assert_eq!(reply.value, 0);
            let reply = call("GetDWORDValue", name()).unwrap();
            assert_eq!(reply.out.get("uValue"), Some(&Value::Uint32(0xFFFF_FFF0)));
        }
        Err(error) => {
            let refused = error.wbem_status() == Some(WbemStatus::TYPE_MISMATCH);
            assert!(is_wine() && refused, "{error}");
        }
    }
    assert_eq!(call("DeleteKey", key(PLACE)).unwrap().value, 0);
}

#[test]
fn methods_of_an_instance() {
    let client = cimv2();
    let id = std::process::id().to_string();
    let this = ObjectPath::class("Win32_Process").with("Handle", id);
    let reply = client.invoke(&this, "GetOwner", &Instance::parameters()).unwrap();
    assert_eq!(reply.value, 0);
    assert!(!text(&reply.out, "User").is_empty());
}

#[test]
fn numbers_that_a_method_gives() {
    let command = r"C:\windows\system32\hostname.exe";
    let arguments = Instance::parameters().with("CommandLine", command);
    let process = ObjectPath::class("Win32_Process");
    let reply = cimv2().invoke(&process, "Create", &arguments).unwrap();
    assert_eq!(reply.value, 0);
    let id = <&u32>::try_from(reply.out.get("ProcessId").unwrap()).unwrap();
    assert_ne!(*id, 0);
}

/// A security descriptor begins with its revision, 1.
#[test]
fn arrays_of_bytes_there_and_back() {
    let client = cimv2();
    // There is one of it, which Wine does not know.
    let security = if is_wine() { "__SystemSecurity" } else { "__SystemSecurity=@" };
    let security = security.parse().unwrap();
    let nothing = Instance::parameters();
    let reply = client.invoke(&security, "GetSD", &nothing).unwrap();
    assert_eq!(reply.value, 0);
    let bytes = <&[u8]>::try_from(reply.out.get("SD").unwrap()).unwrap();
    assert!(bytes.len() > 20 && bytes[0] == 1, "{bytes:?}");
    let same = Instance::parameters().with("SD", bytes.to_vec());
    assert_eq!(client.invoke(&security, "SetSD", &same).unwrap().value, 0);
}

#[test]
fn references_lead_somewhere() {
    let client = cimv2();
    // Not everything: Wine does not escape the paths within its paths.
    let wql = "SELECT Antecedent, Dependent FROM Win32_LogicalDiskToPartition";
    let links = client.query(wql).unwrap();
    assert!(!links.is_empty(), "a machine has a disk");
    for link in &links {
        let disk: &ObjectPath = link.read("Dependent").unwrap().expect("it links two");
        assert_eq!(disk.class, *"Win32_LogicalDisk");
        let partition: &ObjectPath = link.read("Antecedent").unwrap().expect("it links two");
        assert_eq!(partition.class, *"Win32_DiskPartition");
    }
    let disk: &ObjectPath = links[0].read("Dependent").unwrap().unwrap();
    let letter = disk.key("DeviceID").and_then(KeyValue::as_str).unwrap();
    let disk = ObjectPath::class("Win32_LogicalDisk").with("DeviceID", letter);
    let class = "Win32_LogicalDiskToPartition";
    let partitions = client.associators(&disk, class, None).unwrap();
    assert!(partitions.iter().all(|it| it.class == *"Win32_DiskPartition"), "{partitions:?}");
    assert!(!partitions.is_empty());
}

/// Wine has no events, and says so at once.
#[test]
fn subscriptions() {
    let client = cimv2();
    let wql = "SELECT * FROM __InstanceCreationEvent WITHIN 1 \
               WHERE TargetInstance ISA 'Win32_Process'";
    let refused = client.subscribe(wql).map(|mut it| it.next(std::time::Duration::ZERO));
    match refused {
        Ok(event) => assert!(!is_wine() && event.is_ok(), "{event:?}"),
        Err(error) => {
            let failed = error.wbem_status() == Some(WbemStatus::FAILED);
            assert!(is_wine() && failed, "{error}");
        }
    }
}
