//! One line: opened, set up, looked after and worked, until the gateway stops.

use super::Fault;
use super::device::Place;
use super::dialogue::Dialogue;
use super::gateway::Modem;
use super::pace::Pace;
use super::port::Port;
use super::receipts::{Ledger, unix_s};
use super::settings::Modems;
use super::sim::{self, Registration, Sim};
use super::startup::{self, Ready};
use crate::backoff::Backoff;
use crate::board::Board;
use crate::{LineStatus, Stop, Work};
use std::sync::{MutexGuard, PoisonError};
use std::time::Instant;

/// Room for unanswered messages on one line: a modem sends one at a time.
const WINDOW: u32 = 1;

/// A line that is set up.
pub(super) struct Line<'a> {
    pub gateway: &'a Modem,
    /// Its place among the gateway's lines.
    pub number: usize,
    pub work: &'a dyn Work,
    board: &'a Board,
    pub stop: &'a Stop,
    pub ready: Ready,
    /// The memory that is read from.
    pub memory: String,
    pace: &'a mut Pace,
    /// When the memories are looked through.
    pub sweep_at: Option<Instant>,
    /// Something said that the line may not be well.
    pub look_soon: bool,
    next_look: Instant,
    is_registered: bool,
    /// Since when it is without a network, and whether it was told to search anew.
    lost_since: Option<Instant>,
    has_searched: bool,
}

