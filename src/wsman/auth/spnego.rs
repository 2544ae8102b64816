//! SPNEGO, [RFC 4178]: which mechanism, and its messages in an envelope of DER.
//!
//! [RFC 4178]: https://www.rfc-editor.org/rfc/rfc4178

use super::{AuthError, Result};

/// The object identifiers, as DER has them with their tag and length.
const SPNEGO: &[u8] = &[0x06, 6, 0x2B, 6, 1, 5, 5, 2];
const NTLM: &[u8] = &[0x06, 10, 0x2B, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 10];

const OCTETS: u8 = 0x04;
const IDENTIFIER: u8 = 0x06;
const ENUMERATED: u8 = 0x0A;
const SEQUENCE: u8 = 0x30;
const APPLICATION: u8 = 0x60;

/// The tag of a member of a sequence.
const fn member(number: u8) -> u8 {
    0xA0 | number
}

/// How far a negotiation is: `negState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Complete = 0,
    Incomplete = 1,
    Reject = 2,
    RequestMic = 3,
}

/// What a client begins with: `NegTokenInit`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Init<'a> {
    /// The list of mechanisms as it is, over which there may be a checksum.
    pub(super) mechanisms: &'a [u8],
    /// Where NTLM is in it.
    pub(super) ntlm_at: Option<usize>,
    /// The first message of the first mechanism.
    pub(super) token: Option<&'a [u8]>,
}

/// What either side goes on with: `NegTokenResp`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Response<'a> {
    pub(super) state: Option<State>,
    /// Whether NTLM is said to be the mechanism; only the first answer says one.
    pub(super) is_ntlm: Option<bool>,
    /// A message of the mechanism.
    pub(super) token: Option<&'a [u8]>,
    /// A checksum over the list of mechanisms: `mechListMIC`.
    pub(super) mic: Option<&'a [u8]>,
}

/// Reads DER: values, each behind its tag and its length.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[tag, length], mut rest) = self.0.split_first_chunk()?;
        let mut count = usize::from(length);
        if length >= 0x80 {
            // A token has less than 2^16 bytes.
            let octets = usize::from(length & 0x7F);
            let (octets, behind) =
                (1..=3).contains(&octets).then(|| rest.split_at_checked(octets))??;
            count = octets.iter().fold(0, |sum, octet| sum << 8 | usize::from(*octet));
            rest = behind;
        }
        let (value, rest) = rest.split_at_checked(count)?;
        self.0 = rest;
        Some((tag, value))
    }

    /// The only value, of this tag.
    fn only(bytes: &'a [u8], tag: u8) -> Option<&'a [u8]> {
        let (found, value) = Self(bytes).next()?;
        (found == tag).then_some(value)
    }
}

fn put(to: &mut Vec<u8>, tag: u8, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|it| it.len()).sum();
    to.push(tag);
    if let Ok(short @ 0..0x80) = u8::try_from(length) {
        to.push(short);
    } else {
        let octets = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
        let octets = &octets[octets.iter().take_while(|it| **it == 0).count()..];
        to.push(0x80 | u8::try_from(octets.len()).unwrap_or(4));
        to.extend(octets);
    }
    for part in parts {
        to.extend(*part);
    }
}

fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut to = Vec::new();
    put(&mut to, tag, parts);
    to
}

/// The list of mechanisms of a client that can do NTLM only.
pub(super) fn only_ntlm() -> Vec<u8> {
    der(SEQUENCE, &[NTLM])
}

impl<'a> Init<'a> {
    /// The first message; `None` if it is none of SPNEGO.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self> {
        Self::parse(bytes).ok_or(AuthError::Malformed("SPNEGO's first message"))
    }

    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let inner = Der::only(bytes, APPLICATION)?.strip_prefix(SPNEGO)?;
        let mut members = Der(Der::only(Der::only(inner, member(0))?, SEQUENCE)?);
        let (mut mechanisms, mut token) = (None, None);
        while let Some((tag, value)) = members.next() {
            if tag == member(0) {
                mechanisms = Some(value);
            } else if tag == member(2) {
                token = Some(Der::only(value, OCTETS)?);
            }
        }
        let mechanisms = mechanisms?;
        let mut list = Der(Der::only(mechanisms, SEQUENCE)?);
        let identifiers = std::iter::from_fn(|| list.next());
        let ntlm = (IDENTIFIER, &NTLM[2..]);
        let ntlm_at = identifiers.take(MAX_MECHANISMS).position(|it| it == ntlm);
        Some(Self { mechanisms, ntlm_at, token })
    }

    /// The first message of a client that can do NTLM only.
    pub(super) fn write(token: &[u8]) -> Vec<u8> {
        let mechanisms = der(member(0), &[&only_ntlm()]);
        let token = der(member(2), &[&der(OCTETS, &[token])]);
        let init = der(member(0), &[&der(SEQUENCE, &[&mechanisms, &token])]);
        der(APPLICATION, &[SPNEGO, &init])
    }
}

/// Windows knows five.
const MAX_MECHANISMS: usize = 16;

impl<'a> Response<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self> {
        Self::parse(bytes).ok_or(AuthError::Malformed("SPNEGO's answer"))
    }

    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut members = Der(Der::only(Der::only(bytes, member(1))?, SEQUENCE)?);
        let mut read = Self::default();
        while let Some((tag, value)) = members.next() {
            if tag == member(0) {
                read.state = Some(match Der::only(value, ENUMERATED)? {
                    [0] => State::Complete,
                    [1] => State::Incomplete,
                    [2] => State::Reject,
                    [3] => State::RequestMic,
                    _ => return None,
                });
            } else if tag == member(1) {
                read.is_ntlm = Some(value == NTLM);
            } else if tag == member(2) {
                read.token = Some(Der::only(value, OCTETS)?);
            } else if tag == member(3) {
                read.mic = Some(Der::only(value, OCTETS)?);
            }
        }
        Some(read)
    }

    pub(super) fn write(&self) -> Vec<u8> {
        let mut members = Vec::new();
        if let Some(state) = self.state {
            put(&mut members, member(0), &[&der(ENUMERATED, &[&[state as u8]])]);
        }
        if self.is_ntlm == Some(true) {
            put(&mut members, member(1), &[NTLM]);
        }
        for (tag, octets) in [(member(2), self.token), (member(3), self.mic)] {
            if let Some(octets) = octets {
                put(&mut members, tag, &[&der(OCTETS, &[octets])]);
            }
        }
        der(member(1), &[&der(SEQUENCE, &[&members])])
    }
}
