//! One connection's side of SMPP: what each PDU means here and now. Knows no socket; it reads octets and leaves octets to write.

use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Instant, SystemTime};

use tokio::time::Instant as Due;

use super::behaviour::{AnswerOrder, Behaviour, Fault, LastAnswer, Silence};
use super::counters::{add, subtract};
use super::outbox::{Delivery, Outbox};
use super::pdu::{Cursor, Frame, Header, PduWriter, command, frame, renumber, tag};
use super::pending::{Answer, Pending};
use super::receipts::{FinalState, Receipt};
use super::record::{DeliveryAnswer, SubmitRecord};
use super::status::Status;
use super::submit::Submit;
use super::{Arrival, BindMode, Command, Shared};
use crate::handset::{HandsetEvent, Via};

/// How many answers may wait before nothing more is read.
const MOST_PENDING: usize = 200_000;

/// How much longer an answer waits for its receipt, where that goes by another connection.
const RECEIPT_AHEAD: std::time::Duration = std::time::Duration::from_millis(100);

/// Who is bound.
pub(super) struct Bound {
    pub(super) system_id: String,
    pub(super) mode: BindMode,
    pub(super) outbox: Arc<Outbox>,
}

/// The state of one connection.
pub(super) struct Session {
    shared: Arc<Shared>,
    number: u64,
    behaviour: Arc<Behaviour>,
    pub(super) bound: Option<Bound>,
    /// What is to be written.
    pub(super) out: Vec<u8>,
    /// The connection ends when `out` is written.
    pub(super) ended: bool,
    stopped_reading: bool,
    pending: BinaryHeap<Pending>,
    held: Vec<Pending>,
    held_until: Option<Due>,
    /// Answers to submits that are in `out`.
    unwritten: usize,
    /// Submits that are never answered.
    unanswered: usize,
    /// Submits since the behaviour was set.
    submits: u64,
    order: u64,
    sequence: u32,
    deliveries: HashMap<u32, Delivery>,
    taken: Vec<Delivery>,
}

impl Session {
    pub(super) fn new(shared: Arc<Shared>, number: u64, behaviour: Arc<Behaviour>) -> Self {
        let stopped_reading = behaviour.fault == Fault::StopReading { after: 0 };
        Self {
            shared,
            number,
            behaviour,
            bound: None,
            out: Vec::with_capacity(64 * 1024),
            ended: false,
            stopped_reading,
            pending: BinaryHeap::new(),
            held: Vec::new(),
            held_until: None,
            unwritten: 0,
            unanswered: 0,
            submits: 0,
            order: 0,
            sequence: 0,
            deliveries: HashMap::new(),
            taken: Vec::new(),
        }
    }

    /// Takes over a new behaviour; its faults count from here.
    pub(super) fn adopt(&mut self, behaviour: Arc<Behaviour>) {
        self.stopped_reading = behaviour.fault == Fault::StopReading { after: 0 };
        self.behaviour = behaviour;
        self.submits = 0;
    }

    /// Whether more may be read now.
    pub(super) fn reads(&self) -> bool {
        !self.stopped_reading && !self.ended && self.pending.len() + self.held.len() < MOST_PENDING
    }

    /// Everything in `out` is written.
    pub(super) fn written(&mut self) {
        self.out.clear();
        self.unwritten = 0;
    }

    /// Reads all whole PDUs; gives back how many octets they were.
    pub(super) fn read(&mut self, octets: &[u8]) -> usize {
        let (now, at) = (Due::now(), Instant::now());
        let mut done = 0;
        while self.reads() {
            match frame(octets.get(done..).unwrap_or_default()) {
                Frame::Partial => break,
                Frame::Lost(header) => {
                    add(&self.shared.counters.lost_framings);
                    self.respond(command::GENERIC_NACK, Status::RINVCMDLEN, header.sequence);
                    self.ended = true;
                }
                Frame::Whole(header, body) => {
                    done += header.length as usize;
                    add(&self.shared.counters.pdus);
                    self.pdu(header, body, now, at);
                }
            }
        }
        done
    }

