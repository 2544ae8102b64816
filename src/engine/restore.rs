//! Going back to a world again and again, in several threads at that.
//!
//! Most of what a clone of a world costs is counting who shares each virtual machine, job and
//! setting; and where several threads count the sharers of the same thing, its counter moves from
//! core to core. So a world that is gone back to is changed where it differs, and whoever works
//! beside other threads works on a copy of its own.

use super::World;
use super::host::HostState;
use super::job::JobRecord;
use super::terms::Terms;
use super::vm::{Role, VmState};
use super::vms::Vms;
use crate::model::JobId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Copies what differs.
fn restore<T: Clone + PartialEq>(it: &mut T, from: &T) {
    if it != from {
        it.clone_from(from);
    }
}

/// Shares again what is not shared any more: what is another copy was changed.
pub(super) fn share<T: ?Sized>(it: &mut Arc<T>, from: &Arc<T>) {
    if !Arc::ptr_eq(it, from) {
        it.clone_from(from);
    }
}

/// Makes a copy of what may be shared.
fn own<T: Clone>(it: &mut Arc<T>) {
    *it = Arc::new(T::clone(it));
}

impl World {
    /// Makes a world equal to another by copying only what differs.
    pub(crate) fn restore(&mut self, from: &Self) {
        let Self {
            now,
            seed,
            minted,
            policy,
            hosts,
            fabric,
            agenda,
            exports,
            lines,
            ledgers,
            generation,
        } = self;
        (*now, *seed, *minted, *generation) = (from.now, from.seed, from.minted, from.generation);
        hosts.truncate(from.hosts.len());
        hosts.iter_mut().zip(&from.hosts).for_each(|(it, from)| it.restore(from));
        hosts.extend_from_slice(&from.hosts[hosts.len()..]);
        share(policy, &from.policy);
        restore(fabric, &from.fabric);
        restore(agenda, &from.agenda);
        restore(exports, &from.exports);
        restore(lines, &from.lines);
        share(ledgers, &from.ledgers);
    }

    /// A copy that shares no virtual machine and no job with any other world, nor what is copied
    /// when one of these is changed.
    pub(crate) fn apart(&self) -> Self {
        let mut world = self.clone();
        for host in &mut world.hosts {
            host.vms.values_apart(VmState::stand_apart);
            for job in host.jobs.values_mut() {
                let mut record = JobRecord::clone(job);
                let JobRecord { failure, call, .. } = &mut record;
                failure.iter_mut().for_each(own);
                call.iter_mut().for_each(own);
                *job = Arc::new(record);
            }
        }
        world
    }
}

impl HostState {
    fn restore(&mut self, from: &Self) {
        let Self {
            name,
            build,
            edition,
            clustered,
            utc_offset_min,
            up,
            settings,
            configuration,
            vms,
            jobs,
            monitoring,
            log,
            started_jobs,
            troubles,
            transfers,
        } = self;
        share(name, &from.name);
        (*build, *edition, *clustered) = (from.build, from.edition, from.clustered);
        (*utc_offset_min, *up) = (from.utc_offset_min, from.up);
        share(settings, &from.settings);
        share(configuration, &from.configuration);
        vms.restore(&from.vms);
        restore_jobs(jobs, &from.jobs);
        restore(log, &from.log);
        (*monitoring, *started_jobs) = (from.monitoring, from.started_jobs);
        *troubles = from.troubles;
        restore(transfers, &from.transfers);
    }
}

type Jobs = BTreeMap<JobId, Arc<JobRecord>>;

/// Jobs that were begun since come after all others.
fn restore_jobs(jobs: &mut Jobs, from: &Jobs) {
    while jobs.len() > from.len() && jobs.pop_last().is_some() {}
    if jobs.keys().eq(from.keys()) {
        jobs.values_mut().zip(from.values()).for_each(|(it, from)| share(it, from));
    } else {
        jobs.clone_from(from);
    }
}

impl VmState {
    /// Shares nothing with others any more.
    fn stand_apart(&mut self) {
        let Self { role, name, disks, entry, network, .. } = self;
        *name = Arc::from(&**name);
        *disks = Arc::from(&**disks);
        *entry = entry.as_deref().map(Arc::from);
        own(network);
        let own_terms = |it: &mut Terms| *it = Terms::from(Arc::new((***it).clone()));
        match role {
            Role::None | Role::Test { .. } => {}
            Role::Primary(sender) => own_terms(&mut sender.settings),
            Role::Extended { inbound } => own_terms(&mut inbound.settings),
            Role::Replica { inbound, onward } => {
                own_terms(&mut inbound.settings);
                if let Some(onward) = onward {
                    own_terms(&mut onward.settings);
                }
            }
        }
    }
}

impl Vms {
    /// Makes them those of another world.
    fn restore(&mut self, from: &Self) {
        if self.keys().eq(from.keys()) {
            self.share_with(from);
        } else {
            self.clone_from(from);
        }
    }
}
