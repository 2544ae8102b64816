//! Answers to queries, and objects by their paths.

use super::find::Wanted;
use super::link::{End, Link, is_asked};
use super::object::Object;
use super::view::View;
use crate::cim::mirror::names;
use crate::cim::wql::{Associators, Condition, Operand, Query, References, Select, Yields, parse};
use crate::cim::{
    Class, Error, Instance, Keys, Layout, Name, ObjectPath, Result, Value, WbemStatus,
};
use crate::service::ReplicationService;
use std::collections::BTreeSet;

/// The classes of events; what extends it is subscribed to, not asked for.
const EVENT: &str = "__Event";

impl<S: ReplicationService> View<'_, S> {
    pub(super) fn query(&self, wql: &str) -> Result<Vec<Instance>> {
        match parse(wql, self.schema)? {
            Query::Select(select) if self.schema.is_a(select.class.as_str(), EVENT) => {
                let why = format!("`{}` is an event, to be subscribed to", select.class);
                Err(Error::status(WbemStatus::INVALID_QUERY, why))
            }
            Query::Select(select) => self.select(&select, &Wanted::of_select(&select)),
            Query::Associators(query) => self.associators(&query),
            Query::References(query) => self.references(&query),
        }
    }

    /// What a query selects, of what may be wanted.
    pub(super) fn select(&self, select: &Select, wanted: &Wanted) -> Result<Vec<Instance>> {
        let Some(class) = self.schema.class(select.class.as_str()) else { return Ok(Vec::new()) };
        let mut all = Vec::new();
        let mut take = |it: Instance| {
            if select.selects(&it, self.schema) {
                all.push(select.project(it, self.schema));
            }
        };
        for kind in self.kinds(class) {
            let Some(class) = self.schema.class(kind.class()) else { continue };
            let mut layout = Layout::of(class);
            for object in self.find(kind, wanted)? {
                let sparse = self.sparse(&object)?;
                if self.may_select(select, &sparse) {
                    take(layout.complete(sparse).at(self.path(&object)));
                }
            }
        }
        for link in self.links_of(class) {
            self.link_instances(link, wanted)?.into_iter().for_each(&mut take);
        }
        Ok(all)
    }

    /// Whether what the record says lets an instance be selected. Most are not, and need not be made
    /// whole to know that.
    fn may_select(&self, select: &Select, sparse: &Instance) -> bool {
        select.conjuncts().iter().all(|it| match it {
            Condition::Compare {
                left: Operand::Property(property),
                right: Operand::Constant(_),
                ..
            } => {
                let is_said = |name: &Name| sparse.supplies(name.as_str());
                !property.as_name().is_some_and(is_said) || it.is_met_by(sparse, self.schema)
            }
            _ => true,
        })
    }

    fn associators(&self, query: &Associators) -> Result<Vec<Instance>> {
        let unsaid = [&query.required_qualifier, &query.required_assoc_qualifier];
        refuse_unsaid(&unsaid, query.yields)?;
        let source = self.one(&query.source)?;
        let mut seen = BTreeSet::new();
        let mut all = Vec::new();
        for (link, end) in self.ends(query.assoc_class.as_ref(), query.role.as_ref()) {
            if !is_asked(query.result_role.as_ref(), link.role(end.other())) {
                continue;
            }
            for far in self.linked(link, end, &source)? {
                if matches!(far, Object::Gone(_)) {
                    continue;
                }
                let of_class = |it: &Name| self.schema.is_a(far.kind().class(), it.as_str());
                let is_asked = query.result_class.as_ref().is_none_or(of_class);
                if is_asked && seen.insert(far.path(&self.host)) {
                    all.push(self.yielded(self.instance(&far)?, query.yields));
                }
            }
        }
        Ok(all)
    }

    fn references(&self, query: &References) -> Result<Vec<Instance>> {
        refuse_unsaid(&[&query.required_qualifier], query.yields)?;
        let source = self.one(&query.source)?;
        let mut all = Vec::new();
        for (link, end) in self.ends(query.result_class.as_ref(), query.role.as_ref()) {
            for far in self.linked(link, end, &source)? {
                let instance = match end {
                    End::First => self.link_instance(link, &source, &far),
                    End::Second => self.link_instance(link, &far, &source),
                };
                all.push(self.yielded(instance, query.yields));
            }
        }
        Ok(all)
    }

    /// The associations of a class, each with the ends at which the source may stand.
    fn ends(&self, class: Option<&Name>, role: Option<&Name>) -> Vec<(Link, End)> {
        let links: Vec<Link> = match class.map(|it| self.schema.class(it.as_str())) {
            None => self.links().collect(),
            Some(class) => class.into_iter().flat_map(|it| self.links_of(it)).collect(),
        };
        let each = links.into_iter().flat_map(|it| End::BOTH.map(|end| (it, end)));
        each.filter(|(link, end)| is_asked(role, link.role(*end))).collect()
    }

    fn yielded(&self, instance: Instance, yields: Yields) -> Instance {
        if yields != Yields::Keys {
            return instance;
        }
        let keys = self.schema.class(instance.class.as_str()).into_iter().flat_map(Class::keys);
        let mut only = Instance::new(&instance.class);
        for key in keys {
            only.set(&key.name, instance.get(key.name.as_str()).cloned().unwrap_or(Value::Null));
        }
        only.path = instance.path;
        only
    }

    /// The instance at a path.
    pub(super) fn get(&self, path: &ObjectPath) -> Result<Instance> {
        let class = self.check(path)?;
        if !class.is_association {
            return self.instance(&self.one(path)?);
        }
        let wanted = Wanted::of_path(path, class);
        let mut all = Vec::new();
        for link in self.links_of(class) {
            all.extend(self.link_instances(link, &wanted)?);
        }
        all.retain(|it| Link::ALL.iter().any(|link| is_at(it, *link, &wanted)));
        only(all, path)
    }

    /// The object at a path.
    pub(super) fn one(&self, path: &ObjectPath) -> Result<Object> {
        only(self.locate(path)?, path)
    }

    /// The objects at a path, which need not name every key.
    pub(super) fn locate(&self, path: &ObjectPath) -> Result<Vec<Object>> {
        let class = self.check(path)?;
        let wanted = Wanted::of_path(path, class);
        let mut all = Vec::new();
        for kind in self.kinds(class) {
            all.extend(self.find(kind, &wanted)?);
        }
        all.retain(|it| agrees(&it.path(&self.host), path));
        Ok(all)
    }

    /// The same, where a path that makes no sense leads to nothing.
    pub(super) fn locate_if_there(&self, path: &ObjectPath) -> Result<Vec<Object>> {
        match self.locate(path) {
            Err(Error::Status { .. }) => Ok(Vec::new()),
            other => other,
        }
    }

    pub(super) fn class_of(&self, path: &ObjectPath) -> Result<&'static Class> {
        self.schema.class(path.class.as_str()).ok_or_else(|| {
            let why = format!("there is no class `{}`", path.class);
            Error::status(WbemStatus::INVALID_CLASS, why)
        })
    }

    /// The class of a path that could lead to something.
    pub(super) fn check(&self, path: &ObjectPath) -> Result<&'static Class> {
        let class = self.class_of(path)?;
        self.check_place(path)?;
        check_keys(path, class)?;
        Ok(class)
    }

    /// A path leads here if it names this host, or none, and a namespace that is here, or none.
    pub(super) fn check_place(&self, path: &ObjectPath) -> Result<()> {
        let Some(place) = &path.namespace else { return Ok(()) };
        if place.name != *names::NAMESPACE && place.name != *names::WINDOWS_NAMESPACE {
            let why = format!("there is no namespace `{}`", place.name);
            return Err(Error::status(WbemStatus::INVALID_NAMESPACE, why));
        }
        let short = self.host.name.split('.').next().unwrap_or_default();
        let is_here = |it: &Name| {
            [".", "localhost", short, &*self.host.name].iter().any(|name| *it == **name)
        };
        if place.host.as_ref().is_none_or(is_here) {
            return Ok(());
        }
        let why = format!("`{path}` is on another host than {}", self.host.name);
        Err(Error::status(WbemStatus::NOT_FOUND, why))
    }
}

