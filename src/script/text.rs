//! Words: how a line falls apart, and how a word is written so that it comes back.

use super::ast::Verb;
use super::describe::TRANSFERS;
use super::problem::Problem;
use std::fmt;

/// Where in its line something stands: columns counted in characters from 1, the end excluded.
///
/// Two spans are always equal. Where a word stands is no part of what it says, so that a script
/// equals its reprint, whatever the layout.
#[derive(Clone, Copy, Debug, Default, Eq, serde::Serialize, serde::Deserialize)]
pub struct Span {
    /// The column of the first character.
    pub start: u32,
    /// The column after the last character.
    pub end: u32,
}

impl PartialEq for Span {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Span {
    /// From the first column of one to the last of another.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self { start: self.start, end: other.end }
    }
}

/// A word of a line, without its quotes and escapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    text: String,
    quoted: bool,
    span: Span,
}

impl Word {
    fn new(text: impl Into<String>, quoted: bool) -> Self {
        Self { text: text.into(), quoted, span: Span::default() }
    }

    /// A name in a place where keywords, `{GUID}`, `@2`, `#` and `key=` mean something else.
    pub fn name(text: &str) -> Self {
        let bare = is_plain(text)
            && !text.starts_with(['{', '@', '#'])
            && !text.starts_with("=>")
            && key_length(text).is_none()
            && Keyword::named(text).is_none()
            && ![EVENT, ABSENT].contains(&text)
            && !is_alias(text);
        Self::new(text, !bare)
    }

    /// A text behind a `key=`, where nothing but blanks and quotes is special.
    pub fn value(text: &str) -> Self {
        Self::new(text, !is_plain(text))
    }

    /// A text in quotes, even where it does not need them.
    pub fn quoted(text: &str) -> Self {
        Self::new(text, true)
    }

    /// A text that means something as it stands: a number, a `{GUID}`, an alias.
    pub(super) fn bare(text: impl fmt::Display) -> Self {
        Self::new(text.to_string(), false)
    }

    /// What it says.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it says, if it is not quoted: only then can it be a keyword, a number or an id.
    pub fn plain(&self) -> Option<&str> {
        (!self.quoted).then_some(&*self.text)
    }

    /// Where it stood.
    pub fn span(&self) -> Span {
        self.span
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.quoted {
            return f.write_str(&self.text);
        }
        f.write_str("\"")?;
        for c in self.text.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                c if c.is_control() || is_line_break(c) => write!(f, "\\u{{{:x}}}", u32::from(c))?,
                c => write!(f, "{c}")?,
            }
        }
        f.write_str("\"")
    }
}

/// An argument: a word, or `key=word`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arg {
    pub(super) key: Option<String>,
    pub(super) value: Word,
    pub(super) span: Span,
}

impl Arg {
    /// A word by itself.
    pub(super) fn word(value: Word) -> Self {
        Self { key: None, span: value.span, value }
    }

    /// `key=value`.
    pub(super) fn keyed(key: &str, value: Word) -> Self {
        Self { key: Some(key.to_owned()), span: value.span, value }
    }

    /// What stands before the `=`.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// The word, or what stands behind the `=`.
    pub fn value(&self) -> &Word {
        &self.value
    }
}

impl fmt::Display for Arg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(f, "{key}={}", self.value),
            None => self.value.fmt(f),
        }
    }
}

/// The word behind `expect HOST` that stands for the host's log instead of a virtual machine.
pub(super) const EVENT: &str = "event";
/// The word for what should not be there.
pub(super) const ABSENT: &str = "absent";

/// The words that begin a statement which is no call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keyword {
    Host,
    Vm,
    Advance,
    Wait,
    Expect,
    Disturb(Verb),
    Certificate,
    Discard,
    Occupy,
    Release,
    Close,
    Open,
    Provider,
    Unregister,
    Upgrade,
    Seed,
    Policy,
    Fault,
    Fail,
    LimitTransfers,
}

impl Keyword {
    const FIXED: [(Self, &'static str); 19] = [
        (Self::Host, "host"),
        (Self::Vm, "vm"),
        (Self::Advance, "advance"),
        (Self::Wait, "wait"),
        (Self::Expect, "expect"),
        (Self::Certificate, "certificate"),
        (Self::Discard, "discard"),
        (Self::Occupy, "occupy"),
        (Self::Release, "release"),
        (Self::Close, "close"),
        (Self::Open, "open"),
        (Self::Provider, "provider"),
        (Self::Unregister, "unregister"),
        (Self::Upgrade, "upgrade"),
        (Self::Seed, "seed"),
        (Self::Policy, "policy"),
        (Self::Fault, "fault"),
        (Self::Fail, "fail"),
        (Self::LimitTransfers, TRANSFERS),
    ];

    /// Every keyword with its word.
    pub(super) fn all() -> impl Iterator<Item = (Self, &'static str)> {
        let verbs = Verb::ALL.iter().map(|verb| (Self::Disturb(*verb), verb.name()));
        Self::FIXED.into_iter().chain(verbs)
    }

    /// The word that begins the line.
    pub(super) fn name(self) -> &'static str {
        Self::all().find(|(keyword, _)| *keyword == self).map_or("", |(_, name)| name)
    }

    pub(super) fn named(text: &str) -> Option<Self> {
        Self::all().find(|(_, name)| *name == text).map(|(keyword, _)| keyword)
    }
}

/// Whether a bare word is the alias of a job: `job`, then letters, digits, `-` and `_`.
pub(super) fn is_alias(text: &str) -> bool {
    text.strip_prefix("job")
        .is_some_and(|rest| rest.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)))
}

