//! Reading the fields of the 25 characters.

use core::error::Error;
use core::fmt;
use core::ops::{Range, RangeInclusive};

pub(super) const LEN: usize = 25;
pub(super) const DATE: Range<usize> = 0..8;
const POINT: usize = 14;
pub(super) const SIGN: usize = 21;
pub(super) const OFFSET: Range<usize> = 22..25;

/// The 25 characters of a text, all ASCII.
pub(super) struct Fields<'a>(&'a [u8; LEN]);

impl<'a> Fields<'a> {
    pub(super) fn of(text: &'a str) -> Result<Self, ParseCimError> {
        if let Some((offset, found)) = text.char_indices().find(|(_, c)| !c.is_ascii()) {
            return Err(unexpected(offset, "ASCII", found));
        }
        let fault = Fault::Length { found: text.len() };
        let bytes = text.as_bytes().try_into();
        bytes.map(Self).map_err(|_| ParseCimError { offset: text.len().min(LEN), fault })
    }

    pub(super) fn one_of(
        &self,
        at: usize,
        wanted: &str,
        expected: &str,
    ) -> Result<u8, ParseCimError> {
        let found = self.0[at];
        if wanted.as_bytes().contains(&found) {
            return Ok(found);
        }
        Err(unexpected(at, expected, found.into()))
    }

    pub(super) fn all(
        &self,
        at: Range<usize>,
        wanted: &str,
        expected: &str,
    ) -> Result<(), ParseCimError> {
        at.into_iter().try_for_each(|at| self.one_of(at, wanted, expected).map(drop))
    }

    pub(super) fn read(
        &self,
        field: &'static str,
        at: Range<usize>,
        allowed: RangeInclusive<u32>,
    ) -> Result<u32, ParseCimError> {
        let (start, mut value) = (at.start, 0);
        for at in at {
            let found = char::from(self.0[at]);
            let digit = found.to_digit(10);
            value = value * 10
                + digit.ok_or_else(|| unexpected(at, &format!("a digit of the {field}"), found))?;
        }
        if allowed.contains(&value) {
            Ok(value)
        } else {
            Err(outside(field, start, value, allowed))
        }
    }

    /// `HHMMSS.mmmmmm`, in microseconds.
    pub(super) fn clock(&self) -> Result<u64, ParseCimError> {
        let (hour, minute) =
            (self.read("hour", 8..10, 0..=23)?, self.read("minute", 10..12, 0..=59)?);
        let seconds = hour * 3600 + minute * 60 + self.read("second", 12..14, 0..=59)?;
        self.one_of(POINT, ".", "`.`")?;
        let micros = self.read("microsecond", 15..21, 0..=999_999)?;
        Ok(u64::from(seconds) * 1_000_000 + u64::from(micros))
    }
}

pub(super) fn outside(
    field: &'static str,
    offset: usize,
    found: u32,
    allowed: RangeInclusive<u32>,
) -> ParseCimError {
    ParseCimError { offset, fault: Fault::Value { field, found, allowed } }
}

fn unexpected(offset: usize, expected: &str, found: char) -> ParseCimError {
    ParseCimError { offset, fault: Fault::Character { expected: expected.to_owned(), found } }
}

/// Why a text is not a `datetime` of the wanted kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseCimError {
    offset: usize,
    fault: Fault,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Fault {
    Length { found: usize },
    Character { expected: String, found: char },
    Value { field: &'static str, found: u32, allowed: RangeInclusive<u32> },
}

impl ParseCimError {
    /// Where in the text, in bytes from its start, the refused part begins; the end of a text of
    /// the wrong length.
    pub const fn offset(&self) -> usize {
        self.offset
    }
}

impl fmt::Display for ParseCimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offset = self.offset;
        match &self.fault {
            Fault::Length { found } => write!(f, "expected {LEN} characters, found {found}"),
            Fault::Character { expected, found } => {
                write!(f, "at offset {offset}: expected {expected}, found `{found}`")?;
                if *found == '*' {
                    f.write_str(": wildcards are not supported here")
                } else {
                    Ok(())
                }
            }
            Fault::Value { field, found, allowed } => {
                let (min, max) = (allowed.start(), allowed.end());
                write!(f, "at offset {offset}: expected {field} {min} to {max}, found {found}")
            }
        }
    }
}

impl Error for ParseCimError {}
