//! A query as text, in one form.

use super::ast::{
    Associators, Condition, Constant, Operand, Operator, Projection, PropertyPath, Query,
    References, Select, Yields,
};
use crate::cim::Name;
use crate::cim::scan::Quoted;
use std::fmt::{Display, Formatter, Result};

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Select(query) => query.fmt(f),
            Self::Associators(query) => query.fmt(f),
            Self::References(query) => query.fmt(f),
        }
    }
}

impl Display for Select {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str("SELECT ")?;
        match &self.projection {
            Projection::All => f.write_str("*")?,
            Projection::Properties(properties) => separated(f, properties, ", ", Display::fmt)?,
        }
        write!(f, " FROM {}", self.class)?;
        if let Some(within) = self.within {
            write!(f, " WITHIN {}", within.as_secs_f64())?;
        }
        match &self.condition {
            Some(condition) => write!(f, " WHERE {condition}"),
            None => Ok(()),
        }
    }
}

fn separated<T>(
    f: &mut Formatter<'_>,
    items: &[T],
    by: &str,
    print: impl Fn(&T, &mut Formatter<'_>) -> Result,
) -> Result {
    items.iter().enumerate().try_for_each(|(i, item)| {
        f.write_str(if i == 0 { "" } else { by })?;
        print(item, f)
    })
}

impl Display for PropertyPath {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}", self.name)?;
        self.within.iter().try_for_each(|it| write!(f, ".{it}"))
    }
}

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Compare { left, operator, right } => write!(f, "{left} {operator} {right}"),
            Self::Like { property, pattern } => {
                write!(f, "{property} LIKE {}", Quoted(pattern.as_str()))
            }
            Self::IsNull(property) => write!(f, "{property} IS NULL"),
            Self::IsA { property, class } => write!(f, "{property} ISA {}", Quoted(class.as_str())),
            Self::Not(condition) => match &**condition {
                Self::IsNull(property) => write!(f, "{property} IS NOT NULL"),
                condition => {
                    f.write_str("NOT ")?;
                    condition.grouped(f)
                }
            },
            Self::And(all) => separated(f, all, " AND ", Self::grouped),
            Self::Or(any) => separated(f, any, " OR ", Self::grouped),
        }
    }
}

impl Condition {
    /// In parentheses, where what stands beside it could take a part of it away.
    fn grouped(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::And(_) | Self::Or(_) => write!(f, "({self})"),
            _ => self.fmt(f),
        }
    }
}

impl Display for Operand {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Property(property) => property.fmt(f),
            Self::Constant(constant) => constant.fmt(f),
        }
    }
}

impl Display for Constant {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Text(text) => Quoted(text).fmt(f),
            Self::Integer(number) => number.fmt(f),
            // With a point or an exponent always, so that it is no integer.
            Self::Real(number) => write!(f, "{number:?}"),
            Self::Boolean(it) => f.write_str(if *it { "TRUE" } else { "FALSE" }),
        }
    }
}

impl Display for Operator {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
        })
    }
}

impl Display for Associators {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "ASSOCIATORS OF {{{}}}", self.source)?;
        let keywords = [
            ("AssocClass", &self.assoc_class),
            ("ResultClass", &self.result_class),
            ("Role", &self.role),
            ("ResultRole", &self.result_role),
            ("RequiredQualifier", &self.required_qualifier),
            ("RequiredAssocQualifier", &self.required_assoc_qualifier),
        ];
        restrictions(f, &keywords, self.yields)
    }
}

impl Display for References {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "REFERENCES OF {{{}}}", self.source)?;
        let keywords = [
            ("ResultClass", &self.result_class),
            ("Role", &self.role),
            ("RequiredQualifier", &self.required_qualifier),
        ];
        restrictions(f, &keywords, self.yields)
    }
}

fn restrictions(
    f: &mut Formatter<'_>,
    keywords: &[(&str, &Option<Name>)],
    yields: Yields,
) -> Result {
    let mut before = " WHERE";
    for (keyword, name) in keywords {
        if let Some(name) = name {
            write!(f, "{before} {keyword} = {name}")?;
            before = "";
        }
    }
    match yields {
        Yields::Instances => Ok(()),
        Yields::Keys => write!(f, "{before} KeysOnly"),
        Yields::Classes => write!(f, "{before} ClassDefsOnly"),
        Yields::Schema => write!(f, "{before} SchemaOnly"),
    }
}
