//! Writes the first inputs of each target into a folder: the scenarios, their lines, and walks.
//!
//! `cargo run --example seeds -- CORPUS [SCENARIOS]`

use hyperv_replica::cim::text::Form;
use hyperv_replica::cim::{self, Instance, Schema, Value};
use hyperv_replica::script;
use hyperv_replica::testkit::beginning::Beginning;
use hyperv_replica::testkit::walk::Step;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

#[allow(dead_code)] // What its target does with them.
#[path = "../src/tokens.rs"]
mod tokens;

const QUERIES: &[&str] = &[
    "SELECT ElementName, EnabledState FROM MsVm_ComputerSystem WHERE ReplicationState IS NOT NULL",
    r"select * from Msvm_ReplicationSettingData where InstanceID='Microsoft:A\\HVR\\0'",
    "SELECT * FROM Msvm_ComputerSystem WHERE NOT (EnabledState > 2 AND Name LIKE \"%[a-f]_\") OR 1 = 1",
    "ASSOCIATORS OF {Msvm_ComputerSystem.Name='A'} WHERE AssocClass=B ResultClass=C Role=D",
    "REFERENCES OF {Msvm_ConcreteJob=\"A\"} WHERE ResultClass=B KeysOnly",
    "SELECT TargetInstance FROM __InstanceModificationEvent WITHIN 1.5 WHERE TargetInstance ISA 'A'",
];

const PATHS: &[&str] = &[
    r#"\\TOKYO\root\virtualization\v2:Msvm_ComputerSystem.CreationClassName="Msvm_ComputerSystem",Name="A""#,
    r"Msvm_ReplicationSettingData.InstanceID='Microsoft:A\\HVR\\0'",
    "//./root/cimv2:Win32_OperatingSystem=@",
    "Class.A=1,B=TRUE",
];

const ORDERS: &[&str] = &[
    "hosts\nadvance 5m\ntrace",
    "fork what-if\ncrash tokyo\nexpect tokyo web off",
    "cut tokyo osaka\nadvance 10m\nexpect tokyo web Primary\nreset",
    "fork a\nadvance 1h\nfork b\ntrace\ndrop a\ndrop b",
    "osaka InitiateFailover web point=oldest => 4096 job1\nwait job1\nexpect osaka web Recovered",
    "fault tokyo RequestStateChange web Enabled times=1 => 32774\ntokyo RequestStateChange web ShutDown",
    "host nara\nvm db on nara running\nhosts",
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let corpus = PathBuf::from(arguments.next().unwrap_or_else(|| "corpus".to_owned()));
    let scenarios = arguments
        .next()
        .unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/scenarios").to_owned());
    let mut scripts = Vec::new();
    collect(Path::new(&scenarios), &mut scripts)?;
    scripts.sort();

    let mut written = 0;
    let mut write = |target: &str, name: &str, bytes: &[u8]| -> Result<(), Box<dyn Error>> {
        let folder = corpus.join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name), bytes)?;
        written += 1;
        Ok(())
    };
    for (number, path) in scripts.iter().enumerate() {
        let text = fs::read_to_string(path)?;
        write("script", &format!("scenario{number}"), text.as_bytes())?;
        write("run", &format!("scenario{number}"), text.as_bytes())?;
        // As a journal has it: everything that happens, by the ids that things have.
        if let Ok(beginning) = script::parse(&text).map(|it| Beginning::script(&it)) {
            let written = beginning.map(|it| it.record(&[]).to_string()).unwrap_or_default();
            write("journal", &format!("scenario{number}"), written.as_bytes())?;
        }
        if let Some(line) = text.lines().nth(number % 12) {
            write("text", &format!("line{number}"), line.as_bytes())?;
        }
    }
    let texts = [
        "{564D8B6E-3C3D-4C4B-8A53-0C6D3B6A7D01}",
        "20120615143000.000000+060",
        "00000001020304.000005:000",
        "********093000.000000+***",
        "1d2h3m4s5ms6us7ns",
        "InitiateFailover",
    ];
    for (number, text) in texts.iter().enumerate() {
        write("text", &format!("text{number}"), text.as_bytes())?;
    }
    for (number, text) in ORDERS.iter().enumerate() {
        write("orders", &format!("order{number}"), text.as_bytes())?;
    }
    for (number, text) in Schema::VIRTUALIZATION.iter().enumerate() {
        write("mof", &format!("mof{number}"), text.as_bytes())?;
    }
    for (number, text) in QUERIES.iter().enumerate() {
        write("wql", &format!("query{number}"), text.as_bytes())?;
    }
    for (number, text) in PATHS.iter().enumerate() {
        write("path", &format!("path{number}"), text.as_bytes())?;
    }
    for (number, text) in texts[1..4].iter().enumerate() {
        write("datetime", &format!("datetime{number}"), text.as_bytes())?;
    }
    let schema = Schema::virtualization();
    for class in ["Msvm_ReplicationSettingData", "Msvm_ConcreteJob", "Msvm_SummaryInformation"] {
        let class = schema.class(class).expect("declared");
        let empty = class.properties.iter().fold(Instance::new(&class.name), |it, property| {
            it.with(&property.name, property.default.clone().unwrap_or(Value::Null))
        });
        let settings = empty.with("InstanceID", r"Microsoft:A\HVR\0");
        for form in [Form::CimDtd20, Form::WmiDtd20] {
            let text = cim::text::write(&settings, schema, form);
            write("instance", &format!("{}{form:?}", class.name), text.as_bytes())?;
        }
    }
    // A walk from each beginning: four calls that are accepted, each run to its end.
    for begin in 0..6u8 {
        let step = |n: u8| {
            let kind = if n % 4 == 0 { 6 } else { 0 };
            let mut bytes = [0; Step::BYTES];
            (bytes[0], bytes[1]) = (kind, n + begin);
            bytes
        };
        let steps: Vec<u8> = (0..16).flat_map(step).collect();
        write("walk", &format!("walk{begin}"), &[&[begin], &steps[..]].concat())?;
    }
    let requests = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/wsman");
    for entry in fs::read_dir(requests)? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|it| it.to_str()).unwrap_or_default();
        write("envelope", name, &fs::read(&path)?)?;
    }
    for (number, token) in tokens::seeds().iter().enumerate() {
        write("tokens", &format!("token{number}"), token)?;
    }
    println!("{written} inputs in {}", corpus.display());
    Ok(())
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, found)?;
        } else if path.extension().is_some_and(|it| it == "hvr") {
            found.push(path);
        }
    }
    Ok(())
}
