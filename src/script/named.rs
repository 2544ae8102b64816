//! What stands in a line by a name or a number that other modules have given it.

use super::form::Form;
use super::problem::listed;
use super::text::Word;
use crate::engine::{HostTrouble, VmTrouble};
use crate::model::{EventId, Operation, WindowsBuild, WireEnum};

/// The Windows of a host, by the number of its build.
#[derive(Clone, Copy)]
pub(super) struct Build;

impl Form for Build {
    type Value = WindowsBuild;

    fn expected(self) -> String {
        let numbers: Vec<_> = WindowsBuild::ALL.iter().map(|it| it.number().to_string()).collect();
        format!("the build {}", listed(numbers.iter().map(|it| &**it)))
    }
    fn read(self, word: &Word) -> Option<WindowsBuild> {
        WindowsBuild::parse(word.plain()?).ok()
    }
    fn write(self, value: &WindowsBuild) -> Word {
        Word::bare(value.number())
    }
}

/// An entry of a log, by its number.
#[derive(Clone, Copy)]
pub(super) struct EventName;

impl Form for EventName {
    type Value = EventId;

    fn expected(self) -> String {
        "an event such as `32086`".to_owned()
    }
    fn words(self) -> Vec<&'static str> {
        EventId::ALL.iter().map(|it| it.name()).collect()
    }
    fn read(self, word: &Word) -> Option<EventId> {
        EventId::parse(word.plain()?).ok()
    }
    fn write(self, value: &EventId) -> Word {
        Word::bare(value.to_wire())
    }
}

/// An operation by its name in the rule book.
#[derive(Clone, Copy)]
pub(super) struct OperationName;

impl Form for OperationName {
    type Value = Operation;

    fn expected(self) -> String {
        "an operation such as `StartReplication`".to_owned()
    }
    fn words(self) -> Vec<&'static str> {
        Operation::ALL.iter().map(|it| it.name()).collect()
    }
    fn read(self, word: &Word) -> Option<Operation> {
        let text = word.plain()?;
        Operation::ALL.iter().copied().find(|it| it.name().eq_ignore_ascii_case(text))
    }
    fn write(self, value: &Operation) -> Word {
        Word::bare(value.name())
    }
}

/// A trouble of a host or of a virtual machine.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    Host(HostTrouble),
    Vm(VmTrouble),
}

/// The name of a trouble.
#[derive(Clone, Copy)]
pub(super) struct TroubleName;

impl TroubleName {
    fn all() -> impl Iterator<Item = (&'static str, Trouble)> {
        let hosts = HostTrouble::ALL.into_iter().map(|it| (it.name(), Trouble::Host(it)));
        hosts.chain(VmTrouble::ALL.into_iter().map(|it| (it.name(), Trouble::Vm(it))))
    }
}

impl Form for TroubleName {
    type Value = Trouble;

    fn expected(self) -> String {
        listed(Self::all().map(|(name, _)| name))
    }
    fn words(self) -> Vec<&'static str> {
        Self::all().map(|(name, _)| name).collect()
    }
    fn read(self, word: &Word) -> Option<Trouble> {
        let text = word.plain()?;
        Self::all().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, it)| it)
    }
    fn write(self, value: &Trouble) -> Word {
        Word::bare(match value {
            Trouble::Host(it) => it.name(),
            Trouble::Vm(it) => it.name(),
        })
    }
}