    fn pdu(&mut self, header: Header, body: &[u8], now: Due, at: Instant) {
        let counters = Arc::clone(&self.shared);
        let counters = &counters.counters;
        match header.id {
            command::SUBMIT_SM | command::DATA_SM => self.submit(header, body, now, at),
            command::BIND_TRANSMITTER => self.bind(header, body, BindMode::Transmitter),
            command::BIND_RECEIVER => self.bind(header, body, BindMode::Receiver),
            command::BIND_TRANSCEIVER => self.bind(header, body, BindMode::Transceiver),
            command::ENQUIRE_LINK => {
                add(&counters.enquire_links);
                if self.behaviour.silence != Silence::EnquireLink {
                    self.respond(header.id | command::RESPONSE, Status::ROK, header.sequence);
                }
                self.shared.changes.announce();
            }
            command::UNBIND => {
                add(&counters.unbinds);
                self.respond(header.id | command::RESPONSE, Status::ROK, header.sequence);
                self.ended = self.behaviour.silence != Silence::Everything;
            }
            id if id == command::DELIVER_SM | command::RESPONSE => self.delivered(header, now),
            id if id == command::ENQUIRE_LINK | command::RESPONSE => {
                add(&counters.enquire_link_answers);
                self.shared.changes.announce();
            }
            id if id == command::UNBIND | command::RESPONSE => {
                add(&counters.unbind_answers);
                self.ended = true;
            }
            command::GENERIC_NACK => {
                add(&counters.generic_nacks);
                self.shared.changes.announce();
            }
            _ => {
                add(&counters.unknown_pdus);
                // §3.3: an unknown request is answered so; an unknown response is not answered.
                if header.id & command::RESPONSE == 0 {
                    self.respond(command::GENERIC_NACK, Status::RINVCMDID, header.sequence);
                }
            }
        }
    }

    /// A response without a body.
    fn respond(&mut self, id: u32, status: Status, sequence: u32) {
        if self.behaviour.silence != Silence::Everything {
            PduWriter::begin(&mut self.out, id, status.0, sequence).finish();
        }
    }

    // === bind (§4.1) ===

    fn bind(&mut self, header: Header, body: &[u8], mode: BindMode) {
        let mut body = Cursor(body);
        let credentials = (body.c_string(16), body.c_string(9));
        let status = match credentials {
            (Some(system_id), Some(password)) => self.admits(system_id, password),
            (None, _) => Status::RINVSYSID,
            (_, None) => Status::RINVPASWD,
        };
        if status != Status::ROK || self.behaviour.silence == Silence::Everything {
            add(&self.shared.counters.refused_binds);
            self.respond(header.id | command::RESPONSE, status, header.sequence);
            self.shared.changes.announce();
            return;
        }
        let system_id = String::from_utf8_lossy(credentials.0.unwrap_or_default()).into_owned();
        let outbox = self.shared.outbox(&system_id);
        self.shared.bound(self.number, &system_id, mode);
        self.bound = Some(Bound { system_id, mode, outbox });
        let mut pdu =
            PduWriter::begin(&mut self.out, header.id | command::RESPONSE, Status::ROK.0, header.sequence);
        pdu.c_string(self.shared.options.smsc_id.as_bytes());
        pdu.tlv(tag::SC_INTERFACE_VERSION, &[0x34]);
        pdu.finish();
        add(&self.shared.counters.binds);
        add(&self.shared.counters.bound);
        self.shared.changes.announce();
    }

    fn admits(&self, system_id: &[u8], password: &[u8]) -> Status {
        let options = &self.shared.options;
        if self.bound.is_some() {
            return Status::RALYBND;
        }
        if self.behaviour.bind_status != Status::ROK {
            return self.behaviour.bind_status;
        }
        if options.system_id.as_ref().is_some_and(|wanted| wanted.as_bytes() != system_id) {
            return Status::RINVSYSID;
        }
        if options.password.as_ref().is_some_and(|wanted| wanted.as_bytes() != password) {
            return Status::RINVPASWD;
        }
        Status::ROK
    }

    // === submit_sm (§4.4), data_sm (§4.7) ===

