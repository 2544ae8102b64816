//! The patterns of `LIKE`.

use std::fmt;

/// A pattern: `%` is any text, `_` any character, `[abc]` and `[a-f]` one of some characters, and
/// `[^a-f]` any other. A metacharacter between brackets is itself: `[_]`. Case does not matter.
///
/// Microsoft's [page] writes a range as `[a=f]`, which is read, too. That a `[` without its `]` is
/// itself is assumed: no page says.
///
/// ```
/// use hyperv_replica::cim::wql::Pattern;
///
/// let pattern = Pattern::from("Microsoft:%\\HVR\\[01]");
/// assert!(pattern.matches(r"microsoft:A5\hvr\0"));
/// assert!(!pattern.matches(r"Microsoft:A5\HVR\2"));
/// ```
///
/// [page]: https://learn.microsoft.com/windows/win32/wmisdk/like-operator
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    items: Vec<Item>,
}

#[derive(Clone, Debug)]
enum Item {
    Any,
    One,
    Char(char),
    Set { is_negated: bool, ranges: Vec<(char, char)> },
}

impl Item {
    fn takes(&self, c: char) -> bool {
        match self {
            Self::Any | Self::One => true,
            Self::Char(it) => folded(*it) == folded(c),
            Self::Set { is_negated, ranges } => {
                let (c, upper) = (folded(c), c.to_uppercase().next().unwrap_or(c));
                let within = |(a, b): &(char, char)| {
                    (*a..=*b).contains(&upper) || (folded(*a)..=folded(*b)).contains(&c)
                };
                ranges.iter().any(within) != *is_negated
            }
        }
    }
}

fn folded(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

impl Pattern {
    /// The text of the pattern.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a text is like this: at most as many steps as the product of both lengths.
    pub fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let (mut at, mut next) = (0, 0);
        // Where to go on if the latest `%` has to take one character more.
        let mut again = None;
        while at < text.len() {
            match self.items.get(next) {
                Some(Item::Any) => {
                    next += 1;
                    again = Some((next, at));
                }
                Some(item) if item.takes(text[at]) => (at, next) = (at + 1, next + 1),
                _ => {
                    let Some((item, from)) = again else { return false };
                    again = Some((item, from + 1));
                    (at, next) = (from + 1, item);
                }
            }
        }
        self.items[next..].iter().all(|it| matches!(it, Item::Any))
    }
}

impl From<&str> for Pattern {
    fn from(text: &str) -> Self {
        let mut items = Vec::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            items.push(match c {
                '%' => Item::Any,
                '_' => Item::One,
                '[' => match set(rest) {
                    Some((set, behind)) => {
                        rest = behind;
                        set
                    }
                    None => Item::Char('['),
                },
                c => Item::Char(c),
            });
        }
        Self { text: text.to_owned(), items }
    }
}

/// What stands between brackets, from behind the opening one, and what follows the closing one.
fn set(text: &str) -> Option<(Item, &str)> {
    let inside = text.strip_prefix('^').unwrap_or(text);
    let is_negated = inside.len() < text.len();
    // A closing bracket in the first place is one of the characters.
    let first = inside.chars().next().map_or(0, char::len_utf8);
    let end = first + inside.get(first..)?.find(']')?;
    let characters: Vec<char> = inside[..end].chars().collect();
    let mut ranges = Vec::new();
    let mut left = &characters[..];
    while let [a, behind @ ..] = left {
        let (last, behind) = match behind {
            ['-' | '=', last, behind @ ..] => (last, behind),
            _ => (a, behind),
        };
        ranges.push((*a, *last));
        left = behind;
    }
    Some((Item::Set { is_negated, ranges }, &inside[end + 1..]))
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
