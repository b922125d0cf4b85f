//! One configured gateway as dispatch sees it: what waits for it, and how it is.

mod along;
mod remote;

pub(crate) use remote::{Remote, Sharing, Word, pack, quota, unpack};

use crate::breaker::Breaker;
use crate::built::Built;
use crate::lanes::Lanes;
use crate::metrics::GatewayMeters;
use crate::words::GatewayStatus;
use arc_swap::ArcSwap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use textgate_gateway::{Health, LineStatus, Outcome, Submission};
use textgate_sms::{GatewayId, Kind, MessageId, VsId};
use tokio::sync::Notify;

/// Looks at the lanes are at least this far apart: at those of passcodes and alerts, and at the long one of texts.
const URGENT_LOOKS: Duration = Duration::from_millis(20);
const TEXT_LOOKS: Duration = Duration::from_secs(1);

/// One part in so many of a window is kept for passcodes; a window smaller than that has none to keep.
const OTP_SHARE: u32 = 10;

/// One gateway, for as long as it is configured. It outlives changes of its settings, with what waits in it.
pub(crate) struct Station {
    pub(crate) id: GatewayId,
    pub(crate) vs: VsId,
    built: ArcSwap<Built>,
    state: Mutex<State>,
    /// What it shares with other nodes; `None` where there are none.
    pub(crate) sharing: Option<Sharing>,
    /// Wakes the gateway when there is something to take.
    pub(crate) ready: Notify,
    pub(crate) meters: GatewayMeters,
}

struct State {
    lanes: Lanes,
    standing: Standing,
    /// From where its messages leave.
    remote: Remote,
    breaker: Breaker,
    in_flight: u64,
    /// So many of them are in another message's request, and need no place in the window.
    along: u64,
    /// When something that waits must be looked at.
    next_look: Option<Instant>,
    is_removed: bool,
}

/// How the gateway is, by its own word.
enum Standing {
    /// It has not said anything yet; messages wait for it.
    Starting,
    Up {
        window: u32,
    },
    /// It cannot send, or tries to again.
    Down {
        reason: String,
        is_connecting: bool,
    },
}

/// What outcomes did to a breaker.
pub(crate) enum Turned {
    /// It opened; it lets a probe through then.
    Opened(Instant),
    /// It closed: everything goes through again.
    Closed,
}

/// What a look at the lanes found.
#[derive(Default)]
pub(crate) struct Look {
    /// Their validity has ended.
    pub(crate) expired: Vec<Box<Submission>>,
    /// They waited here for too long, or in vain: another gateway may have them.
    pub(crate) elsewhere: Vec<Box<Submission>>,
    /// They waited in vain: this one cannot send.
    pub(crate) is_stuck: bool,
    /// When to look next.
    pub(crate) next: Option<Instant>,
}

// === impl Station ===

impl std::fmt::Debug for Station {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Station").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Station {
    pub(crate) fn new(id: GatewayId, vs: VsId, built: Built, is_shared: bool) -> Self {
        let standing = match &built.gateway {
            Ok(_) => Standing::Starting,
            Err(reason) => Standing::Down { reason: reason.clone(), is_connecting: false },
        };
        let state = State {
            lanes: Lanes::default(),
            standing,
            remote: Remote::Here,
            breaker: Breaker::default(),
            in_flight: 0,
            along: 0,
            next_look: None,
            is_removed: false,
        };
        let (state, ready) = (Mutex::new(state), Notify::new());
        let sharing = is_shared.then(Sharing::default);
        Self {
            id,
            vs,
            built: ArcSwap::from_pointee(built),
            state,
            sharing,
            ready,
            meters: GatewayMeters::new(),
        }
    }

    /// How it is built now.
    pub(crate) fn built(&self) -> arc_swap::Guard<Arc<Built>> {
        self.built.load()
    }

