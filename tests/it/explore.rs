//! The search through worlds: it is exhaustive, it repeats itself, and what it finds is true.

use hyperv_replica::engine::{Answer, Reply, World};
use hyperv_replica::model::{
    ErrorCode, JobState, Operation, Relationship, RelationshipId, ReplicationState,
};
use hyperv_replica::oracle::Goal;
use hyperv_replica::script::{self, Line};
use hyperv_replica::sim::Lab;
use hyperv_replica::testkit::beginning::Beginning;
use hyperv_replica::testkit::counterexample::{Failure, replay};
use hyperv_replica::testkit::explore::{
    self, Bound, Explorer, Menu, Mishap, Order, Property, Reached, Unmet,
};

fn two_hosts(depth: u32) -> Explorer {
    Explorer { depth: Some(depth), observed: false, ..Explorer::new(Beginning::lab(2, 1)) }
}

/// Two hosts with a relationship of a virtual machine, and what happens then.
fn related(then: &str) -> Beginning {
    let text = format!(
        "
        host tokyo
        host osaka
        vm web on tokyo running disk=10GiB used=1GiB
        tokyo CreateReplicationRelationship web to=osaka auto_resync=no  => 4096 job1
        wait job1
        {then}
        "
    );
    Beginning::script(&script::parse(&text).unwrap()).unwrap()
}

/// Two hosts between which a virtual machine replicates.
fn replicating() -> Beginning {
    related("tokyo StartReplication web Network  => 4096 job2\n wait job2\n advance 1h")
}

/// The size of a small lab, pinned: whoever changes it says why, by comparing the paths of before
/// and after. The number of threads is no reason. (It was 1297 at the end while a seeded start did not
/// ask whether the other virtual machine had been made a replica; with that refused, the path of four
/// steps that ended in one leads nowhere new. A replica that is bound to an entry is another
/// one: that came with a menu of every operation. Nothing is exported within four steps.)
#[test]
fn a_small_lab_has_so_many_states() {
    let search = two_hosts(4);
    let mut without = search.clone();
    without.menu.retain(|it| it != Operation::SetAuthorizationEntry);
    let without = without.run();
    assert_eq!(without.levels, [1, 13, 80, 352, 1296]);
    let one = search.run();
    assert_eq!(one.levels, [1, 13, 80, 352, 1297]);
    assert_eq!((one.states, one.bound), (1743, Some(Bound::Depth)));
    let two = Explorer { threads: 2, ..search }.run();
    assert_eq!(one.to_string(), two.to_string());
    let paths = |report: &explore::Report| -> Vec<_> {
        report.reached().map(|(it, _)| report.script(it).unwrap().to_string()).collect()
    };
    assert_eq!(paths(&one), paths(&two));
}

#[test]
fn a_menu_has_every_operation() {
    let mut menu = Menu::of(&Beginning::lab(2, 1).world());
    assert_eq!(menu.operations(), Operation::ALL);
    menu.retain(|it| it == Operation::StartVm);
    assert_eq!(menu.operations(), [Operation::StartVm]);
}

/// What is behind an export is searched, too.
#[test]
fn what_was_exported_is_imported() {
    let goal: Reached = "ImportInitialReplica accepted".parse().unwrap();
    let mut search = Explorer { goals: vec![goal], ..Explorer::new(related("")) };
    let moves = [Operation::StartReplication, Operation::ImportInitialReplica];
    search.menu.retain(|it| moves.contains(&it));
    let report = search.run();
    let script = report.script(goal).expect("it is found").to_string();
    assert!(script.contains("ImportInitialReplica web"), "{script}");
}

/// Depth first goes another way to the same states.
#[test]
fn every_order_finds_the_same_states() {
    let breadth = two_hosts(3).run();
    let depth = Explorer { order: Order::Depth, ..two_hosts(3) }.run();
    let swarm = Explorer { order: Order::Swarm(vec![7]), ..two_hosts(3) }.run();
    for other in [&depth, &swarm] {
        assert_eq!(other.states, breadth.states);
        let reached = |it: &explore::Report| -> Vec<_> { it.reached().map(|it| it.0).collect() };
        assert_eq!(reached(other), reached(&breadth));
    }
}

