//! The PDUs of SMPP 3.4 that an ESME needs, as octets: written straight into the buffer that is sent, read in place
//! from the buffer that was received. Knows nothing of sessions; total and bounded on whatever a peer sends.

pub(super) mod decode;
pub(super) mod encode;
pub(super) mod tlv;

/// Octets of a PDU's header: length, id, status, sequence number (SMPP 3.4 §3.2).
pub(super) const HEADER: usize = 16;

/// The longest PDU that is read. The longest that makes sense is a deliver_sm whose message_payload carries some
/// 39,000 septets; whoever announces more is not speaking SMPP.
pub(super) const MOST_PDU: usize = 64 * 1024;

/// interface_version of SMPP 3.4 (§5.2.4).
pub(super) const INTERFACE_VERSION: u8 = 0x34;

/// The greatest sequence number (§5.1.4); the least is 1.
pub(super) const MOST_SEQUENCE: u32 = 0x7FFF_FFFF;

/// command_id (§5.1.2.1).
pub(super) mod command {
    /// What turns a request's id into its response's.
    pub const RESPONSE: u32 = 0x8000_0000;
    pub const GENERIC_NACK: u32 = 0x8000_0000;
    pub const BIND_RECEIVER: u32 = 0x0000_0001;
    pub const BIND_TRANSMITTER: u32 = 0x0000_0002;
    pub const SUBMIT_SM: u32 = 0x0000_0004;
    pub const SUBMIT_SM_RESP: u32 = SUBMIT_SM | RESPONSE;
    pub const DELIVER_SM: u32 = 0x0000_0005;
    pub const UNBIND: u32 = 0x0000_0006;
    pub const UNBIND_RESP: u32 = UNBIND | RESPONSE;
    pub const BIND_TRANSCEIVER: u32 = 0x0000_0009;
    pub const OUTBIND: u32 = 0x0000_000B;
    pub const ENQUIRE_LINK: u32 = 0x0000_0015;
    pub const ENQUIRE_LINK_RESP: u32 = ENQUIRE_LINK | RESPONSE;
    pub const ALERT_NOTIFICATION: u32 = 0x0000_0102;
    pub const DATA_SM: u32 = 0x0000_0103;
}

/// Tags of optional parameters (§5.3.2).
pub(super) mod tag {
    /// §5.3.2.1: which part of the device the message is for.
    pub const DEST_ADDR_SUBUNIT: u16 = 0x0005;
    /// §5.3.2.11: a text about the status.
    pub const ADDITIONAL_STATUS_INFO_TEXT: u16 = 0x001D;
    /// §5.3.2.12: the id of the message that a receipt is about.
    pub const RECEIPTED_MESSAGE_ID: u16 = 0x001E;
    /// §5.3.2.22: which segments belong together.
    pub const SAR_MSG_REF_NUM: u16 = 0x020C;
    /// §5.3.2.23: how many segments there are.
    pub const SAR_TOTAL_SEGMENTS: u16 = 0x020E;
    /// §5.3.2.24: which segment it is, from 1.
    pub const SAR_SEGMENT_SEQNUM: u16 = 0x020F;
    /// §5.3.2.31: the network's error code.
    pub const NETWORK_ERROR_CODE: u16 = 0x0423;
    /// §5.3.2.32: a text of up to 64 KiB.
    pub const MESSAGE_PAYLOAD: u16 = 0x0424;
    /// §5.3.2.35: the state that a receipt tells.
    pub const MESSAGE_STATE: u16 = 0x0427;
}

/// esm_class (§5.2.12).
pub(super) mod esm_class {
    /// The message type's bits, in what an SMSC sends.
    pub const TYPE: u8 = 0b0011_1100;
    /// The short message is an SMSC delivery receipt.
    pub const RECEIPT: u8 = 0b0000_0100;
    /// It is an intermediate delivery notification.
    pub const INTERMEDIATE: u8 = 0b0010_0000;
    /// The short message begins with a user data header.
    pub const UDHI: u8 = 0b0100_0000;
}