    /// Other settings, or another name.
    pub(crate) fn rebuild(&self, built: Built) {
        let before = self.built.swap(Arc::new(built));
        let built = self.built.load();
        match (&before.gateway, &built.gateway) {
            (Ok(before), Ok(now)) if Arc::ptr_eq(before, now) => {}
            (_, Ok(_)) => {
                let mut state = self.lock();
                state.standing = Standing::Starting;
                state.breaker = Breaker::default();
            }
            (_, Err(reason)) => {
                self.lock().standing = Standing::Down { reason: reason.clone(), is_connecting: false };
            }
        }
    }

    /// Whether a message that is routed now should come here. Of a gateway that is half open one is told so, the probe.
    pub(crate) fn offers(&self, now: Instant) -> bool {
        let mut state = self.lock();
        if state.is_down() || state.is_removed {
            return false;
        }
        if state.breaker.is_closed() {
            return true;
        }
        // The probe is whatever comes here first; what waits already is enough.
        state.lanes.is_empty() && state.breaker.room(1, now) > 0
    }

    /// Whether it would let a message through to see how its gateway is, and none waits here.
    pub(crate) fn wants_probe(&self, now: Instant) -> bool {
        let mut state = self.lock();
        !state.is_down()
            && !state.is_removed
            && !state.breaker.is_closed()
            && state.lanes.is_empty()
            && state.breaker.room(1, now) > 0
    }

    /// Whether the gateway sends all that it gets.
    pub(crate) fn is_well(&self) -> bool {
        let state = self.lock();
        state.breaker.is_closed() && !state.is_down()
    }

    /// Puts a message into its lane. Answers when to [`look`](Self::look) if that is earlier than planned; gives the message
    /// back where the gateway has been removed.
    pub(crate) fn push(
        &self,
        submission: Box<Submission>,
        now: Instant,
    ) -> Result<Option<Instant>, Box<Submission>> {
        let mut state = self.lock();
        if state.is_removed {
            return Err(submission);
        }
        let by = look_at(&submission);
        state.lanes.push(submission);
        let mut look = None;
        if state.next_look.is_none_or(|planned| by < planned) {
            let by = by.max(now + URGENT_LOOKS);
            if state.next_look.is_none_or(|planned| by < planned) {
                state.next_look = Some(by);
                look = Some(by);
            }
        }
        let probe_at = state.breaker.opens_at();
        drop(state);
        self.ready.notify_one();
        Ok(match (look, probe_at) {
            (Some(look), Some(probe)) => Some(look.min(probe)),
            (look, probe) => look.or(probe),
        })
    }

    /// Moves up to `room` messages into `into`, passcodes first. What is too late goes into `expired`. A tenth of the gateway's
    /// window is kept for passcodes: behind a backlog one of them need not even wait for an answer to come. With `only_urgent` texts wait.
    pub(crate) fn take(
        &self,
        room: usize,
        now: Instant,
        now_ms: i64,
        only_urgent: bool,
        into: &mut Vec<Box<Submission>>,
        expired: &mut Vec<Box<Submission>>,
    ) {
        let mut state = self.lock();
        let mut room = state.breaker.room(room, now);
        while room > 0
            && let Some(submission) = state.next(only_urgent)
        {
            if is_expired(&submission, now, now_ms) {
                expired.push(submission);
                continue;
            }
            room -= 1;
            state.breaker.probe();
            state.in_flight += 1;
            into.push(submission);
        }
        // Another connection of the same gateway may have room; behind a breaker nobody has.
        let is_more = state.breaker.is_closed() && state.has_next(only_urgent);
        drop(state);
        if is_more {
            self.ready.notify_one();
        }
    }

