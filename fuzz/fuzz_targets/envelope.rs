//! What arrives at a server of WS-Management.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hyperv_replica_fuzz::envelope(bytes));
