//! The accept loop: HTTP/1.1 on TCP or a Unix socket, with a bound on everything that a peer can make large or slow.

use crate::places::{Place, Places};
use crate::stall::StallBound;
use axum::Router;
use axum::extract::ConnectInfo;
use http::HeaderValue;
use http::header::CONNECTION;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Bounds of a listener.
#[derive(Debug, Clone)]
pub struct HttpLimits {
    /// How long a request's head may take, and a connection may be idle.
    pub header_time: Duration,
    /// How long an answer may wait for its peer to read.
    pub stall_time: Duration,
    /// Largest head of a request (bytes); a larger one is answered 431.
    pub header_bytes: usize,
    /// Most headers of a request; more are answered 431.
    pub headers: usize,
    /// Most connections at once; further ones wait to be accepted until one ends, or one that is idle makes room.
    pub connections: usize,
    /// How long new connections are still taken after a stop, so that whoever chooses between nodes has seen that this one leaves.
    pub leave: Duration,
    /// How long after that a connection may still begin a request: one that was on its way when the stop came is answered.
    pub linger: Duration,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            header_time: Duration::from_secs(10),
            stall_time: Duration::from_secs(30),
            header_bytes: 16 << 10,
            headers: 64,
            connections: 4_096,
            leave: Duration::ZERO,
            linger: Duration::from_millis(500),
        }
    }
}

/// Serves TCP connections until `stop`, and for [`HttpLimits::leave`] after it. From the stop on every answer says that its connection
/// closes; a connection that has been idle for [`HttpLimits::linger`] is closed, and all else may finish within `drain`.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: HttpLimits,
    stop: CancellationToken,
    drain: Duration,
) {
    accept_all(listener, router, limits, stop, drain).await;
}

/// The same on a Unix socket.
pub async fn serve_unix(
    listener: UnixListener,
    router: Router,
    limits: HttpLimits,
    stop: CancellationToken,
    drain: Duration,
) {
    accept_all(listener, router, limits, stop, drain).await;
}

/// What hands out connections.
trait Listener {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// A connection, and who is at its other end where that is an address.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, Option<SocketAddr>)>>;

    /// Closes, and answers what had connected by then. To a peer that is in the kernel's queue when it is closed, the kernel says
    /// that the connection was broken off.
    fn close(self) -> Vec<(Self::Stream, Option<SocketAddr>)>;
}

/// Most connections that are taken out of the queue of a closing listener: as many as it has at most.
const MOST_QUEUED: usize = 4_096;

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, Option<SocketAddr>)> {
        let (stream, peer) = TcpListener::accept(self).await?;
        // An answer is one small write: waiting to fill a packet would only delay it.
        stream.set_nodelay(true)?;
        Ok((stream, Some(peer)))
    }

    fn close(self) -> Vec<(TcpStream, Option<SocketAddr>)> {
        let Ok(listener) = self.into_std() else { return Vec::new() };
        let next = || {
            let (stream, peer) = listener.accept().ok()?;
            stream.set_nonblocking(true).ok()?;
            stream.set_nodelay(true).ok()?;
            Some((TcpStream::from_std(stream).ok()?, Some(peer)))
        };
        std::iter::from_fn(next).take(MOST_QUEUED).collect()
    }
}

impl Listener for UnixListener {
    type Stream = UnixStream;

    async fn accept(&self) -> io::Result<(UnixStream, Option<SocketAddr>)> {
        UnixListener::accept(self).await.map(|(stream, _)| (stream, None))
    }

    fn close(self) -> Vec<(UnixStream, Option<SocketAddr>)> {
        let Ok(listener) = self.into_std() else { return Vec::new() };
        let next = || {
            let (stream, _) = listener.accept().ok()?;
            stream.set_nonblocking(true).ok()?;
            Some((UnixStream::from_std(stream).ok()?, None))
        };
        std::iter::from_fn(next).take(MOST_QUEUED).collect()
    }
}

/// The smallest buffer that hyper takes.
const LEAST_BUFFER: usize = 8 << 10;

