//! A message's way through its gateways: where it goes first, and what follows from each outcome.

use crate::engine::Engine;
use crate::station::{Station, Turned, is_expired};
use crate::view::{Route, View};
use crate::words::{OnUncertain, What};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};
use textgate_gateway::{Outcome, Submission, canonical_id};
use textgate_sms::{GatewayId, Kind, MessageState, OutcomeClass};
use textgate_store::{Event, Finished, Transition};

/// How long the last gateway may be silent: nobody else is there to send the message.
const LAST_PATIENCE_MS: u32 = 30_000;
/// So often a message may be sent without an answer before it is given up: each time it may have arrived.
const MOST_UNCERTAIN: u8 = 3;
/// Pauses between rounds: the first, doubling, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A passcode is worth trying more often.
const LONGEST_OTP_PAUSE: Duration = Duration::from_secs(10);
/// A gateway that is over its rate is tried again after this, unless it says when.
const THROTTLE_PAUSE: Duration = Duration::from_millis(200);

/// What follows from an outcome.
enum Next {
    /// It is finished.
    Final(Transition),
    /// To the next gateway now.
    FailOver,
    /// To the same gateway, after a pause.
    Again(Duration),
}

impl Engine {
    /// Puts a message into the lane of the gateway that it should go to now.
    pub(crate) fn route(self: &Arc<Self>, mut submission: Box<Submission>) {
        if submission.routing.tenure != self.tenure.now() {
            return self.let_go(submission.id);
        }
        let (now, now_ms) = (self.clock.now(), self.clock.now_ms());
        if is_expired(&submission, now, now_ms) {
            return self.finish(submission, self.expired());
        }
        loop {
            let view = self.view.load();
            let Some(route) = route_of(&view, &submission) else {
                let reason =
                    "its gateways were removed, or its SMS settings changed, before it could be sent";
                return self.finish(submission, self.failed(reason.into()));
            };
            renew(route, &mut submission);
            let (at, is_offered) = choose(route, &submission, now);
            if !is_offered && is_round_over(&submission) {
                // Whoever is left cannot send; those that failed may be well again before it is.
                let pause = another_round(&mut submission, now);
                return self.agenda.retry(now + pause, submission);
            }
            let station = Arc::clone(&route.stations[at]);
            let first = first_of(route, &submission);
            if at != first && submission.routing.tried | submission.routing.asked == 0 {
                // The first cannot take it now, and was passed over.
                self.count_failover(&submission, route.stations[first].id);
            }
            let routing = &mut submission.routing;
            let is_alternative = (0..route.stations.len()).any(|i| i != at && routing.tried & bit(i) == 0);
            let failover_ms = u32::try_from(route.failover_after.as_millis()).unwrap_or(u32::MAX);
            routing.patience_ms = if is_alternative { failover_ms } else { LAST_PATIENCE_MS };
            routing.gateway = station.id;
            routing.since = now;
            match station.push(submission, now) {
                Ok(Some(look)) => return self.agenda.look(look, station.id),
                Ok(None) => return,
                // Removed in between: the view that says so is there, or about to be.
                Err(back) => submission = back,
            }
        }
    }

    /// Goes through what waits for a gateway; and where it needs a probe and has none, through what waits in vain elsewhere.
    pub(crate) fn look(self: &Arc<Self>, gateway: GatewayId) {
        let view = self.view.load();
        let Some(station) = view.stations.get(&gateway) else { return };
        self.look_at(&view, station);
        if station.wants_probe(self.clock.now()) {
            view.stations.values().filter(|other| other.id != gateway).for_each(|s| self.look_at(&view, s));
        }
    }

