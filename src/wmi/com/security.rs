//! With whose rights calls are made, and how they are protected on the way.

use super::super::options::{Credentials, Options};
use std::ffi::c_void;
use std::ptr;
use windows::Win32::Foundation::E_NOINTERFACE;
use windows::Win32::System::Com::{
    COAUTHIDENTITY, COLE_DEFAULT_PRINCIPAL, CoSetProxyBlanket, EOAC_NONE, RPC_C_AUTHN_LEVEL_CALL,
    RPC_C_AUTHN_LEVEL_PKT_PRIVACY, RPC_C_IMP_LEVEL_IMPERSONATE,
};
use windows::Win32::System::Rpc::{
    RPC_C_AUTHN_DEFAULT, RPC_C_AUTHZ_DEFAULT, SEC_WINNT_AUTH_IDENTITY_UNICODE,
};
use windows::core::{IUnknown, Param};

/// With whose rights, and how well protected, calls are made.
pub(super) struct Security {
    is_remote: bool,
    identity: Option<Identity>,
}

impl Security {
    pub(super) fn of(options: &Options) -> Self {
        let identity = options.credentials.as_ref().map(Identity::of);
        Self { is_remote: options.host.is_some(), identity }
    }

    /// Secures the calls through a proxy, as [Microsoft's page] has it for clients that do not own
    /// the process. Each proxy has settings of its own.
    ///
    /// [Microsoft's page]: https://learn.microsoft.com/windows/win32/wmisdk/setting-the-security-on-iwbemservices-and-other-proxies
    pub(super) fn apply(&self, proxy: impl Param<IUnknown>) -> windows::core::Result<()> {
        let level =
            if self.is_remote { RPC_C_AUTHN_LEVEL_PKT_PRIVACY } else { RPC_C_AUTHN_LEVEL_CALL };
        let identity = self.identity.as_ref().map(|it| ptr::from_ref(&*it.raw).cast::<c_void>());
        // The very interface is meant: its `IUnknown` would be another proxy.
        // SAFETY: The identity outlives the proxy, which is dropped before it.
        let done = unsafe {
            CoSetProxyBlanket(
                proxy,
                RPC_C_AUTHN_DEFAULT.cast_unsigned(),
                RPC_C_AUTHZ_DEFAULT,
                COLE_DEFAULT_PRINCIPAL,
                level,
                RPC_C_IMP_LEVEL_IMPERSONATE,
                identity,
                EOAC_NONE,
            )
        };
        match done {
            // An object in this very process has no proxy, and nobody is between.
            Err(error) if error.code() == E_NOINTERFACE => Ok(()),
            done => done,
        }
    }
}

/// An account as COM takes it, with the texts that it points to.
struct Identity {
    raw: Box<COAUTHIDENTITY>,
    _texts: [Vec<u16>; 3],
}

impl Identity {
    fn of(credentials: &Credentials) -> Self {
        let (domain, user) = credentials.account();
        let mut texts = [user, domain.unwrap_or_default(), &credentials.password]
            .map(|it| it.encode_utf16().chain([0]).collect::<Vec<_>>());
        let [user, domain, password] = &mut texts;
        // A text of more than four thousand million characters was refused by memory before.
        let len = |it: &Vec<u16>| u32::try_from(it.len() - 1).unwrap_or(u32::MAX);
        let raw = Box::new(COAUTHIDENTITY {
            UserLength: len(user),
            DomainLength: len(domain),
            PasswordLength: len(password),
            User: user.as_mut_ptr(),
            Domain: domain.as_mut_ptr(),
            Password: password.as_mut_ptr(),
            Flags: SEC_WINNT_AUTH_IDENTITY_UNICODE.0,
        });
        Self { raw, _texts: texts }
    }
}
