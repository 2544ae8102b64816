//! What the fuzz targets do, on a few inputs: the scenarios, damaged, and random walks. The targets
//! themselves are in `fuzz/`, a workspace of its own.

#[allow(unreachable_pub)] // It is the library of that workspace.
#[path = "../../fuzz/src/lib.rs"]
mod targets;

use crate::arbitrary::config;
use proptest::prelude::*;
use proptest::sample::Index;
use std::fs;
use std::path::Path;

/// The texts of the scenarios.
fn scenarios() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/scenarios");
    let files = fs::read_dir(folder).expect("a folder").map(|it| it.expect("an entry").path());
    let mut files: Vec<_> =
        files.filter(|it| it.extension().is_some_and(|it| it == "hvr")).collect();
    files.sort();
    files.iter().map(|it| fs::read_to_string(it).expect("a text")).collect()
}

/// The input of a first day of fuzzing: a scenario with some of its bytes cut out, written over or
/// repeated.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let damage = (any::<Index>(), 0usize..12, prop::collection::vec(any::<u8>(), 0..6));
    let damage = prop::collection::vec(damage, 0..4);
    (prop::sample::select(scenarios()), damage).prop_map(|(text, damage)| {
        let mut bytes = text.into_bytes();
        for (at, many, with) in damage {
            let at = at.index(bytes.len() + 1);
            let end = (at + many).min(bytes.len());
            bytes.splice(at..end, with);
        }
        bytes
    })
}

/// What only control of a lab knows.
fn orders() -> impl Strategy<Value = &'static str> {
    const ALL: &[&str] =
        &["reset", "trace", "hosts", "fork a", "fork b", "drop a", "drop c", "fork"];
    prop::sample::select(ALL)
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn damaged_scripts_are_read_or_refused(bytes in damaged()) {
        targets::script(&bytes);
    }

    #[test]
    fn lines_and_values_come_back(bytes in damaged(), from: Index, many in 1usize..80) {
        targets::text(&bytes);
        let from = from.index(bytes.len() + 1);
        targets::text(&bytes[from..(from + many).min(bytes.len())]);
    }
}

proptest! {
    #![proptest_config(config(30))]

    #[test]
    fn damaged_scripts_keep_every_invariant(bytes in damaged()) {
        targets::run(&bytes);
    }

    #[test]
    fn damaged_journals_are_rebuilt_or_refused(bytes in damaged()) {
        targets::journal(&bytes);
    }

    #[test]
    fn damaged_requests_are_answered(bytes in damaged(), at: Index, order in orders()) {
        targets::orders(&bytes);
        // Among the lines of a scenario, or what is left of them.
        let mut lines: Vec<_> = bytes.split(|it| *it == b'\n').collect();
        lines.insert(at.index(lines.len() + 1), order.as_bytes());
        targets::orders(&lines.join(&b'\n'));
    }

    #[test]
    fn bytes_walk(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        targets::walk(&bytes);
    }
}

#[cfg(feature = "wsman")]
proptest! {
    #![proptest_config(config(30))]

    #[test]
    fn bytes_are_answered(bytes in damaged()) {
        targets::envelope(&bytes);
    }
}

/// Whoever packs first inputs for a cluster packs some for each target.
#[test]
fn every_target_has_first_inputs() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let seeds = fs::read_to_string(fuzz.join("examples/seeds.rs")).expect("a text");
    for target in fs::read_dir(fuzz.join("fuzz_targets")).expect("a folder") {
        let path = target.expect("an entry").path();
        let name = path.file_stem().and_then(|it| it.to_str()).expect("a name");
        assert!(seeds.contains(&format!("write(\"{name}\", ")), "{name} has no first inputs");
    }
}

/// What fuzzing has found.
#[test]
fn what_was_found_stays_found() {
    // A carriage return within a comment.
    targets::text(b"# =>       #`\rsus");
    targets::script(b"host tokyo # a\rb");
}

/// The same of the texts of the wire vocabulary.
#[cfg(feature = "cim")]
mod wire {
    use super::targets::cim;
    use crate::arbitrary::config;
    use hyperv_replica::cim::text::{Form, write};
    use hyperv_replica::cim::{Instance, Schema, Value};
    use proptest::prelude::*;
    use proptest::sample::Index;

    const QUERIES: &[&str] = &[
        "SELECT ElementName, A.B FROM MsVm_ComputerSystem WHERE ReplicationState IS NOT NULL",
        r"select * from Msvm_ReplicationSettingData where InstanceID='Microsoft:A\\HVR\\0'",
        "SELECT * FROM A WHERE NOT (B > 2.5E3 AND Name LIKE \"%[^a-f]_\") OR \"x\" <> Name",
        "ASSOCIATORS OF {A.Name='A',B=TRUE} WHERE AssocClass=B ResultClass=C Role=D KeysOnly",
        "REFERENCES OF {Msvm_ConcreteJob=\"A\"} WHERE ResultClass=B RequiredQualifier=C",
        "SELECT * FROM __InstanceModificationEvent WITHIN 1.5 WHERE TargetInstance ISA 'A'",
    ];

