//! What the public pages allow, written down by hand, against what the book judges.
//!
//! Each row is read off the page of its method, under
//! <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationservice>, and where that
//! is silent off the page of the cmdlet that calls it, under
//! <https://learn.microsoft.com/powershell/module/hyper-v/>. The states of the roles are those of
//! <https://learn.microsoft.com/virtualization/community/team-blog/2012/20120615-interpreting-replication-health-part-1>.
//! Where the book differs from the pages, the difference is listed with its reason.

use hyperv_replica::engine::{Caller, Input, Reply, World};
use hyperv_replica::model::{
    Call, ErrorCode, HostId, Leg, Operation, Power, RelationshipId, ReplicationMode,
    ReplicationState, WindowsBuild,
};
use hyperv_replica::rules::{Fact, Facts, Situation, Target, rule};
use hyperv_replica::script::{self, Runner};
use hyperv_replica::testkit::explore::Menu;
use std::collections::BTreeSet;

/// The end a call addresses: a role, and for a replica which of its relationships.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    /// Not replicated.
    Plain,
    Primary,
    /// Relationship 0 of a replica.
    Replica,
    /// Relationship 1 of a replica.
    Onward,
    Test,
    /// An extended replica.
    Third,
}
use End::{Onward, Plain, Primary, Replica, Test, Third};

/// States of an end in which a call is allowed.
type Allowed = (&'static [End], &'static [u16]);

const SENDERS: &[End] = &[Primary, Onward];
const RECEIVERS: &[End] = &[Replica, Third];
const REPLICATED: &[End] = &[Primary, Replica, Third];
const EVERY_LEG: &[End] = &[Primary, Replica, Onward, Third];

/// Every state of a relationship that a host shows. 17 and 19 to 21 have only names: the latter
/// belong to the replication of groups.
const ANY: &[u16] = &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18];

/// Operation, where it is allowed, and whether the virtual machine must be off.
#[rustfmt::skip]
const PAGES: &[(Operation, &[Allowed], bool)] = {
    use Operation as O;
    &[
        (O::CreateReplicationRelationship,     &[(&[Plain, Onward], &[0])],          false),
        (O::ModifyReplicationSettings,         &[(SENDERS, ANY)],                    false),
        (O::RemoveReplicationRelationship,     &[(EVERY_LEG, ANY)],                  false),
        (O::StartReplication,                  &[(SENDERS, &[1])],                   false),
        (O::ImportInitialReplica,              &[(RECEIVERS, &[2])],                 true),
        (O::CancelInitialReplication,          &[(SENDERS, &[2, 7, 8])],             false),
        (O::BecomeReplica,                     &[(&[Plain], &[0]), (&[Primary], &[8, 9]), (&[Replica], &[15])], true),
        (O::ResumeReplication,                 &[(EVERY_LEG, &[7, 8, 11])],          false),
        (O::PrepareFailover,                   &[(&[Primary], &[3]), (&[Onward], &[3, 15, 16])], true),
        (O::SuspendReplication,                &[(EVERY_LEG, &[2, 3, 10])],          false),
        (O::CancelResynchronization,           &[(SENDERS, &[10, 11])],              false),
        (O::Resynchronize,                     &[(SENDERS, &[7, 8, 9, 11, 16])],     false),
        (O::InitiateFailover,                  &[(RECEIVERS, &[3, 7, 10, 15])],      true),
        (O::TestReplicaSystem,                 &[(RECEIVERS, &[3, 7])],              true),
        (O::RevertFailover,                    &[(&[Primary], &[4]), (RECEIVERS, &[5, 12])], true),
        (O::CommitFailover,                    &[(RECEIVERS, &[5])],                 false),
        (O::ReverseReplicationRelationship,    &[(RECEIVERS, &[5, 6])],              false),
        (O::ChangeReplicationModeToPrimary,    &[(&[Replica], &[6])],                false),
        (O::SetAuthorizationEntry,             &[(RECEIVERS, ANY)],                  false),
        (O::SetFailoverNetworkAdapterSettings, &[(REPLICATED, ANY)],                 false),
        (O::GetReplicationStatistics,          &[(EVERY_LEG, ANY)],                  false),
        (O::ResetReplicationStatistics,        &[(EVERY_LEG, ANY)],                  false),
        (O::InitiateFailback,                  &[(&[Replica], &[5, 6])],             false),
    ]
};

