//! From the fields of a description to the words of a line.

use super::args::{Args, Group};
use super::form::{Form, NONE, braced};
use super::names::Names;
use super::resolve::write_host;
use super::text::{Arg, Word};
use crate::model::time::format_duration;
use crate::model::{HostId, JobId, PointId, RelationshipId, SimTime, VmId};

/// From fields to words.
pub(super) struct Writer<'a> {
    args: Vec<Arg>,
    names: &'a dyn Names,
    host: HostId,
}

impl<'a> Writer<'a> {
    pub(super) fn new(names: &'a dyn Names, host: HostId) -> Self {
        Self { args: Vec::new(), names, host }
    }

    pub(super) fn finish(self) -> Vec<Arg> {
        self.args
    }

    /// A word that no form describes.
    pub(super) fn word(&mut self, word: Word) {
        self.args.push(Arg::word(word));
    }

    fn push(&mut self, key: &str, value: Word) {
        self.args.push(Arg::keyed(key, value));
    }

    /// A virtual machine by its name, if the name finds it again, else by its `{GUID}`.
    pub(super) fn vm_word(&self, vm: VmId) -> Word {
        match self.names.vm_name(self.host, vm) {
            Some(name) if self.names.vms_named(self.host, &name) == [vm] => Word::name(&name),
            _ => braced(vm.0),
        }
    }
}

impl Args for Writer<'_> {
    fn host(&mut self, host: &mut HostId) {
        self.args.push(Arg::word(write_host(*host, self.names)));
        self.host = *host;
    }

    fn vm(&mut self, vm: &mut VmId) {
        let word = self.vm_word(*vm);
        self.args.push(Arg::word(word));
    }

    fn job(&mut self, job: &mut JobId) {
        let alias = self.names.job_alias(*job);
        let alias = alias.filter(|alias| self.names.job(alias) == Some(*job));
        self.args.push(Arg::word(alias.map_or_else(|| braced(job.0), Word::bare)));
    }

    fn next<F: Form>(&mut self, form: F, value: &mut F::Value) {
        self.args.push(Arg::word(form.write(value)));
    }

    fn need<F: Form>(&mut self, key: &'static str, form: F, value: &mut F::Value) {
        self.push(key, form.write(value));
    }

    fn key<F: Form>(
        &mut self,
        key: &'static str,
        form: F,
        value: &mut F::Value,
        default: F::Value,
    ) {
        if *value != default {
            self.push(key, form.write(value));
        }
    }

    fn maybe<F: Form>(&mut self, key: &'static str, form: F, value: &mut Option<F::Value>) {
        if let Some(value) = value {
            self.push(key, form.write(value));
        }
    }

    fn many<F: Form>(&mut self, key: &'static str, form: F, values: &mut Vec<F::Value>) {
        for value in values {
            self.push(key, form.write(value));
        }
    }

    fn point(&mut self, vm: VmId, point: &mut Option<PointId>) {
        let Some(id) = *point else { return };
        let place = self.names.points(self.host, vm).iter().position(|it| *it == id);
        let word = match place {
            Some(place) => Word::bare(format_args!("#{}", place + 1)),
            None => braced(id.0),
        };
        self.push("point", word);
    }

    fn kept_point(&mut self, vm: VmId, point: &mut PointId) {
        self.point(vm, &mut Some(*point));
    }

    fn relationship(&mut self, vm: VmId, id: &mut Option<RelationshipId>) {
        if let Some(id) = id {
            let own = id.vm == vm;
            let word = if own { Word::bare(id.leg.index()) } else { Word::bare(id) };
            self.push("relationship", word);
        }
    }

    fn time(&mut self, key: &'static str, time: &mut Option<SimTime>) {
        let Some(time) = *time else { return };
        let now = self.names.now();
        let (sign, from) = if time >= now { ('+', now) } else { ('@', SimTime::ZERO) };
        self.push(key, Word::bare(format_args!("{sign}{}", format_duration(time.since(from)))));
    }

    fn group<T: PartialEq + Clone>(
        &mut self,
        key: &'static str,
        items: &mut Vec<T>,
        group: Group<Self, T>,
    ) {
        if *items == group.default {
            return;
        }
        if items.is_empty() {
            self.push(key, Word::bare(NONE));
        }
        for (place, item) in items.iter_mut().enumerate() {
            (group.item)(self, item, place);
        }
    }

    fn before(&mut self, _: &'static str, described: impl FnOnce(&mut Self)) {
        described(self);
    }

    fn has_settings(&self, there: bool) -> bool {
        there
    }
}
