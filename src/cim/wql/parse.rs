//! Reading a query from text.

use super::QueryError;
use super::ast::{
    Associators, Condition, Constant, Operand, Operator, Projection, PropertyPath, Query,
    References, Select, Yields,
};
use crate::cim::scan::{Dialect, Position, Result as Scan, Scanner, SyntaxError, Token};
use crate::cim::schema::SYSTEM_PROPERTIES;
use crate::cim::{Name, ObjectPath, Schema, WbemStatus};
use std::time::Duration;

/// The longest query, in bytes.
const MAX_BYTES: usize = 64 << 10;
/// The deepest nesting of `NOT` and parentheses.
const MAX_DEPTH: usize = 64;

/// Reads a query and checks it against a schema: classes exist, properties are theirs, and only
/// events are polled.
///
/// # Errors
/// [`QueryError`] with the number that WMI answers.
pub fn parse(text: &str, schema: &Schema) -> Result<Query, QueryError> {
    let (query, mentions) = read(text)?;
    let checked = match &query {
        Query::Select(select) => check_select(select, &mentions, schema),
        Query::Associators(_) | Query::References(_) => check_classes(&mentions, schema),
    };
    checked.map(|()| query).map_err(|(status, offset, message)| QueryError {
        status,
        position: Position::of(text, offset),
        message,
    })
}

/// Reads a query of any schema.
///
/// # Errors
/// [`QueryError`] if the text is no query.
pub fn parse_unchecked(text: &str) -> Result<Query, QueryError> {
    read(text).map(|(query, _)| query)
}

fn read(text: &str) -> Result<(Query, Vec<Mention>), QueryError> {
    if text.len() > MAX_BYTES {
        let message = format!("the query has more than {MAX_BYTES} bytes");
        let position = Position { line: 1, column: 1 };
        return Err(QueryError { status: WbemStatus::QUOTA_VIOLATION, position, message });
    }
    let read = Scanner::new(text, 0, Dialect::Wmi).and_then(|from| {
        let mut parser = Parser { text, from, mentions: Vec::new(), depth: 0 };
        parser.query().map(|query| (query, parser.mentions))
    });
    read.map_err(|SyntaxError { position, message }| QueryError {
        status: WbemStatus::INVALID_QUERY,
        position,
        message,
    })
}

/// A name in the text that the schema should have, and where it stands.
enum Mention {
    Class(usize, Name),
    Property(usize, Name),
    Within(usize),
}

/// What is wrong, where, and what WMI answers.
type Fault = (WbemStatus, usize, String);

fn check_classes(mentions: &[Mention], schema: &Schema) -> Result<(), Fault> {
    let unknown = mentions.iter().find_map(|it| match it {
        Mention::Class(at, name) if schema.class(name.as_str()).is_none() => Some((at, name)),
        _ => None,
    });
    match unknown {
        None => Ok(()),
        Some((at, name)) => {
            Err((WbemStatus::INVALID_CLASS, *at, format!("there is no class `{name}`")))
        }
    }
}

fn check_select(select: &Select, mentions: &[Mention], schema: &Schema) -> Result<(), Fault> {
    check_classes(mentions, schema)?;
    let Some(class) = schema.class(select.class.as_str()) else { return Ok(()) };
    for mention in mentions {
        let (at, message) = match mention {
            Mention::Property(at, name) => {
                let name_str = name.as_str();
                let is_system = SYSTEM_PROPERTIES.iter().any(|it| *name == **it);
                if is_system || class.property(name_str).is_some() {
                    continue;
                }
                (at, format!("`{}` has no property `{name}`", class.name))
            }
            Mention::Within(at) if !schema.is_a(class.name.as_str(), "__Event") => {
                (at, format!("`{}` is no event, so that there is nothing to poll for", class.name))
            }
            Mention::Within(_) | Mention::Class(..) => continue,
        };
        return Err((WbemStatus::INVALID_QUERY, *at, message));
    }
    Ok(())
}

