//! The house rules: what the pure rooms may use, who may know whom, what the crate depends on.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file under a path, itself included if it is one.
fn sources(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let mut found: Vec<_> = fs::read_dir(path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .flat_map(|entry| sources(&entry.unwrap().path()))
        .filter(|path| path.extension().is_some_and(|it| it == "rs"))
        .collect();
    found.sort();
    found
}

/// The code of a room, line by line, without comments.
fn code(room: &str) -> Vec<(PathBuf, usize, String)> {
    let mut lines = Vec::new();
    for path in sources(&root().join("src").join(room)) {
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.split("//").next().unwrap_or_default().to_owned();
            lines.push((path.clone(), number, line));
        }
    }
    assert!(!lines.is_empty(), "no room `{room}`");
    lines
}

/// A world is a function of its inputs: nothing in the pure rooms reads the machine it runs on.
#[test]
fn pure_rooms_are_pure() {
    const FORBIDDEN: &[&str] = &[
        "Instant",
        "SystemTime",
        "Utc::now",
        "Local::now",
        "std::thread",
        "std::fs",
        "std::io",
        "std::net",
        "std::env",
        "std::process",
        "HashMap",
        "HashSet",
        "RandomState",
        "rand::",
        "getrandom",
        "Mutex",
        "RwLock",
        "RefCell",
        "Cell<",
        "Atomic",
        "OnceLock",
        "LazyLock",
        "thread_local",
        "unsafe",
        "println!",
        "eprintln!",
        "dbg!",
    ];
    let mut found = Vec::new();
    for room in ["model", "rules", "engine", "oracle"] {
        for (path, number, line) in code(room) {
            for word in FORBIDDEN.iter().filter(|word| line.contains(**word)) {
                found.push(format!("{}:{number}: {word}", path.display()));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Doors open in one direction only.
#[test]
fn rooms_know_only_what_they_may() {
    // A room, and the rooms whose insides it may use.
    const DOORS: &[(&str, &[&str])] = &[
        ("model", &["model"]),
        ("error.rs", &["error", "model"]),
        ("evidence.rs", &["evidence"]),
        ("service", &["service", "error", "model"]),
        ("layer", &["layer", "service", "error", "model"]),
        ("rules", &["rules", "evidence", "error", "model"]),
        ("engine", &["engine", "rules", "evidence", "error", "model"]),
        ("oracle", &["oracle", "engine", "rules", "evidence", "error", "model"]),
        ("sim", &["sim", "oracle", "engine", "service", "error", "model"]),
        (
            "script",
            &["script", "layer", "sim", "oracle", "engine", "rules", "service", "error", "model"],
        ),
        ("cim", &["cim", "service", "error", "model"]),
        ("wsman", &["wsman", "cim", "model"]),
        (
            "testkit",
            &[
                "testkit", "script", "layer", "sim", "oracle", "engine", "rules", "service",
                "evidence", "error", "model",
            ],
        ),
        ("testkit/conformance", &["service", "evidence", "error", "model"]),
        ("wmi", &["wmi", "cim", "model"]),
    ];
    const ROOMS: &[&str] = &[
        "model", "error", "evidence", "service", "layer", "rules", "engine", "oracle", "sim",
        "script", "prelude", "cim", "testkit", "wmi", "wsman",
    ];
    let mut found = Vec::new();
    for (room, may) in DOORS {
        // What a room calls itself is no door.
        let own = format!("crate::{}::", room.replace('/', "::"));
        for (path, number, line) in code(room) {
            let line = line.replace(&own, "");
            for other in ROOMS.iter().filter(|other| !may.contains(other)) {
                let door = format!("crate::{other}");
                if line.contains(&door) {
                    found.push(format!("{}:{number}: {door}", path.display()));
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The dependencies of the default features, by name. Each new one is a decision.
#[test]
fn default_dependencies_are_few() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let section = manifest
        .split("\n[")
        .find(|it| it.starts_with("dependencies]"))
        .expect("there is a section of dependencies");
    let names: Vec<_> = section
        .lines()
        .skip(1)
        .filter(|line| line.contains('=') && !line.contains("optional = true"))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(names, ["chrono", "rand", "serde"]);
    assert!(section.contains("chrono = { version = \"0.4\", default-features = false"));
    assert!(section.contains("rand = { version = \"0.10\", default-features = false"));
    assert!(manifest.contains("\ndefault = []\n"));
}
