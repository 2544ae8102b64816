//! The `datetime` of WMI: bytes, a time or an interval, its text, the same again.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hyperv_replica_fuzz::cim::datetime(bytes));