#[test]
fn a_swarm_repeats_itself() {
    let seeds = Order::Swarm(vec![1, 2, 3]);
    let swarm = Explorer { order: seeds, states: 600, ..two_hosts(20) };
    let one = swarm.run();
    let two = Explorer { threads: 2, ..swarm }.run();
    assert_eq!(one.to_string(), two.to_string());
    assert!(one.to_string().starts_with("In random orders of the seeds 1, 2, 3: "), "{one}");
}

/// What several walks met is counted once, whoever met it first.
#[test]
fn a_swarm_counts_each_state_once() {
    let swarm = |seeds: &[u64]| {
        let order = Order::Swarm(seeds.to_vec());
        Explorer { order, ..two_hosts(3) }.run()
    };
    let (one, both) = (swarm(&[7]), swarm(&[7, 8]));
    // Each walk goes everywhere: there is no more to be met.
    assert_eq!((one.states, one.states), (two_hosts(3).run().states, both.states));
    assert_eq!(both.levels.iter().sum::<usize>(), both.states);
    assert!(both.steps > one.steps, "both looked");
    let mut told = Vec::new();
    let order = Order::Swarm(vec![7, 8]);
    let search = Explorer { order, ..two_hosts(3) };
    search.run_with(&mut |it| told.push(it.steps));
    assert!(told.is_sorted() && told.last() == Some(&both.steps), "{:?}", told.last());
}

/// Whatever is reported as reached is reached by its script, by the step before which the lab is
/// handed out.
#[test]
fn what_is_reached_is_reached() {
    let beginning = Beginning::lab(2, 1);
    let world = beginning.world();
    let menu = Menu::of(&world).disturbed_by(&world, &[Mishap::Links]);
    let search = Explorer { menu, depth: Some(3), ..Explorer::new(beginning) };
    let report = search.run();
    assert!(report.broken().is_none());
    let mut answers = 0;
    for (reached, steps) in report.reached() {
        let found = report.found(reached).unwrap();
        let run = script::run(&found.script);
        assert!(run.passed(), "{reached}: {:?}", run.faults().next());
        assert_eq!(found.script.lines.len(), 3 + steps, "{reached}");
        let reply = found.lab.apply(&found.input);
        match reached {
            Reached::Refused(_, code) => {
                assert!(matches!(&reply, Reply::Refused(it) if it.code == code), "{reply:?}");
                answers += 1;
            }
            Reached::Accepted(_) => {
                assert!(!reply.is_refusal() || reply == Reply::NotImplemented, "{reply:?}");
                answers += 1;
            }
            _ => {}
        }
    }
    assert!(answers > 50, "only {answers}");
}

#[test]
fn a_goal_ends_the_search() {
    let goal = Reached::Refused(Operation::CommitFailover, ErrorCode::InvalidState);
    let found = explore::find(goal).unwrap();
    assert!(
        matches!(found.lab.apply(&found.input), Reply::Refused(it) if it.code.to_wire() == 32775)
    );
    let never = Reached::Refused(Operation::GetSystemCertificates, ErrorCode::FileNotFound);
    assert!(two_hosts(2).find(never).is_none());
}

/// The main way: a failover of a replicating virtual machine is made final.
#[test]
fn a_committed_failover_is_four_steps_away() {
    let search = Explorer { depth: Some(5), ..Explorer::new(replicating()) };
    let found = search.find(Reached::Accepted(Operation::CommitFailover)).unwrap();
    let text = found.script.to_string();
    // The primary may run; a job of a failover is at its end when time has passed.
    // <https://learn.microsoft.com/windows-server/virtualization/hyper-v/manage/set-up-hyper-v-replica>
    let last: Vec<_> = text.lines().rev().take(4).collect();
    assert!(last[0].starts_with("osaka CommitFailover web  => 4096"), "{text}");
    assert!(last[1].starts_with("advance"), "{text}");
    assert!(last[3].starts_with("osaka InitiateFailover web  => 4096"), "{text}");
    assert!(script::run(&found.script).passed());
}

