//! Kits for those who test: a tool, a decorator, a backend, or this crate.

#[cfg(feature = "conformance")]
pub mod conformance;

#[cfg(feature = "conformance")]
mod lab_fixture;
#[cfg(feature = "conformance")]
pub use lab_fixture::LabFixture;
