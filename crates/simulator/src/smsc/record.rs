//! What arrived, kept for who asks: raw submits, whole messages, and the answers to deliveries.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::status::Status;
use super::submit::{AddressField, Submit};
use crate::kept::Kept;
use crate::parts::{Parts, Whole};
use crate::sync::lock;
use crate::text::Alphabet;
use crate::wait::Changes;

/// An address as it was submitted.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Address {
    /// Type of number (SMPP 3.4 §5.2.5).
    pub ton: u8,
    /// Numbering plan indicator (SMPP 3.4 §5.2.6).
    pub npi: u8,
    /// The number or name.
    pub number: String,
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address").field("ton", &self.ton).field("npi", &self.npi).finish_non_exhaustive()
    }
}

impl From<AddressField<'_>> for Address {
    fn from(field: AddressField<'_>) -> Self {
        Self { ton: field.ton, npi: field.npi, number: String::from_utf8_lossy(field.octets).into_owned() }
    }
}

/// One submit as it arrived. `Debug` shows neither text nor addresses.
#[derive(Clone)]
pub struct SubmitRecord {
    /// Who was bound.
    pub system_id: String,
    /// Which connection, counted from 1.
    pub connection: u64,
    /// From where it was made; `None` where that could not be told any more.
    pub peer: Option<SocketAddr>,
    /// What it was answered.
    pub status: Status,
    /// Its message id as the answer wrote it; `None` where refused.
    pub message_id: Option<String>,
    /// service_type.
    pub service_type: String,
    /// source_addr.
    pub source: Address,
    /// destination_addr.
    pub destination: Address,
    /// esm_class.
    pub esm_class: u8,
    /// protocol_id.
    pub protocol_id: u8,
    /// priority_flag.
    pub priority_flag: u8,
    /// schedule_delivery_time.
    pub schedule_delivery_time: String,
    /// validity_period.
    pub validity_period: String,
    /// registered_delivery.
    pub registered_delivery: u8,
    /// replace_if_present_flag.
    pub replace_if_present: bool,
    /// data_coding.
    pub data_coding: u8,
    /// short_message or message_payload, its header in front.
    pub user_data: Vec<u8>,
    /// Whether it came in message_payload.
    pub is_payload: bool,
    /// The optional parameters' octets.
    pub optional: Vec<u8>,
    /// Which part it is, by user data header or else by SAR parameters; `None` where it is whole.
    pub part: Option<crate::text::Concatenation>,
    /// Whether the part is named by SAR parameters.
    pub by_sar: bool,
    /// Shown at once and not kept.
    pub flash: bool,
    /// This segment's own text.
    pub text: String,
    /// When it was read from the socket.
    pub at: Instant,
}

impl fmt::Debug for SubmitRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubmitRecord")
            .field("status", &self.status)
            .field("message_id", &self.message_id)
            .field("data_coding", &self.data_coding)
            .field("part", &self.part)
            .finish_non_exhaustive()
    }
}

/// A whole message as the phone would have it. `Debug` shows neither text nor addresses.
#[derive(Clone)]
pub struct Message {
    /// The text of all segments.
    pub text: String,
    /// source_addr.
    pub source: Address,
    /// destination_addr.
    pub destination: Address,
    /// Shown at once and not kept.
    pub flash: bool,
    /// Its segments in their order; at least one. Fields that a message has once are those of the first.
    pub segments: Vec<SubmitRecord>,
    /// The segments' message ids as the answers wrote them, in the segments' order.
    pub message_ids: Vec<String>,
    /// When its last segment arrived.
    pub at: Instant,
    /// Its first segment, which stands for the whole.
    pub first: SubmitRecord,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("segments", &self.segments.len())
            .field("message_ids", &self.message_ids)
            .finish_non_exhaustive()
    }
}

/// What a client answered to a deliver_sm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryAnswer {
    /// The message id that the receipt named; empty for an inbound text.
    pub message_id: String,
    /// Whether it was a receipt, not an inbound text.
    pub is_receipt: bool,
    /// The status of its deliver_sm_resp.
    pub status: Status,
    /// How often it had been sent, from 1.
    pub tries: u32,
}

#[derive(PartialEq, Eq, Hash)]
struct PartKey {
    system_id: String,
    source: Address,
    destination: Address,
    reference: u16,
    is_16_bit: bool,
    by_sar: bool,
    total: u8,
}

