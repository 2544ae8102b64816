//! Authentication: tokens of NTLM and SPNEGO, headers, sealed bodies.
#![no_main]

#[allow(dead_code)] // Its first inputs.
#[path = "../src/tokens.rs"]
mod tokens;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tokens::tokens(bytes));
