//! The schema: what the MOF says, what is no MOF, and the whole against the published one.

use hyperv_replica::cim::{CimType, Class, Instance, Name, Schema, Type, Value, ValueMap};
use serde_json::Value as Json;
use std::collections::BTreeMap;

fn schema() -> &'static Schema {
    Schema::virtualization()
}

fn class(name: &str) -> &'static Class {
    schema().class(name).unwrap_or_else(|| panic!("no class {name}"))
}

#[test]
fn the_crates_own_schema_reads() {
    Schema::parse(Schema::VIRTUALIZATION).unwrap();
}

/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationsettingdata>
#[test]
fn a_class_has_what_it_inherits_and_what_it_adds() {
    let settings = class("Msvm_ReplicationSettingData");
    let inherited = settings.property("InstanceID").expect("of CIM_SettingData");
    assert!(inherited.is_key);
    assert_eq!(inherited.origin, *"CIM_SettingData");
    let own = settings.property("AutoResynchronizeEnabled").expect("its own");
    assert_eq!(own.origin, *"Msvm_ReplicationSettingData");
    assert_eq!(own.default, Some(Value::Boolean(true)));
    assert_eq!(own.of, Type::scalar(CimType::Boolean));
    let disks = settings.property("IncludedDisks").expect("its own");
    assert_eq!(disks.of, Type::array(CimType::String));
    assert_eq!(disks.embedded, Some(Name::from("CIM_StorageAllocationSettingData")));
    assert!(!settings.property("ReplicationInterval").unwrap().builds.contains(9200));
    assert!(settings.property("ReplicationInterval").unwrap().builds.contains(9600));
}

/// <https://learn.microsoft.com/windows/win32/hyperv_v2/startreplication-msvm-replicationservice>
#[test]
fn a_method_has_its_parameters_in_their_order() {
    let start = class("msvm_replicationservice").method("startreplication").expect("declared");
    let names: Vec<_> = start.parameters.iter().map(|it| it.name.as_str()).collect();
    let expected = [
        "ComputerSystem",
        "InitialReplicationType",
        "InitialReplicationExportLocation",
        "StartTime",
        "Job",
    ];
    assert_eq!(names, expected);
    assert_eq!(start.parameters[0].class, Some(Name::from("CIM_ComputerSystem")));
    assert_eq!(start.parameters[1].values.label("2"), Some("Export"));
    assert!(start.parameters[3].is_in && !start.parameters[3].is_out);
    assert!(!start.parameters[4].is_in && start.parameters[4].is_out);
    assert_eq!(start.values.iter().len(), 14);
}

#[test]
fn an_association_has_two_ends() {
    for class in schema().classes().filter(|it| it.is_association) {
        assert_eq!(class.ends().count(), 2, "{}", class.name);
    }
    let ends: Vec<_> = class("Msvm_SettingsDefineState").ends().map(|it| &it.name).collect();
    assert_eq!(ends, [&Name::from("ManagedElement"), &Name::from("SettingData")]);
}

/// Every embedded instance of a parameter is of a class of the schema, so that it can be read.
#[test]
fn the_service_takes_and_gives_instances_of_known_classes() {
    let mut embedded = 0;
    for method in &class("Msvm_ReplicationService").methods {
        for class in method.parameters.iter().filter_map(|it| it.embedded.as_ref()) {
            assert!(schema().class(class.as_str()).is_some(), "{} of {}", class, method.name);
            embedded += 1;
        }
    }
    assert_eq!(embedded, 17);
}

#[test]
fn every_class_and_everything_of_replication_says_what_it_is() {
    for class in schema().classes() {
        assert!(!class.description.is_empty(), "{}", class.name);
        let own =
            |origin: &Name| *origin == class.name && class.name.as_str().contains("Replication");
        for it in class.properties.iter().filter(|it| own(&it.origin) && !class.is_association) {
            assert!(!it.description.is_empty(), "{}.{}", class.name, it.name);
        }
        for it in class.methods.iter().filter(|it| own(&it.origin)) {
            assert!(!it.description.is_empty(), "{}.{}", class.name, it.name);
        }
    }
}

