//! Test failover.

use super::*;

use ReplicationState::{Replicating, Suspended, WaitingForInitialReplication};

behaviours! { "Test failover";
    it_makes_a_vm_of_its_own:
        "it makes a virtual machine in mode 3 whose name ends in “ - Test”, off",
        Documented(LEARN_FAILOVER);
    replication_goes_on:
        "replication goes on undisturbed",
        Documented(BLOG_TEST);
    a_test_replica_runs:
        "the test replica runs while its replica is off and receives",
        Documented(BLOG_TEST);
    there_is_one_at_a_time:
        "there is one at a time",
        Documented(LEARN_FAILOVER);
    deleting_it_makes_room_for_another:
        "DestroySystem removes it, and another can be made",
        Documented(TEST);
    a_running_one_is_not_deleted:
        "a running one is not deleted: 32775",
        Documented(DESTROY);
    its_job_names_it:
        "its job names the replica and the test replica",
        Client(PS_FAILOVER);
    its_time_is_remembered:
        "LastTestFailoverTime is set",
        Documented(STATISTICS_DATA);
    a_primary_has_none:
        "a primary is not tested",
        Client(PS_FAILOVER);
    there_must_be_a_copy_to_test:
        "before initial replication is complete it is refused",
        Client(PS_FAILOVER);
    a_paused_replica_can_be_tested:
        "a paused replica can be tested",
        Client(PS_FAILOVER);
    a_failed_over_replica_is_not_tested:
        "a failed-over replica is not tested",
        Assumed("it can be started itself; a client asks for state 3 or 7");
    a_test_replica_is_not_replicated:
        "a test replica is not replicated, nor its replication paused",
        Client(PS_ENABLE);
}

/// A replica with a test replica; both.
fn tested(t: &Trial<'_>) -> Checked<(RelationshipId, VmId)> {
    arranged(|| {
        let id = t.replicating(Guest::Running)?;
        t.second().done(t.second().test_replica_system(id.vm, None))?;
        let test = t.second().comes("the test replica", "one", || {
            Ok(t.second().vm(id.vm)?.test_replica.ok_or_else(|| "none".to_owned()))
        })?;
        Ok((id, test))
    })
}

/// The test replica of a replica is gone.
fn gone(t: &Trial<'_>, id: RelationshipId, test: VmId) -> Checked {
    t.second().comes("the test replica", "gone", || {
        let listed = t.second().vms()?.iter().any(|it| it.id == test);
        let linked = t.second().vm(id.vm)?.test_replica.is_some();
        let seen = || format!("listed: {listed}, linked: {linked}");
        Ok(if listed || linked { Err(seen()) } else { Ok(()) })
    })
}

pub(crate) fn it_makes_a_vm_of_its_own(t: &Trial<'_>) -> Checked {
    let (id, test) = tested(t)?;
    let name = t.second().vm(id.vm)?.name;
    let seen = t.second().vm(test)?;
    t.second().same("its name", &format!("{name} - Test"), &seen.name.to_string())?;
    t.second().same("its mode", &ReplicationMode::TestReplica, &seen.mode)?;
    t.second().same("its power", &EnabledState::Disabled, &seen.power)
}

pub(crate) fn replication_goes_on(t: &Trial<'_>) -> Checked {
    let (id, _) = tested(t)?;
    t.second().is_still(id, Replicating)?;
    t.second().receives(id)?;
    t.first().is_still(id, Replicating)
}

pub(crate) fn a_test_replica_runs(t: &Trial<'_>) -> Checked {
    let (id, test) = tested(t)?;
    t.second().done(t.second().start_vm(test))?;
    t.second().power(test, EnabledState::Enabled)?;
    t.second().power(id.vm, EnabledState::Disabled)?;
    t.second().receives(id)
}

