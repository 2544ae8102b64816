//! Resource URIs, and the references to endpoints that are paths of objects here.

use super::names::{ADDRESSING, CIM_NAMESPACE, CIM_XML, CONFIG, DMTF, DMTF_ALL, WMI, WSMAN};
use crate::cim::text::xml::Element;
use crate::cim::{CimType, KeyValue, Namespace, ObjectPath, Schema};

/// Which form of URIs a request uses, and so its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Microsoft's, in which the URI has the namespace.
    Wmi,
    /// DMTF's, in which a selector has it.
    Dmtf,
}

/// What a resource URI names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    /// A class, or an instance of it.
    Class(ClassUri),
    /// All classes of a namespace: where queries are asked.
    All(Dialect, Option<String>),
    /// The configuration of the service.
    Config,
    /// The declarations of classes.
    Metadata,
    /// Something else, such as a shell.
    Other,
}

/// The URI of a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ClassUri {
    pub(super) dialect: Dialect,
    /// The namespace, if the URI has it, with slashes.
    pub(super) namespace: Option<String>,
    pub(super) class: String,
}

impl Resource {
    pub(super) fn of(uri: &str) -> Self {
        if let Some(rest) = strip_prefix(uri, WMI) {
            let whole = rest.trim_end_matches('/');
            let bare = whole.trim_end_matches("/*");
            if bare.len() < whole.len() {
                return Self::All(Dialect::Wmi, Some(bare.to_owned()));
            }
            return match whole.rsplit_once('/') {
                Some((namespace, class)) => Self::Class(ClassUri {
                    dialect: Dialect::Wmi,
                    namespace: Some(namespace.to_owned()),
                    class: class.to_owned(),
                }),
                None => Self::Other,
            };
        }
        match strip_prefix(uri, DMTF) {
            Some("*") => return Self::All(Dialect::Dmtf, None),
            Some(class) if !class.is_empty() => {
                let (dialect, class) = (Dialect::Dmtf, class.to_owned());
                return Self::Class(ClassUri { dialect, namespace: None, class });
            }
            _ => {}
        }
        if strip_prefix(uri, DMTF_ALL) == Some("") {
            Self::All(Dialect::Dmtf, None)
        } else if strip_prefix(uri, CONFIG).is_some_and(|it| it.trim_matches('/').is_empty()) {
            Self::Config
        } else if strip_prefix(uri, CIM_XML).is_some() {
            Self::Metadata
        } else {
            Self::Other
        }
    }
}

fn strip_prefix<'a>(uri: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = uri.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// The URI of a class in a namespace with slashes.
pub(super) fn class_uri(dialect: Dialect, namespace: &str, class: &str) -> String {
    match dialect {
        Dialect::Wmi => format!("{WMI}{}/{class}", namespace.replace('\\', "/")),
        Dialect::Dmtf => format!("{DMTF}{class}"),
    }
}

/// A reference to an endpoint, as far as it names an object.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Address {
    pub(super) resource: String,
    pub(super) selectors: Selectors,
}

/// The selectors of a request or a reference, in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Selectors(pub(super) Vec<(String, Selected)>);

/// What a selector says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Selected {
    Text(String),
    Address(Address),
}

impl Selectors {
    /// Reads a `w:SelectorSet`.
    pub(super) fn read(set: &Element<'_>) -> Self {
        let selectors = set.children.iter().filter(|it| it.is(WSMAN, "Selector"));
        Self(
            selectors
                .map(|it| {
                    let name = it.local_attribute("Name").unwrap_or_default().trim().to_owned();
                    let address = it.child(ADDRESSING, "EndpointReference").and_then(Address::read);
                    (
                        name,
                        address
                            .map_or_else(|| Selected::Text(it.text.to_string()), Selected::Address),
                    )
                })
                .collect(),
        )
    }

    /// The namespace that a selector names, if one does.
    pub(super) fn namespace(&self) -> Option<&str> {
        self.0.iter().find_map(|(name, value)| match value {
            Selected::Text(text) if name.eq_ignore_ascii_case(CIM_NAMESPACE) => Some(text.trim()),
            _ => None,
        })
    }

    /// Those that name keys.
    pub(super) fn keys(&self) -> impl Iterator<Item = &(String, Selected)> {
        self.0.iter().filter(|(name, _)| !name.eq_ignore_ascii_case(CIM_NAMESPACE))
    }
}

impl Address {
    /// Reads an element of the type of `a:EndpointReference`; `None` if it does not name a resource.
    pub(super) fn read(element: &Element<'_>) -> Option<Self> {
        let parameters = element.child(ADDRESSING, "ReferenceParameters")?;
        let resource = parameters.child(WSMAN, "ResourceURI")?.text.trim().to_owned();
        let set = parameters.child(WSMAN, "SelectorSet");
        Some(Self { resource, selectors: set.map(Selectors::read).unwrap_or_default() })
    }

    /// The object that this leads to; `None` if it leads elsewhere.
    pub(super) fn path(&self, schema: &Schema) -> Option<ObjectPath> {
        let Resource::Class(uri) = Resource::of(&self.resource) else { return None };
        let namespace = self.selectors.namespace().or(uri.namespace.as_deref());
        let path = path_of(schema, &uri.class, &self.selectors)?;
        let namespace = namespace.map(|it| Namespace { host: None, name: backslashes(it).into() });
        Some(ObjectPath { namespace, ..path })
    }
}

/// The name of a namespace as WMI writes it.
pub(super) fn backslashes(namespace: &str) -> String {
    namespace.trim_matches(['/', '\\']).replace('/', "\\")
}

/// The path of an instance of a class by the selectors that name its keys, or some of them; with
/// none it is that of the class. `None` if a selector is no value of its key.
pub(super) fn path_of(schema: &Schema, class: &str, selectors: &Selectors) -> Option<ObjectPath> {
    let declared = schema.class(class);
    selectors.keys().try_fold(ObjectPath::class(class), |path, (name, value)| {
        let key = declared.and_then(|it| it.property(name));
        Some(path.with(key.map_or_else(|| name.as_str().into(), |it| it.name.clone()), {
            key_value(schema, key.map(|it| it.of.of), value)?
        }))
    })
}

fn key_value(schema: &Schema, of: Option<CimType>, selected: &Selected) -> Option<KeyValue> {
    let text = match selected {
        Selected::Text(text) => text,
        Selected::Address(address) => return Some(KeyValue::from(&address.path(schema)?)),
    };
    match of {
        Some(of) if of.is_integer() => text.trim().parse().ok().map(KeyValue::Integer),
        Some(CimType::Boolean) => match text.trim() {
            it if it.eq_ignore_ascii_case("true") => Some(KeyValue::Boolean(true)),
            it if it.eq_ignore_ascii_case("false") => Some(KeyValue::Boolean(false)),
            _ => None,
        },
        _ => Some(KeyValue::from(text.as_str())),
    }
}