/// A bound on memory is told.
#[test]
fn a_bound_on_states_ends_the_search_and_says_so() {
    let report = Explorer { states: 100, ..two_hosts(9) }.run();
    assert_eq!((report.states, report.bound), (100, Some(Bound::States)));
    assert!(report.to_string().contains("The bound on states ended it, 3 steps"), "{report}");
}

/// Nothing on the menu but time: a replicating pair returns to where it was.
#[test]
fn a_quiet_pair_goes_round_in_a_circle() {
    let mut menu = Menu::empty();
    menu.next = true;
    let report = Explorer { menu, ..Explorer::new(replicating()) }.run();
    assert_eq!(report.bound, None);
    assert!(report.states < 10, "{report}");
}

#[test]
fn progress_is_told() {
    let mut told = Vec::new();
    let report = two_hosts(3).run_with(&mut |it| {
        told.push((it.depth, it.states, it.frontier, it.steps, it.bytes));
    });
    // The only world that there is at first leads to thirteen others.
    assert_eq!((told[0].0, told[0].1, told[0].2), (1, 14, 13));
    let last = *told.last().unwrap();
    assert_eq!(last, (3, 446, 352, report.steps, report.bytes));
    assert!(told.windows(2).all(|it| it[0].3 < it[1].3 && it[0].1 <= it[1].1));
}

/// The states of a search take what its report says, and never more than it may.
#[test]
fn a_bound_on_memory_ends_the_search_and_says_so() {
    let search = Explorer { memory_bytes: 300_000, ..two_hosts(9) };
    let report = search.run();
    assert_eq!(report.bound, Some(Bound::Memory));
    assert!(report.to_string().contains("The bound on memory ended it, "), "{report}");
    assert!(report.bytes <= 300_000 && report.bytes > 150_000, "{}", report.bytes);
    assert_eq!(report.to_string(), Explorer { threads: 2, ..search.clone() }.run().to_string());
    let more = Explorer { memory_bytes: 600_000, ..search.clone() }.run();
    assert!(more.states > report.states, "{} and {}", more.states, report.states);
    for order in [Order::Depth, Order::Swarm(vec![1, 2, 3])] {
        let report = Explorer { order, ..search.clone() }.run();
        assert_eq!(report.bound, Some(Bound::Memory));
        assert!(report.bytes <= 300_000 && report.bytes > 50_000, "{}", report.bytes);
    }
}

/// A property of one's own: the replica's host never starts what is replicated.
fn never_recovered() -> Property {
    Property::new(|world| {
        let vms = world.hosts().flat_map(|(host, _)| world.vms(host).map(move |vm| (host, vm.id)));
        for (host, vm) in vms {
            let state = world.relationship(host, RelationshipId::primary(vm)).map(|it| it.state);
            if state == Some(ReplicationState::Recovered) {
                return Err("expect osaka web Replica Replicating".parse::<Line>()?.into());
            }
        }
        Ok(())
    })
}

/// Pauses, prepares and fails over, under that property.
fn failing_over() -> Explorer {
    let (property, depth) = (Some(never_recovered()), Some(6));
    let mut search = Explorer { property, depth, observed: false, ..Explorer::new(replicating()) };
    search.menu.retain(|it| {
        let pauses = [Operation::SuspendReplication, Operation::ResumeReplication];
        it == Operation::InitiateFailover || it == Operation::TurnOffVm || pauses.contains(&it)
    });
    search
}

