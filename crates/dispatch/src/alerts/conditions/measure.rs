//! Conditions that follow from figures: looked at when figures have gone to the store, for what had something to count.

use super::super::AlertSettings;
use super::{Condition, Key, Level};
use crate::engine::Engine;
use crate::figures::NO_GATEWAY;
use crate::station::Station;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use textgate_gateway::Balance;
use textgate_sms::{GatewayId, MessageState, OutcomeClass, VsId};
use textgate_store::{Figures, FiguresQuestion, KeptFigures, Resolution, StoreError};

/// So many messages make a sample, and so many samples a past to compare with.
const SAMPLE: u64 = 50;
const SAMPLES: u64 = 4;
/// How much of the past each sample replaces.
const WEIGHT: f64 = 0.1;
/// Of what was before a start, so much is looked at.
const PAST_MS: i64 = 7 * 24 * 3_600_000;
/// Fewest messages that fail over within one flush, and their part of all, before it is told.
const FAILOVERS_LEAST: u64 = 5;
const FAILOVERS_PERCENT: u64 = 20;
/// A median below this is quick, whatever it was before (µs).
const QUICK_MICROS: f64 = 1_000_000.0;
/// A provider is asked for its balance at most so often, and only while messages leave by it.
const BALANCE_EVERY: Duration = Duration::from_secs(15 * 60);

/// How a gateway was before, and what was counted since the last sample.
#[derive(Default)]
pub(super) struct Past {
    sample: Figures,
    rate: Usual,
    latency: Usual,
    /// When its provider was asked for the balance.
    asked: Option<Instant>,
}

/// What is usual: a mean in which what is long ago counts ever less.
#[derive(Debug, Default, Clone, Copy)]
struct Usual {
    mean: f64,
    samples: u64,
}

impl Usual {
    /// The usual value, once there is one.
    fn known(&self) -> Option<f64> {
        (self.samples >= SAMPLES).then_some(self.mean)
    }

    /// The value of so many messages.
    fn add(&mut self, value: f64, messages: u64) {
        // More of the same would not change it any further.
        const MOST: u64 = 1_000;
        for _ in 0..(messages / SAMPLE).clamp(1, MOST) {
            self.samples = (self.samples + 1).min(MOST);
            self.mean += (value - self.mean) * WEIGHT.max(1.0 / self.samples as f64);
        }
    }

    /// Compares the value of so many messages with what was usual before it. What is out of line does not become usual.
    fn compare(&mut self, value: f64, messages: u64, level: impl Fn(f64, f64) -> Level) -> Level {
        let level = self.known().map_or(Level::Good, |usual| level(value, usual));
        if level == Level::Good {
            self.add(value, messages);
        }
        level
    }
}

/// A delivery rate (0 to 1) and a median time to sent (µs), where there were enough messages to say; with how each is by its past.
#[derive(Default)]
struct Compared {
    rate: Option<(Level, f64)>,
    latency: Option<(Level, f64)>,
}

impl Past {
    /// Adds what was counted, and compares it with what was before once it makes a sample.
    fn compare(&mut self, figures: &Figures, settings: &AlertSettings) -> Compared {
        let mut compared = Compared::default();
        self.sample.add(figures);
        let delivered = self.sample.came_to(MessageState::Delivered);
        let reported = delivered + self.sample.came_to(MessageState::Undelivered);
        if reported >= SAMPLE {
            let rate = delivered as f64 / reported as f64;
            let level = |now, usual| level_of_rate(now, usual, settings.delivery_drop_percent);
            compared.rate = Some((self.rate.compare(rate, reported, level), rate));
            self.sample.states = Default::default();
        }
        let sent = self.sample.to_sent.count();
        if sent >= SAMPLE {
            let median = self.sample.to_sent.quantile(0.5).unwrap_or(0) as f64;
            let level = |now, usual| level_of_latency(now, usual, settings.latency_factor);
            compared.latency = Some((self.latency.compare(median, sent, level), median));
            self.sample.to_sent = Default::default();
        }
        compared
    }
}

/// How a rate (0 to 1) is by what is usual.
fn level_of_rate(now: f64, usual: f64, drop_percent: u8) -> Level {
    let drop = f64::from(drop_percent) / 100.0;
    match usual - now {
        lower if lower > drop => Level::Bad,
        lower if lower > drop / 2.0 => Level::Between,
        _ => Level::Good,
    }
}

