//! A recording against the simulator: where the two differ, and by which rule.

use super::ast::{Script, Statement};
use super::because::{self, About, NEWS, Past};
use super::capture::Inventory;
use super::describe::blank_vm;
use super::runner::{Runner, WAIT_LIMIT};
use crate::engine::{HostSpec, Input, VmSpec, World};
use crate::layer::{Exchange, Look, Question, Recording, Replay, Replayed, Shown, Told};
use crate::model::time::format_duration;
use crate::model::{
    Adapter, Call, Devices, Disk, EnabledState, Host, HostId, IN_BOX_PROVIDER, Job, JobId,
    ReplicationMode, SimTime, Vm,
};
use crate::service::ReplicationService;
use crate::sim::{HostHandle, Lab, Watch};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Something that the recorded service did, and the simulator does otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The line of the recording.
    pub line: u32,
    /// When it was asked.
    pub at: SimTime,
    /// Which host.
    pub host: Arc<str>,
    /// What it was asked, and of a read which part of what it showed.
    pub question: String,
    /// What the recording says.
    pub recorded: String,
    /// What the simulator says.
    pub simulated: String,
    /// The rules by which the simulator says so, each with how it is known; or that none speaks of
    /// it. Of what is only about pace there may be nothing.
    pub because: Vec<String>,
    /// Whether it is only about how fast things go, which is a matter of the
    /// [`Policy`](crate::engine::Policy).
    pub pace: bool,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, at, host, question, recorded, simulated, because, .. } = self;
        let at = format_duration(at.since(SimTime::ZERO));
        write!(f, "{line}: @{at} {host} {question}: the recording says {recorded}, ")?;
        write!(f, "the simulator {simulated}")?;
        because.iter().try_for_each(|it| write!(f, "\n    {it}"))
    }
}

/// A recording whose beginning cannot be rebuilt, and why; [`compare_in`] takes a world that fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoBeginning(String);

impl fmt::Display for NoBeginning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoBeginning {}

/// Asks the simulator what a recorded service was asked, at the recorded times, and lists each
/// difference.
///
/// The world begins with the hosts and virtual machines as the recording saw them first. Where
/// something replicates already, it is [re-enacted](Inventory::capture). What no read shows is as a
/// [`vm`](crate::script#statements) line has it that says nothing: the sizes of disks, and what the
/// guest writes. Sentences are not compared, and ids only by what they stand for.
///
/// # Errors
/// [`NoBeginning`] where no re-enactment comes to what the recording saw first.
///
/// ```
/// use hyperv_replica::layer::{Recorder, Told};
/// use hyperv_replica::model::ErrorCode;
/// use hyperv_replica::{prelude::*, script, sim::Lab};
///
/// let lab = Lab::new(["tokyo"]);
/// let web = lab.vm("web").on("tokyo").create();
/// let recorder = Recorder::new();
/// let tokyo = recorder.over("tokyo", lab.host("tokyo"))?;
/// assert!(tokyo.commit_failover(web).is_err());
/// let mut recording = recorder.recording();
/// assert_eq!(script::compare(&recording)?, []);
///
/// // Had a real host answered 32770, this is what there is to think about.
/// recording.exchanges[0].told = Told::Refused(ErrorCode::NotSupported);
/// let found = script::compare(&recording)?;
/// assert_eq!((&*found[0].recorded, &*found[0].simulated), ("32770", "32775"));
/// assert!(found[0].because[0].contains("documented"), "{}", found[0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn compare(recording: &Recording) -> Result<Vec<Difference>, NoBeginning> {
    beginning(recording).map(|world| compare_in(recording, world))
}

/// As [`compare`], from a world of the caller's: its hosts are found by their names. However late it
/// is there, the recording begins then.
pub fn compare_in(recording: &Recording, world: World) -> Vec<Difference> {
    let lab = Lab::over(world, 0);
    let mut session = Session {
        begun: (start_of(recording), lab.now()),
        names: host_names(recording),
        watch: lab.watch(),
        lab,
        ids: BTreeMap::new(),
        past: Past::default(),
        found: Vec::new(),
    };
    recording.exchanges.iter().for_each(|it| session.ask(it));
    session.found
}

/// What each host of a recording is called by others.
fn host_names(recording: &Recording) -> BTreeMap<Arc<str>, Arc<str>> {
    let shown = recording.opening.iter().filter_map(|it| match &it.told {
        Told::Shown(Shown::Host(host)) => Some((Arc::clone(&it.host), Arc::clone(&host.name))),
        _ => None,
    });
    shown.collect()
}