/// A path to an instance names keys, and nothing else; perhaps not all of them.
fn check_keys(path: &ObjectPath, class: &Class) -> Result<()> {
    let is_key = |name: &Name| class.keys().any(|it| it.name == *name);
    let why = match &path.keys {
        Keys::Named(keys) => match keys.keys().find(|it| !is_key(it)) {
            None => return Ok(()),
            Some(other) => format!("`{other}` is no key of {}", class.name),
        },
        Keys::Only(_) if class.keys().count() == 1 => return Ok(()),
        Keys::Only(_) => format!("{} has more keys than one", class.name),
        // The only class here of which there is one instance by its declaration.
        Keys::Singleton if class.name == *names::class::OPERATING_SYSTEM => return Ok(()),
        Keys::Class | Keys::Singleton => format!("`{path}` names no instance"),
    };
    Err(Error::status(WbemStatus::INVALID_OBJECT_PATH, why))
}

/// Whether every key that a path names is as the object has it.
pub(super) fn agrees(own: &ObjectPath, path: &ObjectPath) -> bool {
    match (&path.keys, &own.keys) {
        (Keys::Named(asked), Keys::Named(_)) => {
            asked.iter().all(|(name, value)| own.key(name.as_str()) == Some(value))
        }
        (Keys::Only(asked), Keys::Named(keys)) => keys.values().all(|it| it == asked),
        (Keys::Singleton, _) => true,
        _ => false,
    }
}

/// Whether an association's instance leads where a path says.
fn is_at(instance: &Instance, link: Link, wanted: &Wanted) -> bool {
    instance.class == *link.class()
        && End::BOTH.iter().all(|end| {
            let role = link.role(*end);
            let Some(asked) = wanted.text(role) else { return true };
            let leads = |path: ObjectPath| {
                matches!(instance.get(role), Some(Value::Reference(own))
                    if own.class == path.class && agrees(own, &path))
            };
            asked.parse().is_ok_and(leads)
        })
}

/// The only one of what is found.
fn only<T>(mut all: Vec<T>, path: &ObjectPath) -> Result<T> {
    match (all.pop(), all.is_empty()) {
        (Some(one), true) => Ok(one),
        (None, _) => Err(Error::status(WbemStatus::NOT_FOUND, format!("there is no `{path}`"))),
        (Some(_), false) => {
            let why = format!("`{path}` could be any of {}", all.len() + 1);
            Err(Error::status(WbemStatus::INVALID_OBJECT_PATH, why))
        }
    }
}

/// Definitions of classes are not instances, and their qualifiers are not kept.
fn refuse_unsaid(qualifiers: &[&Option<Name>], yields: Yields) -> Result<()> {
    let why = if qualifiers.iter().any(|it| it.is_some()) {
        "qualifiers of classes are not kept"
    } else if matches!(yields, Yields::Classes | Yields::Schema) {
        "definitions of classes are not returned"
    } else {
        return Ok(());
    };
    Err(Error::status(WbemStatus::NOT_SUPPORTED, why))
}