/// Characters that some editor or tool takes for the end of a line.
fn is_line_break(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

fn is_blank(c: char) -> bool {
    c == ' ' || c == '\t'
}

/// Whether a character may stand in a word without quotes.
fn is_plain_char(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && c != '"'
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_plain_char)
}

/// The length of the `key` if a word starts with `key=`.
fn key_length(text: &str) -> Option<usize> {
    let length = text.find('=')?;
    let key = &text[..length];
    let fits = key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    fits.then_some(length)
}

/// A piece of a line.
#[derive(Debug)]
pub(super) enum Token {
    Arg(Arg),
    Arrow(Span),
}

/// A line in pieces.
#[derive(Debug, Default)]
pub(super) struct Lexed {
    pub(super) tokens: Vec<Token>,
    pub(super) comment: Option<String>,
    pub(super) problems: Vec<Problem>,
}

/// Takes a line apart.
pub(super) fn lex(line: &str) -> Lexed {
    let mut lexer = Lexer { rest: line, column: 1, problems: Vec::new() };
    let (mut tokens, mut comment) = (Vec::new(), None);
    loop {
        lexer.take_while(is_blank);
        if lexer.rest.is_empty() {
            break;
        }
        if let Some(text) = lexer.rest.strip_prefix('#') {
            // A line break of another age is a blank, so that what is printed is read again.
            comment = Some(text.trim_end().replace('\r', " "));
            break;
        }
        let start = lexer.column;
        if lexer.rest.starts_with("=>") {
            lexer.skip(2);
            tokens.push(Token::Arrow(Span { start, end: lexer.column }));
            continue;
        }
        let word_end = lexer.rest.find(is_blank).unwrap_or(lexer.rest.len());
        let key = key_length(&lexer.rest[..word_end]).map(|length| lexer.skip(length).to_owned());
        if key.is_some() {
            lexer.skip(1);
        }
        if let Some(value) = lexer.word(key.as_deref()) {
            let span = Span { start, end: lexer.column };
            tokens.push(Token::Arg(Arg { key, value, span }));
        }
    }
    Lexed { tokens, comment, problems: lexer.problems }
}

struct Lexer<'a> {
    rest: &'a str,
    column: u32,
    problems: Vec<Problem>,
}

impl<'a> Lexer<'a> {
    /// Moves past this many bytes, which end between two characters.
    fn skip(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        let characters = u32::try_from(taken.chars().count()).unwrap_or(u32::MAX);
        self.column = self.column.saturating_add(characters);
        taken
    }

    fn take_while(&mut self, wanted: fn(char) -> bool) -> &'a str {
        self.skip(self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len()))
    }

    fn problem(&mut self, start: u32, message: impl Into<String>, help: Option<&str>) {
        let span = Span { start, end: self.column.max(start + 1) };
        self.problems.push(Problem::new(span, message).helped(help.map(str::to_owned)));
    }

    fn word(&mut self, key: Option<&str>) -> Option<Word> {
        let start = self.column;
        if self.rest.starts_with('"') {
            return self.quoted(start);
        }
        let text = self.take_while(is_plain_char);
        if let Some(c) = self.rest.chars().next().filter(|c| !is_blank(*c)) {
            let at = self.column;
            self.take_while(|c| !is_blank(c));
            let (message, help) = if c == '"' {
                ("expected a blank before `\"`".to_owned(), "quote the whole word or value")
            } else {
                let code = u32::from(c);
                (format!("unexpected character U+{code:04X}"), "words are separated by blanks")
            };
            self.problem(at, message, Some(help));
            return None;
        }
        if text.is_empty() {
            let message = format!("expected a value after `{}=`", key.unwrap_or_default());
            self.problem(start, message, Some("the empty text is written `\"\"`"));
            return None;
        }
        let span = Span { start, end: self.column };
        Some(Word { text: text.to_owned(), quoted: false, span })
    }

    fn quoted(&mut self, start: u32) -> Option<Word> {
        self.skip(1);
        let (mut text, mut fine) = (String::new(), true);
        loop {
            text.push_str(self.take_while(|c| c != '"' && c != '\\'));
            if self.rest.is_empty() {
                let message = "expected `\"` to close the quoted word, found the end of the line";
                self.problem(start, message, None);
                return None;
            }
            let at = self.column;
            if self.skip(1) == "\"" {
                break;
            }
            if let Some(c) = self.escape() {
                text.push(c);
            } else {
                fine = false;
                let message = r#"expected `"`, `\`, `n`, `r`, `t` or `u{hex}` after `\`"#;
                let help = r"inside quotes a backslash is written `\\`";
                self.problem(at, message, Some(help));
            }
        }
        if self.rest.starts_with(|c| !is_blank(c)) {
            let at = self.column;
            self.take_while(|c| !is_blank(c));
            self.problem(at, "expected a blank after the closing `\"`", None);
            return None;
        }
        let span = Span { start, end: self.column };
        fine.then_some(Word { text, quoted: true, span })
    }

    /// What an escape stands for; its backslash is behind us.
    fn escape(&mut self) -> Option<char> {
        let simple = match self.rest.chars().next()? {
            c @ ('"' | '\\') => c,
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let digits = self.rest.strip_prefix("u{")?;
                let digits = &digits[..digits.find('}').filter(|length| *length <= 6)?];
                let code = digits.chars().all(|c| c.is_ascii_hexdigit()).then_some(digits)?;
                let c = char::from_u32(u32::from_str_radix(code, 16).ok()?)?;
                self.skip(digits.len() + 3);
                return Some(c);
            }
            _ => return None,
        };
        self.skip(1);
        Some(simple)
    }
}
