//! What every client can ask, over one that only writes down what it was asked.

use hyperv_replica::cim::*;
use hyperv_replica::model::SimTime;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

#[derive(Debug, Default)]
struct Scribe {
    heard: RefCell<Vec<String>>,
}

impl CimClient for Scribe {
    fn get(&self, path: &ObjectPath) -> Result<Instance> {
        Err(Error::status(WbemStatus::NOT_FOUND, format!("there is no {path}")))
    }
    fn query(&self, wql: &str) -> Result<Vec<Instance>> {
        self.heard.borrow_mut().push(wql.to_owned());
        Ok(Vec::new())
    }
    fn invoke(&self, _: &ObjectPath, method: &str, arguments: &Instance) -> Result<Reply> {
        let class = Schema::virtualization().class("Msvm_ReplicationService").expect("declared");
        let method = class.method(method).ok_or_else(|| {
            Error::status(WbemStatus::INVALID_METHOD, format!("there is no method {method}"))
        })?;
        method.bind(arguments)?;
        Ok(method.reply(4096, Instance::parameters().with("job", Value::Null)))
    }
    fn subscribe(&self, wql: &str) -> Result<Box<dyn Subscription + '_>> {
        wql::parse(wql, Schema::virtualization())?;
        Err(Error::Transport("the line is dead".into()))
    }
    fn now(&self) -> Result<SimTime> {
        Ok(SimTime::ZERO)
    }
    fn sleep(&self, _: Duration) -> Result<()> {
        Ok(())
    }
}

#[test]
fn conveniences_are_queries() {
    let scribe = Rc::new(Scribe::default());
    let client: &dyn CimClient = &scribe; // Object-safe, and a pointer to a client is one.
    let vm = ObjectPath::class("Msvm_ComputerSystem").with("Name", r"a\b");
    client.enumerate("Msvm_ConcreteJob").unwrap();
    client.associators(&vm, "Msvm_ElementSettingData", None).unwrap();
    client
        .associators(&vm, "Msvm_ElementSettingData", Some("Msvm_ReplicationSettingData"))
        .unwrap();
    client.references(&vm, "Msvm_AffectedJobElement").unwrap();
    let expected = [
        "SELECT * FROM Msvm_ConcreteJob",
        r#"ASSOCIATORS OF {Msvm_ComputerSystem.Name="a\\b"} WHERE AssocClass = Msvm_ElementSettingData"#,
        r#"ASSOCIATORS OF {Msvm_ComputerSystem.Name="a\\b"} WHERE AssocClass = Msvm_ElementSettingData ResultClass = Msvm_ReplicationSettingData"#,
        r#"REFERENCES OF {Msvm_ComputerSystem.Name="a\\b"} WHERE ResultClass = Msvm_AffectedJobElement"#,
    ];
    assert_eq!(*scribe.heard.borrow(), expected);
}

/// <https://learn.microsoft.com/windows/win32/wmisdk/wmi-error-constants>
#[test]
fn errors_have_wmis_names_and_numbers() {
    let client = Scribe::default();
    let path = ObjectPath::class("Msvm_ConcreteJob").with("InstanceID", "1");
    let status = |error: Error| error.wbem_status().map(|it| (it.name(), it.0));
    let error = client.get(&path).unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"WBEM_E_NOT_FOUND (0x80041002): there is no Msvm_ConcreteJob.InstanceID="1""#
    );
    let call = |method, arguments| client.invoke(&path, method, &arguments);
    let nothing = Instance::parameters();
    let error = call("CommitFailovr", nothing.clone()).unwrap_err();
    assert_eq!(status(error), Some((Some("WBEM_E_INVALID_METHOD"), 0x8004_102E)));
    // An out parameter is none to be given.
    let error = call("CommitFailover", nothing.clone().with("Job", Value::Null)).unwrap_err();
    assert_eq!(status(error), Some((Some("WBEM_E_INVALID_METHOD_PARAMETERS"), 0x8004_102F)));
    let error = call("CommitFailover", nothing.clone().with("ComputerSystem", "?")).unwrap_err();
    assert_eq!(status(error), Some((Some("WBEM_E_TYPE_MISMATCH"), 0x8004_1005)));
    let error = client.subscribe("SELECT * FROM __Nothing").unwrap_err();
    assert_eq!(status(error), Some((Some("WBEM_E_INVALID_CLASS"), 0x8004_1010)));
    let error = client.subscribe("SELECT * FROM __InstanceCreationEvent WITHIN 1").unwrap_err();
    assert_eq!(error.to_string(), "it may or may not have happened: the line is dead");
    let names: Vec<_> = WbemStatus::NAMED.iter().map(|it| it.name()).collect();
    assert!(names.iter().all(Option::is_some));
}

/// Microsoft's management client looks every declared out parameter up, so that each is there.
#[test]
fn a_reply_has_every_out_parameter() {
    let class = Schema::virtualization().class("Msvm_ReplicationService").expect("declared");
    let test = class.method("TestReplicaSystem").expect("declared");
    let reply = test.reply(0, Instance::parameters());
    let out: Vec<_> = reply.out.properties().map(|(name, value)| (name.as_str(), value)).collect();
    assert_eq!(out, [("ResultingSystem", &Value::Null), ("Job", &Value::Null)]);
}
