//! What is counted and measured, in the OpenMetrics text format that Prometheus reads.
//!
//! Labels are words of the vocabulary, gateways' names and virtual servers' paths: never a number, a text or a secret.

use crate::alerts::AlertHappened;
use crate::guard::GuardReason;
use crate::opt_out::Word;
use crate::otp::PasscodeMeters;
use crate::people::SignInRefusal;
use crate::station::Station;
use crate::view::View;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::fmt;
use std::sync::Arc;
use textgate_gateway::LineStatus;
use textgate_sms::{Kind, MessageState, OutcomeClass};
use textgate_store::{CommitStats, EventState};

/// Bounds of the latency histograms (s): fine where passcodes live, coarse where providers do.
const LATENCY: [f64; 16] =
    [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Bounds of the histogram of operations in one commit.
const OPERATIONS: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 1024.0];

/// What an attempt to sign in may come to.
const SIGN_INS: [&str; 5] = ["done", "wrong", "second_factor", "too_many", "store_unavailable"];

/// What an attempt to deliver a webhook's event may come to, by the event's state afterwards.
const WEBHOOKS: [(EventState, &str); 3] =
    [(EventState::Owed, "failed"), (EventState::Delivered, "delivered"), (EventState::GivenUp, "given_up")];
/// Bounds of the histogram of an event's delay (s): from at once to days.
const DELAY: [f64; 10] = [0.01, 0.05, 0.25, 1.0, 5.0, 60.0, 600.0, 3_600.0, 21_600.0, 86_400.0];

/// Counters and histograms of the whole program.
pub struct Metrics {
    registry: Registry,
    pub(crate) accepted: [Counter; Kind::ALL.len()],
    pub(crate) refused: Counter,
    pub(crate) finished: [Counter; MessageState::ALL.len()],
    pub(crate) wait: [Histogram; Kind::ALL.len()],
    pub(crate) possible_duplicates: Counter,
    pub(crate) unacknowledged: Counter,
    pub(crate) recovered: Counter,
    pub(crate) handed_over: Counter,
    pub(crate) receipts: Counter,
    pub(crate) receipts_unmatched: Counter,
    pub(crate) inbound: Counter,
    pub(crate) inbound_parts: Counter,
    pub(crate) inbound_incomplete: Counter,
    pub(crate) inbound_repeated: Counter,
    pub(crate) passcodes: PasscodeMeters,
    pub(crate) guard_ranges_blocked: Counter,
    pub(crate) guard_blocks: Gauge,
    guard_refused: [Counter; GuardReason::ALL.len()],
    guard_would_refuse: [Counter; GuardReason::ALL.len()],
    sign_ins: [Counter; SIGN_INS.len()],
    alerts: [Counter; AlertHappened::ALL.len()],
    words: [Counter; Word::ALL.len()],
    pub(crate) opted_out: Counter,
    pub(crate) opt_outs: Gauge,
    pub(crate) unrecorded: Gauge,
    webhook_attempts: [Counter; WEBHOOKS.len()],
    webhook_delay: Histogram,
    commit: Histogram,
    commit_operations: Histogram,
}

/// Counters and histograms of one gateway.
pub(crate) struct GatewayMeters {
    pub(crate) attempts: [Counter; OutcomeClass::ALL.len()],
    pub(crate) submit: Histogram,
}

