//! The loop of an HTTP gateway: as many requests at once as it has room for, outcomes handed back as they come.

use super::batch::Batches;
use super::certificates::Certificates;
use super::client;
use super::exchange::{Answer, Exchange, MOST_BODY};
use super::flight::Bounds;
use super::options::Options;
use super::preview;
use super::token::Tokens;
use crate::certificate::Expiry;
use crate::quote::{Hidden, quote};
use crate::{
    Balance, BuildError, Callback, CallbackError, Gateway, Health, NetworkGuard, Outcome, Plan, PlanError,
    Preview, PreviewError, Received, Stop, Submission, Work,
};
use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

/// A gateway that speaks HTTP, by the exchange's rules.
pub(crate) struct Driver<E> {
    pub(super) exchange: E,
    pub(super) guard: NetworkGuard,
    pub(super) timeout: Duration,
    pub(super) proxy_host: Option<String>,
    pub(super) tokens: Tokens,
    pub(super) batches: Batches,
    pub(super) certificates: Certificates,
    /// What must not be in a quotation of the provider's answer.
    secrets: Zeroizing<Vec<String>>,
    options: Options,
    client: OnceCell<reqwest::Client>,
    /// When the provider's certificate expires.
    expiry: Arc<Expiry>,
}

impl<E: Exchange> Driver<E> {
    /// A gateway for this exchange. Connects to nothing yet.
    pub fn new(exchange: E, options: Options, guard: NetworkGuard, secrets: Vec<String>) -> Self {
        let proxy_host = options.proxy.as_ref().and_then(|proxy| proxy.url.host_str()).map(str::to_owned);
        Self {
            exchange,
            guard,
            timeout: options.timeout,
            proxy_host,
            tokens: Tokens::default(),
            batches: Batches::default(),
            certificates: Certificates::default(),
            secrets: Zeroizing::new(secrets),
            options,
            client: OnceCell::new(),
            expiry: Arc::default(),
        }
    }

    /// The client, made when it is first needed.
    pub(super) async fn client(&self) -> Result<&reqwest::Client, BuildError> {
        self.client.get_or_try_init(|| client::connect(&self.options, &self.guard, &self.expiry)).await
    }

    async fn work(&self, work: &dyn Work, stop: Stop) {
        let client = match self.client().await {
            Ok(client) => client,
            Err(error) => {
                work.health(Health::Down { reason: error.to_string(), is_account: false });
                return stop.token.cancelled().await;
            }
        };
        let room = self.options.connections;
        // HTTP has no session: whether the provider is there is seen with the first message.
        work.health(Health::Up { window: u32::try_from(room).unwrap_or(u32::MAX) });

        let given_up = CancellationToken::new();
        let mut drained = pin!(async {
            stop.token.cancelled().await;
            tokio::time::sleep(stop.drain).await;
            given_up.cancel();
        });
        let mut is_drained = false;
        let mut is_stopping = false;
        let mut flights = FuturesUnordered::new();
        let mut taken: Vec<Box<Submission>> = Vec::new();
        let mut finished: Vec<(Box<Submission>, Outcome)> = Vec::new();
        loop {
            let mut ready = pin!(work.ready().notified());
            if !is_stopping && flights.len() < room {
                // Armed before looking, so that what comes in between is not missed.
                ready.as_mut().enable();
                work.take(room - flights.len(), &mut taken);
                for first in taken.drain(..) {
                    let batch = self.with_company(work, first);
                    flights.push(self.fly(client, batch, &given_up));
                }
            }
            if is_stopping && flights.is_empty() {
                return;
            }
            let has_room = flights.len() < room;
            tokio::select! {
                biased;
                Some(landed) = flights.next() => {
                    finished.extend(landed);
                    while let Some(Some(landed)) = flights.next().now_or_never() {
                        finished.extend(landed);
                    }
                    work.done(&mut finished);
                }
                () = stop.token.cancelled(), if !is_stopping => is_stopping = true,
                () = &mut drained, if !is_drained => is_drained = true,
                () = ready, if has_room && !is_stopping => {}
            }
        }
    }

    /// The provider's own words about a test message. `credentials` are those of its request.
    pub(super) fn quoted(
        &self,
        answer: &Answer,
        submission: &Submission,
        credentials: &[String],
    ) -> Option<Box<str>> {
        let secrets = self.secrets.iter().chain(credentials).map(String::as_str).collect();
        quote(&answer.body, &Hidden { secrets, to: submission.to, text: &submission.text })
    }

    async fn ask_balance(&self) -> Result<Balance, String> {
        let client = self.client().await.map_err(|error| error.to_string())?;
        let (by, never) = (Instant::now() + self.timeout, CancellationToken::new());
        let bounds = Bounds { answer_by: by, valid_until: by, given_up: &never, most_body: MOST_BODY };
        let call = |token: Option<&str>| self.exchange.balance_call(token);
        let answer = self.ask_with_token(client, call, &bounds).await;
        self.exchange.balance(&answer.map_err(|outcome| outcome.detail.into_owned())?)
    }
}

impl<E: Exchange> Gateway for Driver<E> {
    fn plan(&self, text: &str) -> Result<Plan, PlanError> {
        self.exchange.plan(text)
    }

    fn certificate_expires_ms(&self) -> Option<i64> {
        self.expiry.ms()
    }

    fn preview(&self, submission: &Submission) -> Result<Preview, PreviewError> {
        preview::preview(&self.exchange, submission)
    }

    fn run(self: Arc<Self>, work: Arc<dyn Work>, stop: Stop) -> BoxFuture<'static, ()> {
        Box::pin(async move { self.work(&*work, stop).await })
    }

    fn receive<'a>(&'a self, callback: Callback<'a>) -> BoxFuture<'a, Result<Received, CallbackError>> {
        Box::pin(async move { self.read_call(&callback).await })
    }

    fn balance(self: Arc<Self>) -> Option<BoxFuture<'static, Result<Balance, String>>> {
        if !self.exchange.has_balance() {
            return None;
        }
        Some(Box::pin(async move { self.ask_balance().await }))
    }
}
