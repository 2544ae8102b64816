//! How a closed enumeration of WMI is declared: once, with its numbers, labels and page.

use std::fmt;
use std::marker::PhantomData;

/// An enumeration whose variants are numbers on the WMI wire.
///
/// Implemented by the declaration macro of this module only; everything that lists, parses or
/// prints such an enumeration goes through it, so no second list of its values exists.
pub trait WireEnum: Copy + Eq + fmt::Debug + 'static {
    /// Every variant, in declaration order.
    const ALL: &'static [Self];
    /// The name of the type, as messages print it.
    const TYPE: &'static str;
    /// The public page of the class or method that documents the values.
    const PAGE: &'static str;

    /// The number on the wire.
    fn number(self) -> u32;
    /// The label Microsoft's documentation gives the value.
    fn label(self) -> &'static str;
    /// The name of the variant: what the script language and serde write.
    fn name(self) -> &'static str;

    /// The variant with this number, if it is one this crate knows.
    fn from_number(number: u32) -> Option<Self> {
        Self::ALL.iter().copied().find(|it| it.number() == number)
    }

    /// The variant with this name, without regard to case, or with this number.
    ///
    /// # Errors
    /// [`UnknownValue`] names the text and lists what would have been accepted.
    fn parse(text: &str) -> Result<Self, UnknownValue> {
        let by_name = Self::ALL.iter().copied().find(|it| it.name().eq_ignore_ascii_case(text));
        by_name.or_else(|| text.parse().ok().and_then(Self::from_number)).ok_or_else(|| {
            UnknownValue {
                found: text.chars().take(64).collect(),
                of: Self::TYPE,
                expected: Self::ALL.iter().map(|it| it.name()).collect(),
            }
        })
    }
}

/// A text that is neither the name nor the number of a value of an enumeration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownValue {
    /// The offending text, cut at 64 characters.
    pub found: String,
    /// The enumeration that was expected.
    pub of: &'static str,
    /// Every name it has.
    pub expected: Vec<&'static str>,
}

impl fmt::Display for UnknownValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no {}; expected a number or one of ", self.found, self.of)?;
        for (i, name) in self.expected.iter().enumerate() {
            write!(f, "{}{name}", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownValue {}

/// Declares a [`WireEnum`]: variant, number and label, each written once.
macro_rules! wire_enum {
    (
        $(#[$meta:meta])*
        $page:literal
        pub enum $name:ident: $repr:ty {
            $($(#[$vmeta:meta])* $variant:ident = $number:literal, $label:literal;)+
        }
    ) => {
        $(#[$meta])*
        #[doc = ""]
        #[doc = concat!("Values: <", $page, ">.")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(serde::Serialize, serde::Deserialize)]
        #[non_exhaustive]
        #[repr($repr)]
        pub enum $name {
            $($(#[$vmeta])* #[doc = concat!("`", stringify!($number), "`: “", $label, "”.")]
            $variant = $number,)+
        }

        impl $name {
            /// Every variant, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The number on the wire.
            pub const fn to_wire(self) -> $repr {
                self as $repr
            }

            /// The variant for a number from the wire, if it is one this crate knows.
            pub const fn from_wire(number: $repr) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)+
                    _ => None,
                }
            }

            /// The label Microsoft's documentation gives the value.
            pub const fn label(self) -> &'static str {
                match self {
                    $(Self::$variant => $label,)+
                }
            }

            /// The name of the variant: what the script language and serde write.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($variant),)+
                }
            }
        }

        impl $crate::model::WireEnum for $name {
            const ALL: &'static [Self] = Self::ALL;
            const TYPE: &'static str = stringify!($name);
            const PAGE: &'static str = $page;

            fn number(self) -> u32 {
                u32::from(self.to_wire())
            }
            fn label(self) -> &'static str {
                Self::label(self)
            }
            fn name(self) -> &'static str {
                Self::name(self)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{} ({})", self.label(), self.to_wire())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::model::UnknownValue;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                <Self as $crate::model::WireEnum>::parse(text)
            }
        }
    };
}
pub(crate) use wire_enum;

/// Serde by number, for `#[serde(with = "hyperv_replica::model::as_number")]`.
///
/// By default a [`WireEnum`] is written by name, which a person can read. A monitor that stores
/// what WMI said wants the number.
///
/// ```
/// use hyperv_replica::model::{ReplicationState, as_number};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Sample {
///     #[serde(with = "as_number")]
///     state: ReplicationState,
/// }
/// let text = serde_json::to_string(&Sample { state: ReplicationState::Recovered })?;
/// assert_eq!(text, r#"{"state":5}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
pub mod as_number {
    use super::WireEnum;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes the wire number.
    #[allow(clippy::trivially_copy_pass_by_ref)] // The signature is serde's.
    pub fn serialize<T: WireEnum, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u32(value.number())
    }

    /// Reads a wire number; one without a variant is an error that names it.
    pub fn deserialize<'de, T: WireEnum, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
        let number = u32::deserialize(from)?;
        T::from_number(number)
            .ok_or_else(|| D::Error::custom(format_args!("{number} is no {}", T::TYPE)))
    }
}

/// A set of variants of a [`WireEnum`] with numbers below 32, usable in `const` tables.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Set<T>(u32, PhantomData<T>);

impl<T> Set<T> {
    /// The empty set.
    pub const EMPTY: Self = Self(0, PhantomData);

    /// From the OR of `1 << number`; written by the [`set!`](crate::set) macro.
    #[doc(hidden)]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits, PhantomData)
    }
}

impl<T: WireEnum> Set<T> {
    /// Whether the variant is a member. A variant with a number above 31 never is.
    pub fn contains(self, item: T) -> bool {
        1u32.checked_shl(item.number()).is_some_and(|bit| self.0 & bit != 0)
    }

    /// The members, in declaration order.
    pub fn iter(self) -> impl Iterator<Item = T> {
        T::ALL.iter().copied().filter(move |it| self.contains(*it))
    }
}

impl<T: WireEnum> fmt::Debug for Set<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// A [`Set`](crate::model::Set) in a `const` table: `set!(ReplicationState: Ready | Suspended)`.
#[macro_export]
macro_rules! set {
    ($ty:ident: $($variant:ident)|+) => {
        $crate::model::Set::<$ty>::from_bits($(1 << $ty::$variant.to_wire())|+)
    };
}
