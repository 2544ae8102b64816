//! How single values are written: numbers, durations, sizes, yes and no, enumerations.

use super::problem::listed;
use super::text::Word;
use crate::engine::{Answer, Refusals};
use crate::model::time::{format_duration, parse_duration};
use crate::model::{
    AuthenticationType, DiskId, Edition, GuestSystem, Guid, Leg, SimTime, WireEnum,
};
use std::fmt::Display;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// The written form of a value. What [`write`](Form::write) writes, [`read`](Form::read) reads.
pub(super) trait Form: Copy {
    type Value: PartialEq;

    /// What a word that is not of this form should have been.
    fn expected(self) -> String;
    /// The words it may be, where they can be listed.
    fn words(self) -> Vec<&'static str> {
        Vec::new()
    }
    /// What to write instead of a word that is not of this form, where that is known.
    fn help(self, _: &Word) -> Option<String> {
        None
    }
    fn read(self, word: &Word) -> Option<Self::Value>;
    fn write(self, value: &Self::Value) -> Word;
}

/// Any text behind a key.
#[derive(Clone, Copy)]
pub(super) struct Text;

impl Form for Text {
    type Value = String;

    fn expected(self) -> String {
        "a text".to_owned()
    }
    fn read(self, word: &Word) -> Option<String> {
        Some(word.text().to_owned())
    }
    fn write(self, value: &String) -> Word {
        Word::value(value)
    }
}

