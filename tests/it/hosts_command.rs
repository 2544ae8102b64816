//! The commands that speak to hosts: `hvr doctor`, `hvr capture`, `hvr conformance`.
#![cfg(feature = "cli")]

use crate::premises::LAB;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hvr-hosts").join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

/// Exit status, standard output and standard error of the command in a folder.
fn hvr(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_hvr"))
        .args(args)
        .current_dir(folder)
        .env("COLUMNS", "100")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

const PAIR: &str = "\
host tokyo
host osaka
vm web on tokyo running
tokyo CreateReplicationRelationship web to=osaka interval=30s
advance 1m
tokyo StartReplication web Network
advance 1h
";

const BOTH: [&str; 4] = ["--host", "hq=lab:lab.hvr#tokyo", "--host", "dr=lab:lab.hvr#osaka"];

/// What the doctor says of a lab: exit status, and the findings of JSON.
fn doctor(name: &str, lab: &str, more: &[&str]) -> (i32, Vec<Value>) {
    let folder = folder(name);
    fs::write(folder.join("lab.hvr"), lab).unwrap();
    let args = [&["doctor", "--json"], &BOTH[..], more].concat();
    let (status, out, err) = hvr(&folder, &args);
    assert_eq!(err, "", "{name}");
    let json: Value = serde_json::from_str(&out).unwrap_or_else(|it| panic!("{name}: {it}\n{out}"));
    assert_eq!(json["healthy"].as_bool(), Some(status == 0));
    (status, json["findings"].as_array().unwrap().clone())
}

#[test]
fn the_doctor_tells_a_person() {
    let folder = folder("person");
    fs::write(folder.join("lab.hvr"), PAIR).unwrap();
    let args = [&["doctor"], &BOTH[..], &["--from", "hq", "--to", "dr"]].concat();
    let (status, out, err) = hvr(&folder, &args);
    assert_eq!((status, &*err), (0, ""), "{out}");
    insta::assert_snapshot!(out, @r"
✓  hq       Windows Server 2022, known there as tokyo
✓  hq       the replica server takes Kerberos on port 80
✓  hq       any host is let in, trust group DEFAULT, to D:\Replica
✓  hq       health is counted in windows of 12h, from 9h after midnight UTC
✓  hq/web   Primary: Replicating
✓  dr       Windows Server 2022, known there as osaka
✓  dr       the replica server takes Kerberos on port 80
✓  dr       any host is let in, trust group DEFAULT, to D:\Replica
✓  dr       health is counted in windows of 12h, from 9h after midnight UTC
✓  dr/web   Replica: Replicating
✓  dr/web   off, as a replica is
✓  hq → dr  the builds fit
✓  hq → dr  the entry `*` lets it in, to D:\Replica
✓  hq → dr  Kerberos gets through to port 80
0 wrong, 0 to look at, 14 good
");
    let broken = format!("{PAIR}osaka RemoveAuthorizationEntry *\nadvance 5m\n");
    fs::write(folder.join("lab.hvr"), broken).unwrap();
    let (status, out, _) = hvr(&folder, &args);
    assert_eq!(status, 1);
    for line in [
        "✗  hq/web   Primary: Critical. Replication of virtual machine 'web' is in error\n",
        "            Correct the error and resume replication.\n",
        "            documented: https://learn.microsoft.com/virtualization/",
        "✗  dr       no authorization entry lets anybody in\n",
        "            hvr docs AddAuthorizationEntry\n",
        "✗  hq → dr  no entry of dr lets tokyo in\n",
    ] {
        assert!(out.contains(line), "{line}{out}");
    }
}

/// Each trouble, and the finding that names it: what is wrong, on what, and what to do.
#[test]
fn the_doctor_finds_what_is_wrong() {
    let pair = ["--from", "hq", "--to", "dr"];
    for (name, more, weight, about, says) in [
        ("disabled", "osaka ModifyServiceSettings server=off", "look", "dr", "is disabled"),
        (
            "disabled-pair",
            "osaka ModifyServiceSettings server=off",
            "wrong",
            "hq → dr",
            "is disabled",
        ),
        ("port", "occupy osaka 80", "wrong", "dr", "a listener does not run"),
        ("port-pair", "occupy osaka 80", "wrong", "hq → dr", "does not get through to port 80"),
        ("entries", "osaka RemoveAuthorizationEntry *", "wrong", "dr", "lets anybody in"),
        ("entry-pair", "osaka RemoveAuthorizationEntry *", "wrong", "hq → dr", "lets tokyo in"),
        ("link", "cut tokyo osaka", "wrong", "hq → dr", "does not get through"),
        (
            "paused",
            "tokyo RequestReplicationStateChangeEx web Suspended\nadvance 1m",
            "look",
            "hq/web",
            "is paused on the primary",
        ),
        (
            "resync",
            "tokyo ModifyReplicationSettings web to=osaka interval=30s auto_resync=no\n\
             advance 1m\ncorrupt_log tokyo web\nadvance 5m",
            "wrong",
            "hq/web",
            "resynchronisation is pending",
        ),
        (
            "off",
            "tokyo RequestStateChange web Disabled\nadvance 1m",
            "look",
            "hq/web",
            "serves nobody",
        ),
        (
            "failed-over",
            "crash tokyo\nosaka InitiateFailover web\nadvance 2m\nboot tokyo",
            "wrong",
            "dr/web",
            "failed over and off",
        ),
        ("replica-off", "", "good", "dr/web", "off, as a replica is"),
        ("test", "osaka TestReplicaSystem web\nadvance 2m", "look", "dr/web - Test", "left over"),
    ] {
        let (status, findings) = doctor(name, &format!("{PAIR}{more}\n"), &pair);
        let found = findings
            .iter()
            .find(|it| it["about"] == about && it["says"].as_str().unwrap().contains(says));
        let found = found.unwrap_or_else(|| panic!("{name}: {findings:#?}"));
        assert_eq!(found["weight"], weight, "{name}: {found}");
        let wrong = findings.iter().any(|it| it["weight"] == "wrong");
        assert_eq!(status, i32::from(wrong), "{name}");
        if weight != "good" {
            assert!(found["action"].is_string(), "{name}: {found}");
            assert!(found["source"].is_string() || found["rule"].is_string(), "{name}: {found}");
        }
    }
    // Nothing is wrong with the pair by itself.
    let (status, findings) = doctor("well", PAIR, &pair);
    assert!(findings.iter().all(|it| it["weight"] == "good"), "{findings:#?}");
    assert_eq!(status, 0);
}

#[test]
fn the_doctor_knows_what_no_replication_can_do_about() {
    let pair = ["--from", "hq", "--to", "dr"];
    let lab = "host tokyo build=20348\nhost osaka build=9600\n";
    let (status, findings) = doctor("builds", lab, &pair);
    let older = |it: &&Value| it["says"].as_str().unwrap().contains("which is older");
    assert_eq!((status, findings.iter().filter(older).count()), (1, 1));
    let (status, findings) = doctor("client", "host tokyo edition=Client\nhost osaka\n", &[]);
    assert_eq!((status, &findings[0]["weight"]), (1, &Value::from("wrong")));
    assert!(findings[0]["says"].as_str().unwrap().contains("no server"));
    let (status, findings) =
        doctor("monitoring", "host tokyo monitoring_interval=5h\nhost osaka\n", &[]);
    let odd = |it: &&Value| it["says"].as_str().unwrap().contains("windows of 5h");
    assert_eq!(
        (status, findings.iter().find(odd).map(|it| &it["weight"])),
        (0, Some(&"look".into()))
    );
}

#[test]
fn addresses_that_lead_nowhere_are_status_2() {
    let folder = folder("addresses");
    fs::write(folder.join("lab.hvr"), PAIR).unwrap();
    fs::write(folder.join("wrong.hvr"), format!("{PAIR}expect tokyo web Replica\n")).unwrap();
    for (address, says) in [
        ("tokyo", "expected NAME=ADDRESS"),
        ("=lab:lab.hvr#tokyo", "expected a name"),
        ("a=lab:lab.hvr", "expected lab:FILE.hvr#HOST"),
        (
            "a=https://tokyo:5986/wsman",
            if cfg!(feature = "wsman") { "`--user NAME`" } else { "without WS-Management" },
        ),
        ("a=wmi:tokyo", "expected wmi: for this machine, or wmi://HOST"),
        (
            "a=wmi://tokyo",
            "needs Windows; WS-Management reaches the same host from anywhere: https://tokyo:5986/wsman",
        ),
        ("a=wmi:", "needs Windows"),
        ("a=tokyo", "expected an address"),
        ("a=lab:lab.hvr#berlin", "has no host `berlin`"),
        ("a=lab:missing.hvr#tokyo", "cannot read `missing.hvr`"),
        ("a=lab:wrong.hvr#tokyo", "wrong.hvr:8: expected `Replica`"),
    ] {
        for command in ["doctor", "capture"] {
            let (status, out, err) = hvr(&folder, &[command, "--host", address]);
            assert_eq!((status, &*out), (2, ""), "{command} {address}: {err}");
            assert!(err.contains(says), "{command} {address}: {err}");
        }
    }
    let twice = ["doctor", "--host", "a=lab:lab.hvr#tokyo", "--host", "a=lab:lab.hvr#osaka"];
    assert!(hvr(&folder, &twice).2.contains("two hosts are called `a`"));
    let args = [&["doctor"], &BOTH[..], &["--from", "hq", "--to", "elsewhere"]].concat();
    let (status, _, err) = hvr(&folder, &args);
    assert_eq!(status, 2);
    assert!(err.contains("no `--host` is called `elsewhere`"), "{err}");
    // A host that is down does not answer.
    fs::write(folder.join("lab.hvr"), format!("{PAIR}crash tokyo\n")).unwrap();
    for command in ["doctor", "capture"] {
        let (status, _, err) = hvr(&folder, &[&[command], &BOTH[..]].concat());
        assert_eq!(status, 2);
        assert!(err.contains("does not answer"), "{err}");
    }
}

#[test]
fn what_is_captured_runs_and_is_captured_again() {
    let folder = folder("capture");
    let lab = format!("{PAIR}tokyo RequestReplicationStateChangeEx web Suspended\nadvance 1m\n");
    fs::write(folder.join("lab.hvr"), lab).unwrap();
    let capture = |more: &[&str]| hvr(&folder, &[&["capture"], &BOTH[..], more].concat());
    let (status, text, err) = capture(&[]);
    assert_eq!((status, &*err), (0, ""), "{text}");
    assert_eq!(capture(&["-o", "captured.hvr"]), (0, String::new(), String::new()));
    assert_eq!(fs::read_to_string(folder.join("captured.hvr")).unwrap(), text);
    let (status, out, _) = hvr(&folder, &["run", "captured.hvr"]);
    assert_eq!(status, 0, "{out}");
    fs::rename(folder.join("captured.hvr"), folder.join("lab.hvr")).unwrap();
    assert_eq!(capture(&[]), (0, text, String::new()));
    let (status, _, err) = capture(&["-o", "no/such/folder.hvr"]);
    assert_eq!(status, 2);
    assert!(err.contains("cannot write"), "{err}");
    // What cannot be rebuilt is said.
    let lab = format!(
        "{PAIR}tokyo RequestReplicationStateChangeEx web Suspended\nadvance 1m\n\
         tokyo Resynchronize web\nadvance 5s\n"
    );
    fs::write(folder.join("lab.hvr"), lab).unwrap();
    let (status, text, _) = capture(&[]);
    assert_eq!(status, 1);
    assert!(text.contains("# Not as captured: web on tokyo: state was Resynchronizing"), "{text}");
}

const THREE: [&str; 6] = [
    "--host",
    "hq=lab:lab.hvr#tokyo.contoso.com",
    "--host",
    "dr=lab:lab.hvr#osaka.contoso.com",
    "--host",
    "far=lab:lab.hvr#london.contoso.com",
];

#[test]
fn the_suite_is_rehearsed_first() {
    let folder = folder("rehearsal");
    fs::write(folder.join("lab.hvr"), LAB).unwrap();
    let run =
        |hosts: &[&str], more: &[&str]| hvr(&folder, &[&["conformance"], hosts, more].concat());
    let (status, out, err) = run(&THREE[..4], &["--vm-prefix", "spare"]);
    assert_eq!((status, &*err), (0, ""));
    assert!(out.starts_with("Nothing was done. With `--yes`, "), "{out}");
    assert!(out.contains("spare1 on hq is turned on and off"), "{out}");
    assert!(out.contains("on dr are made and deleted"), "{out}");
    assert!(out.contains("needs a third host: nobody has offered it"), "{out}");
    assert!(!out.contains("precious"), "{out}");
    assert!(out.contains("spare6 on hq") && !out.contains("two on hq"), "{out}");
    assert!(out.contains("one of them is deleted for good"), "{out}");
    let (_, out, _) = run(&THREE, &["--vm-prefix", "spare", "--vm", "two,disks=2"]);
    assert!(out.contains("two on hq"), "{out}");
    assert!(!out.contains("third host"), "{out}");
    for (hosts, more, says) in [
        (&THREE[..], &["--vm-prefix", "spare", "--vm", "precious"][..], "`precious` is replicated"),
        (&THREE, &["--vm", "spare1"], "one to be deleted; 1 given up"),
        (&THREE, &["--vm", "nobody"], "no virtual machine on hq is called `nobody`"),
        (&THREE, &["--vm", "spare1,tiny"], "expected `disks=2` or `large`"),
        (&THREE, &["--vm-prefix", ""], "an empty prefix would give up every"),
        (&THREE, &["--vm-prefix", "zzz"], "no virtual machine is given up"),
        (&THREE, &[], "no virtual machine is given up"),
        (&THREE[..2], &["--vm", "spare1"], "the suite needs two hosts, or three"),
    ] {
        let (status, out, err) = run(hosts, &[more, &["--yes"]].concat());
        assert_eq!((status, &*out), (2, ""), "{more:?}");
        assert!(err.contains(says), "{more:?}: {err}");
    }
}

#[test]
fn the_suite_runs_on_a_lab() {
    let folder = folder("suite");
    fs::write(folder.join("lab.hvr"), LAB).unwrap();
    let spares = ["--vm-prefix", "spare", "--vm", "two,disks=2", "--vm", "large,large", "--yes"];
    let (status, out, err) = hvr(&folder, &[&["conformance"], &THREE[..], &spares].concat());
    assert_eq!((status, &*err), (0, ""), "{out}");
    assert!(out.ends_with("behaves as is known\n"), "{out}");
    let args = [&["conformance", "--json"], &THREE[..], &spares].concat();
    let (status, out, _) = hvr(&folder, &args);
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, &json["good"]), (0, &Value::from(true)));
    let verdicts = json["behaviours"].as_array().unwrap().iter().map(|it| &it["verdict"]);
    let count = hyperv_replica::testkit::conformance::BEHAVIOURS.len();
    assert_eq!(verdicts.filter(|it| **it == "passed").count(), count);
}

