//! The pages' own small HTTP server.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::body::PageBody;
use super::book::Book;
use super::page::page;
use crate::handset::{Handset, Written};
use crate::http::decode;
use crate::server::{Server, Serves};
use crate::sync::lock;
use crate::wait::Changes;

/// Connections at once; a browser has two or three.
const MOST_CONNECTIONS: usize = 64;
/// Octets of a request's head and of a form.
const MOST_HEAD: usize = 16 * 1024;
const MOST_FORM: usize = 16 * 1024;
/// Characters that a phone's owner writes at once.
const MOST_WRITTEN: usize = 1_000;
/// How long a request's head may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Nothing but this server's own files, no scripts or styles in pages, no frames.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The pages of all phones behind a [`Handset`], on their own address. Dropped, they end.
pub struct Phones {
    server: Server<Shared>,
    _guard: DropGuard,
}

impl fmt::Debug for Phones {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Phones").field("address", &self.address()).finish_non_exhaustive()
    }
}

impl Phones {
    /// Starts listening; what the phones get from now on is shown.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn start(listen: SocketAddr, handset: &Handset) -> io::Result<Self> {
        let shared = Shared {
            book: Mutex::default(),
            changes: Changes::default(),
            connections: AtomicUsize::new(0),
            handset: handset.clone(),
        };
        let server = Server::start(shared, listen)?;
        let stop = CancellationToken::new();
        let (shared, stopped, mut events) = (Arc::clone(&server.shared), stop.clone(), handset.events());
        tokio::spawn(stopped.run_until_cancelled_owned(async move {
            while let Some(event) = events.next().await {
                lock(&shared.book).show(&event, SystemTime::now());
                shared.changes.announce();
            }
        }));
        Ok(Self { server, _guard: stop.drop_guard() })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// The page that shows whichever phone got something last.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address())
    }

    /// Ends all tasks and waits until they have.
    pub async fn shutdown(self) {
        self.server.stop().await;
    }
}

struct Shared {
    book: Mutex<Book>,
    changes: Changes,
    connections: AtomicUsize,
    handset: Handset,
}

impl Serves for Shared {
    fn turns_away(&self) -> bool {
        self.connections.load(Relaxed) >= MOST_CONNECTIONS
    }

    async fn serve(self: Arc<Self>, stream: TcpStream, _number: u64, stop: CancellationToken) {
        self.connections.fetch_add(1, Relaxed);
        let _ = stream.set_nodelay(true);
        let service = service_fn(|request| {
            let shared = Arc::clone(&self);
            async move { Ok::<_, Infallible>(shared.answer(request).await) }
        });
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .max_buf_size(MOST_HEAD)
            .serve_connection(TokioIo::new(stream), service);
        tokio::select! {
            () = stop.cancelled() => {}
            // A connection that fails is the browser's to notice.
            _ = served => {}
        }
        self.connections.fetch_sub(1, Relaxed);
    }
}

