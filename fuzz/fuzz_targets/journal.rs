//! Journals of labs: bytes, and the world that they tell.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hyperv_replica_fuzz::journal(bytes));
