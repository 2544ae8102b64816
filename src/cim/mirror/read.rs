//! Reading properties of an instance, leniently in form and strictly in meaning.
//!
//! Hosts and what stands between them and a client differ in form: an integer comes in another
//! width or as text, a property that is new is missing, one that says nothing is null. All of that
//! is read. A value that means something else than this crate has a word for is an error that names
//! it; it is never read as its neighbour.

use crate::cim::{Array, DateTime, Instance, Name, Value};
use crate::model::{SimTime, WireEnum};
use chrono::Datelike;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// A property that a host gave a value nothing can be made of, or did not give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The class of the instance.
    pub class: Name,
    /// The property.
    pub property: Name,
    /// Its value, as a message shows it.
    pub found: String,
    /// What it should be.
    pub expected: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { class, property, found, expected } = self;
        write!(f, "{class}.{property} is {found}; expected {expected}")
    }
}

impl std::error::Error for Unreadable {}

/// The result of reading.
pub(crate) type Read<T> = Result<T, Unreadable>;

/// The year that stands for “never”: a `FILETIME` of zero.
const NEVER: i32 = 1601;

/// The longest value that a message shows, in characters.
const SHOWN: usize = 64;

/// An instance that is read. What is null and what is missing is `None`, unless a method says so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a>(&'a Instance);

impl<'a> Record<'a> {
    pub(crate) fn of(instance: &'a Instance) -> Self {
        Self(instance)
    }