#[test]
fn a_path_is_made_of_the_keys() {
    let service = Instance::new("Msvm_ReplicationService")
        .with("SystemCreationClassName", "Msvm_ComputerSystem")
        .with("SystemName", "TOKYO")
        .with("CreationClassName", "Msvm_ReplicationService")
        .with("Name", "replicasvc");
    let path = schema().path_of(&service).expect("all keys are there").to_string();
    let expected = concat!(
        r#"Msvm_ReplicationService.CreationClassName="Msvm_ReplicationService",Name="replicasvc","#,
        r#"SystemCreationClassName="Msvm_ComputerSystem",SystemName="TOKYO""#,
    );
    assert_eq!(path, expected);
    let mut nameless = service.clone();
    nameless.remove("name");
    assert_eq!(schema().path_of(&nameless), None);
    let issue = Instance::new("Msvm_Error").with("Message", "The link is slow.");
    assert_eq!(schema().path_of(&issue), None, "an embedded instance is nowhere");
}

/// <https://learn.microsoft.com/windows/win32/wmisdk/wmi-system-properties>
#[test]
fn system_properties_say_what_an_instance_is_and_where() {
    let mut job = Instance::new("Msvm_ConcreteJob").with("InstanceID", "A1");
    let of = |job: &Instance, name: &str| schema().system_property(job, name);
    assert_eq!(of(&job, "__class"), Some("Msvm_ConcreteJob".into()));
    assert_eq!(of(&job, "__SUPERCLASS"), Some("CIM_ConcreteJob".into()));
    assert_eq!(of(&job, "__DYNASTY"), Some("CIM_ManagedElement".into()));
    assert_eq!(of(&job, "__GENUS"), Some(2_i32.into()));
    assert_eq!(of(&job, "__PROPERTY_COUNT"), Some(1_i32.into()));
    assert_eq!(of(&job, "__RELPATH"), Some(r#"Msvm_ConcreteJob.InstanceID="A1""#.into()));
    assert_eq!(of(&job, "__PATH"), Some(Value::Null));
    job.path = schema().path_of(&job).map(|it| it.on("TOKYO", r"root\virtualization\v2"));
    assert_eq!(of(&job, "__SERVER"), Some("TOKYO".into()));
    assert_eq!(of(&job, "__NAMESPACE"), Some(r"root\virtualization\v2".into()));
    let path = r#"\\TOKYO\root\virtualization\v2:Msvm_ConcreteJob.InstanceID="A1""#;
    assert_eq!(of(&job, "__PATH"), Some(path.into()));
    assert_eq!(of(&job, "__COLOUR"), None);
}

/// Each line: a text, and what is said of it.
#[test]
fn what_is_no_mof_is_refused_where_it_is() {
    for (mof, expected) in [
        ("klass A {};", "line 1, column 1: expected class, found `klass`"),
        ("class A {\n  uint33 B;\n};", ""),
        ("class A {\n  uint16 B\n};", "line 3, column 1: expected `;`, found `}`"),
        ("class A : B {};", "line 1, column 7: `B`, which `A` extends, is not declared"),
        ("class A {};\nclass a {};", "line 2, column 7: class `a` is declared twice"),
        ("class A { string B; uint8 b; };", "line 1, column 27: `b` is declared twice"),
        ("[Kye] class A {};", "line 1, column 2: qualifier `Kye` is not one of these"),
        ("class A { [Key(1)] string B; };", "line 1, column 12: `Key` takes no value"),
        ("class A { [Key, key] string B; };", "line 1, column 17: qualifier `key` is given twice"),
        (
            "class A { [ValueMap{\"1\"}, Values{\"a\", \"b\"}] uint8 B; };",
            "line 1, column 27: `Values` has one label for each of `ValueMap`",
        ),
        ("class A { uint8 B = 256; };", "line 1, column 21: expected uint8, found sint64 `256`"),
        ("class A { string B = \"x; };", "line 1, column 22: this string has no closing quote"),
        ("class A { /* string B; };", "line 1, column 11: this comment has no end"),
        ("/*/ class A {};", "line 1, column 1: this comment has no end"),
        ("class A { string B; ", "line 1, column 21: expected a type, found the end"),
        (
            "class A { uint32 M([In] uint8 a, [In] uint8 A); };",
            "line 1, column 45: `A` is declared twice",
        ),
        ("class A { string \u{1F600}; };", "line 1, column 18: unexpected `\u{1F600}`"),
    ] {
        let read = Schema::parse(&[mof]);
        match (expected, read) {
            ("", read) => assert!(read.is_ok(), "{mof}"), // A class may be declared elsewhere.
            (_, Ok(_)) => panic!("{mof} was taken"),
            (_, Err(error)) => assert_eq!(error.error.to_string(), expected, "{mof}"),
        }
    }
}

fn text<'a>(json: &'a Json, key: &str) -> &'a str {
    json[key].as_str().unwrap_or_default()
}