type Labels = Vec<(&'static str, &'static str)>;

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("textgate");
        let accepted = family(&mut registry, "messages_accepted", "Messages accepted, by kind");
        let finished =
            family(&mut registry, "messages_changed", "Messages that came to this state, by state");
        let sign_ins = family(&mut registry, "sign_ins", "Attempts to sign in to the console, by outcome");
        let alerts = family(&mut registry, "alerts", "What happened to alerts, by event");
        let words = family(
            &mut registry,
            "opt_out_words",
            "Messages of phones that were a word for no more messages, for messages again or for help, by word",
        );
        let webhook_attempts =
            family(&mut registry, "webhook_attempts", "Attempts to deliver a webhook's event, by outcome");
        let waits = Family::<Labels, Histogram, fn() -> Histogram>::new_with_constructor(latency);
        registry.register_with_unit(
            "message_wait",
            "From acceptance until a gateway took the message, by kind",
            Unit::Seconds,
            waits.clone(),
        );
        let guard_refused =
            family(&mut registry, "guard_refused", "Passcodes that the fraud guard refused, by reason");
        let guard_would_refuse = family(
            &mut registry,
            "guard_would_refuse",
            "Passcodes that the fraud guard would have refused in a dry run, by reason",
        );
        let mut counter = |name, help| {
            let counter = Counter::default();
            registry.register(name, help, counter.clone());
            counter
        };
        let refused = counter("messages_refused", "Messages that were not accepted");
        let possible_duplicates = counter(
            "possible_duplicates",
            "Messages sent again after a gateway may have taken them without telling",
        );
        let unacknowledged = counter(
            "messages_unacknowledged",
            "Passcodes that were on their way when their commit failed: sent, and answered 503",
        );
        let recovered =
            counter("messages_recovered", "Messages that a start found unfinished and sends again");
        let handed_over = counter(
            "messages_handed_over",
            "Messages given to another node, which has the connections of their gateway",
        );
        let receipts = counter("receipts", "Receipts that belong to a message");
        let receipts_unmatched = counter(
            "receipts_unmatched",
            "Receipts that belong to no message (yet); they are kept for a while",
        );
        let inbound = counter("inbound_messages", "Messages that phones sent");
        let inbound_parts = counter("inbound_parts", "Parts of messages that phones sent in several");
        let inbound_incomplete =
            counter("inbound_incomplete", "Messages of phones that were passed on with parts missing");
        let inbound_repeated = counter(
            "inbound_repeated",
            "Messages of phones that a provider brought again, and that were there already",
        );
        let guard_ranges_blocked =
            counter("guard_ranges_blocked", "Ranges that the fraud guard blocked by itself");
        let opted_out = counter(
            "messages_opted_out",
            "Messages that were refused, or cancelled when they were due, because the phone has opted out",
        );
        let guard_blocks = Gauge::default();
        registry.register("guard_blocks", "Ranges that are blocked now", guard_blocks.clone());
        let opt_outs = Gauge::default();
        registry.register("opt_outs", "Opt-outs that are in force", opt_outs.clone());
        let unrecorded = Gauge::default();
        let help = "Outcomes that the store has not written yet; texts wait while there are too many";
        registry.register("outcomes_unrecorded", help, unrecorded.clone());
        let passcodes = PasscodeMeters::register(&mut registry);
        let webhook_delay = Histogram::new(DELAY);
        registry.register_with_unit(
            "webhook_delay",
            "From what happened until a webhook's endpoint had the event",
            Unit::Seconds,
            webhook_delay.clone(),
        );
        let commit = latency();
        registry.register_with_unit(
            "store_commit",
            "One commit of the store, with its sync",
            Unit::Seconds,
            commit.clone(),
        );
        let commit_operations = Histogram::new(OPERATIONS);
        registry.register(
            "store_commit_operations",
            "Operations that shared one commit",
            commit_operations.clone(),
        );
        Self {
            accepted: std::array::from_fn(|i| get(&accepted, "kind", Kind::ALL[i].name())),
            refused,
            finished: std::array::from_fn(|i| get(&finished, "state", MessageState::ALL[i].name())),
            wait: std::array::from_fn(|i| waits.get_or_create(&vec![("kind", Kind::ALL[i].name())]).clone()),
            possible_duplicates,
            unacknowledged,
            recovered,
            handed_over,
            receipts,
            receipts_unmatched,
            inbound,
            inbound_parts,
            inbound_incomplete,
            inbound_repeated,
            passcodes,
            guard_ranges_blocked,
            guard_blocks,
            guard_refused: reasons(&guard_refused),
            guard_would_refuse: reasons(&guard_would_refuse),
            sign_ins: std::array::from_fn(|i| get(&sign_ins, "outcome", SIGN_INS[i])),
            alerts: std::array::from_fn(|i| get(&alerts, "event", AlertHappened::ALL[i].name())),
            words: std::array::from_fn(|i| get(&words, "word", Word::ALL[i].name())),
            opted_out,
            opt_outs,
            unrecorded,
            webhook_attempts: std::array::from_fn(|i| get(&webhook_attempts, "outcome", WEBHOOKS[i].1)),
            webhook_delay,
            commit,
            commit_operations,
            registry,
        }
    }
}

impl Metrics {
    /// The observer to open the store with.
    pub fn on_commit(&self, stats: CommitStats) {
        self.commit.observe(stats.took.as_secs_f64());
        self.commit_operations.observe(stats.operations as f64);
    }

