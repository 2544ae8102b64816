//! Requests about many objects: DSP0226, clause 8, and what clients make of it.

use super::{Bench, assert_has, text};
use hyperv_replica::cim::Schema;
use hyperv_replica::wsman::Limits;
use std::time::Duration;

/// One object each time, because libvirt reads the first only; the last comes with the end. It pulls
/// from another resource than it enumerated.
#[test]
fn libvirt_pulls_one_by_one() {
    let bench = Bench::new();
    bench.lab.vm("db").on("tokyo").create();
    let begun = bench.ok("libvirt-list");
    let context = text(&begun, "n:EnumerationContext").to_owned();
    assert_eq!(
        begun,
        format!(
            "<n:EnumerateResponse><n:EnumerationContext>{context}</n:EnumerationContext></n:EnumerateResponse>"
        ),
    );
    let (status, first) = bench.go_on("libvirt-pull", &context);
    assert_eq!(status, 200, "{first}");
    assert_eq!(first.matches("<p:Msvm_ComputerSystem ").count(), 1);
    assert_eq!(text(&first, "n:EnumerationContext"), context);
    assert!(!first.contains("EndOfSequence"));
    let (_, last) = bench.go_on("libvirt-pull", &context);
    assert_eq!(last.matches("<p:Msvm_ComputerSystem ").count(), 1);
    assert!(
        last.ends_with("</p:Msvm_ComputerSystem></n:Items><n:EndOfSequence/></n:PullResponse>")
    );
    assert_ne!(text(&first, "p:Name"), text(&last, "p:Name"));
    let (status, fault) = bench.go_on("libvirt-pull", &context);
    assert_eq!(status, 500);
    assert_has(&fault, &["<s:Value>n:InvalidEnumerationContext</s:Value>"]);
}

/// libvirt requires the element for the items even when there is none.
#[test]
fn an_empty_result_has_empty_items() {
    let bench = Bench::new();
    let context = text(&bench.ok("libvirt-no-job"), "n:EnumerationContext").to_owned();
    let (_, pulled) = bench.go_on("libvirt-pull", &context);
    assert_eq!(pulled, "<n:PullResponse><n:Items/><n:EndOfSequence/></n:PullResponse>");
}

#[test]
fn associators_are_followed() {
    let bench = Bench::new();
    let context = text(&bench.ok("libvirt-settings"), "n:EnumerationContext").to_owned();
    let (_, pulled) = bench.go_on("libvirt-pull", &context);
    assert_has(&pulled, &["<p:Msvm_VirtualSystemSettingData ", "<p:ElementName>web<"]);
}