fn list<'a>(json: &'a Json, key: &str) -> &'a [Json] {
    json[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn build(json: &Json, key: &str) -> Option<u32> {
    json[key].as_str().map(|it| it.parse().expect("a build"))
}

/// Values and labels, as both sides have them.
fn labels(values: &Json) -> BTreeMap<&str, Option<&str>> {
    let values = values.as_object().into_iter().flatten();
    values.map(|(value, label)| (value.as_str(), label.as_str())).collect()
}

fn own_labels(values: &ValueMap) -> BTreeMap<&str, Option<&str>> {
    values.iter().collect()
}

/// The name of a type, as the published schema writes it.
fn type_name(of: Type, class: Option<&Name>) -> &str {
    class.map_or(of.of.name(), Name::as_str)
}

/// The published schema compared with ours; what differs is collected, so that a failure shows all.
struct Comparison<'a> {
    published: BTreeMap<&'a str, &'a Json>,
    differences: Vec<String>,
    properties: usize,
    methods: usize,
    labels: usize,
}

impl<'a> Comparison<'a> {
    #[expect(clippy::needless_pass_by_value, reason = "most are numbers and flags")]
    fn same<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, published: T, ours: T) {
        if published != ours {
            self.differences.push(format!("{what}: published {published:?}, ours {ours:?}"));
        }
    }

    fn property_of(&self, class: &str, name: &str) -> Option<&'a Json> {
        list(self.published.get(class)?, "properties").iter().find(|it| text(it, "name") == name)
    }

    fn above(&self, class: &str) -> Vec<&'a str> {
        let up = |it: &&str| self.published.get(*it).map(|it| text(it, "superclass"));
        let first = up(&class);
        std::iter::successors(first, |it| up(it)).take_while(|it| !it.is_empty()).collect()
    }

    /// Whether a property left this class because a class above it has it now.
    fn moved_up(&self, class: &str, property: &Json) -> bool {
        let name = text(property, "name");
        property["last_seen"].is_string()
            && self.above(class).iter().any(|it| self.property_of(it, name).is_some())
    }

    /// The first build whose instances of the class have the property, whichever class of its line
    /// declared it then.
    fn first_build(&self, class: &str, name: &str) -> u32 {
        let below = self.published.keys().filter(|it| {
            let has = self.property_of(it, name);
            self.above(it).contains(&class) && has.is_some_and(|has| self.moved_up(it, has))
        });
        let line = self.above(class).into_iter().chain([class]).chain(below.copied());
        let first = |it: &str| {
            let property = self.property_of(it, name)?;
            build(property, "first_seen").or_else(|| build(self.published[it], "first_seen"))
        };
        line.filter_map(first).min().expect("the class itself has it")
    }

    fn class(&mut self, published: &'a Json) {
        let name = text(published, "name");
        let Some(ours) = schema().class(name) else {
            self.differences.push(format!("{name} is missing"));
            return;
        };
        let superclass = ours.superclass.as_ref().map(Name::as_str);
        self.same(name, published["superclass"].as_str(), superclass);
        self.same(name, published["association"].as_bool(), Some(ours.is_association));
        let since = ours.builds.min.unwrap_or(9200);
        self.same(name, build(published, "first_seen"), Some(since));
        let mut expected = Vec::new();
        for property in list(published, "properties") {
            if !self.moved_up(name, property) {
                expected.push(text(property, "name"));
                self.property(ours, property);
            }
        }
        let own = ours.properties.iter().filter(|it| it.origin == ours.name);
        self.same(name, expected.len(), own.count());
        let methods = list(published, "methods");
        let own = ours.methods.iter().filter(|it| it.origin == ours.name);
        self.same(name, methods.len(), own.count());
        for method in methods {
            self.method(ours, method);
        }
    }

    fn property(&mut self, class: &Class, published: &'a Json) {
        self.properties += 1;
        let name = text(published, "name");
        let what = format!("{}.{name}", class.name);
        let Some(ours) = class.property(name).filter(|it| it.origin == class.name) else {
            self.differences.push(format!("{what} is missing"));
            return;
        };
        let flag = |key: &str| published[key].as_bool().unwrap_or_default();
        let of = text(published, "type").replace("DateTime", "datetime");
        self.same(&what, of.as_str(), type_name(ours.of, ours.class.as_ref()));
        self.same(&what, flag("array"), ours.of.is_array);
        self.same(&what, flag("ref"), ours.of.of == CimType::Reference);
        self.same(&what, flag("key"), ours.is_key);
        self.same(&what, !published["Deprecated"].is_null(), ours.is_deprecated);
        let max_len = published["MaxLen"].as_u64().or(text(published, "MaxLen").parse().ok());
        self.same(&what, max_len, ours.max_len.map(u64::from));
        self.same(&what, published["Units"].as_str(), ours.units.as_deref());
        let embedded = ours.embedded.as_ref().map(Name::as_str);
        self.same(&what, published["HyperVEmbeddedInstance"].as_str(), embedded);
        let default = published["default"].as_str().map(|it| it.trim_matches('"').to_owned());
        self.same(&what, default, ours.default.as_ref().and_then(Value::to_text));
        // What says nothing is as old as the class, or as the namespace where it moved up.
        let first = self.first_build(class.name.as_str(), name);
        let says_nothing = first == 9200 || Some(first) == class.builds.min;
        self.same(&what, (!says_nothing).then_some(first), ours.builds.min);
        self.same(&what, build(published, "last_seen"), ours.builds.max);
        self.labels += ours.values.iter().len();
        self.same(&what, labels(&published["values"]), own_labels(&ours.values));
    }

    fn method(&mut self, class: &Class, published: &'a Json) {
        self.methods += 1;
        let name = text(published, "name");
        let what = format!("{}.{name}", class.name);
        let Some(ours) = class.method(name).filter(|it| it.origin == class.name) else {
            self.differences.push(format!("{what} is missing"));
            return;
        };
        self.same(&what, text(published, "return_type"), ours.returns.name());
        let codes: Vec<_> =
            list(published, "return_codes").iter().filter_map(Json::as_str).collect();
        self.same(&what, codes, ours.values.iter().map(|(value, _)| value).collect());
        let deprecated = published["deprecated"].as_bool().unwrap_or_default();
        self.same(&what, deprecated, ours.is_deprecated);
        let since = ours.builds.min.or(class.builds.min).unwrap_or(9200);
        let published_since = build(published, "first_seen").unwrap_or(9200);
        self.same(&what, published_since.max(class.builds.min.unwrap_or(9200)), since);
        let parameters = list(published, "parameters");
        self.same(&what, parameters.len(), ours.parameters.len());
        for (published, ours) in parameters.iter().zip(&ours.parameters) {
            let what = format!("{what}({})", ours.name);
            let flag = |key: &str| published[key].as_bool().unwrap_or_default();
            self.same(&what, text(published, "name"), ours.name.as_str());
            self.same(&what, text(published, "type"), type_name(ours.of, ours.class.as_ref()));
            self.same(&what, flag("array"), ours.of.is_array);
            self.same(&what, flag("ref"), ours.of.of == CimType::Reference);
            self.same(&what, text(published, "direction") == "IN", ours.is_in);
            self.same(&what, text(published, "direction") == "OUT", ours.is_out);
            self.same(&what, labels(&published["values"]), own_labels(&ours.values));
        }
    }
}

/// Property for property, method for method, label for label.
#[test]
fn the_schema_is_the_published_one() {
    let Some(json) = crate::model::schema::published() else { return };
    let classes = list(&json, "classes");
    let by_name = classes.iter().map(|it| (text(it, "name"), it)).collect();
    let mut comparison = Comparison {
        published: by_name,
        differences: vec![],
        properties: 0,
        methods: 0,
        labels: 0,
    };
    for class in classes {
        comparison.class(class);
    }
    assert!(comparison.differences.is_empty(), "{}", comparison.differences.join("\n"));
    let Comparison { properties, methods, labels, .. } = comparison;
    println!(
        "{} classes, {properties} properties, {methods} methods, {labels} labels",
        classes.len()
    );
    assert!(classes.len() > 50 && properties > 400 && methods > 100);
}
