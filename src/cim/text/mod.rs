//! Embedded instances: an instance as the text that a parameter of type string holds.
//!
//! Microsoft's clients write one of two forms of XML ([`Form`]), others a few elements by hand.
//! [`Reader`] reads all of them and checks what it reads against a [`Schema`]; [`write()`] writes
//! either form.
//!
//! A text may come from anyone. It is read within limits of size, depth and number, without a DTD
//! and without expanding anything, and a text that is refused is refused with a place.
//!
//! ```
//! use hyperv_replica::cim::{Schema, text::{self, Form, Reader}};
//!
//! let schema = Schema::virtualization();
//! let given = r#"<INSTANCE CLASSNAME="Msvm_ReplicationSettingData">
//!     <PROPERTY NAME="RecoveryServerPortNumber" TYPE="uint16"><VALUE>443</VALUE></PROPERTY>
//! </INSTANCE>"#;
//! let settings = Reader::new(schema).of_class("Msvm_ReplicationSettingData").read(given)?;
//! assert_eq!(settings.read("RecoveryServerPortNumber")?, Some(&443_u16));
//!
//! let written = text::write(&settings, schema, Form::CimDtd20);
//! assert_eq!(Reader::new(schema).read(&written)?, settings);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod read;
mod write;
// Only WS-Management has namespaces.
#[cfg_attr(not(feature = "wsman"), allow(dead_code))]
pub(crate) mod xml;

pub use read::Reader;
pub use write::write;

use super::Position;
#[cfg(doc)]
use super::Schema;
use std::borrow::Cow;
use std::fmt;

/// Which XML: the numbers are those of [`WbemObjectTextFormatEnum`].
///
/// [`WbemObjectTextFormatEnum`]: https://learn.microsoft.com/windows/win32/api/wbemdisp/ne-wbemdisp-wbemobjecttextformatenum
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// DMTF's DTD, version 2.0 (1): an object within an object is text within text.
    CimDtd20 = 1,
    /// WMI's extension of it (2): with system properties, the origin of properties, which of them
    /// are keys, and objects within objects.
    WmiDtd20 = 2,
}

/// What kind of thing is wrong with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TextFault {
    /// It is no XML, or has a DOCTYPE.
    Malformed,
    /// It is larger, deeper or longer than is read.
    TooLarge,
    /// It is XML, but no instance.
    NotAnInstance,
    /// It is an instance of a class that the schema does not have, or of another than wanted.
    WrongClass,
    /// It has a property that its class does not have, or has one twice.
    UnknownProperty,
    /// It gives a property another type than its class does.
    WrongType,
    /// A value is no text of its type.
    BadValue,
}

/// Why a text is no instance of a class of the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextError {
    /// Where the element at fault begins.
    pub position: Position,
    /// What kind of thing is wrong.
    pub fault: TextFault,
    /// What exactly, as a sentence without a full stop.
    pub message: String,
}

impl TextError {
    pub(crate) fn at(
        text: &str,
        offset: usize,
        fault: TextFault,
        message: impl Into<String>,
    ) -> Self {
        Self { position: Position::of(text, offset), fault, message: message.into() }
    }
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.position, self.message)
    }
}

impl std::error::Error for TextError {}

/// Bytes as text: UTF-16 of either order with a byte order mark or a first character from ASCII,
/// else UTF-8. Microsoft's management client makes UTF-16 bytes.
///
/// What is no such text becomes U+FFFD, which no name and no number is.
pub fn decode(bytes: &[u8]) -> Cow<'_, str> {
    let little: fn([u8; 2]) -> u16 = u16::from_le_bytes;
    let order = match bytes {
        [0xFF, 0xFE, ..] | [1..=0x7F, 0, ..] => little,
        [0xFE, 0xFF, ..] | [0, 1..=0x7F, ..] => u16::from_be_bytes,
        // Checking a text as a whole is several times as fast as looking for what to replace.
        _ => {
            return str::from_utf8(bytes)
                .map_or_else(|_| String::from_utf8_lossy(bytes), Cow::from);
        }
    };
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units: Vec<u16> = pairs.iter().map(|it| order(*it)).collect();
    let mut text = String::from_utf16_lossy(&units);
    if !rest.is_empty() {
        text.push(char::REPLACEMENT_CHARACTER);
    }
    Cow::Owned(text)
}
