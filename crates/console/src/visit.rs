//! Who asks for a page, and how they want it: decided by the [gate](crate::gate) before a handler runs.

use crate::cookies;
use crate::flash::Flash;
use crate::origin;
use crate::text::{Language, Text};
use axum::extract::{ConnectInfo, FromRequestParts};
use http::request::Parts;
use http::{HeaderMap, Method, header};
use ipnet::IpNet;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use textgate_dispatch::Person;
use textgate_sms::VsId;

/// Light, dark, or as the device says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// As the device says (`prefers-color-scheme`).
    #[default]
    Auto,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// All of them, in the order of the choice.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Light, Self::Dark];

    /// Its name in the cookie, the form and the stylesheet.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The one of this name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.name() == name)
    }
}

/// Anybody who asks for a page.
#[derive(Debug, Clone)]
pub struct Guest {
    /// The texts in their language.
    pub text: Text,
    /// Their theme.
    pub theme: Theme,
    /// Path and query of what they ask for; of a POST, where it was posted to.
    pub here: String,
    /// The token that forms must carry.
    pub csrf: String,
    /// Where they ask from.
    pub from: IpAddr,
    /// Of a POST: by what address their browser reaches us, where it tells.
    pub origin: Option<String>,
    /// What is to be told.
    pub(crate) flash: Option<Flash>,
    /// The token of their session, if they say that they have one.
    pub(crate) token: Option<String>,
}

/// A person who is signed in, on a page of a virtual server that they may see.
#[derive(Debug, Clone)]
pub struct Visit {
    /// Who.
    pub person: Person,
    /// The virtual server of the page; the person's own where the page is not of one.
    pub vs: VsId,
    /// How they want it.
    pub guest: Guest,
}

impl Visit {
    /// The texts in their language.
    pub fn text(&self) -> Text {
        self.guest.text
    }

    /// Who is told by the audit log to have done something.
    pub fn actor(&self) -> String {
        self.person.actor()
    }

    /// The address of one of the virtual server's pages.
    pub fn to(&self, page: &str) -> String {
        format!("/console/vs/{}/{page}", self.vs)
    }
}

// === impl Guest ===

impl Guest {
    /// What a request says of who asks. `csrf` is left to the gate.
    pub(crate) fn of(parts: &Parts, proxies: &[IpNet]) -> Self {
        let headers = &parts.headers;
        let chosen = cookies::get(headers, cookies::LANGUAGE).and_then(Language::of);
        let accepted = || {
            let header = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
            Language::accepted(header.unwrap_or_default())
        };
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
        let here = parts.uri.path_and_query().map_or("/console/", |here| here.as_str());
        Self {
            text: Text::new(chosen.unwrap_or_else(accepted)),
            theme: cookies::get(headers, cookies::THEME).and_then(Theme::of).unwrap_or_default(),
            here: here.to_owned(),
            csrf: String::new(),
            from: asked_from(peer.unwrap_or(Ipv4Addr::LOCALHOST.into()), headers, proxies),
            origin: origin::of(headers),
            flash: (parts.method == Method::GET).then(|| Flash::of(headers)).flatten(),
            token: cookies::get(headers, cookies::SESSION).map(str::to_owned),
        }
    }
}

/// The address that asks: the peer's, or what trusted proxies say. Each proxy adds at the end of `X-Forwarded-For` whom it heard, so
/// the last that is not a trusted proxy itself is the one; what stands before it anybody may have written.
fn asked_from(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
    // A listener for both families sees IPv4 peers as mapped addresses.
    let peer = peer.to_canonical();
    let is_proxy = |address: &IpAddr| proxies.iter().any(|range| range.contains(address));
    if !is_proxy(&peer) {
        return peer;
    }
    let lines = headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok());
    let heard: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    let mut from = peer;
    for address in heard.iter().rev() {
        let Some(address) = forwarded(address) else { return from };
        from = address.to_canonical();
        if !is_proxy(&from) {
            return from;
        }
    }
    from
}

/// An address as proxies write it: some add the port.
fn forwarded(address: &str) -> Option<IpAddr> {
    let with_port = || address.parse::<SocketAddr>().ok().map(|address| address.ip());
    address.parse().ok().or_else(with_port)
}

/// The gate lets nobody through without: there is no rejection.
impl<S: Sync> FromRequestParts<S> for Guest {
    type Rejection = crate::answer::Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        parts.extensions.get::<Self>().cloned().ok_or(crate::answer::Failure::Forbidden)
    }
}

impl<S: Sync> FromRequestParts<S> for Visit {
    type Rejection = crate::answer::Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        parts.extensions.get::<Self>().cloned().ok_or(crate::answer::Failure::Forbidden)
    }
}

impl<S: Sync> FromRequestParts<S> for crate::form::Form {
    type Rejection = Infallible;

    /// What was posted; nothing where this is no POST.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn from(peer: &str, forwarded: &'static str) -> String {
        let proxies = ["10.0.0.0/8".parse().unwrap()];
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", HeaderValue::from_static(forwarded));
        asked_from(peer.parse().unwrap(), &headers, &proxies).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed_and_only_in_what_it_added_itself() {
        assert_eq!(from("192.0.2.1", "203.0.113.9"), "192.0.2.1");
        assert_eq!(from("10.0.0.1", "203.0.113.9"), "203.0.113.9");
        assert_eq!(from("10.0.0.1", "1.1.1.1, 203.0.113.9"), "203.0.113.9");
        assert_eq!(from("10.0.0.1", "1.1.1.1, 203.0.113.9, 10.0.0.2"), "203.0.113.9");
        assert_eq!(from("10.0.0.1", "203.0.113.9, nonsense"), "10.0.0.1");
        assert_eq!(from("10.0.0.1", "::ffff:203.0.113.9"), "203.0.113.9");
        assert_eq!(from("10.0.0.1", "203.0.113.9:4711"), "203.0.113.9");
        assert_eq!(from("10.0.0.1", "[2001:db8::1]:4711"), "2001:db8::1");
        assert_eq!(from("::ffff:10.0.0.1", "203.0.113.9"), "203.0.113.9");
        assert_eq!(from("::ffff:192.0.2.1", "203.0.113.9"), "192.0.2.1");
        assert_eq!(from("10.0.0.1", ""), "10.0.0.1");
    }
}
