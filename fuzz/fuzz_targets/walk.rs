//! Walks through worlds under every invariant.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hyperv_replica_fuzz::walk(bytes));
