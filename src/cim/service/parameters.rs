//! Settings as parameters: what a host showed, with what the caller wants over it.
//!
//! Microsoft's clients hand back the whole instance that they have read, so that what they know
//! nothing of stays as it is. An authorization entry is made anew.

use super::calls::text_of;
use super::parts::Disks;
use super::{Cim, CimService, if_there};
use crate::cim::mirror::names::{self, class};
use crate::cim::{CimClient, Instance, Value};
use crate::model::{
    AuthorizationEntry, DiskId, FailoverNetworkAdapterSettings, Leg, RelationshipId,
    ServiceSettings, Settings, VmId,
};

impl<C: CimClient> CimService<C> {
    pub(super) fn service_settings_text(&self, settings: &ServiceSettings) -> Cim<String> {
        let shown = if_there(self.only(class::SERVICE_SETTINGS))?;
        let mut to = shown.unwrap_or_else(|| Instance::new(class::SERVICE_SETTINGS));
        to.set("RecoveryServerEnabled", settings.recovery_server_enabled);
        to.set("AllowedAuthenticationType", settings.allowed_authentication.to_wire());
        to.set("CertificateThumbPrint", settings.certificate_thumbprint.as_str());
        to.set("HttpPort", settings.http_port);
        to.set("HttpsPort", settings.https_port);
        to.set("MonitoringStartTime", names::seconds(settings.monitoring_start_s));
        to.set("MonitoringInterval", settings.monitoring_interval_s);
        Ok(text_of(&to))
    }

    /// The settings of the relationship that a virtual machine sends on, or would: the extended one
    /// of a replica, which alone has two.
    pub(super) fn sender_settings_text(&self, vm: VmId, settings: &Settings) -> Cim<String> {
        let mut shown = self.shown(vm)?;
        let extended = shown.iter().position(|it| leg_of(it) == Some(Leg::Extended));
        let at = extended.or_else(|| (!shown.is_empty()).then_some(0));
        let shown = at.map(|at| shown.swap_remove(at));
        self.settings_text(vm, shown, settings)
    }

    /// The settings of the primary relationship of a virtual machine.
    pub(super) fn primary_settings_text(&self, vm: VmId, settings: &Settings) -> Cim<String> {
        let shown = self.shown(vm)?;
        let shown = shown.into_iter().find(|it| leg_of(it) != Some(Leg::Extended));
        self.settings_text(vm, shown, settings)
    }

    fn settings_text(&self, vm: VmId, shown: Option<Instance>, it: &Settings) -> Cim<String> {
        let fresh = || {
            let id = RelationshipId::primary(vm).to_string();
            Instance::new(class::SETTINGS).with("InstanceID", id)
        };
        let mut to = shown.unwrap_or_else(fresh);
        // What the class of the host does not have cannot be given to it, unless it says more than
        // the host does by itself.
        let plain = Settings::default();
        let is_older = |to: &Instance, property| to.path.is_some() && !to.supplies(property);
        if !is_older(&to, "ReplicationProvider") || it.provider != plain.provider {
            let path = self.on_host(names::provider_path(it.provider))?;
            to.set("ReplicationProvider", path.to_string());
        }
        if !is_older(&to, "ReplicationInterval")
            || it.replication_interval_s != plain.replication_interval_s
        {
            to.set("ReplicationInterval", it.replication_interval_s);
        }
        if !is_older(&to, "AdditionalSettings") || !it.additional_settings.is_empty() {
            to.set("AdditionalSettings", it.additional_settings.as_str());
        }
        to.set("RecoveryConnectionPoint", it.recovery_connection_point.as_str());
        to.set("RecoveryServerPortNumber", it.recovery_server_port);
        to.set("AuthenticationType", it.authentication.map_or(0, |it| it.to_wire()));
        to.set("CertificateThumbPrint", it.certificate_thumbprint.as_str());
        to.set("CompressionEnabled", it.compression);
        to.set("BypassProxyServer", it.bypass_proxy);
        to.set("ReplicateHostKvpItems", it.replicate_host_kvp);
        to.set("ApplicationConsistentSnapshotInterval", it.application_consistent_interval_h);
        to.set("RecoveryHistory", it.recovery_history);
        to.set("AutoResynchronizeEnabled", it.auto_resynchronize);
        let (start, end) = (it.auto_resynchronize_start_s, it.auto_resynchronize_end_s);
        to.set("AutoResynchronizeIntervalStart", names::seconds(start));
        to.set("AutoResynchronizeIntervalEnd", names::seconds(end));
        to.set("RecoveryHostSystem", it.recovery_host.as_str());
        to.set("PrimaryConnectionPoint", it.primary_connection_point.as_str());
        to.set("PrimaryHostSystem", it.primary_host.as_str());
        let disks = it.included_disks.as_ref();
        to.set("IncludedDisks", disks.map(|it| self.disk_paths(vm, it)).transpose()?);
        Ok(text_of(&to))
    }

    /// The paths of disks. One that is not there gets the path that it would have.
    fn disk_paths(&self, vm: VmId, included: &[DiskId]) -> Cim<Vec<String>> {
        let disks = if_there(self.disks(vm))?;
        let path = |disk: &DiskId| {
            let would_be = || names::by_id(class::DISK, names::disk_id(vm, *disk));
            let path = disks.as_ref().and_then(|it: &Disks| it.path(*disk).cloned());
            let path = path.unwrap_or_else(would_be);
            let path = if path.namespace.is_some() { path } else { self.on_host(path)? };
            Ok(path.to_string())
        };
        included.iter().map(path).collect()
    }

    pub(super) fn failover_network_texts(
        &self,
        vm: VmId,
        settings: &[FailoverNetworkAdapterSettings],
    ) -> Cim<Vec<String>> {
        let adapters = if_there(self.adapters(vm))?.unwrap_or_default();
        let text = |it: &FailoverNetworkAdapterSettings| {
            let shown = adapters.iter().find(|known| known.adapter == it.adapter);
            let fresh = || {
                let id = names::failover_network_id(vm, it.adapter);
                Instance::new(class::FAILOVER_NETWORK).with("InstanceID", id)
            };
            let mut to = shown.map_or_else(fresh, |known| known.shown.clone());
            to.set("ProtocolIFType", it.protocol.to_wire());
            to.set("DHCPEnabled", it.dhcp);
            to.set("IPAddresses", it.addresses.clone());
            to.set("Subnets", it.subnets.clone());
            to.set("DefaultGateways", it.gateways.clone());
            to.set("DNSServers", it.dns_servers.clone());
            text_of(&to)
        };
        Ok(settings.iter().map(text).collect())
    }
}

/// An authorization entry with the three properties that it has.
pub(super) fn entry(it: &AuthorizationEntry) -> Instance {
    Instance::new(class::AUTHORIZATION)
        .with("AllowedPrimaryHostSystem", it.allowed_primary.as_str())
        .with("TrustGroup", it.trust_group.as_str())
        .with("ReplicaStorageLocation", it.storage_location.as_str())
}

fn leg_of(shown: &Instance) -> Option<Leg> {
    let Some(Value::String(id)) = shown.get("InstanceID") else { return None };
    id.parse::<RelationshipId>().ok().map(|it| it.leg)
}
