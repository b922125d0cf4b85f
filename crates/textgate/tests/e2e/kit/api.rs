//! The REST API as a caller uses it.

use super::eventually;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use std::net::SocketAddr;

/// The API with one key.
#[derive(Clone)]
pub struct Api {
    http: reqwest::Client,
    base: String,
    key: String,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// The body's JSON; `null` where it is none.
    pub body: Value,
    /// The body as it came.
    pub text: String,
}

impl Answer {
    /// One of its headers; empty where it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body, where the status is this one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.body
    }

    /// Asserts that it is a problem of this type and status, in the form of RFC 9457.
    #[track_caller]
    pub fn expect_problem(self, status: u16, slug: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.body["type"], format!("/problems/{slug}"), "{}", self.text);
        assert_eq!(self.body["status"], status);
        self.body
    }
}

impl Api {
    /// The API at this address.
    pub fn new(http: reqwest::Client, address: SocketAddr, key: &str) -> Self {
        Self { http, base: format!("http://{address}"), key: key.into() }
    }

    /// One request, or why there was no answer.
    pub async fn try_ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Result<Answer, reqwest::Error> {
        let mut request = self.http.request(method, format!("{}{path}", self.base)).body(body);
        if !self.key.is_empty() {
            request = request.bearer_auth(&self.key);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await?;
        Ok(Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::Null), text })
    }

    /// One request.
    pub async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], body: String) -> Answer {
        self.try_ask(method, path, headers, body).await.unwrap()
    }

    async fn with_json(&self, method: Method, path: &str, body: &Value) -> Answer {
        self.ask(method, path, &[("content-type", "application/json")], body.to_string()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[], String::new()).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.ask(Method::DELETE, path, &[], String::new()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.with_json(Method::POST, path, &body).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.with_json(Method::PUT, path, &body).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.with_json(Method::PATCH, path, &body).await
    }

    /// Asks for a message to be sent.
    pub async fn post_message(&self, body: Value) -> Answer {
        self.post("/v1/messages", body).await
    }

    /// The same under an Idempotency-Key.
    pub async fn post_once(&self, key: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        self.ask(Method::POST, "/v1/messages", &headers, body.to_string()).await
    }

    /// Sends a message, which must be accepted; answers its id.
    pub async fn send(&self, body: Value) -> String {
        let body = self.post_message(body).await.expect(StatusCode::ACCEPTED.as_u16());
        body["id"].as_str().unwrap().to_owned()
    }

    /// A message.
    pub async fn message(&self, id: &str) -> Value {
        self.get(&format!("/v1/messages/{id}")).await.expect(200)
    }

    /// The message, once it has this status.
    pub async fn until(&self, id: &str, wanted: &str) -> Value {
        let mut last = Value::Null;
        eventually(&format!("{id} is {wanted}"), async || {
            last = self.message(id).await;
            // Where its way has ended otherwise there is nothing to wait for.
            let is_over = matches!(last["status"].as_str(), Some("failed" | "expired" | "cancelled"));
            assert!(!is_over || last["status"] == wanted, "not {wanted}: {last:#}");
            (last["status"] == wanted).then(|| last.clone())
        })
        .await
    }

    /// Sends a message and waits until it has this status.
    pub async fn send_until(&self, body: Value, wanted: &str) -> Value {
        let id = self.send(body).await;
        self.until(&id, wanted).await
    }

    /// How one of the key's own gateways is.
    pub async fn gateway(&self, name: &str) -> Value {
        let settings = self.get("/v1/sms-settings").await.expect(200);
        let gateways = settings["gateways"].as_array().unwrap();
        gateways.iter().find(|gateway| gateway["name"] == name).unwrap()["status"].clone()
    }

    /// Waits until one of the key's own gateways has this health.
    pub async fn until_gateway(&self, name: &str, health: &str) -> Value {
        eventually(&format!("{name} is {health}"), async || {
            let status = self.gateway(name).await;
            (status["health"] == health).then_some(status)
        })
        .await
    }

    /// The virtual server's SMS credits: allocated, used, remaining.
    pub async fn credits(&self) -> (u64, u64, u64) {
        let body = self.get("/v1/allocation").await.expect(200);
        let number = |name: &str| body[name].as_u64().unwrap();
        (number("allocated"), number("used"), number("remaining"))
    }

    /// The number of the virtual server at this path, as this key sees it.
    pub async fn virtual_server(&self, path: &str) -> Option<u64> {
        let list = self.get("/v1/virtual-servers").await.expect(200);
        let servers = list["virtual_servers"].as_array().unwrap();
        servers.iter().find(|server| server["path"] == path).and_then(|server| server["id"].as_u64())
    }
}
