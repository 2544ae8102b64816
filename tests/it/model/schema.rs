//! The vocabulary against the schema of the namespace, where a copy of it is at hand.
//!
//! Set `HVR_SCHEMA` to a JSON file with `classes`, each with `properties` and `methods`, as
//! <https://github.com/Justsenger/HyperV-WMI-Documentation> publishes them.

use hyperv_replica::model::*;
use hyperv_replica::rules::RULES;
use serde_json::Value;

/// The published schema, or a remark that the test is skipped.
pub(crate) fn published() -> Option<Value> {
    let Some(path) = std::env::var_os("HVR_SCHEMA") else {
        println!("skipped: HVR_SCHEMA names no schema file");
        return None;
    };
    let text = std::fs::read_to_string(&path).expect("HVR_SCHEMA names a file");
    Some(serde_json::from_str(&text).expect("HVR_SCHEMA names a JSON file"))
}

/// The member of a list that has this name.
fn named<'a>(list: &'a Value, name: &str) -> Option<&'a Value> {
    list.as_array()?.iter().find(|it| it["name"] == name)
}

/// Where the values of an enumeration stand: a property of a class, or a parameter of a method.
enum At {
    Property(&'static str, &'static str),
    Parameter(&'static str, &'static str, &'static str),
}
use At::{Parameter, Property};

/// How much of the list is ours.
#[derive(PartialEq)]
enum Extent {
    /// All of it.
    Whole,
    /// Some of it.
    Part,
}
use Extent::{Part, Whole};

/// Compares an enumeration with the schema's list; `ours` are the numbers it does not have.
fn compare<T: WireEnum>(schema: &Value, at: &At, extent: &Extent, ours: &[u32]) {
    let holder = match at {
        Property(class, property) => {
            named(&schema["classes"], class).and_then(|it| named(&it["properties"], property))
        }
        Parameter(class, method, parameter) => named(&schema["classes"], class)
            .and_then(|it| named(&it["methods"], method))
            .and_then(|it| named(&it["parameters"], parameter)),
    };
    let values = holder.and_then(|it| it["values"].as_object());
    let values = values.unwrap_or_else(|| panic!("the schema has no values of {}", T::TYPE));
    for it in T::ALL {
        match values.get(&it.number().to_string()) {
            None => {
                assert!(ours.contains(&it.number()), "{} is not in the schema: {it:?}", T::TYPE);
            }
            Some(Value::Null) => {}
            Some(label) => assert_eq!(label, it.label(), "{} {}", T::TYPE, it.number()),
        }
    }
    let numbers = values.keys().filter_map(|it| it.parse().ok());
    let missing: Vec<u32> = numbers.filter(|it| T::from_number(*it).is_none()).collect();
    assert!(*extent == Part || missing.is_empty(), "{} lacks {missing:?}", T::TYPE);
}

const RELATIONSHIP: &str = "Msvm_ReplicationRelationship";
const SERVICE: &str = "Msvm_ReplicationService";

#[test]
fn enumerations_are_those_of_the_schema() {
    let Some(it) = published() else { return };
    let of = |property| Property(RELATIONSHIP, property);
    compare::<ReplicationState>(&it, &of("ReplicationState"), &Whole, &[]);
    compare::<ReplicationHealth>(&it, &of("ReplicationHealth"), &Whole, &[]);
    compare::<ReplicationType>(&it, &of("LastReplicationType"), &Whole, &[]);
    compare::<ReplicationType>(&it, &of("FailedOverReplicationType"), &Whole, &[]);
    let mode = Property("Msvm_ComputerSystem", "ReplicationMode");
    compare::<ReplicationMode>(&it, &mode, &Whole, &[]);
    let kind = Parameter(SERVICE, "StartReplication", "InitialReplicationType");
    compare::<InitialReplicationType>(&it, &kind, &Whole, &[]);
    let authentication = Property("Msvm_ReplicationSettingData", "AuthenticationType");
    compare::<AuthenticationType>(&it, &authentication, &Whole, &[]);
    let allowed = Property("Msvm_ReplicationServiceSettingData", "AllowedAuthenticationType");
    compare::<AllowedAuthentication>(&it, &allowed, &Whole, &[0]);
    let requested = "RequestReplicationStateChangeEx";
    let requested = Parameter("Msvm_ComputerSystem", requested, "RequestedState");
    compare::<RequestedReplicationState>(&it, &requested, &Whole, &[15]);
    let power = Parameter("Msvm_ComputerSystem", "RequestStateChange", "RequestedState");
    compare::<RequestedState>(&it, &power, &Part, &[]);
    let enabled = Property("CIM_EnabledLogicalElement", "EnabledState");
    compare::<EnabledState>(&it, &enabled, &Whole, &[32773, 32776, 32777]);
    let job = Property("CIM_ConcreteJob", "JobState");
    compare::<JobState>(&it, &job, &Whole, &[32768]);
    compare::<JobType>(&it, &Property("Msvm_ConcreteJob", "JobType"), &Part, &[]);
    let end = Parameter("Msvm_ConcreteJob", "RequestStateChange", "RequestedState");
    compare::<RequestedJobState>(&it, &end, &Whole, &[]);
    let protocol = Property("Msvm_FailoverNetworkAdapterSettingData", "ProtocolIFType");
    compare::<IpProtocol>(&it, &protocol, &Whole, &[]);
    let status = Property("CIM_ManagedSystemElement", "OperationalStatus");
    compare::<ServiceStatus>(&it, &status, &Part, &[]);
    let of_error = |property| Property("CIM_Error", property);
    compare::<ErrorType>(&it, &of_error("ErrorType"), &Whole, &[]);
    // `PerceivedSeverity` is as the page of `Msvm_Error` has it; `CIM_Error`'s differs.
    compare::<ProbableCause>(&it, &of_error("ProbableCause"), &Part, &[]);
    compare::<CimStatus>(&it, &of_error("CIMStatusCode"), &Part, &[]);
}

#[test]
fn methods_and_their_codes_are_those_of_the_schema() {
    let Some(schema) = published() else { return };
    for rule in RULES {
        let operation = rule.operation;
        let class = named(&schema["classes"], operation.class());
        let names = [Some(operation.method()), operation.deprecated_method()];
        for name in names.into_iter().flatten() {
            let method = class.and_then(|it| named(&it["methods"], name));
            let method = method.unwrap_or_else(|| panic!("the schema has no {name}"));
            let codes = method["return_codes"].as_array().expect("codes");
            for require in rule.requirements() {
                let code = require.otherwise.to_wire().to_string();
                let vendors = codes.iter().any(|it| it == "32768..65535");
                let not_implemented = codes.len() == 2;
                let known = vendors || not_implemented || codes.iter().any(|it| *it == code);
                assert!(known, "{name} does not return {code}");
            }
        }
    }
}

#[test]
fn every_method_of_the_service_has_an_operation() {
    let Some(schema) = published() else { return };
    let service = named(&schema["classes"], SERVICE).expect("the service");
    for method in service["methods"].as_array().expect("methods") {
        let name = method["name"].as_str().expect("a name");
        let known = Operation::named(name);
        assert!(known.iter().any(|it| it.class() == SERVICE), "no operation stands for {name}");
    }
}