/// When a recording begins.
fn start_of(recording: &Recording) -> SimTime {
    let opening = recording.opening.iter().map(|it| it.at).min();
    opening.or(recording.exchanges.first().map(|it| it.at)).unwrap_or(SimTime::ZERO)
}

/// The world as the opening of a recording shows it.
fn beginning(recording: &Recording) -> Result<World, NoBeginning> {
    let is_plain = |vm: &Vm| {
        let power = [EnabledState::Enabled, EnabledState::Disabled].contains(&vm.power);
        vm.mode == ReplicationMode::None && power
    };
    let all_plain = recording.opening.iter().all(|it| match &it.told {
        Told::Shown(Shown::Vms(all)) => all.iter().all(is_plain),
        _ => true,
    });
    if all_plain { fresh(recording) } else { reenacted(recording) }
}

/// The world in which calls were made until it looked as the opening does.
fn reenacted(recording: &Recording) -> Result<World, NoBeginning> {
    let no = |why: String| {
        let help = "`hvr compare --from` takes a script that begins so";
        NoBeginning(format!("how the recording begins cannot be rebuilt: {why}; {help}"))
    };
    let replay = Replay::opening_of(recording);
    let hosts: Vec<Replayed> = host_names(recording).keys().map(|it| replay.host(it)).collect();
    if hosts.is_empty() {
        return Err(no("it opens with no host".to_owned()));
    }
    let services: Vec<&dyn ReplicationService> = hosts.iter().map(|it| it as _).collect();
    let inventory = Inventory::read(&services).map_err(|it| no(it.to_string()))?;
    let captured = inventory.capture();
    if !captured.differences.is_empty() {
        return Err(no(captured.differences.join(", ")));
    }
    // The same, and as late as it was there. Nothing happens in an empty world meanwhile.
    let later = start_of(recording).since(captured.world.now());
    let mut lines = vec![Statement::Advance(later).into()];
    lines.extend(captured.script.lines);
    let mut runner = Runner::new(World::new(0));
    match runner.run(&Script { lines }).faults().next() {
        Some((_, fault)) => Err(no(fault.to_string())),
        None => Ok(runner.world().clone()),
    }
}

/// The world in which nothing replicates yet.
fn fresh(recording: &Recording) -> Result<World, NoBeginning> {
    let mut hosts: Vec<(&Arc<str>, HostSpec, Vec<VmSpec>)> = Vec::new();
    for Exchange { host: label, question, told, .. } in &recording.opening {
        let place = hosts.iter().position(|(it, ..)| *it == label).unwrap_or_else(|| {
            hosts.push((label, HostSpec::trusting(label), Vec::new()));
            hosts.len() - 1
        });
        let (_, spec, vms) = &mut hosts[place];
        let Told::Shown(shown) = told else { continue };
        match shown {
            Shown::Host(Host { name, build, providers, .. }) => {
                (spec.name, spec.build) = (Arc::clone(name), *build);
                let external = providers.iter().filter(|it| it.name != IN_BOX_PROVIDER);
                spec.providers = external.cloned().collect();
            }
            Shown::ServiceSettings(settings) => spec.settings = settings.clone(),
            Shown::AuthorizationEntries(entries) => spec.entries.clone_from(entries),
            Shown::Vms(all) => {
                vms.extend(all.iter().map(vm_spec));
            }
            Shown::Devices(devices) => {
                let is_of = |it: &&mut VmSpec| *question == Question::Look(Look::Devices(it.id));
                if let Some(vm) = vms.iter_mut().find(is_of) {
                    has(vm, devices);
                }
            }
            _ => {}
        }
    }
    if hosts.is_empty() {
        return Err(NoBeginning("the recording opens with no host".to_owned()));
    }
    let mut world = World::new(0);
    let mut inputs = vec![Input::Advance(start_of(recording).since(SimTime::ZERO))];
    for (number, (_, spec, vms)) in (0..).zip(hosts) {
        inputs.push(Input::AddHost(spec));
        inputs.extend(vms.into_iter().map(|vm| Input::AddVm { host: HostId(number), vm }));
    }
    for input in inputs {
        let reply = world.apply(&input, &mut Vec::new());
        if reply.is_refusal() {
            return Err(NoBeginning(format!("the simulator cannot begin so: {reply:?}")));
        }
    }
    Ok(world)
}

