//! Sessions that become files, files that answer, and files against the simulator.

use hyperv_replica::layer::{
    Deviation, Fault, Faults, Look, Question, Recorder, Recording, Replay, Shown, Told,
};
use hyperv_replica::model::{Call, JobState, Operation, ReplicationType};
use hyperv_replica::script::{Difference, compare};
use hyperv_replica::{prelude::*, sim::Lab};

/// A planned failover with a test before it, as a client that looks at everything does it.
fn session(tokyo: &dyn ReplicationService, osaka: &dyn ReplicationService, web: VmId) {
    let id = RelationshipId::primary(web);
    let done = |host: &dyn ReplicationService, it: Result<Outcome>| host.wait(it.unwrap()).unwrap();
    let settings = Settings { recovery_history: 2, ..Settings::to("osaka") };
    done(tokyo, tokyo.create_replication_relationship(web, settings));
    done(tokyo, tokyo.start_replication(web, InitialReplication::Network));
    tokyo.sleep(hours(3)).unwrap();
    assert_eq!(tokyo.relationship(id).unwrap().state, ReplicationState::Replicating);
    for host in [tokyo, osaka] {
        host.host().unwrap();
        host.service_settings().unwrap();
        host.authorization_entries().unwrap();
        host.vms().unwrap();
        host.settings(id).unwrap();
        host.devices(web).unwrap();
        host.failover_network(web).unwrap();
        host.statistics(id).unwrap();
    }
    let points = osaka.recovery_points(web).unwrap();
    assert!(osaka.commit_failover(web).is_err());
    done(osaka, osaka.test_replica_system(web, points.first().map(|it| it.id)));
    let test = osaka.vm(web).unwrap().test_replica.unwrap();
    assert_eq!(osaka.vm(test).unwrap().mode, ReplicationMode::TestReplica);
    done(osaka, osaka.destroy_system(test));
    assert!(osaka.vm(test).is_err());
    done(tokyo, tokyo.shut_down_vm(web));
    done(tokyo, tokyo.prepare_failover(id));
    done(osaka, osaka.initiate_failover(web, None));
    let failed_over = osaka.relationship(id).unwrap();
    assert_eq!(failed_over.failed_over, ReplicationType::Planned);
    done(osaka, osaka.reverse_replication_relationship(web, None));
    done(osaka, osaka.start_vm(web));
    let _ = tokyo.jobs().unwrap();
    let start = osaka.now().unwrap() + hours(1);
    assert!(osaka.resynchronize(web, Some(start)).is_err());
}

/// The session, recorded of the simulator.
fn recorded() -> Recording {
    let lab = Lab::new(["tokyo", "osaka"]);
    let spec = "vm web on tokyo running".parse::<hyperv_replica::script::Line>().unwrap();
    let action = spec.statement.unwrap().resolve(&lab.world()).unwrap();
    let hyperv_replica::script::Action::Input(input) = action else { panic!("{action:?}") };
    lab.apply(&input);
    let web = lab.host("tokyo").vms().unwrap()[0].id;
    let recorder = Recorder::new();
    let tokyo = recorder.over("tokyo", lab.host("tokyo")).unwrap();
    let osaka = recorder.over("osaka", lab.host("osaka")).unwrap();
    session(&tokyo, &osaka, web);
    recorder.recording()
}

#[test]
fn a_recording_is_a_text() {
    let recording = recorded();
    let text = recording.to_string();
    let read: Recording = text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(read.to_string(), text);
    assert_eq!(read, recording);
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("open @0s tokyo host  => {\"name\":\"tokyo\",\"build\":"));
    let first = recording.exchanges.first().unwrap();
    let said = lines[usize::try_from(first.line).unwrap() - 1];
    assert!(
        said.starts_with(
            "@0s tokyo CreateReplicationRelationship web to=osaka history=2  => 4096 {"
        ),
        "{said}"
    );
    assert!(lines.iter().any(|it| it.ends_with("osaka CommitFailover web  => 32775")));
    assert!(lines.iter().any(|it| it.contains("osaka relationship web 0  => {\"id\":")));
    // Comments and blank lines are no part of it, but count as lines.
    let commented: Recording = format!("# A session.\n\n{text}").parse().unwrap();
    assert_eq!(commented.exchanges[0].line, first.line + 2);
}

