//! Addresses that a virtual machine takes after a failover.

use super::*;
use crate::model::AdapterId;

behaviours! { "Failover addresses";
    either_side_stores_them:
        "primary and replica store addresses of their own",
        Documented(NETWORK);
    there_are_none_at_first:
        "there are none at first",
        Documented(BLOG_NETWORK);
    storing_none_clears_them:
        "storing no address clears them",
        Documented(PS_SET_NETWORK);
    without_replication_they_are_refused:
        "what is not replicated stores none",
        Documented(BLOG_NETWORK);
    more_than_five_gateways_are_refused:
        "more than five gateways are refused with 32773",
        Documented(NETWORK_DATA);
    an_address_needs_its_subnet:
        "an address without its subnet is refused with 32773",
        Documented(NETWORK_DATA);
}

fn address(last: u8) -> FailoverNetworkAdapterSettings {
    FailoverNetworkAdapterSettings {
        adapter: AdapterId(0),
        protocol: IpProtocol::V4,
        dhcp: false,
        addresses: vec![format!("192.0.2.{last}")],
        subnets: vec!["255.255.255.0".to_owned()],
        gateways: vec!["192.0.2.1".to_owned()],
        dns_servers: vec!["192.0.2.53".to_owned()],
    }
}

pub(crate) fn either_side_stores_them(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    for (site, last) in t.both().into_iter().zip([10, 20]) {
        let wanted = vec![address(last)];
        let set = site.set_failover_network_adapter_settings(id.vm, wanted.clone());
        site.done(set)?;
        site.same("the stored addresses", &wanted, &site.failover_network(id.vm)?)?;
    }
    let expected = vec![address(10)];
    t.first().same("the stored addresses", &expected, &t.first().failover_network(id.vm)?)
}

pub(crate) fn there_are_none_at_first(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    for site in t.both() {
        site.same("the stored addresses", &Vec::new(), &site.failover_network(id.vm)?)?;
    }
    Ok(())
}

pub(crate) fn storing_none_clears_them(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    let set = |it| t.second().set_failover_network_adapter_settings(id.vm, vec![it]);
    t.second().done(set(address(10)))?;
    let nothing = FailoverNetworkAdapterSettings {
        addresses: Vec::new(),
        subnets: Vec::new(),
        gateways: Vec::new(),
        dns_servers: Vec::new(),
        ..address(0)
    };
    t.second().done(set(nothing))?;
    t.second().same("the stored addresses", &Vec::new(), &t.second().failover_network(id.vm)?)
}

pub(crate) fn without_replication_they_are_refused(t: &Trial<'_>) -> Checked {
    let id = t.vm(Guest::Off)?;
    let set = t.first().set_failover_network_adapter_settings(id.vm, vec![address(10)]);
    t.first().refuses(set, WRONG_ROLE)
}

/// These settings are refused, and those of before stay.
fn refused(t: &Trial<'_>, wrong: FailoverNetworkAdapterSettings) -> Checked {
    let id = t.replicating(Guest::Off)?;
    let set = |it| t.second().set_failover_network_adapter_settings(id.vm, vec![it]);
    t.second().done(set(address(10)))?;
    t.second().refuses(set(wrong), BAD_VALUE)?;
    let expected = vec![address(10)];
    t.second().same("the stored addresses", &expected, &t.second().failover_network(id.vm)?)
}

pub(crate) fn more_than_five_gateways_are_refused(t: &Trial<'_>) -> Checked {
    let gateways = (1..=6).map(|last| format!("192.0.2.{last}")).collect();
    refused(t, FailoverNetworkAdapterSettings { gateways, ..address(10) })
}

pub(crate) fn an_address_needs_its_subnet(t: &Trial<'_>) -> Checked {
    refused(t, FailoverNetworkAdapterSettings { subnets: Vec::new(), ..address(10) })
}
