//! Series: figures by time, for charts; how gateways are now; and for how long SMS credits last.

use super::messages::name_of;
use super::{invalid, server};
use crate::dispatch::Dispatch;
use crate::figures::NO_GATEWAY;
use crate::words::{CreditsView, DirectoryError, GatewayStatus};
use std::collections::BTreeMap;
use textgate_sms::{GatewayId, VsId};
use textgate_store::{Figures, FiguresQuestion, KeptFigures, Resolution};
use tokio::sync::watch;

/// Most steps of one series.
const STEPS_MOST: i64 = 1_500;
const DAY_MS: i64 = 24 * 3_600_000;
/// A forecast looks back so far.
const WEEK_DAYS: i64 = 7;

/// Whose figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// Of this virtual server,
    pub vs: VsId,
    /// and of all below it.
    pub with_below: bool,
}

/// Figures by time.
#[derive(Debug, Clone)]
pub struct Series {
    /// When the first step begins (Unix time, ms).
    pub from_ms: i64,
    /// When the last one ends.
    pub to_ms: i64,
    /// How long each is (ms).
    pub step_ms: i64,
    /// Every step, oldest first, also where nothing happened.
    pub steps: Vec<SeriesStep>,
    /// The sum of all.
    pub total: Figures,
    /// The sum for each gateway that had something to do, by number.
    pub gateways: Vec<GatewaySeries>,
}

/// One step of a [`Series`].
#[derive(Debug, Clone, Default)]
pub struct SeriesStep {
    /// When it begins (Unix time, ms).
    pub at_ms: i64,
    /// What happened in it.
    pub figures: Figures,
}

/// The sum for one gateway.
#[derive(Debug, Clone)]
pub struct GatewaySeries {
    /// Its number.
    pub id: GatewayId,
    /// Its name; its number where it has been removed since.
    pub name: String,
    /// What it did.
    pub figures: Figures,
}

/// A gateway that a virtual server sends through, as it is now.
#[derive(Debug, Clone)]
pub struct GatewayNow {
    /// Its number.
    pub id: GatewayId,
    /// Its name.
    pub name: String,
    /// Its own, and not a service provider's.
    pub is_own: bool,
    /// How it is. Of a service provider's gateway only health and breaker are told.
    pub status: GatewayStatus,
}

/// For how long SMS credits last.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Forecast {
    /// The credits now.
    pub credits: CreditsView,
    /// Spent in a day, on average over the past week, or since the virtual server was made.
    pub per_day: f64,
    /// Days until none remain at this pace; `None` where none are spent.
    pub days_left: Option<f64>,
}

impl Series {
    /// A step (ms) for a span of time that ends about now: fine enough to see something, and kept for so long.
    pub fn usual_step_ms(span_ms: i64) -> i64 {
        const MINUTE_MS: i64 = 60_000;
        match span_ms.div_euclid(60 * MINUTE_MS) {
            ..=2 => MINUTE_MS,
            3..=24 => 10 * MINUTE_MS,
            25..=192 => 60 * MINUTE_MS,
            193..=839 => 360 * MINUTE_MS,
            _ => DAY_MS,
        }
    }
}

impl Dispatch {
    /// The wall clock (Unix time, ms).
    pub fn now_ms(&self) -> i64 {
        self.engine.clock.now_ms()
    }

