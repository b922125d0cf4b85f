//! Messages that leave in another one's request, where a gateway's provider takes several at once.

use super::{Station, is_expired};
use std::time::Instant;
use textgate_gateway::Submission;

impl Station {
    /// Moves up to `room` alerts and texts into `into` that leave in the request of a message that was taken, as long as `fits` says
    /// so; it is asked under this station's lock. What is too late goes into `expired`. Behind a breaker there are none: what it
    /// lets through is one message.
    pub(crate) fn take_along(
        &self,
        room: usize,
        now: Instant,
        now_ms: i64,
        fits: &mut dyn FnMut(&[Box<Submission>], &Submission) -> bool,
        into: &mut Vec<Box<Submission>>,
        expired: &mut Vec<Box<Submission>>,
    ) {
        let mut state = self.lock();
        let most = into.len() + room;
        while into.len() < most && state.breaker.is_closed() {
            let mut is_late = false;
            let wanted = |submission: &Submission| {
                is_late = is_expired(submission, now, now_ms);
                is_late || fits(into, submission)
            };
            let Some(submission) = state.lanes.pop_other(wanted) else { return };
            if is_late {
                expired.push(submission);
                continue;
            }
            state.in_flight += 1;
            state.along += 1;
            into.push(submission);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Bench, Reaction};
    use std::time::Duration;
    use textgate_gateway::Health;
    use textgate_sms::OutcomeClass::{Sent, Unavailable};
    use textgate_sms::{Kind, MessageState};

    #[tokio::test(start_paused = true)]
    async fn what_leaves_in_another_ones_request_takes_no_place_of_a_passcode() {
        let bench = Bench::with(&["a"]).await;
        let gateway = bench.script("a");
        gateway.will(Reaction::After(Duration::from_secs(2), Sent));
        // Nine requests of a window of ten are with the gateway; the rest waits.
        let mut texts = Vec::new();
        for _ in 0..30 {
            texts.push(bench.accept(Kind::Text).await);
        }
        bench.settle().await;
        assert_eq!(gateway.taken().len(), 9);
        *gateway.along.lock().unwrap() = 100;
        tokio::time::sleep(Duration::from_millis(2_001)).await;
        bench.settle().await;
        // All that waited left with the first of them.
        assert_eq!(gateway.taken().len(), 30);
        let status = bench.dispatch.engine.view.load().stations.values().next().unwrap().status();
        assert_eq!(status.waiting, [0, 0, 0]);
        let otp = bench.accept(Kind::Otp).await;
        bench.settle().await;
        assert_eq!(gateway.taken().last(), Some(&otp), "it leaves at once");
        tokio::time::sleep(Duration::from_secs(3)).await;
        bench.settle().await;
        assert!(texts.iter().all(|id| bench.state(*id) == MessageState::Sent));
        // All places are free again.
        for _ in 0..9 {
            bench.accept(Kind::Text).await;
        }
        bench.settle().await;
        assert_eq!(gateway.taken().len(), 40);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_of_many_that_fails_is_one_failure_and_a_probe_is_one_message() {
        let bench = Bench::with(&["a"]).await;
        let gateway = bench.script("a");
        *gateway.along.lock().unwrap() = 100;
        *gateway.window.lock().unwrap() = 0;
        gateway.says(Health::Up { window: 1 });
        bench.settle().await;
        for _ in 0..30 {
            bench.accept(Kind::Text).await;
        }
        bench.settle().await;
        gateway.answers(Unavailable);
        *gateway.window.lock().unwrap() = 1;
        gateway.says(Health::Up { window: 2 });
        bench.settle().await;
        let status = || bench.dispatch.engine.view.load().stations.values().next().unwrap().status();
        assert_eq!((gateway.taken().len(), status().breaker), (30, "closed"));
        assert_eq!(status().in_flight, 0);
    }
}