/// Keeps one line of a gateway at work.
pub(super) async fn keep(gateway: &Modem, number: usize, board: &Board, work: &dyn Work, stop: &Stop) {
    let Some(place) = gateway.modems.places.get(number) else { return };
    let mut backoff = Backoff::default();
    let mut pace = Pace::new(gateway.modems.rate);
    // How often in a row it was hung.
    let mut hung = 0u32;
    let mut is_again = false;
    loop {
        let segments = gateway.segments_sent(number);
        let ended = tokio::select! {
            biased;
            () = stopped(gateway, number, stop) => return,
            ended = serve(gateway, number, place, (board, work, stop), &mut pace, is_again, hung) => ended,
        };
        let fault = match ended {
            Ok(()) => return,
            Err(fault) => fault,
        };
        // One that sends in between is worth a quick return, however often it fails.
        if gateway.segments_sent(number) > segments {
            (backoff, hung) = (Backoff::default(), 0);
        }
        hung = if fault.is_hung { hung + 1 } else { 0 };
        is_again = true;
        let wait = backoff.next(fault.is_account);
        tracing::warn!(line = %place, reason = %fault.reason, wait_ms = wait.as_millis() as u64, "modem down");
        gateway.tell(number, |status| {
            *status = LineStatus {
                line: status.line.clone(),
                health: "down",
                reason: Some(fault.reason.clone()),
                model: status.model.take(),
                sim: status.sim,
                registration: "unknown",
                segments_sent: status.segments_sent,
                ..LineStatus::default()
            };
        });
        board.down(number, fault.reason, fault.is_account);
        tokio::select! {
            biased;
            () = stop.token.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Ends when the gateway stops and no message is in hand: the dialogue may be left wherever it stands.
async fn stopped(gateway: &Modem, number: usize, stop: &Stop) {
    stop.token.cancelled().await;
    gateway.until_not_busy(number).await;
}

/// Opens the line, sets the modem up, and works until the gateway stops.
async fn serve(
    gateway: &Modem,
    number: usize,
    place: &Place,
    (board, work, stop): (&Board, &dyn Work, &Stop),
    pace: &mut Pace,
    is_again: bool,
    hung: u32,
) -> Result<(), Fault> {
    let modems = &gateway.modems;
    let port = Port::open(place, modems, &gateway.guards, is_again).await?;
    let mut dialogue = Dialogue::new(port, modems.timing);
    if hung >= 2 {
        // It may still hear what it does not answer (TS 27.007 §8.2: full functionality, with a reset before).
        tracing::warn!(line = %place, "resetting a modem that does not answer");
        dialogue.write(b"\x1b\rAT+CFUN=1,1\r").await?;
        dialogue.pause((Instant::now() + modems.timing.boot).into()).await?;
        dialogue.events.clear();
    }
    let name = place.to_string();
    let tell = |model: &super::model::Model, sim: Sim| {
        gateway.tell(number, |status| {
            status.health = "connecting";
            status.model = model.name();
            status.sim = sim.name();
        });
    };
    let ready = startup::start(&mut dialogue, modems, &gateway.pins, &name, tell).await?;
    tracing::info!(line = %place, model = ready.model.name(), "modem ready");
    let now = Instant::now();
    let mut line = Line {
        gateway,
        number,
        work,
        board,
        stop,
        memory: ready.memories.first().cloned().unwrap_or_default(),
        ready,
        pace,
        sweep_at: Some(now),
        look_soon: false,
        next_look: now,
        is_registered: false,
        lost_since: None,
        has_searched: false,
    };
    line.work(&mut dialogue).await
}

impl Line<'_> {
    pub(super) fn modems(&self) -> &Modems {
        &self.gateway.modems
    }

    pub(super) fn name(&self) -> String {
        self.gateway.modems.places.get(self.number).map(ToString::to_string).unwrap_or_default()
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.gateway.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a segment that was taken, and answers its id.
    pub(super) fn remember(&self, number: &str, reference: u8) -> Box<str> {
        self.ledger().sent(&self.ready.identity, number, reference, unix_s())
    }

    /// The reference of the next text of several segments.
    pub(super) fn next_reference(&self) -> u8 {
        self.gateway.next_reference()
    }

    /// Counts a segment that left, as far as is known.
    pub(super) fn count_try(&mut self) {
        self.pace.count(Instant::now());
    }

    /// Counts a segment that was taken.
    pub(super) fn count_segment(&mut self) {
        self.count_try();
        self.gateway.tell(self.number, |status| status.segments_sent += 1);
    }

    async fn work(&mut self, dialogue: &mut Dialogue) -> Result<(), Fault> {
        let mut taken = Vec::new();
        loop {
            self.take_in(dialogue).await?;
            if self.stop.token.is_cancelled() {
                return Ok(());
            }
            let now = Instant::now();
            if self.look_soon || self.next_look <= now {
                self.look(dialogue).await?;
                continue;
            }
            let paced_until = self.pace.next_at(now);
            let may_send = self.is_registered && paced_until.is_none();
            let ready = self.work.ready().notified();
            tokio::pin!(ready);
            // Armed before the look, so that nothing is missed.
            ready.as_mut().enable();
            if may_send {
                self.work.take(1, &mut taken);
                if let Some(submission) = taken.pop() {
                    self.send(dialogue, submission).await?;
                    continue;
                }
            }
            let wake_at = [Some(self.next_look), self.sweep_at, paced_until].into_iter().flatten().min();
            let wake_at = wake_at.unwrap_or(self.next_look);
            tokio::select! {
                biased;
                () = self.stop.token.cancelled() => return Ok(()),
                said = dialogue.next_until(wake_at.into()) => drop(said?),
                () = ready, if may_send => {}
            }
        }
    }

    /// Looks at SIM, registration and signal: the watchdog, too, as a modem that hangs answers nothing.
    async fn look(&mut self, dialogue: &mut Dialogue) -> Result<(), Fault> {
        self.look_soon = false;
        let sim = Sim::ask(dialogue).await?;
        if !matches!(sim, Sim::Ready | Sim::Unknown | Sim::Busy) {
            self.gateway.tell(self.number, |status| status.sim = sim.name());
            // To be set up anew: the SIM is gone, or wants its PIN again.
            return Err(Fault::new(format!("the SIM is no longer ready: {}", sim.name().replace('_', " "))));
        }
        let registration = sim::registration(dialogue).await?;
        let signal_dbm = sim::signal_dbm(&dialogue.command("+CSQ").await?);
        let operator = match registration.is_registered() {
            true => sim::operator(&dialogue.slow_command("+COPS?").await?),
            false => None,
        };
        // A modem that lost its settings, or stopped telling after something was not acknowledged, gets them again.
        dialogue.command("+CMGF=0").await?;
        if let Some(indications) = &self.ready.indications {
            dialogue.command(indications).await?;
        }
        let now = Instant::now();
        self.is_registered = registration.is_registered();
        let reason = (!self.is_registered).then(|| not_registered(registration));
        self.gateway.tell(self.number, |status| {
            status.health = if reason.is_none() { "up" } else { "down" };
            status.reason.clone_from(&reason);
            status.sim = Sim::Ready.name();
            status.registration = registration.name();
            status.operator = operator;
            status.signal_dbm = signal_dbm;
        });
        let timing = self.modems().timing;
        match reason {
            None => {
                self.board.up(self.number, WINDOW);
                (self.lost_since, self.has_searched) = (None, false);
                self.next_look = now + timing.look;
            }
            Some(reason) => {
                self.board.down(self.number, reason, registration == Registration::Denied);
                self.next_look = now + timing.look_unregistered;
                self.search(dialogue, now).await?;
            }
        }
        Ok(())
    }

    /// Without a network for long: search anew (TS 27.007 §7.3), and in the end start the modem anew.
    async fn search(&mut self, dialogue: &mut Dialogue, now: Instant) -> Result<(), Fault> {
        let timing = self.modems().timing;
        let lost_for = now.saturating_duration_since(*self.lost_since.get_or_insert(now));
        if lost_for >= timing.reset_after {
            dialogue.write(b"AT+CFUN=1,1\r").await?;
            dialogue.pause((Instant::now() + timing.boot).into()).await?;
            return Err(Fault::new("without a network for long: the modem was started anew"));
        }
        if lost_for >= timing.search_after && !self.has_searched {
            self.has_searched = true;
            tracing::warn!(line = self.name(), "without a network: searching anew");
            dialogue.slow_command("+COPS=0").await?;
        }
        Ok(())
    }
}

fn not_registered(registration: Registration) -> String {
    match registration {
        Registration::Searching => "no network: the modem is searching; check antenna and signal",
        Registration::Denied => {
            "the network refuses the SIM: check its contract, and whether it is activated"
        }
        _ => "not registered with a network; check antenna, signal and SIM",
    }
    .to_owned()
}
