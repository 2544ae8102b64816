//! COM itself: the only place in this crate where memory is Rust's word against somebody else's.
#![allow(unsafe_code, reason = "COM's interfaces are raw; each block says why it may be called")]

mod namespace;
mod object;
mod security;
mod session;
mod variant;

pub(super) use session::{Locate, Session, Subscribed, own};

use super::hresult;
use crate::cim::{Error, Result};
use windows::Win32::System::Wmi::IWbemClassObject;
use windows::core::{IUnknown, Interface};

/// Says what was tried when COM says no.
trait Doing<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T> Doing<T> for windows::core::Result<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| failure(&error, what()))
    }
}

/// The error, with whatever Windows, WMI and the provider say of it.
fn failure(error: &windows::core::Error, doing: String) -> Error {
    let info = error.as_ptr();
    // SAFETY: The pointer is null or that of an interface that `error` keeps alive meanwhile.
    let info = unsafe { IUnknown::from_raw_borrowed(&info) };
    let status = info.and_then(|it| it.cast::<IWbemClassObject>().ok());
    let extended = status.map(|it| object::extended_status(&it)).unwrap_or_default();
    let said = [doing, error.message().trim().to_owned(), extended.to_string()];
    let said: Vec<_> = said.into_iter().filter(|it| !it.is_empty()).collect();
    hresult::error(error.code().0.cast_unsigned(), said.join(": "))
}

/// What a service answered with and what nobody can read.
fn senseless(what: impl std::fmt::Display, why: impl std::fmt::Display) -> Error {
    Error::malformed(format!("{what}: {why}"))
}
