//! One message's request: written, awaited, and given up in time.

use super::driver::Driver;
use super::exchange::{Answer, BodyEnd, Call, Exchange, MOST_BODY};
use super::fault;
use crate::{Outcome, Submission};
use reqwest::{Body, Client, RequestBuilder, Response, StatusCode};
use smallvec::{SmallVec, smallvec};
use std::ops::{Deref, DerefMut};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use textgate_sms::OutcomeClass::{Refused, Unavailable, Uncertain};
use tokio_util::sync::CancellationToken;

/// How often a request is written again after the server said that it did not act on it (HTTP/2).
const REWRITES: u32 = 1;

/// What is said of a message whose time ran out before it was sent.
pub(super) const TOO_LATE: &str = "not sent: its time had run out";

/// Messages that left in one request, each with what came of it.
pub(super) type Landed = SmallVec<[(Box<Submission>, Outcome); 1]>;

impl<E: Exchange> Driver<E> {
    /// Sends these messages in one request and says what came of each. Ends by their `answer_by`, and at once when given up.
    pub(super) async fn fly(
        &self,
        client: &Client,
        mut batch: SmallVec<[Box<Submission>; 1]>,
        given_up: &CancellationToken,
    ) -> Landed {
        match batch.pop() {
            Some(only) if batch.is_empty() => {
                let outcome = self.fly_alone(client, &only, given_up).await;
                smallvec![(only, outcome)]
            }
            last => {
                batch.extend(last);
                self.fly_together(client, batch, given_up).await
            }
        }
    }

    /// Sends one message and says what came of it.
    pub(super) async fn fly_alone(
        &self,
        client: &Client,
        submission: &Submission,
        given_up: &CancellationToken,
    ) -> Outcome {
        let outcome = self.attempt(client, submission, given_up).await;
        self.settled(submission, outcome)
    }

    /// The outcome as it is handed back: what is uncertain may have cost all segments, and a detail tells no passcode.
    pub(super) fn settled(&self, submission: &Submission, mut outcome: Outcome) -> Outcome {
        if outcome.class == Uncertain {
            outcome.segments_sent = self.segments(submission);
        }
        if let Some(clean) = without_digits_of(&submission.text, &outcome.detail) {
            outcome.detail = clean.into();
        }
        outcome
    }

    pub(super) fn segments(&self, submission: &Submission) -> u8 {
        self.exchange.plan(&submission.text).map_or(1, |plan| plan.segments)
    }

    async fn attempt(
        &self,
        client: &Client,
        submission: &Submission,
        given_up: &CancellationToken,
    ) -> Outcome {
        let now = Instant::now();
        let answer_by = submission.answer_by.min(now + self.timeout);
        if submission.valid_until <= now || answer_by <= now {
            return Outcome::failed(Unavailable, TOO_LATE);
        }
        let bounds =
            Bounds { answer_by, valid_until: submission.valid_until, given_up, most_body: MOST_BODY };
        // Only a test's answer is quoted, and what it was asked with must not be.
        let credentials = Mutex::new(Vec::new());
        let call = |token: Option<&str>| {
            let call = self.exchange.call(submission, token)?;
            if submission.is_test {
                let mut used = credentials.lock().unwrap_or_else(PoisonError::into_inner);
                used.extend(call.credentials(token));
            }
            Ok(call)
        };
        let answer = match self.ask_with_token(client, call, &bounds).await {
            Ok(answer) => answer,
            Err(outcome) => return outcome,
        };
        let mut outcome = self.exchange.outcome(&answer, submission.id, self.segments(submission));
        if outcome.detail.is_empty() {
            outcome.detail = answer.told();
        }
        if submission.is_test {
            let credentials = credentials.into_inner().unwrap_or_else(PoisonError::into_inner);
            outcome.answer = self.quoted(&answer, submission, &credentials);
        }
        outcome
    }

    /// One request, with a token where the provider wants one, and its answer.
    pub(super) async fn ask_with_token(
        &self,
        client: &Client,
        call: impl Fn(Option<&str>) -> Result<Call, Outcome>,
        bounds: &Bounds<'_>,
    ) -> Result<Answer, Outcome> {
        let mut is_second = false;
        loop {
            let token = self.token(client, bounds).await?;
            let answer = self.ask(client, &call(token.as_deref())?, bounds).await?;
            match &token {
                // A token can end before its time: a new one, once, for a request that was surely not carried out.
                Some(token) if answer.status == StatusCode::UNAUTHORIZED && !is_second => {
                    self.tokens.forget(token).await;
                    is_second = true;
                }
                _ => return Ok(answer),
            }
        }
    }