    /// Counts an attempt to deliver an event of a webhook that is so old (ms).
    pub(crate) fn on_webhook(&self, state: EventState, age_ms: i64) {
        for ((of, _), counter) in WEBHOOKS.iter().zip(&self.webhook_attempts) {
            if *of == state {
                counter.inc();
            }
        }
        if state == EventState::Delivered {
            self.webhook_delay.observe(age_ms.max(0) as f64 / 1_000.0);
        }
    }

    /// Counts an attempt to sign in.
    pub(crate) fn on_sign_in(&self, refusal: Option<SignInRefusal>) {
        let [done, wrong, second_factor, too_many, store_unavailable] = &self.sign_ins;
        let counter = match refusal {
            None => done,
            Some(SignInRefusal::Wrong) => wrong,
            Some(SignInRefusal::SecondFactorNeeded) => second_factor,
            Some(SignInRefusal::TooMany { .. }) => too_many,
            Some(SignInRefusal::StoreUnavailable) => store_unavailable,
        };
        counter.inc();
    }

    /// Counts a passcode that the fraud guard refused, or would have.
    pub(crate) fn on_guard(&self, reason: GuardReason, is_dry_run: bool) {
        let counters = if is_dry_run { &self.guard_would_refuse } else { &self.guard_refused };
        counters[reason as usize].inc();
    }

    /// Counts a phone's word.
    pub(crate) fn on_word(&self, word: Word) {
        if let Some(counter) = self.words.get(word as usize) {
            counter.inc();
        }
    }

    /// Counts what happened to an alert.
    pub(crate) fn on_alert(&self, what: AlertHappened) {
        if let Some(counter) = self.alerts.get(what as usize) {
            counter.inc();
        }
    }

    /// All of it, with the gateways as they are now.
    pub(crate) fn render(&self, view: &View) -> String {
        let mut text = String::new();
        let gateways: Vec<(String, Arc<Station>)> = view
            .stations
            .values()
            .map(|station| {
                let path = view.server(station.vs).map_or("?", |server| &server.path);
                (path.to_owned(), Arc::clone(station))
            })
            .collect();
        let mut live = Registry::with_prefix("textgate");
        live.register_collector(Box::new(Gateways(gateways)));
        // Writing into a String cannot fail.
        let _ = prometheus_client::encoding::text::encode_registry(&mut text, &self.registry);
        let _ = prometheus_client::encoding::text::encode(&mut text, &live);
        text
    }
}

impl GatewayMeters {
    pub(crate) fn new() -> Self {
        Self { attempts: std::array::from_fn(|_| Counter::default()), submit: latency() }
    }
}

fn latency() -> Histogram {
    Histogram::new(LATENCY)
}

fn family(registry: &mut Registry, name: &str, help: &str) -> Family<Labels, Counter> {
    let family = Family::<Labels, Counter>::default();
    registry.register(name, help, family.clone());
    family
}

fn reasons(family: &Family<Labels, Counter>) -> [Counter; GuardReason::ALL.len()] {
    GuardReason::ALL.map(|reason| get(family, "reason", reason.name()))
}

fn get(family: &Family<Labels, Counter>, label: &'static str, value: &'static str) -> Counter {
    family.get_or_create(&vec![(label, value)]).clone()
}

// === the gateways, read when asked ===

struct Gateways(Vec<(String, Arc<Station>)>);

impl fmt::Debug for Gateways {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Gateways").field(&self.0.len()).finish()
    }
}

