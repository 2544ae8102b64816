//! How the client goes about it: connections, security, time, and what goes wrong.

use crate::bridge::{Heard, Host};
use crate::table::{Table, client, echo, point, schema};
use hyperv_replica::cim::{CimClient, Error, Instance, ObjectPath, Value, WbemStatus};
use hyperv_replica::model::SimTime;
use hyperv_replica::model::datetime::CimDateTime;
use hyperv_replica::wmi::{Client, ComError, Credentials, Options};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;
use windows::core::HRESULT;

fn a_point(id: &str) -> ObjectPath {
    ObjectPath::class("Test_Point").with("InstanceID", id)
}

fn status<T: std::fmt::Debug>(result: Result<T, Error>) -> Option<WbemStatus> {
    result.unwrap_err().wbem_status()
}

/// <https://learn.microsoft.com/windows/win32/api/rpcdce/ns-rpcdce-rpc_c_authn_level>
const CALL: u32 = 3;
const PKT_PRIVACY: u32 = 6;

fn blanket(of: &'static str, level: u32, account: Option<[&str; 3]>) -> Heard {
    let account = account.map(|it| it.map(str::to_owned));
    Heard::Blanket { of, level, account, itself: true }
}

fn connect(resource: &str, user: &str, password: &str) -> Heard {
    let [resource, user, password] = [resource, user, password].map(str::to_owned);
    Heard::Connect { resource, user, password }
}

#[test]
fn local_calls_are_authenticated() {
    let (client, host) = Table::default().over_com(Options::local());
    client.query("SELECT * FROM Test_Point").unwrap();
    let expected = [
        connect(r"\\.\root\virtualization\v2", "", ""),
        blanket("IWbemServices", CALL, None),
        blanket("IEnumWbemClassObject", CALL, None),
    ];
    assert_eq!(host.heard(), expected);
}

/// Each proxy is secured: <https://learn.microsoft.com/windows/win32/wmisdk/example--getting-wmi-data-from-a-remote-computer>
#[test]
fn remote_calls_are_encrypted_and_made_in_the_name_of_the_account() {
    let table = Table::default();
    let (_events, stream) = mpsc::channel();
    *table.events.lock().unwrap() = Some(stream);
    let options = Options {
        credentials: Some(Credentials::new(r"CONTOSO\ada", "p\u{e4}ss")),
        namespace: "root/test".into(),
        ..Options::remote("osaka")
    };
    let (client, host) = table.over_com(options);
    client.query("SELECT * FROM Test_Point").unwrap();
    let ada = Some(["CONTOSO", "ada", "p\u{e4}ss"]);
    let begun = [
        connect(r"\\osaka\root\test", r"CONTOSO\ada", "p\u{e4}ss"),
        blanket("IWbemServices", PKT_PRIVACY, ada),
        blanket("IEnumWbemClassObject", PKT_PRIVACY, ada),
    ];
    assert_eq!(host.heard(), begun);
    // A subscription has a connection of its own; the clock is in another namespace.
    let events = client.subscribe("SELECT * FROM Test_Event").unwrap();
    assert_eq!(host.heard(), begun);
    drop(events);
    client.now().unwrap();
    let [_, services, query] = begun;
    let clock = connect(r"\\osaka\root\cimv2", r"CONTOSO\ada", "p\u{e4}ss");
    assert_eq!(host.heard(), [clock, services, query]);
}

