//! The tasks in which gateways run: one for each, started, restarted and stopped as the directory says.

use crate::courier;
use crate::engine::Engine;
use crate::station::Station;
use crate::view::View;
use crate::work::StationWork;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use textgate_gateway::{Gateway, Health, Stop, Work as _};
use textgate_sms::GatewayId;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A gateway that ends by itself (which it should not) is started again after this.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// The running gateways.
#[derive(Default)]
pub(crate) struct Runners(Mutex<BTreeMap<GatewayId, Runner>>);

struct Runner {
    gateway: Arc<dyn Gateway>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Runners {
    /// Makes what runs what the view says: the new ones start, the changed ones drain and start anew, the removed ones drain
    /// and end. Waits for nothing.
    pub(crate) fn follow(&self, engine: &Arc<Engine>, view: &View) {
        let mut running = self.lock();
        let gone: Vec<GatewayId> =
            running.keys().filter(|id| !view.stations.contains_key(id)).copied().collect();
        for id in gone {
            if let Some(runner) = running.remove(&id) {
                // It drains by itself, within the bound it was started with.
                runner.stop.cancel();
            }
        }
        for station in view.stations.values() {
            let built = station.built();
            let Ok(gateway) = &built.gateway else {
                if let Some(runner) = running.remove(&station.id) {
                    runner.stop.cancel();
                }
                continue;
            };
            let before = running.remove(&station.id);
            let runner = match before {
                Some(runner) if Arc::ptr_eq(&runner.gateway, gateway) => runner,
                before => start(engine, station, gateway, before),
            };
            running.insert(station.id, runner);
        }
    }

    /// Stops all, and waits until the last has drained.
    pub(crate) async fn stop(&self) {
        let all: Vec<Runner> = std::mem::take(&mut *self.lock()).into_values().collect();
        all.iter().for_each(|runner| runner.stop.cancel());
        for runner in all {
            // Only a panic could be told here, and was logged.
            let _ = runner.task.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<GatewayId, Runner>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn start(
    engine: &Arc<Engine>,
    station: &Arc<Station>,
    gateway: &Arc<dyn Gateway>,
    before: Option<Runner>,
) -> Runner {
    let stop = CancellationToken::new();
    if let Some(before) = &before {
        before.stop.cancel();
    }
    let work = Arc::new(StationWork { engine: Arc::clone(engine), station: Arc::clone(station) });
    if station.sharing.is_some() && gateway.is_local() {
        engine.spawn(courier::keep(Arc::clone(engine), Arc::clone(station), stop.clone()));
    }
    let how = Stop::new(stop.clone(), engine.limits.drain);
    let run = run(Arc::clone(gateway), work, how, before.map(|before| before.task));
    Runner { gateway: Arc::clone(gateway), stop, task: tokio::spawn(run) }
}

async fn run(gateway: Arc<dyn Gateway>, work: Arc<StationWork>, stop: Stop, before: Option<JoinHandle<()>>) {
    // One account at a time: a provider may allow a single session, and the old settings' must be closed first.
    if let Some(before) = before {
        let _ = before.await;
    }
    while !stop.token.is_cancelled() {
        Arc::clone(&gateway).run(Arc::clone(&work) as Arc<_>, stop.clone()).await;
        if stop.token.is_cancelled() {
            return;
        }
        tracing::error!(gateway = %work.station.id, "the gateway ended by itself; starting it again");
        work.health(Health::Down { reason: "it ended by itself".into(), is_account: false });
        tokio::select! {
            biased;
            () = stop.token.cancelled() => {}
            () = tokio::time::sleep(RESTART_PAUSE) => {}
        }
    }
}