#[test]
fn what_is_no_recording_is_told_with_its_place() {
    for (text, message) in [
        ("@1h tokyo", "1:10: expected `=>` and the answer"),
        ("tokyo vms  => []", "1:1: expected a time such as `@2h`, found `tokyo`"),
        ("@1h tokyo  => 0", "1:5: expected a host and a question"),
        (
            "@1h tokyo StopServise  => 1",
            "1:11: expected a method, found `StopServise` (did you \
         mean `StopService`?)",
        ),
        (
            "@1h tokyo StopService  => x",
            "1:27: expected a return value, `missing` or \
         `unanswered`, found `x`",
        ),
        (
            "@1h tokyo StopService  => 4096 job1",
            "1:27: expected `4096` and the `{GUID}` of a job, \
         found `job1`",
        ),
        (
            "@1h tokyo vm web  => missing",
            "1:14: no virtual machine is called `web` on tokyo (one \
         that never was is named by its `{GUID}`)",
        ),
        ("@1h tokyo vms  => [{}]", "1:21: missing field `id`"),
        ("@1h tokyo vms now  => []", "1:15: expected the end of the line, found `now`"),
        (
            "@1h tokyo relationship {11111111-1111-4111-8111-111111111111} 7  => missing",
            "1:63: expected `0` or `1`, found `7`",
        ),
    ] {
        let error = text.parse::<Recording>().unwrap_err();
        assert_eq!(error.to_string(), message, "{text}");
    }
}

#[test]
fn a_recording_answers_as_the_service_did() {
    let recording: Recording = recorded().to_string().parse().unwrap();
    let web = recording.exchanges.iter().find_map(|it| match &it.question {
        Question::Call(call) => call.vm(),
        Question::Look(_) => None,
    });
    let replay = Replay::of(recording);
    let (tokyo, osaka) = (replay.host("tokyo"), replay.host("OSAKA"));
    assert!(!replay.is_over());
    session(&tokyo, &osaka, web.unwrap());
    assert!(replay.is_over());
}

#[test]
fn who_leaves_the_recorded_path_is_told_where() {
    let recording = recorded();
    let line = recording.exchanges[0].line;
    let Question::Call(first) = recording.exchanges[0].question.clone() else { panic!() };
    let web = first.vm().unwrap();
    let replay = Replay::of(recording);
    let tokyo = replay.host("tokyo");
    let deviation = |error: Error| match error {
        Error::Transport { source, .. } => source.downcast_ref::<Deviation>().unwrap().to_string(),
        other => panic!("{other}"),
    };
    assert_eq!(
        deviation(tokyo.vm(web).unwrap_err()),
        format!(
            "line {line} of the recording has CreateReplicationRelationship of {{{web}}}, \
                 and vm of {{{web}}} was asked"
        )
    );
    let other = tokyo.create_replication_relationship(web, Settings::to("kyoto"));
    assert_eq!(
        deviation(other.unwrap_err()),
        format!(
            "line {line} of the recording has CreateReplicationRelationship of {{{web}}} with \
                 other arguments"
        )
    );
    // What was asked wrongly is not passed over: the right question still gets its answer.
    assert!(tokyo.call(&first).is_ok());
    assert_eq!(
        deviation(replay.host("kyoto").vms().unwrap_err()),
        "the recording is over for kyoto, and vms was asked"
    );
}

