//! Values, and the types they have.

use super::{DateTime, Instance, ObjectPath};
use std::fmt;

/// A character of UTF-16, which may be half of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Char16(pub u16);

/// An object within an object.
type Embedded = Box<Instance>;

/// A path as a value. Most values are numbers and texts, which are to stay small.
type Reference = Box<ObjectPath>;

/// Declares the types once: as a type, as a scalar, as an array, with conversions both ways.
macro_rules! cim_types {
    ($($(#[$doc:meta])* $variant:ident($rust:ty) = $number:literal, $name:literal;)+) => {
        /// The type of a scalar; see [`Type`] for arrays.
        ///
        /// The numbers are those of [`CIMTYPE_ENUMERATION`], which COM says and expects.
        ///
        /// [`CIMTYPE_ENUMERATION`]: https://learn.microsoft.com/windows/win32/api/wbemcli/ne-wbemcli-cimtype_enumeration
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum CimType {
            $($(#[$doc])* $variant = $number,)+
        }

        impl CimType {
            /// Every type.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name, as MOF and embedded text write it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }

        /// What a property, a parameter or a return value holds.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Value {
            /// No value. That a property is null says something; that it is missing does not.
            Null,
            $($(#[$doc])* $variant($rust),)+
            /// Values of one type, possibly none.
            Array(Array),
        }

        /// Values of one type. No value within an array is null.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Array {
            $($(#[$doc])* $variant(Vec<$rust>),)+
        }

        impl Value {
            /// The type; `None` of null, which has any.
            pub fn type_of(&self) -> Option<Type> {
                match self {
                    Self::Null => None,
                    $(Self::$variant(_) => Some(Type::scalar(CimType::$variant)),)+
                    Self::Array(array) => Some(Type::array(array.of())),
                }
            }
        }

        impl Array {
            /// The type of its values.
            pub fn of(&self) -> CimType {
                match self { $(Self::$variant(_) => CimType::$variant,)+ }
            }

            /// How many values it has.
            pub fn len(&self) -> usize {
                match self { $(Self::$variant(values) => values.len(),)+ }
            }

            /// Its values, in their order.
            pub fn values(&self) -> impl Iterator<Item = Value> + '_ {
                (0..self.len()).map(|at| match self {
                    $(Self::$variant(values) => Value::from(values[at].clone()),)+
                })
            }

            /// An array of a type, from values of this type.
            ///
            /// # Errors
            /// [`TypeError`] at the first value of another type.
            pub fn collect<I>(of: CimType, values: I) -> Result<Self, TypeError>
            where
                I: IntoIterator<Item = Value>,
            {
                Ok(match of {
                    $(CimType::$variant => Self::$variant(
                        values.into_iter().map(|it| match it {
                            Value::$variant(it) => Ok(it),
                            other => Err(TypeError::new(Type::scalar(of), &other)),
                        }).collect::<Result<_, _>>()?,
                    ),)+
                })
            }
        }

        $(
            impl From<$rust> for Value {
                fn from(value: $rust) -> Self {
                    Self::$variant(value)
                }
            }

            impl From<Vec<$rust>> for Value {
                fn from(values: Vec<$rust>) -> Self {
                    Self::Array(Array::$variant(values))
                }
            }

            impl<'a> TryFrom<&'a Value> for &'a $rust {
                type Error = TypeError;

                fn try_from(value: &'a Value) -> Result<Self, TypeError> {
                    match value {
                        Value::$variant(value) => Ok(value),
                        other => Err(TypeError::new(Type::scalar(CimType::$variant), other)),
                    }
                }
            }

            impl<'a> TryFrom<&'a Value> for &'a [$rust] {
                type Error = TypeError;

                fn try_from(value: &'a Value) -> Result<Self, TypeError> {
                    match value {
                        Value::Array(Array::$variant(values)) => Ok(values),
                        other => Err(TypeError::new(Type::array(CimType::$variant), other)),
                    }
                }
            }
        )+
    };
}

cim_types! {
    /// True or false.
    Boolean(bool) = 11, "boolean";
    /// An integer of 8 bits.
    Sint8(i8) = 16, "sint8";
    /// A natural number of 8 bits.
    Uint8(u8) = 17, "uint8";
    /// An integer of 16 bits.
    Sint16(i16) = 2, "sint16";
    /// A natural number of 16 bits.
    Uint16(u16) = 18, "uint16";
    /// An integer of 32 bits.
    Sint32(i32) = 3, "sint32";
    /// A natural number of 32 bits.
    Uint32(u32) = 19, "uint32";
    /// An integer of 64 bits.
    Sint64(i64) = 20, "sint64";
    /// A natural number of 64 bits.
    Uint64(u64) = 21, "uint64";
    /// A floating-point number of 32 bits.
    Real32(f32) = 4, "real32";
    /// A floating-point number of 64 bits.
    Real64(f64) = 5, "real64";
    /// A character of UTF-16.
    Char16(Char16) = 103, "char16";
    /// Text.
    String(String) = 8, "string";
    /// A point in time, or a length of time.
    DateTime(DateTime) = 101, "datetime";
    /// The path of an object.
    Reference(Reference) = 102, "reference";
    /// An object within this one.
    Object(Embedded) = 13, "object";
}

/// The flag by which COM tells an array from a scalar.
const ARRAY_FLAG: u32 = 0x2000;

impl CimType {
    /// The number in `CIMTYPE_ENUMERATION`.
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// The type with this name, without regard to case.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|it| it.name().eq_ignore_ascii_case(name))
    }

    /// Whether its values are integers.
    pub const fn is_integer(self) -> bool {
        use CimType::{Sint8, Sint16, Sint32, Sint64, Uint8, Uint16, Uint32, Uint64};
        matches!(self, Sint8 | Uint8 | Sint16 | Uint16 | Sint32 | Uint32 | Sint64 | Uint64)
    }
}

/// The type of a property, a parameter or a return value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Type {
    /// The type of each value.
    pub of: CimType,
    /// Whether there may be many.
    pub is_array: bool,
}

impl Type {
    /// One value.
    pub const fn scalar(of: CimType) -> Self {
        Self { of, is_array: false }
    }

    /// Many values.
    pub const fn array(of: CimType) -> Self {
        Self { of, is_array: true }
    }

    /// The number that COM says: of the scalar, with `CIM_FLAG_ARRAY` if there may be many.
    pub const fn number(self) -> u32 {
        self.of.number() | if self.is_array { ARRAY_FLAG } else { 0 }
    }

    /// The type with this number.
    pub fn from_number(number: u32) -> Option<Self> {
        let of = CimType::ALL.iter().copied().find(|it| it.number() == number & !ARRAY_FLAG)?;
        Some(Self { of, is_array: number & ARRAY_FLAG != 0 })
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.of.name(), if self.is_array { "[]" } else { "" })
    }
}

/// A value of another type than was wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeError {
    /// The type that was wanted.
    pub expected: Type,
    /// The value, as a message shows it.
    pub found: String,
}

