//! submit_sm and data_sm: judged, counted, recorded, and answered (SMPP 3.4 §4.4, §4.7).

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use tokio::time::Instant as Due;

use super::Session;
use crate::handset::{HandsetEvent, Via, replace_type};
use crate::smsc::behaviour::Fault;
use crate::smsc::counters::add;
use crate::smsc::pdu::{Header, command};
use crate::smsc::pending::Answer;
use crate::smsc::receipts::FinalState;
use crate::smsc::record::SubmitRecord;
use crate::smsc::{Arrival, BindMode, Status, Submit};
use crate::text::Alphabet;

impl Session {
    pub(super) fn submit(&mut self, header: Header, body: &[u8], now: Due, at: Instant) {
        add(&self.shared.counters.submits);
        self.submits += 1;
        let submit = match &self.bound {
            Some(bound) if bound.mode != BindMode::Receiver => {
                if header.id == command::SUBMIT_SM {
                    Submit::parse(body)
                } else {
                    Submit::parse_data(body)
                }
            }
            _ => Err(Status::RINVBNDSTS),
        };
        let (status, id, delay) = match &submit {
            Ok(submit) => self.take(submit, now, at),
            Err(status) => (*status, 0, Duration::ZERO),
        };
        add(if status == Status::ROK {
            &self.shared.counters.accepted
        } else {
            &self.shared.counters.refused
        });
        self.order += 1;
        let answer = Answer { command: header.id | command::RESPONSE, sequence: header.sequence, status, id };
        self.answer(answer, now, self.behaviour.answer_delay + delay);
        let in_flight = self.in_flight();
        self.shared.counters.max_in_flight.fetch_max(in_flight as u64, Relaxed);
        if let Fault::StopReading { after } = self.behaviour.fault {
            self.stopped_reading = self.submits >= after;
        }
    }

    pub(super) fn in_flight(&self) -> usize {
        self.pending.len() + self.held.len() + self.unwritten + self.unanswered
    }

    /// Judges a submit, records it, and puts its receipt on its way; gives its status, id, and how much longer its answer waits.
    pub(super) fn take(&mut self, submit: &Submit<'_>, now: Due, at: Instant) -> (Status, u64, Duration) {
        let shared = Arc::clone(&self.shared);
        let mut status = self.behaviour.judge(submit);
        if status == Status::ROK && self.behaviour.queue.is_some_and(|queue| self.in_flight() >= queue) {
            status = Status::RMSGQFUL;
        }
        if status == Status::ROK
            && self.behaviour.throttle_per_second.is_some_and(|rate| !shared.throttle.admits(rate, now))
        {
            add(&shared.counters.throttled);
            status = Status::RTHROTTLED;
        }
        let accepted = status == Status::ROK;
        let id = if accepted { shared.next_id.fetch_add(1, Relaxed) } else { 0 };
        if let Some(arrivals) = &shared.options.arrivals {
            arrivals(&Arrival { submit, status, at });
        }
        let state = self.behaviour.final_state(submit.destination.octets);
        let watched = shared.options.handset.is_watched();
        if shared.recorder.keep > 0 || watched {
            self.record(submit, (status, id), state, at);
        }
        let mut delay = Duration::ZERO;
        if accepted && self.behaviour.receipts.wanted(submit.registered_delivery, state) {
            delay = self.report(submit, id, state, now);
        }
        (status, id, delay)
    }

    pub(super) fn record(
        &self,
        submit: &Submit<'_>,
        (status, id): (Status, u64),
        state: FinalState,
        at: Instant,
    ) {
        let system_id = self.bound.as_ref().map_or("", |bound| bound.system_id.as_str());
        let message_id = (status == Status::ROK).then(|| self.behaviour.ids.render(id));
        let recorder = &self.shared.recorder;
        let record = SubmitRecord::of(
            submit,
            recorder.default_alphabet,
            (status, message_id),
            (system_id, self.number, self.peer),
            at,
        );
        let Some(message) = recorder.submit(record) else { return };
        if state.reaches_phone() && self.shared.options.handset.is_watched() {
            self.shared.options.handset.show(HandsetEvent {
                number: message.destination.number.clone(),
                sender: message.source.number.clone(),
                text: message.text.clone(),
                via: Via::Smsc,
                flash: message.flash,
                replaces: replace_type(message.first.protocol_id),
                alphabet: Alphabet::of(message.first.data_coding, recorder.default_alphabet),
                segments: message.segments.len(),
                at: message.at,
            });
        }
    }
}
