//! Text that WMI compares without regard to case.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The name of a class, property, method, key, namespace or host; or the value of a key.
///
/// WMI compares all of these without regard to case and prints them as they were given, so
/// equality, order and hash are over the folded text, and `Display` is the text itself.
///
/// ```
/// use hyperv_replica::cim::Name;
///
/// assert_eq!(Name::from("MsVm_ComputerSystem"), Name::from("Msvm_ComputerSystem"));
/// assert_eq!(Name::from("ElementName"), *"elementname");
/// assert_eq!(Name::from("ElementName").to_string(), "ElementName");
/// ```
#[derive(Clone)]
pub struct Name(Arc<str>);

impl Name {
    /// The text as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Name {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&Name> for Name {
    fn from(name: &Name) -> Self {
        name.clone()
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        same(&self.0, other)
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        same(&self.0, &other.0)
    }
}

impl Eq for Name {}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(&self.0, &other.0)
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        folded(&self.0).for_each(|c| c.hash(state));
    }
}

fn folded(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase)
}

/// Whether two texts are the same but for case.
pub(super) fn same(a: &str, b: &str) -> bool {
    // Names are ASCII nearly always; what is not is folded character by character.
    a.eq_ignore_ascii_case(b) || (!(a.is_ascii() && b.is_ascii()) && folded(a).eq(folded(b)))
}

/// The order of two texts, without regard to case.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let lower = |it: u8| it.to_ascii_lowercase();
    if a.is_ascii() && b.is_ascii() {
        return a.bytes().map(lower).cmp(b.bytes().map(lower));
    }
    folded(a).cmp(folded(b))
}
