//! Every other parser of the vocabulary and of the language.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hyperv_replica_fuzz::text(bytes));
