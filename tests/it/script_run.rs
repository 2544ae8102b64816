//! Running scripts, and writing runs down as scripts.

use crate::arbitrary::{beginning, config, step, walk};
use hyperv_replica::engine::World;
use hyperv_replica::model::{ErrorCode, ReplicationMode, ReplicationState};
use hyperv_replica::script::{Expected, Fault, Runner, parse, record, run};
use proptest::prelude::*;

const PLANNED: &str = r"
host tokyo
host osaka
vm web on tokyo running disk=127GiB used=20GiB
tokyo CreateReplicationRelationship web to=osaka interval=30s  => 4096 job1
wait job1
tokyo StartReplication web Network  => 4096 job2
wait job2
expect job2 Completed type=StartInitialReplication
advance 2h
expect job2 gone
expect tokyo web Primary Replicating Ok running test_replica=no
expect osaka web Replica Replicating Ok off points=0
osaka CommitFailover web  => 32775
tokyo RequestStateChange web Disabled  => 4096 job3
wait job3
tokyo RequestReplicationStateChangeEx web Synced  => 4096 job4
wait job4
expect tokyo web Synced
osaka InitiateFailover web  => 4096 job5
wait job5
expect osaka web Recovered failed_over=Planned
";

/// The faults of a text as `line: message`.
fn faults(text: &str) -> Vec<String> {
    let report = run(&parse(text).unwrap_or_else(|error| panic!("{error}")));
    let told = |it: (&_, &Fault)| {
        let (step, fault): (&hyperv_replica::script::Step, _) = it;
        format!("{}:{}: {fault}", step.line, fault.span().start)
    };
    report.faults().map(told).collect()
}

#[test]
fn a_planned_failover_goes_as_written() {
    let report = run(&parse(PLANNED).unwrap());
    assert_eq!(faults(PLANNED), [""; 0]);
    let step = report.steps.iter().find(|it| it.line == 14).unwrap();
    assert_eq!(step.place.as_deref(), Some("osaka"));
    assert_eq!(step.what, "CommitFailover web");
    assert_eq!(step.answer.as_deref(), Some("32775"));
    assert!(step.why.is_some());
    let last = report.steps.last().unwrap();
    let sides: Vec<_> = last.sides.iter().map(|it| (&*it.host, it.mode, it.state)).collect();
    assert_eq!(
        sides,
        [
            ("tokyo", ReplicationMode::Primary, ReplicationState::Synced),
            ("osaka", ReplicationMode::Replica, ReplicationState::Recovered),
        ]
    );
    assert_eq!(run(&parse(PLANNED).unwrap()), report, "a run is a function of its script");
}

#[test]
fn wrong_expectations_are_all_told_and_the_run_goes_on() {
    let text = "\
host tokyo
host osaka
vm web on tokyo running
tokyo StartReplication web Network  => 4096 job1
wait job1
tokyo CommitFailover web  => 0
expect tokyo web Primary off
expect tokyo web absent
expect osaka web None
osaka CommitFailover web  => 32777
osaka CommitFailover {564D8B6E-3C3D-4C4B-8A53-0C6D3B6A7D01}  => 0
host tokyo  => rejected
host third  => rejected
boot tokyo
tokyo ReplicationService.RequestStateChange 2  => 1
tokyo as=other CommitFailover web  => 32769
";
    assert_eq!(
        faults(text),
        [
            "4:40: expected `4096 job1`, found `32775`",
            "5:6: no job was started as `job1`",
            "6:30: expected `0`, found `32775`",
            "7:1: expected `Primary off`, found `None running`",
            "8:1: expected `absent`, found `None running state=Disabled health=NotApplicable`",
            "9:1: expected `None`, found `absent`",
            "11:65: expected `0`, found `32777`",
            "13:16: expected `rejected`, found `done`",
        ]
    );
}

/// The guest writes 1 KiB each second from the checkpoint at 2 s on. What was written during initial
/// replication is sent first, at 3 s, then a log each five minutes; none takes any time on the way,
/// each two seconds to be applied:
/// <https://learn.microsoft.com/azure/site-recovery/hyper-v-azure-architecture>.
#[test]
fn statistics_times_and_logs_are_looked_at() {
    let text = "\
seed 7
policy link_rate=1EiB/s link_latency=0s apply=2s CreateReplicationRelationship=0
host tokyo
host osaka
vm web on tokyo running write=1KiB/s disk=1GiB used=0
tokyo CreateReplicationRelationship web to=osaka  => 0
expect tokyo web last_replication=never issues=1 issue=InitialReplicationIncomplete
expect osaka web last_apply=never successes=0
tokyo StartReplication web Network  => 4096 job1
wait job1
tokyo ResetReplicationStatistics web  => 0
advance 11m
expect tokyo web window_start=@2s successes=3 misses=0 size=601KiB max_size=300KiB pending=59KiB
expect tokyo web latency=0s issues=0 last_test_failover=never
expect osaka web last_replication=@10m3s last_apply=@10m5s last_application_consistent=never
expect tokyo web successes=2 misses=0 issue=CyclesMissed
cut tokyo osaka
advance 6m
expect tokyo event 32315 web says=\"again after 5 minute\"
expect tokyo event 32022 web hresult=0x00002EFE
expect tokyo event 32315 says=never absent
expect tokyo event 32315 says=never
";
    let found = faults(text);
    assert_eq!(
        found[0],
        "16:1: expected `successes=2 misses=0 issue=CyclesMissed`, found `successes=3 misses=0`"
    );
    assert!(
        found[1].starts_with(
            "22:1: expected `event 32315 says=never`, found `last event 32315 says=\"Changes of"
        ),
        "{}",
        found[1]
    );
    assert_eq!(found.len(), 2, "{}", found.join("\n"));
}

