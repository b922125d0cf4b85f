//! The text of a receipt.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| textgate_gateway::fuzzing::receipt_text(text));