/// It is broken by the shortest way, and the file fails in the same way, with the property and
/// without.
#[test]
fn a_property_that_does_not_hold_is_told_as_a_script_that_breaks_it() {
    let search = failing_over();
    let report = search.run();
    assert_eq!(report.bound, Some(Bound::Goal));
    let found = report.broken().expect("it does not hold");
    let text = found.to_string();
    // A failover, and the time that it takes: what is not planned needs nothing before it.
    assert!(text.contains("# Found by a search, 2 steps from where it began.\n"), "{text}");
    assert!(text.ends_with("expect osaka web Replica Replicating\n"), "{text}");
    assert!(text.contains("\nosaka InitiateFailover web  => 4096"), "{text}");
    let parsed = script::parse(&text).unwrap();
    let run = script::run(&parsed);
    assert_eq!(run.faults().count(), 1, "only the last line fails");
    let holds = |world: &World| {
        let state = world.hosts().find(|(_, it)| &*it.name == "osaka").map(|(host, _)| {
            let vm = world.vms(host).next().map(|it| it.id);
            vm.and_then(|vm| world.relationship(host, RelationshipId::primary(vm)))
        });
        let recovered = |it: &Relationship| it.state == ReplicationState::Recovered;
        let broken = state.flatten().as_ref().is_some_and(recovered);
        if broken { Err("it is recovered".into()) } else { Ok(()) }
    };
    assert_eq!(
        replay(&parsed, &holds),
        Some("the property does not hold: it is recovered".to_owned())
    );
    assert!(report.to_string().ends_with(&text), "{report}");

    // However many look, and in whatever order.
    let two = Explorer { threads: 2, ..search.clone() }.run();
    assert_eq!(two.to_string(), report.to_string());
    for order in [Order::Depth, Order::Swarm(vec![1, 2])] {
        let other = Explorer { order, depth: Some(30), threads: 2, ..search.clone() }.run();
        let other = other.broken().expect("it does not hold").to_string();
        assert!(other.ends_with("expect osaka web Replica Replicating\n"), "{other}");
        // What is of no use is left out, however long the walk was; half a wait is none.
        let short = |it: &str| other.contains(&format!(" {it} steps from where it began"));
        assert!(short("2") || short("3"), "{other}");
    }
}

/// A search that is to go on finds everything else, too, and counts.
#[test]
fn a_search_may_go_on_behind_what_does_not_hold() {
    let search = Explorer { goes_on: true, ..failing_over() };
    let report = search.run();
    assert_eq!(report.bound, Some(Bound::Depth));
    assert!(report.breaks > 1, "{report}");
    let steps = |it: &explore::Report| it.broken().unwrap().to_string();
    let first = Explorer { goes_on: false, ..search.clone() }.run();
    assert_eq!((first.breaks, steps(&first)), (1, steps(&report)));
    let whole = Explorer { property: None, ..search }.run();
    assert!(report.states < whole.states, "what is behind it is not looked into");
    assert!(report.to_string().contains(" steps broke something.\n"), "{report}");
}

/// What does not hold at the beginning is broken by nothing; a panic breaks a property, too.
#[test]
fn a_property_is_judged_at_the_beginning_and_may_panic() {
    let never = Property::new(|_| Err("nothing is right".into()));
    for order in [Order::Breadth, Order::Depth] {
        let search = Explorer { property: Some(never.clone()), order, ..two_hosts(3) };
        let found = search.run().broken().expect("it does not hold").to_string();
        assert!(found.contains(" 0 steps from where it began"), "{found}");
        assert!(found.ends_with("fail \"nothing is right\"\n"), "{found}");
    }
    let panics = Property::new(|world| {
        assert!(world.hosts().all(|(host, _)| world.jobs(host).count() == 0), "a job!");
        Ok(())
    });
    let found = Explorer { property: Some(panics), ..two_hosts(3) }.run().broken();
    let found = found.expect("it panics");
    assert!(matches!(&found.failure, Failure::Panicked(says) if says == "a job!"));
}