impl Whole for PartKey {
    fn total(&self) -> u8 {
        self.total
    }
}

#[derive(Default)]
pub(super) struct Records {
    pub(super) messages: Kept<Arc<Message>>,
    pub(super) submits: Kept<Arc<SubmitRecord>>,
    pub(super) deliveries: Kept<DeliveryAnswer>,
    parts: Parts<PartKey, SubmitRecord>,
}

/// Keeps up to `keep` of each kind, the newest.
pub(super) struct Recorder {
    pub(super) keep: usize,
    pub(super) default_alphabet: Alphabet,
    pub(super) records: Mutex<Records>,
    pub(super) changes: Changes,
}

impl Recorder {
    pub(super) fn new(keep: usize, default_alphabet: Alphabet) -> Self {
        Self { keep, default_alphabet, records: Mutex::default(), changes: Changes::new() }
    }

    /// Keeps a submit; gives back the message it completed.
    pub(super) fn submit(&self, record: SubmitRecord) -> Option<Arc<Message>> {
        let message = {
            let mut records = lock(&self.records);
            let message = if record.status == Status::ROK {
                records.assemble(record.clone()).map(Arc::new)
            } else {
                None
            };
            records.submits.put(Arc::new(record), self.keep);
            if let Some(message) = &message {
                records.messages.put(Arc::clone(message), self.keep);
            }
            message
        };
        self.changes.announce();
        message
    }

    pub(super) fn delivery(&self, answer: DeliveryAnswer) {
        if self.keep == 0 {
            return;
        }
        lock(&self.records).deliveries.put(answer, self.keep);
        self.changes.announce();
    }

    pub(super) fn forget(&self) {
        let mut records = lock(&self.records);
        *records = Records::default();
    }
}

impl Records {
    fn assemble(&mut self, record: SubmitRecord) -> Option<Message> {
        let Some(part) = record.part.filter(|part| part.total > 1) else {
            return Message::of(vec![record]);
        };
        let key = PartKey {
            system_id: record.system_id.clone(),
            source: record.source.clone(),
            destination: record.destination.clone(),
            reference: part.reference,
            is_16_bit: part.is_16_bit,
            by_sar: record.by_sar,
            total: part.total,
        };
        let octets = record.user_data.len();
        let parts = self.parts.add(key, part.number, octets, record)?;
        Message::of(parts)
    }
}

impl Message {
    fn of(segments: Vec<SubmitRecord>) -> Option<Self> {
        let first = segments.first()?.clone();
        let at = segments.iter().map(|segment| segment.at).max()?;
        Some(Self {
            text: segments.iter().map(|segment| segment.text.as_str()).collect(),
            source: first.source.clone(),
            destination: first.destination.clone(),
            flash: segments.iter().any(|segment| segment.flash),
            message_ids: segments.iter().filter_map(|segment| segment.message_id.clone()).collect(),
            at,
            segments,
            first,
        })
    }
}

impl SubmitRecord {
    /// A submit kept beyond its read buffer.
    pub(super) fn of(
        submit: &Submit<'_>,
        default_alphabet: Alphabet,
        outcome: (Status, Option<String>),
        session: (&str, u64, Option<SocketAddr>),
        at: Instant,
    ) -> Self {
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        let (header, _) = submit.split();
        Self {
            system_id: session.0.to_owned(),
            connection: session.1,
            peer: session.2,
            status: outcome.0,
            message_id: outcome.1,
            service_type: text(submit.service_type),
            source: submit.source.into(),
            destination: submit.destination.into(),
            esm_class: submit.esm_class,
            protocol_id: submit.protocol_id,
            priority_flag: submit.priority_flag,
            schedule_delivery_time: text(submit.schedule_delivery_time),
            validity_period: text(submit.validity_period),
            registered_delivery: submit.registered_delivery,
            replace_if_present: submit.replace_if_present_flag == 1,
            data_coding: submit.data_coding,
            user_data: submit.user_data.to_vec(),
            is_payload: submit.is_payload,
            optional: submit.optional.to_vec(),
            part: header.concatenation.or(submit.sar),
            by_sar: header.concatenation.is_none() && submit.sar.is_some(),
            flash: submit.is_flash(),
            text: submit.text(default_alphabet),
            at,
        }
    }
}
