//! The least that a machine of `proptest-state-machine` can do: one number, one transition.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};

/// How many transitions a walk has, and how many walks are walked at a time.
const LENGTH: usize = 100;
const WALKS: usize = 20;

struct Counter;

#[derive(Clone, Debug)]
struct Add;

impl ReferenceStateMachine for Counter {
    type State = u64;
    type Transition = Add;

    fn init_state() -> BoxedStrategy<u64> {
        Just(0).boxed()
    }

    fn transitions(_: &u64) -> BoxedStrategy<Add> {
        Just(Add).boxed()
    }

    fn apply(state: u64, _: &Add) -> u64 {
        state + 1
    }
}

impl StateMachineTest for Counter {
    type SystemUnderTest = u64;
    type Reference = Self;

    fn init_test(state: &u64) -> u64 {
        *state
    }

    fn apply(counted: u64, state: &u64, _: Add) -> u64 {
        assert_eq!(counted + 1, *state);
        counted + 1
    }
}

/// Generates walks and walks them; how many transitions that was.
pub fn walks() -> u64 {
    let config = Config { failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::deterministic();
    for _ in 0..WALKS {
        let walks = <Counter as ReferenceStateMachine>::sequential_strategy(LENGTH);
        let (state, transitions, seen) = walks.new_tree(&mut runner).unwrap().current();
        Counter::test_sequential(config.clone(), state, transitions, seen);
    }
    (WALKS * LENGTH) as u64
}
