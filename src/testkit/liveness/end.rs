//! An end of a relationship: whether it is at rest, and what an administrator does where it is not.

use super::Stuck;
use crate::engine::World;
use crate::model::{
    Call, HostId, InitialReplicationType, Leg, RelationshipId, ReplicationHealth, ReplicationMode,
    ReplicationState, RequestedReplicationState, RequestedState, Settings,
};
use crate::rules::Side;

/// One end of a relationship.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) host: HostId,
    pub(super) id: RelationshipId,
    pub(super) side: Side,
    state: ReplicationState,
}

/// Every end of every relationship.
pub(super) fn ends(world: &World) -> impl Iterator<Item = End> {
    let vms = world.hosts().flat_map(|(host, _)| world.vms(host).map(move |vm| (host, vm)));
    vms.flat_map(move |(host, vm)| {
        [Leg::Primary, Leg::Extended].into_iter().filter_map(move |leg| {
            let id = RelationshipId { vm: vm.id, leg };
            let state = world.relationship(host, id)?.state;
            let side = Side::of(vm.mode, leg, state);
            (side != Side::Neither).then_some(End { host, id, side, state })
        })
    })
}

impl End {
    pub(super) fn settings(&self, world: &World) -> Option<Settings> {
        world.settings(self.host, self.id)
    }

    /// The certificate that it names.
    pub(super) fn thumbprint(&self, world: &World) -> Option<String> {
        let thumbprint = self.settings(world)?.certificate_thumbprint;
        (!thumbprint.is_empty()).then_some(thumbprint)
    }

    /// The other end, if the other host has one that belongs to this.
    fn other(&self, world: &World) -> Option<End> {
        match self.side {
            Side::Sender => {
                let peer = world.sends_to(self.host, self.id)?;
                let mode = match self.id.leg {
                    Leg::Primary => ReplicationMode::Replica,
                    Leg::Extended => ReplicationMode::ExtendedReplica,
                };
                let id = RelationshipId::primary(self.id.vm);
                let there = world.vm(peer, id.vm).is_some_and(|it| it.mode == mode);
                let from = world.settings(peer, id)?.primary_host;
                let mine = world.host_named(&from) == Some(self.host)
                    || world.source_of(peer, self.id.vm) == Some(self.host);
                let state = world.relationship(peer, id)?.state;
                (there && mine).then_some(End { host: peer, id, side: Side::Receiver, state })
            }
            Side::Receiver => ends(world).find(|it| {
                let sends = it.side == Side::Sender && it.id.vm == self.id.vm;
                let here = world.sends_to(it.host, it.id) == Some(self.host);
                sends && here && it.other(world).is_some_and(|it| it.host == self.host)
            }),
            Side::Neither => None,
        }
    }

    /// Where the replica of a sending end has moved, if that does not look for it there.
    fn replica_elsewhere(&self, world: &World) -> Option<HostId> {
        if self.side != Side::Sender || self.other(world).is_some() {
            return None;
        }
        let mut hosts = world.hosts().map(|(host, _)| host);
        hosts.find(|it| world.has_replica(*it, self.host, self.id.vm, self.id.leg))
    }

    /// The settings of a sending end with the name of the host where its replica is now.
    fn renamed(&self, world: &World) -> Option<Settings> {
        let name = world.host_view(self.replica_elsewhere(world)?)?.name;
        let settings = self.settings(world)?;
        Some(Settings { recovery_connection_point: name.to_string(), ..settings })
    }

    /// Whether a receiving end waits, marked, for its primary.
    fn is_marked(&self, world: &World) -> bool {
        let named = || self.settings(world).is_some_and(|it| !it.primary_host.is_empty());
        let waits = self.state == ReplicationState::WaitingForInitialReplication;
        self.side == Side::Receiver && waits && !named()
    }

    /// Whether a sending end waits until the initial replica that it has exported is imported.
    fn is_exported(&self, world: &World) -> bool {
        let waits = self.state == ReplicationState::WaitingForInitialReplication;
        let exported = || {
            let relationship = world.relationship(self.host, self.id);
            relationship.is_some_and(|it| it.last_replication.is_some())
        };
        self.side == Side::Sender && waits && exported()
    }

    /// Whether an extended replica is sent nothing, because the replica before it is sent nothing.
    fn is_cut_off(&self, world: &World) -> bool {
        if self.side != Side::Sender || self.id.leg == Leg::Primary {
            return false;
        }
        let before = ends(world)
            .find(|it| it.host == self.host && it.id == RelationshipId::primary(self.id.vm));
        before.is_some_and(|it| {
            let exported = it.other(world).is_some_and(|it| it.is_exported(world));
            it.is_marked(world) || it.is_final() || exported
        })
    }

    /// Whether a failover was made final.
    fn is_final(&self) -> bool {
        use ReplicationState as S;
        matches!(self.state, S::Committed | S::FailbackInProgress | S::FailbackComplete)
    }

