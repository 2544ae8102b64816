//! What things are called: hosts, virtual machines, jobs, recovery points, relationships.

use std::fmt;
use std::str::FromStr;

/// A GUID, printed in upper case as WMI prints it: `564D8B6E-3C3D-4C4B-8A53-0C6D3B6A7D01`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guid(pub u128);

/// Where the dashes of a GUID stand.
const DASHES: [usize; 4] = [8, 13, 18, 23];

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // As one text: GUIDs are what is written most.
        let mut text = [b'-'; 36];
        let mut left = self.0;
        for (at, digit) in text.iter_mut().enumerate().rev() {
            if !DASHES.contains(&at) {
                *digit = b"0123456789ABCDEF"[(left & 0xF) as usize];
                left >>= 4;
            }
        }
        f.write_str(str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no identifier of the kind that was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseIdError {
    /// The offending text, cut at 64 characters.
    pub found: String,
    /// Where in it the trouble starts, in characters from 0.
    pub at: usize,
    /// What was expected there.
    pub expected: &'static str,
}

impl ParseIdError {
    fn new(found: &str, at: usize, expected: &'static str) -> Self {
        Self { found: found.chars().take(64).collect(), at, expected }
    }
}

impl fmt::Display for ParseIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { found, at, expected } = self;
        write!(f, "`{found}`: expected {expected} at character {}", at + 1)
    }
}

impl std::error::Error for ParseIdError {}

impl FromStr for Guid {
    type Err = ParseIdError;

    /// Accepts either case, with or without braces.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let skipped = usize::from(text.starts_with('{'));
        let inner = match text.strip_prefix('{') {
            None => text,
            Some(rest) => rest.strip_suffix('}').ok_or_else(|| {
                ParseIdError::new(text, text.chars().count(), "`}` to close the GUID")
            })?,
        };
        let (mut value, mut length) = (0u128, 0);
        for (i, c) in inner.chars().enumerate() {
            let wrong = |what| ParseIdError::new(text, i + skipped, what);
            match c.to_digit(16) {
                _ if i >= 36 => return Err(wrong("the end of the GUID")),
                None if DASHES.contains(&i) && c == '-' => {}
                _ if DASHES.contains(&i) => return Err(wrong("`-`")),
                Some(digit) => value = value << 4 | u128::from(digit),
                None => return Err(wrong("a hexadecimal digit")),
            }
            length = i + 1;
        }
        if length == 36 {
            Ok(Self(value))
        } else {
            Err(ParseIdError::new(text, length + skipped, "more of a GUID (8-4-4-4-12 digits)"))
        }
    }
}

impl serde::Serialize for Guid {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Guid {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

macro_rules! guid_id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Guid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

guid_id! {
    /// `Msvm_ComputerSystem.Name` of a virtual machine. A replica has its primary's.
    VmId
}
guid_id! {
    /// The key of an `Msvm_ConcreteJob`.
    JobId
}
guid_id! {
    /// The key of a recovery point: a snapshot of the replica.
    PointId
}

/// A host, by its place in the world: 0 is the first that was declared.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct HostId(pub u16);

/// Which of a virtual machine's two relationships.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub enum Leg {
    /// Index 0: primary to replica; on an extended replica, the one it receives on.
    Primary,
    /// Index 1: replica to extended replica, on the replica.
    Extended,
}

impl Leg {
    /// The last character of the relationship's `InstanceID`.
    pub const fn index(self) -> u8 {
        self as u8
    }
}

/// The key of an `Msvm_ReplicationRelationship` and of its settings.
///
/// ```
/// use hyperv_replica::model::{Leg, RelationshipId};
///
/// let text = r"Microsoft:564D8B6E-3C3D-4C4B-8A53-0C6D3B6A7D01\HVR\1";
/// let id: RelationshipId = text.parse()?;
/// assert_eq!(id.leg, Leg::Extended);
/// assert_eq!(id.to_string(), text);
/// # Ok::<(), hyperv_replica::model::ParseIdError>(())
/// ```
///
/// Source: <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationrelationship>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelationshipId {
    /// The virtual machine.
    pub vm: VmId,
    /// Which of its relationships.
    pub leg: Leg,
}

impl RelationshipId {
    /// Relationship 0 of a virtual machine.
    pub const fn primary(vm: VmId) -> Self {
        Self { vm, leg: Leg::Primary }
    }

    /// Relationship 1 of a virtual machine.
    pub const fn extended(vm: VmId) -> Self {
        Self { vm, leg: Leg::Extended }
    }
}

impl fmt::Display for RelationshipId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, r"Microsoft:{}\HVR\{}", self.vm, self.leg.index())
    }
}

impl FromStr for RelationshipId {
    type Err = ParseIdError;

    /// Also accepts the form of Windows Server 2012, without an index: relationship 0.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const HEAD: &str = "Microsoft:";
        let wrong = |at, what| ParseIdError::new(text, at, what);
        let head = text.get(..HEAD.len()).filter(|head| head.eq_ignore_ascii_case(HEAD));
        let rest = &text[head.ok_or_else(|| wrong(0, "`Microsoft:`"))?.len()..];
        let slash = rest.find('\\').ok_or_else(|| wrong(text.chars().count(), r"`\HVR`"))?;
        let (guid, tail) = rest.split_at(slash);
        let vm = guid.parse::<VmId>().map_err(|e| wrong(HEAD.len() + e.at, e.expected))?;
        let leg = match tail.to_ascii_uppercase().as_str() {
            r"\HVR" | r"\HVR\0" => Leg::Primary,
            r"\HVR\1" => Leg::Extended,
            _ => {
                return Err(wrong(
                    HEAD.len() + slash,
                    r"`\HVR\0` or `\HVR\1` and nothing after it",
                ));
            }
        };
        Ok(Self { vm, leg })
    }
}

impl serde::Serialize for RelationshipId {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for RelationshipId {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
