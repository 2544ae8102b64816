//! What a call meets on the host itself: its Windows, its replica server, its entries.

use super::Hearing;
use crate::model::{
    AllowedAuthentication, AuthenticationType, AuthorizationEntry, Call, CertificateFault, Edition,
    Operation, ServiceSettings,
};
use crate::rules::Fact;

impl Hearing<'_> {
    pub(super) fn holds_of_host(&self, fact: Fact) -> bool {
        match fact {
            Fact::ServerEdition => self.host.edition == Edition::Server,
            Fact::OwnServer => !self.host.clustered,
            Fact::ServerUnlocked => self.host.jobs.values().all(|job| {
                job.operation != Operation::ModifyServiceSettings || job.state.is_terminal()
            }),
            _ => self.asked_settings().is_none_or(|it| self.holds_of_server(fact, it)),
        }
    }

    /// The settings that the replica server is to take.
    fn asked_settings(&self) -> Option<&ServiceSettings> {
        match self.call {
            Call::ModifyServiceSettings { settings } => Some(settings),
            _ => None,
        }
    }

    fn holds_of_server(&self, fact: Fact, settings: &ServiceSettings) -> bool {
        match fact {
            Fact::ServerSettingsValid => are_consistent(settings),
            Fact::MonitoringIntervalKnown => {
                let offered = &ServiceSettings::MONITORING_INTERVALS_S;
                offered.contains(&settings.monitoring_interval_s)
            }
            Fact::CertificateSuitable => self.certificate_fault().is_none(),
            Fact::PortsFree => AuthenticationType::ALL
                .iter()
                .filter(|kind| settings.listens(**kind))
                .all(|kind| self.host.gets_port(settings, *kind)),
            _ => false,
        }
    }

    /// What is wrong with the certificate that the replica server is to present.
    pub(super) fn certificate_fault(&self) -> Option<CertificateFault> {
        let asked = self.asked_settings()?;
        asked
            .listens(AuthenticationType::Certificate)
            .then(|| self.host.certificate_fault(&asked.certificate_thumbprint, self.world.now))?
    }

    pub(super) fn holds_of_entries(&self, fact: Fact) -> bool {
        let (name, entry): (&str, Option<&AuthorizationEntry>) = match self.call {
            Call::AddAuthorizationEntry { entry }
            | Call::ModifyAuthorizationEntry { entry }
            | Call::SetAuthorizationEntry { entry, .. } => (&entry.allowed_primary, Some(entry)),
            Call::RemoveAuthorizationEntry { allowed_primary } => (allowed_primary, None),
            _ => return false,
        };
        let entries = &self.host.configuration.entries;
        match fact {
            Fact::EntryValid => entry.is_some_and(AuthorizationEntry::is_valid),
            Fact::EntryNew => self.host.entry(name).is_none(),
            Fact::EntryKnown => self.host.entry(name).is_some(),
            Fact::WildcardAlone => {
                let any = entries.contains_key("*");
                if name == "*" { any || entries.is_empty() } else { !any }
            }
            Fact::LocationExists | Fact::LocationOpens => entry.is_none_or(|it| {
                let stays = self.host.entry(name).map(|it| &it.storage_location);
                let folder = &it.storage_location;
                stays == Some(folder)
                    || if fact == Fact::LocationExists {
                        self.host.has_drive(folder)
                    } else {
                        self.host.opens(folder)
                    }
            }),
            _ => false,
        }
    }
}

fn are_consistent(it: &ServiceSettings) -> bool {
    let needs_certificate = it.allowed_authentication.allows(AuthenticationType::Certificate);
    let authenticates = it.allowed_authentication != AllowedAuthentication::Undefined
        || !it.recovery_server_enabled;
    let certified = needs_certificate != it.certificate_thumbprint.is_empty();
    it.http_port != 0
        && it.https_port != 0
        && it.monitoring_start_s < 24 * 3600
        && authenticates
        && (certified || !it.recovery_server_enabled)
}
