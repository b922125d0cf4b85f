//! One port's dialogue with its terminal, without I/O: octets go in, octets come out, and it says when it is due.

mod basic;
mod carry;
mod handing;
mod network;
mod parse;
mod places;
mod send;
mod settings;
mod words;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::behaviour::{Cure, ModemBehaviour, ModemError};
use super::counters::add;
use super::device::{Incoming, Registration};
use super::shared::{Power, Shared};
use crate::sync::lock;
use parse::{Ask, Command};
use send::Body;
use settings::Settings;

/// Most octets of a command line, and of what follows a prompt: far beyond what any command needs.
const MAX_LINE: usize = 4_096;
const MAX_BODY: usize = 4_096;

const SUB: u8 = 0x1A;
const ESC: u8 = 0x1B;

/// What a command gives when it is carried out.
enum Done {
    /// These lines, then `OK`.
    Lines(Vec<String>),
    /// These lines of octets, for texts in other character sets.
    Octets(Vec<Vec<u8>>),
    /// The prompt; what follows is one of these.
    Prompt(Body),
    /// A reset: `OK`, and then everything is as at the start.
    Reset,
}

type Carried = Result<Done, ModemError>;

fn ok() -> Carried {
    Ok(Done::Lines(Vec::new()))
}

fn line(line: String) -> Carried {
    Ok(Done::Lines(vec![line]))
}

/// What is read now.
enum Input {
    Line(Vec<u8>),
    Body(Body, Vec<u8>),
}

/// What is being carried out.
enum Work {
    Line(String),
    Body(Body, Vec<u8>),
}

/// One port's dialogue.
pub(super) struct Session {
    shared: Arc<Shared>,
    port: usize,
    pub(super) behaviour: Arc<ModemBehaviour>,
    /// What is to be written.
    pub(super) out: Vec<u8>,
    settings: Settings,
    input: Input,
    is_overlong: bool,
    last_line: String,
    work: Option<(Instant, Work)>,
    hang: Option<Cure>,
    /// Which start of the modem this has seen.
    starts: u64,
    registration: Registration,
    /// Until when `+CNMA` is waited for, and for what.
    unacknowledged: Option<(Instant, Incoming)>,
    /// Whether the network's link is kept since the last message.
    has_link: bool,
    /// When it last looked what the network has.
    looked_at: Instant,
}

impl Session {
    pub(super) fn new(shared: Arc<Shared>, port: usize) -> Self {
        let behaviour = Arc::clone(&shared.behaviour.borrow());
        let starts = shared.power.borrow().starts;
        let registration = lock(&shared.device).registered();
        Self {
            shared,
            port,
            behaviour,
            out: Vec::new(),
            settings: Settings::default(),
            input: Input::Line(Vec::new()),
            is_overlong: false,
            last_line: String::new(),
            work: None,
            hang: None,
            starts,
            registration,
            unacknowledged: None,
            has_link: false,
            looked_at: Instant::now(),
        }
    }

    // === what its port follows ===

    pub(super) fn behaviours(&self) -> watch::Receiver<Arc<ModemBehaviour>> {
        self.shared.behaviour.subscribe()
    }