/// What was lost, refused or missing comes again as the same kind of error.
#[test]
fn errors_are_replayed_as_they_were() {
    let lab = Lab::new(["tokyo"]);
    let web = lab.vm("web").on("tokyo").create();
    let faults = Faults::new();
    faults.add(Fault::lose_answer(Operation::StartVm).times(1));
    let recorder = Recorder::new();
    let tokyo = recorder.over("tokyo", faults.over("tokyo", lab.host("tokyo"))).unwrap();
    let nobody = VmId(hyperv_replica::model::Guid(7));
    let ask = |host: &dyn ReplicationService| {
        [
            host.start_vm(web).map(|_| ()),
            host.commit_failover(web).map(|_| ()),
            host.call(&Call::StopService).map(|_| ()),
            host.call(&Call::GetError { job: hyperv_replica::model::JobId(nobody.0) }).map(|_| ()),
            host.vm(nobody).map(|_| ()),
            host.settings(RelationshipId::primary(nobody)).map(|_| ()),
        ]
        .map(|it| match it {
            Err(Error::Transport { .. }) => "unanswered".to_owned(),
            Err(Error::Refused(it)) => it.code.to_wire().to_string(),
            Err(Error::NotFound(it)) => it.to_string(),
            Err(Error::NotImplemented(it)) => it.to_string(),
            other => format!("{other:?}"),
        })
    };
    let before = ask(&tokyo);
    assert_eq!(before[..3], ["unanswered", "32775", "StopService"]);
    let text = recorder.recording().to_string();
    let replay = Replay::of(text.parse().unwrap());
    assert_eq!(ask(&replay.host("tokyo")), before);
}

/// The differences of a recording that was changed at one place.
fn doctored(what: &str, change: impl Fn(&Question, &mut Told) -> bool) -> Vec<Difference> {
    let mut recording = recorded();
    let changed = recording.exchanges.iter_mut().any(|it| change(&it.question, &mut it.told));
    assert!(changed, "nothing to doctor: {what}");
    let found = compare(&recording).unwrap();
    found.into_iter().filter(|it| !it.pace).collect()
}

#[test]
fn a_recording_of_the_simulator_differs_in_nothing() {
    let recording: Recording = recorded().to_string().parse().unwrap();
    assert_eq!(compare(&recording).unwrap(), []);
}