/// How a time (µs) is by what is usual.
fn level_of_latency(now: f64, usual: f64, factor: u8) -> Level {
    let factor = f64::from(factor);
    match now {
        now if now > QUICK_MICROS && now > usual * factor => Level::Bad,
        now if now > QUICK_MICROS && now > usual * factor / 2.0 => Level::Between,
        _ => Level::Good,
    }
}

/// How a rising number is by its threshold; cleared at half of it.
fn level_above(now: u64, threshold: u64) -> Level {
    match now {
        now if now > threshold => Level::Bad,
        now if now > threshold / 2 => Level::Between,
        _ => Level::Good,
    }
}

/// How credits are: raised below the percentage, cleared at half as much again.
fn level_of_credits(remaining: u64, allocated: u64, percent: u8) -> Level {
    let percent = u128::from(percent);
    let (remaining, allocated) = (u128::from(remaining) * 100, u128::from(allocated));
    match remaining {
        _ if allocated == 0 => Level::Good,
        remaining if remaining < allocated * percent => Level::Bad,
        remaining if remaining < allocated * (percent + percent.div_ceil(2)) => Level::Between,
        _ => Level::Good,
    }
}

impl Engine {
    /// Looks at what follows from what was counted since the last time.
    pub(crate) async fn measure(self: &Arc<Self>) {
        let recent = self.counters.take_recent();
        if recent.is_empty() {
            return;
        }
        let mut by_gateway: BTreeMap<GatewayId, Figures> = BTreeMap::new();
        let mut payers: BTreeSet<VsId> = BTreeSet::new();
        let view = self.view.load_full();
        let mut waiting: BTreeMap<GatewayId, Arc<Station>> = BTreeMap::new();
        for ((vs, gateway), figures) in recent {
            if figures.credits_spent + figures.credits_returned > 0 {
                payers.insert(vs);
            }
            for station in view.route(vs).into_iter().flat_map(|route| &route.stations) {
                waiting.insert(station.id, Arc::clone(station));
            }
            if gateway != NO_GATEWAY {
                by_gateway.entry(gateway).or_default().add(&figures);
            }
        }
        for (gateway, figures) in by_gateway {
            if let Some(station) = view.stations.get(&gateway) {
                self.observe_failovers(station, &figures);
                self.observe_past(station, &figures);
                self.observe_expiry(station);
            }
        }
        for station in waiting.values() {
            let depth: u64 = station.status().waiting.iter().sum();
            let most = u64::from(view.alert_setup(station.vs).settings.queue_over);
            let level = level_above(depth, most);
            self.observe_gateway(Condition::QueueGrowing, station, level, || format!("{depth}"));
        }
        self.observe_room();
        if !payers.is_empty() {
            self.observe_credits(Some(&payers)).await;
        }
    }

    /// Looks at everything that nothing tells by itself: at a start, after credits or settings changed, and now and then.
    pub(crate) async fn look_at_conditions(self: &Arc<Self>) {
        if !self.is_running() {
            return;
        }
        self.observe_room();
        let view = self.view.load_full();
        view.stations.values().for_each(|station| self.observe_expiry(station));
        self.observe_credits(None).await;
        // What is no longer watched, or no longer there, is over.
        let now_ms = self.clock.now_ms();
        let keys = self.alerts.conditions.book().keys();
        for key in keys {
            let of_gateway = key.subject.parse().ok().map(GatewayId);
            let is_of_gateway =
                !matches!(key.kind, Condition::CreditsLow | Condition::DiskFull | Condition::FraudGuard);
            let is_gone = is_of_gateway
                && of_gateway.is_none_or(|id| view.stations.get(&id).is_none_or(|s| s.vs != key.vs));
            let is_off = !view.alert_setup(key.vs).settings.watches(key.kind);
            let is_over =
                key.kind == Condition::FraudGuard && !self.guard.is_blocked(key.vs, &key.subject, now_ms);
            if is_gone || is_off || is_over || view.server(key.vs).is_none() {
                self.observe(key.kind, key.vs, key.subject, Level::Good, String::new);
            }
        }
    }

    /// What was raised before a start and cannot go on without being seen again is over.
    pub(crate) fn begin_conditions_anew(self: &Arc<Self>) {
        let keys = self.alerts.conditions.book().keys();
        self.begin_anew_with(keys);
    }

