//! The handle of a running HTTP provider.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::{CancellationToken, DropGuard};

use super::options::{HttpBehaviour, HttpOptions};
use super::request::{HttpCounters, HttpRequest};
use super::service::{Records, Shared};
use crate::handset::{Handset, HandsetEvents, Via, Written};
use crate::server::Server;
use crate::sync::lock;
use crate::wait::TimedOut;

/// An HTTP provider on its own address. Dropped, it ends abruptly with all its connections; [`shutdown`](Self::shutdown) also
/// waits for that.
pub struct HttpProvider {
    server: Server<Shared>,
    _guard: DropGuard,
}

impl fmt::Debug for HttpProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpProvider").field("address", &self.address()).finish_non_exhaustive()
    }
}

impl HttpProvider {
    /// Starts listening.
    ///
    /// # Errors
    /// The address cannot be listened on, or the certificate or its key cannot be used.
    pub async fn start(options: HttpOptions) -> io::Result<Self> {
        let acceptor = options.tls.as_ref().map(|identity| identity.acceptor()).transpose()?;
        let listen = options.listen;
        let mut carrier = options.handset.carry(Via::Http);
        let server = Server::start(Shared::new(options, acceptor), listen)?;
        let stop = CancellationToken::new();
        let (shared, stopped) = (Arc::clone(&server.shared), stop.clone());
        tokio::spawn(stopped.run_until_cancelled_owned(async move {
            while let Some(Written { number, to, text, .. }) = carrier.next().await {
                // Where nobody listens the phone has no network.
                let _ = shared.send_inbound(&number, &to, &text).await;
            }
        }));
        Ok(Self { server, _guard: stop.drop_guard() })
    }

    /// Where it listens, or did before it was stopped.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Its URL with this path, which begins with `/`.
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.server.shared.acceptor.is_some() { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.address())
    }

    /// Behaves so from the next request on.
    pub fn set(&self, behaviour: HttpBehaviour) {
        self.server.shared.behaviour.send_replace(Arc::new(behaviour));
    }

    /// Changes something about the behaviour and leaves the rest.
    pub fn change(&self, change: impl FnOnce(&mut HttpBehaviour)) {
        self.server.shared.behaviour.send_modify(|behaviour| change(Arc::make_mut(behaviour)));
    }

    /// Closes the listening socket and all connections.
    pub async fn stop(&self) {
        self.server.stop().await;
    }

    /// Closes the listening socket; open connections live on.
    pub async fn stop_listening(&self) {
        self.server.stop_listening().await;
    }

    /// Listens again on the same port after [`stop`](Self::stop) or [`stop_listening`](Self::stop_listening).
    ///
    /// # Errors
    /// The port is taken: by another process, or because this provider still listens.
    pub async fn start_again(&self) -> io::Result<()> {
        self.server.start_again().await
    }

    /// Ends all tasks and waits until they have.
    pub async fn shutdown(self) {
        self.stop().await;
    }

    /// The requests, the oldest first.
    pub fn requests(&self) -> Vec<Arc<HttpRequest>> {
        lock(&self.server.shared.records).requests.all()
    }

    /// Forgets all that was recorded; counters stay.
    pub fn forget(&self) {
        let mut records = lock(&self.server.shared.records);
        *records = Records { counters: records.counters, ..Records::default() };
    }

    /// Counts of what it saw.
    pub fn counters(&self) -> HttpCounters {
        lock(&self.server.shared.records).counters
    }

    /// Waits until the recorded requests are as asked; gives them back. Needs recording (`keep` above 0).
    ///
    /// # Errors
    /// They were not within that time.
    pub async fn wait_for(
        &self,
        within: Duration,
        mut are_there: impl FnMut(&[Arc<HttpRequest>]) -> bool,
    ) -> Result<Vec<Arc<HttpRequest>>, TimedOut> {
        let shared = &self.server.shared;
        let look = || lock(&shared.records).requests.all_if(&mut are_there);
        shared.changes.wait(within, look).await
    }

    /// The next request that no call of this has given back yet. Needs recording (`keep` above 0).
    ///
    /// # Errors
    /// None came within that time.
    pub async fn next_request(&self, within: Duration) -> Result<Arc<HttpRequest>, TimedOut> {
        let shared = &self.server.shared;
        let look = || lock(&shared.records).requests.next();
        shared.changes.wait(within, look).await
    }

    /// Waits until the counters are as asked.
    ///
    /// # Errors
    /// They were not within that time.
    pub async fn wait_for_counters(
        &self,
        within: Duration,
        mut are_there: impl FnMut(&HttpCounters) -> bool,
    ) -> Result<HttpCounters, TimedOut> {
        let look = || {
            let counters = self.counters();
            are_there(&counters).then_some(counters)
        };
        self.server.shared.changes.wait(within, look).await
    }

    /// Sends a text from a phone to where the behaviour says, in as many calls as it needs. Answers the status of each.
    ///
    /// # Errors
    /// Nobody listens there, or what is answered is not HTTP.
    pub async fn send_inbound(&self, from: &str, to: &str, text: &str) -> io::Result<Vec<u16>> {
        self.server.shared.send_inbound(from, to, text).await
    }

    /// The same under an id, so that a call can be made again.
    ///
    /// # Errors
    /// As [`send_inbound`](Self::send_inbound).
    pub async fn send_inbound_as(&self, id: &str, from: &str, to: &str, text: &str) -> io::Result<Vec<u16>> {
        let inbound = self.server.shared.behaviour.borrow().inbound.clone();
        inbound.call(id, from, to, text).await
    }

    /// The phone that the messages are for.
    pub fn handset(&self) -> Handset {
        self.server.shared.options.handset.clone()
    }

    /// What the phone shows from now on.
    pub fn events(&self) -> HandsetEvents {
        self.server.shared.options.handset.events()
    }
}
