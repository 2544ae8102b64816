//! MOF: bytes, a schema that is whole.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hyperv_replica_fuzz::cim::mof(bytes));
