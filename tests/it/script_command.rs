//! The `hvr` command, as a shell runs it. Without its feature there is none.
#![cfg(feature = "cli")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A folder of this test's own, which is empty.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hvr").join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

/// Exit status, standard output and standard error of the command in a folder.
fn hvr(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_hvr"))
        .args(args)
        .current_dir(folder)
        .env_remove("COLUMNS")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

const GOOD: &str = "\
# A replica that is none.
host tokyo
vm web on tokyo running

tokyo CommitFailover web  => 32775
expect tokyo web None
";

#[test]
fn one_script_is_a_table() {
    let folder = folder("table");
    fs::write(folder.join("good.hvr"), GOOD).unwrap();
    let (status, out, err) = hvr(&folder, &["run", "good.hvr"]);
    assert_eq!((status, &*err), (0, ""));
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"(?m)^ {17}[a-z].*\n", "                 WHY\n");
    let _filtered = settings.bind_to_scope();
    insta::assert_snapshot!(out, @r"
time      where  what                answer        tokyo/web
# A replica that is none.
00:00:00         host tokyo
00:00:00  tokyo  vm web running                   *None  0 Disabled - on

00:00:00  tokyo  CommitFailover web  32775         None  0 Disabled - on
                 WHY
00:00:00  tokyo  expect web None     as expected   None  0 Disabled - on

passed  good.hvr: 4 steps, 00:00:00 of virtual time
");
    assert!(!out.contains('\u{1b}'), "no colours in a pipe");
    let (_, colored, _) = hvr(&folder, &["run", "--color", "always", "good.hvr"]);
    assert!(colored.contains("\u{1b}["));
}

#[test]
fn a_wrong_expectation_is_a_diff_at_its_line() {
    let folder = folder("wrong");
    fs::write(folder.join("wrong.hvr"), GOOD.replace("None", "Primary running")).unwrap();
    let (status, out, err) = hvr(&folder, &["run", "wrong.hvr", "--quiet"]);
    assert_eq!((status, &*err), (1, ""));
    insta::assert_snapshot!(out, @r"
failed  wrong.hvr  1 of 4 steps not as expected
error: not as expected
 --> wrong.hvr:6:1
  |
6 | expect tokyo web Primary running
  | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = - expected Primary running
  = + found    None running
");
}

#[test]
fn a_typo_is_shown_with_its_line() {
    let folder = folder("typo");
    fs::write(folder.join("typo.hvr"), GOOD.replace("Failover", "Failver")).unwrap();
    let (status, out, err) = hvr(&folder, &["run", "typo.hvr"]);
    assert_eq!((status, &*out), (2, ""));
    insta::assert_snapshot!(err, @r"
error: expected a method, found `CommitFailver`
 --> typo.hvr:5:7
  |
5 | tokyo CommitFailver web  => 32775
  |       ^^^^^^^^^^^^^ did you mean `CommitFailover`?

error: `typo.hvr` is no script: 1 problem
");
}

#[test]
fn a_folder_is_a_line_each_and_a_sum() {
    let folder = folder("folder");
    fs::create_dir(folder.join("sub")).unwrap();
    fs::write(folder.join("b.hvr"), GOOD).unwrap();
    fs::write(folder.join("sub/a.hvr"), GOOD).unwrap();
    fs::write(folder.join("notes.txt"), "no script").unwrap();
    let (status, out, _) = hvr(&folder, &["run", "."]);
    assert_eq!(status, 0);
    insta::assert_snapshot!(out, @r"
passed  ./b.hvr         4 steps      00:00:00
passed  ./sub/a.hvr     4 steps      00:00:00
2 passed, 0 failed
");
    fs::write(folder.join("a.hvr"), GOOD.replace("32775", "0")).unwrap();
    let (status, out, _) = hvr(&folder, &["run", ".", "sub"]);
    assert_eq!(status, 1);
    assert!(out.starts_with("failed  ./a.hvr"), "{out}");
    assert!(out.contains("--> ./a.hvr:5:30\n"), "{out}");
    assert!(out.ends_with("3 passed, 1 failed\n"), "{out}");
}

#[test]
fn json_is_for_programs() {
    let folder = folder("json");
    fs::write(folder.join("good.hvr"), GOOD).unwrap();
    fs::write(folder.join("typo.hvr"), "host").unwrap();
    let (status, out, err) = hvr(&folder, &["run", "--json", ".", "missing.hvr"]);
    assert_eq!((status, &*err), (2, ""));
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((json["passed"].as_u64(), json["failed"].as_u64()), (Some(1), Some(2)));
    assert_eq!(json["files"][0]["path"], "./good.hvr");
    assert_eq!(json["files"][0]["steps"][2]["answer"], "32775");
    assert_eq!(json["files"][1]["problems"][0]["line"], 1);
    assert!(json["errors"][0].as_str().unwrap().contains("missing.hvr"));
}

/// Every path that is no script: a clear sentence that names it, status 2, nothing on the output.
#[test]
fn what_is_no_script_is_named() {
    let folder = folder("bad");
    fs::create_dir(folder.join("empty-folder")).unwrap();
    fs::write(folder.join("empty.hvr"), "").unwrap();
    fs::write(folder.join("nothing.hvr"), "# nothing\n").unwrap();
    fs::write(folder.join("binary.hvr"), b"MZ\0\0").unwrap();
    fs::write(folder.join("latin1.hvr"), b"host caf\xe9").unwrap();
    fs::write(folder.join("huge.hvr"), vec![b'#'; 2 << 20]).unwrap();
    for (path, says) in [
        ("empty-folder", "error: the folder `empty-folder` has no *.hvr files\n"),
        ("missing.hvr", "error: cannot read `missing.hvr`: "),
        ("empty.hvr", "error: `empty.hvr` is empty\n"),
        (
            "nothing.hvr",
            "error: expected a statement, found an empty script\n --> nothing.hvr:1:1\n",
        ),
        ("binary.hvr", "error: `binary.hvr` is a binary file, not a script\n"),
        ("latin1.hvr", "error: expected UTF-8 text, found the byte 0xE9\n --> latin1.hvr:1:9\n"),
        ("huge.hvr", "error: `huge.hvr` has 2097152 bytes; a script has at most 1048576\n"),
    ] {
        let (status, out, err) = hvr(&folder, &["run", path]);
        assert_eq!((status, &*out), (2, ""), "{path}");
        assert!(err.starts_with(says), "{path}: {err}");
    }
}

#[test]
fn docs_print_rules() {
    let folder = folder("docs");
    let (status, out, _) = hvr(&folder, &["docs", "initiatefailover"]);
    assert_eq!(status, 0);
    assert!(out.starts_with("InitiateFailover\n"), "{out}");
    assert!(out.contains("32775"));
    let (status, out, _) = hvr(&folder, &["docs", "RequestReplicationStateChange", "Synced"]);
    assert_eq!(status, 0);
    assert!(out.starts_with("PrepareFailover\n"), "{out}");
    let (status, out, _) = hvr(&folder, &["docs"]);
    assert_eq!(status, 0);
    assert!(out.contains("  CommitFailover\n"), "{out}");
    let (status, out, err) = hvr(&folder, &["docs", "InitiateFailvoer"]);
    assert_eq!((status, &*out), (2, ""));
    assert!(err.contains("did you mean `InitiateFailover`?"), "{err}");
}

#[test]
fn wrong_arguments_are_status_2() {
    let folder = folder("arguments");
    for args in [&[][..], &["run"], &["walk"], &["run", "--json", "--verbose", "x"]] {
        assert_eq!(hvr(&folder, args).0, 2, "{args:?}");
    }
    for args in [["--help"], ["--version"]] {
        assert_eq!(hvr(&folder, &args).0, 0, "{args:?}");
    }
}

/// What a search prints as a script is a scenario: it runs, and ends with what was asked for.
#[test]
fn a_search_prints_a_script_that_runs() {
    let folder = folder("explore");
    let goal = "CommitFailover 32775";
    let (status, script, err) = hvr(&folder, &["explore", "--goal", goal, "--script"]);
    assert_eq!((status, &*err), (0, ""));
    let last = script.lines().next_back().unwrap();
    assert!(last.contains(" CommitFailover ") && last.contains("=> 32775"), "{script}");
    fs::write(folder.join("found.hvr"), &script).unwrap();
    let (status, out, err) = hvr(&folder, &["run", "--quiet", "found.hvr"]);
    assert_eq!((status, &*err), (0, ""), "{out}");

    // From there, a step away.
    let from = ["explore", "--from", "found.hvr", "--depth", "1"];
    let (status, out, err) = hvr(&folder, &[&from[..], &["--goal", goal]].concat());
    assert_eq!((status, &*err), (0, ""));
    assert!(out.starts_with("Breadth first: "), "{out}");
    assert!(out.contains("Everything that was asked for is reached."), "{out}");
}

/// A search that does not find what it was sent for has failed; one that was asked for nothing that
/// there is has not begun.
#[test]
fn a_search_without_a_find_fails() {
    let folder = folder("explore-in-vain");
    let goal = |goal: &str| {
        let args = ["explore", "--depth", "1", "--script", "--goal", goal];
        hvr(&folder, &args)
    };
    let (status, out, err) = goal("CommitFailover accepted");
    assert_eq!((status, &*err), (1, ""));
    assert_eq!(out, "# CommitFailover accepted: not reached\n");
    let (status, out, err) = goal("CommitFailover 4");
    assert_eq!((status, &*out), (2, ""));
    assert!(err.starts_with("error: ") && err.contains("`CommitFailover 4`"), "{err}");
    let missing = ["explore", "--from", "missing.hvr"];
    let (status, _, err) = hvr(&folder, &missing);
    assert_eq!(status, 2);
    assert!(err.contains("missing.hvr"), "{err}");
    let (status, _, err) = hvr(&folder, &["explore", "--only", "NoMethod"]);
    assert_eq!(status, 2);
    assert!(err.contains("no operation is called `NoMethod`"), "{err}");
}

/// What is asked for may be a requirement or a transition; what cannot be is refused before
/// anything is tried; a bound on memory is a size.
#[test]
fn a_search_is_told_what_to_look_for_and_what_it_may_take() {
    let folder = folder("explore-asked");
    let explore = |args: &[&str]| hvr(&folder, &[&["explore", "--unobserved"], args].concat());
    let unmet =
        "RemoveReplicationRelationship 32774: no other operation may hold the virtual machine";
    let (status, out, err) = explore(&["--goal", unmet, "--script", "--without", "StartVm"]);
    assert_eq!((status, &*err), (0, ""), "{out}");
    assert!(out.starts_with(&format!("# {unmet}\n")) && out.ends_with("=> 32774\n"), "{out}");
    let (status, out, err) =
        explore(&["--goal", "CommitFailover 32775", "--without", "CommitFailover"]);
    assert_eq!((status, &*out), (2, ""));
    assert!(
        err.contains("`CommitFailover 32775` cannot be reached: CommitFailover is not on"),
        "{err}"
    );
    let (status, out, err) = explore(&["--memory", "256KiB"]);
    assert_eq!((status, &*err), (0, ""));
    assert!(out.contains("\nThe bound on memory ended it, "), "{out}");
    let (status, _, err) = explore(&["--memory", "much"]);
    assert_eq!(status, 2);
    assert!(err.contains("expected a size such as `512MiB`"), "{err}");
    // Of everything that is a step away, a script each.
    let (status, out, _) = explore(&["--depth", "1", "--script", "--only", "StartVm,TurnOffVm"]);
    assert_eq!(status, 0);
    for it in ["# TurnOffVm accepted\n", "# StartVm 32775: ", "# job Running (4)\n"] {
        assert!(out.contains(it), "{it} in {out}");
    }
}

/// What the kit finds is kept as a file, and the command fails with it in the same way: by the line
/// that does not come true, by what the property said, or by what it panicked with.
#[test]
fn a_counterexample_that_is_kept_fails_again() {
    use hyperv_replica::engine::World;
    use hyperv_replica::script::{Line, Runner};
    use hyperv_replica::testkit::counterexample::{Broken, Counterexample, Found};
    type Property = fn(&World) -> Result<(), Broken>;
    fn all_up(world: &World) -> bool {
        world.hosts().all(|(host, _)| world.is_up(host))
    }
    let by_line: Property = |world| {
        let line = "expect tokyo web Primary".parse::<Line>()?;
        if all_up(world) { Ok(()) } else { Err(line.into()) }
    };
    let by_sentence: Property =
        |world| if all_up(world) { Ok(()) } else { Err("the tool cannot cope".into()) };
    let by_panic: Property = |world| {
        assert!(all_up(world), "the tool cannot cope");
        Ok(())
    };
    let folder = folder("counterexample");
    let mut runner = Runner::new(World::new(0));
    runner.run(&"host tokyo\nvm web on tokyo\ncrash tokyo".parse().unwrap());
    for (property, says) in [
        (by_line, "expected Primary"),
        (by_sentence, "the tool cannot cope"),
        (by_panic, "a panic: the tool cannot cope"),
    ] {
        let found =
            Found::in_inputs(&World::new(0), runner.inputs(), &property).expect("it breaks");
        let text = Counterexample::of(&found, "Found by hand.").to_string();
        fs::write(folder.join("kept.hvr"), &text).unwrap();
        let (status, out, err) = hvr(&folder, &["run", "kept.hvr"]);
        assert_eq!((status, &*err), (1, ""), "{text}");
        assert!(out.contains(says), "{says}: {out}");
        assert!(out.contains("1 of 4 steps not as expected"), "{out}");
    }
}