    /// The same for these.
    pub(crate) fn begin_anew_with(self: &Arc<Self>, keys: Vec<Key>) {
        for key in keys {
            if !key.kind.outlasts_a_start() {
                self.observe(key.kind, key.vs, key.subject, Level::Good, String::new);
            }
        }
    }

    async fn observe_credits(self: &Arc<Self>, of: Option<&BTreeSet<VsId>>) {
        let all = match self.store.all_credits().await {
            Ok(all) => all,
            Err(error) => return tracing::debug!(%error, "credits cannot be looked at"),
        };
        for (vs, credits) in all.into_iter().filter(|(vs, _)| of.is_none_or(|of| of.contains(vs))) {
            let (percent, path) = {
                let view = self.view.load();
                let Some(server) = view.server(vs) else { continue };
                (view.alert_setup(vs).settings.credits_percent, server.path.clone())
            };
            let remaining = credits.remaining();
            let level = level_of_credits(remaining, credits.allocated, percent);
            let about = || format!("{path}, {remaining} of {}", credits.allocated);
            self.observe(Condition::CreditsLow, vs, String::new(), level, about);
        }
    }

    fn observe_failovers(self: &Arc<Self>, station: &Station, figures: &Figures) {
        let attempts: u64 = figures.attempts.iter().sum();
        let all = attempts.max(figures.failovers);
        let is_much =
            figures.failovers >= FAILOVERS_LEAST && figures.failovers * 100 >= all * FAILOVERS_PERCENT;
        let level = match figures.failovers {
            _ if is_much => Level::Bad,
            0 if figures.attempts(OutcomeClass::Sent) > 0 => Level::Good,
            _ => Level::Between,
        };
        let count = figures.failovers;
        self.observe_gateway(Condition::FailingOver, station, level, || count.to_string());
    }

    /// Compares a full sample with what was usual.
    fn observe_past(self: &Arc<Self>, station: &Arc<Station>, figures: &Figures) {
        let view = self.view.load();
        let settings = &view.alert_setup(station.vs).settings;
        let (compared, asks) = {
            let mut all = self.alerts.conditions.past();
            all.retain(|gateway, _| view.stations.contains_key(gateway));
            let past = all.entry(station.id).or_default();
            let now = self.clock.now();
            let is_time =
                past.asked.is_none_or(|asked| now.saturating_duration_since(asked) >= BALANCE_EVERY);
            if is_time {
                past.asked = Some(now);
            }
            (past.compare(figures, settings), is_time && settings.watches(Condition::BalanceLow))
        };
        if let Some((level, now)) = compared.rate {
            let why = || format!("{:.0} %", now * 100.0);
            self.observe_gateway(Condition::DeliveryRate, station, level, why);
        }
        if let Some((level, now)) = compared.latency {
            let why = || format!("{:.1} s", now / 1e6);
            self.observe_gateway(Condition::Latency, station, level, why);
        }
        if asks {
            self.ask_balance(station);
        }
    }

    /// Learns from the figures of before this start what is usual at each gateway. Nothing of this start may have gone to the store yet.
    pub(crate) async fn learn_what_is_usual(&self) {
        let view = self.view.load_full();
        let mut gateways_of: BTreeMap<VsId, Vec<GatewayId>> = BTreeMap::new();
        view.stations
            .values()
            .for_each(|station| gateways_of.entry(station.vs).or_default().push(station.id));
        for (vs, gateways) in gateways_of {
            let settings = &view.alert_setup(vs).settings;
            let is_watched =
                [Condition::DeliveryRate, Condition::Latency].into_iter().any(|kind| settings.watches(kind));
            if !is_watched {
                continue;
            }
            let kept = match self.figures_before(vs).await {
                Ok(kept) => kept,
                Err(error) => return tracing::debug!(%error, "what is usual is learnt anew"),
            };
            let mut all = self.alerts.conditions.past();
            for gateway in gateways {
                let past = all.entry(gateway).or_default();
                for step in kept.iter().filter(|step| step.gateway == gateway) {
                    past.compare(&step.figures, settings);
                }
            }
        }
    }

    /// What the store has of a virtual server's gateways and whoever sends by them, the oldest first.
    async fn figures_before(&self, vs: VsId) -> Result<Vec<KeptFigures>, StoreError> {
        let now_ms = self.clock.now_ms();
        let hour_ms = now_ms - now_ms.rem_euclid(Resolution::Hour.step_ms());
        let mut kept = Vec::new();
        for is_below in [false, true] {
            for (resolution, from_ms, to_ms) in
                [(Resolution::Hour, now_ms - PAST_MS, hour_ms), (Resolution::Minute, hour_ms, now_ms + 1)]
            {
                let question = FiguresQuestion { vs, is_below, resolution, from_ms, to_ms };
                kept.extend(self.store.figures(question).await?);
            }
        }
        kept.sort_by_key(|step| step.at_ms);
        Ok(kept)
    }