#[test]
fn each_kind_of_difference_is_found() {
    let commit = |it: &Question| matches!(it, Question::Call(call) if call.operation() == Operation::CommitFailover);
    // Accepted there, refused here: the requirement, and how it is known.
    let accepted = doctored("answer", |question, told| {
        let is = commit(question);
        if is {
            *told = Told::Completed;
        }
        is
    });
    let [only] = &accepted[..] else { panic!("{accepted:?}") };
    assert_eq!((&*only.recorded, &*only.simulated), ("0", "32775"));
    assert!(only.because[0].starts_with("it refuses because the replica must be failed over"));
    assert!(only.because[0].contains("documented: https://"), "{only}");
    // Refused there with another number.
    let other = doctored("code", |question, told| {
        let is = commit(question);
        if is {
            *told = Told::Refused(ErrorCode::StatusUnknown);
        }
        is
    });
    assert_eq!((&*other[0].recorded, &*other[0].simulated), ("32771", "32775"));
    assert_eq!(other[0].because[1], "the rule book knows no reason for 32771");
    // Refused there, accepted here: the last call, so that nothing follows from it.
    let refused = doctored("refusal", |question, told| {
        let is = matches!(question, Question::Call(it) if it.operation() == Operation::StartVm);
        if is {
            *told = Told::Refused(ErrorCode::InvalidState);
        }
        is
    });
    assert_eq!((&*refused[0].recorded, &*refused[0].simulated), ("32775", "4096"));
    assert!(refused[0].because.len() > 1, "{}", refused[0]);
    assert!(refused[0].because[0].starts_with("it accepts: "), "{}", refused[0]);
    // Another state than the one that the rule book leads to.
    let state = doctored("state", |_, told| match told {
        Told::Shown(Shown::Relationship(it)) if it.state == ReplicationState::Recovered => {
            it.state = ReplicationState::Committed;
            true
        }
        _ => false,
    });
    let [only] = &state[..] else { panic!("{state:?}") };
    assert_eq!((&*only.recorded, &*only.simulated), ("\"Committed\"", "\"Recovered\""));
    assert!(only.question.ends_with(", state"));
    assert!(only.because[0].contains("by InitiateFailover"), "{only}");
    // A job that ended otherwise.
    let job = doctored("job", |_, told| match told {
        Told::Shown(Shown::Job(it)) if it.state == JobState::Completed => {
            it.state = JobState::Exception;
            true
        }
        _ => false,
    });
    assert_eq!((&*job[0].recorded, &*job[0].simulated), ("\"Exception\"", "\"Completed\""));
    assert!(job[0].because[0].contains(" began it: "), "{}", job[0]);
    // Something that is not there.
    let missing = doctored("missing", |question, told| {
        let is = matches!(question, Question::Look(Look::Settings(_)));
        if is {
            *told = Told::Missing;
        }
        is
    });
    assert_eq!((&*missing[0].recorded, &*missing[0].simulated), ("missing", "that it is there"));
    assert!(missing[0].because[0].contains("it had accepted "), "{}", missing[0]);
    // Another health than the rules of health give: each of them, with how it is known.
    // https://learn.microsoft.com/virtualization/community/team-blog/2012/20120615-interpreting-replication-health-part-1
    let unhealthy = |state, health| {
        doctored("health", |_, told| match told {
            Told::Shown(Shown::Relationship(it)) if it.state == state => {
                it.health = health;
                true
            }
            _ => false,
        })
    };
    let well = unhealthy(ReplicationState::Recovered, ReplicationHealth::Ok);
    assert_eq!((&*well[0].recorded, &*well[0].simulated), ("\"Ok\"", "\"Warning\""));
    assert!(
        well[0].because[0].starts_with("it is Warning (2) because it is failed over"),
        "{}",
        well[0]
    );
    assert!(well[0].because[0].contains("documented: https://"), "{}", well[0]);
    let ill = unhealthy(ReplicationState::Replicating, ReplicationHealth::Critical);
    assert_eq!(ill[0].because, ["it is Ok because no rule of health speaks"]);
    // What no rule leads to is said to be news.
    let build = doctored("host", |_, told| match told {
        Told::Shown(Shown::Host(it)) => {
            it.build = hyperv_replica::model::WindowsBuild::Server2016;
            true
        }
        _ => false,
    });
    assert_eq!(build[0].because, ["no rule speaks of it: this is news"]);
    // Out parameters.
    let issues = doctored("output", |_, told| match told {
        Told::Returned(output) => match &mut **output {
            hyperv_replica::model::Output::Statistics { statistics, .. } => {
                statistics.health = ReplicationHealth::Critical;
                true
            }
            _ => false,
        },
        _ => false,
    });
    assert_eq!(issues[0].recorded, "\"Critical\"");
    // An answer that was lost says nothing.
    let lost = doctored("lost", |question, told| {
        let is = commit(question);
        if is {
            *told = Told::Unanswered;
        }
        is
    });
    assert_eq!(lost, []);
}

/// Whatever a recording has otherwise, each difference that is not about pace has a reason, or is
/// said to have none.
#[test]
fn each_difference_says_why() {
    let recording = recorded();
    let mut differing = 0;
    for place in 0..recording.exchanges.len() {
        let mut doctored = recording.clone();
        let told = &mut doctored.exchanges[place].told;
        *told = match told {
            Told::Shown(_) => Told::Missing,
            Told::Refused(_) => Told::Completed,
            _ => Told::Refused(ErrorCode::StatusUnknown),
        };
        for it in compare(&doctored).unwrap().iter().filter(|it| !it.pace) {
            differing += 1;
            assert!(!it.because.is_empty(), "{it}");
            assert!(it.because.iter().all(|it| !it.is_empty() && !it.ends_with('.')), "{it}");
        }
    }
    assert!(differing > recording.exchanges.len() / 2, "{differing}");
}

