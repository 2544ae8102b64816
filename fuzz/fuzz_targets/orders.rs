//! Requests to whoever has control of a lab.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hyperv_replica_fuzz::orders(bytes));
