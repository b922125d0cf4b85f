//! Somebody who speaks HTTP by hand: what a browser would not do, or says of itself.

use crate::site::PASSWORD;
use reqwest::redirect::Policy;
use reqwest::{Client, Method};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// A visitor with its cookies.
pub struct Visitor {
    client: Client,
    at: SocketAddr,
    cookies: BTreeMap<String, String>,
    /// The token of its session's forms.
    pub csrf: String,
}

/// What was answered.
pub struct Seen {
    pub status: u16,
    pub location: String,
    pub headers: reqwest::header::HeaderMap,
    pub body: String,
}

impl Visitor {
    /// A guest, with the token of a guest's forms.
    pub async fn guest(at: SocketAddr) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        let mut visitor = Self { client, at, cookies: BTreeMap::new(), csrf: String::new() };
        let page = visitor.get("/console/sign-in").await;
        visitor.csrf = page.csrf();
        visitor
    }

    /// A person who has signed in.
    pub async fn person(at: SocketAddr, name: &str) -> Self {
        let mut visitor = Self::guest(at).await;
        let seen = visitor.post("/console/sign-in", &[("name", name), ("password", PASSWORD)]).await;
        assert_eq!(seen.status, 303, "{}", seen.body);
        visitor.csrf = visitor.get("/console/account").await.csrf();
        visitor
    }

    pub async fn get(&mut self, path: &str) -> Seen {
        self.ask(Method::GET, path, &[], "").await
    }

    /// A form with the token in it.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Seen {
        let csrf = self.csrf.clone();
        let fields: Vec<_> = fields.iter().copied().chain([("csrf", csrf.as_str())]).collect();
        self.post_just(path, &fields).await
    }

    /// A form of just these fields.
    pub async fn post_just(&mut self, path: &str, fields: &[(&str, &str)]) -> Seen {
        self.post_with(path, fields, &[]).await
    }

    /// The same with headers.
    pub async fn post_with(&mut self, path: &str, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Seen {
        let mut url = reqwest::Url::parse("http://form/").unwrap();
        url.query_pairs_mut().extend_pairs(fields);
        let form = ("content-type", "application/x-www-form-urlencoded");
        let headers: Vec<_> = headers.iter().copied().chain([form]).collect();
        self.ask(Method::POST, path, &headers, url.query().unwrap_or_default()).await
    }

    /// One request.
    pub async fn ask(&mut self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Seen {
        let mut request =
            self.client.request(method, format!("http://{}{path}", self.at)).body(body.to_owned());
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        request = request.header("cookie", cookies.join("; "));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap();
        let headers = answer.headers().clone();
        for cookie in headers.get_all("set-cookie") {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let location = headers.get("location").map_or("", |value| value.to_str().unwrap()).to_owned();
        Seen { status: answer.status().as_u16(), location, headers, body: answer.text().await.unwrap() }
    }
}

impl Seen {
    /// The token in the page's forms; empty where it has none.
    pub fn csrf(&self) -> String {
        let rest = self.body.split_once("name=\"csrf\" value=\"").map_or("", |(_, rest)| rest);
        rest.split('"').next().unwrap_or_default().to_owned()
    }
}