    pub(super) fn is_at_rest(&self, world: &World) -> bool {
        let health = world.relationship(self.host, self.id).map(|it| it.health);
        // What an external provider keeps, or a replica that it keeps from being removed.
        let external = [self.id, RelationshipId::extended(self.id.vm)]
            .into_iter()
            .any(|id| world.settings(self.host, id).is_some_and(|it| it.is_external()));
        let other = self.other(world);
        let replicates = |end: &Self| end.state == ReplicationState::Replicating;
        let both = replicates(self) && other.as_ref().is_some_and(replicates);
        let left = other.as_ref().is_some_and(Self::is_final);
        both && health == Some(ReplicationHealth::Ok)
            || external
            || self.is_final()
            || left
            || self.is_marked(world)
            || self.is_exported(world)
            || other.is_some_and(|it| it.is_exported(world) || it.is_cut_off(world))
            || self.is_cut_off(world)
    }

    pub(super) fn told(&self, world: &World) -> Stuck {
        let health = world.relationship(self.host, self.id).map(|it| it.health);
        Stuck {
            host: world.host_view(self.host).map(|it| it.name.to_string()).unwrap_or_default(),
            vm: world.vm(self.host, self.id.vm).map(|it| it.name.to_string()).unwrap_or_default(),
            relationship: self.id.leg,
            side: self.side,
            state: self.state,
            health: health.unwrap_or(ReplicationHealth::NotApplicable),
        }
    }

    /// What an administrator would do about this end, the best first.
    pub(super) fn repairs(&self, world: &World) -> Vec<Call> {
        use ReplicationState as S;
        let vm = self.id.vm;
        // The form without a relationship is the one that every Windows has.
        let relationship = Some(self.id).filter(|it| it.leg == Leg::Extended);
        let request = |it: RequestedReplicationState| {
            let requested = it.to_wire();
            Call::RequestReplicationStateChange { vm, relationship, requested }
        };
        let remove = || Call::RemoveReplicationRelationship { vm, relationship };
        if let Some(settings) = self.renamed(world) {
            return vec![Call::ModifyReplicationSettings { vm, settings: Box::new(settings) }];
        }
        if ends(world).any(|it| it.id.vm == vm && it.replica_elsewhere(world) == Some(self.host)) {
            return Vec::new();
        }
        if self.other(world).is_none() && !self.is_marked(world) && !self.is_final() {
            let onward = Some(RelationshipId::extended(vm));
            let onward = Call::RemoveReplicationRelationship { vm, relationship: onward };
            let stop = Call::RevertFailover { vm };
            return match (self.side, self.state) {
                (Side::Receiver, S::Recovered) => vec![stop, self.turn_off()],
                (Side::Receiver, _) => vec![onward, remove()],
                _ => vec![remove()],
            };
        }
        let resume = || request(RequestedReplicationState::Replicating);
        let initial = S::WaitingForInitialReplication;
        let waits = self.other(world).is_some_and(|it| it.state == initial);
        match (self.side, self.state) {
            (Side::Sender, S::Ready) => {
                let initial = InitialReplicationType::Network.to_wire();
                vec![Call::StartReplication { vm, initial, export_location: None, start: None }]
            }
            (Side::Sender, S::WaitingForInitialReplication) => {
                let works = world
                    .jobs(self.host)
                    .any(|job| job.affected.contains(&vm) && !job.state.is_terminal());
                if works { Vec::new() } else { vec![request(RequestedReplicationState::Ready)] }
            }
            // What was exported is no longer what is sent on.
            (Side::Sender, S::WaitingForResynchronization) if waits => vec![remove()],
            (Side::Sender, S::WaitingForResynchronization) => {
                vec![Call::Resynchronize { vm, start: None }]
            }
            // What was exported is still to be imported, before anything can be compared with it.
            (Side::Receiver, S::WaitingForInitialReplication) => {
                let compares = |it: End| it.state == S::WaitingForResynchronization;
                let import = |folder: &str| Call::ImportInitialReplica {
                    vm,
                    import_location: folder.to_owned(),
                };
                let wanted = self.other(world).filter(|it| compares(*it));
                wanted.and(world.exported_to(vm)).map(import).into_iter().collect()
            }
            (Side::Sender, S::DiskUpdateCritical) => {
                vec![request(RequestedReplicationState::DiskUpdateInProgress), resume()]
            }
            (Side::Sender, S::Synced) => vec![Call::RevertFailover { vm }],
            (Side::Receiver, S::Recovered) => vec![Call::RevertFailover { vm }, self.turn_off()],
            (_, S::Suspended | S::Critical | S::ResynchronizationSuspended) => vec![resume()],
            _ => Vec::new(),
        }
    }

    /// A replica that is failed over has to be off before that can be taken back.
    fn turn_off(&self) -> Call {
        let requested = RequestedState::Disabled.to_wire();
        Call::RequestStateChange { vm: self.id.vm, requested }
    }
}
