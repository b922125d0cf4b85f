//! Several messages in one request, where the provider takes them: only those that wait already, and never a passcode.

use super::driver::Driver;
use super::exchange::{Exchange, MOST_BATCH_BODY};
use super::flight::{Bounds, Landed, TOO_LATE};
use crate::{Outcome, Submission, Work};
use reqwest::Client;
use smallvec::{SmallVec, smallvec};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use textgate_sms::Kind;
use textgate_sms::OutcomeClass::{Refused, Rejected, Unavailable};
use tokio_util::sync::CancellationToken;

/// How long each message has a request of its own after the provider refused several at once.
const PAUSE: Duration = Duration::from_secs(60);
/// Most octets of texts in one request, so that it and its answer stay small.
const MOST_TEXT: usize = 16 * 1024;

/// Until when each message has a request of its own.
#[derive(Default)]
pub(super) struct Batches(Mutex<Option<Instant>>);

impl Batches {
    fn are_paused(&self) -> bool {
        let until = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| until > Instant::now())
    }

    fn pause(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + PAUSE);
    }
}

impl<E: Exchange> Driver<E> {
    /// The message, and those that wait and can leave in its request.
    pub(super) fn with_company(
        &self,
        work: &dyn Work,
        first: Box<Submission>,
    ) -> SmallVec<[Box<Submission>; 1]> {
        let most = self.exchange.most_at_once();
        // Somebody watches a test: it goes as messages do by themselves, and its answer is its own.
        if most < 2 || first.kind == Kind::Otp || first.is_test || self.batches.are_paused() {
            return smallvec![first];
        }
        let mut batch = vec![first];
        let mut fits = |batch: &[Box<Submission>], one: &Submission| {
            let text: usize = batch.iter().map(|submission| submission.text.len()).sum();
            text + one.text.len() <= MOST_TEXT && !one.is_test && self.exchange.goes_with(batch, one)
        };
        work.take_along(most - 1, &mut fits, &mut batch);
        batch.into()
    }

    /// Sends several messages in one request.
    ///
    /// Where the provider refuses the whole request, each message is sent by itself: one that is wrong must not stop the others,
    /// nor may what is said of it be taken for theirs. They leave one after the other, in the place of the one request.
    pub(super) async fn fly_together(
        &self,
        client: &Client,
        batch: SmallVec<[Box<Submission>; 1]>,
        given_up: &CancellationToken,
    ) -> Landed {
        let now = Instant::now();
        let (late, batch): (Vec<_>, Vec<_>) =
            batch.into_iter().partition(|s| s.valid_until <= now || s.answer_by <= now);
        let mut landed: Landed =
            late.into_iter().map(|s| (s, Outcome::failed(Unavailable, TOO_LATE))).collect();
        let Some(outcomes) = self.attempt_together(client, &batch, given_up).await else {
            self.batches.pause();
            for submission in batch {
                let outcome = self.fly_alone(client, &submission, given_up).await;
                landed.push((submission, outcome));
            }
            return landed;
        };
        for (submission, outcome) in batch.into_iter().zip(outcomes) {
            let outcome = self.settled(&submission, outcome);
            landed.push((submission, outcome));
        }
        landed
    }

    /// What came of each; `None` where the request as a whole was refused.
    async fn attempt_together(
        &self,
        client: &Client,
        batch: &[Box<Submission>],
        given_up: &CancellationToken,
    ) -> Option<Vec<Outcome>> {
        let latest = Instant::now() + self.timeout;
        let bounds = Bounds {
            answer_by: batch.iter().map(|s| s.answer_by).min().unwrap_or(latest).min(latest),
            valid_until: batch.iter().map(|s| s.valid_until).min().unwrap_or(latest),
            given_up,
            most_body: MOST_BATCH_BODY,
        };
        let call = |token: Option<&str>| self.exchange.batch_call(batch, token);
        match self.ask_with_token(client, call, &bounds).await {
            Ok(answer) => {
                let mut outcomes = self.exchange.batch_outcomes(&answer, batch)?;
                let untold = outcomes.iter_mut().filter(|outcome| outcome.detail.is_empty());
                untold.for_each(|outcome| outcome.detail = answer.told());
                Some(outcomes)
            }
            Err(outcome) if matches!(outcome.class, Refused | Rejected) => None,
            Err(outcome) => Some(vec![outcome; batch.len()]),
        }
    }
}
