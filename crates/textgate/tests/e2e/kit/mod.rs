//! What every end-to-end test needs: the binary as a process, its API, providers to send to, and a bound on waiting.

mod api;
mod manifest;
pub mod npm;
mod server;
mod wait;

pub use api::{Answer, Api};
pub use manifest::{Tenant, gateway, http, manifest, manifest_with, smpp};
pub use server::{Server, binary};
pub use wait::{PATIENCE, eventually};

use textgate_simulator::{
    Behaviour, HttpAnswer, HttpBehaviour, HttpOptions, HttpProvider, HttpRequest, Smsc, SmscOptions,
};

/// The API key of `acme` in [`manifest`].
pub const KEY: &str = "tg_end_to_end_0123456789abcdef";

/// The phone that messages go to where it does not matter.
pub const PHONE: &str = "15550100100";

/// An SMSC that takes everything and reports it delivered.
pub async fn smsc() -> Smsc {
    smsc_that(Behaviour::default()).await
}

/// An SMSC that behaves so.
pub async fn smsc_that(behaviour: Behaviour) -> Smsc {
    Smsc::start(SmscOptions { behaviour, ..SmscOptions::default() }).await.unwrap()
}

/// An HTTP provider that takes everything.
pub async fn provider() -> HttpProvider {
    provider_that(HttpBehaviour::default()).await
}

/// An HTTP provider that behaves so.
pub async fn provider_that(behaviour: HttpBehaviour) -> HttpProvider {
    HttpProvider::start(HttpOptions { behaviour, ..HttpOptions::default() }).await.unwrap()
}

/// Every request is answered so.
pub fn answering(status: u16, body: &str) -> HttpBehaviour {
    HttpBehaviour::answering(HttpAnswer::text(status, body))
}

/// Path and query as they stood in the request line.
pub fn target(request: &HttpRequest) -> String {
    let query = request.query.as_ref().map_or(String::new(), |query| format!("?{query}"));
    format!("{}{query}", request.path)
}

/// An address on which nobody listens.
pub fn nobody() -> std::net::SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// The values of a metric's series whose labels contain all of `labels`, added up; 0 where there is none.
pub fn metric(text: &str, name: &str, labels: &[&str]) -> f64 {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(' '))
        .filter(|(series, _)| series.split('{').next() == Some(name))
        .filter(|(series, _)| labels.iter().all(|label| series.contains(label)))
        .filter_map(|(_, value)| value.parse::<f64>().ok())
        .sum()
}