impl Shared {
    async fn answer(&self, request: Request<Incoming>) -> Response<PageBody> {
        if !is_own_host(&request) {
            return text(StatusCode::MISDIRECTED_REQUEST, "this is not the name of this server");
        }
        let query = decode(request.uri().query().unwrap_or_default().as_bytes());
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/") => {
                let number =
                    query.iter().find(|(name, _)| name == "phone").map(|(_, number)| number.as_str());
                let can_write = |via| self.handset.can_write(via);
                let page = page(&lock(&self.book), number, SystemTime::now(), &can_write);
                whole(StatusCode::OK, "text/html; charset=utf-8", page)
            }
            (&Method::GET, "/events") => {
                respond(StatusCode::OK, "text/event-stream", PageBody::events(self.changes.subscribe()))
            }
            (&Method::GET, "/phones.css") => {
                whole(StatusCode::OK, "text/css; charset=utf-8", include_str!("static/phones.css").to_owned())
            }
            (&Method::GET, "/phones.js") => whole(
                StatusCode::OK,
                "text/javascript; charset=utf-8",
                include_str!("static/phones.js").to_owned(),
            ),
            (&Method::POST, "/dismiss") => self.dismiss(request).await,
            (&Method::POST, "/write") => self.write(request).await,
            _ => text(StatusCode::NOT_FOUND, "there is no such page"),
        }
    }

    /// Takes a flash message away, as a form asked.
    async fn dismiss(&self, request: Request<Incoming>) -> Response<PageBody> {
        let form = match form(request).await {
            Ok(form) => form,
            Err(refused) => return refused,
        };
        if let Some(id) = value(&form, "id").and_then(|id| id.parse().ok()) {
            lock(&self.book).dismiss(id);
            self.changes.announce();
        }
        back_to_the_phone(&form)
    }

    /// Sends what the phone's owner wrote to whom its last message came from, the same way.
    async fn write(&self, request: Request<Incoming>) -> Response<PageBody> {
        let form = match form(request).await {
            Ok(form) => form,
            Err(refused) => return refused,
        };
        let (number, said) = (value(&form, "phone"), value(&form, "text").unwrap_or_default());
        let partner = number.and_then(|number| {
            let book = lock(&self.book);
            let (to, via) = book.phone(Some(number))?.partner()?;
            Some((to.to_owned(), via))
        });
        let (Some(number), Some((to, via))) = (number, partner) else {
            return text(StatusCode::NOT_FOUND, "there is nobody that this phone could answer");
        };
        if said.trim().is_empty() || said.chars().count() > MOST_WRITTEN {
            return text(StatusCode::BAD_REQUEST, "write a text of 1 to 1,000 characters");
        }
        // Browsers end lines as forms do.
        let written = Written { number: number.to_owned(), to, text: said.replace("\r\n", "\n"), via };
        if !self.handset.write(written.clone()) {
            return text(StatusCode::SERVICE_UNAVAILABLE, "nothing that is written goes this way");
        }
        lock(&self.book).wrote(&written, SystemTime::now());
        self.changes.announce();
        back_to_the_phone(&form)
    }
}

/// The pairs of a form, which has to come from a page of this server.
async fn form(request: Request<Incoming>) -> Result<Vec<(String, String)>, Response<PageBody>> {
    if !is_own_origin(&request) {
        return Err(text(StatusCode::FORBIDDEN, "this form is of another page"));
    }
    match Limited::new(request.into_body(), MOST_FORM).collect().await {
        Ok(form) => Ok(decode(&form.to_bytes())),
        Err(_) => Err(text(StatusCode::PAYLOAD_TOO_LARGE, "the form is too long or was not sent whole")),
    }
}

fn value<'a>(form: &'a [(String, String)], wanted: &str) -> Option<&'a str> {
    form.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
}

/// Back to the phone whose form it was: a number as it stands in the book, or none.
fn back_to_the_phone(form: &[(String, String)]) -> Response<PageBody> {
    let mut response = text(StatusCode::SEE_OTHER, "");
    let is_plain = |number: &&str| number.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let place =
        value(form, "phone").filter(is_plain).map_or("/".to_owned(), |number| format!("/?phone={number}"));
    if let Ok(place) = HeaderValue::from_str(&place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

/// Whether the request is for this server by an address or as localhost: a page elsewhere whose name was made to lead here
/// must not read what the phones show.
fn is_own_host(request: &Request<Incoming>) -> bool {
    let Some(host) = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()) else {
        return false;
    };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

/// Whether a form comes from this server's own page, as far as the browser tells.
fn is_own_origin(request: &Request<Incoming>) -> bool {
    let field = |name| request.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    match (field(header::ORIGIN), field(header::HOST)) {
        (Some(origin), Some(host)) => origin.strip_prefix("http://") == Some(host),
        _ => true,
    }
}

fn text(status: StatusCode, text: &str) -> Response<PageBody> {
    whole(status, "text/plain; charset=utf-8", text.to_owned())
}

fn whole(status: StatusCode, kind: &'static str, body: String) -> Response<PageBody> {
    respond(status, kind, PageBody::Whole(Bytes::from(body)))
}

fn respond(status: StatusCode, kind: &'static str, body: PageBody) -> Response<PageBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
