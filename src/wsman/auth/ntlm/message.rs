//! The three messages as bytes: [MS-NLMP] 2.2.1.
//!
//! [MS-NLMP]: https://learn.microsoft.com/openspecs/windows_protocols/ms-nlmp/907f519d-6217-45b1-b421-dca10fc8af0d

use super::FileTime;
use super::crypto::{Key, utf16};
use crate::wsman::auth::{AuthError, Result};
use std::ops::{BitAnd, BitOr};

pub(super) const SIGNATURE: &[u8] = b"NTLMSSP\0";

/// Which Windows we are, for those who debug: 10.0.20348, revision 15 of NTLM.
const VERSION: [u8; 8] = [10, 0, 0x7C, 0x4F, 0, 0, 0, 15];

/// What is agreed upon: [MS-NLMP] 2.2.2.5.
///
/// [MS-NLMP]: https://learn.microsoft.com/openspecs/windows_protocols/ms-nlmp/99d90ff4-957f-4c8a-80e4-5bfe5a9a9832
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flags(pub(super) u32);

impl Flags {
    pub(super) const UNICODE: Self = Self(0x0000_0001);
    pub(super) const OEM: Self = Self(0x0000_0002);
    pub(super) const REQUEST_TARGET: Self = Self(0x0000_0004);
    pub(super) const SIGN: Self = Self(0x0000_0010);
    pub(super) const SEAL: Self = Self(0x0000_0020);
    pub(super) const NTLM: Self = Self(0x0000_0200);
    pub(super) const ALWAYS_SIGN: Self = Self(0x0000_8000);
    pub(super) const TARGET_IS_SERVER: Self = Self(0x0002_0000);
    pub(super) const EXTENDED_SECURITY: Self = Self(0x0008_0000);
    pub(super) const TARGET_INFO: Self = Self(0x0080_0000);
    pub(super) const VERSION: Self = Self(0x0200_0000);
    pub(super) const KEY_128: Self = Self(0x2000_0000);
    pub(super) const KEY_EXCHANGE: Self = Self(0x4000_0000);
    pub(super) const KEY_56: Self = Self(0x8000_0000);

    /// What a session that seals needs.
    pub(super) const SEALING: Self =
        Self(Self::SIGN.0 | Self::SEAL.0 | Self::EXTENDED_SECURITY.0 | Self::KEY_128.0);

    pub(super) const fn has(self, all: Self) -> bool {
        self.0 & all.0 == all.0
    }

    pub(super) const fn without(self, some: Self) -> Self {
        Self(self.0 & !some.0)
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for Flags {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

/// The bytes of a message, each of which may be missing.
#[derive(Clone, Copy)]
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    /// The bytes, if they are a message of this kind.
    fn of_kind(bytes: &'a [u8], kind: u32) -> Option<Self> {
        let all = Self(bytes);
        (bytes.starts_with(SIGNATURE) && all.u32(8)? == kind).then_some(all)
    }

    fn array<const N: usize>(self, at: usize) -> Option<[u8; N]> {
        self.0.get(at..)?.first_chunk().copied()
    }

    fn u16(self, at: usize) -> Option<u16> {
        self.array(at).map(u16::from_le_bytes)
    }

    fn u32(self, at: usize) -> Option<u32> {
        self.array(at).map(u32::from_le_bytes)
    }

    /// What a field points to: its length, again its length, its offset.
    fn field(self, at: usize) -> Option<&'a [u8]> {
        let length = usize::from(self.u16(at)?);
        let start = usize::try_from(self.u32(at + 4)?).ok()?;
        self.0.get(start..start.checked_add(length)?)
    }

    fn text(self, at: usize) -> Option<String> {
        let (pairs, rest) = self.field(at)?.as_chunks::<2>();
        let units: Vec<_> = pairs.iter().map(|it| u16::from_le_bytes(*it)).collect();
        rest.is_empty().then(|| String::from_utf16(&units).ok()).flatten()
    }
}

/// A message that is written: fixed fields first, what they point to behind them.
struct Writer {
    fixed: Vec<u8>,
    payload: Vec<u8>,
    payload_at: usize,
}

impl Writer {
    fn new(kind: u32, payload_at: usize) -> Self {
        let mut fixed = SIGNATURE.to_vec();
        fixed.extend(kind.to_le_bytes());
        Self { fixed, payload: Vec::new(), payload_at }
    }

