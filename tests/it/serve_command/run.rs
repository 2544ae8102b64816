//! A script on hosts over the network.

use super::{Served, TWO_SITES, ended, folder, hvr};
use std::fs;
use std::path::Path;

const PLANNED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/hosts/planned-failover.hvr");
const TEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/hosts/test-failover.hvr");

/// `hvr run` on tokyo and osaka, wherever they are.
fn run(script: &str, address: impl Fn(&str) -> String, more: &[&str]) -> (i32, String, String) {
    let mut command = hvr();
    command.args(["run", script]);
    for host in ["tokyo", "osaka"] {
        command.args(["--host", &format!("{host}={}", address(host))]);
    }
    ended(command.args(more).env("COLUMNS", "200").output().unwrap())
}

fn in_the_lab(host: &str) -> String {
    format!("lab:{TWO_SITES}#{host}")
}

fn over(served: &Served, script: &str, more: &[&str]) -> (i32, String, String) {
    let password = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hvr-serve").join("run-password");
    fs::write(&password, served.password()).unwrap();
    let login = ["--user", "admin", "--password-file", password.to_str().unwrap()];
    run(script, |host| served.url(host).to_owned(), &[&login[..], more].concat())
}

/// The same script, in the lab and over the network: the same table.
#[test]
fn a_script_runs_on_hosts_wherever_they_are() {
    for script in [PLANNED, TEST] {
        let here = run(script, in_the_lab, &[]);
        assert_eq!((here.0, &*here.2), (0, ""), "{}", here.1);
        let served = Served::start(&folder("run"), TWO_SITES, &["--clock", "jump"]);
        // Without consent it is only told.
        let (status, out, err) = over(&served, script, &[]);
        assert_eq!((status, &*err), (0, ""));
        assert!(out.starts_with("Nothing was done. With `--yes`, "), "{out}");
        assert_eq!(over(&served, script, &["--yes"]), here);
    }
}
