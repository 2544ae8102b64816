//! The real backend: a [`CimClient`](crate::cim::CimClient) over COM, on Windows.
//!
//! The module is there on Windows with the feature `wmi`; elsewhere the feature adds nothing, so
//! that a tool for both turns it on once and says `#[cfg(windows)]` where it connects.
//!
//! ```no_run
//! use hyperv_replica::cim::CimService;
//! use hyperv_replica::prelude::*;
//! use hyperv_replica::wmi::{Client, Options};
//!
//! let here = Client::connect(Options::local())?;
//! let there = Client::connect(Options::remote("osaka.contoso.com"))?;
//! for client in [here, there] {
//!     // From here on it is like any other host, and like the simulator.
//!     let host = CimService::new(client);
//!     println!("{}: {} virtual machines", host.host()?.name, host.vms()?.len());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it does, and what it leaves to others
//!
//! It is a transport. It knows the types of COM and how WMI carries [`Value`](crate::cim::Value)s in
//! them, and no class of Hyper-V: that is above it. An instance embedded as text is a string here;
//! [`cim::text`](crate::cim::text) reads and writes it, so that `IWbemObjectTextSrc` is not needed.
//!
//! A method's arguments are given the types that *the host's own class* declares for them, which is
//! what that Windows understands, be it older or newer than the schema of this crate.
//!
//! # Threads and time
//!
//! A [`Client`] is `Send + Sync`. A thread of its own has the COM apartment and everything in it; a
//! call goes there and waits, one at a time. A subscription has a connection and a thread of its
//! own, so that waiting for an event keeps no call waiting.
//!
//! A call that is not answered within [`Options::timeout`] fails with
//! [`Error::Transport`](crate::cim::Error::Transport). Its thread is left to end when COM lets go of
//! it, and the next call connects anew, as it does whenever the transport failed: a host that was
//! restarted is found again. Nothing is ever sent twice. When several calls hang at once, further
//! ones are refused until one of those has ended.
//!
//! # Security
//!
//! On the machine itself calls are authenticated once each, to another host packets are encrypted;
//! Hyper-V acts in the name of the caller, so that impersonation is allowed. This is set on each
//! proxy: how the process as a whole initialises COM security is the program's to say.

#[cfg(windows)]
mod client;
#[cfg(windows)]
pub use client::Client;
#[cfg(windows)]
mod com;

mod options;
pub use options::{Credentials, Options};

mod hresult;
pub use hresult::ComError;

mod automation;

mod connection;