/// A host that is slower than the model differs in pace alone, one that is faster as well.
#[test]
fn how_fast_things_go_is_told_apart() {
    let mut recording = recorded();
    for it in &mut recording.exchanges {
        if let Told::Shown(Shown::Job(job)) = &mut it.told {
            job.elapsed += seconds(3);
        }
    }
    let found = compare(&recording).unwrap();
    assert!(!found.is_empty() && found.iter().all(|it| it.pace), "{found:?}");
    // All of the first call's job was done at once.
    let mut recording = recorded();
    let ended = recording.exchanges.iter().position(
        |it| matches!(&it.told, Told::Shown(Shown::Job(job)) if job.state == JobState::Completed),
    );
    let ended = ended.unwrap();
    let last = recording.exchanges[ended].told.clone();
    recording.exchanges.drain(2..=ended);
    recording.exchanges[1].told = last;
    let found = compare(&recording).unwrap();
    let real: Vec<_> = found.iter().filter(|it| !it.pace).collect();
    assert!(real.is_empty(), "{real:?}");
    assert!(found.iter().any(|it| it.recorded == "that it has ended"), "{found:?}");
}

/// What devices a virtual machine has is seen when its recording begins.
#[test]
fn a_recording_begins_with_the_devices_that_there_are() {
    let lab = Lab::new(["tokyo", "osaka"]);
    let size = 20 << 30;
    let web = lab.vm("web").on("tokyo").disk(size, size / 2).disk(size, size / 2).create();
    let recorder = Recorder::new();
    let tokyo = recorder.over("tokyo", lab.host("tokyo")).unwrap();
    assert_eq!(tokyo.devices(web).unwrap().disks.len(), 2);
    assert_eq!(tokyo.devices(web).unwrap().adapters.len(), 1);
    tokyo.failover_network(web).unwrap();
    assert_eq!(compare(&recorder.recording()).unwrap(), []);
}

/// What replicates when a recording begins is re-enacted first, however late it is there; times in
/// calls are later by as much.
#[test]
fn a_recording_that_begins_in_the_middle_is_rebuilt() {
    let lab = Lab::new(["tokyo", "osaka"]);
    lab.advance(days(3650));
    let web = lab.vm("web").on("tokyo").running().create();
    let db = lab.vm("db").on("tokyo").create();
    let (tokyo, osaka) = (lab.host("tokyo"), lab.host("osaka"));
    let done = |host: &dyn ReplicationService, it: Result<Outcome>| host.wait(it.unwrap()).unwrap();
    done(&tokyo, tokyo.create_replication_relationship(web, Settings::to("osaka")));
    done(&tokyo, tokyo.start_replication(web, InitialReplication::Network));
    lab.advance(hours(1));
    let recorder = Recorder::new();
    let (tokyo, osaka) =
        (recorder.over("tokyo", tokyo).unwrap(), recorder.over("osaka", osaka).unwrap());
    done(&tokyo, tokyo.shut_down_vm(web));
    done(&tokyo, tokyo.prepare_failover(RelationshipId::primary(web)));
    done(&osaka, osaka.initiate_failover(web, None));
    done(&osaka, osaka.reverse_replication_relationship(web, None));
    let reversed = osaka.relationship(RelationshipId::primary(web)).unwrap();
    assert_eq!(reversed.state, ReplicationState::Replicating);
    done(&tokyo, tokyo.create_replication_relationship(db, Settings::to("osaka")));
    let start = tokyo.now().unwrap() + hours(2);
    assert!(tokyo.start_replication(db, InitialReplication::NetworkAt(start)).is_ok());
    tokyo.sleep(hours(3)).unwrap();
    let started = tokyo.relationship(RelationshipId::primary(db)).unwrap();
    assert_eq!(started.state, ReplicationState::Replicating);
    let recording: Recording = recorder.recording().to_string().parse().unwrap();
    let found = compare(&recording).unwrap();
    let real: Vec<_> = found.iter().filter(|it| !it.pace).collect();
    assert!(real.is_empty(), "{real:?}");
}

