//! deliver_sm: receipts and inbound texts on their way, and what is answered to them (SMPP 3.4 §4.6).

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime};

use tokio::time::Instant as Due;

use super::{MOST_PENDING, Session};
use crate::smsc::BindMode;
use crate::smsc::counters::add;
use crate::smsc::outbox::Delivery;
use crate::smsc::pdu::{Header, renumber};
use crate::smsc::receipts::{FinalState, Receipt};
use crate::smsc::record::DeliveryAnswer;
use crate::smsc::status::Status;
use crate::smsc::submit::Submit;

/// How much longer an answer waits for its receipt, where that goes by another connection.
const RECEIPT_AHEAD: Duration = Duration::from_millis(100);

impl Session {
    pub(super) fn receives(&self) -> bool {
        self.bound.as_ref().is_some_and(|bound| bound.mode != BindMode::Transmitter)
    }

    pub(super) fn report(&mut self, submit: &Submit<'_>, id: u64, state: FinalState, now: Due) -> Duration {
        let receipts = &self.behaviour.receipts;
        let message_id = receipts.ids.unwrap_or(self.behaviour.ids).render(id);
        let submitted = SystemTime::now();
        let (_, content) = submit.split();
        let receipt = |state| {
            Receipt {
                service_type: submit.service_type,
                source: submit.source,
                destination: submit.destination,
                message_id: &message_id,
                state,
                error: receipts.error,
                submitted,
                done: submitted + receipts.delay,
                text: content,
            }
            .pdu(receipts.format, receipts.wording)
        };
        let finals = std::iter::repeat_n(state, receipts.duplicates.min(1_000) as usize + 1);
        let due = if receipts.before_answer { now } else { now + receipts.delay };
        let mut deliveries = Vec::with_capacity(1);
        for state in receipts.intermediate.into_iter().chain(finals) {
            deliveries.push(Delivery {
                due,
                order: self.shared.next_order(),
                pdu: receipt(state),
                message_id: message_id.clone(),
                is_receipt: true,
                tries: 0,
            });
        }
        let (before_answer, receives) = (receipts.before_answer, self.receives());
        if before_answer && receives {
            for delivery in deliveries {
                self.deliver(delivery);
            }
        } else if let Some(bound) = &self.bound {
            let dropped = bound.outbox.put(deliveries);
            self.shared.counters.deliveries_dropped.fetch_add(dropped, Relaxed);
        }
        if before_answer && !receives { RECEIPT_AHEAD } else { Duration::ZERO }
    }

    pub(super) fn next_sequence(&mut self) -> u32 {
        // §3.2: 1 to 0x7FFFFFFF.
        self.sequence = self.sequence % 0x7FFF_FFFF + 1;
        self.sequence
    }

    pub(super) fn deliver(&mut self, mut delivery: Delivery) {
        if self.deliveries.len() >= MOST_PENDING {
            // A client that answers none of them must not make this grow without end.
            add(&self.shared.counters.deliveries_dropped);
            return;
        }
        let sequence = self.next_sequence();
        renumber(&mut delivery.pdu, sequence);
        delivery.tries += 1;
        self.out.extend_from_slice(&delivery.pdu);
        add(&self.shared.counters.deliveries);
        self.deliveries.insert(sequence, delivery);
    }

    /// A deliver_sm_resp (§4.6.2).
    pub(super) fn delivered(&mut self, header: Header, now: Due) {
        let status = Status(header.status);
        let counters = &self.shared.counters;
        let Some(delivery) = self.deliveries.remove(&header.sequence) else { return };
        add(if status == Status::ROK {
            &counters.deliveries_acknowledged
        } else {
            &counters.deliveries_refused
        });
        self.shared.recorder.delivery(DeliveryAnswer {
            message_id: delivery.message_id.clone(),
            is_receipt: delivery.is_receipt,
            status,
            tries: delivery.tries,
        });
        if status != Status::ROK {
            self.redeliver(delivery, now);
        }
    }

    pub(super) fn redeliver(&self, delivery: Delivery, now: Due) {
        if let (Some(after), Some(bound)) = (self.behaviour.redeliver_after, &self.bound) {
            bound.outbox.put([Delivery { due: now + after, ..delivery }]);
        }
    }
}
