//! Two-phase commit as Gray and Lamport specify it in “Consensus on Transaction Commit”,
//! <https://www.microsoft.com/research/publication/consensus-on-transaction-commit/>: the model that
//! stateright's own example checks. The number of unique states tells that it is the same.

use stateright::{Checker, Model, Property};
use std::collections::BTreeSet;

const MANAGERS: usize = 7;
/// What stateright's example has for seven managers.
const UNIQUE: usize = 296_448;

struct TwoPhaseCommit;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Manager {
    Working,
    Prepared,
    Committed,
    Aborted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Coordinator {
    Init,
    Committed,
    Aborted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Message {
    Prepared(usize),
    Commit,
    Abort,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    managers: Vec<Manager>,
    coordinator: Coordinator,
    prepared: Vec<bool>,
    messages: BTreeSet<Message>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Commit,
    Abort,
    LearnPrepared(usize),
    Prepare(usize),
    ChooseToAbort(usize),
    LearnCommit(usize),
    LearnAbort(usize),
}

impl Model for TwoPhaseCommit {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            managers: vec![Manager::Working; MANAGERS],
            coordinator: Coordinator::Init,
            prepared: vec![false; MANAGERS],
            messages: BTreeSet::new(),
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let open = state.coordinator == Coordinator::Init;
        if open && state.prepared.iter().all(|it| *it) {
            actions.push(Action::Commit);
        }
        if open {
            actions.push(Action::Abort);
        }
        for it in 0..MANAGERS {
            if open && state.messages.contains(&Message::Prepared(it)) {
                actions.push(Action::LearnPrepared(it));
            }
            if state.managers[it] == Manager::Working {
                actions.extend([Action::Prepare(it), Action::ChooseToAbort(it)]);
            }
            if state.messages.contains(&Message::Commit) {
                actions.push(Action::LearnCommit(it));
            }
            if state.messages.contains(&Message::Abort) {
                actions.push(Action::LearnAbort(it));
            }
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Commit => {
                state.coordinator = Coordinator::Committed;
                state.messages.insert(Message::Commit);
            }
            Action::Abort => {
                state.coordinator = Coordinator::Aborted;
                state.messages.insert(Message::Abort);
            }
            Action::LearnPrepared(it) => state.prepared[it] = true,
            Action::Prepare(it) => {
                state.managers[it] = Manager::Prepared;
                state.messages.insert(Message::Prepared(it));
            }
            Action::LearnCommit(it) => state.managers[it] = Manager::Committed,
            Action::ChooseToAbort(it) | Action::LearnAbort(it) => {
                state.managers[it] = Manager::Aborted;
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::sometimes("all abort", |_, state| all(state, Manager::Aborted)),
            Property::sometimes("all commit", |_, state| all(state, Manager::Committed)),
            Property::always("consistent", |_: &Self, state: &State| {
                !(state.managers.contains(&Manager::Aborted)
                    && state.managers.contains(&Manager::Committed))
            }),
        ]
    }
}

fn all(state: &State, like: Manager) -> bool {
    state.managers.iter().all(|it| *it == like)
}

fn check() -> (usize, usize) {
    let checked = TwoPhaseCommit.checker().spawn_bfs().join();
    assert_eq!(checked.unique_state_count(), UNIQUE);
    (checked.state_count(), checked.unique_state_count())
}

/// Checks it once; how many states were generated.
pub fn generated() -> u64 {
    check().0 as u64
}

/// How many of them are unique.
pub fn unique() -> u64 {
    check().1 as u64
}
