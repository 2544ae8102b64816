//! WQL: bytes, a query, its text, the same query.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hyperv_replica_fuzz::cim::wql(bytes));
