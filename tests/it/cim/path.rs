//! Object paths: the forms that clients write, the form that hosts print.

use super::value::text;
use hyperv_replica::cim::{KeyValue, Keys, Namespace, ObjectPath};
use proptest::prelude::*;

fn parse(text: &str) -> ObjectPath {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// As clients write it, and as a host prints it:
/// <https://learn.microsoft.com/windows/win32/wmisdk/describing-the-location-of-a-wmi-object>.
#[test]
fn every_form_is_read_and_one_is_printed() {
    for (written, printed) in [
        ("Msvm_ReplicationService", "Msvm_ReplicationService"),
        (" Msvm_ComputerSystem ", "Msvm_ComputerSystem"),
        (r"root\virtualization\v2:Msvm_ConcreteJob", r"root\virtualization\v2:Msvm_ConcreteJob"),
        (r"root/virtualization/v2:Msvm_ConcreteJob", r"root\virtualization\v2:Msvm_ConcreteJob"),
        ("//./root/virtualization/v2:A", r"\\.\root\virtualization\v2:A"),
        (r"\\host-1.contoso.com\root:A", r"\\host-1.contoso.com\root:A"),
        ("A=@", "A=@"),
        ("A='x'", r#"A="x""#),
        ("A=7", "A=7"),
        ("A.B=TRUE,C=-5,D=0x10", "A.B=TRUE,C=-5,D=16"),
        // The mixed quotes of a cluster's client, and its keys in another order.
        (
            r#"Msvm_ComputerSystem.Name='A5',CreationClassName="Msvm_ComputerSystem""#,
            r#"Msvm_ComputerSystem.CreationClassName="Msvm_ComputerSystem",Name="A5""#,
        ),
        (r#"A.B="it's \"x\"""#, r#"A.B="it's \"x\"""#),
        (r"A . B = 'it\'s'", r#"A.B="it's""#),
        (r#"A.B="a:b=c.d""#, r#"A.B="a:b=c.d""#),
    ] {
        assert_eq!(parse(written).to_string(), printed, "{written}");
    }
}

/// A reference within a path doubles each backslash and escapes each quote.
#[test]
fn a_path_is_a_key_of_another() {
    let vm = ObjectPath::class("Msvm_ComputerSystem").with("Name", "A5").on("TOKYO", r"root\v2");
    let link = ObjectPath::class("Msvm_AffectedJobElement").with("AffectedElement", &vm);
    let printed = concat!(
        r#"Msvm_AffectedJobElement.AffectedElement="\\\\TOKYO\\root\\v2:"#,
        r#"Msvm_ComputerSystem.Name=\"A5\"""#,
    );
    assert_eq!(link.to_string(), printed);
    let inner = parse(printed).key("affectedelement").and_then(|it| it.as_str().map(parse));
    assert_eq!(inner, Some(vm));
}

#[test]
fn equality_is_wmis() {
    let path = parse(r#"\\TOKYO\ROOT\v2:Msvm_X.InstanceID="Microsoft:AB",Name="n""#);
    assert_eq!(path, parse(r#"\\tokyo\root\V2:msvm_x.name="N",INSTANCEID="microsoft:ab""#));
    assert_ne!(path, parse(r#"\\osaka\root\V2:msvm_x.name="N",INSTANCEID="microsoft:ab""#));
    assert_ne!(path, path.relative());
    assert!(path.is_same_object(&path.relative()));
    assert!(path.is_same_object(&parse(r"root\v2:Msvm_X.InstanceID='Microsoft:AB',Name='n'")));
    assert!(!path.is_same_object(&parse(r"root\v1:Msvm_X.InstanceID='Microsoft:AB',Name='n'")));
    assert!(!path.is_same_object(&parse("Msvm_X.InstanceID='Microsoft:AB'")));
    assert_ne!(parse("A.B=1"), parse("A.B='1'"));
}

#[test]
fn what_is_no_path_is_refused_where_it_is() {
    for (path, expected) in [
        ("", "line 1, column 1: expected a class, found the end"),
        ("A.", "line 1, column 3: expected the name of a key, found the end"),
        ("A.B", "line 1, column 4: expected `=`, found the end"),
        ("A.B=", "line 1, column 5: expected a string, a number, TRUE or FALSE, found the end"),
        ("A.B=x", "line 1, column 5: expected a string, a number, TRUE or FALSE, found `x`"),
        ("A.B='x", "line 1, column 5: this string has no closing quote"),
        ("A.B='x'y", "line 1, column 8: expected the end of the path, found `y`"),
        ("A.B=1,b=2", "line 1, column 7: key `b` is given twice"),
        (r"\\:A", r"line 1, column 1: expected a host behind two backslashes, found `\\`"),
        (
            r"\\H:A",
            r"line 1, column 1: expected a namespace such as `root\virtualization\v2`, found `\\H`",
        ),
        // Whoever forgets to double a backslash is told, as with WMI's own strings.
        (
            r"A.B='Microsoft:X\HVR\0'",
            "line 1, column 17: a backslash stands before a quote or another backslash only",
        ),
    ] {
        let error = path.parse::<ObjectPath>().expect_err(path);
        assert_eq!(error.to_string(), expected, "{path}");
    }
}

fn identifier() -> impl Strategy<Value = String> {
    "[A-Za-z_][A-Za-z0-9_]{0,12}"
}

fn key_value() -> impl Strategy<Value = KeyValue> {
    prop_oneof![
        text().prop_map(KeyValue::from),
        any::<i64>().prop_map(|it| KeyValue::Integer(it.into())),
        any::<bool>().prop_map(KeyValue::Boolean),
    ]
}

fn keys() -> impl Strategy<Value = Keys> {
    let named = prop::collection::vec((identifier(), key_value()), 1..4);
    prop_oneof![
        Just(Keys::Class),
        Just(Keys::Singleton),
        key_value().prop_map(Keys::Only),
        named.prop_map(|it| Keys::Named(it.into_iter().map(|(k, v)| (k.into(), v)).collect())),
    ]
}

pub(super) fn path() -> impl Strategy<Value = ObjectPath> {
    let namespace = (prop::option::of("[a-z][a-z0-9.-]{0,8}"), "[a-z]{1,5}(\\\\[a-z]{1,5}){0,2}");
    let namespace = namespace
        .prop_map(|(host, name)| Namespace { host: host.map(Into::into), name: name.into() });
    (prop::option::of(namespace), identifier(), keys())
        .prop_map(|(namespace, class, keys)| ObjectPath { namespace, class: class.into(), keys })
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(path in path()) {
        let printed = path.to_string();
        let read: ObjectPath = printed.parse().map_err(|error| {
            TestCaseError::fail(format!("{printed}: {error}"))
        })?;
        prop_assert_eq!(read.to_string(), printed);
        prop_assert_eq!(read, path);
    }

    #[test]
    fn no_text_is_a_panic(text in any::<String>(), path in path(), at in 0..200usize) {
        let _ = text.parse::<ObjectPath>();
        let mut broken: Vec<char> = path.to_string().chars().collect();
        if at < broken.len() {
            broken.remove(at);
        }
        let _ = broken.into_iter().collect::<String>().parse::<ObjectPath>();
    }
}
