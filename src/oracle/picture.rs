//! What can be seen of a world at one moment, as flat records.

use crate::engine::World;
use crate::model::{
    HostId, Job, JobId, Leg, Power, RecoveryPoint, Relationship, RelationshipId, ReplicationMode,
    ReplicationState, SimTime, Vm, VmId,
};
use crate::rules::Side;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// Everything that invariants and goals look at: what a client of each host reads at one moment,
/// and how far each copy's writes reach.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// The moment.
    pub now: SimTime,
    /// The hosts.
    pub hosts: BTreeMap<HostId, HostPicture>,
    /// Every virtual machine on every host: a replicated one appears once for each copy.
    pub copies: BTreeMap<(HostId, VmId), Copy>,
    /// Every job, with the host it is on.
    pub jobs: BTreeMap<JobId, (HostId, Job)>,
    /// The virtual machines that the world knows to be written to in two places.
    pub split: BTreeSet<VmId>,
}

/// A host in a [`Picture`].
#[derive(Clone, Debug, PartialEq)]
pub struct HostPicture {
    /// Its name.
    pub name: Arc<str>,
    /// Whether it is up.
    pub up: bool,
}

/// One copy of a virtual machine, in a [`Picture`].
#[derive(Clone, Debug, PartialEq)]
pub struct Copy {
    /// The virtual machine.
    pub vm: Vm,
    /// How far the guest's writes reach in this copy: the number of the last byte.
    pub position: u64,
    /// Its recovery points, oldest first.
    pub points: Vec<RecoveryPoint>,
    /// Its ends of relationships: one always, a replica has two.
    pub ends: BTreeMap<Leg, End>,
}

/// One copy's end of a relationship, in a [`Picture`].
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    /// The relationship as it is read here.
    pub relationship: Relationship,
    /// Which end this is.
    pub side: Side,
    /// The other host, as this one knows it.
    pub peer: Option<HostId>,
    /// Whether anything passes between both hosts.
    pub connected: bool,
    /// `RecoveryHistory` of its settings.
    pub recovery_history: u16,
}

impl Picture {
    /// Takes a picture.
    pub fn of(world: &World) -> Self {
        let mut copies = BTreeMap::new();
        let (mut hosts, mut jobs) = (BTreeMap::new(), BTreeMap::new());
        for (host, view) in world.hosts() {
            hosts.insert(host, HostPicture { name: view.name, up: world.is_up(host) });
            jobs.extend(world.jobs(host).map(|job| (job.id, (host, job))));
            copies.extend(world.vms(host).map(|vm| ((host, vm.id), Copy::of(world, host, vm))));
        }
        let ids: BTreeSet<VmId> = copies.keys().map(|(_, vm)| *vm).collect();
        let split = ids.into_iter().filter(|vm| world.is_split_brain(*vm)).collect();
        Self { now: world.now(), hosts, copies, jobs, split }
    }

    /// Every end of every relationship that exists, with its host and its copy.
    pub fn ends(&self) -> impl Iterator<Item = (HostId, &Copy, &End)> {
        let of = |(key, copy): (&(HostId, VmId), _)| (key.0, copy);
        self.copies.iter().map(of).flat_map(|(host, copy): (HostId, &Copy)| {
            let exists = |end: &&End| end.side != Side::Neither;
            copy.ends.values().filter(exists).map(move |end| (host, copy, end))
        })
    }

    /// One end, whether the relationship exists or not.
    pub fn end(&self, host: HostId, id: RelationshipId) -> Option<&End> {
        self.copies.get(&(host, id.vm))?.ends.get(&id.leg)
    }

    /// The name of a host, or its number if there is none.
    pub fn name(&self, host: HostId) -> String {
        self.hosts.get(&host).map_or_else(|| format!("@{}", host.0), |it| it.name.to_string())
    }
}

impl Copy {
    fn of(world: &World, host: HostId, vm: Vm) -> Self {
        let end =
            |leg| Some((leg, End::of(world, host, vm.mode, RelationshipId { vm: vm.id, leg })?));
        Self {
            position: world.position(host, vm.id).unwrap_or_default(),
            points: world.recovery_points(host, vm.id).unwrap_or_default(),
            ends: [Leg::Primary, Leg::Extended].into_iter().filter_map(end).collect(),
            vm,
        }
    }

    /// What the copy shows on a relationship; 0 if it has none there.
    pub fn state(&self, leg: Leg) -> ReplicationState {
        self.ends.get(&leg).map_or(ReplicationState::Disabled, |it| it.relationship.state)
    }

    /// Whether the guest runs.
    pub fn runs(&self) -> bool {
        self.vm.power.power() == Power::Running
    }

    /// Whether the copy receives: a replica or an extended replica.
    pub fn receives(&self) -> bool {
        matches!(self.vm.mode, ReplicationMode::Replica | ReplicationMode::ExtendedReplica)
    }

    /// Whether a replica is failed over, committed or not.
    pub fn is_failed_over(&self) -> bool {
        let state = self.state(Leg::Primary);
        let own = matches!(
            state,
            ReplicationState::Recovered
                | ReplicationState::Committed
                | ReplicationState::FailbackInProgress
                | ReplicationState::FailbackComplete
        );
        self.receives() && own
    }
}

impl End {
    fn of(world: &World, host: HostId, mode: ReplicationMode, id: RelationshipId) -> Option<Self> {
        let relationship = world.relationship(host, id)?;
        let side = Side::of(mode, id.leg, relationship.state);
        let settings = (side == Side::Receiver).then(|| world.settings(host, id)).flatten();
        let peer = match &settings {
            Some(settings) => world.host_named(&settings.primary_host),
            None => world.sends_to(host, id),
        };
        Some(Self {
            relationship,
            side,
            peer,
            connected: peer.is_some_and(|peer| world.is_connected(host, peer)),
            recovery_history: settings.map_or(0, |it| it.recovery_history),
        })
    }
}

/// Every copy of one virtual machine, a line for each end of a relationship.
pub(super) struct Sides<'a>(pub(super) &'a Picture, pub(super) Option<VmId>);

impl fmt::Display for Sides<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(picture, about) = self;
        for ((host, id), copy) in &picture.copies {
            if about.is_some_and(|it| it != *id) {
                continue;
            }
            let down = if picture.hosts.get(host).is_none_or(|it| it.up) { "" } else { " (down)" };
            let name = format!("{}{down}", picture.name(*host));
            for (leg, end) in &copy.ends {
                if *leg == Leg::Extended && end.side == Side::Neither {
                    continue;
                }
                let it = &end.relationship;
                write!(
                    f,
                    "\n    {name:<12} {} relationship {} {:<12} {:<28} {:<14} {:<8} position {}, {} points",
                    copy.vm.name,
                    leg.index(),
                    copy.vm.mode.name(),
                    it.state.name(),
                    it.health.name(),
                    copy.vm.power.power().label(),
                    copy.position,
                    copy.points.len(),
                )?;
            }
        }
        Ok(())
    }
}
