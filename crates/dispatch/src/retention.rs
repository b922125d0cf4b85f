//! What is kept for how long: texts are erased, history is pruned, in small steps that hold up nobody.

use crate::engine::Engine;
use std::sync::Arc;
use std::time::Duration;
use textgate_store::StoreError;
use tokio_util::sync::CancellationToken;

/// Between two rounds of tidying up.
const ROUND: Duration = Duration::from_secs(600);
/// Messages in one transaction, so that an accept never waits for long behind one.
const STEP: usize = 500;
/// Between two steps of one round.
const BREATH: Duration = Duration::from_millis(20);
const DAY_MS: i64 = 24 * 3600 * 1000;

/// Tidies up until `stop`.
pub(crate) async fn keep(engine: Arc<Engine>, stop: CancellationToken) {
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            tidied = tidy(&engine) => if let Err(error) = tidied {
                tracing::warn!(%error, "old messages cannot be removed; trying again later");
            },
        }
        // A disk fills and a certificate grows old without a message.
        engine.look_at_conditions().await;
        // What another node left, and parts that it was to look at.
        engine.look_at_inbound_again();
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(ROUND) => {}
        }
    }
}

/// One round: until nothing is left that is past its time.
pub(crate) async fn tidy(engine: &Engine) -> Result<(), StoreError> {
    let now_ms = engine.clock.now_ms();
    let before = |days: u32| now_ms - i64::from(days) * DAY_MS;
    while engine.store.expire_passcodes(now_ms, STEP).await? >= STEP {
        tokio::time::sleep(BREATH).await;
    }
    while engine.store.erase_texts(before(engine.limits.text_days), STEP).await? >= STEP {
        tokio::time::sleep(BREATH).await;
    }
    while engine.store.prune(before(engine.limits.history_days), STEP).await? >= STEP {
        tokio::time::sleep(BREATH).await;
    }
    let view = engine.view.load_full();
    engine.statistics.tidy(|gateway| view.stations.contains_key(&gateway));
    let gone = engine.guard.tidy(|vs| view.server(vs).is_some(), now_ms);
    if !gone.is_empty() {
        engine.store.keep_guard_blocks(Vec::new(), gone, Vec::new()).await?;
    }
    Ok(())
}
