//! The other end of COM: any [`CimClient`] as WMI's own interfaces, in this process.
//!
//! A client of WMI that is handed the locator of a [`Host`] talks to it as it talks to Windows:
//! through vtables, `VARIANT`s, `SAFEARRAY`s, `HRESULT`s and `IErrorInfo`. What Windows is strict
//! about this is strict about, too; what it says of a type comes from a [`Schema`].
//!
//! It shares no conversion with the backend: what goes which way is written twice, from Microsoft's
//! pages, so that a slip in one of them does not cancel itself out.
#![allow(unsafe_code, reason = "COM's interfaces are raw")]
#![allow(clippy::inline_always, clippy::ref_as_ptr, reason = "`implement` writes it so")]

mod object;
mod services;
mod variant;

use hyperv_replica::cim::{CimClient, Error, Schema, WbemStatus};
use object::Object;
use services::Locator;
use std::sync::{Arc, Mutex, OnceLock};
use windows::Win32::System::Com::{IErrorInfo, SetErrorInfo};
use windows::Win32::System::Wmi::IWbemLocator;
use windows::core::{HRESULT, Interface};

/// A host that answers over COM.
#[derive(Clone)]
pub(crate) struct Host {
    /// What answers.
    pub(crate) client: Arc<dyn CimClient + Send + Sync>,
    /// The classes that it has.
    pub(crate) schema: &'static Schema,
    /// Whether a query that is refused is refused when its results are read, not at once.
    pub(crate) late: bool,
    /// What was asked of it, apart from data.
    pub(crate) heard: Arc<Mutex<Vec<Heard>>>,
}

/// How a client went about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Connect {
        resource: String,
        user: String,
        password: String,
    },
    /// The authentication level and the account that a proxy was given, and whether it was the
    /// proxy of the interface that is used.
    Blanket {
        of: &'static str,
        level: u32,
        account: Option<[String; 3]>,
        itself: bool,
    },
    /// A class or an instance was asked for.
    Object(String),
}

impl Host {
    pub(crate) fn new(
        client: impl CimClient + Send + Sync + 'static,
        schema: &'static Schema,
    ) -> Self {
        Self { client: Arc::new(client), schema, late: false, heard: Arc::default() }
    }

    pub(crate) fn locator(&self) -> IWbemLocator {
        Locator { host: self.clone() }.into()
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        std::mem::take(&mut *self.heard.lock().unwrap())
    }

    fn hears(&self, it: Heard) {
        self.heard.lock().unwrap().push(it);
    }
}

/// A failure as WMI raises it: the number, and as the thread's error object an
/// [`__ExtendedStatus`](https://learn.microsoft.com/windows/win32/wmisdk/--extendedstatus).
fn raise(error: &Error, operation: &str) -> windows::core::Error {
    const RPC_S_CALL_FAILED: u32 = 0x8007_06BE;
    let number = match error {
        Error::Status { status, why } => {
            let info = Object::extended_status(*status, operation, why);
            if let Ok(info) = info.cast::<IErrorInfo>() {
                // SAFETY: The object is one of this process and is counted.
                let _ = unsafe { SetErrorInfo(0, &info) };
            }
            status.0
        }
        _ => RPC_S_CALL_FAILED,
    };
    windows::core::Error::from_hresult(HRESULT(number.cast_signed()))
}

/// A refusal with nothing but a number, as most of WMI's are.
fn bare<T>(status: WbemStatus) -> windows::core::Result<T> {
    Err(windows::core::Error::from_hresult(HRESULT(status.0.cast_signed())))
}

/// A schema without classes, for what needs none.
fn no_classes() -> &'static Schema {
    static NONE: OnceLock<Schema> = OnceLock::new();
    NONE.get_or_init(|| Schema::parse(&[]).expect("it is MOF"))
}
