//! Reading class declarations from MOF, as far as this crate's own schema needs the language.
//!
//! Of DSP0004's grammar: classes with one superclass, properties with a default, references,
//! arrays, methods with parameters, and these qualifiers.
//!
//! | Qualifier | Says |
//! |---|---|
//! | `Description` | what it is |
//! | `Association` | the class links others |
//! | `Key` | the property tells instances apart |
//! | `ValueMap`, `Values` | values, and what each means |
//! | `MaxLen`, `Units` | of a string, of a number |
//! | `EmbeddedInstance` | the string holds the text of an instance of this class |
//! | `Deprecated` | not to be used |
//! | `In`, `Out` | which way a parameter goes |
//! | `MinBuild`, `MaxBuild` | the first and last build of Windows that has it; ours |
//!
//! Anything else is an error: a qualifier that is not understood is a typing error, in texts that
//! are all our own.

use super::scan::{Dialect, Result, Scanner, Token};
use super::schema::{Builds, Class, Members, Method, Parameter, Property, Schema, ValueMap};
use super::{CimType, Name, Type, Value};

/// Reads a text and adds its classes.
pub(super) fn read(text: &str, schema: &mut Schema) -> Result<()> {
    let mut from = Scanner::new(text, 0, Dialect::Mof)?;
    while *from.peek() != Token::End {
        class(&mut from, schema)?;
    }
    Ok(())
}

fn class(from: &mut Scanner<'_>, schema: &mut Schema) -> Result<()> {
    let mut qualifiers = Qualifiers::read(from)?;
    from.expect_word("class")?;
    let start = from.start();
    let name = Name::from(from.word("the name of a class")?);
    let extends = from.eat(":")?;
    let superclass =
        extends.then(|| from.word("the name of a superclass").map(Name::from)).transpose()?;
    let mut class = Class {
        name,
        superclass,
        is_association: qualifiers.flag("Association")?,
        description: qualifiers.text("Description")?.unwrap_or_default(),
        builds: qualifiers.builds()?,
        properties: Members::new(Vec::new()),
        methods: Members::new(Vec::new()),
    };
    qualifiers.expect_none(from)?;
    from.expect("{")?;
    while !from.eat("}")? {
        member(from, &mut class)?;
    }
    from.expect(";")?;
    schema.add(class).map_err(|message| from.error(start, message))
}

fn member(from: &mut Scanner<'_>, class: &mut Class) -> Result<()> {
    let mut qualifiers = Qualifiers::read(from)?;
    let (of, referred) = type_name(from)?;
    let start = from.start();
    let name = Name::from(from.word("the name of a property or method")?);
    let origin = class.name.clone();
    if class.property(name.as_str()).is_some() || class.method(name.as_str()).is_some() {
        return Err(from.error(start, format!("`{name}` is declared twice")));
    }
    let values = qualifiers.value_map(from)?;
    let is_deprecated = qualifiers.flag("Deprecated")?;
    let description = qualifiers.text("Description")?.unwrap_or_default();
    let builds = qualifiers.builds()?;
    if from.is_symbol("(") {
        let parameters = parameters(from)?;
        let method = Method {
            name,
            origin,
            returns: of,
            values,
            parameters,
            is_deprecated,
            description,
            builds,
        };
        class.methods.push(method);
    } else {
        let of = Type { of, is_array: array(from)? };
        let default = if from.eat("=")? { Some(default(from, of)?) } else { None };
        class.properties.push(Property {
            name,
            origin,
            of,
            class: referred,
            is_key: qualifiers.flag("Key")?,
            embedded: qualifiers.text("EmbeddedInstance")?.map(Name::from),
            default,
            values,
            max_len: qualifiers.number("MaxLen")?,
            units: qualifiers.text("Units")?,
            is_deprecated,
            description,
            builds,
        });
    }
    qualifiers.expect_none(from)?;
    from.expect(";")
}

/// A type, and the class of a reference or an object.
fn type_name(from: &mut Scanner<'_>) -> Result<(CimType, Option<Name>)> {
    let word = from.word("a type")?;
    match CimType::named(word) {
        Some(of) if of != CimType::Reference => Ok((of, None)),
        _ if from.eat_word("ref")? => Ok((CimType::Reference, Some(word.into()))),
        _ => Ok((CimType::Object, Some(word.into()))),
    }
}

fn array(from: &mut Scanner<'_>) -> Result<bool> {
    let is_array = from.eat("[")?;
    if is_array {
        from.expect("]")?;
    }
    Ok(is_array)
}

fn parameters(from: &mut Scanner<'_>) -> Result<Vec<Parameter>> {
    let mut parameters: Vec<Parameter> = Vec::new();
    from.expect("(")?;
    while !from.eat(")")? {
        if !parameters.is_empty() {
            from.expect(",")?;
        }
        let mut qualifiers = Qualifiers::read(from)?;
        let (of, class) = type_name(from)?;
        let start = from.start();
        let name = Name::from(from.word("the name of a parameter")?);
        if parameters.iter().any(|it| it.name == name) {
            return Err(from.error(start, format!("`{name}` is declared twice")));
        }
        let of = Type { of, is_array: array(from)? };
        let (is_in, is_out) = (qualifiers.flag("In")?, qualifiers.flag("Out")?);
        let embedded = qualifiers.text("EmbeddedInstance")?.map(Name::from);
        let values = qualifiers.value_map(from)?;
        qualifiers.expect_none(from)?;
        parameters.push(Parameter { name, of, class, is_in, is_out, embedded, values });
    }
    Ok(parameters)
}