fn vm_spec(vm: &Vm) -> VmSpec {
    let running = vm.power == EnabledState::Enabled;
    VmSpec { id: vm.id, ..blank_vm(&vm.name, running) }
}

/// Gives a virtual machine as many disks and adapters as it was seen to have.
fn has(vm: &mut VmSpec, devices: &Devices) {
    let disks = vm
        .disks
        .first()
        .map(|like| devices.disks.iter().map(|id| Disk { id: *id, ..like.clone() }).collect());
    vm.disks = disks.unwrap_or_default();
    vm.adapters = devices.adapters.iter().map(|id| Adapter::synthetic(*id)).collect();
}

struct Session {
    lab: Lab,
    /// When it began there, and here.
    begun: (SimTime, SimTime),
    watch: Watch,
    names: BTreeMap<Arc<str>, Arc<str>>,
    /// From GUIDs of the recording to those of the lab, as texts.
    ids: BTreeMap<String, String>,
    past: Past,
    found: Vec<Difference>,
}

impl Session {
    /// When here is what a time of the recording is.
    fn here(&self, at: SimTime) -> SimTime {
        let (there, here) = self.begun;
        if at < there { at } else { here + at.since(there) }
    }

    fn ask(&mut self, it: &Exchange) {
        self.lab.advance(self.here(it.at).since(self.lab.now()));
        let name = self.names.get(&it.host).unwrap_or(&it.host);
        let Some(host) = self.lab.find_host(name) else {
            return self.differ(it, None, "an answer", "knows no such host", Vec::new(), false);
        };
        match &it.question {
            Question::Call(call) => self.call(it, &host, call),
            Question::Look(look) => self.look(it, &host, *look),
        }
    }

    fn differ(
        &mut self,
        it: &Exchange,
        field: Option<&str>,
        recorded: impl fmt::Display,
        simulated: impl fmt::Display,
        because: Vec<String>,
        pace: bool,
    ) {
        let question = match field {
            Some(field) => format!("{}, {field}", it.question),
            None => it.question.to_string(),
        };
        let (recorded, simulated) = (recorded.to_string(), simulated.to_string());
        let (line, at, host) = (it.line, it.at, Arc::clone(&it.host));
        let mut because = because;
        if because.is_empty() && !pace {
            because.push(NEWS.to_owned());
        }
        let found = Difference { line, at, host, question, recorded, simulated, because, pace };
        self.found.push(found);
    }

    /// A value of the recording with the ids that the lab gave the same things.
    fn translated<T: serde::Serialize>(&self, it: &T) -> Option<Value> {
        let mut value = serde_json::to_value(it).ok()?;
        translate(&mut value, &self.ids);
        Some(value)
    }

    fn same(&mut self, recorded: impl fmt::Display, simulated: impl fmt::Display) {
        let (recorded, simulated) = (recorded.to_string(), simulated.to_string());
        if recorded != simulated {
            self.ids.insert(recorded, simulated);
        }
    }

    fn call(&mut self, it: &Exchange, host: &HostHandle, call: &Call) {
        let translated = self.translated(call).and_then(|it| serde_json::from_value(it).ok());
        let call: Call = translated.unwrap_or_else(|| call.clone());
        let call = because::at_another_time(call, |at| self.here(at));
        let answer = host.call(&call);
        self.past.called(&call, &answer);
        let told = Told::of_call(&answer);
        match (&it.told, &told) {
            // An answer that was lost says nothing of the service.
            (Told::Unanswered, _) => {}
            (Told::Started(recorded), Told::Started(simulated)) => self.same(recorded, simulated),
            (Told::Returned(recorded), Told::Returned(simulated)) => {
                if let (Some(recorded), Ok(simulated)) =
                    (self.translated(recorded), serde_json::to_value(simulated))
                {
                    let about = call.vm().map(About::vm).unwrap_or_default();
                    let because = because::answered(&call, &it.told, &answer);
                    for leaf in leaves(&recorded, &simulated) {
                        let shown = self.past.shown(host, about, last(&leaf.path));
                        let of = if shown.is_empty() { because.clone() } else { shown };
                        self.differ_in(it, &leaf, of);
                    }
                }
            }
            (recorded, simulated) if recorded == simulated => {}
            (recorded, simulated) => {
                let because = because::answered(&call, recorded, &answer);
                self.differ(it, None, word(recorded), word(simulated), because, false);
                if let Told::Started(job) = simulated {
                    // What is done on the other side is done here before it goes on.
                    self.finish(*job);
                }
            }
        }
    }

