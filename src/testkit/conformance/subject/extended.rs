//! Extended replication: the replica sends on to a third host.

use super::*;

use ReplicationState::{
    Committed, Disabled, Ready, Recovered, Replicating, Suspended, WaitingForInitialReplication,
};

behaviours! { "Extended replication";
    a_replica_is_extended:
        "on a replica it makes relationship 1 in state 1 and an extended replica in mode 4",
        Documented(CREATE), [ThirdHost];
    the_replica_fills_it:
        "the replica's initial replication brings its relationship 1 and the third host to state 3",
        Documented(START), [ThirdHost];
    changes_travel_the_whole_chain:
        "changes arrive at the third host",
        Documented(BLOG_EXTEND), [ThirdHost];
    half_a_minute_is_too_short:
        "an interval of 30 s is refused with 32773",
        Documented(BLOG_EXTEND), [ThirdHost];
    it_is_no_faster_than_the_first_leg:
        "an interval below that of the first leg is refused with 32773",
        Documented(BLOG_EXTEND), [ThirdHost];
    it_takes_no_application_consistent_points:
        "application-consistent points are refused with 32773",
        Documented(BLOG_EXTEND), [ThirdHost];
    a_chain_has_three_hosts:
        "a replica is extended once, and an extended replica not at all",
        Documented(LEARN_OVERVIEW), [ThirdHost];
    each_leg_has_its_own_health:
        "each leg has its own state and health",
        Documented(BLOG_EXTENDED_HEALTH), [ThirdHost];
    changing_settings_means_the_second_leg:
        "ModifyReplicationSettings on the replica changes the second leg",
        Documented(MODIFY), [ThirdHost];
    the_second_leg_is_removed_first:
        "the second leg is removed before the first",
        Documented(REMOVE_EX), [ThirdHost];
    an_extended_replica_fails_over:
        "an extended replica fails over, starts and is committed like a replica",
        Client(PS_FAILOVER), [ThirdHost];
    an_extended_replica_is_tested:
        "an extended replica is tested like a replica",
        Client(PS_FAILOVER), [ThirdHost];
    the_middle_becomes_the_primary:
        "a committed replica becomes the primary of its extended replica",
        Documented(CHANGE_MODE), [ThirdHost];
    the_last_becomes_an_ordinary_replica:
        "its extended replica is then in mode 2",
        Assumed("what a primary sends to is a replica"), [ThirdHost];
    only_a_committed_replica_becomes_the_primary:
        "a replica that is not committed is refused: 32775",
        Documented(CHANGE_MODE), [ThirdHost];
    only_an_extended_replica_is_left_to_feed:
        "a committed replica that is not extended is refused",
        Documented(CHANGE_MODE);
}

pub(crate) fn a_replica_is_extended(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    let answer = t.second().create_replication_relationship(id.vm, t.to_third());
    t.second().done(answer)?;
    t.second().comes_to(RelationshipId::extended(id.vm), Ready)?;
    t.second().is_still(id, Replicating)?;
    t.third()?.mode(id.vm, ReplicationMode::ExtendedReplica)?;
    t.third()?.comes_to(id, WaitingForInitialReplication)?;
    t.third()?.power(id.vm, EnabledState::Disabled)
}

pub(crate) fn the_replica_fills_it(t: &Trial<'_>) -> Checked {
    let id = t.chain(Guest::Running)?;
    t.second().mode(id.vm, ReplicationMode::Replica)?;
    t.first().is_still(id, Replicating)?;
    t.third()?.health(id, ReplicationHealth::Ok)
}

pub(crate) fn changes_travel_the_whole_chain(t: &Trial<'_>) -> Checked {
    let id = t.chain(Guest::Running)?;
    t.third()?.receives(id)
}

/// Settings towards the third host that are refused.
fn refused(t: &Trial<'_>, id: RelationshipId, settings: Settings) -> Checked {
    let answer = t.second().create_replication_relationship(id.vm, settings);
    t.second().refuses(answer, BAD_VALUE)?;
    t.second().is_still(RelationshipId::extended(id.vm), Disabled)
}

pub(crate) fn half_a_minute_is_too_short(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    refused(t, id, Settings { replication_interval_s: 30, ..t.to_third() })
}

pub(crate) fn it_is_no_faster_than_the_first_leg(t: &Trial<'_>) -> Checked {
    let slow = Settings { replication_interval_s: 900, ..t.to_second() };
    let id = t.replicating_with(Guest::Off, slow)?;
    refused(t, id, Settings { replication_interval_s: 300, ..t.to_third() })?;
    let settings = Settings { replication_interval_s: 900, ..t.to_third() };
    t.second().done(t.second().create_replication_relationship(id.vm, settings))
}

pub(crate) fn it_takes_no_application_consistent_points(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    let settings =
        Settings { recovery_history: 4, application_consistent_interval_h: 4, ..t.to_third() };
    refused(t, id, settings)
}

pub(crate) fn a_chain_has_three_hosts(t: &Trial<'_>) -> Checked {
    let id = t.chain(Guest::Off)?;
    let again = t.second().create_replication_relationship(id.vm, t.to_third());
    t.second().refuses(again, WRONG_ROLE)?;
    let further = t.settings(Place::Third, Place::First);
    let further = Settings { replication_interval_s: 900, ..further };
    let answer = t.third()?.create_replication_relationship(id.vm, further);
    t.third()?.refuses(answer, WRONG_ROLE)
}

