//! Where an object is: the text by which WMI addresses classes and instances.

use super::Name;
use super::scan::{Dialect, Position, Quoted, Result, Scanner, SyntaxError, Token, shown};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// The path of a class or an instance:
/// `\\HOST\root\virtualization\v2:Msvm_ComputerSystem.CreationClassName="Msvm_ComputerSystem",Name="…"`.
///
/// [Documented] to be read with slashes of either kind and quotes of either kind, and printed as
/// hosts print it: backslashes, double quotes, keys in the order of their names. Within quotes a
/// backslash escapes a quote or another backslash, so that a path within a path doubles each.
///
/// Equality is WMI's: names and texts without regard to case, keys in any order. A path with a host
/// and one without are not equal; [`ObjectPath::is_same_object`] looks at what both say.
///
/// ```
/// use hyperv_replica::cim::ObjectPath;
///
/// let path: ObjectPath = r#"Msvm_ReplicationSettingData.InstanceID='Microsoft:A\\HVR\\0'"#.parse()?;
/// assert_eq!(path.key("instanceid").and_then(|it| it.as_str()), Some(r"Microsoft:A\HVR\0"));
/// assert_eq!(path.to_string(), r#"Msvm_ReplicationSettingData.InstanceID="Microsoft:A\\HVR\\0""#);
/// # Ok::<(), hyperv_replica::cim::SyntaxError>(())
/// ```
///
/// [Documented]: https://learn.microsoft.com/windows/win32/wmisdk/describing-the-location-of-a-wmi-object
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectPath {
    /// Where the class is; `None` in a relative path.
    pub namespace: Option<Namespace>,
    /// The class.
    pub class: Name,
    /// Which instance of it.
    pub keys: Keys,
}

/// A namespace, and the host that has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Namespace {
    /// The host; `None` for the one that is asked. `.` is the local one.
    pub host: Option<Name>,
    /// The name, with backslashes: `root\virtualization\v2`.
    pub name: Name,
}

/// Which instance of a class.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Keys {
    /// None: the path is that of the class.
    Class,
    /// The only one: `=@`.
    Singleton,
    /// The one whose only key has this value: `Class="value"`.
    Only(KeyValue),
    /// The one whose keys have these values; never empty.
    Named(BTreeMap<Name, KeyValue>),
}

/// The value of a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyValue {
    /// A string, a `datetime` or the text of a reference.
    Text(Name),
    /// An integer.
    Integer(i128),
    /// A boolean.
    Boolean(bool),
}

impl KeyValue {
    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.as_str()),
            _ => None,
        }
    }
}

impl From<&str> for KeyValue {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for KeyValue {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<Name> for KeyValue {
    fn from(text: Name) -> Self {
        Self::Text(text)
    }
}

impl From<&ObjectPath> for KeyValue {
    fn from(path: &ObjectPath) -> Self {
        Self::Text(path.to_string().into())
    }
}

impl ObjectPath {
    /// The relative path of a class.
    pub fn class(class: impl Into<Name>) -> Self {
        Self { namespace: None, class: class.into(), keys: Keys::Class }
    }

