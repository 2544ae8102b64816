//! Sealed bodies: `multipart/encrypted`, as [MS-WSMV] 2.2.9.1 has it.
//!
//! ```text
//! --Encrypted Boundary
//! (tab)Content-Type: application/HTTP-SPNEGO-session-encrypted
//! (tab)OriginalContent: type=application/soap+xml;charset=UTF-8;Length=1234
//! --Encrypted Boundary
//! (tab)Content-Type: application/octet-stream
//! (length of the signature)(signature)(sealed body)--Encrypted Boundary--
//! ```
//!
//! Windows and [pypsrp] begin the inner headers with a tab and insist on it; [OMI] has none and
//! hangs if there is one, so an answer has what its request had. OMI also fills a body up with NULs,
//! and Exchange has a blank in front of the boundary.
//!
//! [MS-WSMV]: https://learn.microsoft.com/openspecs/windows_protocols/ms-wsmv/b79927c2-96be-4801-aa68-180db95593f9
//! [pypsrp]: https://github.com/jborean93/pypsrp
//! [OMI]: https://github.com/microsoft/omi

use super::ntlm::{Session, Signature};
use super::{AuthError, Result};
use std::fmt::Write as _;

/// The type of a sealed body.
pub const CONTENT_TYPE: &str = "multipart/encrypted;\
     protocol=\"application/HTTP-SPNEGO-session-encrypted\";boundary=\"Encrypted Boundary\"";

const PROTOCOL: &str = "application/HTTP-SPNEGO-session-encrypted";
const BOUNDARY: &str = "Encrypted Boundary";

/// Whether a body of this type is sealed.
pub fn is_sealed(content_type: &str) -> bool {
    let (kind, _) = content_type.split_once(';').unwrap_or((content_type, ""));
    kind.trim().eq_ignore_ascii_case("multipart/encrypted")
}

/// How a body is wrapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Style {
    /// The type of the body within, such as `application/soap+xml;charset=UTF-8`.
    pub content_type: String,
    /// Whether inner headers begin with a tab.
    pub has_tabs: bool,
}

impl Default for Style {
    /// As Windows does.
    fn default() -> Self {
        Self { content_type: "application/soap+xml;charset=UTF-8".to_owned(), has_tabs: true }
    }
}

/// Seals a body.
pub fn wrap(session: &mut Session, body: &[u8], style: &Style) -> Vec<u8> {
    let (signature, sealed) = session.seal(body);
    let Style { content_type, has_tabs } = style;
    let tab = if *has_tabs { "\t" } else { "" };
    let mut head = String::new();
    // Writing to a string does not fail.
    let _ = write!(
        head,
        "--{BOUNDARY}\r\n\
         {tab}Content-Type: {PROTOCOL}\r\n\
         {tab}OriginalContent: type={content_type};Length={}\r\n\
         --{BOUNDARY}\r\n\
         {tab}Content-Type: application/octet-stream\r\n",
        body.len()
    );
    let length = u32::try_from(signature.len()).unwrap_or_default().to_le_bytes();
    let tail = format!("--{BOUNDARY}--\r\n");
    [head.as_bytes(), &length, &signature, &sealed, tail.as_bytes()].concat()
}

/// Opens a sealed body: what it says, and how it was wrapped.
///
/// # Errors
/// [`AuthError::Malformed`], [`AuthError::Tampered`].
pub fn unwrap(session: &mut Session, body: &[u8]) -> Result<(Vec<u8>, Style)> {
    let Parts { style, length, signature, sealed } =
        split(body).ok_or(AuthError::Malformed("the sealed body"))?;
    let mut message = session.unseal(signature, sealed)?;
    // What is behind the said length, if anything, is padding.
    let is_padded = message.get(length..).is_some_and(|rest| rest.iter().all(|it| *it == 0));
    if !is_padded {
        return Err(AuthError::Malformed("the length of the sealed body"));
    }
    message.truncate(length);
    while message.last() == Some(&0) && !style.content_type.to_ascii_lowercase().contains("utf-16")
    {
        message.pop();
    }
    Ok((message, style))
}

struct Parts<'a> {
    style: Style,
    length: usize,
    signature: &'a Signature,
    sealed: &'a [u8],
}

fn split(body: &[u8]) -> Option<Parts<'_>> {
    let mut rest = body;
    let mut original = None;
    let mut has_tabs = false;
    is_boundary(line(&mut rest)?).then_some(())?;
    // The headers of the first part, up to the boundary.
    loop {
        let header = line(&mut rest)?;
        if is_boundary(header) {
            break;
        }
        has_tabs |= header.starts_with('\t');
        if let Some(value) = value_of(header, "OriginalContent") {
            original = Some(value);
        }
    }
    value_of(line(&mut rest)?, "Content-Type")?;
    let (content_type, length) = original?.strip_prefix("type=")?.rsplit_once(';')?;
    let (name, length) = length.split_once('=')?;
    name.trim().eq_ignore_ascii_case("Length").then_some(())?;
    let length = length.trim().parse().ok()?;

    let (count, rest) = rest.split_first_chunk()?;
    (u32::from_le_bytes(*count) == 16).then_some(())?;
    let (signature, rest) = rest.split_first_chunk()?;
    let style = Style { content_type: content_type.to_owned(), has_tabs };
    Some(Parts { style, length, signature, sealed: without_end(rest)? })
}

/// The next line, which ends with CR LF.
fn line<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    const MAX_LINE_BYTES: usize = 512;
    let window = &rest[..rest.len().min(MAX_LINE_BYTES)];
    let end = window.windows(2).position(|it| it == b"\r\n")?;
    let found = std::str::from_utf8(&rest[..end]).ok()?;
    *rest = &rest[end + 2..];
    Some(found)
}

fn is_boundary(line: &str) -> bool {
    line.strip_prefix("--").is_some_and(|it| it.trim() == BOUNDARY)
}

fn value_of<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let (found, value) = header.split_once(':')?;
    found.trim().eq_ignore_ascii_case(name).then(|| value.trim())
}

/// What is in front of the last boundary. The bytes are any, so it is sought from the end.
fn without_end(bytes: &[u8]) -> Option<&[u8]> {
    let bytes = bytes.strip_suffix(b"\r\n").unwrap_or(bytes);
    let bytes = bytes.strip_suffix(b"--").unwrap_or(bytes);
    let bytes = bytes.strip_suffix(BOUNDARY.as_bytes())?;
    bytes.strip_suffix(b"-- ").or_else(|| bytes.strip_suffix(b"--"))
}
