//! What the tests share: a server that answers as it is told, and a bench that gives work and takes outcomes.

pub(crate) use crate::test_message::message;

use crate::{
    Environment, Gateway, GenericHttpPlugin, Health, Inbound, NetworkGuard, NotKept, Outcome, Plugin as _,
    Plugins, Receipt, Stop, Submission, Work,
};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use textgate_sms::Kind;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

/// Nothing here takes that long, unless it hangs.
pub const PATIENCE: Duration = Duration::from_secs(20);

// === the server ===

/// What a server does with a request.
#[derive(Clone)]
pub enum Reply {
    /// Writes this, and reads the next request.
    Raw(Vec<u8>),
    /// Writes this, and closes.
    Last(Vec<u8>),
    /// Writes this, and then nothing ever.
    Hang(Vec<u8>),
    /// Writes this, then one octet and another, for ever.
    Drip(Vec<u8>),
}

/// A plain answer.
pub fn answer(status: &str, body: &str) -> Reply {
    Reply::Raw(format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes())
}

pub struct Server {
    pub address: SocketAddr,
    /// Each request as it came, head and body.
    pub requests: mpsc::UnboundedReceiver<String>,
    pub connections: Arc<AtomicUsize>,
}

impl Server {
    pub async fn start(reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_with(reply, |stream| async move { Some(stream) }).await
    }

    /// A server whose connections are first made into something else, such as TLS.
    pub async fn start_with<S, F>(
        reply: impl Fn(&str) -> Reply + Send + Sync + 'static,
        wrap: impl Fn(tokio::net::TcpStream) -> F + Send + Sync + 'static,
    ) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: Future<Output = Option<S>> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, requests) = mpsc::unbounded_channel();
        let connections = Arc::new(AtomicUsize::new(0));
        let (counter, reply, wrap) = (connections.clone(), Arc::new(reply), Arc::new(wrap));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                let (reply, wrap, sender) = (reply.clone(), wrap.clone(), sender.clone());
                tokio::spawn(async move {
                    if let Some(mut stream) = wrap(stream).await {
                        serve(&mut stream, &*reply, &sender).await;
                    }
                });
            }
        });
        Self { address, requests, connections }
    }

    /// A server that says "OK" with 200.
    pub async fn ok() -> Self {
        Self::start(|_| answer("200 OK", "OK")).await
    }

    pub fn url(&self, rest: &str) -> String {
        format!("http://{}{rest}", self.address)
    }

    pub async fn request(&mut self) -> String {
        tokio::time::timeout(PATIENCE, self.requests.recv()).await.expect("a request").expect("a request")
    }
}

/// Reads one request: the head, and the body by its Content-Length. `None` when the peer is done.
pub async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut read = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        if let Some(head) = read.windows(4).position(|w| w == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&read[..head]).to_ascii_lowercase();
            let length = text
                .split("content-length: ")
                .nth(1)
                .map_or(0, |rest| rest.split("\r\n").next().unwrap().trim().parse().unwrap());
            if read.len() >= head + 4 + length {
                return Some(String::from_utf8(read).unwrap());
            }
        }
        match stream.read(&mut chunk).await {
            Ok(n) if n > 0 => read.extend_from_slice(&chunk[..n]),
            _ => return None,
        }
    }
}

