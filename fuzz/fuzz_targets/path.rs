//! Object paths: bytes, a path, its text, the same path.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hyperv_replica_fuzz::cim::path(bytes));
