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
pub struct Name(Text);

/// Most names are written in this crate, and made often.
#[derive(Clone)]
enum Text {
    Static(&'static str),
    Shared(Arc<str>),
}

impl Name {
    /// A name that a program has in itself: it allocates nothing, as a text from elsewhere does.
    pub const fn from_static(text: &'static str) -> Self {
        Self(Text::Static(text))
    }

    /// The text as it was given.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Static(text) => text,
            Text::Shared(text) => text,
        }
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self(Text::Shared(text.into()))
    }
}

impl From<String> for Name {
    fn from(text: String) -> Self {
        Self(Text::Shared(text.into()))
    }
}

impl From<Arc<str>> for Name {
    fn from(text: Arc<str>) -> Self {
        Self(Text::Shared(text))
    }
}

impl From<&Name> for Name {
    fn from(name: &Name) -> Self {
        name.clone()
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        same(self.as_str(), other)
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        same(self.as_str(), other.as_str())
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
        compare(self.as_str(), other.as_str())
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        folded(self.as_str()).for_each(|c| c.hash(state));
    }
}

fn folded(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase)
}

/// A number that is the same for texts that are the same but for case: FNV-1a, of the folded text.
pub(super) fn sum(text: &str) -> u32 {
    let add = |sum: u32, c: char| (sum ^ u32::from(c)).wrapping_mul(0x0100_0193);
    if text.is_ascii() {
        return text.bytes().map(|it| it.to_ascii_lowercase().into()).fold(0x811C_9DC5, add);
    }
    folded(text).fold(0x811C_9DC5, add)
}

/// Whether two texts are the same but for case.
pub(super) fn same(a: &str, b: &str) -> bool {
    // What is compared often is one and the same text, or differs in its first characters.
    std::ptr::eq(a, b) || compare(a, b).is_eq()
}

/// The order of two texts, without regard to case.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    for (at, (x, y)) in a.bytes().zip(b.bytes()).enumerate() {
        if x == y {
            continue;
        }
        if !(x.is_ascii() && y.is_ascii()) {
            // Names are ASCII nearly always; from where one is not, it is folded by characters.
            let starts = |it: &usize| a.is_char_boundary(*it) && b.is_char_boundary(*it);
            let at = (0..=at).rev().find(starts).unwrap_or_default();
            return folded(&a[at..]).cmp(folded(&b[at..]));
        }
        let order = x.to_ascii_lowercase().cmp(&y.to_ascii_lowercase());
        if order.is_ne() {
            return order;
        }
    }
    a.len().cmp(&b.len())
}