const HOSTS: [&str; 4] = ["--host", "hq=lab:lab.hvr#tokyo", "--host", "osaka=lab:lab.hvr#osaka"];

/// `hvr run` of a script on the hosts of a lab.
fn run_on(name: &str, lab: &str, script: &str, more: &[&str]) -> (i32, String, String) {
    let folder = folder(name);
    fs::write(folder.join("lab.hvr"), lab).unwrap();
    fs::write(folder.join("test.hvr"), script).unwrap();
    hvr(&folder, &[&["run", "test.hvr"], &HOSTS[..], more].concat())
}

/// What a script makes is found, and from there on it is as in a world of its own.
#[test]
fn a_script_finds_what_it_makes_on_hosts() {
    let lab = "\
host tokyo build=17763
host osaka build=17763
vm web on tokyo running id={00000000-0000-0000-0000-00000000abcd}
";
    let script = "\
host hq build=17763
host osaka build=17763
vm web on hq running
hq CreateReplicationRelationship web to=osaka interval=30s  => 4096 job1
wait job1
expect osaka web Replica WaitingForInitialReplication
hq StartReplication web Network                             => 4096 job2
wait job2
advance 1h
expect osaka web Replica Replicating points=0
expect hq {00000000-0000-0000-0000-00000000ABCD} Primary running misses=0 issues=0
fault hq CommitFailover times=1                             => 32776
hq CommitFailover web                                       => 32776
hq CommitFailover web                                       => 32775
";
    let (status, out, err) = run_on("finds", lab, script, &[]);
    assert_eq!((status, &*err), (0, ""), "{out}");
    assert!(out.contains("14 steps, ") && out.contains("by the clock of the hosts"), "{out}");
    // To the machine, too.
    let (status, out, _) = run_on("finds", lab, script, &["--json"]);
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, &json["passed"]), (0, &Value::from(1)));
    let sides = json["files"][0]["steps"][9]["sides"].as_array().unwrap();
    let hosts: Vec<_> = sides.iter().map(|it| it["host"].as_str().unwrap()).collect();
    assert_eq!(hosts, ["hq", "osaka"], "by the names of the script");
}

