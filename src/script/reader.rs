//! From the words of a line to the fields that a description asks for.

use super::args::{Args, Group};
use super::form::{Form, NONE};
use super::names::Names;
use super::problem::{Problem, listed, nearest, shown};
use super::text::{Arg, Span, Word, is_alias};
use crate::model::time::parse_duration;
use crate::model::{HostId, JobId, Leg, PointId, RelationshipId, SimTime, VmId};
use std::str::FromStr;

/// How many arguments that nothing asked for are reported of one line.
const MAX_SURPLUS: usize = 10;

/// From words to fields.
pub(super) struct Reader<'a> {
    args: &'a [Arg],
    used: Vec<bool>,
    /// The arguments among which keys are looked for.
    window: (usize, usize),
    /// The key of the group that is being described.
    head: Option<&'static str>,
    /// The keys that were asked for, with the heads of their groups.
    known: Vec<(&'static str, Option<&'static str>)>,
    /// Without names, words are only checked for their form.
    names: Option<(&'a dyn Names, HostId)>,
    end: Span,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    /// Over the arguments of a line that ends at `end`.
    pub(super) fn new(args: &'a [Arg], end: Span, names: Option<(&'a dyn Names, HostId)>) -> Self {
        Self {
            args,
            used: vec![false; args.len()],
            window: (0, args.len()),
            head: None,
            known: Vec::new(),
            names,
            end,
            problems: Vec::new(),
        }
    }

    pub(super) fn problem(&mut self, span: Span, message: impl Into<String>) {
        self.problems.push(Problem::new(span, message));
    }

    /// Whether nothing was wrong so far.
    pub(super) fn is_fine(&self) -> bool {
        self.problems.is_empty()
    }

    /// Something missing behind the last word.
    pub(super) fn problem_at_end(&mut self, message: &str) {
        self.problem(self.end, format!("{message}, found the end of the line"));
    }

    pub(super) fn push(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// What was wrong, including every argument that nothing asked for.
    pub(super) fn finish(mut self) -> Vec<Problem> {
        let known = std::mem::take(&mut self.known);
        let surplus_args = (0..self.args.len()).filter(|at| !self.used[*at]);
        for at in surplus_args.take(MAX_SURPLUS) {
            self.problems.push(surplus(at, self.args, &known));
        }
        self.problems
    }

    /// The next word without a key, if there is one.
    pub(super) fn another_word(&mut self) -> Option<&'a Word> {
        let at = (0..self.args.len()).find(|at| !self.used[*at] && self.args[*at].key.is_none())?;
        self.used[at] = true;
        Some(&self.args[at].value)
    }

    /// The next word without a key, which must be there.
    pub(super) fn next_word(&mut self, expected: impl FnOnce() -> String) -> Option<&'a Word> {
        let word = self.another_word();
        if word.is_none() {
            self.problem_at_end(&format!("expected {}", expected()));
        }
        word
    }

    fn take(&mut self, key: &'static str) -> Option<&'a Arg> {
        if !self.known.iter().any(|(known, _)| *known == key) {
            self.known.push((key, self.head));
        }
        let (from, to) = self.window;
        let at =
            (from..to).find(|at| !self.used[*at] && self.args[*at].key.as_deref() == Some(key))?;
        self.used[at] = true;
        Some(&self.args[at])
    }

    fn read<F: Form>(&mut self, form: F, word: &Word) -> Option<F::Value> {
        let value = form.read(word);
        if value.is_none() {
            let message = format!("expected {}, found {}", form.expected(), shown(word.text()));
            let problem = Problem::new(word.span(), message);
            self.problems.push(match form.help(word) {
                None => problem.near(word.text(), form.words()),
                help => problem.helped(help),
            });
        }
        value
    }

    /// An id in braces.
    fn guid<T: FromStr<Err = crate::model::ParseIdError>>(&mut self, word: &Word) -> Option<T> {
        match word.text().parse() {
            Ok(id) => Some(id),
            Err(error) => {
                let at = u32::try_from(error.at).unwrap_or(u32::MAX);
                let start = word.span().start.saturating_add(at);
                let span = Span { start, end: word.span().end.max(start.saturating_add(1)) };
                let message =
                    format!("expected {} in the GUID {}", error.expected, shown(word.text()));
                self.problem(span, message);
                None
            }
        }
    }

    /// A host by name, or by its number as `@2`.
    pub(super) fn host_word(&mut self, word: &Word) -> Option<HostId> {
        let found = shown(word.text());
        if let Some(number) = word.plain().and_then(|text| text.strip_prefix('@')) {
            let id = number.parse().ok().map(HostId);
            if id.is_none() {
                self.problem(
                    word.span(),
                    format!("expected `@` and the number of a host, found {found}"),
                );
            }
            return id;
        }
        let (names, _) = self.names?;
        let id = names.host_named(word.text());
        if id.is_none() {
            let message = format!("no host is called {found}");
            let known: Vec<_> = (0..).map_while(|it| names.host_name(HostId(it))).collect();
            let near = known.iter().map(|it| &**it);
            self.problems.push(Problem::new(word.span(), message).near(word.text(), near));
        }
        id
    }

    /// A virtual machine by name or `{GUID}`.
    pub(super) fn vm_word(&mut self, word: &Word) -> Option<VmId> {
        if word.plain().is_some_and(|text| text.starts_with('{')) {
            return self.guid(word);
        }
        let (names, host) = self.names?;
        let found = names.vms_named(host, word.text());
        if let [only] = found[..] {
            return Some(only);
        }
        let place = names.host_name(host).unwrap_or_default();
        let name = shown(word.text());
        if found.is_empty() {
            let known = names.vm_names(host);
            let near = nearest(word.text(), known.iter().map(|it| &**it));
            let help = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => "one that never was is named by its `{GUID}`".to_owned(),
            };
            let message = format!("no virtual machine is called {name} on {place}");
            self.problems.push(Problem::new(word.span(), message).helped(Some(help)));
        } else {
            let ids: Vec<_> = found.iter().map(|id| format!("{{{id}}}")).collect();
            let count = found.len();
            let message = format!("{count} virtual machines are called {name} on {place}");
            let help = format!("write {}", listed(ids.iter().map(|id| &**id)));
            self.problems.push(Problem::new(word.span(), message).helped(Some(help)));
        }
        None
    }

    /// A job by alias or `{GUID}`.
    pub(super) fn job_word(&mut self, word: &Word) -> Option<JobId> {
        let found = shown(word.text());
        match word.plain() {
            Some(text) if text.starts_with('{') => self.guid(word),
            Some(text) if is_alias(text) => {
                let (names, _) = self.names?;
                let job = names.job(text);
                if job.is_none() {
                    self.problem(word.span(), format!("no job was started as {found}"));
                }
                job
            }
            _ => {
                let message = format!("expected a job such as `job1` or `{{GUID}}`, found {found}");
                self.problem(word.span(), message);
                None
            }
        }
    }

    /// A recovery point; `None` is the latest state, or was a problem.
    fn point_word(&mut self, vm: VmId, word: &Word) -> Option<PointId> {
        let nth = match word.plain() {
            Some("latest") => return None,
            Some("oldest") => 1,
            Some(text) if text.starts_with('{') => return self.guid(word),
            Some(text) => text.strip_prefix('#').and_then(|n| n.parse().ok()).unwrap_or(0),
            None => 0,
        };
        let found = shown(word.text());
        let Some(index) = usize::checked_sub(nth, 1) else {
            let message = format!("expected `latest`, `oldest`, `#1` or `{{GUID}}`, found {found}");
            self.problem(word.span(), message);
            return None;
        };
        let (names, host) = self.names?;
        let points = names.points(host, vm);
        let point = points.get(index).copied();
        if point.is_none() {
            let count = points.len();
            let message = format!("expected one of the {count} recovery points, found {found}");
            self.problem(word.span(), message);
        }
        point
    }

    fn time_word(&mut self, word: &Word) -> Option<SimTime> {
        let text = word.plain().unwrap_or_default();
        let relative = text.strip_prefix('+');
        let duration = relative.or(text.strip_prefix('@')).and_then(|it| parse_duration(it).ok());
        let Some(duration) = duration else {
            let message = format!(
                "expected `+2h` from now or `@2h` from the beginning, found {}",
                shown(word.text())
            );
            self.problem(word.span(), message);
            return None;
        };
        let base = match (relative, self.names) {
            (None, _) => SimTime::ZERO,
            (Some(_), Some((names, _))) => names.now(),
            (Some(_), None) => return None,
        };
        let time = base.checked_add(duration);
        if time.is_none() {
            self.problem(word.span(), format!("{} is past the end of time", shown(text)));
        }
        time
    }
}