    fn look_at(self: &Arc<Self>, view: &View, station: &Station) {
        // Most gateways have nothing that waits, and there may be thousands of them.
        if station.is_idle() {
            return;
        }
        let now = self.clock.now();
        // Asked before the station is locked, because no station is asked under another one's lock.
        let others = || view.stations.values().filter(|other| other.id != station.id);
        let well: SmallVec<[GatewayId; 16]> = others().filter(|s| s.is_well()).map(|s| s.id).collect();
        // One message for each, to see how it is.
        let probed = others().filter(|s| s.wants_probe(now)).map(|s| s.id).collect();
        let probed: RefCell<SmallVec<[GatewayId; 4]>> = RefCell::new(probed);
        let has_alternative = |submission: &Submission, is_stuck: bool| {
            let routing = &submission.routing;
            // From one that cannot send, a message may go back to one that it left for being slow.
            let Some(route) = route_of(view, submission) else { return false };
            let passed = match is_stuck {
                _ if routing.order != route.order => 0,
                true => routing.asked,
                false => routing.tried,
            };
            let left = || route.stations.iter().enumerate().filter(|(i, _)| passed & bit(*i) == 0);
            if left().any(|(_, s)| well.contains(&s.id)) {
                return true;
            }
            let mut probed = probed.borrow_mut();
            let at = probed.iter().position(|id| is_stuck && left().any(|(_, s)| s.id == *id));
            // Or it begins anew: those that were asked may be well again before this one is.
            at.map(|at| probed.remove(at)).is_some() || is_stuck && is_round_over(submission)
        };
        let found = station.look(now, self.clock.now_ms(), &has_alternative);
        if let Some(next) = found.next {
            self.agenda.look(next, station.id);
        }
        for submission in found.expired {
            self.finish(submission, self.expired());
        }
        for mut submission in found.elsewhere {
            self.count_failover(&submission, station.id);
            if found.is_stuck {
                submission.routing.tried = submission.routing.asked;
            }
            mark_tried(view, &mut submission);
            self.route(submission);
        }
    }

    /// A gateway can send again: what waits in vain elsewhere may come to it.
    pub(crate) fn look_everywhere(self: &Arc<Self>) {
        let waiting: Vec<GatewayId> = self.view.load().stations.keys().copied().collect();
        waiting.into_iter().for_each(|gateway| self.look(gateway));
    }

    /// Decides what follows from these outcomes, and records them.
    pub(crate) fn outcomes(
        self: &Arc<Self>,
        station: &Station,
        finished: &mut Vec<(Box<Submission>, Outcome)>,
    ) {
        let (now, now_ms) = (self.clock.now(), self.clock.now_ms());
        let turned = station.finished(finished, now);
        if turned.is_some() {
            self.has_changed_for_others();
        }
        match turned {
            Some(Turned::Opened(probe_at)) => {
                self.observe_breaker(station, Some(why_opened(finished)));
                self.agenda.look(probe_at, station.id);
                // What waits behind the breaker need not.
                self.agenda.look(now, station.id);
            }
            // What waits in vain elsewhere may come.
            Some(Turned::Closed) => {
                self.observe_breaker(station, None);
                let others = self.view.load();
                others.stations.keys().for_each(|other| self.agenda.look(now, *other));
            }
            None => {}
        }
        let view = self.view.load();
        let mut records = Vec::with_capacity(finished.len());
        let mut onward: SmallVec<[(Box<Submission>, Option<Instant>); 1]> = SmallVec::new();
        for (mut submission, outcome) in finished.drain(..) {
            let took = now.saturating_duration_since(submission.routing.since);
            self.count_attempt(now_ms, submission.routing.vs, station.id, outcome.class);
            station.meters.attempts[usize::from(outcome.class.code())].inc();
            station.meters.submit.observe(took.as_secs_f64());
            let next = self.next(&view, station, &mut submission, &outcome, now);
            let took_ms = u32::try_from(took.as_millis()).unwrap_or(u32::MAX);
            let detail = told(&outcome, &mut submission);
            self.statistics.attempt(station.id, submission.to, outcome.class, took_ms, now_ms);
            if outcome.class == OutcomeClass::Sent && submission.kind == Kind::Otp {
                let vs = submission.routing.vs;
                self.statistics.passcode_sent(vs, station.id, submission.to, now_ms);
            }
            let attempt = Event::Attempt {
                at_ms: now_ms - i64::from(took_ms),
                took_ms,
                gateway: station.id,
                class: outcome.class,
                detail: detail.clone(),
                provider_ids: outcome.provider_ids.clone(),
            };
            self.tell(submission.id, submission.routing.vs, || What::Attempt {
                gateway: station.built().name.clone(),
                class: outcome.class,
                detail: detail.to_string(),
            });
            let mut record = Finished {
                id: submission.id,
                attempt: Some(attempt),
                receipt_ids: outcome.provider_ids.iter().map(|id| canonical_id(id)).collect(),
                transition: None,
            };
            match next {
                Next::Final(transition) => record.transition = Some(self.settle(&submission, transition)),
                Next::FailOver => {
                    self.count_failover(&submission, station.id);
                    onward.push((submission, None));
                }
                Next::Again(pause) => onward.push((submission, Some(now + pause))),
            }
            records.push(record);
        }
        self.record(records);
        if self.is_stopping() {
            // What is not finished stays in the store for the next start.
            return self.dropped(onward.len());
        }
        for (submission, at) in onward {
            match at {
                Some(at) => self.agenda.retry(at, submission),
                None => self.route(submission),
            }
        }
    }