fn default(from: &mut Scanner<'_>, of: Type) -> Result<Value> {
    let start = from.start();
    let literal = match from.take()? {
        Token::Text(text) => Value::String(text),
        Token::Integer(number) => match i64::try_from(number) {
            Ok(number) => Value::Sint64(number),
            Err(_) => Value::String(number.to_string()),
        },
        Token::Real(number) => Value::Real64(number),
        Token::Word(word) if word.eq_ignore_ascii_case("true") => Value::Boolean(true),
        Token::Word(word) if word.eq_ignore_ascii_case("false") => Value::Boolean(false),
        _ => return Err(from.error(start, format!("expected a value of type {of}"))),
    };
    literal.cast(of).map_err(|error| from.error(start, error.to_string()))
}

/// The qualifiers in front of something; whoever understands one takes it out.
struct Qualifiers<'a> {
    left: Vec<Qualifier<'a>>,
    from: Scanner<'a>,
}

struct Qualifier<'a> {
    name: &'a str,
    start: usize,
    values: Vec<Token<'a>>,
}

impl<'a> Qualifiers<'a> {
    fn read(from: &mut Scanner<'a>) -> Result<Self> {
        let mut left: Vec<Qualifier<'a>> = Vec::new();
        if from.eat("[")? {
            loop {
                let start = from.start();
                let name = from.word("the name of a qualifier")?;
                if left.iter().any(|it| it.name.eq_ignore_ascii_case(name)) {
                    return Err(from.error(start, format!("qualifier `{name}` is given twice")));
                }
                let values = match (from.eat("(")?, from.is_symbol("{")) {
                    (true, _) => list(from, ")")?,
                    (false, true) => {
                        from.expect("{")?;
                        list(from, "}")?
                    }
                    (false, false) => Vec::new(),
                };
                left.push(Qualifier { name, start, values });
                if !from.eat(",")? {
                    break;
                }
            }
            from.expect("]")?;
        }
        Ok(Self { left, from: from.clone() })
    }

    fn take(&mut self, name: &str) -> Option<Qualifier<'a>> {
        let at = self.left.iter().position(|it| it.name.eq_ignore_ascii_case(name))?;
        Some(self.left.remove(at))
    }

    fn flag(&mut self, name: &str) -> Result<bool> {
        match self.take(name) {
            None => Ok(false),
            Some(it) if it.values.is_empty() => Ok(true),
            Some(it) => Err(self.from.error(it.start, format!("`{name}` takes no value"))),
        }
    }

    fn text(&mut self, name: &str) -> Result<Option<String>> {
        match self.take(name) {
            None => Ok(None),
            Some(it) => match <[Token<'_>; 1]>::try_from(it.values) {
                Ok([Token::Text(text)]) => Ok(Some(text)),
                _ => Err(self.from.error(it.start, format!("`{name}` takes one string"))),
            },
        }
    }

    fn texts(&mut self, name: &str) -> Result<Option<Vec<String>>> {
        let Some(it) = self.take(name) else { return Ok(None) };
        let texts = it.values.into_iter().map(|it| match it {
            Token::Text(text) => Some(text),
            _ => None,
        });
        let texts: Option<Vec<_>> = texts.collect();
        let refused = || self.from.error(it.start, format!("`{name}` takes strings"));
        texts.ok_or_else(refused).map(Some)
    }

    fn number(&mut self, name: &str) -> Result<Option<u32>> {
        let Some(it) = self.take(name) else { return Ok(None) };
        let number = match it.values[..] {
            [Token::Integer(number)] => u32::try_from(number).ok(),
            _ => None,
        };
        let refused = || self.from.error(it.start, format!("`{name}` takes one natural number"));
        number.ok_or_else(refused).map(Some)
    }

    fn builds(&mut self) -> Result<Builds> {
        Ok(Builds { min: self.number("MinBuild")?, max: self.number("MaxBuild")? })
    }

    fn value_map(&mut self, from: &Scanner<'_>) -> Result<ValueMap> {
        let start = self.left.iter().find(|it| it.name.eq_ignore_ascii_case("Values"));
        let start = start.map_or(from.start(), |it| it.start);
        let labels = self.texts("Values")?;
        let values = self.texts("ValueMap")?.unwrap_or_default();
        match labels {
            None => Ok(ValueMap(values.into_iter().map(|it| (it, None)).collect())),
            Some(labels) if labels.len() == values.len() => {
                Ok(ValueMap(values.into_iter().zip(labels.into_iter().map(Some)).collect()))
            }
            Some(_) => Err(from.error(start, "`Values` has one label for each of `ValueMap`")),
        }
    }

    /// Refuses what nobody understood.
    fn expect_none(&self, from: &Scanner<'_>) -> Result<()> {
        match self.left.first() {
            None => Ok(()),
            Some(it) => {
                Err(from.error(it.start, format!("qualifier `{}` is not one of these", it.name)))
            }
        }
    }
}

/// Literals with commas between them, up to the closing bracket. Strings side by side are one.
fn list<'a>(from: &mut Scanner<'a>, close: &str) -> Result<Vec<Token<'a>>> {
    let mut values = Vec::new();
    while !from.eat(close)? {
        if !values.is_empty() {
            from.expect(",")?;
        }
        if !matches!(from.peek(), Token::Text(_) | Token::Integer(_) | Token::Real(_)) {
            return from.refuse("a string or a number");
        }
        let mut value = from.take()?;
        if let Token::Text(text) = &mut value {
            while let Token::Text(more) = from.peek() {
                text.push_str(more);
                from.take()?;
            }
        }
        values.push(value);
    }
    Ok(values)
}
