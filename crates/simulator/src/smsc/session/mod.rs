//! One connection's side of SMPP: what each PDU means here and now. Knows no socket; it reads octets and leaves octets to write.

mod answers;
mod deliveries;
mod submits;

use std::collections::{BinaryHeap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use tokio::time::Instant as Due;

use crate::smsc::behaviour::{Behaviour, Fault, Silence};
use crate::smsc::counters::{add, subtract};
use crate::smsc::outbox::{Delivery, Outbox};
use crate::smsc::pdu::{Cursor, Frame, Header, PduWriter, command, frame, tag};
use crate::smsc::pending::Pending;
use crate::smsc::status::Status;
use crate::smsc::{BindMode, Command, Shared};

/// How many answers may wait before nothing more is read.
const MOST_PENDING: usize = 200_000;

/// Who is bound.
pub(in crate::smsc) struct Bound {
    pub(in crate::smsc) system_id: String,
    pub(in crate::smsc) mode: BindMode,
    pub(in crate::smsc) outbox: Arc<Outbox>,
}

/// The state of one connection.
pub(in crate::smsc) struct Session {
    shared: Arc<Shared>,
    number: u64,
    /// From where the connection was made.
    pub(in crate::smsc) peer: Option<SocketAddr>,
    behaviour: Arc<Behaviour>,
    pub(in crate::smsc) bound: Option<Bound>,
    /// What is to be written.
    pub(in crate::smsc) out: Vec<u8>,
    /// The connection ends when `out` is written.
    pub(in crate::smsc) ended: bool,
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
    pub(in crate::smsc) fn new(shared: Arc<Shared>, number: u64, behaviour: Arc<Behaviour>) -> Self {
        let stopped_reading = behaviour.fault == Fault::StopReading { after: 0 };
        Self {
            shared,
            number,
            peer: None,
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
    pub(in crate::smsc) fn adopt(&mut self, behaviour: Arc<Behaviour>) {
        self.stopped_reading = behaviour.fault == Fault::StopReading { after: 0 };
        self.behaviour = behaviour;
        self.submits = 0;
    }

    /// Whether more may be read now.
    pub(in crate::smsc) fn reads(&self) -> bool {
        !self.stopped_reading && !self.ended && self.pending.len() + self.held.len() < MOST_PENDING
    }

    /// Everything in `out` is written.
    pub(in crate::smsc) fn written(&mut self) {
        self.out.clear();
        self.unwritten = 0;
    }

    /// Reads all whole PDUs; gives back how many octets they were.
    pub(in crate::smsc) fn read(&mut self, octets: &[u8]) -> usize {
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
        if done > 0 || self.ended {
            self.shared.changes.announce();
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
            }
            command::UNBIND => {
                add(&counters.unbinds);
                self.respond(header.id | command::RESPONSE, Status::ROK, header.sequence);
                self.ended = self.behaviour.silence != Silence::Everything;
            }
            id if id == command::DELIVER_SM | command::RESPONSE => self.delivered(header, now),
            id if id == command::ENQUIRE_LINK | command::RESPONSE => {
                add(&counters.enquire_link_answers);
            }
            id if id == command::UNBIND | command::RESPONSE => {
                add(&counters.unbind_answers);
                self.ended = true;
            }
            command::GENERIC_NACK => {
                add(&counters.generic_nacks);
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
        let bound = self.shared.counters.bound.fetch_add(1, Relaxed) + 1;
        self.shared.counters.max_bound.fetch_max(bound, Relaxed);
    }

    fn admits(&self, system_id: &[u8], password: &[u8]) -> Status {
        let options = &self.shared.options;
        if self.bound.is_some() {
            return Status::RALYBND;
        }
        let bound = self.shared.counters.bound.load(Relaxed);
        if self.behaviour.most_binds.is_some_and(|most| bound >= most) {
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
    // === time, commands, the end ===

    /// When something is to be done next without anything being read.
    pub(in crate::smsc) fn next_due(&self) -> Option<Due> {
        let answer = self.pending.peek().map(|pending| pending.due);
        let room = self.receives() && self.deliveries.len() < self.behaviour.delivery_window.max(1);
        let delivery = self.bound.as_ref().filter(|_| room).and_then(|bound| bound.outbox.next_due());
        [answer, self.held_until, delivery].into_iter().flatten().min()
    }

    /// Writes what is due.
    pub(in crate::smsc) fn due(&mut self) {
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

    pub(in crate::smsc) fn command(&mut self, command: Command) {
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
    pub(in crate::smsc) fn over(&mut self) {
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
