//! `wmi::Client` on Windows, or on Wine, which is what a Linux machine has of it.
//!
//! `native` asks the WMI of the machine itself, which nobody here wrote. `echo` and `conduct` put a
//! table behind COM's interfaces, to see that every value arrives as what it was and how the client
//! goes about it; `conformance` puts the simulator there.
#![cfg(windows)]

mod bridge;
mod conduct;
mod conformance;
mod echo;
mod native;
mod table;
