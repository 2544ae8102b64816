//! What the targets do with bytes: functions, so that the crate's own tests run them, too.

use hyperv_replica::engine::{Event, World};
use hyperv_replica::layer::Plan;
#[cfg(feature = "record")]
use hyperv_replica::layer::Recording;
use hyperv_replica::model::{
    CimDateTime, CimInterval, CimTimeOfDay, Guid, JobId, Operation, PointId, RelationshipId, VmId,
    time,
};
use hyperv_replica::oracle::Watcher;
use hyperv_replica::script::{self, Control, Fault, Line, Rebuilt, Runner, Statement};
use hyperv_replica::sim::{Lab, Pace};
use hyperv_replica::testkit::beginning::Beginning;
use hyperv_replica::testkit::walk::Step;
use std::fmt::{Debug, Display};
use std::str::FromStr;
use std::sync::OnceLock;

#[cfg(feature = "cim")]
pub mod cim;

/// A script that is read is printed as a script that says the same.
pub fn script(bytes: &[u8]) {
    if let Ok(script) = script::parse_bytes(bytes) {
        let text = script.to_string();
        match script::parse(&text) {
            Ok(again) => assert_eq!(again, script, "printed as\n{text}"),
            Err(error) => panic!("{error}\n{text}"),
        }
        assert_eq!(script.to_string(), text, "printing is stable");
    }
}

/// A text that is read as a value is printed as a text that is read as the same value.
pub fn text(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    round_trip::<Guid>(text);
    round_trip::<VmId>(text);
    round_trip::<JobId>(text);
    round_trip::<PointId>(text);
    round_trip::<RelationshipId>(text);
    round_trip::<CimDateTime>(text);
    round_trip::<CimInterval>(text);
    round_trip::<CimTimeOfDay>(text);
    round_trip::<Plan>(text);
    round_trip::<Pace>(text);
    #[cfg(feature = "record")]
    if let Ok(recording) = text.parse::<Recording>() {
        let printed = recording.to_string();
        let again = printed.parse::<Recording>().map(|it| it.to_string());
        assert_eq!(again, Ok(printed), "a recording that is read is printed as one");
    }
    if let Ok(duration) = time::parse_duration(text) {
        let printed = time::format_duration(duration).to_string();
        assert_eq!(time::parse_duration(&printed), Ok(duration), "printed as {printed}");
    }
    if let Ok(operation) = text.parse::<Operation>() {
        assert!(Operation::named(operation.name()).contains(&operation));
    }
    if let Ok(line) = text.parse::<Line>() {
        let printed = line.to_string();
        assert_eq!(printed.parse::<Line>().as_ref(), Ok(&line), "printed as {printed}");
    }
}

fn round_trip<T: FromStr<Err: Debug> + Display + PartialEq + Debug>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        let printed = value.to_string();
        match printed.parse::<T>() {
            Ok(again) => assert_eq!(again, value, "printed as {printed}"),
            Err(error) => panic!("{value:?} is printed as {printed}: {error:?}"),
        }
    }
}

/// The first byte says how the world begins, each six after it are a step: every one keeps every
/// invariant, and the world is consistent.
pub fn walk(bytes: &[u8]) {
    let Some((first, steps)) = bytes.split_first() else { return };
    let begins = begins();
    let mut world = begins[usize::from(*first) % begins.len()].clone();
    let mut watcher = Watcher::new(&world);
    let mut events: Vec<Event> = Vec::new();
    for step in steps.as_chunks().0 {
        let Some(input) = Step::from_bytes(*step).resolve(&world) else { continue };
        events.clear();
        if let Err(violation) = watcher.apply(&mut world, &input, &mut events) {
            panic!("{violation}");
        }
    }
    if let Err(inconsistency) = world.check() {
        panic!("{inconsistency}");
    }
}

/// Made once: a world costs a fork for each input.
fn begins() -> &'static [World] {
    static BEGINS: OnceLock<Vec<World>> = OnceLock::new();
    BEGINS.get_or_init(|| {
        let all = [
            Beginning::three_hosts(),
            Beginning::replicating(),
            Beginning::chained(),
            Beginning::failed_over(),
            Beginning::on_old_hosts(),
            Beginning::provided(),
        ];
        all.iter().map(Beginning::world).collect()
    })
}