    /// What happened from `from_ms` to before `to_ms`, in steps of `step_ms` that begin at whole multiples of it. Minutes are kept
    /// for 48 hours, hours for 35 days, days (of UTC) for 400; the finest that reaches back to `from_ms` is taken. Includes what
    /// happened this moment.
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`] at `from`, `to` or `step_s`; [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn series(
        &self,
        scope: Scope,
        gateway: Option<GatewayId>,
        from_ms: i64,
        to_ms: i64,
        step_ms: i64,
    ) -> Result<Series, DirectoryError> {
        let view = self.engine.view.load_full();
        server(&view, scope.vs)?;
        let resolution = resolution(self.engine.clock.now_ms(), from_ms, to_ms, step_ms)?;
        let from_ms = from_ms.div_euclid(step_ms) * step_ms;
        let count =
            (to_ms - from_ms).div_euclid(step_ms) + i64::from((to_ms - from_ms).rem_euclid(step_ms) > 0);
        let to_ms = from_ms + count * step_ms;
        let mut found = Vec::new();
        for is_below in [false, true].into_iter().take(if scope.with_below { 2 } else { 1 }) {
            let question = FiguresQuestion { vs: scope.vs, is_below, resolution, from_ms, to_ms };
            found.extend(self.engine.figures(question).await?);
        }
        found.retain(|kept| gateway.is_none_or(|gateway| kept.gateway == gateway));
        let mut series = sum(found, from_ms, step_ms, count);
        for gateway in &mut series.gateways {
            gateway.name = name_of(&view, gateway.id);
        }
        Ok(series)
    }

    /// Hears when figures went to the store, every few seconds while messages are on their way.
    pub fn figures_changes(&self) -> watch::Receiver<u64> {
        self.engine.counters.changes()
    }

    /// The gateways that this virtual server's messages leave through, primary first; none where none is configured.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub fn gateways_now(&self, vs: VsId) -> Result<Vec<GatewayNow>, DirectoryError> {
        let view = self.engine.view.load();
        let Some(route) = &server(&view, vs)?.route else { return Ok(Vec::new()) };
        let now = |station: &std::sync::Arc<crate::station::Station>| {
            let (is_own, status) = (station.vs == vs, station.status());
            let told =
                GatewayStatus { health: status.health, breaker: status.breaker, ..GatewayStatus::default() };
            GatewayNow {
                id: station.id,
                name: station.built().name.clone(),
                is_own,
                status: if is_own { status } else { told },
            }
        };
        Ok(route.stations.iter().map(now).collect())
    }

    /// The gateway of this name that this virtual server has or sends through; of this number where it has been removed since.
    pub fn gateway_named(&self, vs: VsId, name: &str) -> Option<GatewayId> {
        let view = self.engine.view.load();
        let server = view.server(vs)?;
        let own = server.gateways.iter().filter_map(|id| view.stations.get(id));
        let through = server.route.iter().flat_map(|route| &route.stations);
        let named = own.chain(through).find(|station| station.built().name == name).map(|station| station.id);
        named.or_else(|| name.parse().ok().map(GatewayId))
    }

    /// For how long this virtual server's SMS credits last at the pace of the past week.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn forecast(&self, vs: VsId) -> Result<Forecast, DirectoryError> {
        let credits = self.credits(vs).await?;
        let now_ms = self.engine.clock.now_ms();
        let view = self.engine.view.load_full();
        let created_ms =
            view.directory.virtual_servers.iter().find(|s| s.id == vs).map_or(0, |s| s.created_ms);
        let days = (now_ms - created_ms) as f64 / DAY_MS as f64;
        let from_ms = now_ms - WEEK_DAYS * DAY_MS;
        let question =
            FiguresQuestion { vs, is_below: false, resolution: Resolution::Hour, from_ms, to_ms: now_ms + 1 };
        let kept = self.engine.figures(question).await?;
        let spent: u64 = kept.iter().map(|kept| kept.figures.credits_spent).sum();
        let returned: u64 = kept.iter().map(|kept| kept.figures.credits_returned).sum();
        let per_day = spent.saturating_sub(returned) as f64 / days.clamp(1.0, WEEK_DAYS as f64);
        let days_left = (per_day > 0.0).then(|| credits.remaining as f64 / per_day);
        Ok(Forecast { credits, per_day, days_left })
    }
}

/// The finest resolution that fits the step and reaches back far enough.
fn resolution(now_ms: i64, from_ms: i64, to_ms: i64, step_ms: i64) -> Result<Resolution, DirectoryError> {
    if from_ms < 0 || to_ms <= from_ms || to_ms > now_ms + 366 * DAY_MS {
        return Err(invalid("to", "choose a time after from, and within a year"));
    }
    let least = Resolution::Minute.step_ms();
    if step_ms < least || step_ms % least != 0 {
        return Err(invalid("step_s", "choose whole minutes: 60 or a multiple of it"));
    }
    if (to_ms - from_ms) / step_ms > STEPS_MOST {
        return Err(invalid("step_s", format!("choose a longer step: a series has at most {STEPS_MOST}")));
    }
    let fits = |resolution: &Resolution| {
        step_ms % resolution.step_ms() == 0 && from_ms >= now_ms - resolution.kept_ms() - resolution.step_ms()
    };
    if let Some(finest) = Resolution::ALL.into_iter().find(fits) {
        return Ok(finest);
    }
    // Further back than anything that fine is kept: what is left of it in the coarsest that fits the step.
    let coarsest = Resolution::ALL.into_iter().rev().find(|r| step_ms % r.step_ms() == 0);
    match coarsest {
        Some(Resolution::Day) => Ok(Resolution::Day),
        _ => Err(invalid(
            "step_s",
            "so long ago only coarser steps are kept: whole hours (3,600) for 35 days, whole days (86,400) for 400",
        )),
    }
}

fn sum(found: Vec<KeptFigures>, from_ms: i64, step_ms: i64, count: i64) -> Series {
    let step = |n: i64| SeriesStep { at_ms: from_ms + n * step_ms, figures: Figures::default() };
    let mut steps: Vec<SeriesStep> = (0..count).map(step).collect();
    let mut gateways: BTreeMap<GatewayId, Figures> = BTreeMap::new();
    let mut total = Figures::default();
    for kept in found {
        let at = usize::try_from((kept.at_ms - from_ms).div_euclid(step_ms)).ok();
        let Some(step) = at.and_then(|at| steps.get_mut(at)) else { continue };
        step.figures.add(&kept.figures);
        total.add(&kept.figures);
        if kept.gateway != NO_GATEWAY {
            gateways.entry(kept.gateway).or_default().add(&kept.figures);
        }
    }
    let gateways = gateways
        .into_iter()
        .map(|(id, figures)| GatewaySeries { id, name: String::new(), figures })
        .collect();
    Series { from_ms, to_ms: from_ms + count * step_ms, step_ms, steps, total, gateways }
}
