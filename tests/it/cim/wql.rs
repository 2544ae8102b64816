//! Queries: what clients send, what is refused, what is found.

use super::value::{datetime, scalar, text};
use hyperv_replica::cim::wql::*;
use hyperv_replica::cim::{CimType, Instance, Name, Schema, Value, WbemStatus};
use proptest::prelude::*;
use std::time::Duration;

fn schema() -> &'static Schema {
    Schema::virtualization()
}

fn query(text: &str) -> Query {
    parse(text, schema()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn select(text: &str) -> Select {
    match query(text) {
        Query::Select(select) => select,
        other => panic!("{other} is no SELECT"),
    }
}

/// Whether the condition selects the instance, in a query for its class.
fn selects(condition: &str, instance: &Instance) -> bool {
    let text = format!("SELECT * FROM {} WHERE {condition}", instance.class);
    select(&text).selects(instance, schema())
}

const VM: &str = "1F2E3D4C-0000-4000-8000-0000000000A5";

/// The shapes that clients send: as they write them, and as we would.
const SHAPES: &[(&str, &str)] = &[
    // Each client looks the service up.
    ("select * from Msvm_ReplicationService", "SELECT * FROM Msvm_ReplicationService"),
    // A virtual machine by its name: Microsoft's sample, other quotes, other case, trailing space.
    (
        "SELECT * FROM Msvm_ComputerSystem WHERE ElementName=\"web\" ",
        "SELECT * FROM Msvm_ComputerSystem WHERE ElementName = \"web\"",
    ),
    (
        "select * from msvm_computersystem where elementName='web'",
        "SELECT * FROM msvm_computersystem WHERE elementName = \"web\"",
    ),
    (
        "Select * from Msvm_ComputerSystem WHERE Name='A5'",
        "SELECT * FROM Msvm_ComputerSystem WHERE Name = \"A5\"",
    ),
    (
        "SELECT * FROM Msvm_ComputerSystem WHERE ElementName = 'x' OR Name = 'x'",
        "SELECT * FROM Msvm_ComputerSystem WHERE ElementName = \"x\" OR Name = \"x\"",
    ),
    // A monitor, with a class in a case of its own.
    (
        "SELECT ElementName, EnabledState, ReplicationState, ReplicationHealth \
         FROM MsVm_ComputerSystem WHERE ReplicationState IS NOT NULL",
        "SELECT ElementName, EnabledState, ReplicationState, ReplicationHealth \
         FROM MsVm_ComputerSystem WHERE ReplicationState IS NOT NULL",
    ),
    (
        "SELECT ElementName, InstallDate, ReplicationMode FROM Msvm_ComputerSystem \
         WHERE ReplicationMode = 3",
        "SELECT ElementName, InstallDate, ReplicationMode FROM Msvm_ComputerSystem \
         WHERE ReplicationMode = 3",
    ),
    // libvirt.
    (
        "select * from Msvm_ComputerSystem where Description = \"Microsoft Virtual Machine\" \
         and Name = 'A5'",
        "SELECT * FROM Msvm_ComputerSystem WHERE Description = \"Microsoft Virtual Machine\" \
         AND Name = \"A5\"",
    ),
    (
        "SELECT * FROM Msvm_ComputerSystem WHERE Name != __SERVER AND \
         (EnabledState != 0 and EnabledState != 3 and EnabledState != 32769) ",
        "SELECT * FROM Msvm_ComputerSystem WHERE Name != __SERVER AND \
         (EnabledState != 0 AND EnabledState != 3 AND EnabledState != 32769)",
    ),
    (
        "Select * from Msvm_ProcessorSettingData where \
         InstanceID LIKE 'Microsoft:Definition%Maximum'",
        "SELECT * FROM Msvm_ProcessorSettingData WHERE \
         InstanceID LIKE \"Microsoft:Definition%Maximum\"",
    ),
    // The cluster's client: backslashes are escaped.
    (
        r"Select * from Msvm_ReplicationSettingData where InstanceID='Microsoft:A5\\HVR\\0'",
        r#"SELECT * FROM Msvm_ReplicationSettingData WHERE InstanceID = "Microsoft:A5\\HVR\\0""#,
    ),
    (
        r"Select * from Msvm_ReplicationRelationship where InstanceID='Microsoft:A5\\HVR\\0'",
        r#"SELECT * FROM Msvm_ReplicationRelationship WHERE InstanceID = "Microsoft:A5\\HVR\\0""#,
    ),
    (
        "SELECT * FROM Msvm_ReplicationSettingData WHERE VirtualSystemIdentifier LIKE \"A5\"",
        "SELECT * FROM Msvm_ReplicationSettingData WHERE VirtualSystemIdentifier LIKE \"A5\"",
    ),
    (
        "SELECT * FROM Msvm_StorageAllocationSettingData WHERE InstanceID LIKE \"Microsoft:A5%\"",
        "SELECT * FROM Msvm_StorageAllocationSettingData WHERE InstanceID LIKE \"Microsoft:A5%\"",
    ),
    // Enumerations.
    ("select * from Msvm_SummaryInformation", "SELECT * FROM Msvm_SummaryInformation"),
    (
        "SELECT * FROM Msvm_ReplicationServiceSettingData",
        "SELECT * FROM Msvm_ReplicationServiceSettingData",
    ),
    ("SELECT * FROM CIM_ConcreteJob", "SELECT * FROM CIM_ConcreteJob"),
    // Jobs.
    (
        "select * from Msvm_ConcreteJob where InstanceID = 'A5'",
        "SELECT * FROM Msvm_ConcreteJob WHERE InstanceID = \"A5\"",
    ),
    (
        r#"SELECT * FROM Msvm_AffectedJobElement WHERE AffectedElement = '\\\\TOKYO\\root\\virtualization\\v2:Msvm_ComputerSystem.Name=\"A5\"'"#,
        r#"SELECT * FROM Msvm_AffectedJobElement WHERE AffectedElement = "\\\\TOKYO\\root\\virtualization\\v2:Msvm_ComputerSystem.Name=\"A5\"""#,
    ),
    // Associations: by the class of what is found, by both classes, with roles, by the link alone.
    (
        "ASSOCIATORS OF {Msvm_ComputerSystem.CreationClassName=\"Msvm_ComputerSystem\",Name=\"A5\"} \
         WHERE ResultClass=Msvm_ReplicationSettingData",
        "ASSOCIATORS OF {Msvm_ComputerSystem.CreationClassName=\"Msvm_ComputerSystem\",Name=\"A5\"} \
         WHERE ResultClass = Msvm_ReplicationSettingData",
    ),
    (
        "Associators of {Msvm_ComputerSystem.Name='A5'} where ResultClass='Msvm_SummaryInformation'",
        "ASSOCIATORS OF {Msvm_ComputerSystem.Name=\"A5\"} WHERE ResultClass = Msvm_SummaryInformation",
    ),
    (
        "ASSOCIATORS OF {Msvm_ComputerSystem.CreationClassName='Msvm_ComputerSystem',Name='A5'} \
         WHERE AssocClass = Msvm_SettingsDefineState ResultClass = Msvm_VirtualSystemSettingData",
        "ASSOCIATORS OF {Msvm_ComputerSystem.CreationClassName=\"Msvm_ComputerSystem\",Name=\"A5\"} \
         WHERE AssocClass = Msvm_SettingsDefineState ResultClass = Msvm_VirtualSystemSettingData",
    ),
    (
        "ASSOCIATORS OF {Msvm_ComputerSystem.Name='A5'} WHERE ResultRole=Dependent Role=Antecedent \
         ResultClass=Msvm_ReplicationRelationship AssocClass=Msvm_SystemReplicationRelationship",
        "ASSOCIATORS OF {Msvm_ComputerSystem.Name=\"A5\"} WHERE \
         AssocClass = Msvm_SystemReplicationRelationship ResultClass = Msvm_ReplicationRelationship \
         Role = Antecedent ResultRole = Dependent",
    ),
    (
        r"ASSOCIATORS OF {Msvm_VirtualSystemSettingData.InstanceID='Microsoft:A5'} WHERE AssocClass=Msvm_VirtualSystemSettingDataComponent ClassDefsOnly",
        r#"ASSOCIATORS OF {Msvm_VirtualSystemSettingData.InstanceID="Microsoft:A5"} WHERE AssocClass = Msvm_VirtualSystemSettingDataComponent ClassDefsOnly"#,
    ),
    (
        r"references of {\\TOKYO\root\virtualization\v2:Msvm_ConcreteJob.InstanceID='}'} where resultclass = Msvm_AffectedJobElement keysonly",
        r#"REFERENCES OF {\\TOKYO\root\virtualization\v2:Msvm_ConcreteJob.InstanceID="}"} WHERE ResultClass = Msvm_AffectedJobElement KeysOnly"#,
    ),
    // Events: polled, with a key, projected, of every kind, and announced by a provider.
    (
        "SELECT * FROM __InstanceModificationEvent WITHIN 2 WHERE \
         TargetInstance ISA 'Msvm_ConcreteJob' AND TargetInstance.InstanceID=\"A5\"",
        "SELECT * FROM __InstanceModificationEvent WITHIN 2 WHERE \
         TargetInstance ISA \"Msvm_ConcreteJob\" AND TargetInstance.InstanceID = \"A5\"",
    ),
    (
        "SELECT TargetInstance FROM __InstanceModificationEvent WITHIN 1 \
         WHERE TargetInstance ISA 'Msvm_ConcreteJob'",
        "SELECT TargetInstance FROM __InstanceModificationEvent WITHIN 1 \
         WHERE TargetInstance ISA \"Msvm_ConcreteJob\"",
    ),
    (
        "SELECT * FROM __InstanceOperationEvent WITHIN 0.5 WHERE TargetInstance ISA \
         'Msvm_ReplicationRelationship'",
        "SELECT * FROM __InstanceOperationEvent WITHIN 0.5 WHERE TargetInstance ISA \
         \"Msvm_ReplicationRelationship\"",
    ),
    ("SELECT * FROM __InstanceDeletionEvent", "SELECT * FROM __InstanceDeletionEvent"),
];

#[test]
fn what_clients_send_is_read() {
    for (sent, printed) in SHAPES {
        assert_eq!(query(sent).to_string(), *printed, "{sent}");
        assert_eq!(query(printed), query(sent), "{sent}");
    }
}

/// A condition, an instance of its class, and whether it is met.
#[test]
fn what_clients_ask_for_is_found() {
    let vm = Instance::new("Msvm_ComputerSystem")
        .with("Name", VM)
        .with("ElementName", "Web")
        .with("Description", "Microsoft Virtual Machine")
        .with("EnabledState", 2_u16)
        .with("ReplicationState", 3_u16)
        .with("InstallDate", Value::Null);
    let mut host = Instance::new("Msvm_ComputerSystem").with("Name", "TOKYO");
    host.path = schema().path_of(&host.clone().with("CreationClassName", "Msvm_ComputerSystem"));
    host.path = host.path.map(|it| it.on("tokyo", r"root\virtualization\v2"));
    let mut here = vm.clone();
    here.path.clone_from(&host.path);
    for (condition, on_vm, on_host) in [
        ("ElementName = 'wEB'", true, false),
        ("ElementName != 'other'", true, false),
        ("ReplicationState IS NOT NULL", true, false),
        ("ReplicationState IS NULL", false, true),
        ("ReplicationState != NULL", true, false),
        ("ReplicationState = NULL", false, true),
        ("InstallDate IS NULL", true, true),
        ("Name != __SERVER", true, false),
        ("(EnabledState != 0 and EnabledState != 3 and EnabledState != 32769)", true, false),
        ("EnabledState = '2'", true, false),
        ("2 = EnabledState", true, false),
        ("3 > EnabledState", true, false),
        ("EnabledState >= 2.5", false, false),
        ("NOT EnabledState = 3", true, true),
        ("Description LIKE '%virtual m_chine'", true, false),
        ("Name LIKE '[0-9]%' AND NOT Name LIKE '%[^-0-9A-F]%'", true, false),
        ("__CLASS = 'msvm_computersystem'", true, true),
        ("ElementName = 'x' OR Name LIKE 'tok%'", false, true),
        ("EnabledState = 'two'", false, false),
    ] {
        assert_eq!(selects(condition, &here), on_vm, "virtual machine, {condition}");
        assert_eq!(selects(condition, &host), on_host, "host, {condition}");
    }
}

/// A class extends another: who asks for the one gets the other.
#[test]
fn a_class_is_asked_for_by_those_it_extends() {
    let job = Instance::new("Msvm_ConcreteJob").with("JobState", 4_u16);
    assert!(select("SELECT * FROM CIM_Job").selects(&job, schema()));
    assert!(!select("SELECT * FROM Msvm_Error").selects(&job, schema()));
}

#[test]
fn times_are_compared_as_instants_and_numbers_as_numbers() {
    let time = |text: &str| Value::from_text(CimType::DateTime, text).expect("a datetime");
    let relationship = Instance::new("Msvm_ReplicationRelationship")
        .with("LastReplicationTime", time("20240101120000.000000-000"));
    for (condition, expected) in [
        ("LastReplicationTime = '20240101120000.000000+000'", true),
        ("LastReplicationTime = '20240101130000.000000+060'", true),
        ("LastReplicationTime > '20240101130000.000000-000'", false),
        ("LastReplicationTime < '20240101120000.000001-000'", true),
        ("LastReplicationTime > '16010101000000.000000-000'", true),
        ("LastReplicationTime > 'yesterday'", false),
        ("LastReplicationTime != 'yesterday'", false),
        ("LastApplyTime > '16010101000000.000000-000'", false),
    ] {
        assert_eq!(selects(condition, &relationship), expected, "{condition}");
    }
    let statistics = Instance::new("Msvm_ReplicationStatistics")
        .with("ReplicationSize", u64::MAX)
        .with("ReplicationMissCount", 10_u32);
    for (condition, expected) in [
        ("ReplicationSize = 18446744073709551615", true),
        ("ReplicationSize > '18446744073709551614'", true),
        // As text, 9 would be the greater one.
        ("ReplicationMissCount > '9'", true),
        ("ReplicationMissCount = 0xA", true),
    ] {
        assert_eq!(selects(condition, &statistics), expected, "{condition}");
    }
}

#[test]
fn references_are_compared_as_paths() {
    let vm = r#"\\TOKYO\root\virtualization\v2:Msvm_ComputerSystem.CreationClassName="Msvm_ComputerSystem",Name="A5""#;
    let link = Instance::new("Msvm_AffectedJobElement")
        .with("AffectedElement", Value::from_text(CimType::Reference, vm));
    let asked = "Msvm_ComputerSystem.Name='a5',CreationClassName='Msvm_ComputerSystem'";
    let condition = |path: &str| format!("AffectedElement = \"{path}\"");
    assert!(selects(&condition(asked), &link));
    assert!(!selects(&condition(&asked.replace("a5", "b6")), &link));
    assert!(!selects(&condition("no path"), &link));
}

#[test]
fn an_event_is_asked_for_by_what_it_is_about() {
    let event = |state: u16| {
        let job =
            Instance::new("Msvm_ConcreteJob").with("InstanceID", "A5").with("JobState", state);
        Instance::new("__InstanceModificationEvent").with("TargetInstance", job)
    };
    let asked = select(
        "SELECT * FROM __InstanceOperationEvent WITHIN 2 WHERE TargetInstance ISA 'CIM_Job' \
         AND TargetInstance.JobState >= 7 AND TargetInstance.__CLASS = 'Msvm_ConcreteJob'",
    );
    assert_eq!(asked.within, Some(Duration::from_secs(2)));
    assert_eq!(asked.required_class("targetinstance").map(Name::as_str), Some("CIM_Job"));
    assert!(asked.selects(&event(7), schema()));
    assert!(!asked.selects(&event(4), schema()));
    let other = Instance::new("__InstanceModificationEvent")
        .with("TargetInstance", Instance::new("Msvm_Error"));
    assert!(!asked.selects(&other, schema()));
    assert!(!asked.selects(&Instance::new("__InstanceModificationEvent"), schema()));
}

/// A monitor names four properties and reads a fifth, which is a key.
#[test]
fn a_projection_has_the_keys() {
    let vm = Instance::new("Msvm_ComputerSystem")
        .with("CreationClassName", "Msvm_ComputerSystem")
        .with("Name", VM)
        .with("ElementName", "web")
        .with("EnabledState", 2_u16);
    let asked = select("SELECT elementname, OtherEnabledState FROM Msvm_ComputerSystem");
    let shown = asked.project(vm.clone(), schema());
    let mut names: Vec<_> = shown.properties().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names[0], "elementname");
    names.sort_unstable();
    assert_eq!(names, ["CreationClassName", "Name", "elementname"]);
    assert_eq!(select("SELECT * FROM Msvm_ComputerSystem").project(vm.clone(), schema()), vm);
}

#[test]
fn a_key_that_is_asked_for_can_be_looked_up() {
    let keys = |text: &str| -> Vec<String> {
        let select = select(text);
        select.equalities().map(|(name, value)| format!("{name} {value}")).collect()
    };
    let of =
        |condition: &str| keys(&format!("SELECT * FROM Msvm_ComputerSystem WHERE {condition}"));
    assert_eq!(of("Name='A5'"), ["Name \"A5\""]);
    assert_eq!(of("'A5' = Name AND EnabledState = 2"), ["Name \"A5\"", "EnabledState 2"]);
    assert_eq!(of("Name='A5' AND (EnabledState = 2 OR EnabledState = 3)"), ["Name \"A5\""]);
    assert_eq!(of("Name='A5' OR EnabledState = 2"), [""; 0]);
    assert_eq!(of("NOT Name='A5'"), [""; 0]);
    assert_eq!(of("Name != 'A5'"), [""; 0]);
    assert_eq!(keys("SELECT * FROM Msvm_ComputerSystem"), [""; 0]);
}

/// <https://learn.microsoft.com/windows/win32/wmisdk/like-operator>
#[test]
fn patterns_are_those_of_the_page() {
    for (pattern, text, expected) in [
        ("", "", true),
        ("%", "", true),
        ("%win%", "Windows", true),
        ("win%", "a win", false),
        ("_in", "Win", true),
        ("_in", "in", false),
        ("[abc]x", "Bx", true),
        ("[a-f]x", "Ex", true),
        ("[a=f]x", "ex", true),
        ("[a-f]x", "gx", false),
        ("[^a-f]x", "gx", true),
        ("[^a-f]x", "Ax", false),
        ("%[_][_]%", "the__class", true),
        ("%[_][_]%", "the_class", false),
        ("[%]", "%", true),
        ("[]]", "]", true),
        ("a[", "A[", true),
        ("%a%b%c", "xxaxxbxxc", true),
        ("%a%b%c", "xxaxxbxxcx", false),
        ("\u{c4}%", "\u{e4}rger", true),
    ] {
        assert_eq!(Pattern::from(pattern).matches(text), expected, "{pattern} on {text}");
    }
}

/// Many `%` are no way to keep a server busy.
#[test]
fn a_pattern_is_tried_in_bounded_time() {
    let pattern = "%a".repeat(2000);
    let text = "a".repeat(1999) + &"b".repeat(10_000);
    assert!(!Pattern::from(pattern.as_str()).matches(&text));
}

#[test]
fn what_is_no_query_is_refused_where_it_is() {
    const FROM: &str = "SELECT * FROM Msvm_ComputerSystem";
    let (invalid, class) = (WbemStatus::INVALID_QUERY, WbemStatus::INVALID_CLASS);
    let quota = WbemStatus::QUOTA_VIOLATION;
    for (text, status, expected) in [
        (
            "",
            invalid,
            "line 1, column 1: expected SELECT, ASSOCIATORS or REFERENCES, found the end",
        ),
        ("SELECT", invalid, "line 1, column 7: expected a property, found the end"),
        ("SELECT * Msvm_X", invalid, "line 1, column 10: expected from, found `Msvm_X`"),
        ("SELECT * FROM", invalid, "line 1, column 14: expected a class, found the end"),
        ("SELECT * FROM Nothing", class, "line 1, column 15: there is no class `Nothing`"),
        (
            "SELECT Colour FROM Msvm_Error",
            invalid,
            "line 1, column 8: `Msvm_Error` has no property `Colour`",
        ),
        // Columns that a client of another schema asks for.
        (
            "SELECT * FROM Msvm_ReplicationRelationship\nWHERE SourceSystem = 'x'",
            invalid,
            "line 2, column 7: `Msvm_ReplicationRelationship` has no property `SourceSystem`",
        ),
        (
            "SELECT * FROM Msvm_ComputerSystem WITHIN 2",
            invalid,
            "line 1, column 35: `Msvm_ComputerSystem` is no event, so that there is nothing to poll for",
        ),
        (
            "SELECT * FROM __InstanceCreationEvent WITHIN -1",
            invalid,
            "line 1, column 46: expected a number of seconds, found `-1`",
        ),
        (
            "SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Nothing'",
            class,
            "line 1, column 64: there is no class `Nothing`",
        ),
        (
            "SELECT * FROM __InstanceCreationEvent WITHIN 1 GROUP WITHIN 10",
            invalid,
            "line 1, column 48: expected no GROUP and no HAVING, which are not read, found `GROUP`",
        ),
        ("ASSOCIATORS OF {Nothing.A='b'}", class, "line 1, column 17: there is no class `Nothing`"),
        (
            "ASSOCIATORS OF {Msvm_ConcreteJob.A='b'} WHERE ResultClass=Nothing",
            class,
            "line 1, column 59: there is no class `Nothing`",
        ),
        (
            "ASSOCIATORS OF {Msvm_ConcreteJob.A='b'} WHERE Colour=Red",
            invalid,
            "line 1, column 47: `Colour` is no keyword of this query",
        ),
        // AssocClass is a keyword of ASSOCIATORS only.
        (
            "REFERENCES OF {Msvm_ConcreteJob.A='b'} WHERE AssocClass=Msvm_AffectedJobElement",
            invalid,
            "line 1, column 46: `AssocClass` is no keyword of this query",
        ),
        (
            "ASSOCIATORS OF {Msvm_ConcreteJob.A='b'} WHERE",
            invalid,
            "line 1, column 46: expected a keyword such as ResultClass, found the end",
        ),
        (
            "ASSOCIATORS OF {Msvm_ConcreteJob.A='b'} WHERE KeysOnly ClassDefsOnly",
            invalid,
            "line 1, column 56: one of KeysOnly, ClassDefsOnly and SchemaOnly at most",
        ),
        (
            "ASSOCIATORS OF {Msvm_ConcreteJob.A=b}",
            invalid,
            "line 1, column 36: expected a string, a number, TRUE or FALSE, found `b`",
        ),
        (
            "ASSOCIATORS OF {Msvm_ConcreteJob.A='b",
            invalid,
            "line 1, column 16: this path has no closing `}`",
        ),
    ] {
        let error = parse(text, schema()).expect_err(text);
        let found = format!("{}: {}", error.position, error.message);
        assert_eq!((error.status, found.as_str()), (status, expected), "{text}");
    }
    for (condition, expected) in [
        ("", "expected a property or a value, found the end"),
        ("Name", "expected an operator, found the end"),
        ("Name =", "expected a property or a value, found the end"),
        ("1 = 1", "expected a property on one of the sides, found `1`"),
        ("Name IS 'x'", "expected null, found `'x'`"),
        ("Name < NULL", "expected a value: NULL is equal or not equal, found `NULL`"),
        ("Name LIKE 5", "expected a pattern in quotes, found `5`"),
        ("(Name = 'x'", "expected `)`, found the end"),
        ("Name = 'x' Name = 'y'", "expected the end of the query, found `Name`"),
        // A quote is not escaped by doubling it, as one client believes.
        ("Name = 'it''s'", "expected the end of the query, found `'s'`"),
        ("Name = 'x", "this string has no closing quote"),
        (r"Name = 'C:\x'", "a backslash stands before a quote or another backslash only"),
        ("Name = 5x", "`5x` is no number"),
        ("Name ? 'x'", "unexpected `?`"),
    ] {
        let text = format!("{FROM} WHERE {condition}");
        let error = parse(&text, schema()).expect_err(&text);
        assert_eq!((error.status, error.message.as_str()), (invalid, expected), "{text}");
    }
    let deep = format!("{FROM} WHERE {}Name = 'x'{}", "(".repeat(10_000), ")".repeat(10_000));
    let error = parse(&deep, schema()).expect_err("deep");
    assert!(error.message.starts_with("expected at most 64 levels"), "{error}");
    let long = format!("{FROM} WHERE Name = '{}'", "x".repeat(1 << 16));
    assert_eq!(parse(&long, schema()).expect_err("long").status, quota);
    let wide = format!("{FROM} WHERE Name = 'x'{}", " OR Name = 'y'".repeat(4000));
    assert!(parse(&wide, schema()).is_ok());
}

fn name() -> impl Strategy<Value = Name> {
    // Nothing that begins like a keyword.
    "(Q|__)[A-Za-z0-9_]{0,8}".prop_map(Into::into)
}

fn property() -> impl Strategy<Value = PropertyPath> {
    (name(), prop::collection::vec(name(), 0..3))
        .prop_map(|(name, within)| PropertyPath { name, within })
}

fn constant() -> impl Strategy<Value = Constant> {
    prop_oneof![
        text().prop_map(Constant::Text),
        any::<i64>().prop_map(|it| Constant::Integer(it.into())),
        any::<f64>().prop_filter("finite", |it| it.is_finite()).prop_map(Constant::Real),
        any::<bool>().prop_map(Constant::Boolean),
    ]
}

fn comparison() -> impl Strategy<Value = Condition> {
    let operator = prop::sample::select(vec![
        Operator::Equal,
        Operator::NotEqual,
        Operator::Less,
        Operator::AtMost,
        Operator::Greater,
        Operator::AtLeast,
    ]);
    let other = prop_oneof![
        property().prop_map(Operand::Property),
        constant().prop_map(Operand::Constant),
    ];
    (property(), operator, other, any::<bool>()).prop_map(|(property, operator, other, swap)| {
        let (left, right) = (Operand::Property(property), other);
        let (left, right) = if swap { (right, left) } else { (left, right) };
        Condition::Compare { left, operator, right }
    })
}

fn condition() -> impl Strategy<Value = Condition> {
    let leaf = prop_oneof![
        comparison(),
        (property(), text()).prop_map(|(property, text)| Condition::Like {
            property,
            pattern: text.as_str().into()
        }),
        property().prop_map(Condition::IsNull),
        (property(), name()).prop_map(|(property, class)| Condition::IsA { property, class }),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|it| Condition::Not(Box::new(it))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Condition::And),
            prop::collection::vec(inner, 2..4).prop_map(Condition::Or),
        ]
    })
}

