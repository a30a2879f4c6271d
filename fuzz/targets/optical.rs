//! Fuzz target `optical`; what it does stands in the library.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| ferraris_fuzz::optical(octets));