#[test]
fn names_that_mean_nothing_are_faults_with_their_place() {
    let text = "\
host tokyo
host osaka
vm web on tokyo
vm twin on tokyo id={00000000-0000-0000-0000-000000000001}
vm twin on tokyo id={00000000-0000-0000-0000-000000000002}
tokio CommitFailover web
tokyo CommitFailover wab
tokyo CommitFailover twin
tokyo InitiateFailover web point=#3
expect osaka other absent
vm db on kyoto
cut tokyo osak
wait {564D8B6E-3C3D-4C4B-8A53-0C6D3B6A7D01}
tokyo GetError {564D8B6E-3C3D-4C4B-8A53-0C6D3B6A7D01}  => missing
";
    assert_eq!(
        faults(text),
        [
            "6:1: no host is called `tokio` (did you mean `tokyo`?)",
            "7:22: no virtual machine is called `wab` on tokyo (did you mean `web`?)",
            "8:22: 2 virtual machines are called `twin` on tokyo (write \
             `{00000000-0000-0000-0000-000000000001}` or `{00000000-0000-0000-0000-000000000002}`)",
            "9:34: expected one of the 0 recovery points, found `#3`",
            "10:14: no virtual machine is called `other` on osaka (one that never was is named by \
             its `{GUID}`)",
            "11:10: no host is called `kyoto`",
            "12:11: no host is called `osak` (did you mean `osaka`?)",
            "13:6: there is no such job; one that ended is removed after five minutes",
        ]
    );
}

#[test]
fn a_job_that_does_not_end_is_not_waited_for_forever() {
    let text = "\
host tokyo
host osaka
vm web on tokyo running
tokyo CreateReplicationRelationship web to=osaka  => 4096 job1
advance 1s
expect job1 Running 0%..99%
wait job1
expect job1 Completed 100%
expect job1 Running
expect job1 gone
";
    assert_eq!(
        faults(text),
        ["9:1: expected `Running`, found `Completed`", "10:1: expected `gone`, found `Completed`",]
    );
}

#[test]
fn a_report_is_json_for_programs() {
    let report = run(&parse("host tokyo\nvm web on tokyo\ntokyo CommitFailover web => 0").unwrap());
    let json = serde_json::to_value(&report).unwrap();
    let step = &json["steps"][2];
    assert_eq!(step["line"], 3);
    assert_eq!(step["answer"], "32775");
    assert_eq!(step["fault"]["mismatch"]["expected"], "0");
    assert_eq!(step["fault"]["mismatch"]["span"]["start"], 29);
    assert_eq!(step["sides"][0]["mode"], "None");
}

#[test]
fn a_recorded_run_names_its_jobs() {
    let script = parse(PLANNED).unwrap();
    let mut runner = Runner::new(World::new(0));
    let mut inputs = Vec::new();
    for (number, line) in (1..).zip(&script.lines) {
        if let Some(statement) = &line.statement
            && let Ok(hyperv_replica::script::Action::Input(input)) = statement.resolve(&runner)
        {
            inputs.push(input);
        }
        runner.step(number, line);
    }
    let recorded = record(World::new(0), &inputs);
    let text = recorded.to_string();
    assert!(
        text.contains(
            "tokyo CreateReplicationRelationship web to=osaka interval=30s  => 4096 job1\n"
        )
    );
    let refused = |it: &hyperv_replica::script::Line| {
        it.answer
            .as_ref()
            .is_some_and(|it| it.expected == Expected::Refused(ErrorCode::InvalidState))
    };
    assert!(recorded.lines.iter().any(refused), "{text}");
    assert_eq!(parse(&text).unwrap(), recorded);
}

proptest! {
    #![proptest_config(config(100))]

    /// Any run, written down and read back, makes the very same world.
    #[test]
    fn a_recorded_run_replays(
        origin in beginning(),
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let mut world = origin.world();
        let (inputs, _) = walk(&mut world, &steps);
        prop_assume!(!inputs.is_empty());
        let text = record(origin.world(), &inputs).to_string();
        let script = parse(&text).unwrap_or_else(|error| panic!("{text}\n{error}"));
        let mut runner = Runner::new(origin.world());
        for (number, line) in (1..).zip(&script.lines) {
            let fault = runner.step(number, line).and_then(|it| it.fault);
            prop_assert_eq!(fault, None, "line {} of\n{}", number, text);
        }
        prop_assert!(runner.world() == &world, "{}", text);
    }
}