    /// Lets a job end.
    fn finish(&self, job: JobId) {
        let ended = |world: &World| world.job(job).is_none_or(|(_, it)| it.state.is_terminal());
        self.lab.run_until(WAIT_LIMIT, ended);
    }

    fn look(&mut self, it: &Exchange, host: &HostHandle, look: Look) {
        let Some(look) = self.translated_look(look) else { return };
        if let Told::Shown(Shown::Job(recorded)) = &it.told
            && let Look::Job(job) = look
            && recorded.state.is_terminal()
            && host.job(job).is_ok_and(|it| !it.state.is_terminal())
        {
            let before = self.lab.now();
            self.finish(job);
            let late = format_duration(self.lab.now().since(before)).to_string();
            self.differ(it, None, "that it has ended", format!("{late} later"), vec![], true);
        }
        let told = Told::of_look(look.at(host));
        self.past.saw(self.watch.take());
        match (&it.told, &told) {
            (Told::Unanswered, _) => {}
            (Told::Shown(recorded), Told::Shown(simulated)) => {
                self.learn(recorded, simulated);
                let (Some(mut recorded), Ok(mut simulated)) =
                    (self.translated(recorded), serde_json::to_value(simulated))
                else {
                    return;
                };
                if look == Look::Jobs {
                    keep_common(&mut recorded, &mut simulated);
                }
                for leaf in leaves(&recorded, &simulated) {
                    let about = about(look, &simulated, &leaf.path);
                    let because = self.past.shown(host, about, last(&leaf.path));
                    self.differ_in(it, &leaf, because);
                }
            }
            (recorded, simulated) if recorded == simulated => {}
            // What started no job here has none to show.
            (_, Told::Missing) if matches!(look, Look::Job(_)) => {
                self.differ(it, None, word(&it.told), "missing", Vec::new(), true);
            }
            (recorded, simulated) => {
                let because = self.past.shown(host, About::look(look), "");
                self.differ(it, None, word(recorded), word(simulated), because, false);
            }
        }
    }

    /// A part of what is shown that is not alike.
    fn differ_in(&mut self, it: &Exchange, leaf: &Leaf, because: Vec<String>) {
        let pace = leaf.path.split('.').any(|it| PACE.contains(&it));
        let field = (!leaf.path.is_empty()).then_some(&*leaf.path);
        self.differ(it, field, &leaf.recorded, &leaf.simulated, because, pace);
    }

    fn translated_look(&self, look: Look) -> Option<Look> {
        let id = |text: String| self.ids.get(&text).cloned().unwrap_or(text);
        Some(match look {
            Look::Vm(vm) => Look::Vm(id(vm.to_string()).parse().ok()?),
            Look::RecoveryPoints(vm) => Look::RecoveryPoints(id(vm.to_string()).parse().ok()?),
            Look::Devices(vm) => Look::Devices(id(vm.to_string()).parse().ok()?),
            Look::FailoverNetwork(vm) => Look::FailoverNetwork(id(vm.to_string()).parse().ok()?),
            Look::Job(job) => Look::Job(id(job.to_string()).parse().ok()?),
            look => look,
        })
    }

    /// Which things are the same although they have other ids.
    fn learn(&mut self, recorded: &Shown, simulated: &Shown) {
        match (recorded, simulated) {
            (Shown::Vm(a), Shown::Vm(b)) => {
                if let (Some(a), Some(b)) = (a.test_replica, b.test_replica) {
                    self.same(a, b);
                }
            }
            (Shown::Vms(a), Shown::Vms(b)) => {
                for one in a {
                    let mut named = b.iter().filter(|it| it.name == one.name);
                    if let (Some(other), None) = (named.next(), named.next()) {
                        self.same(one.id, other.id);
                    }
                }
            }
            (Shown::RecoveryPoints(a), Shown::RecoveryPoints(b)) => {
                a.iter().zip(b).for_each(|(a, b)| self.same(a.id, b.id));
            }
            (Shown::Jobs(a), Shown::Jobs(b)) => {
                let known = |job: &&Job, of: &Self| of.ids.contains_key(&job.id.to_string());
                let mut free: Vec<&Job> = b
                    .iter()
                    .filter(|b| !self.ids.values().any(|it| *it == b.id.to_string()))
                    .collect();
                for one in a {
                    if known(&one, self) || b.iter().any(|it| it.id == one.id) {
                        continue;
                    }
                    if let Some(at) = free.iter().position(|it| it.job_type == one.job_type) {
                        let other = free.remove(at);
                        self.same(one.id, other.id);
                    }
                }
            }
            _ => {}
        }
    }
}