/// Where the book accepts what the pages do not allow, or the other way round: operation, end,
/// states, and why.
#[rustfmt::skip]
const DIFFERENCES: &[(Operation, End, &[u16], &str)] = {
    use Operation as O;
    const PAUSED: &str = "clients resume a paused replica first; whether they must, nobody says";
    const EVERY_DISK: &str = "clients allow it; an extended leg has every disk, and none to update";
    const NO_DISKS: &str = "clients give a change of the disks up so; what that does, nobody says";
    const MIRRORED: &str = "clients take a mirrored resynchronisation back so";
    const GIVEN_UP: &str = "clients give a failed change of the set of disks up so";
    const PREPARED: &str = "a leg that can be prepared can be prepared in vain";
    const LATE: &str = "scripts mark an old primary before it has noticed the failover";
    &[
        (O::InitiateFailover,  Replica, &[7],    PAUSED),
        (O::InitiateFailover,  Third,   &[7],    PAUSED),
        (O::PrepareFailover,   Onward,  &[15, 16], EVERY_DISK),
        (O::BecomeReplica,     Primary, &[3],    LATE),
        (O::BecomeReplica,     Replica, &[15],   NO_DISKS),
        (O::ResumeReplication, Replica, &[10],   MIRRORED),
        (O::ResumeReplication, Third,   &[10],   MIRRORED),
        (O::ResumeReplication, Primary, &[16],   GIVEN_UP),
        (O::ResumeReplication, Onward,  &[16],   GIVEN_UP),
        (O::RevertFailover,    Onward,  &[4],    PREPARED),
    ]
};

const ENDS: [End; 6] = [Plain, Primary, Replica, Onward, Test, Third];

impl End {
    const fn mode(self) -> ReplicationMode {
        match self {
            Plain => ReplicationMode::None,
            Primary => ReplicationMode::Primary,
            Replica | Onward => ReplicationMode::Replica,
            Test => ReplicationMode::TestReplica,
            Third => ReplicationMode::ExtendedReplica,
        }
    }

    /// The states it can be in.
    fn states(self) -> Vec<u16> {
        match self {
            Plain | Test => vec![0],
            Onward => std::iter::once(0).chain(ANY.iter().copied()).collect(),
            Primary | Replica | Third => ANY.to_vec(),
        }
    }

    /// Whether a call of the operation can address it: only one that names its relationship, or
    /// means the one it sends on, reaches the second relationship of a replica.
    fn is_addressed_by(self, operation: Operation) -> bool {
        match (self, rule(operation).target) {
            (Onward, target) => {
                matches!(target, Target::Sending | Target::FailingOver | Target::Named)
            }
            (Replica, target) => target != Target::Sending,
            _ => true,
        }
    }

    fn meets(self, operation: Operation, state: u16, power: Power) -> bool {
        let sends = matches!(self, Primary | Onward) && state != 0;
        let situation = Situation {
            mode: self.mode(),
            state: ReplicationState::from_wire(state).expect("a state"),
            power,
            build: WindowsBuild::Server2025,
            facts: Facts::ALL.with(Fact::Sends, sends),
        };
        rule(operation).judge(&situation).is_ok()
    }
}

#[test]
fn the_book_agrees_with_the_pages() {
    let mut found = BTreeSet::new();
    for (operation, allowed, must_be_off) in PAGES {
        for end in ENDS.into_iter().filter(|it| it.is_addressed_by(*operation)) {
            for state in end.states() {
                let allows = |it: &Allowed| it.0.contains(&end) && it.1.contains(&state);
                let expected = allowed.iter().any(allows);
                for power in Power::ALL {
                    let expected = expected && (!must_be_off || *power == Power::Off);
                    let differs = end.meets(*operation, state, *power) != expected;
                    if differs {
                        found.insert((*operation, end, state));
                    }
                }
            }
        }
    }
    let listed: BTreeSet<_> = DIFFERENCES
        .iter()
        .flat_map(|(operation, end, states, _)| states.iter().map(|it| (*operation, *end, *it)))
        .collect();
    let new: Vec<_> = found.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&found).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "not listed: {new:#?}\nlisted, but alike: {gone:#?}"
    );
}

#[test]
fn every_operation_on_a_relationship_is_on_the_pages() {
    let pages: BTreeSet<_> = PAGES.iter().map(|it| it.0).collect();
    let class = |it: &&Operation| it.class() == "Msvm_ReplicationService";
    let of_hosts = [
        Operation::ModifyServiceSettings,
        Operation::AddAuthorizationEntry,
        Operation::ModifyAuthorizationEntry,
        Operation::RemoveAuthorizationEntry,
        Operation::GetSystemCertificates,
        Operation::TestReplicationConnection,
        Operation::RequestServiceStateChange,
        Operation::StartService,
        Operation::StopService,
    ];
    for operation in Operation::ALL.iter().filter(class) {
        assert!(pages.contains(operation) != of_hosts.contains(operation), "{operation}");
    }
}