    /// Messages came back from the gateway. Answers what that did to its breaker.
    pub(crate) fn finished(&self, outcomes: &[(Box<Submission>, Outcome)], now: Instant) -> Option<Turned> {
        let mut state = self.lock();
        let (was_open, was_closed) = (state.breaker.opens_at(), state.breaker.is_closed());
        for (submission, outcome) in outcomes {
            state.in_flight = state.in_flight.saturating_sub(1);
            if submission.routing.is_along {
                // One request that fails is one failure, however many messages were in it.
                state.along = state.along.saturating_sub(1);
            } else {
                state.breaker.record(outcome.class, now);
            }
        }
        if state.in_flight == 0 {
            state.breaker.probe_lost();
        }
        let opens = state.breaker.opens_at();
        let is_closed = state.breaker.is_closed();
        let is_more = is_closed && state.has_next(false);
        drop(state);
        if is_more {
            self.ready.notify_one();
        }
        match opens.filter(|_| opens != was_open) {
            Some(opens) => Some(Turned::Opened(opens)),
            None => (is_closed && !was_closed).then_some(Turned::Closed),
        }
    }

    /// The gateway says how it is. Answers whether messages may go elsewhere now (`Some(false)`), or come here again
    /// (`Some(true)`).
    pub(crate) fn heard(&self, health: Health) -> Option<bool> {
        let mut state = self.lock();
        let was_down = matches!(state.standing, Standing::Down { .. });
        let change = match health {
            Health::Connecting => {
                if let Standing::Down { is_connecting, .. } = &mut state.standing {
                    *is_connecting = true;
                } else {
                    state.standing = Standing::Starting;
                }
                None
            }
            Health::Up { window } => {
                if was_down {
                    state.breaker.reconnected();
                }
                let was_up = matches!(state.standing, Standing::Up { .. });
                state.standing = Standing::Up { window };
                (!was_up).then_some(true)
            }
            Health::Down { reason, .. } => {
                state.standing = Standing::Down { reason, is_connecting: false };
                (!was_down).then_some(false)
            }
        };
        drop(state);
        if change == Some(true) {
            self.ready.notify_one();
        }
        change
    }

    /// Whether nothing waits, so that there is nothing to look at.
    pub(crate) fn is_idle(&self) -> bool {
        let mut state = self.lock();
        let is_idle = state.lanes.is_empty();
        if is_idle {
            state.next_look = None;
        }
        is_idle
    }

    /// Goes through the lanes: what is too late, and what had better go to another gateway. `has_alternative` tells whether one
    /// is there now for this message; it is asked under this station's lock, so it must not ask another station.
    pub(crate) fn look(
        &self,
        now: Instant,
        now_ms: i64,
        has_alternative: &dyn Fn(&Submission, bool) -> bool,
    ) -> Look {
        let mut look = Look::default();
        let mut state = self.lock();
        let is_stuck = state.is_down() || !state.breaker.is_closed();
        look.is_stuck = is_stuck;
        for kind in Kind::ALL.iter().copied() {
            let is_urgent = kind != Kind::Text;
            state.lanes.take_where(kind, |s| is_expired(s, now, now_ms), &mut look.expired);
            let is_overdue = |s: &Submission| is_stuck || (is_urgent && s.routing.since + patience(s) <= now);
            state.lanes.take_where(
                kind,
                |s| is_overdue(s) && has_alternative(s, is_stuck),
                &mut look.elsewhere,
            );
            let gap = if is_urgent { URGENT_LOOKS } else { TEXT_LOOKS };
            let next = state
                .lanes
                .iter(kind)
                .map(|s| if look_at(s) > now { look_at(s) } else { s.valid_until })
                .min();
            if let Some(next) = next.map(|next| next.max(now + gap)) {
                look.next = Some(look.next.map_or(next, |other| other.min(next)));
            }
        }
        state.next_look = look.next;
        // A breaker whose pause is over lets a probe through: the gateway has to hear of it.
        let is_probe_due = !state.lanes.is_empty() && state.breaker.room(1, now) > 0;
        if !state.lanes.is_empty()
            && let Some(opens) = state.breaker.opens_at()
        {
            look.next = Some(look.next.map_or(opens, |next| next.min(opens)));
        }
        drop(state);
        if is_probe_due {
            self.ready.notify_one();
        }
        look
    }