/// A part of two values that is not alike.
struct Leaf {
    path: String,
    recorded: Value,
    simulated: Value,
}

/// The last name in a path.
fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or_default()
}

/// Every part that is not alike.
fn leaves(recorded: &Value, simulated: &Value) -> Vec<Leaf> {
    let mut found = Vec::new();
    add_leaves(String::new(), recorded, simulated, &mut found);
    found
}

fn add_leaves(path: String, recorded: &Value, simulated: &Value, found: &mut Vec<Leaf>) {
    if SENTENCES.contains(&last(&path)) || recorded == simulated {
        return;
    }
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (recorded, simulated) {
        (Value::Object(a), Value::Object(b)) => {
            let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
            for key in keys {
                let null = &Value::Null;
                let (a, b) = (a.get(key).unwrap_or(null), b.get(key).unwrap_or(null));
                add_leaves(below(key), a, b, found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (place, (a, b)) in a.iter().zip(b).enumerate() {
                add_leaves(below(&place.to_string()), a, b, found);
            }
        }
        _ => {
            let (recorded, simulated) = (recorded.clone(), simulated.clone());
            found.push(Leaf { path, recorded, simulated });
        }
    }
}

/// What a part of a read is about: of a list, the one in that place.
fn about(look: Look, simulated: &Value, path: &str) -> About {
    let place = path.split('.').next().and_then(|it| it.parse::<usize>().ok());
    let id = place.and_then(|it| simulated[it]["id"].as_str());
    match (look, id) {
        (Look::Vms, Some(id)) => id.parse().map(About::vm).unwrap_or_default(),
        (Look::Jobs, Some(id)) => id.parse().map(About::job).unwrap_or_default(),
        _ => About::look(look),
    }
}

/// What is the service's own wording.
const SENTENCES: [&str; 6] = [
    "summary",
    "description",
    "message",
    "message_arguments",
    "recommended_actions",
    "error_source",
];

/// What depends on how fast things go.
const PACE: [&str; 28] = [
    "percent_complete",
    "cancellable",
    "submitted",
    "scheduled",
    "started",
    "state_changed",
    "elapsed",
    "last_replication",
    "last_apply",
    "last_application_consistent",
    "created",
    "position",
    "start",
    "end",
    "successes",
    "misses",
    "size_bytes",
    "max_size_bytes",
    "latency_s",
    "max_latency_s",
    "network_failures",
    "replication_failures",
    "application_consistent_failures",
    "pending_bytes",
    "last_test_failover",
    "valid_from",
    "valid_until",
    "requested",
];

/// Puts other ids into a value, inside longer texts as well.
fn translate(value: &mut Value, ids: &BTreeMap<String, String>) {
    match value {
        Value::String(text) => {
            for (from, to) in ids {
                if text.contains(from.as_str()) {
                    // A text has one id.
                    *text = text.replace(from.as_str(), to);
                    return;
                }
            }
        }
        Value::Array(all) => all.iter_mut().for_each(|it| translate(it, ids)),
        Value::Object(all) => all.values_mut().for_each(|it| translate(it, ids)),
        _ => {}
    }
}

/// Of two lists of jobs, those that both have: how long one stays is a matter of pace.
fn keep_common(a: &mut Value, b: &mut Value) {
    let (Value::Array(a), Value::Array(b)) = (a, b) else { return };
    let both = |one: &Value, of: &[Value]| of.iter().any(|it| it["id"] == one["id"]);
    a.retain(|it| both(it, b));
    b.retain(|it| both(it, a));
}

/// An answer in a word.
fn word(told: &Told) -> String {
    match told {
        Told::Completed | Told::Returned(_) => "0".to_owned(),
        Told::Started(_) => "4096".to_owned(),
        Told::Refused(code) => code.to_wire().to_string(),
        Told::Unrecognised(value) => value.to_string(),
        Told::NotImplemented => "1".to_owned(),
        Told::Missing => "missing".to_owned(),
        Told::Unanswered => "nothing".to_owned(),
        Told::Shown(_) => "that it is there".to_owned(),
    }
}
