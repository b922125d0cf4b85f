//! What all ports of a modem share: the SIM, the network, memories, and what waits to be handed to a terminal.

use std::collections::VecDeque;
use std::time::Instant;

use super::behaviour::ModemError;
use super::memory::{Memory, MessageStatus, Places, Stored};
use super::options::{ModemOptions, Sim};
use super::tpdu::{Deliver, TpAddress};

/// How much may wait to be handed to a terminal; beyond, the oldest is lost.
const MOST_WAITING: usize = 10_000;

/// Whether and where a modem is registered (3GPP TS 27.007 §7.2, `<stat>`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Registration {
    /// Not, and it does not search.
    None = 0,
    /// In its own network.
    Home = 1,
    /// It searches.
    Searching = 2,
    /// The network refuses it.
    Denied = 3,
    /// It roams.
    Roaming = 5,
}

impl Registration {
    /// Whether messages can be sent.
    pub fn is_registered(self) -> bool {
        matches!(self, Self::Home | Self::Roaming)
    }
}

/// What the SIM wants before it is used (3GPP TS 27.007 §8.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SimLock {
    /// Nothing.
    Ready,
    /// Its PIN.
    Pin,
    /// Its PUK, after three wrong PINs.
    Puk,
    /// It is lost, after ten wrong PUKs.
    Blocked,
}

/// A SIM in its holder.
#[derive(Debug)]
pub(super) struct Card {
    pub(super) sim: Sim,
    pub(super) lock: SimLock,
    pub(super) pin_left: u8,
    pub(super) puk_left: u8,
}

impl Card {
    fn new(sim: Sim) -> Self {
        let lock = if sim.pin.is_some() { SimLock::Pin } else { SimLock::Ready };
        Self { sim, lock, pin_left: 3, puk_left: 10 }
    }

    /// Tries a PIN.
    pub(super) fn unlock(&mut self, pin: &str) -> Result<(), ModemError> {
        if self.lock == SimLock::Puk || self.lock == SimLock::Blocked {
            return Err(self.want());
        }
        if self.sim.pin.as_deref().is_none_or(|known| known == pin) {
            self.pin_left = 3;
            self.lock = SimLock::Ready;
            return Ok(());
        }
        self.pin_left = self.pin_left.saturating_sub(1);
        if self.pin_left == 0 {
            self.lock = SimLock::Puk;
            return Err(ModemError::Cme(12));
        }
        // Incorrect password.
        Err(ModemError::Cme(16))
    }

    /// Tries a PUK; the PIN is a new one then.
    pub(super) fn unblock(&mut self, puk: &str, pin: &str) -> Result<(), ModemError> {
        if self.lock == SimLock::Blocked {
            return Err(self.want());
        }
        if self.sim.puk == puk {
            self.sim.pin = Some(pin.to_owned());
            (self.pin_left, self.puk_left, self.lock) = (3, 10, SimLock::Ready);
            return Ok(());
        }
        self.puk_left = self.puk_left.saturating_sub(1);
        if self.puk_left == 0 {
            self.lock = SimLock::Blocked;
        }
        Err(ModemError::Cme(16))
    }

    /// What a command hears that needs the SIM before it is ready.
    fn want(&self) -> ModemError {
        ModemError::Cme(match self.lock {
            SimLock::Ready => 0,
            SimLock::Pin => 11,
            SimLock::Puk => 12,
            SimLock::Blocked => 13,
        })
    }
}

/// What the network has for the modem.
#[derive(Clone)]
pub(super) enum Incoming {
    /// An SMS-DELIVER.
    Message(Vec<u8>),
    /// An SMS-STATUS-REPORT.
    Report(Vec<u8>),
}

/// Which of it goes where (`+CNMI`, 3GPP TS 27.005 §3.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Routing {
    /// The port that asked for it.
    pub(super) port: usize,
    pub(super) mode: u8,
    pub(super) mt: u8,
    pub(super) bm: u8,
    pub(super) ds: u8,
    pub(super) bfr: u8,
}

pub(super) struct Device {
    pub(super) card: Option<Card>,
    pub(super) registration: Registration,
    /// Received signal strength as `+CSQ` says it: 0 to 31, 99 unknown.
    pub(super) signal: u8,
    pub(super) service_centre: TpAddress,
    pub(super) routing: Routing,
    /// `+CSMS`: in service 1, what is handed over is to be acknowledged.
    pub(super) service: u8,
    /// `+CFUN`: 0 and 4 have no radio.
    pub(super) functionality: u8,
    pub(super) next_reference: u8,
    sm: Places,
    me: Places,
    sr: Places,
    /// For reading and deleting, for writing and sending, for receiving (`+CPMS`).
    pub(super) memories: [Memory; 3],
    report_memory: Memory,
    waiting: VecDeque<(Instant, Incoming)>,
    pub(super) lost: u64,
}

impl Device {
    pub(super) fn new(options: &ModemOptions) -> Self {
        Self {
            card: options.sim.clone().map(Card::new),
            registration: Registration::Home,
            signal: 21,
            service_centre: TpAddress::of(&options.service_centre),
            routing: Routing::default(),
            service: 0,
            functionality: 1,
            next_reference: options.first_reference,
            sm: Places::new(options.sim.as_ref().map_or(0, |sim| sim.capacity)),
            me: Places::new(options.capacity),
            sr: Places::new(options.capacity),
            memories: [Memory::Sm; 3],
            report_memory: options.report_memory,
            waiting: VecDeque::new(),
            lost: 0,
        }
    }