impl TypeError {
    pub(super) fn new(expected: Type, found: &Value) -> Self {
        let found = match (found, found.type_of()) {
            (Value::Array(_) | Value::Object(_), Some(of)) => of.to_string(),
            (_, Some(of)) => {
                let text = found.to_text().unwrap_or_default();
                format!("{of} {}", super::scan::shown(&text))
            }
            (_, None) => "null".to_owned(),
        };
        Self { expected, found }
    }
}

impl fmt::Display for TypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}, found {}", self.expected, self.found)
    }
}

impl std::error::Error for TypeError {}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<Instance> for Value {
    fn from(instance: Instance) -> Self {
        Self::Object(Box::new(instance))
    }
}

impl From<ObjectPath> for Value {
    fn from(path: ObjectPath) -> Self {
        Self::Reference(Box::new(path))
    }
}

impl From<Vec<ObjectPath>> for Value {
    fn from(paths: Vec<ObjectPath>) -> Self {
        Self::from(paths.into_iter().map(Box::new).collect::<Vec<_>>())
    }
}

/// `None` is null.
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<'a> TryFrom<&'a Value> for &'a str {
    type Error = TypeError;

    fn try_from(value: &'a Value) -> Result<Self, TypeError> {
        <&String>::try_from(value).map(String::as_str)
    }
}

impl<'a> TryFrom<&'a Value> for &'a ObjectPath {
    type Error = TypeError;

    fn try_from(value: &'a Value) -> Result<Self, TypeError> {
        <&Reference>::try_from(value).map(|it| &**it)
    }
}

impl Array {
    /// Whether it has no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Value {
    /// Whether it is null.
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The number, if it is an integer of any width.
    pub fn as_integer(&self) -> Option<i128> {
        Some(match self {
            Self::Sint8(it) => (*it).into(),
            Self::Uint8(it) => (*it).into(),
            Self::Sint16(it) => (*it).into(),
            Self::Uint16(it) => (*it).into(),
            Self::Sint32(it) => (*it).into(),
            Self::Uint32(it) => (*it).into(),
            Self::Sint64(it) => (*it).into(),
            Self::Uint64(it) => (*it).into(),
            _ => return None,
        })
    }

    /// The number, if it is an integer or a real.
    #[expect(clippy::cast_precision_loss, reason = "WMI compares a real with an integer so")]
    pub fn as_real(&self) -> Option<f64> {
        match self {
            Self::Real32(it) => Some((*it).into()),
            Self::Real64(it) => Some(*it),
            _ => self.as_integer().map(|it| it as f64),
        }
    }