    /// One request and its answer, or what it means that there is none.
    pub(super) async fn ask(
        &self,
        client: &Client,
        call: &Call,
        bounds: &Bounds<'_>,
    ) -> Result<Answer, Outcome> {
        // Resolvers are only asked for names; addresses are judged here.
        let hosts = [call.url.host_str(), self.proxy_host.as_deref()];
        if let Some(blocked) = hosts.into_iter().flatten().find_map(|h| self.guard.check_literal(h).err()) {
            return Err(Outcome::failed(Refused, blocked.to_string()));
        }

        let mut ended = pin!(bounds.end());
        // Nothing leaves after the end of validity, even where the connection comes about only then.
        let mut expired = pin!(tokio::time::sleep_until(bounds.valid_until.into()));
        let mut is_expired = false;
        let mut rewrites = REWRITES;
        loop {
            let written = Written::default();
            let mut sending = pin!(request(client, call, &written).send());
            let sent = loop {
                tokio::select! {
                    biased;
                    sent = &mut sending => break sent,
                    () = &mut expired, if !is_expired => {
                        if !written.is_set() {
                            return Err(Outcome::failed(Unavailable, "not connected before its validity ended"));
                        }
                        is_expired = true;
                    }
                    when = &mut ended => {
                        return Err(if written.is_set() {
                            Outcome::failed(Uncertain, format!("sent, but no answer {when}"))
                        } else {
                            Outcome::failed(Unavailable, format!("not connected {when}"))
                        });
                    }
                }
            };
            match sent {
                Ok(response) => return Ok(read(response, ended, bounds.most_body).await),
                Err(error) if rewrites > 0 && !is_expired && fault::is_unprocessed(&error) => rewrites -= 1,
                Err(error) => return Err(fault::outcome(error)),
            }
        }
    }
}

/// The detail without the numbers of four digits or more that are in the text, too: a provider, or who poses as one, could answer
/// with a passcode in the place of an error's code. `None` where there are none.
fn without_digits_of(text: &str, detail: &str) -> Option<String> {
    let is_secret = |run: &str| run.len() >= 4 && text.contains(run);
    let mut runs = detail.split(|c: char| !c.is_ascii_digit());
    if !runs.any(is_secret) {
        return None;
    }
    let mut clean = String::new();
    for piece in detail.split_inclusive(|c: char| !c.is_ascii_digit()) {
        let digits = piece.trim_end_matches(|c: char| !c.is_ascii_digit());
        let rest = piece.get(digits.len()..).unwrap_or_default();
        clean.push_str(if is_secret(digits) { "…" } else { digits });
        clean.push_str(rest);
    }
    Some(clean)
}

/// Until when a request is worth waiting for.
pub(super) struct Bounds<'a> {
    pub(super) answer_by: Instant,
    pub(super) valid_until: Instant,
    pub(super) given_up: &'a CancellationToken,
    /// How much of an answer is read.
    pub(super) most_body: usize,
}

impl Bounds<'_> {
    /// Ends when waiting has to end, and says why.
    pub(super) async fn end(&self) -> &'static str {
        tokio::select! {
            () = tokio::time::sleep_until(self.answer_by.into()) => "in time",
            () = self.given_up.cancelled() => "before the gateway stopped",
        }
    }
}

fn request(client: &Client, call: &Call, written: &Written) -> RequestBuilder {
    let body = WatchedBody { body: call.body.clone().into(), written: written.clone() };
    client
        .request(call.method.clone(), call.url.clone())
        .headers(call.headers.clone())
        .body(Body::wrap(Pin::new(body)))
}

/// The answer, as much of it as comes before the end, and at most so many octets of its body.
async fn read(mut response: Response, mut ended: Pin<&mut impl Future>, most: usize) -> Answer {
    let mut answer = Answer {
        status: response.status(),
        headers: std::mem::take(response.headers_mut()),
        body: Vec::new(),
        end: BodyEnd::Whole,
    };
    loop {
        let chunk = tokio::select! {
            biased;
            chunk = response.chunk() => chunk,
            _ = &mut ended => {
                answer.end = BodyEnd::Broken;
                return answer;
            }
        };
        match chunk {
            Ok(Some(chunk)) => {
                let room = most - answer.body.len();
                answer.body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
                if chunk.len() > room {
                    answer.end = BodyEnd::CutOff;
                    return answer;
                }
            }
            Ok(None) => return answer,
            Err(_) => {
                answer.end = BodyEnd::Broken;
                return answer;
            }
        }
    }
}

// === whether anything was written ===

/// Whether a request may have been written on a connection.
///
/// A request that still waits for its connection when time runs out was surely not sent, and another gateway can
/// take the message at once, without a double. reqwest does not tell, so the body does: it stays with the request
/// until that is written on a connection, and is then read or, where it is empty, dropped. (Between the connection's
/// taking the request and its reading the body lie microseconds; a deadline that falls exactly there may double.)
#[derive(Clone, Default)]
struct Written(Arc<AtomicBool>);

impl Written {
    fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    fn set(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// A body that tells when it is read or dropped. `Pin` of it is an HTTP body, and reads through `deref_mut`.
struct WatchedBody {
    body: Body,
    written: Written,
}

impl Deref for WatchedBody {
    type Target = Body;

    fn deref(&self) -> &Body {
        &self.body
    }
}

impl DerefMut for WatchedBody {
    fn deref_mut(&mut self) -> &mut Body {
        self.written.set();
        &mut self.body
    }
}

impl Drop for WatchedBody {
    fn drop(&mut self) {
        self.written.set();
    }
}