pub(crate) fn there_is_one_at_a_time(t: &Trial<'_>) -> Checked {
    let (id, test) = tested(t)?;
    let answer = t.second().test_replica_system(id.vm, None);
    let codes = [ErrorCode::InvalidState, ErrorCode::Failed];
    t.second().refuses(answer, &codes)?;
    t.second().same("the test replica", &Some(test), &t.second().vm(id.vm)?.test_replica)
}

pub(crate) fn deleting_it_makes_room_for_another(t: &Trial<'_>) -> Checked {
    let (id, test) = tested(t)?;
    t.second().done(t.second().destroy_system(test))?;
    gone(t, id, test)?;
    t.second().done(t.second().test_replica_system(id.vm, None))?;
    t.second().comes("the test replica", "another one", || {
        let another = t.second().vm(id.vm)?.test_replica.filter(|it| *it != test);
        Ok(another.map(|_| ()).ok_or_else(|| "none".to_owned()))
    })
}

pub(crate) fn a_running_one_is_not_deleted(t: &Trial<'_>) -> Checked {
    let (id, test) = tested(t)?;
    t.second().done(t.second().start_vm(test))?;
    t.second().power(test, EnabledState::Enabled)?;
    t.second().refuses(t.second().destroy_system(test), WRONG_STATE)?;
    t.second().same("the test replica", &Some(test), &t.second().vm(id.vm)?.test_replica)
}

pub(crate) fn its_job_names_it(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Running)?;
    let Some(job) = t.second().done_by(t.second().test_replica_system(id.vm, None))? else {
        return Ok(()); // An answer of 0 returns it, and there is no job to name it.
    };
    let affected = job.affected;
    let test = t.second().vm(id.vm)?.test_replica;
    let named = affected.contains(&id.vm) && test.is_some_and(|it| affected.contains(&it));
    let what = "the virtual machines that the job affects";
    let seen = format_args!("{affected:?}");
    t.second().holds(what, named, "the replica and its test replica", seen)
}

pub(crate) fn its_time_is_remembered(t: &Trial<'_>) -> Checked {
    let before = t.second().now()?;
    let (id, _) = tested(t)?;
    let last = t.second().statistics(id)?.0.last_test_failover;
    let expected = format_args!("after {}", before.to_utc());
    t.second().holds("LastTestFailoverTime", last > Some(before), expected, shown(last))
}

pub(crate) fn a_primary_has_none(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    t.first().refuses(t.first().test_replica_system(id.vm, None), WRONG_ROLE)?;
    t.first().same("the test replica", &None, &t.first().vm(id.vm)?.test_replica)
}

pub(crate) fn there_must_be_a_copy_to_test(t: &Trial<'_>) -> Checked {
    let id = t.created(Guest::Off)?;
    t.second().refuses(t.second().test_replica_system(id.vm, None), WRONG_STATE)?;
    t.second().is_still(id, WaitingForInitialReplication)
}

pub(crate) fn a_paused_replica_can_be_tested(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    t.second().done(t.second().suspend_replication(id))?;
    t.second().comes_to(id, Suspended)?;
    t.second().done(t.second().test_replica_system(id.vm, None))?;
    t.second().is_still(id, Suspended)
}

pub(crate) fn a_failed_over_replica_is_not_tested(t: &Trial<'_>) -> Checked {
    let id = t.failed_over(Guest::Off)?;
    t.second().refuses(t.second().test_replica_system(id.vm, None), WRONG_STATE)?;
    t.second().same("the test replica", &None, &t.second().vm(id.vm)?.test_replica)
}

pub(crate) fn a_test_replica_is_not_replicated(t: &Trial<'_>) -> Checked {
    let (_, test) = tested(t)?;
    let own = RelationshipId::primary(test);
    let settings = t.settings(Place::Second, Place::First);
    let answer = t.second().create_replication_relationship(test, settings);
    t.second().refuses(answer, WRONG_ROLE)?;
    t.second().refuses(t.second().suspend_replication(own), WRONG_ROLE)?;
    t.second().same("its mode", &ReplicationMode::TestReplica, &t.second().vm(test)?.mode)
}
