//! TPDUs as they come, with and without the service centre's address; and what is read is written again as it was read.
#![no_main]

use textgate_sms::tpdu::{Deliver, StatusReport, Submit, Tpdu};

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    textgate_gateway::fuzzing::modem_pdu(octets);
    let _ = (Tpdu::read(octets), StatusReport::read(octets));
    // Only what was written whole is the same again: a service centre may cut, and write more than the standard has.
    if let Some(submit) = Submit::read(octets)
        && let Ok(written) = submit.to_octets()
    {
        let again = Submit::read(&written).expect("what was written is read");
        assert_eq!((again.reference, again.protocol_id, again.data_coding), (submit.reference, submit.protocol_id, submit.data_coding));
    }
    if let Some(deliver) = Deliver::read(octets)
        && let Ok(written) = deliver.to_octets()
    {
        let again = Deliver::read(&written).expect("what was written is read");
        assert_eq!((again.protocol_id, again.data_coding, again.has_more), (deliver.protocol_id, deliver.data_coding, deliver.has_more));
    }
});