    pub(super) fn power(&self) -> watch::Receiver<Power> {
        self.shared.power.subscribe()
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    // === the port ===

    pub(super) fn opened(&mut self) {
        self.cure(Cure::Reopen);
        self.drop_input();
        self.shared.opened(self.port);
    }

    /// The terminal is gone, or DTR dropped: what was begun is not carried out; settings stay.
    pub(super) fn closed(&mut self) {
        self.drop_input();
        self.out.clear();
        self.shared.closed(self.port);
    }

    /// DTR dropped while the line stays open (RFC 2217): as if the port were opened anew.
    pub(super) fn dropped_dtr(&mut self) {
        self.cure(Cure::Reopen);
        self.drop_input();
    }

    fn drop_input(&mut self) {
        self.input = Input::Line(Vec::new());
        self.is_overlong = false;
        self.work = None;
        if let Some((_, incoming)) = self.unacknowledged.take() {
            lock(&self.shared.device).put(Instant::now(), incoming);
        }
    }

    fn cure(&mut self, cure: Cure) {
        if self.hang.is_some_and(|hang| hang <= cure) {
            self.hang = None;
        }
    }

    /// Whether octets are read now; while a command is carried out they wait in the line.
    pub(super) fn reads(&self) -> bool {
        self.work.is_none()
    }

    /// Reads octets; gives back how many, as it stops where a command begins to take its time.
    pub(super) fn read(&mut self, octets: &[u8]) -> usize {
        for (count, octet) in octets.iter().enumerate() {
            if !self.reads() {
                return count;
            }
            self.octet(*octet);
        }
        octets.len()
    }

    fn octet(&mut self, octet: u8) {
        // Between lines these mean nothing.
        if matches!(self.input, Input::Line(_)) && matches!(octet, b'\n' | SUB | ESC | 0) {
            return;
        }
        let is_silent = self.hang.is_some() || self.is_starting();
        let Settings { ends, takes_back, echo, .. } = self.settings;
        let (kept, most) = match &mut self.input {
            Input::Line(kept) => (kept, MAX_LINE),
            Input::Body(_, kept) => (kept, MAX_BODY),
        };
        if octet == takes_back {
            kept.pop();
        } else if kept.len() < most {
            kept.push(octet);
        } else {
            self.is_overlong = true;
        }
        if echo && !is_silent && octet != b'\n' && octet != SUB && octet != ESC {
            self.out.push(octet);
        }
        match &mut self.input {
            Input::Line(kept) if octet == ends => {
                kept.pop();
                let text = String::from_utf8_lossy(kept).into_owned();
                kept.clear();
                self.line_ended(text);
            }
            // §5.2.4: repeats the last line at once.
            Input::Line(kept) if kept.len() == 2 && kept.eq_ignore_ascii_case(b"A/") => {
                kept.clear();
                self.line_ended(self.last_line.clone());
            }
            Input::Line(_) => {}
            Input::Body(..) if octet == SUB || octet == ESC => self.body_ended(octet == ESC),
            Input::Body(..) => {
                if octet == b'\r' && self.settings.text_mode && !is_silent {
                    self.out.extend_from_slice(b"\r\n> ");
                }
            }
        }
    }

    fn line_ended(&mut self, text: String) {
        if std::mem::take(&mut self.is_overlong) {
            add(&self.shared.counters.overlong);
            if self.hang.is_none() {
                self.end(Some(ModemError::Plain));
            }
            return;
        }
        let Some(rest) = parse::after_at(&text).map(str::to_owned) else { return };
        if self.is_starting() {
            return;
        }
        if self.hang.is_some() && !(self.hang == Some(Cure::Cfun) && is_reset(&rest)) {
            return;
        }
        self.hang = None;
        self.shared.recorder.line(&format!("AT{rest}"));
        let name = parse::next(&rest).map(|(command, _)| command.name).unwrap_or_default();
        let delay = self.behaviour.delay_of(&name);
        self.last_line = text;
        self.begin(delay, Work::Line(rest));
    }

    fn body_ended(&mut self, is_escaped: bool) {
        let Input::Body(body, mut octets) = std::mem::replace(&mut self.input, Input::Line(Vec::new()))
        else {
            return;
        };
        if self.hang.is_some() || self.is_starting() {
            return;
        }
        // 3GPP TS 27.005 §3.5.1: ESC ends it without sending.
        if is_escaped {
            return self.end(None);
        }
        octets.pop();
        if std::mem::take(&mut self.is_overlong) {
            add(&self.shared.counters.overlong);
            return self.end(Some(ModemError::Cms(305)));
        }
        let mut delay = self.behaviour.send_delay;
        if !self.has_link {
            delay += self.behaviour.link_delay;
        }
        self.begin(delay, Work::Body(body, octets));
    }

    fn begin(&mut self, delay: Duration, work: Work) {
        if delay == Duration::ZERO {
            self.carry_out(work);
        } else {
            self.work = Some((Instant::now() + delay, work));
        }
    }

    // === time ===

    pub(super) fn adopt(&mut self, behaviour: Arc<ModemBehaviour>) {
        self.behaviour = behaviour;
    }

    /// When [`due`](Self::due) has something to do even if nobody wakes it.
    pub(super) fn next_due(&self) -> Option<Instant> {
        if let Some((due, _)) = &self.work {
            return Some(*due);
        }
        let ready_at = self.shared.power.borrow().ready_at.filter(|_| self.is_starting());
        let unacknowledged = self.unacknowledged.as_ref().map(|(until, _)| *until);
        let waiting = lock(&self.shared.device).next_due(self.looked_at);
        [ready_at, unacknowledged, waiting].into_iter().flatten().min()
    }

    /// Does what is due: ends a command, hands over what waits, tells of changes.
    pub(super) fn due(&mut self) {
        self.looked_at = Instant::now();
        self.notice_start();
        if let Some((due, work)) = self.work.take() {
            if due > Instant::now() {
                self.work = Some((due, work));
                return;
            }
            self.carry_out(work);
        }
        let said = self.shared.said(self.port);
        self.out.extend(said);
        if self.is_idle() {
            self.speak_up();
        }
    }

    fn is_starting(&self) -> bool {
        self.shared.power.borrow().ready_at.is_some_and(|ready_at| ready_at > Instant::now())
    }

    /// After a reset or when power came back, all is as at the start.
    fn notice_start(&mut self) {
        let starts = self.shared.power.borrow().starts;
        if starts == self.starts || self.is_starting() {
            return;
        }
        self.starts = starts;
        self.settings = Settings::default();
        self.hang = None;
        self.has_link = false;
        self.drop_input();
        for line in self.behaviour.boot_lines.clone() {
            self.unsolicited(&line);
        }
    }

    /// Whether nothing is half read or half said.
    fn is_idle(&self) -> bool {
        self.hang.is_none()
            && self.work.is_none()
            && !self.is_starting()
            && matches!(&self.input, Input::Line(kept) if kept.is_empty())
    }
}

/// Whether a command line asks for a reset.
fn is_reset(rest: &str) -> bool {
    let rest = rest.to_ascii_uppercase();
    rest.starts_with("+CFUN=1,1") || rest.starts_with("+CFUN=16")
}