/// A path leads to the namespace that it names, on the host that the client is connected to.
#[test]
fn paths_lead_to_other_namespaces() {
    let (client, host) = Table::default().over_com(Options::local());
    let get = |path: &str| client.get(&path.parse().unwrap()).unwrap();
    host.heard();
    get(r#"root/cimv2:Test_Point.InstanceID="a""#);
    get(r#"\\.\ROOT\CIMV2:Test_Point.InstanceID="a""#);
    get(r#"ROOT\Virtualization\v2:Test_Point.InstanceID="a""#);
    let object = |path: &str| Heard::Object(path.into());
    let expected = [
        connect(r"\\.\root\cimv2", "", ""),
        blanket("IWbemServices", CALL, None),
        object(r#"Test_Point.InstanceID="a""#),
        object(r#"\\.\ROOT\CIMV2:Test_Point.InstanceID="a""#),
        object(r#"Test_Point.InstanceID="a""#),
    ];
    assert_eq!(host.heard(), expected);
}

#[test]
fn the_time_is_the_hosts() {
    let (remote, _) = Table::default().over_com(Options::remote("osaka"));
    let noon: CimDateTime = "20260101120000.000000+000".parse().unwrap();
    assert_eq!(remote.now().unwrap(), noon.to_sim_time().unwrap());

    let (local, _) = Table::default().over_com(Options::local());
    let before = local.now().unwrap();
    local.sleep(Duration::from_millis(50)).unwrap();
    let passed = local.now().unwrap().since(before);
    assert!(passed >= Duration::from_millis(40), "{passed:?}");
    assert!(before > SimTime::ZERO);
}

/// More than one batch, in their order, with their paths.
#[test]
fn queries_find_all_there_is() {
    let (client, _) = Table::default().over_com(Options::local());
    let found = client.query("SELECT * FROM Test_Point").unwrap();
    assert_eq!(found.len(), 200);
    for (x, instance) in (0..).zip(&found) {
        let id = x.to_string();
        let path = a_point(&id).on("TABLE", r"root\test");
        assert_eq!(*instance, point(&id, x).at(path));
    }
    // What was not asked for is not there, and without its key it has no path.
    let found = client.query("SELECT X FROM Test_Point").unwrap();
    assert_eq!(found[2], Instance::new("Test_Point").with("X", 2_i32));
}

#[test]
fn queries_are_bounded() {
    let (client, _) =
        Table::default().over_com(Options { most_instances: 199, ..Options::local() });
    let refused = client.query("SELECT * FROM Test_Point");
    assert_eq!(status(refused), Some(WbemStatus::QUOTA_VIOLATION));
    let (client, _) =
        Table::default().over_com(Options { most_instances: 200, ..Options::local() });
    assert_eq!(client.query("SELECT * FROM Test_Point").unwrap().len(), 200);
}

#[test]
fn errors_say_what_wmi_says() {
    for late in [false, true] {
        let host = Host { late, ..Host::new(Table::default(), schema()) };
        let client = client(&host, Options::local()).unwrap();
        let error = client.query("SELEKT").unwrap_err();
        assert_eq!(error.wbem_status(), Some(WbemStatus::INVALID_QUERY));
        assert_eq!(
            error.to_string(),
            "WBEM_E_INVALID_QUERY (0x80041017): asking for `SELEKT`: \
             provider WinMgmt, operation ExecQuery, parameter line 1: what is that?"
        );
        // What was said of one error is not said of the next.
        let error = client.get(&ObjectPath::class("Test_Nothing")).unwrap_err();
        assert_eq!(error.to_string(), "WBEM_E_NOT_FOUND (0x80041002): getting Test_Nothing");
        assert_eq!(status(client.get(&a_point(""))), Some(WbemStatus::NOT_FOUND));
    }
}

#[test]
fn methods_and_parameters_that_are_not_there() {
    let (client, _) = Table::default().over_com(Options::local());
    let call = |path: &ObjectPath, method: &str, arguments: Instance| {
        status(client.invoke(path, method, &arguments))
    };
    let nothing = Instance::parameters;
    assert_eq!(call(&echo(), "Ecko", nothing()), Some(WbemStatus::INVALID_METHOD));
    let no_class = ObjectPath::class("Test_Nothing");
    assert_eq!(call(&no_class, "Echo", nothing()), Some(WbemStatus::NOT_FOUND));
    let other = ObjectPath::class("Test_Echo").with("Name", "another one");
    assert_eq!(call(&other, "Echo", nothing()), Some(WbemStatus::NOT_FOUND));
    let odd = nothing().with("One_uint128", 1_u8);
    let refused = Some(WbemStatus::INVALID_METHOD_PARAMETERS);
    assert_eq!(call(&echo(), "Echo", odd.clone()), refused);
    assert_eq!(call(&echo(), "Fail", odd), refused, "it has no parameter at all");
    // A static method, without parameters, that returns a signed number.
    let reply = client.invoke(&ObjectPath::class("Test_Echo"), "Fail", &nothing()).unwrap();
    assert_eq!((reply.value, reply.out), (0x8007_0005, nothing()));
}

/// A class is asked for once, then remembered.
#[test]
fn a_call_takes_one_round_trip() {
    let (client, host) = Table::default().over_com(Options::local());
    for _ in 0..3 {
        client.invoke(&echo(), "Echo", &Instance::parameters()).unwrap();
    }
    let asked = host.heard().into_iter().filter(|it| matches!(it, Heard::Object(_)));
    assert_eq!(asked.collect::<Vec<_>>(), [Heard::Object("Test_Echo".into())]);
}

#[test]
fn a_host_that_is_not_there() {
    let gone = |number: u32| {
        let options = Options::remote("osaka");
        Client::connect_through(options, move || {
            Err(windows::core::Error::from_hresult(HRESULT(number.cast_signed())))
        })
        .unwrap_err()
    };
    for (number, name) in
        [(0x8007_06BA, "RPC_S_SERVER_UNAVAILABLE"), (0x8007_0005, "E_ACCESSDENIED")]
    {
        let Error::Transport(source) = gone(number) else { panic!("it was not reached") };
        let error = source.downcast_ref::<ComError>().expect("COM said so");
        assert_eq!((error.hresult, error.name()), (number, Some(name)));
        assert!(error.why.starts_with(r"connecting to \\osaka\root\virtualization\v2"), "{error}");
    }
    assert_eq!(gone(0x8004_100E).wbem_status(), Some(WbemStatus::INVALID_NAMESPACE));
    let refused = Client::connect(Options::remote(r"a\b"));
    assert_eq!(status(refused), Some(WbemStatus::INVALID_PARAMETER));
}

/// Windows' own headers, as Microsoft's bindings have them.
#[test]
fn names_are_those_of_the_headers() {
    use windows::Win32::Foundation::*;
    use windows::Win32::System::Rpc::*;
    use windows::Win32::System::Wmi::WBEM_E_TRANSPORT_FAILURE;

    macro_rules! named {
        ($($name:ident)+) => { [$((stringify!($name), $name)),+] };
    }
    let of_com = named![
        E_NOTIMPL E_NOINTERFACE E_FAIL E_UNEXPECTED RPC_E_CALL_CANCELED
        RPC_E_CONNECTION_TERMINATED RPC_E_SERVER_DIED RPC_E_SERVER_DIED_DNE RPC_E_SERVERFAULT
        RPC_E_CHANGED_MODE RPC_E_DISCONNECTED RPC_E_SERVERCALL_RETRYLATER RPC_E_ACCESS_DENIED
        RPC_E_TIMEOUT REGDB_E_CLASSNOTREG CO_E_NOTINITIALIZED E_ACCESSDENIED E_OUTOFMEMORY
        E_INVALIDARG CO_E_SERVER_EXEC_FAILURE
    ];
    let of_rpc = named![
        RPC_S_UNKNOWN_IF RPC_S_SERVER_UNAVAILABLE RPC_S_SERVER_TOO_BUSY RPC_S_CALL_FAILED
        RPC_S_CALL_FAILED_DNE EPT_S_NOT_REGISTERED RPC_S_SEC_PKG_ERROR
    ];
    let of_rpc = of_rpc.map(|(name, it)| (name, it.0));
    let logon = ("ERROR_LOGON_FAILURE", ERROR_LOGON_FAILURE.0.cast_signed());
    let of_windows = of_rpc.into_iter().chain([logon, ("OR_INVALID_OXID", OR_INVALID_OXID)]);
    let of_windows = of_windows.map(|(name, it)| (name, HRESULT::from_win32(it.cast_unsigned())));
    let of_wmi = ("WBEM_E_TRANSPORT_FAILURE", HRESULT(WBEM_E_TRANSPORT_FAILURE.0));
    for (name, number) in of_com.into_iter().chain(of_windows).chain([of_wmi]) {
        let error = ComError { hresult: number.0.cast_unsigned(), why: String::new() };
        assert_eq!(error.name(), Some(name));
    }
}

/// A host that was restarted is found again; what failed is not sent again.
#[test]
fn a_lost_connection_is_made_anew() {
    let (client, host) = Table::default().over_com(Options::local());
    let lost = client.get(&a_point("lost")).unwrap_err();
    assert!(lost.to_string().contains("RPC_S_CALL_FAILED (0x800706BE)"), "{lost}");
    let asked = |heard: &[Heard]| heard.iter().filter(|it| matches!(it, Heard::Object(_))).count();
    assert_eq!(asked(&host.heard()), 1);
    assert_eq!(client.get(&a_point("a")).unwrap(), point("a", 7).at(a_point("a")));
    assert_eq!(host.heard()[0], connect(r"\\.\root\virtualization\v2", "", ""));
    // A refusal costs no connection.
    client.get(&a_point("")).unwrap_err();
    client.get(&a_point("a")).unwrap();
    assert_eq!(host.heard().len(), 2);
}

#[test]
fn a_call_that_hangs_ends_in_time() {
    let table = Table::default();
    let timeout = Duration::from_millis(50);
    let (client, host) = table.over_com(Options { timeout, ..Options::local() });
    let slow = Arc::clone(&table.slow);
    let hanging = slow.lock().unwrap();
    let error = client.get(&a_point("slow")).unwrap_err();
    assert!(matches!(error, Error::Transport(_)), "{error}");
    assert!(error.to_string().contains("no answer"), "{error}");
    host.heard();
    // It hangs still, and the client is as good as new.
    client.get(&a_point("a")).unwrap();
    assert_eq!(host.heard()[0], connect(r"\\.\root\virtualization\v2", "", ""));
    drop(hanging);
    client.get(&a_point("slow")).unwrap();
}

#[test]
fn events_come_in_their_order() {
    let table = Table::default();
    let (events, stream) = mpsc::channel();
    *table.events.lock().unwrap() = Some(stream);
    let (client, _) = table.over_com(Options::local());
    let mut subscription = client.subscribe("SELECT * FROM Test_Event").unwrap();
    let again = client.subscribe("SELECT * FROM Test_Event").map(|_| ());
    assert_eq!(status(again), Some(WbemStatus::QUOTA_VIOLATION));

    let event = |id: &str| {
        let target = point(id, 1);
        Instance::new("Test_Event").with("TargetInstance", target).with("TIME_CREATED", u64::MAX)
    };
    assert_eq!(subscription.next(Duration::ZERO).unwrap(), None);
    assert_eq!(subscription.next(Duration::from_millis(20)).unwrap(), None);
    for id in ["1", "2", "3"] {
        events.send(event(id)).unwrap();
    }
    for id in ["1", "2"] {
        assert_eq!(subscription.next(Duration::from_secs(5)).unwrap(), Some(event(id)));
    }
    // Waiting for an event keeps no call waiting.
    let waiting = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            // Not `Send` by its trait, but this one never leaves the thread it is made in.
            client.get(&a_point("a")).unwrap()
        });
        assert_eq!(subscription.next(Duration::ZERO).unwrap(), Some(event("3")));
        waiting.join().unwrap()
    });
    assert_eq!(waiting, point("a", 7).at(a_point("a")));
    drop(events);
    let over = subscription.next(Duration::from_secs(5)).unwrap_err();
    assert_eq!(over.wbem_status(), Some(WbemStatus::SHUTTING_DOWN));
    let over = subscription.next(Duration::from_secs(5)).unwrap_err();
    assert!(over.to_string().contains("the subscription is over"), "{over}");
}

#[test]
fn a_client_is_shared_by_threads() {
    fn shared<T: Send + Sync>(it: T) -> T {
        it
    }
    let table = Table::default();
    let (client, _) = table.over_com(Options::local());
    let client = shared(client);
    std::thread::scope(|scope| {
        for thread in 0..8_u32 {
            let client = &client;
            scope.spawn(move || {
                for _ in 0..20 {
                    let given = Instance::parameters().with("One_uint32", thread);
                    let reply = client.invoke(&echo(), "Echo", &given).unwrap();
                    assert_eq!(reply.out.get("One_uint32"), Some(&Value::Uint32(thread)));
                }
            });
        }
    });
    assert_eq!(table.heard().len(), 160);
}