struct Parser<'a> {
    text: &'a str,
    from: Scanner<'a>,
    mentions: Vec<Mention>,
    depth: usize,
}

impl Parser<'_> {
    fn query(&mut self) -> Scan<Query> {
        let query = if self.from.eat_word("select")? {
            Query::Select(self.select()?)
        } else if self.from.eat_word("associators")? {
            Query::Associators(self.associators()?)
        } else if self.from.eat_word("references")? {
            Query::References(self.references()?)
        } else {
            return self.from.refuse("SELECT, ASSOCIATORS or REFERENCES");
        };
        self.from.expect_end("the end of the query")?;
        Ok(query)
    }

    fn select(&mut self) -> Scan<Select> {
        let projection = if self.from.eat("*")? {
            Projection::All
        } else {
            let mut properties = vec![self.property()?];
            while self.from.eat(",")? {
                properties.push(self.property()?);
            }
            Projection::Properties(properties)
        };
        self.from.expect_word("from")?;
        let class = self.class()?;
        let at = self.from.start();
        let within = if self.from.eat_word("within")? {
            self.mentions.push(Mention::Within(at));
            Some(self.seconds()?)
        } else {
            None
        };
        let condition = if self.from.eat_word("where")? { Some(self.condition()?) } else { None };
        if self.from.is_word("group") || self.from.is_word("having") {
            return self.from.refuse("no GROUP and no HAVING, which are not read");
        }
        Ok(Select { projection, class, within, condition })
    }

    fn seconds(&mut self) -> Scan<Duration> {
        #[expect(clippy::cast_precision_loss, reason = "an interval is no number of that size")]
        let seconds = match self.from.peek() {
            Token::Integer(seconds) => *seconds as f64,
            Token::Real(seconds) => *seconds,
            _ => return self.from.refuse("a number of seconds"),
        };
        match Duration::try_from_secs_f64(seconds) {
            Ok(within) => self.from.take().map(|_| within),
            Err(_) => self.from.refuse("a number of seconds"),
        }
    }

    fn class(&mut self) -> Scan<Name> {
        let at = self.from.start();
        let name = match self.from.peek() {
            Token::Text(text) => Name::from(text.as_str()),
            Token::Word(word) => Name::from(*word),
            _ => return self.from.refuse("a class"),
        };
        self.from.take()?;
        self.mentions.push(Mention::Class(at, name.clone()));
        Ok(name)
    }

    fn property(&mut self) -> Scan<PropertyPath> {
        let at = self.from.start();
        let name = Name::from(self.from.word("a property")?);
        self.mentions.push(Mention::Property(at, name.clone()));
        let mut within = Vec::new();
        while self.from.eat(".")? {
            within.push(Name::from(self.from.word("a property")?));
        }
        Ok(PropertyPath { name, within })
    }

    fn condition(&mut self) -> Scan<Condition> {
        let first = self.conjunction()?;
        if !self.from.is_word("or") {
            return Ok(first);
        }
        let mut any = vec![first];
        while self.from.eat_word("or")? {
            any.push(self.conjunction()?);
        }
        Ok(Condition::Or(any))
    }

    fn conjunction(&mut self) -> Scan<Condition> {
        let first = self.factor()?;
        if !self.from.is_word("and") {
            return Ok(first);
        }
        let mut all = vec![first];
        while self.from.eat_word("and")? {
            all.push(self.factor()?);
        }
        Ok(Condition::And(all))
    }

    fn factor(&mut self) -> Scan<Condition> {
        if self.depth == MAX_DEPTH {
            let expected = format!("at most {MAX_DEPTH} levels of NOT and parentheses");
            return self.from.refuse(&expected);
        }
        self.depth += 1;
        let condition = if self.from.eat_word("not")? {
            Condition::Not(Box::new(self.factor()?))
        } else if self.from.eat("(")? {
            let inner = self.condition()?;
            self.from.expect(")")?;
            inner
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(condition)
    }

    fn comparison(&mut self) -> Scan<Condition> {
        let start = self.from.clone();
        let left = self.operand()?;
        if let Operand::Property(property) = &left {
            if self.from.eat_word("like")? {
                let Token::Text(pattern) = self.from.peek() else {
                    return self.from.refuse("a pattern in quotes");
                };
                let pattern = pattern.as_str().into();
                self.from.take()?;
                return Ok(Condition::Like { property: property.clone(), pattern });
            }
            if self.from.eat_word("isa")? {
                let class = self.class()?;
                return Ok(Condition::IsA { property: property.clone(), class });
            }
            if self.from.eat_word("is")? {
                let is_not = self.from.eat_word("not")?;
                self.from.expect_word("null")?;
                return Ok(null_test(property.clone(), is_not));
            }
        }
        let operator = self.operator()?;
        if self.from.is_word("null") {
            // Not on Microsoft's page of operators, but in scripts everywhere.
            return match (left, operator) {
                (Operand::Property(property), Operator::Equal | Operator::NotEqual) => {
                    self.from.take()?;
                    Ok(null_test(property, operator == Operator::NotEqual))
                }
                _ => self.from.refuse("a value: NULL is equal or not equal"),
            };
        }
        let right = self.operand()?;
        if matches!((&left, &right), (Operand::Constant(_), Operand::Constant(_))) {
            return start.refuse("a property on one of the sides");
        }
        Ok(Condition::Compare { left, operator, right })
    }

    fn operand(&mut self) -> Scan<Operand> {
        let constant = match self.from.peek() {
            Token::Text(text) => Constant::Text(text.clone()),
            Token::Integer(number) => Constant::Integer(*number),
            Token::Real(number) => Constant::Real(*number),
            _ if self.from.is_word("true") => Constant::Boolean(true),
            _ if self.from.is_word("false") => Constant::Boolean(false),
            Token::Word(_) => return self.property().map(Operand::Property),
            _ => return self.from.refuse("a property or a value"),
        };
        self.from.take()?;
        Ok(Operand::Constant(constant))
    }

    fn operator(&mut self) -> Scan<Operator> {
        let operator = match self.from.peek() {
            Token::Symbol("=") => Operator::Equal,
            Token::Symbol("!=" | "<>") => Operator::NotEqual,
            Token::Symbol("<") => Operator::Less,
            Token::Symbol("<=") => Operator::AtMost,
            Token::Symbol(">") => Operator::Greater,
            Token::Symbol(">=") => Operator::AtLeast,
            _ => return self.from.refuse("an operator"),
        };
        self.from.take()?;
        Ok(operator)
    }

    fn associators(&mut self) -> Scan<Associators> {
        let mut query = Associators::of(self.source()?);
        let mut restrictions = self.restrictions()?;
        query.assoc_class = restrictions.class(self, "AssocClass");
        query.result_class = restrictions.class(self, "ResultClass");
        query.role = restrictions.name("Role");
        query.result_role = restrictions.name("ResultRole");
        query.required_qualifier = restrictions.name("RequiredQualifier");
        query.required_assoc_qualifier = restrictions.name("RequiredAssocQualifier");
        query.yields = restrictions.yields;
        restrictions.expect_none(&self.from)?;
        Ok(query)
    }

    fn references(&mut self) -> Scan<References> {
        let mut query = References::of(self.source()?);
        let mut restrictions = self.restrictions()?;
        query.result_class = restrictions.class(self, "ResultClass");
        query.role = restrictions.name("Role");
        query.required_qualifier = restrictions.name("RequiredQualifier");
        query.yields = restrictions.yields;
        restrictions.expect_none(&self.from)?;
        Ok(query)
    }

    /// `OF {path}`.
    fn source(&mut self) -> Scan<ObjectPath> {
        self.from.expect_word("of")?;
        if !self.from.is_symbol("{") {
            return self.from.refuse("`{` and a path");
        }
        let start = self.from.start() + 1;
        let Some(length) = closing(&self.text[start..]) else {
            return Err(self.from.error(start - 1, "this path has no closing `}`"));
        };
        let path = ObjectPath::read(&self.text[..start + length], start)?;
        self.from.skip_to(start + length + 1)?;
        self.mentions.push(Mention::Class(start, path.class.clone()));
        Ok(path)
    }

    fn restrictions(&mut self) -> Scan<Restrictions> {
        let mut found = Restrictions { names: Vec::new(), yields: Yields::Instances };
        if !self.from.eat_word("where")? {
            return Ok(found);
        }
        while *self.from.peek() != Token::End {
            let at = self.from.start();
            let keyword = self.from.word("a keyword such as ResultClass")?;
            let yields = match keyword.to_ascii_lowercase().as_str() {
                "keysonly" => Some(Yields::Keys),
                "classdefsonly" => Some(Yields::Classes),
                "schemaonly" => Some(Yields::Schema),
                _ => None,
            };
            if let Some(yields) = yields {
                if found.yields != Yields::Instances {
                    let message = "one of KeysOnly, ClassDefsOnly and SchemaOnly at most";
                    return Err(self.from.error(at, message));
                }
                found.yields = yields;
                continue;
            }
            self.from.expect("=")?;
            let name_at = self.from.start();
            let name = match self.from.peek() {
                Token::Text(text) => Name::from(text.as_str()),
                Token::Word(word) => Name::from(*word),
                _ => return self.from.refuse("a name"),
            };
            self.from.take()?;
            if found.names.iter().any(|it| it.keyword == *keyword) {
                return Err(self.from.error(at, format!("`{keyword}` is given twice")));
            }
            found.names.push(Restriction { at, keyword: keyword.into(), name_at, name });
        }
        if found.names.is_empty() && found.yields == Yields::Instances {
            return self.from.refuse("a keyword such as ResultClass");
        }
        Ok(found)
    }
}

