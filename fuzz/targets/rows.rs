//! Fuzz target `rows`; what it does stands in the library.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| ferraris_fuzz::rows(octets));
