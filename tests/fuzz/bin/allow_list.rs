#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::allow_list::check(data));
