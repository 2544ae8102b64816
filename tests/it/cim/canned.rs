//! A host of canned instances: what a dump of a real one shows, and what it is asked.

use hyperv_replica::cim::wql::{self, Query};
use hyperv_replica::cim::*;
use hyperv_replica::model::SimTime;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

/// What was asked of a method.
#[derive(Clone, Debug)]
pub(crate) struct Invoked {
    pub(crate) path: ObjectPath,
    pub(crate) method: String,
    pub(crate) arguments: Instance,
}

/// The instances of a host, what is linked with what, and what its methods answer.
#[derive(Debug, Default)]
pub(crate) struct Canned {
    instances: Vec<Instance>,
    /// Association, source, what it leads to.
    links: Vec<(&'static str, ObjectPath, Instance)>,
    replies: BTreeMap<String, Result<Reply, WbemStatus>>,
    /// Classes that are not on this Windows.
    lacks: Vec<&'static str>,
    pub(crate) asked: RefCell<Vec<String>>,
    pub(crate) invoked: RefCell<Vec<Invoked>>,
}

impl Canned {
    /// Shows an instance, of which the keys are in the schema.
    pub(crate) fn with(mut self, instance: Instance) -> Self {
        self.instances.push(placed(instance));
        self
    }

    /// Leads from one instance to another, which is there, too.
    pub(crate) fn linked(mut self, from: &ObjectPath, link: &'static str, to: Instance) -> Self {
        let to = placed(to);
        self.links.push((link, from.clone(), to.clone()));
        self.instances.push(to);
        self
    }

    pub(crate) fn without(mut self, class: &'static str) -> Self {
        self.lacks.push(class);
        self
    }

    pub(crate) fn answering(mut self, method: &str, value: u32, out: Instance) -> Self {
        self.replies.insert(method.to_owned(), Ok(Reply { value, out }));
        self
    }

    pub(crate) fn failing(mut self, method: &str, status: WbemStatus) -> Self {
        self.replies.insert(method.to_owned(), Err(status));
        self
    }

    fn check(&self, class: &Name) -> Result<()> {
        if self.lacks.iter().any(|it| *class == **it) {
            return Err(Error::status(WbemStatus::INVALID_CLASS, format!("no class {class}")));
        }
        Ok(())
    }

    /// How many round trips there were.
    pub(crate) fn round_trips(&self) -> usize {
        self.asked.borrow().len() + self.invoked.borrow().len()
    }
}

/// With the path that its keys make.
fn placed(instance: Instance) -> Instance {
    if instance.path.is_some() {
        return instance;
    }
    let path = Schema::virtualization().path_of(&instance);
    match path {
        Some(path) => instance.at(path.on("TOKYO", r"root\virtualization\v2")),
        None => instance,
    }
}

impl CimClient for Canned {
    fn get(&self, path: &ObjectPath) -> Result<Instance> {
        self.asked.borrow_mut().push(path.to_string());
        self.check(&path.class)?;
        let is_it = |it: &&Instance| {
            let own = it.path.as_ref();
            own.is_some_and(|own| own.relative().is_same_object(&path.relative()))
                || path.keys == Keys::Singleton && it.class == path.class
        };
        self.instances
            .iter()
            .find(is_it)
            .cloned()
            .ok_or_else(|| Error::status(WbemStatus::NOT_FOUND, format!("there is no {path}")))
    }

    fn query(&self, wql: &str) -> Result<Vec<Instance>> {
        self.asked.borrow_mut().push(wql.to_owned());
        let schema = Schema::virtualization();
        let links = |source: &ObjectPath, class: &Option<Name>| {
            let found = self.links.iter().filter(|(link, from, _)| {
                class.as_ref().is_some_and(|it| *it == **link)
                    && from.relative().is_same_object(&source.relative())
            });
            found.map(|(_, _, to)| to.clone()).collect::<Vec<_>>()
        };
        Ok(match wql::parse(wql, schema)? {
            Query::Select(select) => {
                self.check(&select.class)?;
                let chosen = self.instances.iter().filter(|it| select.selects(it, schema));
                chosen.cloned().collect()
            }
            Query::Associators(it) => {
                let mut found = links(&it.source, &it.assoc_class);
                if let Some(class) = &it.result_class {
                    self.check(class)?;
                    found.retain(|it| it.class == *class);
                }
                found
            }
            Query::References(it) => links(&it.source, &it.result_class),
        })
    }

    fn invoke(&self, path: &ObjectPath, method: &str, arguments: &Instance) -> Result<Reply> {
        let (path, arguments) = (path.clone(), arguments.clone());
        let it = Invoked { path, method: method.to_owned(), arguments };
        self.invoked.borrow_mut().push(it);
        match self.replies.get(method) {
            Some(Ok(reply)) => Ok(reply.clone()),
            Some(Err(status)) => Err(Error::status(*status, "canned")),
            None => Ok(Reply { value: 0, out: Instance::parameters() }),
        }
    }

    fn subscribe(&self, _: &str) -> Result<Box<dyn Subscription + '_>> {
        Err(Error::status(WbemStatus::NOT_SUPPORTED, "canned"))
    }

    fn now(&self) -> Result<SimTime> {
        Ok(SimTime::ZERO)
    }

    fn sleep(&self, _: Duration) -> Result<()> {
        Ok(())
    }
}
