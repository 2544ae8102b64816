//! What can be seen of a world at one moment, as flat records.

use super::Sorted;
use crate::engine::{Glance, GlanceAtEnd, JobRecord, World};
use crate::model::{
    HostId, Job, JobId, Leg, Power, RecoveryPoint, Relationship, RelationshipId, ReplicationMode,
    ReplicationState, SimTime, Vm, VmId,
};
use crate::rules::Side;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Everything that invariants and goals look at: what a client of each host reads at one moment,
/// and how far each copy's writes reach.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// The moment.
    pub now: SimTime,
    /// The hosts.
    pub hosts: Sorted<HostId, HostPicture>,
    /// Every virtual machine on every host: a replicated one appears once for each copy.
    pub copies: Sorted<(HostId, VmId), Copy>,
    /// Every job, with the host it is on.
    pub jobs: Sorted<JobId, (HostId, Job)>,
    /// The virtual machines that the world knows to be written to in two places.
    pub split: BTreeSet<VmId>,
    /// How long a job that has ended is kept: five minutes, unless the world's policy says otherwise.
    pub job_retention: Duration,
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
    /// How far what it has received reaches, which is what a replica sends on, whatever its guest
    /// writes once it is failed over; `None` of what receives nothing.
    pub received: Option<u64>,
    /// How far what of that it has applied reaches.
    pub applied: Option<u64>,
    /// Its recovery points, oldest first.
    pub points: Vec<RecoveryPoint>,
    /// Its ends of relationships: one always, a replica has two.
    pub ends: Ends,
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
    /// Whether a change log is on its way from here.
    pub sends: bool,
    /// `RecoveryHistory` of its settings.
    pub recovery_history: u16,
}

impl Picture {
    /// Takes a picture.
    pub fn of(world: &World) -> Self {
        let mut picture = Self {
            now: world.now(),
            hosts: Sorted::default(),
            copies: Sorted::default(),
            jobs: Sorted::default(),
            split: BTreeSet::new(),
            job_retention: world.policy().job_retention,
        };
        picture.refresh(world);
        picture
    }

    /// Makes of an older picture, of this world or another, the one that would be taken now. What
    /// is on the heap is only written where it changed.
    pub(super) fn refresh(&mut self, world: &World) {
        let Self { now, hosts, copies, jobs, split, job_retention } = self;
        (*now, *job_retention) = (world.now(), world.policy().job_retention);
        let new = |_, (name, up)| HostPicture { name: Arc::clone(name), up };
        hosts.follow(world.glance_at_hosts(), new, |host, (name, up)| {
            host.up = up;
            if !Arc::ptr_eq(&host.name, name) {
                host.name = Arc::clone(name);
            }
        });
        split.clear();
        copies.follow(
            world.glance_at_vms(),
            |_, it| Copy::of(it),
            |copy, glance| {
                copy.refresh(glance);
                if glance.has_parted() && world.is_split_brain(glance.id()) {
                    split.insert(glance.id());
                }
            },
        );
        let new = |id, (host, it): (HostId, &JobRecord)| (host, it.view(id, *now));
        jobs.follow(world.glance_at_jobs(), new, |(_, job), (_, it)| it.review(*now, job));
    }

    /// Makes it equal to another by copying only what differs.
    pub(super) fn restore(&mut self, from: &Self) {
        let Self { now, hosts, copies, jobs, split, job_retention } = self;
        (*now, *job_retention) = (from.now, from.job_retention);
        hosts.restore(&from.hosts);
        copies.restore(&from.copies);
        jobs.restore(&from.jobs);
        if *split != from.split {
            split.clone_from(&from.split);
        }
    }

    /// Every end of every relationship that exists, with its host and its copy.
    pub fn ends(&self) -> impl Iterator<Item = (HostId, &Copy, &End)> {
        self.copies.iter().flat_map(|((host, _), copy)| {
            let exists = |end: &&End| end.side != Side::Neither;
            copy.ends.values().filter(exists).map(move |end| (host, copy, end))
        })
    }

    /// One end, whether the relationship exists or not.
    pub fn end(&self, host: HostId, id: RelationshipId) -> Option<&End> {
        self.copies.get(&(host, id.vm))?.ends.get(id.leg)
    }

    /// The name of a host, or its number if there is none.
    pub fn name(&self, host: HostId) -> String {
        self.hosts.get(&host).map_or_else(|| format!("@{}", host.0), |it| it.name.to_string())
    }
}

impl Copy {
    fn of(glance: Glance<'_>) -> Self {
        let mut it = Self {
            vm: glance.vm(),
            position: 0,
            received: None,
            applied: None,
            points: Vec::new(),
            ends: Ends::default(),
        };
        it.refresh(glance);
        it
    }

    fn refresh(&mut self, glance: Glance<'_>) {
        glance.review(&mut self.vm);
        (self.position, self.received) = (glance.position(), glance.received());
        self.applied = glance.applied();
        if self.points != glance.points() {
            self.points.clear();
            self.points.extend_from_slice(glance.points());
        }
        for (end, leg) in self.ends.0.iter_mut().zip([Leg::Primary, Leg::Extended]) {
            *end = End::of(self.vm.mode, leg, glance);
        }
    }

    /// What the copy shows on a relationship; 0 if it has none there.
    pub fn state(&self, leg: Leg) -> ReplicationState {
        self.ends.get(leg).map_or(ReplicationState::Disabled, |it| it.relationship.state)
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
    fn of(mode: ReplicationMode, leg: Leg, glance: Glance<'_>) -> Option<Self> {
        let GlanceAtEnd { relationship, peer, connected, sends, recovery_history } =
            glance.end(leg)?;
        let side = Side::of(mode, leg, relationship.state);
        Some(Self { relationship, side, peer, connected, sends, recovery_history })
    }
}

/// The ends of relationships that a copy has, by their relationship.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ends([Option<End>; 2]);

impl Ends {
    /// The end of one relationship.
    pub fn get(&self, leg: Leg) -> Option<&End> {
        self.0[usize::from(leg.index())].as_ref()
    }

    /// The place of the end of one relationship.
    pub fn at(&mut self, leg: Leg) -> &mut Option<End> {
        &mut self.0[usize::from(leg.index())]
    }

    /// Those that there are.
    pub fn values(&self) -> impl Iterator<Item = &End> {
        self.0.iter().filter_map(Option::as_ref)
    }
}

/// Every copy of one virtual machine, a line for each end of a relationship.
pub(super) struct Sides<'a>(pub(super) &'a Picture, pub(super) Option<VmId>);

impl fmt::Display for Sides<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(picture, about) = self;
        for ((host, id), copy) in picture.copies.iter() {
            if about.is_some_and(|it| it != id) {
                continue;
            }
            let down = if picture.hosts.get(&host).is_none_or(|it| it.up) { "" } else { " (down)" };
            let name = format!("{}{down}", picture.name(host));
            for end in copy.ends.values() {
                let leg = end.relationship.id.leg;
                if leg == Leg::Extended && end.side == Side::Neither {
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
