//! Outcomes that the store has not written yet. What a gateway took and nobody recorded is sent again after a crash, and what a node sent
//! that others have taken over arrives twice: so there are not ever more of them while the store takes nothing. Passcodes and alerts
//! are worth that; texts wait.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

/// Above so many, texts wait: more than are ever on their way to a store that is well.
const MOST: usize = 10_000;

/// How many there are.
#[derive(Default)]
pub(crate) struct Unrecorded {
    count: AtomicUsize,
    /// Somebody was told that texts wait, and has to hear when they do not any more.
    is_waited_for: AtomicBool,
}

impl Unrecorded {
    /// So many were handed to the store.
    pub(crate) fn add(&self, count: usize) {
        self.count.fetch_add(count, SeqCst);
    }

    /// So many are written. Answers whether texts that waited may go on.
    pub(crate) fn written(&self, count: usize) -> bool {
        let left = self.count.fetch_sub(count, SeqCst).saturating_sub(count);
        left < MOST / 2 && self.is_waited_for.load(SeqCst) && self.is_waited_for.swap(false, SeqCst)
    }

    /// Whether texts have to wait.
    pub(crate) fn are_too_many(&self) -> bool {
        if self.count.load(SeqCst) < MOST {
            return false;
        }
        // Said before the second look: whoever takes the last of them away in between sees one or the other.
        self.is_waited_for.store(true, SeqCst);
        self.count.load(SeqCst) >= MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bench;
    use std::time::Duration;
    use textgate_sms::{Kind, MessageState};

    #[test]
    fn who_was_told_to_wait_hears_once_when_there_is_room() {
        let unrecorded = Unrecorded::default();
        unrecorded.add(MOST - 1);
        assert!(!unrecorded.are_too_many());
        unrecorded.add(1);
        assert!(unrecorded.are_too_many());
        assert!(!unrecorded.written(MOST / 2), "there are as many again soon");
        assert!(unrecorded.written(1));
        assert!(!unrecorded.written(1), "it was told");
    }

    #[tokio::test(start_paused = true)]
    async fn while_outcomes_are_not_written_texts_wait_and_nothing_else_does() {
        let bench = Bench::with(&["a"]).await;
        let gateway = bench.script("a");
        *bench.store.answers_after.lock().unwrap() = Duration::from_secs(60);
        let mut all = Vec::new();
        for _ in 0..MOST + 1_000 {
            all.push(bench.accept(Kind::Text).await);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        let sent = gateway.taken().len();
        assert!((MOST..MOST + 20).contains(&sent), "{sent}");
        for kind in [Kind::Alert, Kind::Otp] {
            let id = bench.accept(kind).await;
            bench.settle().await;
            assert_eq!(gateway.taken().last(), Some(&id), "{kind:?}");
        }
        tokio::time::sleep(Duration::from_secs(200)).await;
        assert!(all.iter().all(|id| bench.state(*id) == MessageState::Sent));
        let engine = &bench.dispatch.engine;
        assert_eq!((engine.unrecorded.count.load(SeqCst), engine.metrics.unrecorded.get()), (0, 0));
    }
}