    /// Asks the provider what is left, where it can be asked. Nothing waits for the answer.
    fn ask_balance(self: &Arc<Self>, station: &Arc<Station>) {
        let asked = station.built().gateway.as_ref().ok().and_then(|gateway| Arc::clone(gateway).balance());
        let Some(asked) = asked else { return };
        let (engine, station) = (Arc::clone(self), Arc::clone(station));
        let stop = self.stopping();
        self.spawn(async move {
            let balance = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                balance = asked => balance,
            };
            if let Ok(balance) = balance {
                engine.observe_balance(&station, &balance);
            }
        });
    }

    /// What a provider told is left, whoever asked.
    pub(crate) fn observe_balance(self: &Arc<Self>, station: &Station, balance: &Balance) {
        let least = f64::from(self.view.load().alert_setup(station.vs).settings.balance_below);
        let level = match balance.amount {
            amount if amount < least => Level::Bad,
            amount if amount < least * 1.5 => Level::Between,
            _ => Level::Good,
        };
        let why = || format!("{:.2} {}", balance.amount, balance.unit).trim_end().to_owned();
        self.observe_gateway(Condition::BalanceLow, station, level, why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Level::{Bad, Between, Good};

    #[test]
    fn each_threshold_has_another_one_for_clearing() {
        assert_eq!(
            [9, 10, 14, 15].map(|left| level_of_credits(left, 100, 10)),
            [Bad, Between, Between, Good]
        );
        assert_eq!(level_of_credits(0, 0, 10), Good);
        assert_eq!(level_of_credits(u64::MAX, u64::MAX, 99), Between);
        assert_eq!([101, 100, 51, 50].map(|waits| level_above(waits, 100)), [Bad, Between, Between, Good]);
        let rates = [0.70, 0.74, 0.80, 0.86, 0.99].map(|now| level_of_rate(now, 0.95, 20));
        assert_eq!(rates, [Bad, Bad, Between, Good, Good]);
        let seconds = [0.5, 2.0, 4.0, 6.0].map(|now| level_of_latency(now * 1e6, 1e6, 5));
        assert_eq!(seconds, [Good, Good, Between, Bad]);
    }

    #[test]
    fn what_is_quick_is_not_slow_by_being_slower() {
        assert_eq!(level_of_latency(900_000.0, 1_000.0, 5), Good);
    }

    #[test]
    fn nothing_is_usual_before_there_is_a_past() {
        let mut usual = Usual::default();
        for n in 0..SAMPLES {
            assert_eq!(usual.known(), None, "{n}");
            usual.add(10.0, SAMPLE);
        }
        assert!((usual.known().unwrap() - 10.0).abs() < 1e-9);
        (0..100).for_each(|_| usual.add(20.0, SAMPLE));
        assert!((usual.known().unwrap() - 20.0).abs() < 0.1, "{usual:?}");
        let mut at_once = Usual::default();
        at_once.add(10.0, SAMPLES * SAMPLE);
        assert!((at_once.known().unwrap() - 10.0).abs() < 1e-9, "as many messages are as much of a past");
        at_once.add(0.0, u64::MAX);
        assert!(at_once.known().unwrap() < 0.1, "{at_once:?}");
    }

    #[test]
    fn what_is_out_of_line_does_not_become_usual() {
        let (mut past, settings) = (Past::default(), AlertSettings::default());
        let counted = |state, n| {
            let mut figures = Figures::default();
            (0..n).for_each(|_| figures.count(state));
            figures
        };
        let level = |compared: Compared| compared.rate.map(|(level, _)| level);
        assert_eq!(level(past.compare(&counted(MessageState::Delivered, 30), &settings)), None);
        assert_eq!(level(past.compare(&counted(MessageState::Delivered, 170), &settings)), Some(Good));
        for _ in 0..50 {
            assert_eq!(level(past.compare(&counted(MessageState::Undelivered, 50), &settings)), Some(Bad));
        }
        assert_eq!(level(past.compare(&counted(MessageState::Delivered, 50), &settings)), Some(Good));
    }
}
