//! One connection's requests: read whole, recorded, shown on the phone, answered.

use std::convert::Infallible;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::answer::AnswerBody;
use super::garble::{Garbage, Garbling};
use super::options::{HttpAnswer, HttpBehaviour, HttpFault, HttpOptions};
use super::parameters::decode;
use super::request::{HttpCounters, HttpRequest};
use crate::handset::{HandsetEvent, Via};
use crate::kept::Kept;
use crate::server::Serves;
use crate::sync::lock;
use crate::wait::Changes;

/// Octets of a request's head, and how many fields it may have.
const MOST_HEAD: usize = 64 * 1024;
const MOST_FIELDS: usize = 100;

/// How long a handshake or a request's head may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What all connections of one provider share.
pub(super) struct Shared {
    pub(super) options: HttpOptions,
    pub(super) acceptor: Option<TlsAcceptor>,
    pub(super) behaviour: watch::Sender<Arc<HttpBehaviour>>,
    pub(super) records: Mutex<Records>,
    pub(super) changes: Changes,
    /// Messages of phones that it called with.
    calls: AtomicU64,
}

#[derive(Default)]
pub(super) struct Records {
    pub(super) requests: Kept<Arc<HttpRequest>>,
    pub(super) counters: HttpCounters,
}

/// A request that waits for its answer, counted until it is dropped: a client may hang up.
struct InFlight(Arc<Shared>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.count(|counters| counters.in_flight -= 1);
    }
}

impl Serves for Shared {
    fn turns_away(&self) -> bool {
        self.behaviour.borrow().turns_away
    }

    async fn serve(self: Arc<Self>, stream: TcpStream, number: u64, stop: CancellationToken) {
        self.count(|counters| {
            counters.connections += 1;
            counters.open_connections += 1;
        });
        let _ = stream.set_nodelay(true);
        let served = async {
            match self.acceptor.clone() {
                None => self.exchange(stream, number).await,
                Some(acceptor) => {
                    if let Ok(Ok(stream)) = timeout(PATIENCE, acceptor.accept(stream)).await {
                        self.exchange(stream, number).await;
                    }
                }
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = served => {}
        }
        self.count(|counters| counters.open_connections -= 1);
    }
}

impl Shared {
    pub(super) fn new(options: HttpOptions, acceptor: Option<TlsAcceptor>) -> Self {
        Self {
            acceptor,
            behaviour: watch::Sender::new(Arc::new(options.behaviour.clone())),
            records: Mutex::default(),
            changes: Changes::new(),
            calls: AtomicU64::new(0),
            options,
        }
    }

    /// Calls with a text of a phone, under an id of its own.
    pub(super) async fn send_inbound(&self, from: &str, to: &str, text: &str) -> io::Result<Vec<u16>> {
        let inbound = self.behaviour.borrow().inbound.clone();
        let id = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        inbound.call(&format!("mo{id}"), from, to, text).await
    }

    fn count(&self, change: impl FnOnce(&mut HttpCounters)) {
        change(&mut lock(&self.records).counters);
        self.changes.announce();
    }