#[test]
fn a_recording_that_begins_where_nothing_leads_is_refused() {
    let lab = Lab::new(["tokyo", "osaka"]);
    let web = lab.vm("web").on("tokyo").create();
    let tokyo = lab.host("tokyo");
    tokyo.wait(tokyo.create_replication_relationship(web, Settings::to("osaka")).unwrap()).unwrap();
    // Somebody is at work.
    assert!(tokyo.start_vm(web).is_ok());
    let recorder = Recorder::new();
    recorder.over("tokyo", &tokyo).unwrap();
    let error = compare(&recorder.recording()).unwrap_err().to_string();
    assert!(error.starts_with("how the recording begins cannot be rebuilt: "), "{error}");
    assert!(error.ends_with("; `hvr compare --from` takes a script that begins so"), "{error}");
    assert!(compare(&Recording::default()).is_err());
    // From a world that fits it can be compared all the same.
    let tokyo = recorder.over("tokyo", tokyo).unwrap();
    let world = lab.world();
    assert!(tokyo.commit_failover(web).is_err());
    assert_eq!(hyperv_replica::script::compare_in(&recorder.recording(), world), []);
}

#[test]
#[cfg(feature = "cli")]
fn hvr_compare_tells_by_its_exit_status() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let run = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        let hvr = std::process::Command::new(env!("CARGO_BIN_EXE_hvr"))
            .args(["compare", "--color", "never"])
            .arg(path)
            .output()
            .unwrap();
        (hvr.status.code(), String::from_utf8(hvr.stdout).unwrap())
    };
    let text = recorded().to_string();
    let (code, said) = run("same.recording", &text);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.ends_with("same.recording: 0 differences\n"), "{said}");
    let doctored = text.replacen("CommitFailover web  => 32775", "CommitFailover web  => 32770", 1);
    let (code, said) = run("other.recording", &doctored);
    assert_eq!(code, Some(1));
    assert!(said.contains("the recording says 32770, the simulator 32775\n  it refuses because"));
    assert_eq!(run("none.recording", "@x").0, Some(2));
}

/// A session with hosts becomes a file by `hvr run`, and the simulator is compared with it, also from
/// where a script ends.
#[test]
#[cfg(feature = "cli")]
fn hvr_run_records_what_hvr_compare_reads() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("hvr-record");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let hvr = |args: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_hvr"));
        let output = command.args(args).current_dir(&folder).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout) + &text(output.stderr))
    };
    let lab = "host tokyo\nhost osaka\nvm web on tokyo running\n";
    std::fs::write(folder.join("lab.hvr"), lab).unwrap();
    let run = "host tokyo
        host osaka
        vm web on tokyo running
        tokyo CreateReplicationRelationship web to=osaka  => 4096 job1
        wait job1
        expect osaka web Replica
        osaka CommitFailover web                          => 32775";
    std::fs::write(folder.join("run.hvr"), run).unwrap();
    let hosts = ["--host", "tokyo=lab:lab.hvr#tokyo", "--host", "osaka=lab:lab.hvr#osaka"];
    let mut args = vec!["run", "run.hvr", "--record", "session.recording"];
    args.extend(hosts);
    let (status, said) = hvr(&args);
    assert_eq!(status, Some(0), "{said}");
    let text = std::fs::read_to_string(folder.join("session.recording")).unwrap();
    assert!(text.contains(" osaka CommitFailover web  => 32775\n"), "{text}");
    for from in [&[][..], &["--from", "lab.hvr"]] {
        let mut args = vec!["compare", "session.recording"];
        args.extend(from);
        let (status, said) = hvr(&args);
        assert_eq!(status, Some(0), "{said}");
        assert!(said.starts_with("session.recording: 0 differences"), "{said}");
    }
    // From elsewhere it differs.
    std::fs::write(folder.join("other.hvr"), "host tokyo\nhost osaka\n").unwrap();
    let (status, said) = hvr(&["compare", "session.recording", "--from", "other.hvr"]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("the recording says 4096, the simulator 327"), "{said}");
}