/// Situations in which the book allows an operation as far as roles and states go, and every call of
/// it in the worlds of the scenarios is refused with 32775 all the same. Operation, end, states, and
/// why.
#[rustfmt::skip]
const REFUSED_FOR_FACTS: &[(Operation, End, &[u16], &str)] = &[
    (
        Operation::CancelInitialReplication, Onward, &[7],
        "whose initial replication is complete; none is paused before in a scenario",
    ),
    (
        Operation::RemoveReplicationRelationship, Replica, &[12],
        "its extended relationship goes first; without one, the failover holds it",
    ),
];

/// The end that a call addresses in a world, and the state that it finds there.
fn addressed(world: &World, host: HostId, call: &Call) -> Option<(End, u16)> {
    let vm = world.vm(host, call.vm()?)?;
    let state = |leg| {
        let found = world.relationship(host, RelationshipId { vm: vm.id, leg });
        found.map_or(ReplicationState::Disabled, |it| it.state)
    };
    let onward = match rule(call.operation()).target {
        Target::Sending => true,
        Target::Named => call.relationship().is_some_and(|it| it.leg == Leg::Extended),
        Target::FailingOver => state(Leg::Extended) == ReplicationState::Synced,
        _ => false,
    };
    let (end, leg) = match vm.mode {
        ReplicationMode::None => (Plain, Leg::Primary),
        ReplicationMode::Primary => (Primary, Leg::Primary),
        ReplicationMode::Replica if onward => (Onward, Leg::Extended),
        ReplicationMode::Replica => (Replica, Leg::Primary),
        ReplicationMode::TestReplica => (Test, Leg::Primary),
        ReplicationMode::ExtendedReplica => (Third, Leg::Primary),
        _ => return None,
    };
    (leg == Leg::Primary || call.relationship().is_none_or(|it| it.leg == leg))
        .then(|| (end, state(leg).to_wire()))
}

/// The calls of each operation on relationships, with parameters that are as they should be.
fn calls(world: &World) -> Vec<(HostId, Call)> {
    let of_menu = Menu::of(world).inputs.into_iter().filter_map(|input| match input {
        Input::Call { host, call, .. } => Some((host, call)),
        _ => None,
    });
    let mut all: Vec<_> = of_menu.collect();
    for (host, _) in world.hosts() {
        let entry = world.authorization_entries(host).next().cloned();
        for vm in world.vms(host).map(|it| it.id) {
            let adapters = Call::SetFailoverNetworkAdapterSettings { vm, settings: Vec::new() };
            all.push((host, adapters));
            let entry = entry.clone();
            all.extend(entry.map(|entry| (host, Call::SetAuthorizationEntry { vm, entry })));
            for leg in [Leg::Primary, Leg::Extended] {
                let settings = world.settings(host, RelationshipId { vm, leg }).map(Box::new);
                all.extend(
                    settings
                        .map(|settings| (host, Call::ModifyReplicationSettings { vm, settings })),
                );
            }
        }
    }
    all
}

/// [`PAGES`] is compared with the book as if every fact were favourable. Here the facts are those of
/// the worlds that scenarios come to: what roles and states allow is nowhere refused for a state all
/// the same, but for what is listed.
#[test]
fn what_is_allowed_is_accepted_in_the_worlds_of_scenarios() {
    let (mut accepted, mut refused) = (BTreeSet::new(), BTreeSet::new());
    for path in crate::scenarios::files() {
        let script = script::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
        let mut runner = Runner::new(World::new(0));
        for (number, line) in (1..).zip(&script.lines) {
            if runner.step(number, line).is_none() {
                continue;
            }
            let world = runner.world();
            for (host, call) in calls(world) {
                let operation = call.operation();
                let Some((end, state)) = addressed(world, host, &call) else { continue };
                let power = world.vm(host, call.vm().expect("a virtual machine")).unwrap().power;
                let seen = (operation, end, state);
                let allowed = PAGES.iter().any(|it| it.0 == operation)
                    && end.is_addressed_by(operation)
                    && end.meets(operation, state, power.power());
                if !allowed || accepted.contains(&seen) {
                    continue;
                }
                let caller = Caller::Administrator;
                let input = Input::Call { host, caller, call };
                match world.clone().apply(&input, &mut Vec::new()) {
                    Reply::Refused(refusal) => {
                        if refusal.code == ErrorCode::InvalidState {
                            refused.insert(seen);
                        }
                    }
                    Reply::NotFound(_) => {}
                    _ => {
                        accepted.insert(seen);
                    }
                }
            }
        }
    }
    let never: BTreeSet<_> = refused.difference(&accepted).copied().collect();
    let of_list = |it: &'static (Operation, End, &[u16], &str)| {
        it.2.iter().map(move |state| (it.0, it.1, *state))
    };
    let listed: BTreeSet<_> = REFUSED_FOR_FACTS.iter().flat_map(of_list).collect();
    let new: Vec<_> = never.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&never).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "not listed: {new:?}\nlisted, but accepted or never met: {gone:?}"
    );
}