    fn get(self, property: &str) -> Option<&'a Value> {
        self.0.get(property).filter(|it| !it.is_null())
    }

    /// What is wrong with the value of a property.
    pub(crate) fn wrong(self, property: &str, expected: impl Into<String>) -> Unreadable {
        let found = match self.0.get(property) {
            None => "missing".to_owned(),
            Some(Value::Null) => "null".to_owned(),
            Some(value) => match (value.to_text(), value.type_of()) {
                (Some(text), _) => format!("`{}`", shortened(&text)),
                (None, of) => of.map_or_else(String::new, |of| format!("of type {of}")),
            },
        };
        let class = self.0.class.clone();
        Unreadable { class, property: property.into(), found, expected: expected.into() }
    }

    /// What is wrong with one value of an array.
    pub(crate) fn wrong_part(self, property: &str, part: &str, expected: &str) -> Unreadable {
        let found = format!("`{}`", shortened(part));
        Unreadable { found, ..self.wrong(property, expected) }
    }

    /// Whether it is missing or null.
    pub(crate) fn is_null(self, property: &str) -> bool {
        self.get(property).is_none()
    }

    /// A value that has to be there.
    pub(crate) fn given<T>(
        self,
        property: &str,
        read: impl FnOnce(Self, &str) -> Read<Option<T>>,
    ) -> Read<T> {
        read(self, property)?.ok_or_else(|| self.wrong(property, "a value"))
    }

    /// What a property says over what was there before: nothing if it is missing, the default if it
    /// is null.
    pub(crate) fn over<T>(
        self,
        property: &str,
        value: &mut T,
        default: T,
        read: impl FnOnce(Self, &str) -> Read<Option<T>>,
    ) -> Read<()> {
        if self.0.supplies(property) {
            *value = read(self, property)?.unwrap_or(default);
        }
        Ok(())
    }

    /// A text, or the text of a scalar.
    pub(crate) fn text(self, property: &str) -> Read<Option<Cow<'a, str>>> {
        match self.get(property) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(Cow::Borrowed(text))),
            Some(value) => {
                let text = value.to_text().ok_or_else(|| self.wrong(property, "a text"))?;
                Ok(Some(Cow::Owned(text)))
            }
        }
    }

    /// The same as a value of its own.
    pub(crate) fn string(self, property: &str) -> Read<Option<String>> {
        Ok(self.text(property)?.map(Cow::into_owned))
    }

    /// A text, empty if there is none.
    pub(crate) fn string_or_empty(self, property: &str) -> Read<String> {
        Ok(self.string(property)?.unwrap_or_default())
    }

    /// What a text says in another form.
    pub(crate) fn parsed<T>(
        self,
        property: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Read<Option<T>> {
        let Some(text) = self.text(property)? else { return Ok(None) };
        parse(&text).map(Some).ok_or_else(|| self.wrong(property, expected))
    }

    /// The texts of an array; none if it is null.
    pub(crate) fn texts(self, property: &str) -> Read<Vec<String>> {
        match self.get(property) {
            None => Ok(Vec::new()),
            Some(Value::Array(Array::String(texts))) => Ok(texts.clone()),
            Some(Value::Array(array)) => {
                let texts = array.values().map(|it| it.to_text());
                texts.collect::<Option<_>>().ok_or_else(|| self.wrong(property, "texts"))
            }
            // What carries an array of one may not tell it from its only value.
            Some(_) => Ok(self.string(property)?.into_iter().collect()),
        }
    }

    /// An integer, whatever its width on the wire.
    pub(crate) fn number<T: TryFrom<i128>>(self, property: &str) -> Read<Option<T>> {
        let Some(value) = self.get(property) else { return Ok(None) };
        let number = integer(value).and_then(|it| T::try_from(it).ok());
        number.map(Some).ok_or_else(|| self.wrong(property, "a natural number that fits"))
    }

    /// A number that has a name.
    pub(crate) fn known<T: WireEnum>(self, property: &str) -> Read<Option<T>> {
        let Some(value) = self.get(property) else { return Ok(None) };
        self.named(property, value).map(Some)
    }

    /// The same where the enumeration has a word for the numbers that have no name here: what a
    /// newer host shows is no reason to see nothing of it.
    pub(crate) fn known_or<T: WireEnum>(self, property: &str, other: T) -> Read<Option<T>> {
        let number: Option<u32> = self.number(property)?;
        Ok(number.map(|it| T::from_number(it).unwrap_or(other)))
    }

    /// The first number of an array, which has a name.
    pub(crate) fn first_known<T: WireEnum>(self, property: &str) -> Read<Option<T>> {
        match self.get(property) {
            Some(Value::Array(array)) => match array.values().next() {
                Some(first) => self.named(property, &first).map(Some),
                None => Ok(None),
            },
            _ => self.known(property),
        }
    }

    fn named<T: WireEnum>(self, property: &str, value: &Value) -> Read<T> {
        let number = integer(value).and_then(|it| u32::try_from(it).ok());
        number.and_then(T::from_number).ok_or_else(|| Unreadable {
            found: value.to_text().unwrap_or_else(|| "no number".to_owned()),
            ..self.wrong(property, format!("a number of {}", T::TYPE))
        })
    }

    /// A truth value, of whatever a client made it.
    pub(crate) fn flag(self, property: &str) -> Read<Option<bool>> {
        let Some(value) = self.get(property) else { return Ok(None) };
        let flag = match value {
            Value::Boolean(it) => Some(*it),
            Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
            value => integer(value).filter(|it| (0..=1).contains(it)).map(|it| it == 1),
        };
        flag.map(Some).ok_or_else(|| self.wrong(property, "TRUE or FALSE"))
    }

    fn date_time(self, property: &str) -> Read<Option<DateTime>> {
        match self.get(property) {
            None => Ok(None),
            Some(Value::DateTime(it)) => Ok(Some(*it)),
            Some(_) => self.parsed(property, "a datetime", |text| text.parse().ok()),
        }
    }

    /// A point in time; `None` if it has not come, which hosts write as the year 1601. What was
    /// before the calendar of this crate begins was at its beginning.
    pub(crate) fn time(self, property: &str) -> Read<Option<SimTime>> {
        match self.date_time(property)? {
            None => Ok(None),
            Some(DateTime::Time(time)) if time.to_utc().year() <= NEVER => Ok(None),
            Some(DateTime::Time(time)) => Ok(Some(time.to_sim_time().unwrap_or(SimTime::ZERO))),
            Some(DateTime::Interval(_)) => Err(self.wrong(property, "a point in time")),
        }
    }

    /// A length of time.
    pub(crate) fn duration(self, property: &str) -> Read<Option<Duration>> {
        let Some(it) = self.date_time(property)? else { return Ok(None) };
        it.duration().map(Some).ok_or_else(|| self.wrong(property, "an interval"))
    }

    /// A time of day in whole seconds, as an interval since midnight.
    pub(crate) fn seconds(self, property: &str) -> Read<Option<u32>> {
        let Some(it) = self.duration(property)? else { return Ok(None) };
        u32::try_from(it.as_secs()).map(Some).map_err(|_| self.wrong(property, "a time of day"))
    }
}

/// As much of a text as a message shows.
fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        value => value.as_integer(),
    }
}