/// Writes one gateway's share of a metric, under these labels.
type Write<'a> = &'a mut dyn FnMut(&Station, &[(&str, &str)], &mut MetricEncoder<'_>) -> fmt::Result;

impl Collector for Gateways {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let each = |encoder: &mut DescriptorEncoder<'_>,
                    (name, help, unit): (&str, &str, Option<&Unit>),
                    kind: &dyn EncodeMetric,
                    write: Write<'_>| {
            let mut metric = encoder.encode_descriptor(name, help, unit, kind.metric_type())?;
            for (path, station) in &self.0 {
                let name = station.built().name.clone();
                write(station, &[("virtual_server", path), ("gateway", &name)], &mut metric)?;
            }
            Ok(())
        };
        let gauge = ConstGauge::new(0_i64);
        let attempts = ("gateway_attempts", "Submissions to this gateway, by outcome class", None);
        each(&mut encoder, attempts, &Counter::<u64>::default(), &mut |station, labels, metric| {
            for (class, counter) in OutcomeClass::ALL.iter().zip(&station.meters.attempts) {
                let labels = [labels[0], labels[1], ("outcome", class.name())];
                counter.encode(metric.encode_family(&labels)?)?;
            }
            Ok(())
        })?;
        let submit =
            ("gateway_submit", "From taking a message until its outcome was known", Some(&Unit::Seconds));
        each(&mut encoder, submit, &latency(), &mut |station, labels, metric| {
            station.meters.submit.encode(metric.encode_family(&labels)?)
        })?;
        let waiting = ("gateway_waiting", "Messages that wait for this gateway, by lane", None);
        each(&mut encoder, waiting, &gauge, &mut |station, labels, metric| {
            for (kind, depth) in Kind::ALL.iter().zip(station.status().waiting) {
                let labels = [labels[0], labels[1], ("lane", kind.name())];
                whole(depth).encode(metric.encode_family(&labels)?)?;
            }
            Ok(())
        })?;
        type Reading = fn(&Station) -> u64;
        let readings: [(&str, &str, Reading); 4] = [
            ("gateway_in_flight", "Messages taken and not finished", |s| s.status().in_flight),
            ("gateway_window", "Room for unfinished messages", |s| s.status().window.into()),
            ("gateway_up", "1 where the gateway is connected and ready", |s| {
                (s.status().health == "up").into()
            }),
            ("gateway_breaker", "The circuit breaker: 0 closed, 1 half open, 2 open", |s| {
                match s.status().breaker {
                    "closed" => 0,
                    "half_open" => 1,
                    _ => 2,
                }
            }),
        ];
        for (name, help, read) in readings {
            each(&mut encoder, (name, help, None), &gauge, &mut |station, labels, metric| {
                whole(read(station)).encode(metric.encode_family(&labels)?)
            })?;
        }
        lines(&mut encoder, &self.0)
    }
}

/// The lines of the gateways that have lines: modems.
fn lines(encoder: &mut DescriptorEncoder<'_>, stations: &[(String, Arc<Station>)]) -> fmt::Result {
    let all: Vec<(&str, String, LineStatus)> = stations
        .iter()
        .flat_map(|(path, station)| {
            let name = station.built().name.clone();
            station.lines().into_iter().map(move |line| (path.as_str(), name.clone(), line))
        })
        .collect();
    type Reading = fn(&LineStatus) -> Option<i64>;
    let readings: [(&str, &str, Reading); 3] = [
        ("modem_up", "1 where the modem is ready and registered with a network", |line| {
            Some((line.health == "up").into())
        }),
        ("modem_registered", "1 where it is registered at home, 2 where it roams, 0 otherwise", |line| {
            Some(match line.registration {
                "home" => 1,
                "roaming" => 2,
                _ => 0,
            })
        }),
        ("modem_signal_dbm", "The signal's strength (dBm), where it is known", |line| {
            line.signal_dbm.map(i64::from)
        }),
    ];
    let gauge = ConstGauge::new(0_i64);
    for (name, help, read) in readings {
        let mut metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
        for (path, gateway, line) in &all {
            if let Some(value) = read(line) {
                let labels = [("virtual_server", *path), ("gateway", gateway), ("line", &line.line)];
                ConstGauge::new(value).encode(metric.encode_family(&labels)?)?;
            }
        }
    }
    let counter = ConstCounter::new(0_u64);
    let help = "Segments that the modem sent since its gateway was started";
    let mut metric = encoder.encode_descriptor("modem_segments", help, None, counter.metric_type())?;
    for (path, gateway, line) in &all {
        let labels = [("virtual_server", *path), ("gateway", gateway), ("line", &line.line)];
        ConstCounter::new(line.segments_sent).encode(metric.encode_family(&labels)?)?;
    }
    let mut metric = encoder.encode_descriptor(
        "modem",
        "1 for each modem: what it is and says",
        None,
        gauge.metric_type(),
    )?;
    for (path, gateway, line) in &all {
        let labels = [
            ("virtual_server", *path),
            ("gateway", gateway),
            ("line", &line.line),
            ("model", line.model.as_deref().unwrap_or_default()),
            ("sim", line.sim),
            ("registration", line.registration),
            ("operator", line.operator.as_deref().unwrap_or_default()),
        ];
        ConstGauge::new(1_i64).encode(metric.encode_family(&labels)?)?;
    }
    Ok(())
}

fn whole(n: u64) -> ConstGauge<i64> {
    ConstGauge::new(i64::try_from(n).unwrap_or(i64::MAX))
}
