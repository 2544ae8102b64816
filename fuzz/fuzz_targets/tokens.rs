//! Authentication: tokens of NTLM and SPNEGO, headers, sealed bodies.
#![no_main]

#[path = "../src/tokens.rs"]
mod tokens;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tokens::tokens(bytes));
