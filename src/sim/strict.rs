//! A lab that is looked at closely: invariants are judged, assumptions are noted or refused.

use super::{Lab, lock};
use crate::engine::{Event, Input, Reply, World};
use crate::oracle::{self, Assumption, Coverage, Watcher};
use std::fmt;
use std::sync::{Arc, Mutex, Weak};

impl Lab {
    /// From now on every step is judged by the [invariants](oracle::ALWAYS), and what it reaches
    /// is in [`Lab::coverage`]. Forks are observed, too.
    ///
    /// # Panics
    /// Not itself: whatever makes something happen in this lab does, if an invariant does not hold
    /// after it.
    #[must_use]
    pub fn observed(self) -> Self {
        let mut shared = self.lock();
        let watcher = Watcher::new(&shared.world);
        shared.scrutiny.watcher.get_or_insert(watcher);
        drop(shared);
        self
    }

    /// The goals that this lab has reached since it is [observed](Lab::observed); none before.
    pub fn coverage(&self) -> Coverage {
        let shared = self.lock();
        let watcher = shared.scrutiny.watcher.as_ref();
        watcher.map_or_else(Coverage::default, |it| it.coverage().clone())
    }

    /// From now on no answer may rest on an [`Assumption`]: a test that relies on what nobody has
    /// documented or seen fails at once and is told the rule and its reason. Forks are strict, too.
    ///
    /// ```should_panic
    /// use hyperv_replica::{prelude::*, sim::Lab};
    ///
    /// let lab = Lab::new(["tokyo", "osaka"]).strict();
    /// let web = lab.vm("web").create();
    /// let tokyo = lab.host("tokyo");
    /// let created = tokyo.create_replication_relationship(web, Settings::to("osaka"));
    /// // Refused with 32774, because the relationship is being created: nobody has seen that.
    /// let refused = tokyo.create_replication_relationship(web, Settings::to("osaka"));
    /// # Ok::<(), hyperv_replica::Error>(())
    /// ```
    ///
    /// An assumption that a test makes on purpose is [allowed](Lab::allowing) by its reason, and
    /// [`Lab::assumptions`] lists them without failing.
    ///
    /// # Panics
    /// Not itself: whatever makes something happen in this lab does, if that rests on an
    /// assumption.
    #[must_use]
    pub fn strict(self) -> Self {
        self.lock().scrutiny.strict = true;
        self
    }

    /// Lets a [strict](Lab::strict) lab rest on the assumption that has this reason, word for
    /// word; the message of the failing test has the line to copy. A reason that is reworded is an
    /// assumption to think over again.
    ///
    /// ```
    /// use hyperv_replica::{prelude::*, sim::Lab};
    ///
    /// let lab = Lab::new(["tokyo", "osaka"]).strict().allowing(
    ///     "one operation at a time on a virtual machine; “system is in use” is the documented code \
    ///      that says so",
    /// );
    /// let web = lab.vm("web").create();
    /// let tokyo = lab.host("tokyo");
    /// let created = tokyo.create_replication_relationship(web, Settings::to("osaka"))?;
    /// let refused = tokyo.create_replication_relationship(web, Settings::to("osaka"));
    /// assert_eq!(refused.unwrap_err().code(), Some(ErrorCode::InUse)); // 32774
    /// # Ok::<(), hyperv_replica::Error>(())
    /// ```
    ///
    /// # Panics
    /// If no assumption of the rule book has this reason.
    #[must_use]
    #[track_caller]
    pub fn allowing(self, reason: &str) -> Self {
        assert!(oracle::is_reason(reason), "no assumption has the reason “{reason}”");
        self.lock().scrutiny.allowed.push(reason.into());
        self
    }

    /// Notes every assumption that an answer rests on from now on, for as long as the list lives.
    ///
    /// ```
    /// use hyperv_replica::{prelude::*, sim::Lab};
    ///
    /// let lab = Lab::new(["tokyo", "osaka"]);
    /// let assumptions = lab.assumptions();
    /// let web = lab.vm("web").create();
    /// let tokyo = lab.host("tokyo");
    /// let created = tokyo.create_replication_relationship(web, Settings::to("osaka"))?;
    /// assert_eq!(assumptions.list(), []);
    /// let refused = tokyo.suspend_replication(RelationshipId::primary(web));
    /// let second = tokyo.create_replication_relationship(web, Settings::to("osaka"));
    /// assert_eq!(assumptions.list().len(), 1);
    /// println!("{assumptions}"); // 1 assumption: CreateReplicationRelationship is refused …
    /// # Ok::<(), hyperv_replica::Error>(())
    /// ```
    pub fn assumptions(&self) -> Assumptions {
        let noted = Arc::default();
        self.lock().scrutiny.notes.push(Arc::downgrade(&noted));
        Assumptions { noted }
    }
}