pub(crate) fn each_leg_has_its_own_health(t: &Trial<'_>) -> Checked {
    let id = t.chain(Guest::Running)?;
    let extended = RelationshipId::extended(id.vm);
    t.second().done(t.second().suspend_replication(extended))?;
    t.second().comes_to(extended, Suspended)?;
    t.second().health(extended, ReplicationHealth::Warning)?;
    t.second().is_still(id, Replicating)?;
    t.second().health(id, ReplicationHealth::Ok)
}

pub(crate) fn changing_settings_means_the_second_leg(t: &Trial<'_>) -> Checked {
    let id = t.chain(Guest::Off)?;
    let extended = RelationshipId::extended(id.vm);
    let now = t.second().settings(extended)?;
    let slower = Settings { replication_interval_s: 900, ..now };
    t.second().done(t.second().modify_replication_settings(id.vm, slower))?;
    let seen = t.second().settings(extended)?.replication_interval_s;
    t.second().same("ReplicationInterval of relationship 1", &900, &seen)?;
    let seen = t.second().settings(id)?.replication_interval_s;
    t.second().same("ReplicationInterval of relationship 0", &INTERVAL_S, &seen)
}

pub(crate) fn the_second_leg_is_removed_first(t: &Trial<'_>) -> Checked {
    let id = t.chain(Guest::Off)?;
    let extended = RelationshipId::extended(id.vm);
    t.second().refuses(t.second().remove_replication_relationship(id), WRONG_STATE)?;
    t.second().done(t.second().remove_replication_relationship(extended))?;
    t.second().comes_to(extended, Disabled)?;
    t.second().is_still(id, Replicating)?;
    t.second().done(t.second().remove_replication_relationship(id))?;
    t.second().mode(id.vm, ReplicationMode::None)
}

pub(crate) fn an_extended_replica_fails_over(t: &Trial<'_>) -> Checked {
    let id = t.chain(Guest::Off)?;
    let third = t.third()?;
    third.done(third.initiate_failover(id.vm, None))?;
    third.comes_to(id, Recovered)?;
    third.done(third.start_vm(id.vm))?;
    third.power(id.vm, EnabledState::Enabled)?;
    third.done(third.commit_failover(id.vm))?;
    third.comes_to(id, Committed)
}

pub(crate) fn an_extended_replica_is_tested(t: &Trial<'_>) -> Checked {
    let id = t.chain(Guest::Off)?;
    let third = t.third()?;
    third.done(third.test_replica_system(id.vm, None))?;
    third.is_still(id, Replicating)?;
    let test = third.vm(id.vm)?.test_replica;
    third.holds("the test replica", test.is_some(), "one", "none")
}

/// A chain whose middle is failed over for good.
fn middle_committed(t: &Trial<'_>) -> Checked<RelationshipId> {
    arranged(|| {
        let id = t.chain(Guest::Off)?;
        t.fail_over(id)?;
        t.second().done(t.second().commit_failover(id.vm))?;
        t.second().comes_to(id, Committed)?;
        Ok(id)
    })
}

pub(crate) fn the_middle_becomes_the_primary(t: &Trial<'_>) -> Checked {
    let id = middle_committed(t)?;
    t.second().done(t.second().change_replication_mode_to_primary(id.vm))?;
    t.second().mode(id.vm, ReplicationMode::Primary)?;
    t.second().comes("the state towards the third host", "replicating, or to be compared", || {
        let seen = t.second().relationship(id)?.state;
        let sends = [Replicating, ReplicationState::WaitingForResynchronization].contains(&seen);
        Ok(if sends { Ok(()) } else { Err(seen.to_string()) })
    })
}

pub(crate) fn the_last_becomes_an_ordinary_replica(t: &Trial<'_>) -> Checked {
    let id = middle_committed(t)?;
    t.second().done(t.second().change_replication_mode_to_primary(id.vm))?;
    t.second().mode(id.vm, ReplicationMode::Primary)?;
    t.third()?.mode(id.vm, ReplicationMode::Replica)
}

pub(crate) fn only_a_committed_replica_becomes_the_primary(t: &Trial<'_>) -> Checked {
    let id = t.chain(Guest::Off)?;
    let answer = t.second().change_replication_mode_to_primary(id.vm);
    t.second().refuses(answer, WRONG_STATE)?;
    t.second().is_still(id, Replicating)?;
    t.second().mode(id.vm, ReplicationMode::Replica)
}

pub(crate) fn only_an_extended_replica_is_left_to_feed(t: &Trial<'_>) -> Checked {
    let id = t.failed_over(Guest::Off)?;
    t.second().done(t.second().commit_failover(id.vm))?;
    t.second().comes_to(id, Committed)?;
    let answer = t.second().change_replication_mode_to_primary(id.vm);
    let codes = [WRONG_STATE, BAD_VALUE].concat();
    t.second().refuses(answer, &codes)?;
    t.second().is_still(id, Committed)
}
