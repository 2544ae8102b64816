//! Events: what changed between two looks.

use super::Namespace;
use super::find::Wanted;
use super::view::{View, failed};
use crate::cim::wql::{Condition, Constant, Operand, Operator, Query, Select, parse};
use crate::cim::{Error, Instance, ObjectPath, Result, Schema, Subscription, Value, WbemStatus};
use crate::model::SimTime;
use crate::service::ReplicationService;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Duration;

const CREATION: &str = "__InstanceCreationEvent";
const MODIFICATION: &str = "__InstanceModificationEvent";
const DELETION: &str = "__InstanceDeletionEvent";
const TARGET: &str = "TargetInstance";
const PREVIOUS: &str = "PreviousInstance";

/// The shortest time between two looks, whatever a query says.
const SHORTEST: Duration = Duration::from_millis(10);

/// Seconds from the year 1601, in which a `FILETIME` begins, to 1970.
const FILETIME_S: i64 = 11_644_473_600;

/// A subscription that looks at all that its events could be about, from time to time.
pub(super) struct Poll<'a, S> {
    namespace: &'a Namespace<S>,
    schema: &'static Schema,
    query: Select,
    /// All instances of the class that the query is about.
    target: Select,
    /// What it says of their keys.
    wanted: Wanted,
    every: Duration,
    due: SimTime,
    before: Instances,
    events: VecDeque<Instance>,
    is_over: bool,
}

type Instances = BTreeMap<ObjectPath, Instance>;

impl<S> fmt::Debug for Poll<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let query = Query::Select(self.query.clone()).to_string();
        f.debug_struct("Poll").field("query", &query).field("due", &self.due).finish()
    }
}

impl<'a, S: ReplicationService> Poll<'a, S> {
    pub(super) fn of(namespace: &'a Namespace<S>, wql: &str) -> Result<Self> {
        let view = namespace.view()?;
        let refuse = |why: &str| Err(Error::status(WbemStatus::INVALID_QUERY, why));
        let query = match parse(wql, view.schema)? {
            Query::Select(query) if view.schema.is_a(query.class.as_str(), "__Event") => query,
            _ => return refuse("only events can be subscribed to"),
        };
        let Some(class) = query.required_class(TARGET) else {
            return refuse("what TargetInstance must be is not said: TargetInstance ISA \"…\"");
        };
        let Some(within) = query.within else {
            return refuse("no provider announces changes: say how often to look, WITHIN seconds");
        };
        let target = Select::all(class);
        let wanted = wanted(&query);
        let every = within.max(SHORTEST);
        let before = look(&view, &target, &wanted)?;
        let due = view.service.now().map_err(failed)? + every;
        let (schema, events) = (view.schema, VecDeque::new());
        let is_over = false;
        let poll =
            Self { namespace, schema, query, target, wanted, every, due, before, events, is_over };
        Ok(poll)
    }

    fn look_again(&mut self, now: SimTime) -> Result<()> {
        let now_there = look(&self.namespace.view()?, &self.target, &self.wanted)?;
        let before = std::mem::replace(&mut self.before, now_there);
        let mut events = Vec::new();
        for (path, instance) in &self.before {
            match before.get(path) {
                None => events.push(event(CREATION, instance, now)),
                Some(old) if old != instance => {
                    events.push(event(MODIFICATION, instance, now).with(PREVIOUS, old.clone()));
                }
                Some(_) => {}
            }
        }
        let gone = before.iter().filter(|(path, _)| !self.before.contains_key(path));
        events.extend(gone.map(|(_, instance)| event(DELETION, instance, now)));
        for event in events {
            let complete = match self.schema.class(event.class.as_str()) {
                Some(class) => event.completed(class),
                None => event,
            };
            if self.query.selects(&complete, self.schema) {
                self.events.push_back(self.query.project(complete, self.schema));
            }
        }
        Ok(())
    }

    fn wait(&mut self, timeout: Duration) -> Result<Option<Instance>> {
        let service = &self.namespace.service;
        let mut now = service.now().map_err(failed)?;
        let end = now + timeout;
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            if now >= self.due {
                self.look_again(now)?;
                // A look that comes late moves those behind it.
                self.due = now + self.every;
                continue;
            }
            if now >= end {
                return Ok(None);
            }
            service.sleep(self.due.min(end).since(now)).map_err(failed)?;
            let later = service.now().map_err(failed)?;
            if later <= now {
                return Ok(None); // The end of time.
            }
            now = later;
        }
    }
}

impl<S: ReplicationService> Subscription for Poll<'_, S> {
    fn next(&mut self, timeout: Duration) -> Result<Option<Instance>> {
        if self.is_over {
            let why = "the subscription ended with an error";
            return Err(Error::status(WbemStatus::CALL_CANCELLED, why));
        }
        let next = self.wait(timeout);
        self.is_over = next.is_err();
        next
    }
}

/// Every instance that there could be an event about.
fn look<S: ReplicationService>(
    view: &View<'_, S>,
    target: &Select,
    wanted: &Wanted,
) -> Result<Instances> {
    let all = view.select(target, wanted)?;
    Ok(all.into_iter().filter_map(|it| Some((it.path.clone()?, it))).collect())
}

/// What the query says that a property of the target must be. Only keys narrow a look, and keys
/// never change.
fn wanted(query: &Select) -> Wanted {
    let pair = |condition: &Condition| match condition {
        Condition::Compare {
            left: Operand::Property(property),
            operator: Operator::Equal,
            right: Operand::Constant(Constant::Text(text)),
        } if property.name == *TARGET => match &property.within[..] {
            [name] => Some((name.to_string(), text.clone())),
            _ => None,
        },
        _ => None,
    };
    Wanted::of_pairs(query.conjuncts().iter().filter_map(pair).collect())
}

fn event(class: &str, target: &Instance, now: SimTime) -> Instance {
    let since = SimTime::EPOCH.timestamp() + FILETIME_S;
    let created = since.unsigned_abs().saturating_mul(10_000_000).saturating_add(now.ticks());
    Instance::new(class).with(TARGET, target.clone()).with("TIME_CREATED", Value::Uint64(created))
}
