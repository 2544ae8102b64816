//! Requests about one object.
//!
//! Replies are those of Windows hosts as MS-WSMV describes and clients of the field read them.

use super::{Bench, assert_has, body, text};
use hyperv_replica::cim::Schema;
use hyperv_replica::prelude::*;

const ANONYMOUS: &str = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous";

/// MS-WSMV, 3.1.4.1: the prefixes are Windows' own, because libvirt evaluates paths with them.
#[test]
fn a_reply_looks_as_those_of_windows() {
    let bench = Bench::new();
    let response = bench.answer(bench.fixture("pypsrp-config").as_bytes());
    assert_eq!(
        String::from_utf8(response.body).unwrap(),
        concat!(
            r#"<s:Envelope xml:lang="en-US" xmlns:s="http://www.w3.org/2003/05/soap-envelope" "#,
            r#"xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" "#,
            r#"xmlns:x="http://schemas.xmlsoap.org/ws/2004/09/transfer" "#,
            r#"xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" "#,
            r#"xmlns:p="http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd"><s:Header>"#,
            "<a:Action>http://schemas.xmlsoap.org/ws/2004/09/transfer/GetResponse</a:Action>",
            "<a:MessageID>uuid:00000000-0000-4000-8000-000000000001</a:MessageID>",
            "<a:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:To>",
            "<a:RelatesTo>uuid:22222222-3AA7-48EA-B972-B697566B8EEE</a:RelatesTo>",
            r#"</s:Header><s:Body><cfg:Config xmlns:cfg="http://schemas.microsoft.com/wbem/wsman/1/config">"#,
            "<cfg:MaxEnvelopeSizekb>500</cfg:MaxEnvelopeSizekb></cfg:Config></s:Body></s:Envelope>",
        )
    );
}

#[test]
fn the_service_identifies_itself() {
    let bench = Bench::new();
    for name in ["openwsman-identify", "wsl-identify"] {
        let known = bench.ok(name);
        assert_has(&known, &["<wsmid:IdentifyResponse", "OS: 10.0.20348", "SecurityProfiles"]);
        let protocol = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd";
        assert_eq!(text(&known, "wsmid:ProtocolVersion"), protocol);
        // Without credentials, nothing of the host.
        let request = bench.fixture(name);
        let unknown = bench.endpoint.identify(request.as_bytes()).unwrap();
        let unknown = String::from_utf8(unknown.body).unwrap();
        assert_has(&unknown, &["OS: 0.0.0 SP: 0.0 Stack: 3.0"]);
        assert!(!unknown.contains("SecurityProfiles") && !unknown.contains("20348"), "{unknown}");
    }
    let get = bench.fixture("openwsman-get");
    assert_eq!(bench.endpoint.identify(get.as_bytes()), None);
}

/// Clients of libvirt's kind need every scalar to be there, and Windows sorts them.
#[test]
fn an_object_has_every_property_in_the_order_of_their_names() {
    let bench = Bench::new();
    let object = bench.ok("openwsman-get"); // Its selector is a partial key in lower case.
    let uri =
        "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/Msvm_ComputerSystem";
    let start = format!(
        "<p:Msvm_ComputerSystem xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xmlns:p=\"{uri}\" xmlns:cim=\"http://schemas.dmtf.org/wbem/wscim/1/common\" \
         xsi:type=\"p:Msvm_ComputerSystem_Type\">"
    );
    assert!(object.starts_with(&start), "{object}");
    let mut places = Vec::new();
    let class = Schema::virtualization().class("Msvm_ComputerSystem").unwrap();
    let mut names: Vec<_> = class.properties.iter().filter(|it| !it.of.is_array).collect();
    names.sort_by(|a, b| a.name.as_str().cmp(b.name.as_str()));
    let build = 20348;
    for property in names.iter().filter(|it| it.builds.contains(build)) {
        let value = object.find(&format!("<p:{}>", property.name));
        let nil = object.find(&format!("<p:{} xsi:nil=\"true\"/>", property.name));
        places.push(value.or(nil).unwrap_or_else(|| panic!("{} in {object}", property.name)));
    }
    assert!(places.is_sorted(), "{object}");
    assert_eq!(text(&object, "p:Name"), bench.web.to_string());
    assert_eq!(text(&object, "p:ElementName"), "web");
    assert_eq!(text(&object, "p:EnabledState"), "2");
}

