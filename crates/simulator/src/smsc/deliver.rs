//! deliver_sm PDUs (SMPP 3.4 §4.6.1).

use super::pdu::{PduWriter, command};
use super::submit::AddressField;

/// A deliver_sm before it is octets.
pub(super) struct DeliverSm<'a> {
    pub(super) service_type: &'a [u8],
    pub(super) source: AddressField<'a>,
    pub(super) destination: AddressField<'a>,
    pub(super) esm_class: u8,
    pub(super) data_coding: u8,
    pub(super) short_message: &'a [u8],
    pub(super) parameters: &'a [(u16, &'a [u8])],
}

impl DeliverSm<'_> {
    /// The PDU with sequence number 0, to be filled in when it is sent.
    pub(super) fn pdu(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(96 + self.short_message.len());
        let mut pdu = PduWriter::begin(&mut out, command::DELIVER_SM, 0, 0);
        pdu.c_string(self.service_type);
        for address in [self.source, self.destination] {
            pdu.octet(address.ton).octet(address.npi).c_string(address.octets);
        }
        let short_message = self.short_message.get(..254).unwrap_or(self.short_message);
        // protocol_id, priority_flag, schedule_delivery_time, validity_period, registered_delivery, replace flag
        pdu.octet(self.esm_class).octets(&[0; 6]).octet(self.data_coding).octet(0);
        pdu.octet(u8::try_from(short_message.len()).unwrap_or(254)).octets(short_message);
        for (tag, value) in self.parameters {
            pdu.tlv(*tag, value);
        }
        pdu.finish();
        out
    }
}
