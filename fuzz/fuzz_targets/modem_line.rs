//! What a modem may say: lines, errors, what it tells by itself, messages and reports in them, Telnet around them.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| textgate_gateway::fuzzing::modem_octets(octets));