/// Why the argument at this place, that nothing asked for, is wrong.
fn surplus(at: usize, args: &[Arg], known: &[(&'static str, Option<&'static str>)]) -> Problem {
    let arg = &args[at];
    let keys = || known.iter().map(|(key, _)| *key);
    let Some(key) = arg.key.as_deref().filter(|_| !known.is_empty()) else {
        let rest = if known.is_empty() { "" } else { " or an argument such as `key=value`" };
        let found = shown(&arg.to_string());
        let message = format!("expected the end of the line{rest}, found {found}");
        return Problem::new(arg.span, message);
    };
    let comes = |head: &str| args[..at].iter().any(|it| it.key.as_deref() == Some(head));
    match known.iter().find(|(known, _)| *known == key) {
        Some((_, Some(head))) if !comes(head) => {
            let message = format!("`{key}=` must follow the `{head}=` that it belongs to");
            Problem::new(arg.span, message)
        }
        Some(_) => Problem::new(arg.span, format!("`{key}=` is given twice")),
        None => {
            let message = format!("expected {}, found {}", listed(keys()), shown(key));
            Problem::new(arg.span, message).near(key, keys())
        }
    }
}

impl Args for Reader<'_> {
    fn host(&mut self, host: &mut HostId) {
        let word = self.next_word(|| "the name of a host".to_owned());
        if let Some(id) = word.and_then(|word| self.host_word(word)) {
            *host = id;
            self.names = self.names.map(|(names, _)| (names, id));
        }
    }

    fn vm(&mut self, vm: &mut VmId) {
        let word = self.next_word(|| "a virtual machine".to_owned());
        if let Some(id) = word.and_then(|word| self.vm_word(word)) {
            *vm = id;
        }
    }

    fn job(&mut self, job: &mut JobId) {
        let word = self.next_word(|| "a job such as `job1`".to_owned());
        if let Some(id) = word.and_then(|word| self.job_word(word)) {
            *job = id;
        }
    }

    fn next<F: Form>(&mut self, form: F, value: &mut F::Value) {
        let word = self.next_word(|| form.expected());
        if let Some(read) = word.and_then(|word| self.read(form, word)) {
            *value = read;
        }
    }

    fn need<F: Form>(&mut self, key: &'static str, form: F, value: &mut F::Value) {
        match self.take(key) {
            Some(arg) => {
                if let Some(read) = self.read(form, &arg.value) {
                    *value = read;
                }
            }
            None => self.problem_at_end(&format!("expected `{key}=`")),
        }
    }

    fn key<F: Form>(
        &mut self,
        key: &'static str,
        form: F,
        value: &mut F::Value,
        default: F::Value,
    ) {
        let read = self.take(key).and_then(|arg| self.read(form, &arg.value));
        *value = read.unwrap_or(default);
    }

    fn maybe<F: Form>(&mut self, key: &'static str, form: F, value: &mut Option<F::Value>) {
        *value = self.take(key).and_then(|arg| self.read(form, &arg.value));
    }

    fn many<F: Form>(&mut self, key: &'static str, form: F, values: &mut Vec<F::Value>) {
        values.clear();
        values.extend(self.take(key).and_then(|arg| self.read(form, &arg.value)));
        for at in self.window.0..self.window.1 {
            let arg = &self.args[at];
            if arg.key.as_deref() == Some(key) && !std::mem::replace(&mut self.used[at], true) {
                values.extend(self.read(form, &arg.value));
            }
        }
    }

    fn point(&mut self, vm: VmId, point: &mut Option<PointId>) {
        *point = self.take("point").and_then(|arg| self.point_word(vm, &arg.value));
    }

    fn kept_point(&mut self, vm: VmId, point: &mut PointId) {
        let Some(arg) = self.take("point") else {
            return self.problem_at_end("expected `point=`");
        };
        if arg.value.plain() == Some("latest") {
            let message = "expected `oldest`, `#1` or `{GUID}`, found `latest`";
            self.problem(arg.value.span(), message);
        } else if let Some(id) = self.point_word(vm, &arg.value) {
            *point = id;
        }
    }

    fn relationship(&mut self, vm: VmId, id: &mut Option<RelationshipId>) {
        let Some(arg) = self.take("relationship") else { return *id = None };
        let word = &arg.value;
        *id = match word.plain().unwrap_or_default() {
            "0" => Some(RelationshipId { vm, leg: Leg::Primary }),
            "1" => Some(RelationshipId { vm, leg: Leg::Extended }),
            text => text.parse().ok(),
        };
        if id.is_none() {
            let message = format!(
                r"expected `0`, `1` or `Microsoft:GUID\HVR\0`, found {}",
                shown(word.text())
            );
            self.problem(word.span(), message);
        }
    }

    fn time(&mut self, key: &'static str, time: &mut Option<SimTime>) {
        *time = self.take(key).and_then(|arg| self.time_word(&arg.value));
    }

    fn group<T: PartialEq + Clone>(
        &mut self,
        key: &'static str,
        items: &mut Vec<T>,
        group: Group<Self, T>,
    ) {
        let is_head = |arg: &Arg| arg.key.as_deref() == Some(key);
        let heads: Vec<usize> =
            (0..self.args.len()).filter(|at| is_head(&self.args[*at])).collect();
        let none = |at: &usize| self.args[*at].value.plain() == Some(NONE);
        if let Some(only) = heads.first().copied().filter(|it| heads.len() == 1 && none(it)) {
            self.used[only] = true;
            return items.clear();
        }
        items.clear();
        let outer = (self.window, self.head.replace(key));
        for (place, head) in heads.iter().enumerate() {
            self.window = (*head, heads.get(place + 1).copied().unwrap_or(self.args.len()));
            let mut item = (group.blank)(place);
            (group.item)(self, &mut item, place);
            items.push(item);
        }
        if heads.is_empty() {
            // Nothing to read; the keys are learnt for the sake of messages.
            self.window = (0, 0);
            let before = self.problems.len();
            (group.item)(self, &mut (group.blank)(0), 0);
            self.problems.truncate(before);
            *items = group.default;
        }
        (self.window, self.head) = outer;
    }

    fn before(&mut self, key: &'static str, described: impl FnOnce(&mut Self)) {
        let outer = self.window;
        let head = (outer.0..outer.1).find(|at| self.args[*at].key.as_deref() == Some(key));
        self.window.1 = head.unwrap_or(outer.1);
        described(self);
        self.window = outer;
    }

    fn has_settings(&self, _: bool) -> bool {
        self.args.iter().any(|arg| arg.key.is_some())
    }
}
