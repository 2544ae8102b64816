//! What WS-Management's encoding is, by the recorded replies of hosts that MS-WSMV describes.

use super::*;
use crate::cim::{Instance, Method, ObjectPath, Value, text, text::xml::Element};
use crate::wsman::soap::Envelope;
use crate::wsman::xml::Xml;

const NAMESPACE: &str = r"root\virtualization\v2";

fn codec(style: Style) -> Codec<'static> {
    Codec { style, ..Codec::new(Schema::virtualization(), NAMESPACE) }
}

fn method(class: &str, name: &str) -> &'static Method {
    Schema::virtualization().class(class).and_then(|it| it.method(name)).expect("declared")
}

fn written(write: impl FnOnce(&mut Xml)) -> String {
    let mut xml = Xml::default();
    write(&mut xml);
    xml.into_string()
}

/// An element that stands in the body of an envelope, which declares no prefixes of its own.
fn element(xml: &str) -> Element<'static> {
    let soap = crate::wsman::names::SOAP;
    let text = format!(
        r#"<s:Envelope xmlns:s="{soap}" xmlns:a="{}" xmlns:w="{}"><s:Body>{xml}</s:Body></s:Envelope>"#,
        crate::wsman::names::ADDRESSING,
        crate::wsman::names::WSMAN,
    );
    Envelope::read(text.leak()).expect("an envelope").body.expect("a body")
}

fn vm() -> Instance {
    Instance::new("Msvm_ComputerSystem")
        .with("Name", "1F2E3D4C-0000-4000-8000-0000000000A5")
        .with("CreationClassName", "Msvm_ComputerSystem")
        .with("ElementName", "")
        .with("Description", "a < b & \"c\"")
        .with("EnabledState", 2_u16)
        .with("OperationalStatus", vec![2_u16, 32_768])
        .with("StatusDescriptions", Value::Null)
        .with("ProcessID", Value::Null)
        .with("InstallDate", "20251217095522.702341-000".parse::<crate::cim::DateTime>().unwrap())
}

#[test]
fn an_instance_is_encoded_as_hosts_do() {
    let written = written(|it| codec(Style::default()).instance(it, &vm()));
    assert_eq!(
        written,
        concat!(
            r#"<p:Msvm_ComputerSystem xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" "#,
            r#"xmlns:p="http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/"#,
            r#"Msvm_ComputerSystem" xmlns:cim="http://schemas.dmtf.org/wbem/wscim/1/common" "#,
            r#"xsi:type="p:Msvm_ComputerSystem_Type">"#,
            "<p:CreationClassName>Msvm_ComputerSystem</p:CreationClassName>",
            "<p:Description>a &lt; b &amp; &quot;c&quot;</p:Description>",
            "<p:ElementName></p:ElementName>",
            "<p:EnabledState>2</p:EnabledState>",
            "<p:InstallDate><cim:Datetime>2025-12-17T09:55:22.702341Z</cim:Datetime></p:InstallDate>",
            "<p:Name>1F2E3D4C-0000-4000-8000-0000000000A5</p:Name>",
            "<p:OperationalStatus>2</p:OperationalStatus>",
            "<p:OperationalStatus>32768</p:OperationalStatus>",
            r#"<p:ProcessID xsi:nil="true"/>"#,
            "</p:Msvm_ComputerSystem>",
        )
    );
    let read = codec(Style::default()).read_instance(&element(&written)).unwrap();
    let mut expected = vm();
    expected.remove("StatusDescriptions"); // An array that is null is not there.
    for (name, value) in expected.properties() {
        assert_eq!(read.get(name.as_str()), Some(value), "{name}");
    }
    assert_eq!(read.properties().len(), expected.properties().len());
    assert_eq!(
        read.path.unwrap().to_string(),
        "root\\virtualization\\v2:Msvm_ComputerSystem.CreationClassName=\"Msvm_ComputerSystem\",\
         Name=\"1F2E3D4C-0000-4000-8000-0000000000A5\"",
    );
}

/// What Windows's own client asks for: MS-WSMV, 4.11.1.
#[test]
fn options_show_null_arrays_and_types() {
    let style = Style { precise_arrays: true, typed: true, is_lenient: false };
    let written = written(|it| codec(style).instance(it, &vm()));
    for part in [
        r#"xsi:nil="true" m:IsNullArray="true"/>"#,
        r#"<p:EnabledState xsi:type="cim:cimUnsignedShort">2</p:EnabledState>"#,
        r#"<p:ProcessID xsi:nil="true" xsi:type="cim:cimUnsignedInt"/>"#,
        r#"<p:OperationalStatus xsi:type="cim:cimUnsignedShort">2</p:OperationalStatus>"#,
    ] {
        assert!(written.contains(part), "{part} in {written}");
    }
}

