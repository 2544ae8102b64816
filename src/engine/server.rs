//! What an accepted call to the replica server does. None of it needs a job.

use super::World;
use super::event::Reply;
use crate::model::{AuthorizationEntry, Call, HostId, Output};
use std::sync::Arc;

impl World {
    /// Answers a call of the replica server's own methods.
    pub(super) fn serve(&mut self, id: HostId, call: &Call) -> Reply {
        let host = &mut self.hosts[usize::from(id.0)];
        match call {
            Call::ModifyServiceSettings { settings } => {
                host.settings = Arc::new((**settings).clone());
            }
            Call::AddAuthorizationEntry { entry } | Call::ModifyAuthorizationEntry { entry } => {
                let entry = Arc::new(entry.clone());
                host.entries.insert(entry.allowed_primary.to_lowercase(), Arc::clone(&entry));
                self.rebind(id, &entry.allowed_primary, Some(&entry));
            }
            Call::RemoveAuthorizationEntry { allowed_primary } => {
                host.entries.remove(&allowed_primary.to_lowercase());
                self.rebind(id, allowed_primary, None);
            }
            Call::SetAuthorizationEntry { vm, entry } => {
                let bound = host.entry(&entry.allowed_primary).cloned();
                if let Some(vm) = self.vm_mut(id, *vm) {
                    vm.entry = bound;
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

    /// Replicas to which an entry was bound follow what becomes of it.
    fn rebind(&mut self, host: HostId, name: &str, entry: Option<&Arc<AuthorizationEntry>>) {
        let is_bound = |bound: &Arc<AuthorizationEntry>| {
            bound.allowed_primary.to_lowercase() == name.to_lowercase()
        };
        for vm in self.hosts[usize::from(host.0)].vms.values_mut() {
            if vm.entry.as_ref().is_some_and(is_bound) {
                Arc::make_mut(vm).entry = entry.cloned();
            }
        }
    }
}