    /// What follows from one outcome.
    fn next(
        &self,
        view: &View,
        station: &Station,
        submission: &mut Submission,
        outcome: &Outcome,
        now: Instant,
    ) -> Next {
        let routing = &mut submission.routing;
        routing.segments_sent = routing.segments_sent.saturating_add(outcome.segments_sent);
        let reason = || {
            let class = outcome.class.name();
            let gateway = &station.built().name;
            match &*outcome.detail {
                detail if detail.is_empty() || outcome.class == OutcomeClass::Sent => {
                    format!("{gateway}: {class}")
                }
                detail => format!("{gateway}: {detail}"),
            }
        };
        match outcome.class {
            OutcomeClass::Sent => return Next::Final(self.transition(MessageState::Sent, reason().into())),
            OutcomeClass::Rejected => return Next::Final(self.failed(reason().into())),
            OutcomeClass::Throttled => {
                let pause = outcome.retry_after.unwrap_or(THROTTLE_PAUSE);
                let is_other_well = submission.kind != Kind::Text
                    && route_of(view, submission)
                        .is_some_and(|route| is_other_well(route, submission, station.id));
                submission.routing.is_worth_another_round = true;
                if !is_other_well {
                    return Next::Again(pause.clamp(THROTTLE_PAUSE / 4, LONGEST_PAUSE));
                }
            }
            OutcomeClass::Unavailable | OutcomeClass::Account => routing.is_worth_another_round = true,
            OutcomeClass::Uncertain => {
                routing.uncertain = routing.uncertain.saturating_add(1);
                let policy = route_of(view, submission).map_or_else(OnUncertain::default, |r| r.on_uncertain);
                if policy == OnUncertain::Sent && submission.kind != Kind::Otp {
                    let reason = format!("{}; counted as sent, as the SMS settings say", reason());
                    return Next::Final(self.transition(MessageState::Sent, reason.into()));
                }
                if submission.routing.uncertain >= MOST_UNCERTAIN {
                    let reason = format!(
                        "{}; given up after {MOST_UNCERTAIN} attempts without an answer, it may have arrived",
                        reason()
                    );
                    return Next::Final(self.failed(reason.into()));
                }
                self.metrics.possible_duplicates.inc();
                submission.routing.is_worth_another_round = true;
            }
            OutcomeClass::Refused => {}
        }
        let Some(route) = route_of(view, submission) else { return Next::FailOver };
        renew(route, submission);
        mark_tried(view, submission);
        submission.routing.asked |= bit_of(view, submission);
        if (0..route.stations.len()).any(|i| submission.routing.tried & bit(i) == 0) {
            return Next::FailOver;
        }
        if !submission.routing.is_worth_another_round {
            return Next::Final(self.failed(reason().into()));
        }
        Next::Again(another_round(submission, now))
    }

