//! Where conditions are observed: as things happen, and never by asking again and again.

use super::{Condition, Key, Level};
use crate::agenda::Alarm;
use crate::engine::Engine;
use crate::station::Station;
use std::sync::Arc;
use textgate_gateway::Health;
use textgate_sms::VsId;

/// Most characters of a reason in an alert.
const LONGEST_REASON: usize = 80;
const DAY_MS: i64 = 24 * 3600 * 1000;

impl Engine {
    /// Notes that a condition of something of this virtual server is so.
    pub(crate) fn observe(
        self: &Arc<Self>,
        kind: Condition,
        vs: VsId,
        subject: String,
        level: Level,
        about: impl FnOnce() -> String,
    ) {
        if !self.is_running() {
            return;
        }
        let view = self.view.load();
        let settings = &view.alert_setup(vs).settings;
        let level = if settings.watches(kind) { level } else { Level::Good };
        let hold_ms = i64::from(settings.hold_s) * 1000;
        let (key, now_ms) = (Key { kind, vs, subject }, self.clock.now_ms());
        let settle = self.alerts.conditions.book().observe(key, level, about, now_ms, hold_ms);
        if let Some(settle_ms) = settle {
            self.agenda.ring(settle_ms, Alarm::Conditions);
        }
    }

    /// The same of a gateway.
    pub(super) fn observe_gateway(
        self: &Arc<Self>,
        kind: Condition,
        station: &Station,
        level: Level,
        why: impl FnOnce() -> String,
    ) {
        let about = || {
            let name = self.gateway_called(station);
            let why: String = why().chars().filter(|c| !c.is_control()).take(LONGEST_REASON).collect();
            if why.is_empty() { name } else { format!("{name} ({why})") }
        };
        self.observe(kind, station.vs, station.id.to_string(), level, about);
    }

    fn gateway_called(&self, station: &Station) -> String {
        let name = station.built().name.clone();
        match self.view.load().server(station.vs) {
            Some(server) if server.parent.is_some() => format!("{}/{name}", server.path),
            _ => name,
        }
    }

    /// A gateway says how it is.
    pub(crate) fn observe_health(self: &Arc<Self>, station: &Station, health: &Health) {
        match health {
            Health::Connecting => {}
            Health::Up { .. } => {
                for kind in [Condition::GatewayDown, Condition::CredentialsRefused] {
                    self.observe_gateway(kind, station, Level::Good, String::new);
                }
                self.observe_expiry(station);
            }
            Health::Down { reason, is_account } => {
                let kind = if *is_account { Condition::CredentialsRefused } else { Condition::GatewayDown };
                self.observe_gateway(kind, station, Level::Bad, || reason.clone());
            }
        }
    }

    /// A gateway's breaker opened, for this reason, or closed.
    pub(crate) fn observe_breaker(self: &Arc<Self>, station: &Station, opened: Option<(bool, String)>) {
        match opened {
            None => {
                for kind in [Condition::BreakerOpen, Condition::CredentialsRefused] {
                    self.observe_gateway(kind, station, Level::Good, String::new);
                }
            }
            Some((is_account, why)) => {
                let kind = if is_account { Condition::CredentialsRefused } else { Condition::BreakerOpen };
                self.observe_gateway(kind, station, Level::Bad, || why);
            }
        }
    }

    /// Looks at the certificate of a gateway's peer, where it is known.
    pub(super) fn observe_expiry(self: &Arc<Self>, station: &Station) {
        let expires_ms =
            station.built().gateway.as_ref().ok().and_then(|gateway| gateway.certificate_expires_ms());
        let Some(expires_ms) = expires_ms else { return };
        let within = self.view.load().alert_setup(station.vs).settings.expires_within_days;
        let left_ms = expires_ms - self.clock.now_ms();
        let level = if left_ms < i64::from(within) * DAY_MS { Level::Bad } else { Level::Good };
        let date = jiff::Timestamp::from_millisecond(expires_ms).map(|at| at.strftime("%F").to_string());
        self.observe_gateway(Condition::Expiring, station, level, || date.unwrap_or_default());
    }

    /// Looks at the room where the store writes.
    pub(super) fn observe_room(self: &Arc<Self>) {
        let Some((free, all)) = self.store.room().filter(|(_, all)| *all > 0) else { return };
        let least = u64::from(self.view.load().alert_setup(VsId::ROOT).settings.disk_free_percent);
        let percent = free.saturating_mul(100) / all;
        let level = match percent {
            percent if percent < least => Level::Bad,
            percent if percent < least + 2 => Level::Between,
            _ => Level::Good,
        };
        let about = || format!("{percent} % free, {} MiB", free >> 20);
        self.observe(Condition::DiskFull, VsId::ROOT, String::new(), level, about);
    }
}

impl Engine {
    /// The fraud guard blocks a range of numbers (`is_acting`), or does not any more; by how they begin.
    pub(crate) fn guard_acts(self: &Arc<Self>, vs: VsId, range: &str, is_acting: bool) {
        let level = if is_acting { Level::Bad } else { Level::Good };
        self.observe(Condition::FraudGuard, vs, range.to_owned(), level, || {
            let view = self.view.load();
            let path = view.server(vs).map(|server| server.path.clone()).unwrap_or_default();
            format!("{path}: codes to numbers that begin with {range}")
        });
    }
}