    /// An integer as a value of a type; `None` if it does not fit, or the type has no integers.
    pub fn integer(of: CimType, number: i128) -> Option<Self> {
        Some(match of {
            CimType::Sint8 => Self::Sint8(number.try_into().ok()?),
            CimType::Uint8 => Self::Uint8(number.try_into().ok()?),
            CimType::Sint16 => Self::Sint16(number.try_into().ok()?),
            CimType::Uint16 => Self::Uint16(number.try_into().ok()?),
            CimType::Sint32 => Self::Sint32(number.try_into().ok()?),
            CimType::Uint32 => Self::Uint32(number.try_into().ok()?),
            CimType::Sint64 => Self::Sint64(number.try_into().ok()?),
            CimType::Uint64 => Self::Uint64(number.try_into().ok()?),
            _ => return None,
        })
    }

    /// A scalar as text: how embedded instances write it. `None` of null, arrays and objects.
    ///
    /// ```
    /// use hyperv_replica::cim::{CimType, Value};
    ///
    /// assert_eq!(Value::from(true).to_text().as_deref(), Some("TRUE"));
    /// assert_eq!(Value::from_text(CimType::Boolean, "true"), Some(Value::Boolean(true)));
    /// assert_eq!(Value::from_text(CimType::Uint16, "65536"), None);
    /// ```
    pub fn to_text(&self) -> Option<String> {
        Some(match self {
            Self::Null | Self::Array(_) | Self::Object(_) => return None,
            Self::Boolean(it) => if *it { "TRUE" } else { "FALSE" }.to_owned(),
            Self::Real32(it) => it.to_string(),
            Self::Real64(it) => it.to_string(),
            Self::Char16(it) => String::from_utf16_lossy(&[it.0]),
            Self::String(it) => it.clone(),
            Self::DateTime(it) => it.to_string(),
            Self::Reference(it) => it.to_string(),
            _ => self.as_integer()?.to_string(),
        })
    }

    /// A scalar from its text; `None` if it is no text of that type.
    ///
    /// A boolean may also be `1` or `0`, an integer may have blanks around it: clients write both.
    pub fn from_text(of: CimType, text: &str) -> Option<Self> {
        let bare = text.trim();
        match of {
            CimType::Boolean => match bare {
                "1" => Some(Self::Boolean(true)),
                "0" => Some(Self::Boolean(false)),
                _ if bare.eq_ignore_ascii_case("true") => Some(Self::Boolean(true)),
                _ if bare.eq_ignore_ascii_case("false") => Some(Self::Boolean(false)),
                _ => None,
            },
            CimType::Real32 => bare.parse().ok().map(Self::Real32),
            CimType::Real64 => bare.parse().ok().map(Self::Real64),
            CimType::Char16 => {
                let mut units = text.encode_utf16();
                let only = units.next().filter(|_| units.next().is_none());
                only.map(|it| Self::Char16(Char16(it)))
            }
            CimType::String => Some(Self::String(text.to_owned())),
            CimType::DateTime => bare.parse().ok().map(Self::DateTime),
            CimType::Reference => bare.parse::<ObjectPath>().ok().map(Self::from),
            CimType::Object => None,
            _ => Self::integer(of, bare.parse().ok()?),
        }
    }

    /// The same as a value of another type, as WMI takes what a script hands in: integers of any
    /// width that fits, numbers and times as text, 0 and 1 as booleans, an empty array of any type.
    ///
    /// # Errors
    /// [`TypeError`] if it cannot be one.
    ///
    /// ```
    /// use hyperv_replica::cim::{CimType, Type, Value};
    ///
    /// let port = Value::from(443_i32).cast(Type::scalar(CimType::Uint16))?;
    /// assert_eq!(port, Value::Uint16(443));
    /// # Ok::<(), hyperv_replica::cim::TypeError>(())
    /// ```
    pub fn cast(self, wanted: Type) -> Result<Self, TypeError> {
        match self {
            Self::Null => Ok(Self::Null),
            value if value.type_of() == Some(wanted) => Ok(value),
            Self::Array(array) if wanted.is_array => {
                let each = array.values().map(|it| it.cast(Type::scalar(wanted.of)));
                let values = each.collect::<Result<Vec<_>, _>>()?;
                Array::collect(wanted.of, values).map(Self::Array)
            }
            value if wanted.is_array || matches!(value, Self::Array(_) | Self::Object(_)) => {
                Err(TypeError::new(wanted, &value))
            }
            value => {
                let text = match &value {
                    Self::Boolean(it) if wanted.of != CimType::String => u8::from(*it).to_string(),
                    _ => value.to_text().unwrap_or_default(),
                };
                Self::from_text(wanted.of, &text).ok_or_else(|| TypeError::new(wanted, &value))
            }
        }
    }
}