    /// Ends a message that is not with a gateway, and records that.
    pub(crate) fn finish(self: &Arc<Self>, submission: Box<Submission>, transition: Transition) {
        let transition = self.settle(&submission, transition);
        let record = Finished {
            id: submission.id,
            attempt: None,
            receipt_ids: SmallVec::new(),
            transition: Some(transition),
        };
        self.record(vec![record]);
    }

    /// Hands records to the store, which has them when this returns and keeps them whatever happens: nothing waits here. What
    /// receipts that had come early did is told when it is known.
    fn record(self: &Arc<Self>, records: Vec<Finished>) {
        let count = records.len();
        self.unrecorded.add(count);
        // Added to and taken from, never set: two that set it could leave it wrong.
        self.metrics.unrecorded.inc_by(count as i64);
        let (engine, recorded) = (Arc::clone(self), self.store.record(records));
        tokio::spawn(async move {
            let recorded = recorded.await;
            let may_go_on = engine.unrecorded.written(count);
            engine.metrics.unrecorded.dec_by(count as i64);
            if may_go_on {
                engine.view.load().stations.values().for_each(|station| station.ready.notify_one());
            }
            for matched in recorded.unwrap_or_default() {
                engine.metrics.receipts.inc();
                engine.matched(&matched);
            }
        });
    }

    /// Counts and tells the end of a message, and fills in what depends on the message.
    fn settle(&self, submission: &Submission, mut transition: Transition) -> Transition {
        self.dropped(1);
        self.metrics.finished[usize::from(transition.to.code())].inc();
        self.tell(submission.id, submission.routing.vs, || What::State(transition.to));
        transition.erase_text = submission.kind == Kind::Otp || self.limits.text_days == 0;
        transition.refund = transition.to != MessageState::Sent && submission.routing.segments_sent == 0;
        self.count_settled(submission, &transition);
        if submission.kind == Kind::Otp {
            match transition.to {
                MessageState::Sent => self.await_receipt(submission),
                _ => self.watches.forget(submission.id),
            }
        }
        transition
    }

    fn transition(&self, to: MessageState, reason: Cow<'static, str>) -> Transition {
        Transition { to, at_ms: self.clock.now_ms(), reason, erase_text: false, refund: false }
    }

    fn failed(&self, reason: Cow<'static, str>) -> Transition {
        self.transition(MessageState::Failed, reason)
    }

    /// What becomes of a message that was put off, and is due when its phone wants no more.
    pub(crate) fn opted_out(&self) -> Transition {
        self.transition(MessageState::Cancelled, "the phone has opted out".into())
    }

    pub(crate) fn expired(&self) -> Transition {
        self.transition(MessageState::Expired, "its validity ended before a gateway took it".into())
    }
}

/// Why a breaker opened: whether the account was refused, and the words of it.
fn why_opened(finished: &[(Box<Submission>, Outcome)]) -> (bool, String) {
    let of = |class: OutcomeClass| finished.iter().find(|(_, outcome)| outcome.class == class);
    let account = of(OutcomeClass::Account);
    let why = account.or_else(|| of(OutcomeClass::Unavailable)).or_else(|| of(OutcomeClass::Uncertain));
    (account.is_some(), why.map(|(_, outcome)| outcome.detail.to_string()).unwrap_or_default())
}

/// What an attempt tells of its outcome: why, the provider's own words where somebody watches, and why this gateway was the first.
fn told(outcome: &Outcome, submission: &mut Submission) -> Cow<'static, str> {
    let told = match &outcome.answer {
        None => outcome.detail.clone(),
        Some(answer) => format!("{}; the provider answered: {answer}", outcome.detail).into(),
    };
    match submission.routing.chosen.take() {
        None => told,
        Some(why) if told.is_empty() => String::from(why).into(),
        Some(why) => format!("{told}; {why}").into(),
    }
}

/// The way a message may go: that of the virtual server whose gateways were decided, and paid for, when it was accepted.
fn route_of<'a>(view: &'a View, submission: &Submission) -> Option<&'a Arc<Route>> {
    let owner = submission.routing.gateways_of;
    view.route(owner).filter(|route| route.gateways_of == owner)
}