    async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(self: &Arc<Self>, stream: S, connection: u64) {
        let garbage = Garbage::default();
        let io = TokioIo::new(Garbling { stream, garbage: garbage.clone() });
        let service = service_fn(|request| {
            let (shared, garbage) = (Arc::clone(self), garbage.clone());
            async move { shared.answer(request, connection, &garbage).await }
        });
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .max_buf_size(MOST_HEAD)
            .max_headers(MOST_FIELDS)
            .serve_connection(io, service)
            .await;
        // A connection that fails is the client's to notice; the counters tell.
        drop(served);
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        connection: u64,
        garbage: &Garbage,
    ) -> Result<Response<AnswerBody>, io::Error> {
        let Ok(request) = self.read(request, connection).await else {
            self.count(|counters| counters.refused += 1);
            return Ok(respond(
                &HttpAnswer::text(413, "the body is too long or was not sent whole"),
                0,
                true,
            ));
        };
        self.count(|counters| {
            counters.in_flight += 1;
            counters.max_in_flight = counters.max_in_flight.max(counters.in_flight);
        });
        let in_flight = InFlight(Arc::clone(&self));
        let behaviour = Arc::clone(&self.behaviour.borrow());
        let decided = behaviour.decide.as_ref().and_then(|decide| decide(&request));
        let answer = decided.as_ref().unwrap_or(&behaviour.answer);
        let number = request.number;
        let accepted = answer.status < 400 && behaviour.fault == HttpFault::None;
        if accepted {
            self.show(&request);
        }
        self.keep(request);
        if !behaviour.delay.is_zero() {
            tokio::time::sleep(behaviour.delay).await;
        }
        self.count(|counters| match (&behaviour.fault, accepted) {
            (HttpFault::None, true) => counters.accepted += 1,
            (HttpFault::None, false) => counters.refused += 1,
            _ => counters.faults += 1,
        });
        let mut response = respond(answer, number, behaviour.closes_after_answer);
        match &behaviour.fault {
            HttpFault::None => {}
            HttpFault::Hang => {
                let never: Infallible = std::future::pending().await;
                match never {}
            }
            HttpFault::CloseUnanswered => return Err(io::ErrorKind::ConnectionAborted.into()),
            HttpFault::CutAnswer | HttpFault::HangInAnswer => {
                let AnswerBody::Whole(body) = response.body() else { return Ok(response) };
                let announced = body.len().max(1) as u64;
                let part = Some(body.slice(..body.len() / 2)).filter(|part| !part.is_empty());
                *response.body_mut() = if behaviour.fault == HttpFault::CutAnswer {
                    AnswerBody::Cut { part, announced, flushed: false }
                } else {
                    AnswerBody::Hanging { part, announced }
                };
            }
            HttpFault::Huge { octets } => *response.body_mut() = AnswerBody::Huge(*octets),
            HttpFault::Garbage(octets) => {
                garbage.set(octets.clone());
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
        }
        drop(in_flight);
        Ok(response)
    }

    async fn read(&self, request: Request<Incoming>, connection: u64) -> Result<HttpRequest, ()> {
        let (head, body) = request.into_parts();
        let limited = Limited::new(body, self.options.max_body);
        let body = timeout(PATIENCE, limited.collect()).await.map_err(drop)?.map_err(drop)?.to_bytes();
        let is_form = head
            .headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .is_some_and(|value| value.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"));
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        let mut records = lock(&self.records);
        records.counters.requests += 1;
        Ok(HttpRequest {
            number: records.counters.requests,
            connection,
            method: head.method.as_str().to_owned(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().map(ToOwned::to_owned),
            headers: head
                .headers
                .iter()
                .map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes())))
                .collect(),
            query_parameters: decode(head.uri.query().unwrap_or_default().as_bytes()),
            form_parameters: if is_form { decode(&body) } else { Vec::new() },
            body: body.to_vec(),
            at: Instant::now(),
        })
    }

    fn keep(&self, request: HttpRequest) {
        lock(&self.records).requests.put(Arc::new(request), self.options.keep);
        self.changes.announce();
    }

    fn show(&self, request: &HttpRequest) {
        let options = &self.options;
        let (number, text) = (
            request.parameter(&options.destination_parameter),
            request.parameter(&options.message_parameter),
        );
        if let (true, Some(number), Some(text)) = (options.handset.is_watched(), number, text) {
            options.handset.show(HandsetEvent {
                number: number.to_owned(),
                sender: request.parameter(&options.sender_parameter).unwrap_or_default().to_owned(),
                text: text.to_owned(),
                via: Via::Http,
                flash: false,
                replaces: None,
                alphabet: None,
                segments: 1,
                at: request.at,
            });
        }
    }
}

fn respond(answer: &HttpAnswer, number: u64, closes: bool) -> Response<AnswerBody> {
    let body = answer.body.replace("<n>", &number.to_string());
    let mut response = Response::new(AnswerBody::Whole(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in &answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    if closes {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
