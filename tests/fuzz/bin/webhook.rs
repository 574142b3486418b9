#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::webhook::check(data));
