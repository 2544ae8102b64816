//! The settings of a relationship, as its ends keep them.

use super::generation::Generation;
use crate::model::{AuthenticationType, HostId, Settings};
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

/// The settings of a relationship, which its ends share, and beside them what every cycle asks for:
/// so it need not fetch the settings, which are far away.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    settings: Arc<Settings>,
    access: Access,
    interval_s: u16,
    recovery_history: u16,
    /// Who was last let in with them,
    let_in: HostId,
    /// and when.
    let_in_at: Generation,
}

/// How a sender comes to a replica server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access {
    /// `None`: an external provider carries everything past it.
    pub(crate) port: Option<u16>,
    pub(crate) authentication: Option<AuthenticationType>,
    pub(crate) bypass_proxy: bool,
}

impl From<&Settings> for Access {
    fn from(settings: &Settings) -> Self {
        Self {
            port: (!settings.is_external()).then_some(settings.recovery_server_port),
            authentication: settings.authentication,
            bypass_proxy: settings.bypass_proxy,
        }
    }
}

impl Terms {
    pub(crate) fn access(&self) -> Access {
        self.access
    }

    pub(crate) fn interval(&self) -> Duration {
        Duration::from_secs(self.interval_s.into())
    }

    /// The sending end is on this host now.
    pub(crate) fn sent_from(&mut self, host: &str) {
        let mut settings = Settings::clone(self);
        host.clone_into(&mut settings.primary_host);
        host.clone_into(&mut settings.primary_connection_point);
        *self = Arc::new(settings).into();
    }

    /// The receiving end is on this host now. The connection point is what somebody named.
    pub(crate) fn received_on(&mut self, host: &str) {
        let mut settings = Settings::clone(self);
        host.clone_into(&mut settings.recovery_host);
        *self = Arc::new(settings).into();
    }

    /// Notes that a host was let in with these settings, unless time alone may change that.
    pub(crate) fn note_let_in(&mut self, from: HostId, now: Generation) {
        if self.access.authentication != Some(AuthenticationType::Certificate) {
            (self.let_in, self.let_in_at) = (from, now);
        }
    }

    /// Whether it was found out in this generation that this host is let in.
    pub(crate) fn lets_in(&self, from: HostId, now: Generation) -> bool {
        self.let_in == from && now.is_still(self.let_in_at)
    }

    /// How many recovery points are kept.
    pub(crate) fn recovery_history(&self) -> usize {
        self.recovery_history.into()
    }
}

impl From<Arc<Settings>> for Terms {
    fn from(settings: Arc<Settings>) -> Self {
        Self {
            access: Access::from(&*settings),
            interval_s: settings.replication_interval_s,
            recovery_history: settings.recovery_history,
            let_in: HostId(0),
            let_in_at: Generation::NEVER,
            settings,
        }
    }
}

impl Deref for Terms {
    type Target = Arc<Settings>;

    fn deref(&self) -> &Arc<Settings> {
        &self.settings
    }
}

/// All there is comes from the settings, and what is noted does not show.
impl PartialEq for Terms {
    fn eq(&self, other: &Self) -> bool {
        self.settings == other.settings
    }
}

impl Eq for Terms {}

impl Hash for Terms {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.settings.hash(state);
    }
}