fn null_test(property: PropertyPath, is_not: bool) -> Condition {
    let test = Condition::IsNull(property);
    if is_not { Condition::Not(Box::new(test)) } else { test }
}

/// Where the brace closes that a path stands in; those within quotes do not.
fn closing(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut is_escaped = false;
    text.char_indices().find_map(|(at, c)| {
        match (quote, c) {
            _ if is_escaped => is_escaped = false,
            (Some(_), '\\') => is_escaped = true,
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (None, '}') => return Some(at),
            _ => {}
        }
        None
    })
}

/// What stands behind the `WHERE` of a query for associations; whoever knows a keyword takes it.
struct Restrictions {
    names: Vec<Restriction>,
    yields: Yields,
}

struct Restriction {
    at: usize,
    keyword: Name,
    name_at: usize,
    name: Name,
}

impl Restrictions {
    fn take(&mut self, keyword: &str) -> Option<Restriction> {
        let at = self.names.iter().position(|it| it.keyword == *keyword)?;
        Some(self.names.remove(at))
    }

    fn name(&mut self, keyword: &str) -> Option<Name> {
        self.take(keyword).map(|it| it.name)
    }

    fn class(&mut self, parser: &mut Parser<'_>, keyword: &str) -> Option<Name> {
        let Restriction { name_at, name, .. } = self.take(keyword)?;
        parser.mentions.push(Mention::Class(name_at, name.clone()));
        Some(name)
    }

    fn expect_none(&self, from: &Scanner<'_>) -> Scan<()> {
        match self.names.first() {
            None => Ok(()),
            Some(it) => {
                let message = format!("`{}` is no keyword of this query", it.keyword);
                Err(from.error(it.at, message))
            }
        }
    }
}