/// The assumptions that the answers of a lab rest on, each once, in the order in which they were
/// first relied on. See [`Lab::assumptions`].
#[derive(Debug)]
pub struct Assumptions {
    noted: Arc<Mutex<Vec<Assumption>>>,
}

impl Assumptions {
    /// Those noted so far.
    pub fn list(&self) -> Vec<Assumption> {
        lock(&self.noted).clone()
    }
}

impl fmt::Display for Assumptions {
    /// How many, and each on a line of its own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noted = self.list();
        let plural = if noted.len() == 1 { "" } else { "s" };
        write!(f, "{} assumption{plural}", noted.len())?;
        noted.iter().try_for_each(|it| write!(f, "\n- {it}"))
    }
}

/// Who looks closely at a lab.
#[derive(Debug, Default)]
pub(super) struct Scrutiny {
    watcher: Option<Watcher>,
    strict: bool,
    allowed: Vec<Box<str>>,
    notes: Vec<Weak<Mutex<Vec<Assumption>>>>,
}

impl Scrutiny {
    /// Whether nobody does.
    pub(super) fn is_absent(&self) -> bool {
        self.watcher.is_none() && !self.strict && self.notes.is_empty()
    }

    /// The world is another from now on, and what is reached is counted anew.
    pub(super) fn begin_anew(&mut self, world: &World) {
        self.watcher = self.watcher.as_ref().map(|_| Watcher::new(world));
    }

    /// For a fork: whoever holds a list of assumptions holds it of the original.
    pub(super) fn fork(&self) -> Self {
        Self {
            watcher: self.watcher.clone(),
            strict: self.strict,
            allowed: self.allowed.clone(),
            notes: Vec::new(),
        }
    }

    /// Applies an input in small steps and looks at each.
    ///
    /// # Panics
    /// If an invariant does not hold, or a strict lab rests on an assumption.
    pub(super) fn apply(
        &mut self,
        world: &mut World,
        input: &Input,
        events: &mut Vec<Event>,
    ) -> Reply {
        let applied = oracle::stepwise(world, input, |world, piece| {
            let from = events.len();
            let reply = match &mut self.watcher {
                Some(watcher) => watcher.step(world, piece, events).map_err(|it| it.to_string())?,
                None => world.apply(piece, events),
            };
            if self.strict || !self.notes.is_empty() {
                let rests_on = oracle::assumptions(piece, &reply, &events[from..], world);
                self.note(&rests_on)?;
            }
            Ok(reply)
        });
        match applied {
            Ok(reply) => reply,
            Err::<_, String>(says) => panic!("{says}"),
        }
    }

    fn note(&mut self, rests_on: &[Assumption]) -> Result<(), String> {
        self.notes.retain(|list| match list.upgrade() {
            Some(noted) => {
                let mut noted = lock(&noted);
                for assumption in rests_on {
                    if !noted.contains(assumption) {
                        noted.push(*assumption);
                    }
                }
                true
            }
            None => false,
        });
        let allowed = |it: &Assumption| self.allowed.iter().any(|reason| **reason == *it.reason());
        match rests_on.iter().find(|it| self.strict && !allowed(it)) {
            None => Ok(()),
            Some(it) => Err(format!(
                "a strict lab rests on an assumption: {it}\n  A real host may do otherwise. To \
                 rely on it on purpose: lab.strict().allowing({:?})",
                it.reason()
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Guid, VmId};
    use crate::service::ReplicationServiceExt;

    /// A watcher that saw another world sees a refusal that changed everything.
    #[test]
    #[should_panic(expected = "the invariant `refusal-changes-nothing` does not hold")]
    fn an_observed_lab_panics_at_the_step_that_breaks_an_invariant() {
        let lab = Lab::new(["tokyo"]).observed();
        lab.lock().scrutiny.watcher = Some(Watcher::new(&World::new(0)));
        let _refused = lab.host("tokyo").commit_failover(VmId(Guid(0)));
    }
}
