//! What an enumeration asks for.

use super::Target;
use crate::cim::text::xml::Element;
use crate::cim::wql::{Associators, Constant, Projection, Query, References, Select, parse};
use crate::cim::{CimType, Error, Name};
use crate::wsman::fault::{Fault, Operation, Subcode};
use crate::wsman::names::{
    ADDRESSING, ASSOCIATION_FILTER, CIM_BINDING, CQL, ENUMERATION, SELECTOR_FILTER, WQL, WSMAN,
};
use crate::wsman::resource::{Address, Selected, Selectors};

/// A query, as text for the service and as far as its answer depends on it here.
pub(super) struct Asking {
    pub(super) wql: String,
    /// The properties that it names, unless it is all.
    pub(super) projection: Option<Vec<String>>,
}

/// The filter of a request, in either of the namespaces that it is found in.
pub(super) fn filter_of<'e, 't>(body: &'e Element<'t>) -> Option<&'e Element<'t>> {
    body.child(WSMAN, "Filter").or_else(|| body.child(ENUMERATION, "Filter"))
}

/// The text of a query in a dialect of filters, if it is one that has text.
pub(super) fn wql_of<'e>(filter: &'e Element<'_>) -> Result<&'e str, Fault> {
    match filter.local_attribute("Dialect").map(str::trim) {
        Some(WQL | CQL) => Ok(filter.text.trim()),
        dialect => {
            let why = format!("`{}` is no dialect of filters here", dialect.unwrap_or_default());
            Err(Fault::new(Subcode::FilterDialectUnavailable, why))
        }
    }
}

fn unprocessable(why: impl Into<String>) -> Fault {
    Fault::new(Subcode::CannotProcessFilter, why)
}

impl<C> Target<'_, C> {
    /// The query that an enumeration of this resource is.
    pub(super) fn asking(&self, body: &Element<'_>) -> Result<Asking, Fault> {
        let dialect =
            |it: &Element<'_>| it.local_attribute("Dialect").map(|it| it.trim().to_owned());
        let (filter, class) = (filter_of(body), self.class.as_deref());
        let query = match (filter.map(|it| (it, dialect(it))), class) {
            (None, Some(class)) => {
                Select::all(&self.declared(class, Operation::GetObject)?.name).into()
            }
            (None, None) => return Err(unprocessable("a query is missing")),
            (Some((filter, Some(dialect))), _) if dialect == ASSOCIATION_FILTER => {
                self.association(filter)?
            }
            (Some((filter, Some(dialect))), Some(class)) if dialect == SELECTOR_FILTER => {
                self.selection(filter, class)?
            }
            (Some((filter, _)), _) => return self.wql(wql_of(filter)?),
        };
        let wql = query.to_string();
        // The class may be none, which the same parser says as of a query that was written.
        parse(&wql, self.place.schema)
            .map_err(|it| Fault::of(&Error::from(it), Operation::ExecQuery, &wql))?;
        Ok(Asking { wql, projection: None })
    }

    fn wql(&self, text: &str) -> Result<Asking, Fault> {
        let query = parse(text, self.place.schema)
            .map_err(|it| Fault::of(&Error::from(it), Operation::ExecQuery, text))?;
        let projection = match query {
            Query::Select(Select { projection: Projection::Properties(all), .. }) => {
                Some(all.iter().map(|it| it.name.to_string()).collect())
            }
            _ => None,
        };
        Ok(Asking { wql: text.to_owned(), projection })
    }

    /// DSP0227, 17.3: what is associated with an object, or the associations themselves.
    fn association(&self, filter: &Element<'_>) -> Result<Query, Fault> {
        let objects = filter.child(CIM_BINDING, "AssociatedInstances");
        let inner = objects.or_else(|| filter.child(CIM_BINDING, "AssociationInstances"));
        let inner = inner.ok_or_else(|| unprocessable("expected a filter by association"))?;
        let address = inner
            .child(CIM_BINDING, "Object")
            .and_then(|it| Address::read(it.child(ADDRESSING, "EndpointReference").unwrap_or(it)));
        let source = address.and_then(|it| it.path(self.place.schema));
        let source = source.ok_or_else(|| unprocessable("the object is no reference"))?.relative();
        let name = |local: &str| {
            let text = inner.child(CIM_BINDING, local).map(|it| it.text.trim());
            text.filter(|it| !it.is_empty()).map(Name::from)
        };
        Ok(if objects.is_some() {
            let associators = Associators {
                assoc_class: name("AssociationClassName"),
                result_class: name("ResultClassName"),
                role: name("Role"),
                result_role: name("ResultRole"),
                ..Associators::of(source)
            };
            associators.into()
        } else {
            let result_class = name("AssociationClassName").or_else(|| name("ResultClassName"));
            References { result_class, role: name("Role"), ..References::of(source) }.into()
        })
    }

    /// DSP0226, 8.2.5: objects by properties, keys or not.
    fn selection(&self, filter: &Element<'_>, class: &str) -> Result<Query, Fault> {
        let set = filter.child(WSMAN, "SelectorSet");
        let set = set.ok_or_else(|| unprocessable("expected a set of selectors"))?;
        let Selectors(selectors) = Selectors::read(set);
        let declared = self.declared(class, Operation::GetObject)?;
        let mut select = Select::all(&declared.name);
        for (name, value) in selectors {
            let Some(property) = declared.property(&name) else {
                let why = format!("`{}` has no property `{name}`", declared.name);
                return Err(unprocessable(why));
            };
            let text = match value {
                Selected::Text(text) => text,
                Selected::Address(address) => match address.path(self.place.schema) {
                    Some(path) => path.to_string(),
                    None => return Err(unprocessable(format!("`{name}` is no reference"))),
                },
            };
            let constant = match property.of.of {
                CimType::Boolean => text.trim().parse().map(Constant::Boolean).ok(),
                of if of.is_integer() => text.trim().parse().map(Constant::Integer).ok(),
                _ => Some(Constant::from(text.as_str())),
            };
            let constant = constant
                .ok_or_else(|| unprocessable(format!("`{text}` is no value of `{name}`")))?;
            select = select.with(&name, constant);
        }
        Ok(select.into())
    }
}
