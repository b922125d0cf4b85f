//! Answers to submits: at once, later, the last first, wrong, or not at all.

use std::time::Duration;

use tokio::time::Instant as Due;

use super::Session;
use crate::smsc::behaviour::{AnswerOrder, Fault, LastAnswer, Silence};
use crate::smsc::counters::add;
use crate::smsc::pdu::{PduWriter, command};
use crate::smsc::pending::{Answer, Pending};
use crate::smsc::status::Status;

impl Session {
    pub(super) fn answer(&mut self, answer: Answer, now: Due, delay: Duration) {
        let last = match self.behaviour.fault {
            Fault::Drop { after, last_answer } if self.submits == after => Some(last_answer),
            _ => None,
        };
        if matches!(self.behaviour.silence, Silence::Submits | Silence::Everything) && last.is_none() {
            self.unanswered += 1;
            return;
        }
        if let Some(last_answer) = last {
            // What was held back before is lost, as it is when a real one dies.
            let before = self.out.len();
            self.write_answer(answer);
            match last_answer {
                LastAnswer::Whole => {}
                LastAnswer::Half => self.out.truncate(before + (self.out.len() - before) / 2),
                LastAnswer::None => self.out.truncate(before),
            }
            self.ended = true;
            return;
        }
        let pending = Pending { due: now + delay, order: self.order, number: self.submits, answer };
        match self.behaviour.order {
            AnswerOrder::Reversed { hold, at_most } => {
                self.held.push(pending);
                let until = *self.held_until.get_or_insert(now + at_most);
                if self.held.len() >= hold.max(1) || until <= now {
                    self.release_held();
                }
            }
            AnswerOrder::AsTheyCame if delay.is_zero() && self.pending.is_empty() => {
                self.write_pending(pending)
            }
            AnswerOrder::AsTheyCame => self.pending.push(pending),
        }
    }

    pub(super) fn release_held(&mut self) {
        self.held_until = None;
        let mut held = std::mem::take(&mut self.held);
        while let Some(pending) = held.pop() {
            self.write_pending(pending);
        }
        self.held = held;
    }

    pub(super) fn write_pending(&mut self, pending: Pending) {
        self.unwritten += 1;
        let garbage = match &self.behaviour.fault {
            Fault::Garbage { after, octets } if *after == pending.number => Some(octets.clone()),
            _ => None,
        };
        match garbage {
            Some(octets) => self.out.extend(octets),
            None => self.write_answer(pending.answer),
        }
    }

    pub(super) fn write_answer(&mut self, answer: Answer) {
        let Answer { mut command, mut sequence, status, id } = answer;
        add(&self.shared.counters.answered);
        match self.behaviour.fault {
            Fault::UnknownPdus => {
                let unknown = self.next_sequence();
                PduWriter::begin(&mut self.out, 0x0000_0F0F, 0, unknown).finish();
            }
            Fault::GenericNack => command = command::GENERIC_NACK,
            Fault::WrongSequence => sequence = sequence.wrapping_add(0x4000_0000) & 0x7FFF_FFFF,
            _ => {}
        }
        let mut pdu = PduWriter::begin(&mut self.out, command, status.0, sequence);
        // §4.4.2: the body is not there where the status is not ESME_ROK.
        if status == Status::ROK && command != command::GENERIC_NACK {
            self.behaviour.ids.write(id, pdu.out);
            pdu.octet(0);
        }
        pdu.finish();
    }
}
