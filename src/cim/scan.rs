//! The tokens that object paths, WQL and MOF have in common, and where they stand.

use super::name::same;
use std::fmt;

/// A place in a text: both numbers count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character in the line.
    pub column: usize,
}

impl Position {
    /// The place at a byte offset; the end of the text for one that is no place in it.
    pub(super) fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |it| it + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// A text that is not what it should be: where, what was expected, what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// Where the refused part begins.
    pub position: Position,
    /// What was expected and what was found, as a sentence without a full stop.
    pub message: String,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.position, self.message)
    }
}

impl std::error::Error for SyntaxError {}

pub(super) type Result<T, E = SyntaxError> = std::result::Result<T, E>;

/// What differs between the languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// WQL and object paths: strings in either quote, of which a backslash escapes quotes and
    /// itself (<https://learn.microsoft.com/windows/win32/wmisdk/wql-sql-for-wmi>).
    Wmi,
    /// MOF: strings in double quotes with the escapes of C, and comments (DSP0004, annex A).
    Mof,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'a> {
    Word(&'a str),
    Text(String),
    Integer(i128),
    Real(f64),
    Symbol(&'static str),
    End,
}

/// Longer ones first, so that `<=` is not read as `<`.
const SYMBOLS: &[&str] = &[
    "<=", ">=", "<>", "!=", "<", ">", "=", "(", ")", "{", "}", "[", "]", ",", ".", ";", ":", "*",
    "@",
];

/// A text as a row of tokens, with one of look-ahead.
#[derive(Clone, Debug)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    dialect: Dialect,
    /// The token that is next, and where it begins and ends.
    token: Token<'a>,
    start: usize,
    end: usize,
}

impl<'a> Scanner<'a> {
    /// A scanner whose first token begins at a byte offset of the text.
    pub(super) fn new(text: &'a str, at: usize, dialect: Dialect) -> Result<Self> {
        let mut it = Self { text, dialect, token: Token::End, start: at, end: at };
        it.read()?;
        Ok(it)
    }