    /// As after a reset or when power came: the PIN is asked for again, settings are those of the factory; what is stored stays.
    pub(super) fn reset(&mut self) {
        if let Some(card) = &mut self.card
            && card.lock == SimLock::Ready
            && card.sim.pin.is_some()
        {
            card.lock = SimLock::Pin;
        }
        self.routing = Routing::default();
        (self.service, self.functionality, self.memories) = (0, 1, [Memory::Sm; 3]);
    }

    /// Whether the SIM can be used.
    pub(super) fn sim(&mut self) -> Result<&mut Card, ModemError> {
        let card = self.card.as_mut().ok_or(ModemError::Cme(10))?;
        if card.lock == SimLock::Ready { Ok(card) } else { Err(card.want()) }
    }

    /// Whether commands about messages can be carried out: the same, in their own codes (3GPP TS 27.005 §3.2.5).
    pub(super) fn sim_for_messages(&mut self) -> Result<(), ModemError> {
        self.sim().map(drop).map_err(|error| match error {
            ModemError::Cme(code @ 10..=13) => ModemError::Cms([310, 311, 316, 313][usize::from(code) - 10]),
            other => other,
        })
    }

    /// Where it is registered now: nowhere without radio or SIM.
    pub(super) fn registered(&mut self) -> Registration {
        if self.functionality != 1 || self.sim().is_err() { Registration::None } else { self.registration }
    }

    pub(super) fn places(&mut self, memory: Memory) -> &mut Places {
        match memory {
            Memory::Sm => &mut self.sm,
            Memory::Me => &mut self.me,
            Memory::Sr => &mut self.sr,
        }
    }

    pub(super) fn reference(&mut self) -> u8 {
        let reference = self.next_reference;
        self.next_reference = reference.wrapping_add(1);
        reference
    }

    // === what the network has ===

    pub(super) fn put(&mut self, due: Instant, incoming: Incoming) {
        while self.waiting.len() >= MOST_WAITING {
            self.waiting.pop_front();
            self.lost += 1;
        }
        let place = self.waiting.partition_point(|(other, _)| *other <= due);
        self.waiting.insert(place, (due, incoming));
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// When the first is due after this moment.
    pub(super) fn next_due(&self, after: Instant) -> Option<Instant> {
        let next = self.waiting.partition_point(|(due, _)| *due <= after);
        self.waiting.get(next).map(|(due, _)| *due)
    }

    /// What is due and goes to the terminal at this port now, as lines; what only is to be stored is stored on the way.
    /// `is_open` says whether the terminal is there.
    pub(super) fn take(&mut self, port: usize, is_open: bool, now: Instant) -> Option<Handed> {
        if !self.registered().is_registered() {
            return None;
        }
        let routing = self.routing;
        // The terminal of another port is to be told; where none is there, anyone stores for it.
        if is_open && routing.port != port {
            return None;
        }
        let is_mine = is_open && routing.mode != 0;
        let mut index = 0;
        while let Some((due, incoming)) = self.waiting.get(index)
            && *due <= now
        {
            let incoming = incoming.clone();
            match self.hand_over(&incoming, routing, is_mine) {
                Handing::Handed(handed) => {
                    self.waiting.remove(index);
                    return Some(handed);
                }
                Handing::Done => drop(self.waiting.remove(index)),
                Handing::Waits => index += 1,
            }
        }
        None
    }

    fn hand_over(&mut self, incoming: &Incoming, routing: Routing, is_mine: bool) -> Handing {
        match incoming {
            Incoming::Message(tpdu) => {
                let class = Deliver::class(tpdu);
                let is_direct = match routing.mt {
                    2 => class != Some(2),
                    3 => class == Some(3),
                    _ => false,
                };
                if is_direct {
                    if !is_mine {
                        return Handing::Waits;
                    }
                    return Handing::Handed(Handed::Direct(incoming.clone()));
                }
                let memory = if class == Some(2) { Memory::Sm } else { self.memories[2] };
                let Some(place) = self.keep(memory, tpdu) else { return Handing::Waits };
                if routing.mt == 0 || !is_mine {
                    return Handing::Done;
                }
                Handing::Handed(Handed::Line(format!("+CMTI: \"{}\",{place}", memory.name())))
            }
            Incoming::Report(tpdu) => match routing.ds {
                _ if !is_mine && routing.ds != 0 => Handing::Waits,
                1 => Handing::Handed(Handed::Direct(incoming.clone())),
                2 => match self.keep(self.report_memory, tpdu) {
                    Some(place) => {
                        let memory = self.report_memory.name();
                        Handing::Handed(Handed::Line(format!("+CDSI: \"{memory}\",{place}")))
                    }
                    None => Handing::Waits,
                },
                _ => {
                    self.lost += 1;
                    Handing::Done
                }
            },
        }
    }

    fn keep(&mut self, memory: Memory, tpdu: &[u8]) -> Option<usize> {
        let service_centre = self.service_centre.service_centre();
        let stored = Stored { status: MessageStatus::Unread, service_centre, tpdu: tpdu.to_vec() };
        self.places(memory).put(stored)
    }

    /// All that a memory holds.
    pub(super) fn stored(&mut self, memory: Memory) -> Vec<Stored> {
        self.places(memory).iter_mut().map(|(_, stored)| stored.clone()).collect()
    }
}

/// What goes to a terminal.
pub(super) enum Handed {
    /// This line.
    Line(String),
    /// This as it is, by `+CMT` or `+CDS`.
    Direct(Incoming),
}

enum Handing {
    Handed(Handed),
    Done,
    Waits,
}
