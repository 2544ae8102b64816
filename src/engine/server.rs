//! What an accepted call to the replica server does. None of it needs a job.

use super::World;
use super::event::Reply;
use crate::model::{Call, HostId, Output, ServiceSettings};
use std::sync::Arc;

impl World {
    /// Answers a call of the replica server's own methods.
    pub(super) fn serve(&mut self, id: HostId, call: &Call) -> Reply {
        self.hosts_change();
        let host = &mut self.hosts[usize::from(id.0)];
        match call {
            Call::ModifyServiceSettings { settings } => {
                let windows =
                    |it: &ServiceSettings| (it.monitoring_start_s, it.monitoring_interval_s);
                let others = windows(&host.settings) != windows(settings);
                host.settings = Arc::new((**settings).clone());
                if others {
                    self.restart_monitoring(id);
                }
            }
            Call::AddAuthorizationEntry { entry } | Call::ModifyAuthorizationEntry { entry } => {
                let name = entry.allowed_primary.to_lowercase();
                Arc::make_mut(&mut host.configuration).entries.insert(name, entry.clone());
            }
            Call::RemoveAuthorizationEntry { allowed_primary } => {
                let name = allowed_primary.to_lowercase();
                Arc::make_mut(&mut host.configuration).entries.remove(&name);
            }
            Call::SetAuthorizationEntry { vm, entry } => {
                if let Some(vm) = self.vm_mut(id, *vm) {
                    vm.entry = Some(entry.allowed_primary.to_lowercase().into());
                }
            }
            Call::GetSystemCertificates => {
                let encoded = host.certificates().map(|it| it.encoded.clone()).collect();
                return Reply::Returned(Box::new(Output::Certificates(encoded)));
            }
            _ => debug_assert!(false, "{} is not for the replica server", call.operation()),
        }
        Reply::Completed
    }
}