    pub(super) fn peek(&self) -> &Token<'a> {
        &self.token
    }

    /// Where the next token begins.
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// Takes the next token.
    pub(super) fn take(&mut self) -> Result<Token<'a>> {
        let token = std::mem::replace(&mut self.token, Token::End);
        self.read()?;
        Ok(token)
    }

    /// Goes on at a byte offset.
    pub(super) fn skip_to(&mut self, offset: usize) -> Result<()> {
        self.end = offset;
        self.read()
    }

    pub(super) fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.token, Token::Symbol(it) if it == symbol)
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(self.token, Token::Word(it) if same(it, word))
    }

    /// Takes the symbol if it is next.
    pub(super) fn eat(&mut self, symbol: &str) -> Result<bool> {
        let is = self.is_symbol(symbol);
        if is {
            self.read()?;
        }
        Ok(is)
    }

    /// Takes the word if it is next.
    pub(super) fn eat_word(&mut self, word: &str) -> Result<bool> {
        let is = self.is_word(word);
        if is {
            self.read()?;
        }
        Ok(is)
    }

    pub(super) fn expect(&mut self, symbol: &str) -> Result<()> {
        if self.eat(symbol)? { Ok(()) } else { self.refuse(&format!("`{symbol}`")) }
    }

    pub(super) fn expect_word(&mut self, word: &str) -> Result<()> {
        if self.eat_word(word)? { Ok(()) } else { self.refuse(word) }
    }

    /// A word; `what` says what it should name.
    pub(super) fn word(&mut self, what: &str) -> Result<&'a str> {
        match self.token {
            Token::Word(word) => self.read().map(|()| word),
            _ => self.refuse(what),
        }
    }

    pub(super) fn expect_end(&mut self, what: &str) -> Result<()> {
        if self.token == Token::End { Ok(()) } else { self.refuse(what) }
    }

    /// An error at the next token: that was expected, and this stands there.
    pub(super) fn refuse<T>(&self, expected: &str) -> Result<T> {
        let found = match &self.token {
            Token::End => "the end".to_owned(),
            _ => shown(self.text.get(self.start..self.end).unwrap_or_default()),
        };
        Err(self.error(self.start, format!("expected {expected}, found {found}")))
    }

    pub(super) fn error(&self, offset: usize, message: impl Into<String>) -> SyntaxError {
        SyntaxError { position: Position::of(self.text, offset), message: message.into() }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.end..).unwrap_or_default()
    }

    fn read(&mut self) -> Result<()> {
        self.skip_blank()?;
        self.start = self.end;
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            self.token = Token::End;
            return Ok(());
        };
        let signed = rest.strip_prefix(['-', '+']).unwrap_or(rest);
        if first == '_' || first.is_alphabetic() {
            let length = rest.find(|c: char| c != '_' && !c.is_alphanumeric());
            let (word, _) = rest.split_at(length.unwrap_or(rest.len()));
            self.end += word.len();
            self.token = Token::Word(word);
        } else if first == '"' || (first == '\'' && self.dialect == Dialect::Wmi) {
            self.token = Token::Text(self.string(first)?);
        } else if signed.starts_with(|c: char| c.is_ascii_digit()) {
            self.token = self.number(rest)?;
        } else if let Some(symbol) = SYMBOLS.iter().find(|it| rest.starts_with(**it)) {
            self.end += symbol.len();
            self.token = Token::Symbol(symbol);
        } else {
            self.end += first.len_utf8();
            return Err(
                self.error(self.start, format!("unexpected {}", shown(&rest[..first.len_utf8()])))
            );
        }
        Ok(())
    }

    fn skip_blank(&mut self) -> Result<()> {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start().len();
            self.end += blank;
            let rest = &rest[blank..];
            if self.dialect == Dialect::Mof && rest.starts_with("//") {
                self.end += rest.find('\n').unwrap_or(rest.len());
            } else if self.dialect == Dialect::Mof && rest.starts_with("/*") {
                let Some(length) = rest[2..].find("*/") else {
                    return Err(self.error(self.end, "this comment has no end"));
                };
                self.end += length + 4;
            } else {
                return Ok(());
            }
        }
    }

    fn number(&mut self, rest: &'a str) -> Result<Token<'a>> {
        let sign = rest.len() - rest.trim_start_matches(['-', '+']).len();
        let digits = &rest[sign..];
        let hexadecimal = digits.starts_with("0x") || digits.starts_with("0X");
        let mut exponent = false;
        let length = digits
            .find(|c: char| {
                let of_number = c.is_ascii_alphanumeric() || c == '.' || (exponent && c == '-');
                exponent = !hexadecimal && (c == 'e' || c == 'E');
                !of_number
            })
            .unwrap_or(digits.len());
        let digits = &digits[..length];
        self.end += sign + length;
        let whole = &rest[..sign + length];
        let integer = if hexadecimal {
            i128::from_str_radix(&digits[2..], 16)
                .ok()
                .map(|it| if rest.starts_with('-') { -it } else { it })
        } else {
            whole.parse().ok()
        };
        if let Some(integer) = integer {
            return Ok(Token::Integer(integer));
        }
        let real = whole
            .parse()
            .ok()
            .filter(|it: &f64| digits.contains(['.', 'e', 'E']) && it.is_finite());
        let refused = || self.error(self.start, format!("{} is no number", shown(whole)));
        real.map(Token::Real).ok_or_else(refused)
    }

    /// A string, from its opening quote on.
    fn string(&mut self, quote: char) -> Result<String> {
        let mut text = String::new();
        let body = self.end + quote.len_utf8();
        let mut chars = self.text.get(body..).unwrap_or_default().char_indices();
        while let Some((at, c)) = chars.next() {
            if c == quote {
                self.end = body + at + c.len_utf8();
                return Ok(text);
            }
            if c != '\\' {
                text.push(c);
                continue;
            }
            let escaped = chars.next().map_or('\0', |(_, c)| c);
            text.push(match (escaped, self.dialect) {
                ('\\' | '"' | '\'', _) => escaped,
                ('n', Dialect::Mof) => '\n',
                ('t', Dialect::Mof) => '\t',
                ('r', Dialect::Mof) => '\r',
                _ => {
                    let message = "a backslash stands before a quote or another backslash only";
                    return Err(self.error(body + at, message));
                }
            });
        }
        Err(self.error(self.start, "this string has no closing quote"))
    }
}

/// A text that was found, as a message shows it: cut, on one line.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 40;
    let mut cut: String = text.chars().take(LONGEST).filter(|c| !c.is_control()).collect();
    if text.chars().nth(LONGEST).is_some() {
        cut.push('…');
    }
    format!("`{cut}`")
}

/// A string between double quotes with quotes and backslashes escaped.
pub(super) struct Quoted<'a>(pub(super) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        f.write_char('"')?;
        for c in self.0.chars() {
            if matches!(c, '"' | '\\') {
                f.write_char('\\')?;
            }
            f.write_char(c)?;
        }
        f.write_char('"')
    }
}