#[test]
fn addresses_lead_to_objects() {
    let bench = Bench::new();
    let context = text(&bench.ok("openwsman-addresses"), "n:EnumerationContext").to_owned();
    let (_, host) = bench.go_on("libvirt-pull", &context);
    assert_has(&host, &["<n:Items><a:EndpointReference><a:Address>"]);
    let (_, vm) = bench.go_on("libvirt-pull", &context);
    let selectors = format!(
        "<w:ResourceURI>http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/Msvm_ComputerSystem</w:ResourceURI>\
         <w:SelectorSet><w:Selector Name=\"CreationClassName\">Msvm_ComputerSystem</w:Selector>\
         <w:Selector Name=\"Name\">{}</w:Selector></w:SelectorSet>",
        bench.web
    );
    assert_has(&vm, &[&selectors]);
    assert!(!vm.contains("<p:"), "{vm}");

    let begun = bench.ok("openwsman-objects-and-addresses");
    let (_, both) = bench.go_on("libvirt-pull", text(&begun, "n:EnumerationContext"));
    assert_has(
        &both,
        &[
            "<n:Items><w:Item><p:Msvm_ComputerSystem ",
            "</p:Msvm_ComputerSystem><a:EndpointReference>",
        ],
    );

    // DMTF's form of URIs: the selectors name the namespace, and there is nothing left to pull.
    let all = bench.ok("omicli-enumerate");
    assert!(all.starts_with("<n:EnumerateResponse><n:EnumerationContext/><w:Items>"), "{all}");
    assert!(all.ends_with("</w:Items><w:EndOfSequence/></n:EnumerateResponse>"), "{all}");
    assert_eq!(
        all.matches(r#"<w:Selector Name="__cimnamespace">root/virtualization/v2</w:Selector>"#)
            .count(),
        2
    );
}

/// What a query names and nothing else, in no namespace: MS-WSMV, notes on `XmlFragment`.
#[test]
fn projections_are_fragments() {
    let bench = Bench::new();
    assert_eq!(
        bench.ok("ruby-wql"),
        "<n:EnumerateResponse><n:EnumerationContext/><w:Items><w:XmlFragment \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xmlns:cim=\"http://schemas.dmtf.org/wbem/wscim/1/common\"><ElementName>web</ElementName>\
         <EnabledState>2</EnabledState></w:XmlFragment></w:Items><w:EndOfSequence/>\
         </n:EnumerateResponse>",
    );
    // A client that puts its texts on lines of their own, and pulls from another namespace.
    let begun = bench.ok("virt-who-list");
    let (status, pulled) = bench.go_on("virt-who-pull", text(&begun, "n:EnumerationContext"));
    assert_eq!(status, 200, "{pulled}");
    assert_has(&pulled, &[&format!("<ElementName>web</ElementName><Name>{}</Name>", bench.web)]);
}

#[test]
fn an_optimized_enumeration_that_goes_on() {
    let bench = Bench::new();
    bench.lab.vm("db").on("tokyo").create();
    let begun = bench.ok("openwsman-optimized");
    assert_eq!(begun.matches("<w:XmlFragment ").count(), 2);
    assert!(!begun.contains("EndOfSequence"), "{begun}");
    let (_, rest) = bench.go_on("openwsman-pull-events", text(&begun, "n:EnumerationContext"));
    assert_eq!(rest.matches("<w:XmlFragment ").count(), 1);
    assert_has(&rest, &["<n:EndOfSequence/>"]);
}

#[test]
fn a_list_without_a_filter_is_a_class() {
    let bench = Bench::new();
    let begun = bench.ok("go-list");
    let (_, host) = bench.go_on("libvirt-pull", text(&begun, "n:EnumerationContext"));
    assert_has(&host, &["<p:ElementName>tokyo<", "<p:ReplicationState xsi:nil=\"true\"/>"]);
}

/// DSP0227, clause 17, with what Windows's client sends.
#[test]
fn filters_by_association() {
    let bench = Bench::new();
    let found = bench.ok("windows-associated");
    assert_has(
        &found,
        &[
            "<w:Items><w:Item><p:Msvm_ReplicationRelationship ",
            r#"<p:ReplicationState xsi:type="cim:cimUnsignedShort">0</p:ReplicationState>"#,
            r#"xsi:nil="true" m:IsNullArray="true"/>"#,
            "<a:EndpointReference>",
        ],
    );
    let links = bench.ok("windows-associations");
    assert_has(
        &links,
        &[
            "v2/Msvm_SystemReplicationRelationship</w:ResourceURI>",
            r#"<w:Selector Name="Antecedent"><a:EndpointReference><a:Address>"#,
        ],
    );
}

#[test]
fn filters_by_selectors() {
    let bench = Bench::new();
    let found = bench.ok("openwsman-selector-filter");
    assert_has(&found, &[&bench.web.to_string(), "<w:EndOfSequence/>"]);
    assert_eq!(found.matches("<a:EndpointReference>").count(), 1);
}

#[test]
fn queries_that_are_none_are_faults() {
    let bench = Bench::new();
    assert_has(
        &bench.fault("openwsman-bad-query"),
        &[
            "<s:Value>n:CannotProcessFilter</s:Value>",
            r#"Code="2150858778""#,
            r#"<p:Operation xsi:type="cim:cimString">ExecQuery</p:Operation>"#,
            r#"<p:ParameterInfo xsi:type="cim:cimString">SELECT FROM WHERE</p:ParameterInfo>"#,
        ],
    );
    // One client asks an older namespace when it reads this number.
    assert_has(
        &bench.fault("virt-who-no-namespace"),
        &[
            "<p:MSFT_WmiError ",
            r#"<p:error_Code xsi:type="cim:cimUnsignedInt">2150858778</p:error_Code>"#,
        ],
    );
    let request = bench.fixture("openwsman-bad-query");
    let (_, fault) = bench.say(&request.replace("/wsman/1/WQL", "/wsman/1/SQL"));
    assert_has(&fault, &["<s:Value>n:FilterDialectRequestedUnavailable</s:Value>"]);
    let (_, fault) = bench.say(&request.replace("SELECT FROM WHERE", "SELECT * FROM Msvm_No"));
    assert_has(&fault, &["<s:Value>n:CannotProcessFilter</s:Value>", "Msvm_No"]);
    let request = bench.fixture("go-list").replace("Msvm_ComputerSystem<", "Msvm_No<");
    assert_has(&bench.say(&request).1, &["<s:Value>a:DestinationUnreachable</s:Value>"]);
    let request = bench.fixture("openwsman-selector-filter");
    for (old, new) in
        [("\"ElementName\"", "\"A = 1 OR B\""), ("\"ElementName\">web", "\"EnabledState\">on")]
    {
        assert_has(&bench.say(&request.replace(old, new)).1, &["n:CannotProcessFilter"]);
    }
    let request = bench.fixture("openwsman-addresses").replace("EnumerateEPR", "EnumerateAll");
    assert_has(&bench.say(&request).1, &["w:UnsupportedFeature", "faultDetail/EnumerationMode"]);
}

/// An enumeration is its user's, ends when it is released, and is forgotten in time.
#[test]
fn enumerations_are_kept_for_their_user_and_time() {
    let bench = Bench::new();
    let begin = || text(&bench.ok("go-list"), "n:EnumerationContext").to_owned();
    let pull = |context: &str, now, user| {
        let request = bench.fixture("libvirt-pull").replace("{context}", context);
        bench.answer_at(request.as_bytes(), Duration::from_secs(now), user).status
    };
    let context = begin();
    assert_eq!(pull(&context, 1, "somebody"), 500);
    assert_eq!(pull(&context, 1, "admin"), 200);
    let context = begin();
    assert_eq!(bench.go_on("openwsman-release", &context), (200, String::new()));
    assert_eq!(pull(&context, 1, "admin"), 500);
    assert_eq!(bench.go_on("openwsman-release", &context).0, 500);
    let context = begin();
    assert_eq!(pull(&context, 599, "admin"), 200);
    let context = begin();
    assert_eq!(pull(&context, 600, "admin"), 500);
}

/// Clients leave enumerations behind: the oldest makes room, and only for its own user.
#[test]
fn enumerations_are_bounded() {
    let bench = Bench::within(Limits { enumerations: 2, ..Limits::default() });
    let begin = |now, user| {
        let request = bench.fixture("go-list");
        let response = bench.answer_at(request.as_bytes(), Duration::from_secs(now), user);
        let reply = String::from_utf8(response.body).unwrap();
        text(&reply, "n:EnumerationContext").to_owned()
    };
    let other = begin(0, "other");
    let all = [1, 2, 3].map(|now| begin(now, "admin"));
    let pull = |context: &str, user| {
        let request = bench.fixture("libvirt-pull").replace("{context}", context);
        bench.answer_at(request.as_bytes(), Duration::from_secs(4), user).status
    };
    assert_eq!(all.each_ref().map(|it| pull(it, "admin")), [500, 200, 200]);
    assert_eq!(pull(&other, "other"), 200);
}

/// A reply has as many items as fit, and one that is too large for any is not lost.
#[test]
fn replies_are_as_large_as_the_client_takes() {
    let bench = Bench::new();
    for i in 0..20 {
        bench.lab.vm(&format!("vm{i}")).on("tokyo").create();
    }
    let request = bench.fixture("go-list").replace(
        r#"<n:Enumerate xmlns:n="http://schemas.xmlsoap.org/ws/2004/09/enumeration"/>"#,
        r#"<n:Enumerate xmlns:n="http://schemas.xmlsoap.org/ws/2004/09/enumeration">
           <w:OptimizeEnumeration/><w:MaxElements>1000</w:MaxElements></n:Enumerate>"#,
    );
    let mut found = 0;
    let mut response = bench.answer(request.replace("153600", "16384").as_bytes());
    for replies in 1.. {
        assert!(response.body.len() <= 16384, "{}", response.body.len());
        let reply = String::from_utf8(response.body).unwrap();
        found += reply.matches("<p:Msvm_ComputerSystem ").count();
        if reply.contains("EndOfSequence") {
            assert!(replies > 3, "{replies}");
            break;
        }
        let pull = bench.fixture("openwsman-pull-events");
        let pull = pull.replace("{context}", text(&reply, "n:EnumerationContext"));
        let size = "<wsman:MaxEnvelopeSize>16384</wsman:MaxEnvelopeSize>";
        let pull =
            pull.replace("<wsman:OperationTimeout>", &format!("{size}<wsman:OperationTimeout>"));
        response = bench.answer(pull.as_bytes());
    }
    assert_eq!(found, 22); // With the host itself and `web`.
}

/// All declarations, one for each class of the schema, as tools that write bindings ask for them.
#[test]
fn classes_are_enumerated() {
    let bench = Bench::new();
    let request = bench.fixture("omicli-enumerate").replace(
        "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/Msvm_ComputerSystem",
        "http://schemas.dmtf.org/wbem/cim-xml/2/cim-schema/2/*",
    );
    let (status, first) = bench.say(&request);
    assert_eq!(status, 200, "{first}");
    assert_has(&first, &["<w:Items><CLASS NAME=\"__Event\" SUPERCLASS=\"__IndicationRelated\">"]);
    let mut classes = first.matches("<CLASS NAME=").count();
    let mut context = text(&first, "n:EnumerationContext").to_owned();
    loop {
        let (status, next) = bench.go_on("openwsman-pull-events", &context);
        assert_eq!(status, 200, "{next}");
        classes += next.matches("<CLASS NAME=").count();
        if next.contains("EndOfSequence") {
            break;
        }
        context = text(&next, "n:EnumerationContext").to_owned();
    }
    assert_eq!(classes, Schema::virtualization().classes().len());
}