/// Whether all that can be asked have been, and one of them failed in a way that may pass.
fn is_round_over(submission: &Submission) -> bool {
    submission.routing.asked != 0 && submission.routing.is_worth_another_round
}

/// Begins another round, in which every gateway may be asked again. Answers the pause before it, no longer than the validity, so
/// that its end is told in time.
fn another_round(submission: &mut Submission, now: Instant) -> Duration {
    let pause = pause(submission.kind, submission.routing.round, submission.id.as_u64())
        .min(submission.valid_until.saturating_duration_since(now));
    let routing = &mut submission.routing;
    routing.round = routing.round.saturating_add(1);
    (routing.tried, routing.asked) = (0, 0);
    routing.is_worth_another_round = false;
    pause
}

/// The position of the gateway that goes first for this message.
fn first_of(route: &Route, submission: &Submission) -> usize {
    // Of another list than it was chosen from, it is the first.
    let first = usize::from(submission.routing.first);
    if first < route.stations.len() { first } else { 0 }
}

/// The first gateway in order that takes messages now, and that it does; else one that it left for being slow; where none does,
/// the first that was not tried, to wait there.
fn choose(route: &Route, submission: &Submission, now: Instant) -> (usize, bool) {
    let first = first_of(route, submission);
    let all = || std::iter::once(first).chain((0..route.stations.len()).filter(move |i| *i != first));
    let but = |passed: u8| all().filter(move |i| passed & bit(*i) == 0).map(|i| (i, &route.stations[i]));
    let routing = &submission.routing;
    let offering = |passed| but(passed).find(|(_, station)| station.offers(now));
    match offering(routing.tried).or_else(|| offering(routing.asked)) {
        Some((at, _)) => (at, true),
        None => (but(routing.tried).next().map_or(0, |(i, _)| i), false),
    }
}

fn is_other_well(route: &Route, submission: &Submission, but: GatewayId) -> bool {
    let stations = route.stations.iter().enumerate();
    stations.into_iter().any(|(i, s)| s.id != but && submission.routing.tried & bit(i) == 0 && s.is_well())
}

/// Where the list of gateways is another one than before, nothing of it has been tried.
fn renew(route: &Route, submission: &mut Submission) {
    let routing = &mut submission.routing;
    if routing.order != route.order {
        if routing.order != 0 {
            (routing.first, routing.chosen) = (0, None);
        }
        (routing.order, routing.tried, routing.asked) = (route.order, 0, 0);
    }
}

/// Passes over this gateway in the message's first round, where it has it: another one goes first.
pub(crate) fn pass_over(route: &Route, submission: &mut Submission, gateway: GatewayId) {
    renew(route, submission);
    let at = route.stations.iter().position(|station| station.id == gateway);
    submission.routing.tried |= at.map_or(0, bit);
}

/// Notes that the gateway a message is with has had its chance in this round.
fn mark_tried(view: &View, submission: &mut Submission) {
    submission.routing.tried |= bit_of(view, submission);
}

/// The bit of the gateway a message is with; none where the settings do not have it any more.
fn bit_of(view: &View, submission: &Submission) -> u8 {
    let gateway = submission.routing.gateway;
    let at = route_of(view, submission).and_then(|route| route.stations.iter().position(|s| s.id == gateway));
    at.map_or(0, bit)
}

/// Settings hold at most 8 gateways.
fn bit(position: usize) -> u8 {
    1 << position.min(7)
}

/// The pause after a round in which no gateway took the message: doubling, and spread by a quarter so that a backlog doesn't come
/// back all at once.
fn pause(kind: Kind, round: u16, spread: u64) -> Duration {
    let longest = if kind == Kind::Otp { LONGEST_OTP_PAUSE } else { LONGEST_PAUSE };
    let pause = FIRST_PAUSE.saturating_mul(1 << round.min(10)).min(longest);
    // Ids are consecutive; a multiplicative hash scatters them.
    let scattered = spread.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56;
    pause - pause.mul_f64(scattered as f64 / 1024.0)
}