fn any_select() -> impl Strategy<Value = Select> {
    let projection = prop_oneof![
        Just(Projection::All),
        prop::collection::vec(property(), 1..4).prop_map(Projection::Properties),
    ];
    let within = prop::option::of((0..1_000_000_u64).prop_map(Duration::from_millis));
    (projection, name(), within, prop::option::of(condition())).prop_map(
        |(projection, class, within, condition)| Select { projection, class, within, condition },
    )
}

fn any_query() -> impl Strategy<Value = Query> {
    let some = || prop::option::of(name());
    let yields = prop::sample::select(vec![
        Yields::Instances,
        Yields::Keys,
        Yields::Classes,
        Yields::Schema,
    ]);
    let of = (super::path::path(), [some(), some(), some()], [some(), some(), some()], yields);
    let related = (of, any::<bool>()).prop_map(|((source, a, b, yields), is_references)| {
        let [result_class, role, required_qualifier] = a;
        let [assoc_class, result_role, required_assoc_qualifier] = b;
        if is_references {
            return References { source, result_class, role, required_qualifier, yields }.into();
        }
        Associators {
            source,
            assoc_class,
            result_class,
            role,
            result_role,
            required_qualifier,
            required_assoc_qualifier,
            yields,
        }
        .into()
    });
    prop_oneof![any_select().prop_map(Query::from), related]
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(query in any_query()) {
        let printed = query.to_string();
        let read = parse_unchecked(&printed);
        let read = read.map_err(|error| TestCaseError::fail(format!("{printed}: {error}")))?;
        prop_assert_eq!(read, query);
    }

    #[test]
    fn no_text_is_a_panic(noise in any::<String>(), at in 0..SHAPES.len(), cut in 0..300usize) {
        let _ = parse(&noise, schema());
        let sent = SHAPES[at].0;
        if sent.is_char_boundary(cut) && cut <= sent.len() {
            let _ = parse(&sent[..cut], schema());
            let _ = parse(&format!("{}{noise}{}", &sent[..cut], &sent[cut..]), schema());
        }
    }

    /// A scalar is equal to what a query would write for it, and neither less nor greater.
    #[test]
    fn a_value_is_equal_to_itself(
        value in prop::sample::select(CimType::ALL).prop_flat_map(scalar),
        time in datetime(),
    ) {
        for value in [value, time.into()] {
            let Some(text) = value.to_text() else { continue };
            let is = |operator| Condition::Compare {
                left: Operand::Property("A".into()),
                operator,
                right: Operand::Constant(Constant::Text(text.clone())),
            }.is_met_by(&Instance::new("X").with("a", value.clone()), schema());
            prop_assert!(is(Operator::Equal) && is(Operator::AtMost) && is(Operator::AtLeast));
            prop_assert!(!is(Operator::NotEqual) && !is(Operator::Less) && !is(Operator::Greater));
        }
    }
}