#[test]
fn dmtf_references_name_the_namespace() {
    let path = ObjectPath::class("Msvm_ConcreteJob").with("InstanceID", "8F2C");
    let codec = Codec { dialect: Dialect::Dmtf, ..codec(Style::default()) };
    assert_eq!(
        written(|it| codec.reference(it, &path)),
        concat!(
            "<a:Address>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous",
            "</a:Address><a:ReferenceParameters><w:ResourceURI>",
            "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/Msvm_ConcreteJob",
            "</w:ResourceURI><w:SelectorSet>",
            r#"<w:Selector Name="__cimnamespace">root/virtualization/v2</w:Selector>"#,
            r#"<w:Selector Name="InstanceID">8F2C</w:Selector>"#,
            "</w:SelectorSet></a:ReferenceParameters>",
        )
    );
}

/// An association's keys are references, so that a selector of it is one.
#[test]
fn the_keys_of_an_association_are_references() {
    let vm = ObjectPath::class("Msvm_ComputerSystem").with("Name", "A5");
    let job = ObjectPath::class("Msvm_ConcreteJob").with("InstanceID", "8F2C");
    let path = ObjectPath::class("Msvm_AffectedJobElement")
        .with("AffectedElement", &vm)
        .with("AffectingElement", &job);
    let codec = codec(Style::default());
    let xml = written(|it| {
        it.element("a:EndpointReference", &[], |it| codec.reference(it, &path));
    });
    assert_eq!(xml.matches("<a:EndpointReference>").count(), 3);
    let read = codec.read_reference(&element(&xml)).unwrap();
    let key = read.key("AffectingElement").and_then(|it| it.as_str()).unwrap();
    assert_eq!(key, r#"root\virtualization\v2:Msvm_ConcreteJob.InstanceID="8F2C""#);
}

#[test]
fn out_parameters_stand_before_the_return_value() {
    let start = method("Msvm_ReplicationService", "StartReplication");
    let codec = codec(Style::default());
    let class = "Msvm_ReplicationService";
    let none = start.reply(0, Instance::parameters());
    let xml = written(|it| codec.output(it, class, start, &none));
    let end =
        r#"<p:Job xsi:nil="true"/><p:ReturnValue>0</p:ReturnValue></p:StartReplication_OUTPUT>"#;
    assert!(xml.ends_with(end), "{xml}");
    assert_eq!(codec.read_reply(&element(&xml), start).unwrap(), none);

    let job = ObjectPath::class("Msvm_ConcreteJob").with("InstanceID", "8F2C");
    let job = ObjectPath {
        namespace: Some(crate::cim::Namespace { host: None, name: NAMESPACE.into() }),
        ..job
    };
    let started = start.reply(4096, Instance::parameters().with("Job", job));
    let xml = written(|it| codec.output(it, class, start, &started));
    assert!(xml.contains(r#"<p:Job xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing""#));
    assert_eq!(codec.read_reply(&element(&xml), start).unwrap(), started);
}

/// Each argument as a client of the field writes it.
#[test]
fn arguments_are_read_by_their_types() {
    let create = method("Msvm_ReplicationService", "CreateReplicationRelationship");
    let uri = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/";
    let epr = format!(
        r#"<a:Address>x</a:Address><a:ReferenceParameters><w:ResourceURI>
        {uri}Msvm_ComputerSystem
        </w:ResourceURI><w:SelectorSet><w:Selector Name="name">A5</w:Selector></w:SelectorSet>
        </a:ReferenceParameters>"#
    );
    let wrapped = format!("<a:EndpointReference>{epr}</a:EndpointReference>");
    // The object itself, by the name of its class; the prefix of `type` is bound to nothing.
    let object = format!(
        r#"<q:CreationClassName xmlns:q="{uri}Msvm_ComputerSystem">Msvm_ComputerSystem</q:CreationClassName>
        <q:Name xmlns:q="{uri}Msvm_ComputerSystem">A5</q:Name>"#
    );
    let read = |system: &str, style| {
        let xml = format!(
            r#"<w:CreateReplicationRelationship_INPUT xmlns:i="urn:wrong"><w:ComputerSystem i:type="q:Msvm_ComputerSystem_Type">{system}</w:ComputerSystem>
            <w:replicationsettingdata><![CDATA[<INSTANCE CLASSNAME="X"/>]]></w:replicationsettingdata>
            </w:CreateReplicationRelationship_INPUT>"#
        );
        codec(style).read_arguments(&element(&xml), create)
    };
    let strict = Style::default();
    let lenient = Style { is_lenient: true, ..strict };
    for (system, style) in [(&epr, strict), (&object, strict), (&wrapped, lenient)] {
        let arguments = read(system, style).unwrap();
        let path: &ObjectPath = arguments.read("ComputerSystem").unwrap().unwrap();
        assert_eq!(path.class, *"Msvm_ComputerSystem");
        assert_eq!(path.key("Name").and_then(|it| it.as_str()), Some("A5"));
        let text: Option<&str> = arguments.read("ReplicationSettingData").unwrap();
        assert_eq!(text, Some(r#"<INSTANCE CLASSNAME="X"/>"#));
    }
    let error = read(&wrapped, strict).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`ComputerSystem`: expected the content of an `EndpointReference`, found the element",
    );
}

#[test]
fn embedded_elements_are_for_the_lenient() {
    let modify = method("Msvm_ReplicationService", "ModifyServiceSettings");
    let xml = element(
        r"<w:ModifyServiceSettings_INPUT><w:SettingData><w:HttpPort>80</w:HttpPort></w:SettingData>
        </w:ModifyServiceSettings_INPUT>",
    );
    codec(Style::default()).read_arguments(&xml, modify).unwrap_err();
    let lenient = Style { is_lenient: true, ..Style::default() };
    let xml = element(
        r"<w:ModifyServiceSettings_INPUT><w:SettingData><w:Msvm_ReplicationServiceSettingData>
        <w:RecoveryServerEnabled>true</w:RecoveryServerEnabled>
        </w:Msvm_ReplicationServiceSettingData></w:SettingData></w:ModifyServiceSettings_INPUT>",
    );
    let arguments = codec(lenient).read_arguments(&xml, modify).unwrap();
    let given: &str = arguments.read("SettingData").unwrap().expect("a text");
    let settings = text::Reader::new(Schema::virtualization()).read(given).unwrap();
    assert_eq!(settings.read("RecoveryServerEnabled").unwrap(), Some(&true));
}

#[test]
fn what_is_no_value_is_refused_by_name() {
    let start = method("Msvm_ReplicationService", "StartReplication");
    for (xml, why) in [
        (
            "<w:InitialReplicationType>many</w:InitialReplicationType>",
            "`InitialReplicationType`: expected uint16, found `many`",
        ),
        (
            "<w:InitialReplicationType>1</w:InitialReplicationType><w:InitialReplicationType>2</w:InitialReplicationType>",
            "`InitialReplicationType`: expected one value, found 2",
        ),
        (
            "<w:StartTime><w:Datetime>soon</w:Datetime></w:StartTime>",
            "`StartTime`: expected a datetime, found `soon`",
        ),
        (
            "<w:ComputerSystem>nowhere</w:ComputerSystem>",
            "`ComputerSystem`: expected a reference, found `nowhere`",
        ),
    ] {
        let xml = element(&format!("<w:StartReplication_INPUT>{xml}</w:StartReplication_INPUT>"));
        let error = codec(Style::default()).read_arguments(&xml, start).unwrap_err();
        assert_eq!(error.to_string(), why);
    }
}

/// A newer host has properties that this schema does not know, of whatever type.
#[test]
fn what_the_schema_does_not_know_is_text() {
    let xml = element(
        r#"<w:Msvm_ComputerSystem xmlns:i="urn:i"><w:Name>A5</w:Name><w:New>7</w:New>
        <w:Newer><w:Datetime>2026-01-01T00:00:00Z</w:Datetime></w:Newer><w:Many>a</w:Many>
        <w:Many>b</w:Many><w:None i:nil="true"/></w:Msvm_ComputerSystem>"#,
    );
    let read = codec(Style::default()).read_instance(&xml).unwrap();
    assert_eq!(read.get("New"), Some(&Value::from("7")));
    assert_eq!(read.get("Newer"), Some(&Value::from("2026-01-01T00:00:00Z")));
    assert_eq!(read.get("Many"), Some(&Value::from(vec!["a".to_owned(), "b".to_owned()])));
    assert_eq!(read.get("None"), Some(&Value::Null));
}

/// An object within an object: an event and what it is about.
#[test]
fn objects_within_objects_have_their_own_namespace() {
    let event = Instance::new("__InstanceCreationEvent").with("TargetInstance", vm());
    let codec = codec(Style::default());
    let xml = written(|it| codec.instance(it, &event));
    assert!(xml.contains(r#"<p:TargetInstance xmlns:p1="http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/Msvm_ComputerSystem" xsi:type="p1:Msvm_ComputerSystem_Type"><p1:CreationClassName>"#), "{xml}");
    let read = codec.read_instance(&element(&xml)).unwrap();
    let Some(Value::Object(target)) = read.get("TargetInstance") else { panic!("{read:?}") };
    assert_eq!(target.class, *"Msvm_ComputerSystem");
    assert_eq!(target.get("EnabledState"), Some(&Value::Uint16(2)));
}
