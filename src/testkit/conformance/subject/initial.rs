//! Initial replication.

use super::*;

use InitialReplication::{Export, Network, NetworkAt, Seeded};
use ReplicationState::{Ready, Replicating, Suspended, WaitingForInitialReplication};

behaviours! { "Initial replication";
    both_sides_come_to_replicate:
        "over the network both sides come to state 3 and good health",
        Documented(LAB);
    the_first_replication_has_a_time:
        "both sides tell when it was",
        Documented(RELATIONSHIP);
    both_sides_wait_while_disks_are_copied:
        "both sides are in state 2 while disks are copied, with a warning",
        Documented(LAB), [LargeDisks];
    copying_is_a_job_of_its_own:
        "copying is a job of type 116 with a percentage",
        Client(PS_START), [LargeDisks];
    copying_can_be_cancelled_and_begun_anew:
        "requesting state 1 cancels it: the primary is ready, the replica waits, it can begin anew",
        Documented(PS_STOP), [LargeDisks];
    copying_can_be_paused_and_resumed:
        "it can be paused, and resumed to its end",
        Client(PS_SUSPEND), [LargeDisks];
    what_is_not_being_copied_cannot_be_cancelled:
        "after its end there is nothing to cancel: 32775",
        Documented(STATE_EX);
    it_needs_a_relationship:
        "without a relationship it is refused",
        Documented(START);
    it_is_started_once:
        "in state 3 it is refused with 32775",
        Client(PS_START);
    a_replica_does_not_start_it:
        "a replica that is not extended does not start it",
        Documented(START);
    other_types_are_refused:
        "types other than 1, 2 and 3 are refused with 32773",
        Documented(START);
    an_export_needs_a_folder:
        "an export without a folder is refused with 32773",
        Documented(START);
    it_can_be_scheduled:
        "scheduled, it leaves state 1 when it is due",
        Assumed("state 2 says that it is in progress, which it is not before");
    a_schedule_reaches_seven_days:
        "a start more than seven days ahead is refused with 32773",
        Documented(PS_START);
    a_schedule_can_be_cancelled:
        "terminating the job of a scheduled start cancels it",
        Client(PS_STOP);
    an_export_is_carried_and_imported:
        "an export into a folder, imported on the other side, brings both to state 3",
        Documented(BLOG_EXPORT), [Folder];
    an_import_needs_an_export:
        "importing from a folder without an export is refused",
        Documented(PS_IMPORT), [Folder];
    an_old_replica_is_a_seed:
        "a virtual machine left from an earlier replication, marked as a replica, is a seed",
        Documented(BLOG_SEED);
    a_vm_of_the_same_guid_is_in_the_way:
        "what has the GUID and is not marked as a replica stands in the way",
        Documented(BLOG_SEED);
}

pub(crate) fn both_sides_come_to_replicate(t: &Trial<'_>) -> Checked {
    let id = t.created(Guest::Running)?;
    t.first().done(t.first().start_replication(id.vm, Network))?;
    for site in t.both() {
        site.comes_to(id, Replicating)?;
        site.health(id, ReplicationHealth::Ok)?;
    }
    Ok(())
}

pub(crate) fn the_first_replication_has_a_time(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    for site in t.both() {
        site.comes("the last replication", "a time", || {
            let last = site.relationship(id)?.last_replication;
            Ok(last.map(|_| ()).ok_or_else(|| shown(last)))
        })?;
    }
    Ok(())
}

/// A primary whose initial replication is at work, for minutes yet.
fn at_work(t: &Trial<'_>) -> Checked<RelationshipId> {
    arranged(|| {
        let id = t.created(Guest::Large)?;
        t.first().done(t.first().start_replication(id.vm, Network))?;
        t.first().comes_to(id, WaitingForInitialReplication)?;
        Ok(id)
    })
}

