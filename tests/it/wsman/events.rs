//! Subscriptions: DSP0226, clause 10, by pulling only.

use super::{Bench, assert_has, text};
use hyperv_replica::prelude::*;
use hyperv_replica::wsman::Limits;
use std::time::Duration;

#[test]
fn events_are_pulled() {
    let bench = Bench::new();
    let begun = bench.ok("openwsman-subscribe");
    assert_has(
        &begun,
        &[
            "<e:SubscribeResponse><e:SubscriptionManager><a:Address>",
            "<e:Identifier>uuid:",
            "<e:Expires>P0DT0H1M0S</e:Expires>",
        ],
    );
    let context = text(&begun, "n:EnumerationContext").to_owned();
    // Nothing happens: the service's time passes, and that is all.
    let before = bench.lab.now();
    let (status, fault) = bench.go_on("openwsman-pull-events", &context);
    assert_eq!(status, 500);
    assert_has(&fault, &["<s:Value>s:Receiver</s:Value>", "w:TimedOut", r#"Code="2150858793""#]);
    assert_eq!(bench.lab.now(), before + seconds(20));

    bench.ok("libvirt-start");
    let (status, events) = bench.go_on("openwsman-pull-events", &context);
    assert_eq!(status, 200, "{events}");
    assert_has(
        &events,
        &[
            "<p:__InstanceModificationEvent ",
            "<p:TargetInstance xmlns:p1=",
            &format!("<p1:Name>{}</p1:Name>", bench.web),
        ],
    );
    assert_eq!(text(&events, "n:EnumerationContext"), context);
    assert!(!events.contains("EndOfSequence"), "{events}");
}

#[test]
fn subscriptions_are_renewed_and_end() {
    let bench = Bench::new();
    let context = text(&bench.ok("openwsman-subscribe"), "n:EnumerationContext").to_owned();
    let (status, renewed) = bench.go_on("openwsman-renew", &context);
    assert_eq!(status, 200, "{renewed}");
    assert_has(&renewed, &["<e:Expires>P0DT0H0M30S</e:Expires>"]);
    assert_eq!(bench.go_on("openwsman-unsubscribe", &context), (200, String::new()));
    for name in ["openwsman-unsubscribe", "openwsman-renew"] {
        assert_has(&bench.go_on(name, &context).1, &["e:UnableToRenew"]);
    }
    let (_, fault) = bench.go_on("openwsman-pull-events", &context);
    assert_has(&fault, &["n:InvalidEnumerationContext"]);
}

#[test]
fn a_subscription_that_nobody_renews_expires() {
    let bench = Bench::new();
    let context = text(&bench.ok("openwsman-subscribe"), "n:EnumerationContext").to_owned();
    let request = bench.fixture("openwsman-renew").replace("{context}", &context);
    let renew = |now| bench.answer_at(request.as_bytes(), Duration::from_secs(now), "admin").status;
    assert_eq!(renew(59), 200); // Subscribed for 60 s; renewed for 30 s.
    assert_eq!(renew(89), 500);
}

/// Nobody is ever connected to because a request says so.
#[test]
fn push_is_refused() {
    let bench = Bench::new();
    assert_has(&bench.fault("openwsman-subscribe-push"), &["e:DeliveryModeRequestedUnavailable"]);
}

#[test]
fn subscriptions_are_bounded() {
    let bench = Bench::within(Limits { subscriptions: 2, ..Limits::default() });
    bench.ok("openwsman-subscribe");
    let context = text(&bench.ok("openwsman-subscribe"), "n:EnumerationContext").to_owned();
    assert_has(&bench.fault("openwsman-subscribe"), &["w:QuotaLimit", "<p:MSFT_WmiError "]);
    bench.go_on("openwsman-unsubscribe", &context);
    bench.ok("openwsman-subscribe");
}

#[test]
fn a_query_that_is_none_is_a_fault() {
    let bench = Bench::new();
    let request = bench.fixture("openwsman-subscribe");
    let (_, fault) = bench.say(&request.replace("__InstanceModificationEvent", "__NoEvent"));
    assert_has(&fault, &["n:CannotProcessFilter", "ExecNotificationQuery"]);
    let (_, fault) = bench.say(&request.replace("PT60.000000S", "tomorrow"));
    assert_has(&fault, &["e:InvalidExpirationTime"]);
}
