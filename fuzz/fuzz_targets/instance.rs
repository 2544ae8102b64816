//! Embedded instances: bytes, an instance, its text in either form, the same instance.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hyperv_replica_fuzz::cim::instance(bytes));