pub(crate) fn both_sides_wait_while_disks_are_copied(t: &Trial<'_>) -> Checked {
    let id = at_work(t)?;
    t.second().is_still(id, WaitingForInitialReplication)?;
    t.first().health(id, ReplicationHealth::Warning)?;
    t.first().comes_to(id, Replicating)?;
    t.second().comes_to(id, Replicating)
}

pub(crate) fn copying_is_a_job_of_its_own(t: &Trial<'_>) -> Checked {
    let id = at_work(t)?;
    let what = "a job of type 116 of this virtual machine";
    let copying = t.first().comes("the jobs", what, || {
        let jobs = t.first().jobs()?;
        let sends = JobType::SendingInitialReplica;
        // One that ended may be of an earlier copy.
        let copies = |it: &&crate::model::Job| it.job_type == sends && !it.state.is_terminal();
        let found = jobs.iter().filter(copies).find(|it| it.affected.contains(&id.vm));
        Ok(found.map(|it| it.id).ok_or_else(|| "none".to_owned()))
    })?;
    let before = t.first().job(copying)?.percent_complete;
    t.pass(seconds(20))?;
    let after = t.first().job(copying)?.percent_complete;
    let expected = format_args!("more than {before}");
    t.first().holds("PercentComplete after a while", after > before, expected, after)
}

pub(crate) fn copying_can_be_cancelled_and_begun_anew(t: &Trial<'_>) -> Checked {
    let id = at_work(t)?;
    t.first().done(t.first().cancel_initial_replication(id))?;
    t.first().comes_to(id, Ready)?;
    t.second().is_still(id, WaitingForInitialReplication)?;
    t.first().done(t.first().start_replication(id.vm, Network))?;
    t.first().comes_to(id, Replicating)?;
    t.second().comes_to(id, Replicating)
}

pub(crate) fn copying_can_be_paused_and_resumed(t: &Trial<'_>) -> Checked {
    let id = at_work(t)?;
    t.first().done(t.first().suspend_replication(id))?;
    t.first().comes_to(id, Suspended)?;
    t.first().done(t.first().resume_replication(id))?;
    t.first().comes_to(id, Replicating)?;
    t.second().comes_to(id, Replicating)
}

pub(crate) fn what_is_not_being_copied_cannot_be_cancelled(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    t.first().refuses(t.first().cancel_initial_replication(id), WRONG_STATE)?;
    t.first().is_still(id, Replicating)
}

pub(crate) fn it_needs_a_relationship(t: &Trial<'_>) -> Checked {
    let id = t.vm(Guest::Off)?;
    t.first().refuses(t.first().start_replication(id.vm, Network), WRONG_ROLE)?;
    t.first().is_still(id, ReplicationState::Disabled)
}

pub(crate) fn it_is_started_once(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    t.first().refuses(t.first().start_replication(id.vm, Network), WRONG_STATE)?;
    t.first().is_still(id, Replicating)
}

pub(crate) fn a_replica_does_not_start_it(t: &Trial<'_>) -> Checked {
    let id = t.created(Guest::Off)?;
    t.second().refuses(t.second().start_replication(id.vm, Network), WRONG_ROLE)?;
    t.second().is_still(id, WaitingForInitialReplication)
}

pub(crate) fn other_types_are_refused(t: &Trial<'_>) -> Checked {
    let id = t.created(Guest::Off)?;
    for initial in [0, 4] {
        let call =
            Call::StartReplication { vm: id.vm, initial, export_location: None, start: None };
        t.first().refuses(t.first().call(&call), BAD_VALUE)?;
    }
    t.first().is_still(id, Ready)
}

pub(crate) fn an_export_needs_a_folder(t: &Trial<'_>) -> Checked {
    let id = t.created(Guest::Off)?;
    let call = Call::StartReplication { vm: id.vm, initial: 2, export_location: None, start: None };
    t.first().refuses(t.first().call(&call), BAD_VALUE)?;
    t.first().is_still(id, Ready)
}