/// A text that stands by itself, or may be `none`: bare only if nothing else could be meant.
#[derive(Clone, Copy)]
pub(super) struct Name(pub(super) &'static str);

impl Form for Name {
    type Value = String;

    fn expected(self) -> String {
        self.0.to_owned()
    }
    fn read(self, word: &Word) -> Option<String> {
        Some(word.text().to_owned())
    }
    fn write(self, value: &String) -> Word {
        if value == NONE { Word::quoted(value) } else { Word::name(value) }
    }
}

/// As [`Name`], for a shared text.
#[derive(Clone, Copy)]
pub(super) struct SharedName(pub(super) &'static str);

impl Form for SharedName {
    type Value = Arc<str>;

    fn expected(self) -> String {
        self.0.to_owned()
    }
    fn read(self, word: &Word) -> Option<Arc<str>> {
        Some(word.text().into())
    }
    fn write(self, value: &Arc<str>) -> Word {
        Word::name(value)
    }
}

/// The word for an empty list and for an absent value.
pub(super) const NONE: &str = "none";

/// A whole number.
#[derive(Clone, Copy)]
pub(super) struct Number<T>(PhantomData<T>);

impl<T> Number<T> {
    pub(super) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T: FromStr + Display + PartialEq + Copy + Into<u64>> Form for Number<T> {
    type Value = T;

    fn expected(self) -> String {
        let largest = u64::MAX >> (64 - 8 * size_of::<T>());
        format!("a whole number from 0 to {largest}")
    }
    fn read(self, word: &Word) -> Option<T> {
        digits(word.plain()?)?.parse().ok()
    }
    fn write(self, value: &T) -> Word {
        Word::bare(value)
    }
}

/// A text of digits alone: no sign.
fn digits(text: &str) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(|c| c.is_ascii_digit())).then_some(text)
}

fn numbered(names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    format!("{} or a number", names.join(", "))
}

/// A value of an enumeration that is carried as a number: its name, or any number.
#[derive(Clone, Copy)]
pub(super) struct Numbered<E>(PhantomData<E>);

impl<E> Numbered<E> {
    pub(super) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<E: WireEnum> Form for Numbered<E> {
    type Value = u16;

    fn expected(self) -> String {
        numbered(&self.words())
    }
    fn words(self) -> Vec<&'static str> {
        E::ALL.iter().map(|it| it.name()).collect()
    }
    fn read(self, word: &Word) -> Option<u16> {
        let text = word.plain()?;
        match digits(text) {
            Some(number) => number.parse().ok(),
            None => E::parse(text).ok().and_then(|it| u16::try_from(it.number()).ok()),
        }
    }
    fn write(self, value: &u16) -> Word {
        match E::from_number(u32::from(*value)) {
            Some(known) => Word::bare(known.name()),
            None => Word::bare(value),
        }
    }
}

/// A value of an enumeration: its name or its number.
#[derive(Clone, Copy)]
pub(super) struct Exact<E>(PhantomData<E>);

impl<E> Exact<E> {
    pub(super) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<E: WireEnum> Form for Exact<E> {
    type Value = E;

    fn expected(self) -> String {
        numbered(&self.words())
    }
    fn words(self) -> Vec<&'static str> {
        E::ALL.iter().map(|it| it.name()).collect()
    }
    fn read(self, word: &Word) -> Option<E> {
        E::parse(word.plain()?).ok()
    }
    fn write(self, value: &E) -> Word {
        Word::bare(value.name())
    }
}

/// The authentication of a relationship; `none` is the class default of 0.
#[derive(Clone, Copy)]
pub(super) struct Authentication;

impl Form for Authentication {
    type Value = Option<AuthenticationType>;

    fn expected(self) -> String {
        "`Kerberos`, `Certificate` or `none`".to_owned()
    }
    fn read(self, word: &Word) -> Option<Self::Value> {
        match word.plain()? {
            NONE => Some(None),
            text => AuthenticationType::parse(text).ok().map(Some),
        }
    }
    fn write(self, value: &Self::Value) -> Word {
        Word::bare(value.map_or(NONE, AuthenticationType::name))
    }
}

/// One of a few values, each with its word.
#[derive(Clone, Copy)]
pub(super) struct Choice<T: 'static>(&'static [(&'static str, T)]);

pub(super) const YES_NO: Choice<bool> = Choice(&[("yes", true), ("no", false)]);
pub(super) const ON_OFF: Choice<bool> = Choice(&[("on", true), ("off", false)]);
pub(super) const GUEST: Choice<GuestSystem> =
    Choice(&[("linux", GuestSystem::Linux), ("windows", GuestSystem::Windows)]);
pub(super) const EDITION: Choice<Edition> =
    Choice(&[("Server", Edition::Server), ("Client", Edition::Client)]);
pub(super) const ANSWER: Choice<Answer> = Choice(&[("0", Answer::Now), ("4096", Answer::Job)]);
pub(super) const REFUSALS: Choice<Refusals> =
    Choice(&[("early", Refusals::Early), ("late", Refusals::Late)]);

impl<T: Copy + PartialEq> Form for Choice<T> {
    type Value = T;

    fn expected(self) -> String {
        listed(self.words())
    }
    fn words(self) -> Vec<&'static str> {
        self.0.iter().map(|(word, _)| *word).collect()
    }
    fn read(self, word: &Word) -> Option<T> {
        let text = word.plain()?;
        self.0.iter().find(|(word, _)| *word == text).map(|(_, value)| *value)
    }
    fn write(self, value: &T) -> Word {
        Word::bare(self.0.iter().find(|(_, it)| it == value).map_or("", |(word, _)| word))
    }
}

/// Whole seconds that are written as a duration: `30s`, `5m`, `9h`.
#[derive(Clone, Copy)]
pub(super) struct Seconds<T>(PhantomData<T>);

impl<T> Seconds<T> {
    pub(super) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T: TryFrom<u64> + Into<u64> + PartialEq + Copy> Form for Seconds<T> {
    type Value = T;

    fn expected(self) -> String {
        let largest = u64::MAX >> (64 - 8 * size_of::<T>());
        format!("whole seconds such as `30s`, `5m` or `12h`, at most {largest}s")
    }
    fn read(self, word: &Word) -> Option<T> {
        let duration = parse_duration(word.plain()?).ok()?;
        (duration.subsec_nanos() == 0).then(|| T::try_from(duration.as_secs()).ok())?
    }
    fn write(self, value: &T) -> Word {
        Word::bare(format_duration(Duration::from_secs((*value).into())))
    }
}

/// A moment, written as what has passed since the beginning of time: `30d`.
#[derive(Clone, Copy)]
pub(super) struct Moment;

impl Form for Moment {
    type Value = SimTime;

    fn expected(self) -> String {
        "a time since the beginning such as `30d`".to_owned()
    }
    fn read(self, word: &Word) -> Option<SimTime> {
        SimTime::ZERO.checked_add(parse_duration(word.plain()?).ok()?)
    }
    fn write(self, value: &SimTime) -> Word {
        Word::bare(format_duration(value.since(SimTime::ZERO)))
    }
}

/// Whole minutes before or after UTC, written as a duration: `9h`, `-3h30m`.
#[derive(Clone, Copy)]
pub(super) struct UtcOffset;

impl Form for UtcOffset {
    type Value = i16;

    fn expected(self) -> String {
        "whole minutes such as `9h` or `-3h30m`".to_owned()
    }
    fn read(self, word: &Word) -> Option<i16> {
        let text = word.plain()?;
        let (sign, text) = text.strip_prefix('-').map_or((1, text), |text| (-1, text));
        let duration = parse_duration(text).ok()?;
        let whole = duration.as_secs().is_multiple_of(60) && duration.subsec_nanos() == 0;
        let minutes = i32::try_from(duration.as_secs() / 60).ok().filter(|_| whole)?;
        i16::try_from(sign * minutes).ok()
    }
    fn write(self, value: &i16) -> Word {
        let sign = if *value < 0 { "-" } else { "" };
        let minutes = Duration::from_secs(60 * u64::from(value.unsigned_abs()));
        Word::bare(format_args!("{sign}{}", format_duration(minutes)))
    }
}

/// Whole hours that are written as a duration: `4h`.
#[derive(Clone, Copy)]
pub(super) struct Hours;

impl Form for Hours {
    type Value = u16;

    fn expected(self) -> String {
        "whole hours such as `4h`".to_owned()
    }
    fn read(self, word: &Word) -> Option<u16> {
        let seconds = Seconds::<u64>::new().read(word)?;
        seconds.is_multiple_of(3600).then(|| u16::try_from(seconds / 3600).ok())?
    }
    fn write(self, value: &u16) -> Word {
        Word::bare(format_args!("{value}h"))
    }
}

/// A number of bytes: `20GiB`, `512KiB`, `4096`.
#[derive(Clone, Copy)]
pub(super) struct Size;

const SIZE_UNITS: [(&str, u32); 6] =
    [("EiB", 60), ("PiB", 50), ("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];

impl Form for Size {
    type Value = u64;

    fn expected(self) -> String {
        "bytes such as `127GiB`, `512KiB` or `4096`".to_owned()
    }
    fn read(self, word: &Word) -> Option<u64> {
        read_size(word.plain()?)
    }
    fn write(self, value: &u64) -> Word {
        Word::bare(format_size(*value))
    }
}

fn read_size(text: &str) -> Option<u64> {
    let unit = SIZE_UNITS.iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)));
    let (number, shift) = unit.unwrap_or((text, 0));
    digits(number)?.parse::<u64>().ok()?.checked_mul(1 << shift)
}

/// Exact: the largest unit of which the bytes are a whole number.
pub(super) fn format_size(bytes: u64) -> String {
    let unit = SIZE_UNITS.iter().find(|(_, shift)| bytes.trailing_zeros() >= *shift && bytes != 0);
    match unit {
        Some((unit, shift)) => format!("{}{unit}", bytes >> shift),
        None => bytes.to_string(),
    }
}

/// Bytes a second: `1MiB/s`.
#[derive(Clone, Copy)]
pub(super) struct Rate;

impl Form for Rate {
    type Value = u64;

    fn expected(self) -> String {
        "bytes a second such as `1MiB/s` or `0/s`".to_owned()
    }
    fn read(self, word: &Word) -> Option<u64> {
        read_size(word.plain()?.strip_suffix("/s")?)
    }
    fn write(self, value: &u64) -> Word {
        Word::bare(format_args!("{}/s", format_size(*value)))
    }
}

/// A duration: `1d2h3m4s5ms`.
#[derive(Clone, Copy)]
pub(super) struct Time;

impl Form for Time {
    type Value = Duration;

    fn expected(self) -> String {
        "a duration such as `2h30m`".to_owned()
    }
    fn read(self, word: &Word) -> Option<Duration> {
        parse_duration(word.plain()?).ok()
    }
    fn write(self, value: &Duration) -> Word {
        Word::bare(format_duration(*value))
    }
}

/// A GUID, with or without braces.
#[derive(Clone, Copy)]
pub(super) struct GuidForm;

impl Form for GuidForm {
    type Value = Guid;

    fn expected(self) -> String {
        "a GUID such as `{22391CDC-272C-4DDF-BA88-9BEFB1A0975C}`".to_owned()
    }
    fn read(self, word: &Word) -> Option<Guid> {
        word.plain()?.parse().ok()
    }
    fn write(self, value: &Guid) -> Word {
        braced(*value)
    }
}

/// `{GUID}`: how an id is written where a name could stand.
pub(super) fn braced(guid: Guid) -> Word {
    Word::bare(format_args!("{{{guid}}}"))
}

/// An IP address.
#[derive(Clone, Copy)]
pub(super) struct Address;

impl Form for Address {
    type Value = IpAddr;

    fn expected(self) -> String {
        "an address such as `10.0.0.7` or `fd00::7`".to_owned()
    }
    fn read(self, word: &Word) -> Option<IpAddr> {
        word.plain()?.parse().ok()
    }
    fn write(self, value: &IpAddr) -> Word {
        Word::bare(value)
    }
}

/// A choice of disks by their numbers: `0,2`, `all` or `none`.
#[derive(Clone, Copy)]
pub(super) struct Disks;

impl Form for Disks {
    type Value = Option<Vec<DiskId>>;

    fn expected(self) -> String {
        "numbers of disks such as `0,2`, `all` or `none`".to_owned()
    }
    fn read(self, word: &Word) -> Option<Self::Value> {
        match word.plain()? {
            "all" => Some(None),
            NONE => Some(Some(Vec::new())),
            text => {
                let disks = text.split(',').map(|it| digits(it)?.parse().ok().map(DiskId));
                disks.collect::<Option<_>>().map(Some)
            }
        }
    }
    fn write(self, value: &Self::Value) -> Word {
        let Some(disks) = value else { return Word::bare("all") };
        let numbers: Vec<_> = disks.iter().map(|it| it.0.to_string()).collect();
        Word::bare(if numbers.is_empty() { NONE.to_owned() } else { numbers.join(",") })
    }
}

/// `0` or `1`: which relationship.
#[derive(Clone, Copy)]
pub(super) struct LegForm;

impl Form for LegForm {
    type Value = Leg;

    fn expected(self) -> String {
        "`0` or `1`".to_owned()
    }
    fn read(self, word: &Word) -> Option<Leg> {
        match word.plain()? {
            "0" => Some(Leg::Primary),
            "1" => Some(Leg::Extended),
            _ => None,
        }
    }
    fn write(self, value: &Leg) -> Word {
        Word::bare(value.index())
    }
}

/// When something happened last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// It never did: `never`.
    Never,
    /// Then: `@2h`, two hours after the beginning of time.
    At(SimTime),
}

impl From<Option<SimTime>> for When {
    fn from(time: Option<SimTime>) -> Self {
        time.map_or(Self::Never, Self::At)
    }
}

/// `never`, or `@2h`.
#[derive(Clone, Copy)]
pub(super) struct WhenForm;

impl Form for WhenForm {
    type Value = When;

    fn expected(self) -> String {
        "`never`, or `@2h` from the beginning".to_owned()
    }
    fn read(self, word: &Word) -> Option<When> {
        match word.plain()? {
            "never" => Some(When::Never),
            text => {
                let since = parse_duration(text.strip_prefix('@')?).ok()?;
                SimTime::ZERO.checked_add(since).map(When::At)
            }
        }
    }
    fn write(self, value: &When) -> Word {
        match value {
            When::Never => Word::bare("never"),
            When::At(time) => {
                let since = time.since(SimTime::ZERO);
                Word::bare(format_args!("@{}", format_duration(since)))
            }
        }
    }
}

/// The code behind a failure: `0x80072EE7`.
#[derive(Clone, Copy)]
pub(super) struct Hresult;

impl Form for Hresult {
    type Value = u32;

    fn expected(self) -> String {
        "a code such as `0x80072EE7`".to_owned()
    }
    fn read(self, word: &Word) -> Option<u32> {
        let digits = word.plain()?.strip_prefix("0x")?;
        let fits = digits.bytes().all(|c| c.is_ascii_hexdigit());
        fits.then(|| u32::from_str_radix(digits, 16).ok())?
    }
    fn write(self, value: &u32) -> Word {
        Word::bare(format_args!("0x{value:08X}"))
    }
}
