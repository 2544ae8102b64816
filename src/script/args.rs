//! Arguments, described once and used both ways.
//!
//! A description ([`describe`](super::describe)) walks over a call's fields and says which argument
//! each one is. Run over a [`Reader`](super::reader::Reader) it fills the fields from a line's words;
//! run over a [`Writer`](super::writer::Writer) it turns the fields into words. There is no second
//! list of arguments that could disagree with the first.

use super::form::Form;
use crate::model::{Guid, HostId, JobId, PointId, RelationshipId, SimTime, VmId};

/// An id that stands for “not known yet” while only the form of a line is checked.
pub(super) const BLANK: Guid = Guid(0);

/// Either direction between the fields of a call and the words of a line.
pub(super) trait Args: Sized {
    /// A host: the next word. Virtual machines behind it are its own.
    fn host(&mut self, host: &mut HostId);
    /// The virtual machine that the line is about: the next word.
    fn vm(&mut self, vm: &mut VmId);
    /// The job that the line is about: the next word.
    fn job(&mut self, job: &mut JobId);
    /// The next word.
    fn next<F: Form>(&mut self, form: F, value: &mut F::Value);
    /// An argument that must be there.
    fn need<F: Form>(&mut self, key: &'static str, form: F, value: &mut F::Value);
    /// An argument that is left out when it says what `default` says.
    fn key<F: Form>(&mut self, key: &'static str, form: F, value: &mut F::Value, default: F::Value);
    /// An argument that is left out when there is nothing to say.
    fn maybe<F: Form>(&mut self, key: &'static str, form: F, value: &mut Option<F::Value>);
    /// An argument that may be repeated.
    fn many<F: Form>(&mut self, key: &'static str, form: F, values: &mut Vec<F::Value>);
    /// A recovery point of this virtual machine.
    fn point(&mut self, vm: VmId, point: &mut Option<PointId>);
    /// A recovery point of this virtual machine that is kept, not the latest state.
    fn kept_point(&mut self, vm: VmId, point: &mut PointId);
    /// A relationship, as a rule of this virtual machine.
    fn relationship(&mut self, vm: VmId, id: &mut Option<RelationshipId>);
    /// A point in time.
    fn time(&mut self, key: &'static str, time: &mut Option<SimTime>);
    /// Items that each begin with `key=` and go on with keys of their own; left out when they are
    /// what `default` says, `key=none` when there are none.
    fn group<T: PartialEq + Clone>(
        &mut self,
        key: &'static str,
        items: &mut Vec<T>,
        group: Group<Self, T>,
    );
    /// What stands before the first `key=`, with which a group begins that takes the same.
    fn before(&mut self, key: &'static str, described: impl FnOnce(&mut Self));
    /// Whether optional settings are there; in a line they are, if any key is.
    fn has_settings(&self, there: bool) -> bool;
}

/// How the items of a group are described.
pub(super) struct Group<A, T> {
    /// What stands for no mention of the group at all.
    pub(super) default: Vec<T>,
    /// An item before its description, by its place.
    pub(super) blank: fn(usize) -> T,
    /// The description of an item at its place.
    pub(super) item: fn(&mut A, &mut T, usize),
}