/// Whatever a script says, its run keeps every invariant and panics nowhere.
pub fn run(bytes: &[u8]) {
    let Ok(script) = script::parse_bytes(bytes) else { return };
    if is_long(&script.lines) {
        return;
    }
    let mut runner = Runner::observed(World::new(0));
    for (number, line) in (1..).zip(&script.lines) {
        let fault = runner.step(number, line).and_then(|it| it.fault);
        if let Some(Fault::Violation { says, .. }) = fault {
            panic!("{says}");
        }
    }
}

/// A long stretch of time is much work and nothing new; so are many lines.
fn is_long<'a>(lines: impl IntoIterator<Item = &'a Line>) -> bool {
    let mut lines = lines.into_iter();
    let long =
        |line: &Line| matches!(line.statement, Some(Statement::Advance(by)) if by > time::days(1));
    lines.by_ref().take(64).any(long) || lines.next().is_some()
}

/// A journal is rebuilt or refused. What stands behind its last line break was torn, and changes
/// nothing; what was rebuilt, written down as inputs, is rebuilt again.
pub fn journal(bytes: &[u8]) {
    let lines: Vec<Line> =
        String::from_utf8_lossy(bytes).lines().filter_map(|it| it.parse().ok()).collect();
    if is_long(&lines) {
        return;
    }
    let Ok(rebuilt) = Rebuilt::read(bytes) else { return };
    if let Err(inconsistency) = rebuilt.world.check() {
        panic!("{inconsistency}");
    }
    let whole = bytes.iter().rposition(|it| *it == b'\n').map_or(0, |end| end + 1);
    assert_eq!(rebuilt.torn.is_some(), whole < bytes.len(), "what is torn is told");
    let again = Rebuilt::read(&bytes[..whole]).expect("its whole lines are a journal");
    assert_eq!((again.inputs, again.torn), (rebuilt.inputs, None));
    assert!(again.world == rebuilt.world, "what is torn has not happened");
}

/// Whatever a request says, control of a lab answers it: with what is wrong with its text, and has
/// done nothing then, or with what was done. The lab is consistent after it, and `reset` brings it
/// back to what it was.
pub fn orders(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let lines: Vec<Line> = text.lines().filter_map(|it| it.parse().ok()).collect();
    if is_long(&lines) {
        return;
    }
    let lab = Lab::over(begins()[1].clone(), 0);
    let before = lab.world();
    let control = Control::new(lab.clone());
    let answer = control.run(text);
    answer.to_string();
    if !answer.problems.is_empty() {
        assert!(lab.world() == before, "a request that is not understood does nothing");
    }
    if let Err(inconsistency) = lab.world().check() {
        panic!("{inconsistency}");
    }
    assert!(control.run("reset").passed());
    assert!(lab.world() == before, "what was reset is as it was");
}

/// Whatever arrives, an endpoint answers it with an envelope or a status, strict or lenient, and goes
/// on.
#[cfg(feature = "wsman")]
pub fn envelope(bytes: &[u8]) {
    use hyperv_replica::cim::{Schema, namespace::Namespace};
    use hyperv_replica::wsman::{Endpoint, Request};
    use std::time::Duration;

    let lab = Lab::new(["tokyo", "osaka"]);
    lab.vm("web").on("tokyo").running().create();
    let endpoint = || {
        let client = Namespace::new(lab.host("tokyo"));
        Endpoint::new("TOKYO", || 0).with(
            r"root\virtualization\v2",
            Schema::virtualization(),
            client,
        )
    };
    for endpoint in [endpoint(), endpoint().lenient()] {
        endpoint.identify(bytes);
        let request = Request { user: "admin", body: bytes, now: Duration::ZERO };
        let response = endpoint.answer(request);
        match response.status {
            413 => assert!(response.body.is_empty()),
            200 | 500 if response.content_type.ends_with("UTF-8") => {
                let text = str::from_utf8(&response.body).expect("UTF-8");
                let is_whole = text.starts_with("<s:Envelope ") && text.ends_with("</s:Envelope>");
                assert!(is_whole, "{text}");
            }
            200 | 500 => assert!(response.body.starts_with(&[0xFF, 0xFE])),
            status => panic!("status {status}"),
        }
    }
}
