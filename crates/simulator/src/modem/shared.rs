//! What all ports of a modem and its handle share.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::watch;

use super::behaviour::{ModemBehaviour, ModemRequest, ReportWhen, Turn};
use super::counters::{Counters, add};
use super::device::{Device, Handed, Incoming};
use super::options::ModemOptions;
use super::record::{ModemSubmit, Recorder};
use super::tpdu::{StatusReport, TpSubmit, timestamp};
use crate::handset::{HandsetEvent, Via, replace_type};
use crate::sync::lock;
use crate::wait::Changes;

/// Most turns that wait for their command, and octets that wait to be said on one port.
const MOST_TURNS: usize = 100_000;
const MOST_SAID: usize = 64 << 10;

/// How the power is: whether the modem is plugged in, and how often it has started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Power {
    pub(super) is_plugged: bool,
    pub(super) starts: u64,
    /// Silent until then.
    pub(super) ready_at: Option<Instant>,
}

pub(super) struct Shared {
    pub(super) options: ModemOptions,
    pub(super) behaviour: watch::Sender<Arc<ModemBehaviour>>,
    pub(super) power: watch::Sender<Power>,
    pub(super) device: Mutex<Device>,
    pub(super) recorder: Recorder,
    pub(super) counters: Counters,
    /// Told of everything that a terminal or a test may wait for.
    pub(super) changes: Changes,
    turns: Mutex<VecDeque<(String, Turn)>>,
    /// Of each port: whether it and a terminal are there, and what is to be said to it as it stands.
    ports: Mutex<Vec<PortState>>,
}

#[derive(Debug, Clone, Default)]
struct PortState {
    /// The device itself, for a pseudo-terminal.
    is_there: bool,
    is_open: bool,
    said: Vec<u8>,
}

impl Shared {
    pub(super) fn new(options: ModemOptions) -> Self {
        Self {
            behaviour: watch::Sender::new(Arc::new(options.behaviour.clone())),
            power: watch::Sender::new(Power { is_plugged: true, starts: 1, ready_at: None }),
            device: Mutex::new(Device::new(&options)),
            recorder: Recorder::new(options.keep),
            counters: Counters::default(),
            changes: Changes::new(),
            turns: Mutex::default(),
            ports: Mutex::new(vec![PortState::default(); options.ports.len()]),
            options,
        }
    }

    // === faults ===

    pub(super) fn once(&self, name: &str, turn: Turn) {
        let mut turns = lock(&self.turns);
        if turns.len() < MOST_TURNS {
            turns.push_back((name.to_owned(), turn));
        }
    }

    /// What becomes of a command, where it is not simply carried out.
    pub(super) fn turn(&self, behaviour: &ModemBehaviour, request: &ModemRequest<'_>) -> Option<Turn> {
        let mut turns = lock(&self.turns);
        if let Some(place) = turns.iter().position(|(name, _)| name == request.name) {
            return turns.remove(place).map(|(_, turn)| turn);
        }
        drop(turns);
        behaviour.decide.as_ref().and_then(|decide| decide(request))
    }

    // === power ===

    /// Starts again, as after `+CFUN=1,1`.
    pub(super) fn reset(&self) {
        add(&self.counters.resets);
        self.start(true);
    }

    pub(super) fn unplug(&self) {
        self.power.send_modify(|power| power.is_plugged = false);
        self.changes.announce();
    }

    pub(super) fn start(&self, is_plugged: bool) {
        lock(&self.device).reset();
        let delay = self.behaviour.borrow().boot_delay;
        let ready_at = (delay > Duration::ZERO).then(|| Instant::now() + delay);
        self.power.send_modify(|power| {
            *power = Power { is_plugged, starts: power.starts + 1, ready_at };
        });
        self.changes.announce();
    }

    // === ports ===

    pub(super) fn opened(&self, port: usize) {
        add(&self.counters.opened);
        self.set_open(port, true);
    }