    /// Takes out one message that waits.
    pub(crate) fn withdraw(&self, id: MessageId) -> Option<Box<Submission>> {
        self.lock().lanes.remove(id)
    }

    /// Takes out everything that waits; nothing comes here any more.
    pub(crate) fn remove(&self) -> Vec<Box<Submission>> {
        let mut state = self.lock();
        state.is_removed = true;
        std::iter::from_fn(|| state.lanes.pop()).collect()
    }

    /// Lets go of everything that waits. Answers how many that were.
    pub(crate) fn clear(&self) -> usize {
        std::mem::take(&mut self.lock().lanes).len()
    }

    /// What waits here.
    #[cfg(test)]
    pub(crate) fn waits(&self) -> Vec<(MessageId, Kind, textgate_gateway::Routing)> {
        let state = self.lock();
        let lanes = Kind::ALL.iter().flat_map(|kind| state.lanes.iter(*kind));
        lanes.map(|s| (s.id, s.kind, s.routing.clone())).collect()
    }

    /// How its lines are, where it has lines.
    pub(crate) fn lines(&self) -> Vec<LineStatus> {
        self.built().gateway.as_ref().map(|gateway| gateway.lines()).unwrap_or_default()
    }

    /// How it is now, for people.
    pub(crate) fn status(&self) -> GatewayStatus {
        let lines = self.lines();
        let state = self.lock();
        let (health, reason, window) = match &state.standing {
            _ if let Some((health, reason)) = state.remote.status() => (health, Some(reason), 0),
            Standing::Starting => ("connecting", None, 0),
            Standing::Up { window } => ("up", None, *window),
            Standing::Down { reason, is_connecting } => {
                (if *is_connecting { "connecting" } else { "down" }, Some(reason.clone()), 0)
            }
        };
        GatewayStatus {
            health,
            reason,
            breaker: state.breaker.name(),
            waiting: state.lanes.depths(),
            in_flight: state.in_flight,
            window,
            lines,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    /// Whether nothing leaves by it, from here or elsewhere.
    fn is_down(&self) -> bool {
        match &self.remote {
            Remote::Here => matches!(self.standing, Standing::Down { .. }),
            Remote::Nodes(_) => false,
            Remote::Down(_) => true,
        }
    }

    /// The next message that may be taken.
    fn next(&mut self, only_urgent: bool) -> Option<Box<Submission>> {
        if self.has_next(only_urgent) { self.lanes.pop() } else { None }
    }

    fn has_next(&self, only_urgent: bool) -> bool {
        match only_urgent {
            _ if self.is_kept_for_otp() => self.lanes.has(Kind::Otp),
            true => self.lanes.has(Kind::Otp) || self.lanes.has(Kind::Alert),
            false => !self.lanes.is_empty(),
        }
    }

    /// Whether only the part of the window is free that is kept for passcodes.
    fn is_kept_for_otp(&self) -> bool {
        match self.standing {
            Standing::Up { window } => {
                self.in_flight.saturating_sub(self.along) >= u64::from(window - window / OTP_SHARE)
            }
            _ => false,
        }
    }
}

/// When something must be done about a message that still waits: a passcode or an alert may go to another gateway when this one
/// was silent for too long.
fn look_at(submission: &Submission) -> Instant {
    match submission.kind {
        Kind::Otp | Kind::Alert => {
            submission.valid_until.min(submission.routing.since + patience(submission))
        }
        Kind::Text => submission.valid_until,
    }
}

fn patience(submission: &Submission) -> Duration {
    Duration::from_millis(submission.routing.patience_ms.into())
}

/// Whether its validity has ended, by the steady clock or (after a machine was suspended) by the wall clock.
pub(crate) fn is_expired(submission: &Submission, now: Instant, now_ms: i64) -> bool {
    submission.valid_until <= now || submission.routing.expires_ms <= now_ms
}
