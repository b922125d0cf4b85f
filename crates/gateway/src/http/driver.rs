//! The loop of an HTTP gateway: as many requests at once as it has room for, outcomes handed back as they come.

use super::client;
use super::exchange::{Answer, Call, Exchange};
use super::flight::Bounds;
use super::options::Options;
use super::preview;
use super::token::Tokens;
use crate::quote::{Hidden, quote};
use crate::{
    Balance, BuildError, Callback, CallbackError, Gateway, Health, NetworkGuard, Outcome, Plan, PlanError,
    Preview, PreviewError, Received, Stop, Submission, Work,
};
use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use reqwest::header::AUTHORIZATION;
use std::borrow::Cow;
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
    /// What must not be in a quotation of the provider's answer.
    secrets: Zeroizing<Vec<String>>,
    options: Options,
    client: OnceCell<reqwest::Client>,
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
            secrets: Zeroizing::new(secrets),
            options,
            client: OnceCell::new(),
        }
    }

    /// The client, made when it is first needed.
    async fn client(&self) -> Result<&reqwest::Client, BuildError> {
        self.client.get_or_try_init(|| client::connect(&self.options, &self.guard)).await
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
                flights.extend(taken.drain(..).map(|submission| self.carry(client, submission, &given_up)));
            }
            if is_stopping && flights.is_empty() {
                return;
            }
            let has_room = flights.len() < room;
            tokio::select! {
                biased;
                Some(landed) = flights.next() => {
                    finished.push(landed);
                    while let Some(Some(landed)) = flights.next().now_or_never() {
                        finished.push(landed);
                    }
                    work.done(&mut finished);
                }
                () = stop.token.cancelled(), if !is_stopping => is_stopping = true,
                () = &mut drained, if !is_drained => is_drained = true,
                () = ready, if has_room && !is_stopping => {}
            }
        }
    }

    async fn carry(
        &self,
        client: &reqwest::Client,
        submission: Box<Submission>,
        given_up: &CancellationToken,
    ) -> (Box<Submission>, Outcome) {
        let outcome = self.fly(client, &submission, given_up).await;
        (submission, outcome)
    }

    /// The provider's own words about a test message.
    pub(super) fn quoted(
        &self,
        answer: &Answer,
        submission: &Submission,
        call: &Call,
        token: Option<&str>,
    ) -> Option<Box<str>> {
        let authorization = call.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let credentials = authorization.and_then(|value| value.split_once(' ')).map(|(_, rest)| rest);
        let of_call = [credentials, call.signature.as_deref(), token].into_iter().flatten();
        let secrets = self.secrets.iter().map(String::as_str).chain(of_call).map(Cow::Borrowed).collect();
        quote(&answer.body, &Hidden { secrets, to: submission.to, text: &submission.text })
    }

    async fn ask_balance(&self) -> Result<Balance, String> {
        let client = self.client().await.map_err(|error| error.to_string())?;
        let (by, never) = (Instant::now() + self.timeout, CancellationToken::new());
        let bounds = Bounds { answer_by: by, valid_until: by, given_up: &never };
        let why = |outcome: Outcome| outcome.detail.into_owned();
        let mut is_second = false;
        loop {
            let token = self.token(client, &bounds).await.map_err(why)?;
            let call = self.exchange.balance_call(token.as_deref()).map_err(why)?;
            let answer = self.ask(client, &call, &bounds).await.map_err(why)?;
            match &token {
                Some(token) if answer.status == reqwest::StatusCode::UNAUTHORIZED && !is_second => {
                    self.tokens.forget(token).await;
                    is_second = true;
                }
                _ => return self.exchange.balance(&answer),
            }
        }
    }
}

impl<E: Exchange> Gateway for Driver<E> {
    fn plan(&self, text: &str) -> Result<Plan, PlanError> {
        self.exchange.plan(text)
    }

    fn preview(&self, submission: &Submission) -> Result<Preview, PreviewError> {
        preview::preview(&self.exchange, submission)
    }

    fn run(self: Arc<Self>, work: Arc<dyn Work>, stop: Stop) -> BoxFuture<'static, ()> {
        Box::pin(async move { self.work(&*work, stop).await })
    }

    fn receive(&self, callback: &Callback<'_>) -> Result<Received, CallbackError> {
        self.exchange.receive(callback)
    }

    fn balance(self: Arc<Self>) -> Option<BoxFuture<'static, Result<Balance, String>>> {
        if !self.exchange.has_balance() {
            return None;
        }
        Some(Box::pin(async move { self.ask_balance().await }))
    }
}
