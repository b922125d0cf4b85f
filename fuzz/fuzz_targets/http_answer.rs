//! What an HTTP provider answers: to the generic plugin, and to one of the catalogue.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    textgate_gateway::fuzzing::http_answer(octets);
    textgate_gateway::fuzzing::provider_answer(octets);
});
