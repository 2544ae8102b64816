//! The parser of scripts: bytes, a script, its text, the same script.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hyperv_replica_fuzz::script(bytes));