    fn put(&mut self, bytes: &[u8]) {
        self.fixed.extend(bytes);
    }

    /// Where the next of the payload will be.
    fn place(&mut self, bytes: &[u8]) -> [u8; 8] {
        let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        let at = u32::try_from(self.payload_at + self.payload.len()).unwrap_or(u32::MAX);
        self.payload.extend(&bytes[..usize::from(length)]);
        let (length, at) = (length.to_le_bytes(), at.to_le_bytes());
        [length[0], length[1], length[0], length[1], at[0], at[1], at[2], at[3]]
    }

    fn finish(mut self) -> Vec<u8> {
        self.fixed.extend(self.payload);
        self.fixed
    }
}

/// What a client begins with: what it can.
pub(super) struct Negotiate {
    pub(super) flags: Flags,
}

impl Negotiate {
    pub(super) fn read(bytes: &[u8]) -> Result<Self> {
        let flags = Bytes::of_kind(bytes, 1).and_then(|it| it.u32(12)).map(Flags);
        Ok(Self { flags: flags.ok_or(AuthError::Malformed("NTLM's first message"))? })
    }

    pub(super) fn write(&self) -> Vec<u8> {
        let mut to = Writer::new(1, 40);
        to.put(&self.flags.0.to_le_bytes());
        let (domain, workstation) = (to.place(&[]), to.place(&[]));
        to.put(&domain);
        to.put(&workstation);
        to.put(&VERSION);
        to.finish()
    }
}

/// What a server answers: what it must be proven with, and who it is.
pub(super) struct Challenge<'a> {
    pub(super) flags: Flags,
    /// `ServerChallenge`.
    pub(super) nonce: [u8; 8],
    pub(super) info: &'a [u8],
}

impl<'a> Challenge<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self> {
        let read = || {
            let all = Bytes::of_kind(bytes, 2)?;
            let flags = all.u32(20).map(Flags)?;
            let info = if flags.has(Flags::TARGET_INFO) { all.field(40)? } else { &[] };
            Some(Self { flags, nonce: all.array(24)?, info })
        };
        read().ok_or(AuthError::Malformed("NTLM's challenge"))
    }

    /// The message of a server with this name.
    pub(super) fn write(&self, target: &str) -> Vec<u8> {
        let mut to = Writer::new(2, 56);
        let target = to.place(&utf16(target));
        to.put(&target);
        to.put(&self.flags.0.to_le_bytes());
        to.put(&self.nonce);
        to.put(&[0; 8]);
        let info = to.place(self.info);
        to.put(&info);
        to.put(&VERSION);
        to.finish()
    }
}

/// What a client answers: the proof.
pub(super) struct Authenticate<'a> {
    pub(super) flags: Flags,
    pub(super) lm: &'a [u8],
    pub(super) nt: &'a [u8],
    pub(super) domain: String,
    pub(super) user: String,
    pub(super) session_key: &'a [u8],
}

/// Where the checksum over all three messages is, if there is one.
pub(super) const MIC_AT: usize = 72;