    fn submit(&mut self, header: Header, body: &[u8], now: Due, at: Instant) {
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
            Err(status) => (*status, 0, std::time::Duration::ZERO),
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

    fn in_flight(&self) -> usize {
        self.pending.len() + self.held.len() + self.unwritten + self.unanswered
    }

    /// Judges a submit, records it, and puts its receipt on its way; gives its status, id, and how much longer its answer waits.
    fn take(&mut self, submit: &Submit<'_>, now: Due, at: Instant) -> (Status, u64, std::time::Duration) {
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
        let mut delay = std::time::Duration::ZERO;
        if accepted && self.behaviour.receipts.wanted(submit.registered_delivery, state) {
            delay = self.report(submit, id, state, now);
        }
        (status, id, delay)
    }

    fn record(&self, submit: &Submit<'_>, (status, id): (Status, u64), state: FinalState, at: Instant) {
        let system_id = self.bound.as_ref().map_or("", |bound| bound.system_id.as_str());
        let message_id = (status == Status::ROK).then(|| self.behaviour.ids.render(id));
        let recorder = &self.shared.recorder;
        let record = SubmitRecord::of(
            submit,
            recorder.default_alphabet,
            (status, message_id),
            (system_id, self.number),
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
                segments: message.segments.len(),
                at: message.at,
            });
        }
    }

    // === answers ===

    fn answer(&mut self, answer: Answer, now: Due, delay: std::time::Duration) {
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

    fn release_held(&mut self) {
        self.held_until = None;
        let mut held = std::mem::take(&mut self.held);
        while let Some(pending) = held.pop() {
            self.write_pending(pending);
        }
        self.held = held;
    }

    fn write_pending(&mut self, pending: Pending) {
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

    fn write_answer(&mut self, answer: Answer) {
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

    // === deliver_sm (§4.6) ===

    fn receives(&self) -> bool {
        self.bound.as_ref().is_some_and(|bound| bound.mode != BindMode::Transmitter)
    }

    fn report(&mut self, submit: &Submit<'_>, id: u64, state: FinalState, now: Due) -> std::time::Duration {
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
        if before_answer && !receives { RECEIPT_AHEAD } else { std::time::Duration::ZERO }
    }

    fn next_sequence(&mut self) -> u32 {
        // §3.2: 1 to 0x7FFFFFFF.
        self.sequence = self.sequence % 0x7FFF_FFFF + 1;
        self.sequence
    }

    fn deliver(&mut self, mut delivery: Delivery) {
        let sequence = self.next_sequence();
        renumber(&mut delivery.pdu, sequence);
        delivery.tries += 1;
        self.out.extend_from_slice(&delivery.pdu);
        add(&self.shared.counters.deliveries);
        self.deliveries.insert(sequence, delivery);
    }

    /// A deliver_sm_resp (§4.6.2).
    fn delivered(&mut self, header: Header, now: Due) {
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

    fn redeliver(&self, delivery: Delivery, now: Due) {
        if let (Some(after), Some(bound)) = (self.behaviour.redeliver_after, &self.bound) {
            bound.outbox.put([Delivery { due: now + after, ..delivery }]);
        }
    }

    // === time, commands, the end ===

    /// When something is to be done next without anything being read.
    pub(super) fn next_due(&self) -> Option<Due> {
        let answer = self.pending.peek().map(|pending| pending.due);
        let room = self.receives() && self.deliveries.len() < self.behaviour.delivery_window.max(1);
        let delivery = self.bound.as_ref().filter(|_| room).and_then(|bound| bound.outbox.next_due());
        [answer, self.held_until, delivery].into_iter().flatten().min()
    }

    /// Writes what is due.
    pub(super) fn due(&mut self) {
        if self.ended {
            return;
        }
        let now = Due::now();
        while self.pending.peek().is_some_and(|first| first.due <= now) {
            if let Some(pending) = self.pending.pop() {
                self.write_pending(pending);
            }
        }
        if self.held_until.is_some_and(|until| until <= now) {
            self.release_held();
        }
        let room = self.behaviour.delivery_window.max(1).saturating_sub(self.deliveries.len());
        if room > 0 && self.receives() {
            let mut taken = std::mem::take(&mut self.taken);
            if let Some(bound) = &self.bound {
                bound.outbox.take_due(now, room, &mut taken);
            }
            for delivery in taken.drain(..) {
                self.deliver(delivery);
            }
            self.taken = taken;
        }
    }

    pub(super) fn command(&mut self, command: Command) {
        match command {
            Command::Unbind => {
                let sequence = self.next_sequence();
                PduWriter::begin(&mut self.out, command::UNBIND, 0, sequence).finish();
            }
            Command::EnquireLink => {
                let sequence = self.next_sequence();
                PduWriter::begin(&mut self.out, command::ENQUIRE_LINK, 0, sequence).finish();
            }
            Command::Send(octets) => self.out.extend(octets),
            Command::Disconnect => self.ended = true,
        }
    }

    /// The connection is over: what was not acknowledged is sent again, where that is asked for.
    pub(super) fn over(&mut self) {
        let now = Due::now();
        for (_, delivery) in std::mem::take(&mut self.deliveries) {
            self.redeliver(delivery, now);
        }
        if self.bound.take().is_some() {
            subtract(&self.shared.counters.bound);
        }
        self.shared.gone(self.number);
    }
}
