//! What an HTTP provider answers.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| textgate_gateway::fuzzing::http_answer(octets));
