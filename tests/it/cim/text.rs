//! Embedded instances: the texts that clients send, those that are refused, and back again.

use super::value::{scalar, text};
use hyperv_replica::cim::text::{Form, Reader, TextFault, decode, write};
use hyperv_replica::cim::{
    Array, CimType, DateTime, Instance, Name, ObjectPath, Property, Schema, Type, Value,
};
use proptest::prelude::*;

fn schema() -> &'static Schema {
    Schema::virtualization()
}

fn read(text: &str) -> Instance {
    Reader::new(schema()).read(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn interval(text: &str) -> DateTime {
    text.parse().expect("an interval")
}

/// As libvirt writes it by hand: what is set and nothing else.
#[test]
fn what_is_not_in_the_text_is_not_supplied() {
    let settings = read(
        r#"<?xml version="1.0" encoding="UTF-8"?>
        <INSTANCE CLASSNAME="Msvm_ReplicationSettingData">
            <PROPERTY NAME="ReplicationInterval" TYPE="uint16"><VALUE>300</VALUE></PROPERTY>
            <PROPERTY NAME="AdditionalSettings" TYPE="string"></PROPERTY>
            <PROPERTY NAME="CertificateThumbPrint" TYPE="string"><VALUE></VALUE></PROPERTY>
        </INSTANCE>"#,
    );
    let expected = Instance::new("Msvm_ReplicationSettingData")
        .with("ReplicationInterval", 300_u16)
        .with("AdditionalSettings", Value::Null)
        .with("CertificateThumbPrint", "");
    assert_eq!(settings, expected);
}

/// As System.Management writes it in the form of WMI's DTD: qualifiers, origins, system properties.
#[test]
fn the_form_of_wmi_is_read() {
    let text = r#"<INSTANCE CLASSNAME="Msvm_ReplicationSettingData"><QUALIFIER NAME="dynamic" TYPE="boolean" TOINSTANCE="true"><VALUE>TRUE</VALUE></QUALIFIER><PROPERTY NAME="__PATH" CLASSORIGIN="___SYSTEM" TYPE="string"><VALUE>\\TOKYO\root\virtualization\v2:Msvm_ReplicationSettingData.InstanceID="Microsoft:A5\\HVR\\0"</VALUE></PROPERTY><PROPERTY NAME="__GENUS" CLASSORIGIN="___SYSTEM" TYPE="sint32"><VALUE>2</VALUE></PROPERTY><PROPERTY.ARRAY NAME="__DERIVATION" CLASSORIGIN="___SYSTEM" TYPE="string"><VALUE.ARRAY><VALUE>CIM_VirtualSystemSettingData</VALUE></VALUE.ARRAY></PROPERTY.ARRAY><PROPERTY NAME="InstanceID" CLASSORIGIN="CIM_ManagedElement" TYPE="string"><QUALIFIER NAME="key" TYPE="boolean" OVERRIDABLE="false"><VALUE>TRUE</VALUE></QUALIFIER><VALUE>Microsoft:A5\HVR\0</VALUE></PROPERTY><PROPERTY NAME="CompressionEnabled" CLASSORIGIN="Msvm_ReplicationSettingData" TYPE="boolean"><VALUE>TRUE</VALUE></PROPERTY><PROPERTY NAME="AutoResynchronizeIntervalStart" CLASSORIGIN="Msvm_ReplicationSettingData" TYPE="datetime"><VALUE>00000000183000.000000:000</VALUE></PROPERTY><PROPERTY.ARRAY NAME="IncludedDisks" CLASSORIGIN="Msvm_ReplicationSettingData" TYPE="string"><QUALIFIER NAME="EmbeddedInstance" TYPE="string"><VALUE>CIM_StorageAllocationSettingData</VALUE></QUALIFIER><VALUE.ARRAY><VALUE>a</VALUE><VALUE>b</VALUE></VALUE.ARRAY></PROPERTY.ARRAY><PROPERTY NAME="ReplicationProvider" CLASSORIGIN="Msvm_ReplicationSettingData" TYPE="string"><VALUE>\\TOKYO\root\virtualization\v2:Msvm_ReplicationProvider.Name="22391CDC-272C-4DDF-BA88-9BEFB1A0975C"</VALUE></PROPERTY></INSTANCE>"#;
    let settings =
        Reader::new(schema()).of_class("Msvm_ReplicationSettingData").read(text).unwrap();
    let expected = Instance::new("Msvm_ReplicationSettingData")
        .with("InstanceID", r"Microsoft:A5\HVR\0")
        .with("CompressionEnabled", true)
        .with("AutoResynchronizeIntervalStart", interval("00000000183000.000000:000"))
        .with("IncludedDisks", vec!["a".to_owned(), "b".to_owned()])
        .with(
            "ReplicationProvider",
            r#"\\TOKYO\root\virtualization\v2:Msvm_ReplicationProvider.Name="22391CDC-272C-4DDF-BA88-9BEFB1A0975C""#,
        );
    let path = ObjectPath::class("Msvm_ReplicationSettingData")
        .with("InstanceID", r"Microsoft:A5\HVR\0")
        .on("TOKYO", r"root\virtualization\v2");
    assert_eq!(settings, expected.at(path));
}

/// Case of names, an int for a boolean, CDATA, entities, comments, a mark of the order of bytes.
#[test]
fn what_people_write_by_hand_is_read() {
    let entry = read(
        "\u{FEFF}<?xml version=\"1.0\" encoding=\"utf-16\"?>\n<!-- ours -->\
         <INSTANCE CLASSNAME='msvm_replicationauthorizationsettingdata'>\
         <PROPERTY TYPE='STRING' NAME='allowedprimaryhostsystem'><VALUE><![CDATA[*.<b>&]]></VALUE></PROPERTY>\
         <PROPERTY NAME='TrustGroup' TYPE='string'><VALUE>a &lt;&#x62;&gt; &amp;\r\nc</VALUE></PROPERTY>\
         </INSTANCE>\n",
    );
    let expected = Instance::new("Msvm_ReplicationAuthorizationSettingData")
        .with("AllowedPrimaryHostSystem", "*.<b>&")
        .with("TrustGroup", "a <b> &\nc");
    assert_eq!(entry, expected);
    let settings = read(
        "<INSTANCE CLASSNAME='Msvm_ReplicationSettingData'><PROPERTY NAME='CompressionEnabled' \
         TYPE='boolean'><VALUE>1</VALUE></PROPERTY></INSTANCE>",
    );
    assert_eq!(settings.get("CompressionEnabled"), Some(&true.into()));
}

/// The management client hands bytes of UTF-16 in.
#[test]
fn bytes_are_text_in_each_order() {
    let text = "<INSTANCE CLASSNAME=\"\u{e4}\u{1F600}\"/>";
    let units: Vec<u16> = text.encode_utf16().collect();
    let little: Vec<u8> = units.iter().flat_map(|it| it.to_le_bytes()).collect();
    let big: Vec<u8> = units.iter().flat_map(|it| it.to_be_bytes()).collect();
    assert_eq!(decode(text.as_bytes()), text);
    assert_eq!(decode(&little), text);
    assert_eq!(decode(&big), text);
    let marked = [&[0xFF, 0xFE], &little[..]].concat();
    assert_eq!(decode(&marked), format!("\u{FEFF}{text}"));
    let marked = [&[0xFE, 0xFF], &big[..]].concat();
    assert_eq!(decode(&marked), format!("\u{FEFF}{text}"));
    assert_eq!(decode(&little[..3]), "<\u{FFFD}");
    assert_eq!(decode(&[]), "");
}

#[test]
fn both_forms_are_written_as_their_readers_expect() {
    let mut entry = Instance::new("Msvm_ReplicationRelationship")
        .with("InstanceID", r"Microsoft:A5\HVR\0")
        .with("ReplicationState", 3_u16)
        .with("LastReplicationTime", Value::Null);
    let cim = concat!(
        r#"<INSTANCE CLASSNAME="Msvm_ReplicationRelationship">"#,
        r#"<PROPERTY NAME="InstanceID" TYPE="string"><VALUE>Microsoft:A5\HVR\0</VALUE></PROPERTY>"#,
        r#"<PROPERTY NAME="ReplicationState" TYPE="uint16"><VALUE>3</VALUE></PROPERTY>"#,
        r#"<PROPERTY NAME="LastReplicationTime" TYPE="datetime"></PROPERTY></INSTANCE>"#,
    );
    assert_eq!(write(&entry, schema(), Form::CimDtd20), cim);
    entry = Instance::new("Msvm_ReplicationRelationship").with("InstanceID", "<A>");
    let wmi = concat!(
        r#"<INSTANCE CLASSNAME="Msvm_ReplicationRelationship">"#,
        r#"<PROPERTY NAME="InstanceID" CLASSORIGIN="Msvm_ReplicationRelationship" TYPE="string">"#,
        r#"<QUALIFIER NAME="key" TYPE="boolean"><VALUE>TRUE</VALUE></QUALIFIER>"#,
        r#"<VALUE>&lt;A&gt;</VALUE></PROPERTY></INSTANCE>"#,
    );
    assert_eq!(write(&entry, schema(), Form::WmiDtd20), wmi);
    entry.path = schema().path_of(&entry).map(|it| it.on("TOKYO", r"root\virtualization\v2"));
    let written = write(&entry, schema(), Form::WmiDtd20);
    let path = concat!(
        r#"<PROPERTY NAME="__PATH" CLASSORIGIN="___SYSTEM" TYPE="string"><VALUE>\\TOKYO\root\"#,
        r#"virtualization\v2:Msvm_ReplicationRelationship.InstanceID=&quot;&lt;A&gt;&quot;</VALUE>"#,
    );
    assert!(written.contains(path), "{written}");
    assert_eq!(read(&written), entry);
}

/// A reference is no text there, but elements: DSP0201, 5.3.
#[test]
fn a_reference_is_a_path_in_elements() {
    let vm = ObjectPath::class("Msvm_ComputerSystem").with("Name", "A5").on("TOKYO", r"root\v2");
    let link = Instance::new("Msvm_AffectedJobElement").with("AffectedElement", vm);
    let expected = concat!(
        r#"<INSTANCE CLASSNAME="Msvm_AffectedJobElement"><PROPERTY.REFERENCE NAME="AffectedElement" "#,
        r#"REFERENCECLASS="CIM_ManagedElement"><VALUE.REFERENCE><INSTANCEPATH><NAMESPACEPATH>"#,
        r#"<HOST>TOKYO</HOST><LOCALNAMESPACEPATH><NAMESPACE NAME="root"></NAMESPACE>"#,
        r#"<NAMESPACE NAME="v2"></NAMESPACE></LOCALNAMESPACEPATH></NAMESPACEPATH>"#,
        r#"<INSTANCENAME CLASSNAME="Msvm_ComputerSystem"><KEYBINDING NAME="Name">"#,
        r#"<KEYVALUE VALUETYPE="string">A5</KEYVALUE></KEYBINDING></INSTANCENAME></INSTANCEPATH>"#,
        r#"</VALUE.REFERENCE></PROPERTY.REFERENCE></INSTANCE>"#,
    );
    assert_eq!(write(&link, schema(), Form::CimDtd20), expected);
    assert_eq!(read(expected), link);
}

fn one(property: &str) -> String {
    format!("<INSTANCE CLASSNAME='Msvm_ReplicationSettingData'>{property}</INSTANCE>")
}

/// A text, what kind of thing is wrong, and what is said of it.
#[test]
fn what_is_no_instance_is_refused_where_it_is() {
    use TextFault::*;
    let deep = "<INSTANCE>".repeat(100_000);
    let many = format!("<INSTANCE>{}</INSTANCE>", "<A/>".repeat(200_000));
    let wide =
        (0..50_000).fold("<INSTANCE".to_owned(), |text, i| text + &format!(" a{i}=''")) + "/>";
    let huge = "x".repeat(2 << 20);
    for (text, fault, expected) in [
        ("", Malformed, "line 1, column 1: expected an element, found nothing"),
        ("x", Malformed, "line 1, column 1: expected an element, found `x`"),
        (
            "<INSTANCE CLASSNAME='A'>",
            Malformed,
            "line 1, column 25: `INSTANCE` of line 1, column 1 is not closed",
        ),
        ("<INSTANCE/><INSTANCE/>", Malformed, "line 1, column 12: there is a second root element"),
        (
            "<!DOCTYPE A [<!ENTITY a 'b'>]><A/>",
            Malformed,
            "line 1, column 1: a DOCTYPE is not read",
        ),
        ("<INSTANCE>&a;</INSTANCE>", Malformed, "line 1, column 11: entity `a` is not known"),
        ("<A B='1' B='2'/>", Malformed, "line 1, column 1: attribute `B` is given twice"),
        (&deep, TooLarge, "line 1, column 641: elements are nested more than 64 deep"),
        (&many, TooLarge, "line 1, column 400007: more than 100000 elements"),
        (&wide, TooLarge, "line 1, column 1: an element has more than 32 attributes"),
        (&huge, TooLarge, "line 1, column 1: the text has more than 1048576 bytes"),
        (
            "<CLASS NAME='A'/>",
            NotAnInstance,
            "line 1, column 1: expected `INSTANCE`, found `CLASS`",
        ),
        ("<INSTANCE NAME='A'/>", NotAnInstance, "line 1, column 1: `INSTANCE` has no `CLASSNAME`"),
        ("<INSTANCE CLASSNAME='A'/>", WrongClass, "line 1, column 1: there is no class `A`"),
        (
            &one("\n <VALUE/>"),
            NotAnInstance,
            "line 2, column 2: expected a property, found `VALUE`",
        ),
        (&one("<PROPERTY/>"), NotAnInstance, "line 1, column 51: `PROPERTY` has no `NAME`"),
        (
            &one("<PROPERTY NAME='Colour' TYPE='string'/>"),
            UnknownProperty,
            "line 1, column 51: `Msvm_ReplicationSettingData` has no property `Colour`",
        ),
        (
            &one(
                "<PROPERTY NAME='ElementName' TYPE='string'/><PROPERTY NAME='elementname' TYPE='string'/>",
            ),
            UnknownProperty,
            "line 1, column 95: property `ElementName` is given twice",
        ),
        (
            &one("<PROPERTY NAME='ReplicationInterval' TYPE='uint32'><VALUE>30</VALUE></PROPERTY>"),
            WrongType,
            "line 1, column 51: property `ReplicationInterval` is uint16, found PROPERTY of TYPE `uint32`",
        ),
        (
            &one("<PROPERTY NAME='ReplicationInterval'><VALUE>30</VALUE></PROPERTY>"),
            WrongType,
            "line 1, column 51: property `ReplicationInterval` is uint16, found PROPERTY without TYPE",
        ),
        (
            &one("<PROPERTY NAME='IncludedDisks' TYPE='string'><VALUE>30</VALUE></PROPERTY>"),
            WrongType,
            "line 1, column 51: property `IncludedDisks` is string[], found PROPERTY of TYPE `string`",
        ),
        (
            &one(
                "<PROPERTY NAME='ReplicationInterval' TYPE='uint16'><VALUE>70000</VALUE></PROPERTY>",
            ),
            BadValue,
            "line 1, column 102: property `ReplicationInterval` is uint16, found `70000`",
        ),
        (
            // The text of another standard, which hosts refuse, too.
            &one(
                "<PROPERTY NAME='AutoResynchronizeIntervalStart' TYPE='datetime'><VALUE>PT18H30M</VALUE></PROPERTY>",
            ),
            BadValue,
            "line 1, column 115: property `AutoResynchronizeIntervalStart` is datetime, found `PT18H30M`",
        ),
        (
            &one("<PROPERTY NAME='ElementName' TYPE='string'><VALUE/><VALUE/></PROPERTY>"),
            NotAnInstance,
            "line 1, column 102: expected the end of `PROPERTY`, found `VALUE`",
        ),
        (
            &one(
                "<PROPERTY.ARRAY NAME='IncludedDisks' TYPE='string'><VALUE.ARRAY><VALUE.NULL/></VALUE.ARRAY></PROPERTY.ARRAY>",
            ),
            NotAnInstance,
            "line 1, column 115: expected `VALUE`, found `VALUE.NULL`",
        ),
    ] {
        let error = Reader::new(schema()).read(text).expect_err(expected);
        assert_eq!((error.fault, error.to_string().as_str()), (fault, expected));
    }
    let error = Reader::new(schema()).read("<INSTANCE CLASSNAME='A'></INSTANC>").unwrap_err();
    assert_eq!(error.fault, Malformed);
    let issue = "<INSTANCE CLASSNAME='Msvm_Error'/>";
    let error = Reader::new(schema()).of_class("CIM_SettingData").read(issue).unwrap_err();
    assert_eq!(error.fault, WrongClass);
    assert_eq!(
        error.to_string(),
        "line 1, column 1: expected an instance of `CIM_SettingData`, found `Msvm_Error`"
    );
}

/// A newer host knows properties that ours does not, and may have widened one.
#[test]
fn a_tolerant_reader_takes_what_it_knows() {
    let text = one("<PROPERTY NAME='Colour' TYPE='string'><VALUE>red</VALUE></PROPERTY>\
         <PROPERTY NAME='ReplicationInterval' TYPE='uint32'><VALUE>30</VALUE></PROPERTY>");
    let settings = Reader::new(schema()).tolerant().read(&text).unwrap();
    let expected = Instance::new("Msvm_ReplicationSettingData").with("ReplicationInterval", 30_u16);
    assert_eq!(settings, expected);
    let wide = text.replace("30<", "70000<");
    assert_eq!(
        Reader::new(schema()).tolerant().read(&wide).unwrap_err().fault,
        TextFault::BadValue
    );
}

/// Text within text, over and over, ends.
#[test]
fn objects_within_objects_end() {
    let mut event = Instance::new("__InstanceModificationEvent");
    for _ in 0..8 {
        event = Instance::new("__InstanceModificationEvent").with("TargetInstance", event);
    }
    for form in [Form::CimDtd20, Form::WmiDtd20] {
        assert_eq!(read(&write(&event, schema(), form)), event, "{form:?}");
    }
    event = Instance::new("__InstanceModificationEvent").with("TargetInstance", event);
    let error = Reader::new(schema()).read(&write(&event, schema(), Form::CimDtd20)).unwrap_err();
    assert_eq!(error.fault, TextFault::TooLarge);
}

/// A value that the property can have.
fn value(property: &Property) -> BoxedStrategy<Value> {
    let Type { of, is_array } = property.of;
    let one = match (of, &property.class) {
        (CimType::Object, Some(class)) if *class != *"object" => {
            Just(Value::from(Instance::new(class))).boxed()
        }
        _ => scalar(of),
    };
    let some = if is_array {
        prop::collection::vec(one, 0..4)
            .prop_map(move |it| Array::collect(of, it).map(Value::Array).expect("of the type"))
            .boxed()
    } else {
        one
    };
    prop_oneof![1 => Just(Value::Null), 4 => some].boxed()
}

/// An instance of some class with some of its properties.
fn instance() -> impl Strategy<Value = Instance> {
    let classes: Vec<_> = schema().classes().filter(|it| !it.properties.is_empty()).collect();
    prop::sample::select(classes).prop_flat_map(|class| {
        prop::sample::subsequence(class.properties.to_vec(), 0..=class.properties.len().min(12))
            .prop_flat_map(|properties| {
                let values: Vec<_> = properties
                    .iter()
                    .map(|it| (Just(it.name.clone()), value(it)).boxed())
                    .collect::<Vec<BoxedStrategy<(Name, Value)>>>();
                values
            })
            .prop_map(|values| {
                let start = Instance::new(&class.name);
                values.into_iter().fold(start, |it, (name, value)| it.with(name, value))
            })
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(instance in instance(), is_wmi in any::<bool>()) {
        let form = if is_wmi { Form::WmiDtd20 } else { Form::CimDtd20 };
        let written = write(&instance, schema(), form);
        let read = Reader::new(schema()).read(&written);
        let read = read.map_err(|error| TestCaseError::fail(format!("{written}: {error}")))?;
        prop_assert_eq!(read, instance);
    }

    #[test]
    fn no_text_is_a_panic(
        instance in instance(),
        noise in prop_oneof![any::<String>(), text(), Just("<VALUE>".to_owned())],
        at in any::<prop::sample::Index>(),
        bytes in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let _ = Reader::new(schema()).read(&decode(&bytes));
        let written = write(&instance, schema(), Form::WmiDtd20);
        let at = at.index(written.len() + 1);
        if written.is_char_boundary(at) {
            let _ = Reader::new(schema()).read(&written[..at]);
            let broken = format!("{}{noise}{}", &written[..at], &written[at..]);
            let _ = Reader::new(schema()).tolerant().read(&broken);
        }
    }
}