/// What cannot be reached is not looked for.
#[test]
fn what_cannot_be_reached_is_refused_at_once() {
    let search = |goal: &str| Explorer { goals: vec![goal.parse().unwrap()], ..two_hosts(9) };
    for (goal, why) in [
        // The pages list the code for every method; no source says when it is returned.
        ("CommitFailover 32771", "it is returned only by a fault, because "),
        ("RequestUndocumentedState accepted", "no call of it is ever accepted"),
        ("sender with health Critical", "only who observes sees it, and nobody does"),
        ("judged: replica-never-runs", "only who observes sees it, and nobody does"),
    ] {
        let refused = search(goal).check().unwrap_err();
        assert!(refused.why.starts_with(why), "{refused}");
        let report = search(goal).run();
        assert_eq!((report.steps, report.bound), (0, Some(Bound::Unreachable)));
        assert!(
            report.to_string().contains(&format!("It did not begin: {refused}.\n")),
            "{report}"
        );
    }
    for goal in [
        "CommitFailover 32775",
        "CommitFailover accepted",
        "CommitFailover 32774: no other operation may hold the virtual machine",
        "receiver from 5 to 6 by CommitFailover",
    ] {
        let mut search = search(goal);
        assert_eq!(search.check(), Ok(()), "{goal}");
        search.menu.retain(|it| it != Operation::CommitFailover);
        assert_eq!(search.check().unwrap_err().why, "CommitFailover is not on the menu");
        assert!(search.find(goal.parse().unwrap()).is_none());
    }
    // What a job alone fails with is refused where its call answers at once.
    let goal = "CommitFailover 32779";
    let mut search = search(goal);
    assert!(search.check().unwrap_err().why.starts_with("a job may fail with it"));
    search.beginning.policy.answers.insert(Operation::CommitFailover, Answer::Now);
    assert_eq!(search.check(), Ok(()));
}

/// The report as a person reads it.
#[test]
fn the_report_is_as_it_was_reviewed() {
    let beginning = replicating();
    let world = beginning.world();
    let menu = Menu::of(&world).disturbed_by(&world, &[Mishap::Links]);
    let goals = vec![
        "TestReplicaSystem 32774".parse().unwrap(),
        Reached::Goal(Goal::JobState(JobState::Exception)),
        Reached::Accepted(Operation::CommitFailover),
    ];
    let search = Explorer { menu, goals, depth: Some(3), ..Explorer::new(beginning) };
    let report = search.run().to_string();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/snapshots");
    insta::with_settings!({
        snapshot_path => folder, prepend_module_to_snapshot => false, omit_expression => true
    }, {
        insta::assert_snapshot!("explore", report);
    });
}

/// A found lab is a lab like any other.
#[test]
fn what_is_found_can_be_gone_on_with() {
    let found = explore::find("PrepareFailover 32775".parse().unwrap()).unwrap();
    let lab: Lab = found.lab;
    assert!(lab.find_host("osaka").is_some());
}

/// What is printed of anything that may be reached reads as the same.
#[test]
fn whatever_may_be_reached_can_be_asked_for() {
    let all = Reached::all(Operation::ALL);
    assert!(all.iter().any(|it| matches!(it, Reached::Unmet(_))));
    assert!(all.iter().any(|it| matches!(it, Reached::Moved(_))));
    for it in all {
        assert_eq!(it.to_string().parse(), Ok(it), "{it}");
    }
    for none in [
        "CommitFailover 32775: the moon must be full",
        "CommitFailover 32774: the replica must be failed over",
        "receiver from 5 to 6 by StartVm",
        "CommitFailover 32775:",
        ":",
    ] {
        assert!(none.parse::<Reached>().is_err(), "{none}");
    }
}

/// Several requirements of one operation have one code; each is found with a script of its own.
#[test]
fn each_requirement_is_found_by_itself() {
    let search = Explorer { depth: Some(3), observed: false, ..Explorer::new(replicating()) };
    let report = search.run();
    let unmet: Vec<_> = Unmet::all(Operation::PrepareFailover)
        .filter(|it| it.require().otherwise == ErrorCode::InvalidState)
        .filter_map(|it| Some((it, report.found(Reached::Unmet(it))?)))
        .collect();
    assert!(unmet.len() > 1, "{}", unmet.len());
    for (it, found) in unmet {
        let Reply::Refused(refusal) = found.lab.apply(&found.input) else { panic!("{it}") };
        assert_eq!(refusal.why.to_string(), it.require().says);
        assert!(found.script.to_string().ends_with("=> 32775\n"), "{}", found.script);
    }
    // A change of state is found with the cause that it has.
    let moved = "sender from 3 to 7 by SuspendReplication".parse().unwrap();
    let script = report.script(moved).expect("it is one step away").to_string();
    assert!(script.contains("RequestReplicationStateChangeEx web Suspended"), "{script}");
}