    /// The relative path of an instance of a class with these keys.
    pub(super) fn of<const N: usize>(
        class: &'static str,
        keys: [(&'static str, KeyValue); N],
    ) -> Self {
        let keys = keys.map(|(name, value)| (Name::from_static(name), value));
        let (class, keys) = (Name::from_static(class), Keys::Named(keys.into()));
        Self { namespace: None, class, keys }
    }

    /// The same with one more key.
    ///
    /// ```
    /// use hyperv_replica::cim::ObjectPath;
    ///
    /// let job = ObjectPath::class("Msvm_ConcreteJob").with("InstanceID", "8F2C");
    /// assert_eq!(job.to_string(), r#"Msvm_ConcreteJob.InstanceID="8F2C""#);
    /// ```
    #[must_use]
    pub fn with(mut self, key: impl Into<Name>, value: impl Into<KeyValue>) -> Self {
        let mut keys = match self.keys {
            Keys::Named(keys) => keys,
            _ => BTreeMap::new(),
        };
        keys.insert(key.into(), value.into());
        self.keys = Keys::Named(keys);
        self
    }

    /// The same in a namespace of a host.
    #[must_use]
    pub fn on(mut self, host: impl Into<Name>, namespace: impl Into<Name>) -> Self {
        self.namespace = Some(Namespace { host: Some(host.into()), name: namespace.into() });
        self
    }

    /// The value of a key; `None` if the path does not name it.
    pub fn key(&self, name: &str) -> Option<&KeyValue> {
        match &self.keys {
            Keys::Named(keys) => {
                keys.iter().find(|(key, _)| **key == *name).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// The path without host and namespace: `__RELPATH`.
    #[must_use]
    pub fn relative(&self) -> Self {
        Self { namespace: None, ..self.clone() }
    }

    /// Whether both paths lead to the same object, as far as both say: a missing host or namespace
    /// is the other's.
    pub fn is_same_object(&self, other: &Self) -> bool {
        let same_place = match (&self.namespace, &other.namespace) {
            (Some(a), Some(b)) => {
                let hosts = a.host.as_ref().zip(b.host.as_ref());
                a.name == b.name && hosts.is_none_or(|(a, b)| a == b)
            }
            _ => true,
        };
        same_place && self.class == other.class && self.keys == other.keys
    }
}

impl fmt::Display for KeyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => Quoted(text.as_str()).fmt(f),
            Self::Integer(number) => number.fmt(f),
            Self::Boolean(it) => f.write_str(if *it { "TRUE" } else { "FALSE" }),
        }
    }
}

impl fmt::Display for ObjectPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Namespace { host, name }) = &self.namespace {
            if let Some(host) = host {
                write!(f, r"\\{host}\")?;
            }
            write!(f, "{name}:")?;
        }
        write!(f, "{}", self.class)?;
        match &self.keys {
            Keys::Class => Ok(()),
            Keys::Singleton => f.write_str("=@"),
            Keys::Only(value) => write!(f, "={value}"),
            Keys::Named(keys) => keys.iter().enumerate().try_for_each(|(i, (name, value))| {
                write!(f, "{}{name}={value}", if i == 0 { '.' } else { ',' })
            }),
        }
    }
}

/// # Errors
/// [`SyntaxError`]: `WBEM_E_INVALID_OBJECT_PATH` on a host.
impl FromStr for ObjectPath {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self> {
        Self::read(text, 0)
    }
}

impl ObjectPath {
    /// Reads the path that a text has from a byte offset to its end.
    pub(super) fn read(text: &str, start: usize) -> Result<Self> {
        let body = text.get(start..).unwrap_or_default();
        let start = start + body.len() - body.trim_start().len();
        // The namespace ends at the first colon; a colon within quotes is behind a key.
        let head =
            body.find(['"', '\'', '=']).map_or(text.len(), |it| text.len() - body.len() + it);
        let colon = text[start.min(head)..head].find(':').map(|it| start + it);
        let namespace = colon.map(|colon| namespace(text, start, colon)).transpose()?;
        let mut from = Scanner::new(text, colon.map_or(start, |it| it + 1), Dialect::Wmi)?;
        let class = Name::from(from.word("a class")?);
        let keys = keys(&mut from)?;
        from.expect_end("the end of the path")?;
        Ok(Self { namespace, class, keys })
    }
}

/// What stands between two byte offsets, of which the latter is that of the colon.
fn namespace(text: &str, start: usize, colon: usize) -> Result<Namespace> {
    let refuse = |expected: &str| {
        let message = format!("expected {expected}, found {}", shown(&text[start..colon]));
        Err(SyntaxError { position: Position::of(text, start), message })
    };
    let parts: Vec<_> = text[start..colon].split(['\\', '/']).collect();
    let (host, names) = match &parts[..] {
        ["", "", host, names @ ..] => (Some(*host), names),
        names => (None, names),
    };
    let is_name = |it: &&str| !it.is_empty() && !it.contains(char::is_whitespace);
    if !host.iter().all(is_name) {
        return refuse("a host behind two backslashes");
    }
    if names.is_empty() || !names.iter().all(is_name) {
        return refuse(r"a namespace such as `root\virtualization\v2`");
    }
    Ok(Namespace { host: host.map(Name::from), name: names.join("\\").into() })
}

fn keys(from: &mut Scanner<'_>) -> Result<Keys> {
    if from.eat("=")? {
        return Ok(if from.eat("@")? { Keys::Singleton } else { Keys::Only(key_value(from)?) });
    }
    if !from.eat(".")? {
        return Ok(Keys::Class);
    }
    let mut keys = BTreeMap::new();
    loop {
        let start = from.start();
        let name = from.word("the name of a key")?;
        from.expect("=")?;
        if keys.insert(Name::from(name), key_value(from)?).is_some() {
            return Err(from.error(start, format!("key `{name}` is given twice")));
        }
        if !from.eat(",")? {
            return Ok(Keys::Named(keys));
        }
    }
}

fn key_value(from: &mut Scanner<'_>) -> Result<KeyValue> {
    let value = match from.peek() {
        Token::Text(text) => KeyValue::Text(text.as_str().into()),
        Token::Integer(number) => KeyValue::Integer(*number),
        _ if from.is_word("true") => KeyValue::Boolean(true),
        _ if from.is_word("false") => KeyValue::Boolean(false),
        _ => return from.refuse("a string, a number, TRUE or FALSE"),
    };
    from.take()?;
    Ok(value)
}
