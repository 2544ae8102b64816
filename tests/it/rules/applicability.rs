//! What the public pages allow, written down by hand, against what the book judges.
//!
//! Each row is read off the page of its method, under
//! <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationservice>, and where that
//! is silent off the page of the cmdlet that calls it, under
//! <https://learn.microsoft.com/powershell/module/hyper-v/>. The states of the roles are those of
//! <https://learn.microsoft.com/virtualization/community/team-blog/2012/20120615-interpreting-replication-health-part-1>.
//! Where the book differs from the pages, the difference is listed with its reason.

use hyperv_replica::model::{Operation, Power, ReplicationMode, ReplicationState, WindowsBuild};
use hyperv_replica::rules::{Fact, Facts, Situation, rule};
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
        (O::BecomeReplica,                     &[(&[Plain], &[0]), (&[Primary], &[8, 9])], true),
        (O::ResumeReplication,                 &[(EVERY_LEG, &[7, 8, 11])],          false),
        (O::PrepareFailover,                   &[(SENDERS, &[3])],                   true),
        (O::SuspendReplication,                &[(EVERY_LEG, &[2, 3, 10])],          false),
        (O::CancelResynchronization,           &[(SENDERS, &[10, 11])],              false),
        (O::Resynchronize,                     &[(SENDERS, &[7, 8, 9, 11, 16])],     false),
        (O::InitiateFailover,                  &[(RECEIVERS, &[3])],                 true),
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
    const CLEARED: &str = "an unplanned failover ends a resynchronisation: blog of 10 May 2013";
    const DISKS: &str = "clients fail over in it; the page is silent";
    const MIRRORED: &str = "clients take a mirrored resynchronisation back so";
    const GIVEN_UP: &str = "clients give a failed change of the set of disks up so";
    const PREPARED: &str = "a leg that can be prepared can be prepared in vain";
    const LATE: &str = "scripts mark an old primary before it has noticed the failover";
    &[
        (O::InitiateFailover,  Replica, &[10],   CLEARED),
        (O::InitiateFailover,  Third,   &[10],   CLEARED),
        (O::InitiateFailover,  Replica, &[15],   DISKS),
        (O::InitiateFailover,  Third,   &[15],   DISKS),
        (O::BecomeReplica,     Primary, &[3],    LATE),
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
        use hyperv_replica::rules::Target;
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