async fn accept_all<L: Listener>(
    listener: L,
    router: Router,
    limits: HttpLimits,
    stop: CancellationToken,
    drain: Duration,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_headers(limits.headers)
        .max_header_size(limits.header_bytes)
        // Whoever has said all there is to say still wants the answer (RFC 9112 §9.6: a half-closed connection is not gone).
        .half_close(true)
        // What is read ahead and written behind, per connection: room for a head and a good part of a body.
        .max_buf_size((4 * limits.header_bytes).max(LEAST_BUFFER));
    // Not `pipeline_flush`: with it, hyper holds an answer back while anything unread is left of the peer's, and a refusal of a
    // head or body that was not read to its end would never leave.
    let places = Places::new(limits.connections);
    let serving = Serving {
        http,
        router,
        stall_time: limits.stall_time,
        linger: limits.linger,
        stop: stop.clone(),
        abort: CancellationToken::new(),
        connections: TaskTracker::new(),
    };
    let mut left = pin!(async {
        stop.cancelled().await;
        tokio::time::sleep(limits.leave).await;
    });
    loop {
        // First a place, then a connection: what finds none waits in the kernel's queue, and costs nothing here.
        let place = tokio::select! {
            () = &mut left => break,
            place = places.take() => place,
        };
        let accepted = tokio::select! {
            () = &mut left => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => serving.take(stream, peer, place),
            Err(error) => recover(&error).await,
        }
    }
    // Closed before the drain: a peer learns at once that nobody accepts here any more. Who had connected before is served.
    let queued = listener.close();
    let rest = async {
        for (stream, peer) in queued {
            serving.take(stream, peer, places.take().await);
        }
        serving.connections.close();
        serving.connections.wait().await;
    };
    if tokio::time::timeout(drain, rest).await.is_err() {
        let connections = serving.connections.len();
        tracing::warn!(connections, "requests that did not finish in time are broken off");
        serving.abort.cancel();
        serving.connections.close();
        serving.connections.wait().await;
    }
}

/// What all connections of a listener have in common.
struct Serving {
    http: http1::Builder,
    router: Router,
    stall_time: Duration,
    linger: Duration,
    stop: CancellationToken,
    /// Cancelled when nobody is waited for any more.
    abort: CancellationToken,
    connections: TaskTracker,
}

impl Serving {
    /// Serves one connection, in a task of its own.
    fn take<S>(&self, stream: S, peer: Option<SocketAddr>, place: Place)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let io = TokioIo::new(StallBound::new(stream, self.stall_time));
        let (service, requests) = (TowerToHyperService::new(self.router.clone()), place.requests());
        let stopping = self.stop.clone();
        let service = service_fn(move |mut request: http::Request<Incoming>| {
            // The console limits sign-ins by address.
            if let Some(peer) = peer {
                request.extensions_mut().insert(ConnectInfo(peer));
            }
            let (busy, answer, stopping) = (requests(), service.call(request), stopping.clone());
            async move {
                let mut answer = answer.await;
                // RFC 9112 §9.6: whoever is told so does not send another request after it.
                if let Ok(answer) = &mut answer
                    && stopping.is_cancelled()
                {
                    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                drop(busy);
                answer
            }
        });
        let connection = self.http.serve_connection(io, service);
        let (stop, abort, linger) = (self.stop.clone(), self.abort.clone(), self.linger);
        self.connections.spawn(async move {
            let mut connection = pin!(connection);
            // A peer that breaks off or talks nonsense is its own affair; hyper has answered what can be answered.
            tokio::select! {
                _ = connection.as_mut() => {}
                // Broken off: it has asked for nothing, and others wait.
                () = place.must_leave() => {}
                () = idle_after(&stop, &place, linger) => {
                    connection.as_mut().graceful_shutdown();
                    tokio::select! {
                        _ = connection => {}
                        () = abort.cancelled() => {}
                    }
                }
                () = abort.cancelled() => {}
            }
            drop(place);
        });
    }
}

/// Ends when a connection has begun no request for `linger` after the stop.
async fn idle_after(stop: &CancellationToken, place: &Place, linger: Duration) {
    stop.cancelled().await;
    place.idle_for(linger).await;
}

/// After an accept that failed: a peer that was gone already is nothing, but without a free file descriptor the next
/// accept would fail as well, at once and for ever.
async fn recover(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, InvalidInput, NotConnected};
    if matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | InvalidInput | NotConnected
    ) {
        return;
    }
    tracing::warn!(%error, "a connection cannot be accepted; trying again in a moment");
    tokio::time::sleep(Duration::from_millis(250)).await;
}