async fn serve(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    reply: &(impl Fn(&str) -> Reply + ?Sized),
    sender: &mpsc::UnboundedSender<String>,
) {
    while let Some(request) = read_request(stream).await {
        let reply = reply(&request);
        let _ = sender.send(request);
        let (Reply::Raw(first) | Reply::Last(first) | Reply::Hang(first) | Reply::Drip(first)) = &reply;
        if stream.write_all(first).await.is_err() {
            return;
        }
        let _ = stream.flush().await;
        match reply {
            Reply::Raw(_) => {}
            Reply::Last(_) => return,
            Reply::Hang(_) => std::future::pending().await,
            Reply::Drip(_) => {
                while stream.write_all(b"x").await.is_ok() {
                    let _ = stream.flush().await;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                return;
            }
        }
    }
}

// === the bench ===

/// Work for one gateway, and what came back.
pub struct Bench {
    pub work: Arc<BenchWork>,
    outcomes: mpsc::UnboundedReceiver<(Box<Submission>, Outcome)>,
    pub stop: CancellationToken,
    pub run: tokio::task::JoinHandle<()>,
}

pub struct BenchWork {
    waiting: Mutex<VecDeque<Box<Submission>>>,
    ready: Notify,
    outcomes: mpsc::UnboundedSender<(Box<Submission>, Outcome)>,
    pub health: Mutex<Vec<Health>>,
}

impl Work for BenchWork {
    fn take(&self, room: usize, into: &mut Vec<Box<Submission>>) {
        let mut waiting = self.waiting.lock().unwrap();
        let count = room.min(waiting.len());
        into.extend(waiting.drain(..count));
        if !waiting.is_empty() {
            self.ready.notify_one();
        }
    }

    fn take_along(
        &self,
        room: usize,
        fits: &mut dyn FnMut(&[Box<Submission>], &Submission) -> bool,
        into: &mut Vec<Box<Submission>>,
    ) {
        let mut waiting = self.waiting.lock().unwrap();
        let most = into.len() + room;
        while into.len() < most
            && let Some(next) = waiting.pop_front_if(|next| next.kind != Kind::Otp && fits(into, next))
        {
            into.push(next);
        }
    }

    fn ready(&self) -> &Notify {
        &self.ready
    }

    fn done(&self, finished: &mut Vec<(Box<Submission>, Outcome)>) {
        for one in finished.drain(..) {
            let _ = self.outcomes.send(one);
        }
    }

    fn receipts(&self, _: Vec<Receipt>) -> BoxFuture<'_, Result<(), NotKept>> {
        Box::pin(async { Ok(()) })
    }

    fn inbound(&self, _: Inbound) -> BoxFuture<'_, Result<(), NotKept>> {
        Box::pin(async { Ok(()) })
    }

    fn health(&self, health: Health) {
        self.health.lock().unwrap().push(health);
    }
}

impl BenchWork {
    /// How many nobody took yet.
    pub fn waiting(&self) -> usize {
        self.waiting.lock().unwrap().len()
    }
}

/// Settings for this URL: parameters `to` and `text`, success string `OK`; `more` goes over them.
pub fn settings(url: &str, more: Value) -> Value {
    let mut settings = json!({
        "url": url, "destination_parameter": "to", "message_parameter": "text", "success_contains": "OK",
    });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    settings
}

pub fn plugins() -> Plugins {
    Plugins::new(vec![Arc::new(GenericHttpPlugin::new())])
}

/// A guard that lets tests reach this machine.
pub fn local() -> NetworkGuard {
    NetworkGuard::allowing(["127.0.0.0/8".parse().unwrap()])
}

pub fn build(settings: &Value, network: NetworkGuard) -> Arc<dyn Gateway> {
    let settings = plugins().check("generic-http", settings).unwrap();
    GenericHttpPlugin::new().build(&settings, &Environment { network, ..Environment::default() }).unwrap()
}

impl Bench {
    pub fn start(url: &str, more: Value) -> Self {
        Self::start_guarded(url, more, local())
    }

    pub fn start_guarded(url: &str, more: Value, network: NetworkGuard) -> Self {
        Self::of(build(&settings(url, more), network))
    }

    /// A bench for this gateway.
    pub fn of(gateway: Arc<dyn Gateway>) -> Self {
        let (sender, outcomes) = mpsc::unbounded_channel();
        let work = Arc::new(BenchWork {
            waiting: Mutex::default(),
            ready: Notify::new(),
            outcomes: sender,
            health: Mutex::default(),
        });
        let stop = CancellationToken::new();
        let drain = Duration::from_millis(500);
        let run = tokio::spawn(gateway.run(work.clone(), Stop::new(stop.clone(), drain)));
        Self { work, outcomes, stop, run }
    }

    pub fn submit(&self, submission: Submission) {
        self.work.waiting.lock().unwrap().push_back(Box::new(submission));
        self.work.ready.notify_one();
    }

    /// Gives it all of these at once.
    pub fn submit_all(&self, submissions: Vec<Submission>) {
        self.work.waiting.lock().unwrap().extend(submissions.into_iter().map(Box::new));
        self.work.ready.notify_one();
    }

    pub async fn outcome(&mut self) -> Outcome {
        self.landed().await.1
    }

    /// The next message that comes back, with its outcome.
    pub async fn landed(&mut self) -> (Box<Submission>, Outcome) {
        tokio::time::timeout(PATIENCE, self.outcomes.recv()).await.expect("an outcome").expect("an outcome")
    }

    pub async fn send(&mut self, submission: Submission) -> Outcome {
        self.submit(submission);
        self.outcome().await
    }
}

/// One message sent through a gateway of its own.
pub async fn send(url: &str, more: Value, submission: Submission) -> Outcome {
    Bench::start(url, more).send(submission).await
}