pub(crate) fn it_can_be_scheduled(t: &Trial<'_>) -> Checked {
    let id = t.created(Guest::Off)?;
    let at = t.first().now()? + minutes(5);
    let _job = t.first().begins(t.first().start_replication(id.vm, NetworkAt(at)))?;
    t.pass(minutes(2))?;
    t.first().is_still(id, Ready)?;
    t.pass(minutes(3))?;
    t.first().comes_to(id, Replicating)?;
    t.second().comes_to(id, Replicating)
}

pub(crate) fn a_schedule_reaches_seven_days(t: &Trial<'_>) -> Checked {
    let id = t.created(Guest::Off)?;
    let at = t.first().now()? + days(7) + hours(1);
    t.first().refuses(t.first().start_replication(id.vm, NetworkAt(at)), BAD_VALUE)?;
    t.first().is_still(id, Ready)
}

pub(crate) fn a_schedule_can_be_cancelled(t: &Trial<'_>) -> Checked {
    let id = t.created(Guest::Off)?;
    let at = t.first().now()? + minutes(5);
    let started = t.first().begins(t.first().start_replication(id.vm, NetworkAt(at)))?;
    let Some(job) = started else {
        return t.first().deviates("a scheduled start", "4096 and a job", "0");
    };
    t.first().done(t.first().terminate_job(job))?;
    t.first().same("how it ended", &JobState::Terminated, &t.first().end_of(job)?.state)?;
    t.pass(minutes(6))?;
    t.first().is_still(id, Ready)
}

pub(crate) fn an_export_is_carried_and_imported(t: &Trial<'_>) -> Checked {
    let folder = t.fixture().folder()?;
    let id = t.created(Guest::Off)?;
    let exported = t.first().start_replication(id.vm, Export(folder.clone()));
    t.first().done(exported)?;
    t.second().is_still(id, WaitingForInitialReplication)?;
    let name = t.first().vm(id.vm)?.name;
    let of_vm = format!(r"{}\{name}_{}", folder.trim_end_matches('\\'), id.vm);
    t.second().done(t.second().import_initial_replica(id.vm, &of_vm))?;
    t.second().comes_to(id, Replicating)?;
    t.first().comes_to(id, Replicating)
}

pub(crate) fn an_import_needs_an_export(t: &Trial<'_>) -> Checked {
    let folder = t.fixture().folder()?;
    let id = t.created(Guest::Off)?;
    let nothing = format!(r"{}\nothing", folder.trim_end_matches('\\'));
    let codes = [ErrorCode::FileNotFound, ErrorCode::InvalidParameter, ErrorCode::Failed];
    t.second().refuses(t.second().import_initial_replica(id.vm, &nothing), &codes)?;
    t.second().is_still(id, WaitingForInitialReplication)
}

pub(crate) fn an_old_replica_is_a_seed(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    for site in t.both() {
        site.done(site.remove_replication_relationship(id))?;
        site.mode(id.vm, ReplicationMode::None)?;
    }
    t.second().done(t.second().become_replica(id.vm))?;
    t.second().mode(id.vm, ReplicationMode::Replica)?;
    t.second().comes_to(id, WaitingForInitialReplication)?;
    t.first().done(t.first().create_replication_relationship(id.vm, t.to_second()))?;
    t.first().done(t.first().start_replication(id.vm, Seeded))?;
    t.first().comes_to(id, Replicating)?;
    t.second().comes_to(id, Replicating)
}

pub(crate) fn a_vm_of_the_same_guid_is_in_the_way(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    for site in t.both() {
        site.done(site.remove_replication_relationship(id))?;
    }
    // The old replica is an ordinary virtual machine now, and nobody has marked it.
    let again = t.first().create_replication_relationship(id.vm, t.to_second());
    let codes = [ErrorCode::Failed, ErrorCode::InvalidState];
    t.first().refuses(again, &codes)?;
    t.second().mode(id.vm, ReplicationMode::None)
}