    const PATHS: &[&str] = &[
        r#"\\TOKYO\root\virtualization\v2:Msvm_ComputerSystem.Name="A",CreationClassName="B""#,
        r"Msvm_ReplicationSettingData.InstanceID='Microsoft:A\\HVR\\0'",
        "//./root/cimv2:Win32_OperatingSystem=@",
        "root:Class.A=-1,B=TRUE",
    ];

    const TIMES: &[&str] = &[
        "20120615143000.000000+060",
        "99991231235959.999999-999",
        "00000001020304.000005:000",
        "********093000.000000+***",
    ];

    /// Some classes, from the schema, each with its qualifiers.
    fn declarations() -> Vec<String> {
        let classes = Schema::VIRTUALIZATION.iter().flat_map(|it| it.split("\n};\n"));
        let short = classes.filter(|it| it.len() < 1500 && !it.contains(" : "));
        short.map(|it| format!("{it}\n}};\n")).collect()
    }

    /// Instances of some classes, in either form.
    fn instances() -> Vec<String> {
        let schema = Schema::virtualization();
        let mut texts = Vec::new();
        for name in ["Msvm_ReplicationSettingData", "Msvm_Error", "Msvm_SummaryInformation"] {
            let class = schema.class(name).expect("declared");
            let empty = class.properties.iter().fold(Instance::new(name), |it, property| {
                it.with(&property.name, property.default.clone().unwrap_or(Value::Null))
            });
            let inner = empty.clone().with("ElementName", "a <b> & \"c\"");
            let full = empty
                .with("Snapshots", Value::Null)
                .with("IncludedDisks", vec!["one".to_owned(), String::new()])
                .with("ErrorType", 4_u16)
                .with("AutoResynchronizeEnabled", true);
            for form in [Form::CimDtd20, Form::WmiDtd20] {
                texts.push(write(&inner, schema, form));
                texts.push(write(&full, schema, form));
            }
        }
        texts
    }

    fn damaged(texts: Vec<String>) -> impl Strategy<Value = Vec<u8>> {
        let with = prop_oneof![
            prop::collection::vec(any::<u8>(), 0..4),
            prop::sample::select(vec![
                "'", "\"", "\\", "{", "&#1;", "<A>", "(", " NOT ", "\u{130}"
            ])
            .prop_map(|it| it.as_bytes().to_vec()),
        ];
        let damage = prop::collection::vec((any::<Index>(), 0usize..6, with), 0..4);
        (prop::sample::select(texts), damage).prop_map(|(text, damage)| {
            let mut bytes = text.into_bytes();
            for (at, many, with) in damage {
                let at = at.index(bytes.len() + 1);
                let end = (at + many).min(bytes.len());
                bytes.splice(at..end, with);
            }
            bytes
        })
    }

    fn owned(texts: &[&str]) -> Vec<String> {
        texts.iter().map(ToString::to_string).collect()
    }

    /// Whole, every one of them is read: damage begins with something.
    #[test]
    fn what_is_damaged_was_whole() {
        use hyperv_replica::cim::text::Reader;
        use hyperv_replica::cim::wql::parse_unchecked;
        use hyperv_replica::cim::{DateTime, ObjectPath};
        for text in QUERIES {
            parse_unchecked(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        }
        for text in PATHS {
            text.parse::<ObjectPath>().unwrap_or_else(|error| panic!("{text}: {error}"));
        }
        for text in TIMES {
            text.parse::<DateTime>().unwrap_or_else(|error| panic!("{text}: {error}"));
        }
        for text in instances() {
            let reader = Reader::new(Schema::virtualization()).tolerant();
            reader.read(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        }
        let read = declarations().iter().filter(|it| Schema::parse(&[it]).is_ok()).count();
        assert!(read > 4, "only {read} declarations stand for themselves");
    }

    proptest! {
        #![proptest_config(config(1000))]

        #[test]
        fn damaged_texts_are_read_or_refused(
            query in damaged(owned(QUERIES)),
            path in damaged(owned(PATHS)),
            time in damaged(owned(TIMES)),
        ) {
            cim::wql(&query);
            cim::path(&path);
            cim::datetime(&time);
        }
    }

    proptest! {
        #![proptest_config(config(300))]

        #[test]
        fn damaged_instances_are_read_or_refused(
            instance in damaged(instances()),
            class in damaged(declarations()),
        ) {
            cim::instance(&instance);
            cim::mof(&class);
        }
    }
}
