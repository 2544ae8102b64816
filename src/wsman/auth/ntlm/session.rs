//! A session: messages are sealed under the key that both sides have.

use super::crypto::{Key, hmac_md5, md5, rc4};
use super::message::Flags;
use crate::wsman::auth::{AuthError, Result};
use rc4::{Rc4, StreamCipher};
use std::fmt;
use subtle::ConstantTimeEq;

/// What stands in front of a sealed message: version, checksum, number.
pub type Signature = [u8; 16];

/// Both directions of a session. Messages are numbered in each: one that is changed, repeated or
/// left out is refused, and so is every one behind it.
pub struct Session {
    to_peer: Direction,
    from_peer: Direction,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = (self.to_peer.number, self.from_peer.number);
        f.debug_struct("Session").field("numbers", &numbers).finish_non_exhaustive()
    }
}

/// Which side of a session.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Client,
    Server,
}

impl Session {
    /// The session of one side, from the key that both have: `ExportedSessionKey`.
    pub(super) fn new(key: &Key, flags: Flags, side: Side) -> Self {
        let client = Direction::new(key, "client-to-server", flags);
        let server = Direction::new(key, "server-to-client", flags);
        match side {
            Side::Client => Self { to_peer: client, from_peer: server },
            Side::Server => Self { to_peer: server, from_peer: client },
        }
    }

    /// Seals a message: what it is signed with, and what it looks like then.
    pub fn seal(&mut self, message: &[u8]) -> (Signature, Vec<u8>) {
        let mut sealed = message.to_vec();
        self.to_peer.cipher.apply_keystream(&mut sealed);
        (self.to_peer.sign(message), sealed)
    }

    /// Opens a message.
    ///
    /// # Errors
    /// [`AuthError::Tampered`]; the session is good for nothing then.
    pub fn unseal(&mut self, signature: &Signature, sealed: &[u8]) -> Result<Vec<u8>> {
        let mut message = sealed.to_vec();
        self.from_peer.cipher.apply_keystream(&mut message);
        self.verify(&message, signature)?;
        Ok(message)
    }

    /// Signs a message that is sent as it is.
    pub(in crate::wsman::auth) fn sign(&mut self, message: &[u8]) -> Signature {
        self.to_peer.sign(message)
    }

    /// Whether a message is signed by the other side, and the next one.
    pub(in crate::wsman::auth) fn verify(
        &mut self,
        message: &[u8],
        signature: &Signature,
    ) -> Result<()> {
        let expected = self.from_peer.sign(message);
        let is_right: bool = expected.ct_eq(signature).into();
        self.from_peer.is_broken |= !is_right;
        if self.from_peer.is_broken { Err(AuthError::Tampered) } else { Ok(()) }
    }

    /// Begins the stream towards the other side anew, after SPNEGO has used some of it.
    pub(in crate::wsman::auth) fn restart_to_peer(&mut self) {
        self.to_peer.restart();
    }

    /// Begins the stream from the other side anew, after SPNEGO has used some of it.
    pub(in crate::wsman::auth) fn restart_from_peer(&mut self) {
        self.from_peer.restart();
    }
}

struct Direction {
    signing_key: Key,
    sealing_key: Key,
    cipher: Rc4,
    number: u32,
    /// Whether checksums are sealed, too.
    seals_checksum: bool,
    /// Whether a message was refused.
    is_broken: bool,
}

impl Direction {
    /// The keys of a direction: `SIGNKEY` and `SEALKEY`, [MS-NLMP] 3.4.5.
    ///
    /// [MS-NLMP]: https://learn.microsoft.com/openspecs/windows_protocols/ms-nlmp/524cdccb-563e-4793-92b0-7bc321fce096
    fn new(key: &Key, direction: &str, flags: Flags) -> Self {
        let derive = |purpose: &str| {
            let magic = format!("session key to {direction} {purpose} key magic constant\0");
            md5(&[key, magic.as_bytes()])
        };
        let sealing_key = derive("sealing");
        Self {
            signing_key: derive("signing"),
            sealing_key,
            cipher: rc4(&sealing_key),
            number: 0,
            seals_checksum: flags.has(Flags::KEY_EXCHANGE),
            is_broken: false,
        }
    }

    /// The signature of the next message: `MAC` with extended session security.
    fn sign(&mut self, message: &[u8]) -> Signature {
        let number = self.number.to_le_bytes();
        self.number = self.number.wrapping_add(1);
        let mac = hmac_md5(&self.signing_key, &[&number, message]);
        let mut signature = [0; 16];
        signature[0] = 1;
        signature[4..12].copy_from_slice(&mac[..8]);
        if self.seals_checksum {
            self.cipher.apply_keystream(&mut signature[4..12]);
        }
        signature[12..].copy_from_slice(&number);
        signature
    }

    fn restart(&mut self) {
        self.cipher = rc4(&self.sealing_key);
    }
}
