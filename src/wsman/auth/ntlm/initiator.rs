//! The client's half.

use super::FileTime;
use super::crypto::{NtHash, hmac_md5, prove, rc4_key};
use super::message::{Authenticate, Challenge, Flags, MIC_AT, Negotiate, info};
use super::session::{Session, Side};
use crate::wsman::auth::{AuthError, Credentials, Entropy, Result, draw};

/// A client that has said what it can and waits for the challenge.
#[derive(Debug)]
pub struct Initiator {
    credentials: Credentials,
    workstation: String,
    negotiate: Vec<u8>,
}

impl Initiator {
    /// The first message. A session that seals is always asked for.
    pub fn begin(credentials: Credentials) -> (Self, Vec<u8>) {
        let flags = Flags::SEALING
            | Flags::UNICODE
            | Flags::REQUEST_TARGET
            | Flags::NTLM
            | Flags::ALWAYS_SIGN
            | Flags::TARGET_INFO
            | Flags::VERSION
            | Flags::KEY_EXCHANGE
            | Flags::KEY_56;
        let negotiate = Negotiate { flags }.write();
        let this = Self { credentials, workstation: String::new(), negotiate: negotiate.clone() };
        (this, negotiate)
    }

    /// The same with the name of the machine it runs on, which servers log. None is said otherwise.
    #[must_use]
    pub fn on(self, workstation: impl Into<String>) -> Self {
        Self { workstation: workstation.into(), ..self }
    }

    /// Answers the challenge: the session, and the last message.
    ///
    /// # Errors
    /// [`AuthError::Malformed`]; [`AuthError::Unsupported`] if the server does not seal with 128
    /// bits under a key of the session's own.
    pub fn answer(
        self,
        challenge: &[u8],
        now: FileTime,
        entropy: &mut dyn Entropy,
    ) -> Result<(Session, Vec<u8>)> {
        let asked = Challenge::read(challenge)?;
        if !asked.flags.has(Flags::SEALING | Flags::KEY_EXCHANGE | Flags::UNICODE) {
            return Err(AuthError::Unsupported("sealing with 128 bits"));
        }
        // A server that tells the time is one that checks the checksum.
        let time = info::time(asked.info);
        let info = time.map_or_else(|| asked.info.to_vec(), |_| info::with_mic(asked.info));

        let Credentials { user, domain, password } = &self.credentials;
        let response_key = NtHash::of(password.reveal()).response_key(user, domain);
        let nonce: [u8; 8] = draw(entropy);
        let time = time.unwrap_or(now).0.to_le_bytes();
        let blob = [&[1, 1, 0, 0, 0, 0, 0, 0][..], &time, &nonce, &[0; 4], &info, &[0; 4]].concat();
        let (proof, base_key) = prove(&response_key, asked.nonce, &blob);
        let nt = [&proof[..], &blob].concat();
        let has_mic = info::has_mic(&info);
        let lm = if has_mic {
            vec![0; 24]
        } else {
            let (proof, _) = prove(&response_key, asked.nonce, &nonce);
            [&proof[..], &nonce].concat()
        };

        let key = draw(entropy);
        let flags =
            asked.flags.without(Flags::TARGET_IS_SERVER | Flags::OEM) | Flags::REQUEST_TARGET;
        let mut message = Authenticate {
            flags,
            lm: &lm,
            nt: &nt,
            domain: domain.clone(),
            user: user.clone(),
            session_key: &rc4_key(&base_key, key),
        }
        .write(&self.workstation, has_mic);
        if has_mic {
            let mic = hmac_md5(&key, &[&self.negotiate, challenge, &message]);
            message[MIC_AT..MIC_AT + mic.len()].copy_from_slice(&mic);
        }
        Ok((Session::new(&key, flags, Side::Client), message))
    }
}
