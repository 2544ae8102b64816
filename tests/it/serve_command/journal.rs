//! A lab that outlives its process.

use super::{Served, TWO_SITES, folder, names};
use hyperv_replica::model::AuthorizationEntry;
use hyperv_replica::prelude::*;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};
use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::thread;

const ARGS: [&str; 5] = ["--clock", "manual", "--control", "--journal", "lab.journal.hvr"];

#[test]
fn a_lab_goes_on_where_it_ended() {
    let folder = folder("goes-on");
    let served = Served::start(&folder, TWO_SITES, &ARGS);
    assert_eq!(served.err(), "");
    served.told(&["advance 7h", "expect tokyo mail Primary Replicating"]);
    let before = served.host("tokyo").now().unwrap();
    served.kill();

    // The script is not run again; it need not even be there.
    let served = Served::start(&folder, "gone.hvr", &ARGS);
    let note = served.err();
    assert!(note.starts_with("note: the lab goes on from the "), "{note}");
    assert!(note.contains("`gone.hvr` is not run"), "{note}");
    served.told(&["expect tokyo mail Primary Replicating", "advance 1h"]);
    assert_eq!(served.host("tokyo").now().unwrap(), before + hours(1));
    // What is taken back has not happened in the next life, either.
    served.told(&["crash osaka", "reset", "expect osaka backup running"]);
    served.kill();
    let mut journal = OpenOptions::new().append(true).open(folder.join(ARGS[4])).unwrap();
    journal.write_all(b"crash tok").unwrap();

    let served = Served::start(&folder, TWO_SITES, &ARGS);
    let notes = served.err();
    assert!(notes.contains("`crash tok` is dropped"), "{notes}");
    assert_eq!(served.host("tokyo").now().unwrap(), before);
    assert_eq!(names(&served.host("osaka")).len(), 5);
}

#[test]
fn a_journal_without_the_whole_script_is_none() {
    let folder = folder("unfinished");
    fs::write(folder.join("lab.hvr"), "host tokyo\nexpect tokyo event 1\n").unwrap();
    let mut refused = super::hvr();
    refused.args(["serve", "lab.hvr", "--port", "0"]).args(ARGS).current_dir(&folder);
    let (status, _, _) = super::ended(refused.output().unwrap());
    assert_eq!(status, 2);
    assert!(!folder.join(ARGS[4]).exists());
    fs::write(folder.join("lab.hvr"), "host osaka\n").unwrap();
    let served = Served::start(&folder, "lab.hvr", &ARGS);
    assert_eq!(served.told["hosts"][0]["name"], "osaka");
    served.kill();
    // And one that says something else is refused by its line.
    fs::write(folder.join(ARGS[4]), "host tokyo\nexpect tokyo event 1\n").unwrap();
    let (status, _, err) = super::ended(refused.output().unwrap());
    assert_eq!(status, 2);
    assert!(err.contains("line 2 of the journal"), "{err}");
}

/// Two that serve one journal would each make a lab of their own of it.
#[test]
fn a_journal_is_served_by_one_process() {
    let folder = folder("one-process");
    let mut second = super::hvr();
    second.args(["serve", TWO_SITES, "--port", "0"]).args(ARGS).current_dir(&folder);
    let served = Served::start(&folder, TWO_SITES, &ARGS);
    served.told(&["advance 1h"]);
    let (status, _, err) = super::ended(second.output().unwrap());
    assert_eq!(status, 2, "{err}");
    let held = format!("`lab.journal.hvr`: process {} has the journal open", served.child.id());
    assert!(err.contains(&held) && err.contains("end that first"), "{err}");
    served.told(&["advance 1h"]);
    // However the first ends, the lock ends with it.
    let before = served.host("tokyo").now().unwrap();
    served.kill();
    let served = Served::start(&folder, TWO_SITES, &ARGS);
    assert_eq!(served.host("tokyo").now().unwrap(), before);
}

/// Clients and control put entries of their own into a lab, each telling what was answered, until
/// the process is gone.
fn put_entries(served: &Served, host: &'static str, seed: u64, told: &Sender<String>) {
    let client = served.host(host);
    let mut draws = Xoshiro256PlusPlus::seed_from_u64(seed);
    for _ in 0..10_000 {
        let name = format!("{host}-{:08x}", draws.next_u64() >> 32);
        let entry = AuthorizationEntry {
            allowed_primary: name.clone(),
            trust_group: "load".to_owned(),
            storage_location: r"D:\Load".to_owned(),
        };
        match client.add_authorization_entry(entry) {
            Ok(_) => told.send(name).unwrap(),
            Err(_) => return,
        }
    }
}

fn entries(served: &Served, host: &str) -> BTreeSet<String> {
    let entries = served.host(host).authorization_entries().unwrap();
    entries.into_iter().map(|it| it.allowed_primary).filter(|it| it.contains('-')).collect()
}

/// Killed at moments that are drawn, while three clients wait for answers: each of them has lost
/// what was not answered at most, and that is one input.
#[test]
fn a_killed_server_loses_nothing_that_it_answered() {
    const SEED: u64 = 20_260_214;
    let folder = folder("killed");
    fs::write(folder.join("lab.hvr"), "host tokyo allow=none\nhost osaka allow=none\n").unwrap();
    let mut draws = Xoshiro256PlusPlus::seed_from_u64(SEED);
    let mut known = BTreeSet::new();
    for round in 0..5 {
        let served = Served::start(&folder, "lab.hvr", &ARGS);
        check(&served, &known, round);
        let answers = 5 + draws.next_u64() % 40;
        let seeds = [draws.next_u64(), draws.next_u64(), draws.next_u64()];
        let (told, hear) = channel();
        thread::scope(|scope| {
            for (host, seed) in ["tokyo", "osaka", "tokyo"].into_iter().zip(seeds) {
                let (served, told) = (&served, told.clone());
                scope.spawn(move || put_entries(served, host, seed, &told));
            }
            known.extend(hear.iter().take(usize::try_from(answers).unwrap()));
            kill(&served);
            drop(told);
            // What was answered before it died counts, too.
            known.extend(hear.iter());
        });
    }
    let served = Served::start(&folder, "lab.hvr", &ARGS);
    check(&served, &known, 5);
    assert!(known.len() > 25, "{} entries only", known.len());
    assert_whole(&folder.join(ARGS[4]));
}

fn kill(served: &Served) {
    let id = served.child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-KILL", &id]).status().unwrap().success());
}

/// Everything that was answered is there, and of each client's of all rounds one more at most.
fn check(served: &Served, known: &BTreeSet<String>, rounds: usize) {
    let there: BTreeSet<_> =
        ["tokyo", "osaka"].iter().flat_map(|host| entries(served, host)).collect();
    let lost: Vec<_> = known.difference(&there).collect();
    assert!(lost.is_empty(), "round {rounds}: {lost:?}");
    let unheard = there.difference(known).count();
    assert!(unheard <= 3 * rounds, "round {rounds}: {unheard} that nobody got an answer to");
}

/// The journal is a script, too.
fn assert_whole(journal: &Path) {
    let script = hyperv_replica::script::parse(&fs::read_to_string(journal).unwrap()).unwrap();
    assert!(hyperv_replica::script::run(&script).passed());
}
