//! The functions of which NTLM is made.

use hmac::{Hmac, KeyInit, Mac};
use md4::Md4;
use md5::{Digest, Md5};
use rc4::{Rc4, StreamCipher};
use std::fmt;

/// A key, a hash or a checksum.
pub(super) type Key = [u8; 16];

/// What is kept of a password: its MD4, `NTOWFv1`. Whoever has it can log in as its user.
#[derive(Clone, Copy)]
pub struct NtHash(pub(in crate::wsman::auth) Key);

impl NtHash {
    /// What is kept of this password.
    pub fn of(password: &str) -> Self {
        Self(Md4::digest(utf16(password)).into())
    }

    /// The key with which a user of a domain answers: `NTOWFv2`.
    pub(super) fn response_key(&self, user: &str, domain: &str) -> Key {
        hmac_md5(&self.0, &[&utf16(&upper(user)), &utf16(domain)])
    }
}

impl fmt::Debug for NtHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NtHash(..)")
    }
}

/// Text in the encoding of Windows.
pub(super) fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Capital letters as Windows has them: one for one, so that `ß` stays.
fn upper(text: &str) -> String {
    let one = |c: char| {
        let mut upper = c.to_uppercase();
        upper.next().filter(|_| upper.next().is_none()).unwrap_or(c)
    };
    text.chars().map(one).collect()
}

pub(super) fn hmac_md5(key: &[u8], parts: &[&[u8]]) -> Key {
    let mut mac = Hmac::<Md5>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

pub(super) fn md5(parts: &[&[u8]]) -> Key {
    let mut hash = Md5::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// A stream of RC4.
pub(super) fn rc4(key: &Key) -> Rc4 {
    Rc4::new_from_slice(key).expect("RC4 takes keys of 16 bytes")
}

/// A key under another one: `RC4K`. It is its own inverse.
pub(super) fn rc4_key(key: &Key, mut data: Key) -> Key {
    rc4(key).apply_keystream(&mut data);
    data
}

/// The answer to a challenge, and the key that both sides have then: `NTProofStr`,
/// `SessionBaseKey`.
pub(super) fn prove(response_key: &Key, challenge: [u8; 8], blob: &[u8]) -> (Key, Key) {
    let proof = hmac_md5(response_key, &[&challenge, blob]);
    (proof, hmac_md5(response_key, &[&proof]))
}