/// Each with the line and the reason, and nothing is done before.
#[test]
fn what_hosts_cannot_do_is_told_before_anything_is_done() {
    let twins = "vm twin on osaka id={00000000-0000-0000-0000-000000000001}\n\
                 vm twin on osaka id={00000000-0000-0000-0000-000000000002}\n";
    let lab = format!("{PAIR}{twins}");
    for (line, says) in [
        ("seed 3", "`seed` needs a simulated world"),
        ("policy apply=1s", "`policy` needs a simulated world"),
        ("crash hq", "`crash` needs a simulated world: no client can ask for it"),
        ("occupy hq 443", "`occupy` needs a simulated world"),
        ("hq as=other CommitFailover web", "a call by somebody else needs a simulated world"),
        ("nara CommitFailover web", "no host is called `nara`"),
        ("host tokyo", "no host was given as `tokyo`, and none can be made"),
        ("host osaka build=9600", "the Windows of `osaka` is not as the line says"),
        ("host osaka server=off", "the replica server of `osaka` is not as the line says"),
        ("host osaka allow=hq storage=D:\\R", "whom the replica server lets in of `osaka`"),
        ("host osaka occupied=80", "only its Windows and its replica server can be compared"),
        ("vm mail on hq", "called `mail` on hq, and none can be made"),
        ("vm web on hq running", "`web` on hq is replicated already: it is a Primary"),
        ("vm web on hq", "`web` on hq is running, and the line says off"),
        ("vm twin on osaka", "2 are called `twin` on osaka: write `id={00000000-"),
        ("expect osaka web lacks=0", "`lacks=` needs a simulated world: no host shows it"),
        ("expect hq event 32086", "the log of a host needs a simulated world"),
    ] {
        // Nothing may stand before how a world begins but a comment.
        let first = ["hq RemoveReplicationRelationship web", "# First."];
        let first = first[usize::from(["seed 3", "policy apply=1s"].contains(&line))];
        let script = format!("{first}\n{line}\n");
        let (status, out, err) = run_on("cannot", &lab, &script, &[]);
        assert_eq!((status, &*out), (2, ""), "{line}: {err}");
        assert!(err.contains(says) && err.contains("--> test.hvr:2:"), "{line}: {err}");
        assert!(err.contains("1 problem; nothing was done"), "{line}: {err}");
    }
    let one = "vm twin on osaka id={00000000-0000-0000-0000-000000000002}\n";
    assert_eq!(run_on("cannot", &lab, one, &[]).0, 0);
    // A name that means two is seen when the call is to be made; the ids are told.
    let (status, out, _) = run_on("cannot", &lab, "osaka CommitFailover twin\n", &[]);
    assert_eq!(status, 1);
    assert!(out.contains("2 virtual machines are called `twin` on osaka"), "{out}");
    assert!(out.contains("`{00000000-0000-0000-0000-000000000001}` or `{00000000-"), "{out}");
    for (more, says) in [
        (&["test.hvr"][..], "hosts run one script at a time"),
        (&["--host", "nara=lab:lab.hvr#nara"], "has no host `nara`"),
    ] {
        let (status, _, err) = run_on("cannot", &lab, "advance 1s\n", more);
        assert_eq!(status, 2, "{err}");
        assert!(err.contains(says), "{err}");
    }
}

/// On hosts, a script is not a list of experiments.
#[test]
fn the_first_step_that_goes_wrong_on_hosts_is_the_last() {
    let script = "\
expect hq web Primary Suspended
hq RemoveReplicationRelationship web
advance 1m
";
    let (status, out, err) = run_on("wrong", PAIR, script, &[]);
    assert_eq!(status, 1);
    assert!(out.contains("+ found   ") && out.contains("1 of 1 steps not as expected"), "{out}");
    assert!(!out.contains("RemoveReplicationRelationship"), "{out}");
    assert!(err.contains("2 more steps not done: hosts are left as they are"), "{err}");
}
