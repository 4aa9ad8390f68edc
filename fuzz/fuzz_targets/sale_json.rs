#![no_main]

#[path = "../src/sale.rs"]
mod sale;

libfuzzer_sys::fuzz_target!(|data: &[u8]| sale::sale_json(data));