impl<'a> Authenticate<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self> {
        let read = || {
            let all = Bytes::of_kind(bytes, 3)?;
            Some(Self {
                lm: all.field(12)?,
                nt: all.field(20)?,
                domain: all.text(28)?,
                user: all.text(36)?,
                session_key: all.field(52)?,
                flags: all.u32(60).map(Flags)?,
            })
        };
        read().ok_or(AuthError::Malformed("NTLM's last message"))
    }

    /// The message, with room for the checksum if there is to be one.
    pub(super) fn write(&self, workstation: &str, has_mic: bool) -> Vec<u8> {
        let mic: &[u8] = if has_mic { &[0; 16] } else { &[] };
        let mut to = Writer::new(3, MIC_AT + mic.len());
        let [domain, user, workstation] =
            [&self.domain, &self.user, workstation].map(|it| to.place(&utf16(it)));
        let [lm, nt, key] = [self.lm, self.nt, self.session_key].map(|it| to.place(it));
        for field in [lm, nt, domain, user, workstation, key] {
            to.put(&field);
        }
        to.put(&self.flags.0.to_le_bytes());
        to.put(&VERSION);
        to.put(mic);
        to.finish()
    }

    /// The checksum, and the message without it.
    pub(super) fn split_mic(bytes: &[u8]) -> Option<(Key, Vec<u8>)> {
        let mic = Bytes(bytes).array(MIC_AT)?;
        let mut rest = bytes.to_vec();
        rest[MIC_AT..MIC_AT + 16].fill(0);
        Some((mic, rest))
    }
}

/// What a server says of itself, and a client repeats: attributes and their values, `AV_PAIR`.
pub(super) mod info {
    use super::{FileTime, utf16};

    const END: u16 = 0;
    const COMPUTER: u16 = 1;
    const DOMAIN: u16 = 2;
    const DNS_COMPUTER: u16 = 3;
    const DNS_DOMAIN: u16 = 4;
    const FLAGS: u16 = 6;
    const TIME: u16 = 7;

    /// That the last message has a checksum.
    const HAS_MIC: u32 = 2;

    /// The attributes, to the end or to where they make no sense.
    fn pairs(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
        std::iter::from_fn(move || {
            let (id, rest) = bytes.split_first_chunk()?;
            let (length, rest) = rest.split_first_chunk()?;
            let id = u16::from_le_bytes(*id);
            let (value, rest) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
            bytes = rest;
            (id != END).then_some((id, value))
        })
    }

    fn put(to: &mut Vec<u8>, id: u16, value: &[u8]) {
        // A name that is too long is cut, not refused: it is only shown.
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX - 1);
        to.extend(id.to_le_bytes());
        to.extend(length.to_le_bytes());
        to.extend(&value[..length.into()]);
    }

    /// Those of a server of a workgroup.
    pub(in super::super) fn of_server(name: &str, now: FileTime) -> Vec<u8> {
        let mut to = Vec::new();
        for id in [DOMAIN, COMPUTER, DNS_DOMAIN, DNS_COMPUTER] {
            put(&mut to, id, &utf16(name));
        }
        put(&mut to, TIME, &now.0.to_le_bytes());
        put(&mut to, END, &[]);
        to
    }

    /// The time that the server says it is.
    pub(in super::super) fn time(bytes: &[u8]) -> Option<FileTime> {
        let value = pairs(bytes).find(|(id, _)| *id == TIME)?.1;
        value.try_into().ok().map(u64::from_le_bytes).map(FileTime)
    }

    fn flags(bytes: &[u8]) -> u32 {
        let value = pairs(bytes).find(|(id, _)| *id == FLAGS).map(|(_, value)| value);
        value.and_then(|it| it.try_into().ok()).map_or(0, u32::from_le_bytes)
    }

    /// Whether the client says that there is a checksum.
    pub(in super::super) fn has_mic(bytes: &[u8]) -> bool {
        flags(bytes) & HAS_MIC != 0
    }

    /// The same attributes, which say that there is a checksum.
    pub(in super::super) fn with_mic(bytes: &[u8]) -> Vec<u8> {
        let mut to = Vec::new();
        for (id, value) in pairs(bytes).filter(|(id, _)| *id != FLAGS) {
            put(&mut to, id, value);
        }
        put(&mut to, FLAGS, &(flags(bytes) | HAS_MIC).to_le_bytes());
        put(&mut to, END, &[]);
        to
    }
}