    pub(super) fn closed(&self, port: usize) {
        self.set_open(port, false);
        self.settle();
    }

    fn set_open(&self, port: usize, is_open: bool) {
        if let Some(state) = lock(&self.ports).get_mut(port) {
            state.is_open = is_open;
            state.said.clear();
        }
        self.changes.announce();
    }

    pub(super) fn set_there(&self, port: usize, is_there: bool) {
        if let Some(state) = lock(&self.ports).get_mut(port) {
            state.is_there = is_there;
        }
        self.changes.announce();
    }

    /// How many pseudo-terminals are there.
    pub(super) fn ports_there(&self) -> usize {
        lock(&self.ports).iter().filter(|state| state.is_there).count()
    }

    /// How many ports a terminal has open.
    pub(super) fn open_ports(&self) -> usize {
        lock(&self.ports).iter().filter(|state| state.is_open).count()
    }

    /// Says octets on every open port.
    pub(super) fn say(&self, octets: &[u8]) {
        for state in lock(&self.ports).iter_mut().filter(|state| state.is_open) {
            if state.said.len() + octets.len() <= MOST_SAID {
                state.said.extend_from_slice(octets);
            }
        }
        self.changes.announce();
    }

    /// What is to be said on this port.
    pub(super) fn said(&self, port: usize) -> Vec<u8> {
        lock(&self.ports).get_mut(port).map(|state| std::mem::take(&mut state.said)).unwrap_or_default()
    }

    // === the network ===

    /// The network has something for the modem.
    pub(super) fn arrive(&self, delay: Duration, incoming: Incoming) {
        lock(&self.device).put(Instant::now() + delay, incoming);
        self.settle();
        self.changes.announce();
    }

    /// Stores what no terminal is there for.
    fn settle(&self) {
        let mut device = lock(&self.device);
        let port = device.routing.port;
        let is_open = lock(&self.ports).get(port).is_some_and(|state| state.is_open);
        if !is_open {
            // Without a terminal nothing is handed over, so this gives nothing.
            let _ = device.take(port, false, Instant::now());
        }
    }

    /// What goes to the terminal of this port now.
    pub(super) fn hand_over(&self, port: usize) -> Option<Handed> {
        lock(&self.device).take(port, true, Instant::now())
    }

    /// The network takes a message; gives back its reference.
    pub(super) fn take(&self, submit: &TpSubmit, more: u8) -> u8 {
        let behaviour = Arc::clone(&self.behaviour.borrow());
        let reports = &behaviour.reports;
        let reference = lock(&self.device).reference();
        let at = Instant::now();
        let status = reports.status_of(&submit.destination.number);
        let record = ModemSubmit { submit: submit.clone(), reference, text: submit.text(), more, at };
        add(&self.counters.taken);
        let message = self.recorder.submit(record);
        if let Some(message) = message
            && status < 0x20
            && self.options.handset.is_watched()
        {
            self.options.handset.show(HandsetEvent {
                number: message.destination.number.clone(),
                sender: self.options.sim.as_ref().map(|sim| sim.number.clone()).unwrap_or_default(),
                text: message.text.clone(),
                via: Via::Modem,
                flash: message.flash,
                replaces: replace_type(submit.protocol_id),
                alphabet: submit.alphabet(),
                segments: message.segments.len(),
                at,
            });
        }
        let is_reported = match reports.when {
            ReportWhen::Never => false,
            ReportWhen::AsRequested => submit.wants_report,
            ReportWhen::Always => true,
        };
        if is_reported {
            let submitted = SystemTime::now();
            let report = StatusReport {
                reference,
                recipient: submit.destination.clone(),
                submitted: timestamp(submitted),
                done: timestamp(submitted + reports.delay),
                status,
            };
            for _ in 0..=reports.duplicates.min(1_000) {
                self.arrive(reports.delay, Incoming::Report(report.tpdu()));
            }
        }
        self.changes.announce();
        reference
    }
}