/// DSP0227's form of URIs: the reply uses it, too.
#[test]
fn dmtf_uris_are_answered_with_dmtf_uris() {
    let bench = Bench::new();
    let object = bench.ok("omicli-get");
    let uri =
        "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/Msvm_ReplicationServiceSettingData";
    assert_has(&object, &[&format!(r#"xmlns:p="{uri}""#), "<cim:Interval>P0DT"]);
}

/// A request in UTF-16 is answered in UTF-16, with a byte order mark; zeros behind one are padding.
#[test]
fn encodings_are_mirrored() {
    let bench = Bench::new();
    let text = bench.fixture("pypsrp-config");
    let little: Vec<u8> =
        std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let utf8 = bench.answer(text.as_bytes());
    for request in [little, big] {
        let response = bench.answer(&request);
        assert_eq!(response.content_type, "application/soap+xml;charset=UTF-16");
        assert_eq!(response.body[..2], [0xFF, 0xFE]);
        let (pairs, rest) = response.body[2..].as_chunks::<2>();
        assert!(rest.is_empty());
        let units: Vec<_> = pairs.iter().map(|it| u16::from_le_bytes(*it)).collect();
        let decoded = String::from_utf16(&units).unwrap();
        assert_eq!(body(&decoded), body(std::str::from_utf8(&utf8.body).unwrap()));
    }
    let padded = [text.as_bytes(), &[0; 7]].concat();
    assert_eq!(bench.answer(&padded).status, 200);
    let marked = format!("\u{FEFF}{text}");
    assert_eq!(bench.answer(marked.as_bytes()).status, 200);
}

#[test]
fn methods_return_jobs_as_references() {
    let bench = Bench::new();
    let created = bench.ok("pypsrp-create");
    assert_has(
        &created,
        &[
            "<p:CreateReplicationRelationship_OUTPUT xmlns:xsi=",
            &format!(
                "<p:Job xmlns:a=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\" \
                      xmlns:w=\"http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd\"><a:Address>{ANONYMOUS}</a:Address>\
                      <a:ReferenceParameters><w:ResourceURI>http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/Msvm_ConcreteJob</w:ResourceURI>\
                      <w:SelectorSet><w:Selector Name=\"InstanceID\">"
            ),
            "</w:SelectorSet></a:ReferenceParameters></p:Job><p:ReturnValue>4096</p:ReturnValue>\
             </p:CreateReplicationRelationship_OUTPUT>",
        ],
    );
    let tokyo = bench.lab.host("tokyo");
    bench.lab.advance(minutes(1));
    let state = tokyo.relationship(RelationshipId::primary(bench.web)).unwrap().state;
    assert_eq!(state, ReplicationState::Ready);
}

/// `RequestStateChange` of `Msvm_ComputerSystem`, as libvirt calls it, GUID in lower case.
#[test]
fn libvirt_changes_a_state() {
    let bench = Bench::new();
    let output = bench.ok("libvirt-start");
    assert_has(&output, &["<p:RequestStateChange_OUTPUT ", "<p:ReturnValue>"]);
    let value: u32 = text(&output, "p:ReturnValue").parse().unwrap();
    assert!([0, 4096].contains(&value), "{output}");
    bench.lab.advance(minutes(1));
    assert_has(&bench.ok("openwsman-get"), &["<p:EnabledState>3</p:EnabledState>"]);
}

/// What a method refuses is no fault: the start of what is no relationship.
#[test]
fn a_refusal_is_a_return_value() {
    let bench = Bench::new();
    let output = bench.ok("pypsrp-start");
    assert_has(&output, &[r#"<p:Job xsi:nil="true"/><p:ReturnValue>327"#]);
}

#[test]
fn an_object_may_stand_for_the_reference_to_it() {
    let bench = Bench::new();
    let output = bench.ok("omicli-instance-as-reference");
    assert_has(&output, &["<p:RemoveReplicationRelationship_OUTPUT ", "<p:ReturnValue>327"]);
}

/// What Windows refuses and can be understood.
#[test]
fn lenient_endpoints_take_more() {
    let strict = Bench::new();
    let lenient = Bench::lenient();
    assert_has(&strict.fault("go-wrapped-reference"), &["w:SchemaValidationError"]);
    assert_has(&lenient.ok("go-wrapped-reference"), &["<p:ReturnValue>327"]);

    assert_has(
        &strict.fault("pypsrp-no-selector"),
        &[
            "<s:Value>w:InternalError</s:Value>",
            // WBEM_E_INVALID_METHOD_PARAMETERS.
            "<p:StatusCode xsi:type=\"cim:cimUnsignedInt\">2147749935</p:StatusCode>",
        ],
    );
    assert_has(&lenient.ok("pypsrp-no-selector"), &["<p:ReturnValue>"]);

    assert_has(
        &strict.fault("openwsman-get-no-key"),
        &[
            "<s:Value>w:InvalidSelectors</s:Value>",
            "<w:FaultDetail>http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail/UnexpectedSelectors</w:FaultDetail>",
            r#"Code="2150858843""#,
        ],
    );
    let request = lenient.fixture("openwsman-get").replace("name=\"name\"", "name=\"Bogus\"");
    assert_eq!(lenient.say(&request).0, 200);

    // A client whose generator of identifiers is missing.
    assert_has(
        &strict.fault("wsl-query"),
        &["<s:Value>a:InvalidMessageInformationHeader</s:Value>"],
    );
    assert_has(&lenient.ok("wsl-query"), &["<ElementName>web</ElementName>"]);
}

/// Faults as Windows says them, by the numbers that its clients read.
#[test]
fn what_is_not_there_is_a_fault() {
    let bench = Bench::new();
    for name in ["pypsrp-get-nothing", "openwsman-get-no-class"] {
        assert_has(
            &bench.fault(name),
            &[
                "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode>\
             <s:Value>a:DestinationUnreachable</s:Value></s:Subcode></s:Code>",
                "<w:FaultDetail>http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail/InvalidResourceURI</w:FaultDetail>",
                r#"<f:WSManFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" Code="2150858752" Machine="TOKYO">"#,
                r#"<f:ProviderFault provider="WMI Provider" path="%systemroot%\system32\WsmWmiPl.dll">"#,
                r#"<p:Operation xsi:type="cim:cimString">GetObject</p:Operation>"#,
            ],
        );
    }
    // WBEM_E_INVALID_METHOD.
    assert_has(&bench.fault("pypsrp-no-method"), &["w:InternalError", ">2147749934<"]);
    assert_has(&bench.fault("windows-shell"), &["a:ActionNotSupported"]);
    assert_has(&bench.fault("openwsman-get-no-key"), &["w:InvalidSelectors"]);
}

/// No class of Hyper-V is written by Put.
#[test]
fn put_is_refused_after_what_is_wrong_with_it() {
    let bench = Bench::new();
    // WBEM_E_PROVIDER_NOT_CAPABLE.
    assert_has(&bench.fault("openwsman-put"), &["w:InternalError", ">2147749924<", "PutInstance"]);
    let wrong = bench.fixture("openwsman-put").replace("8080", "many");
    let (status, fault) = bench.say(&wrong);
    assert_eq!(status, 500);
    assert_has(&fault, &["x:InvalidRepresentation", "`HttpPort`: expected uint16, found `many`"]);
    let elsewhere = bench.fixture("openwsman-put").replace("\"InstanceID\">", "\"InstanceID\">no");
    assert_has(&bench.say(&elsewhere).1, &["a:DestinationUnreachable"]);
}

/// DSP0201, as clients in Python and Go look for it: elements in no namespace.
#[test]
fn classes_are_declared_as_cim_xml() {
    let bench = Bench::new();
    let class = bench.ok("windows-get-class");
    assert!(class.starts_with(
        r#"<CLASS NAME="Msvm_ReplicationRelationship" SUPERCLASS="CIM_ManagedSystemElement">"#
    ));
    assert_has(
        &class,
        &[
            r#"<PROPERTY NAME="ReplicationState" TYPE="uint16" CLASSORIGIN="Msvm_ReplicationRelationship">"#,
            r#"<PROPERTY.ARRAY NAME="OperationalStatus" TYPE="uint16" CLASSORIGIN="CIM_ManagedSystemElement" PROPAGATED="true">"#,
            r#"<QUALIFIER NAME="key" TYPE="boolean"><VALUE>TRUE</VALUE></QUALIFIER>"#,
        ],
    );
}

/// SOAP 1.2, 5.4.8: a header that must be understood, and is not, is a fault; others are passed by.
#[test]
fn headers_that_must_be_understood() {
    let bench = Bench::new();
    let request = bench.fixture("pypsrp-config");
    let with = |header: &str| bench.say(&request.replace("<wsa:To>", &format!("{header}<wsa:To>")));
    let (status, _) = with(r#"<z:New xmlns:z="urn:z" s:mustUnderstand="false">?</z:New>"#);
    assert_eq!(status, 200);
    for must in ["true", "1", " true "] {
        let (status, fault) =
            with(&format!(r#"<z:New xmlns:z="urn:z" s:mustUnderstand="{must}">?</z:New>"#));
        assert_eq!(status, 500);
        assert_has(&fault, &["<s:Value>s:MustUnderstand</s:Value></s:Code>", "`z:New`"]);
    }
    let (_, fault) =
        with(r#"<wsman:FragmentTransfer s:mustUnderstand="true">x</wsman:FragmentTransfer>"#);
    assert_has(&fault, &["s:MustUnderstand"]);
}

/// What DSP0226 and MS-WSMV require of a header.
#[test]
fn headers_that_must_be_there() {
    let bench = Bench::new();
    let request = bench.fixture("openwsman-get");
    for (old, new, parts) in [
        ("/role/anonymous", "/role/other", ["w:UnsupportedFeature", "faultDetail/AddressingMode"]),
        ("wsa:ReplyTo>", "wsa:Nobody>", ["a:MessageInformationHeaderRequired", "`ReplyTo`"]),
        ("wsa:Action", "wsa:Deed", ["s:MustUnderstand", "`wsa:Deed`"]),
        (
            "uuid:11111111-60dd-10dd-8002-01000000fc02",
            " ",
            ["a:InvalidMessageInformationHeader", "`MessageID`"],
        ),
        ("153600", "8191", ["w:EncodingLimit", "faultDetail/MinimumEnvelopeLimit"]),
        ("153600", "large", ["a:InvalidMessageInformationHeader", "`MaxEnvelopeSize`"]),
        ("PT60.0S", "soon", ["a:InvalidMessageInformationHeader", "`OperationTimeout`"]),
        ("/transfer/Get", "/transfer/Delete", ["a:ActionNotSupported", "Delete"]),
        ("/wmi/root", "/cpl/root", ["a:DestinationUnreachable", "faultDetail/InvalidResourceURI"]),
    ] {
        let (status, fault) = bench.say(&request.replace(old, new));
        assert_eq!(status, 500, "{new}");
        assert_has(&fault, &parts);
    }
    // The reply repeats the identifier byte for byte, whatever it is.
    let odd = request.replace("uuid:11111111-60dd-10dd-8002-01000000fc02", " a &lt;b&gt;\n");
    let reply = bench.answer(odd.as_bytes());
    assert_has(
        std::str::from_utf8(&reply.body).unwrap(),
        &["<a:RelatesTo> a &lt;b&gt;\n</a:RelatesTo>"],
    );
}

/// A reply is never larger than a client takes.
#[test]
fn a_reply_fits() {
    let bench = Bench::new();
    let request = bench.fixture("windows-get-class").replace("512000", "8192");
    let request = request.replace("Msvm_ReplicationRelationship", "Msvm_ReplicationService");
    let (status, fault) = bench.say(&request);
    assert_eq!(status, 500);
    assert_has(&fault, &["w:EncodingLimit", "faultDetail/MaxEnvelopeSize"]);
}

#[test]
fn arguments_of_the_wrong_kind_change_nothing() {
    let bench = Bench::new();
    let before = bench.lab.world();
    for (old, new, part) in [
        (
            "p:CreateReplicationRelationship_INPUT",
            "p:Other_INPUT",
            "the body is no `CreateReplicationRelationship_INPUT`",
        ),
        (
            "<p:ComputerSystem><wsa:Address>",
            "<p:ComputerSystem/><p:ComputerSystem><wsa:Address>",
            "expected one value, found 2",
        ),
        (
            "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/Msvm_ComputerSystem<",
            "urn:x<",
            "is not the URI of an object",
        ),
    ] {
        let request = bench.fixture("pypsrp-create").replace(old, new);
        let (status, fault) = bench.say(&request);
        assert_eq!(status, 500);
        assert_has(&fault, &["<s:Value>w:SchemaValidationError</s:Value>", part]);
    }
    let extra = bench
        .fixture("pypsrp-create")
        .replace("</p:ReplicationSettingData>", "</p:ReplicationSettingData><p:Foo/>");
    let (_, fault) = bench.say(&extra);
    assert_has(&fault, &[">2147749935<", "Foo"]);
    assert_eq!(bench.lab.world(), before);
}
