//! What a provider of the catalogue calls the receipt address with: receipts, and messages of phones.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| textgate_gateway::fuzzing::provider_call(octets));
