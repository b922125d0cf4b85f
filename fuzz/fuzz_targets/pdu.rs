//! What an SMSC sends: PDUs, receipts in them, messages from phones.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| textgate_gateway::fuzzing::smpp_octets(octets));
