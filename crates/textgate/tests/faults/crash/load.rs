//! A load whose every message is known: callers of several virtual servers, one message after the other, and a book of what
//! they were told.

use crate::kit::{Api, Server, Tenant, eventually, manifest, smpp};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use textgate_simulator::{Message, Smsc};

/// Who sends, and whether SMS credits are spent on it: in mode Custom, in mode Default, and in mode Default below that.
pub const KEYS: [(&str, bool); 3] = [
    (crate::kit::KEY, false),
    ("tg_sales_key_0123456789abcdef", true),
    ("tg_north_key_0123456789abcdef", true),
];
/// More than any run spends.
const CREDITS: u64 = 100_000_000;
/// Submits that may be under way at once.
pub const WINDOW: usize = 100;

/// `acme` with a gateway, `acme/sales` on its credits, `acme/sales/north` on those of `sales`.
pub fn tenants(at: SocketAddr) -> String {
    tenants_with(at, WINDOW)
}

/// The same with another window.
pub fn tenants_with(at: SocketAddr, window: usize) -> String {
    let below = |path, key| Tenant {
        path,
        key,
        more: "credits = 100000000",
        settings: "mode = \"default\"",
        gateways: &[],
    };
    let acme = manifest(&[smpp("main", at, &format!("window = {window}"))]);
    acme + &below("acme/sales", KEYS[1].0).toml() + &below("acme/sales/north", KEYS[2].0).toml()
}

/// One message that somebody asked for.
pub struct Asked {
    pub number: u64,
    /// Which of [`KEYS`].
    pub who: usize,
    /// The id that was answered with 202, if anything was.
    pub id: Option<String>,
}

impl Asked {
    pub fn has_key(&self) -> bool {
        self.number.is_multiple_of(2)
    }

    /// Two segments for each fifth.
    pub fn segments(&self) -> u64 {
        1 + u64::from(self.number.is_multiple_of(5))
    }

    pub fn text(&self) -> String {
        let long = if self.segments() == 2 { " and more".repeat(18) } else { String::new() };
        format!("m{}{long}", self.number)
    }

    pub fn body(&self) -> Value {
        let kind = ["otp", "alert", "text"][self.number as usize % 3];
        // None of it may expire however long the run is.
        let to = format!("1555{:07}", self.number % 10_000_000);
        json!({"to": to, "text": self.text(), "kind": kind, "validity_s": 86_400})
    }

    /// Asks for it. Without an answer nothing is known.
    pub async fn ask(&mut self, api: &Api) -> Result<(), String> {
        let key = format!("key-{}", self.number);
        let mut headers = vec![("content-type", "application/json")];
        if self.has_key() {
            headers.push(("idempotency-key", &key));
        }
        let body = self.body().to_string();
        let answer = api.try_ask(reqwest::Method::POST, "/v1/messages", &headers, body).await;
        let answer = answer.map_err(|error| error.to_string())?;
        match answer.status {
            202 => {
                let id = answer.body["id"].as_str().unwrap().to_owned();
                assert!(self.id.as_ref().is_none_or(|before| *before == id), "one key, one id");
                self.id = Some(id);
                Ok(())
            }
            // Only what the program says when it cannot keep anything, and it says when to come again.
            503 if !answer.header("retry-after").is_empty() => Err(answer.text),
            _ => panic!("{}: {}", answer.status, answer.text),
        }
    }
}

/// All that was asked for.
#[derive(Default)]
pub struct Book {
    pub asked: Vec<Asked>,
    next: Arc<AtomicU64>,
    /// Those whose answer never came and that can be asked again under their key.
    again: Vec<Asked>,
}

/// Callers at work.
pub struct Calls {
    calls: Vec<tokio::task::JoinHandle<Vec<Asked>>>,
    accepted: Arc<AtomicU64>,
}

impl Calls {
    /// Waits until so many messages were accepted since they began.
    pub async fn until_accepted(&self, count: u64) {
        eventually("it is under load", async || (self.accepted.load(SeqCst) >= count).then_some(())).await;
    }
}

impl Book {
    /// `callers` begin to send, and go on until the server is gone.
    pub fn begin(&mut self, server: &Server, callers: usize) -> Calls {
        let accepted = Arc::new(AtomicU64::new(0));
        let calls = (0..callers).map(|caller| {
            let apis = KEYS.map(|(key, _)| server.api_as(key));
            let (next, accepted) = (Arc::clone(&self.next), Arc::clone(&accepted));
            let mut first = self.again.pop();
            tokio::spawn(async move {
                let mut asked = Vec::new();
                loop {
                    let mut one = first.take().unwrap_or_else(|| {
                        let number = next.fetch_add(1, SeqCst);
                        Asked { number, who: (number as usize / 2 + caller) % KEYS.len(), id: None }
                    });
                    let answered = one.ask(&apis[one.who]).await;
                    asked.push(one);
                    if answered.is_err() {
                        return asked;
                    }
                    accepted.fetch_add(1, SeqCst);
                }
            })
        });
        Calls { calls: calls.collect(), accepted }
    }

    /// The server is gone: writes down what they were told.
    pub async fn end(&mut self, calls: Calls) {
        for call in calls.calls {
            for one in call.await.unwrap() {
                if one.id.is_none() && one.has_key() { self.again.push(one) } else { self.asked.push(one) }
            }
        }
    }

    /// Asks again for all that can be.
    pub async fn ask_again(&mut self, server: &Server) {
        for mut one in std::mem::take(&mut self.again) {
            one.ask(&server.api_as(KEYS[one.who].0)).await.unwrap();
            self.asked.push(one);
        }
    }

    pub fn accepted(&self) -> usize {
        self.asked.iter().filter(|one| one.id.is_some()).count()
    }

    /// Waits until the server has nothing left to do, and compares its books with these and with what the SMSC saw.
    /// `is_acknowledged_only` where what was never acknowledged may be lost: after a power cut.
    pub async fn audit(&self, server: &Server, smsc: &Smsc) -> Audit {
        for (key, _) in KEYS {
            let api = server.api_as(key);
            for status in ["accepted", "sent"] {
                eventually(&format!("no message is {status} any more"), async || {
                    let list = api.get(&format!("/v1/messages?status={status}")).await.expect(200);
                    list["messages"].as_array().unwrap().is_empty().then_some(())
                })
                .await;
            }
        }
        let arrived = count_by_text(&smsc.messages());
        let mut kept: [HashMap<String, Kept>; 3] = Default::default();
        for (kept, (key, _)) in kept.iter_mut().zip(KEYS) {
            *kept = list_all(&server.api_as(key)).await;
        }
        let mut texts = 0;
        for one in &self.asked {
            let times = arrived.get(&one.text()).copied().unwrap_or(0);
            texts += usize::from(times > 0);
            let Some(id) = &one.id else { continue };
            let message = kept[one.who].remove(id);
            let message = message.unwrap_or_else(|| panic!("{id} was answered with 202 and is gone"));
            assert!(times > 0, "{id} was answered with 202 and never arrived");
            assert_eq!((&*message.status, message.segments), ("delivered", one.segments()), "{id}");
        }
        assert_eq!(texts, arrived.len(), "nothing arrived that nobody asked for");
        // What is left was accepted, and its answer lost: it arrived as well, and no more of it.
        let unanswered = self.asked.iter().filter(|one| one.id.is_none()).count();
        let left: usize = kept.iter().map(HashMap::len).sum();
        assert!(left <= unanswered, "{left} messages that nobody asked for");
        assert!(kept.iter().flat_map(HashMap::values).all(|message| message.status == "delivered"));
        Audit { doubles: arrived.values().map(|times| times - 1).sum(), texts }
    }

    /// Compares SMS credits with the segments of what was accepted.
    pub async fn audit_credits(&self, server: &Server) {
        let mut spent = [0; 3];
        for ((key, _), spent) in KEYS.into_iter().zip(&mut spent) {
            let kept = list_all(&server.api_as(key)).await;
            *spent = kept.values().map(|message| message.segments).sum::<u64>();
        }
        // `north` pays, and `sales` with it.
        for (who, expected) in [(1, spent[1] + spent[2]), (2, spent[2])] {
            let (allocated, used, remaining) = server.api_as(KEYS[who].0).credits().await;
            assert_eq!((allocated, used, remaining), (CREDITS, expected, CREDITS - expected), "{who}");
        }
    }

    /// Asks again for each `step`th that has a key: it is the same message, and nothing is charged.
    pub async fn audit_keys(&self, server: &Server, step: usize) {
        let with_key = self.asked.iter().filter(|one| one.has_key() && one.id.is_some());
        for one in with_key.step_by(step) {
            let api = server.api_as(KEYS[one.who].0);
            let answer = api.post_once(&format!("key-{}", one.number), &one.body()).await;
            assert_eq!(answer.header("idempotent-replayed"), "true", "{}", answer.text);
            assert_eq!(answer.body["id"].as_str(), one.id.as_deref());
        }
    }
}

/// What an audit found.
pub struct Audit {
    /// Arrivals of messages that had arrived before.
    pub doubles: usize,
    /// Different messages that arrived.
    pub texts: usize,
}

struct Kept {
    status: String,
    segments: u64,
}

async fn list_all(api: &Api) -> HashMap<String, Kept> {
    let (mut all, mut cursor) = (HashMap::new(), String::new());
    loop {
        let page = api.get(&format!("/v1/messages?limit=200{cursor}")).await.expect(200);
        for message in page["messages"].as_array().unwrap() {
            let text = |name: &str| message[name].as_str().unwrap().to_owned();
            let kept = Kept { status: text("status"), segments: message["segments"].as_u64().unwrap() };
            assert!(all.insert(text("id"), kept).is_none(), "listed twice");
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

/// How often each text arrived, all its segments.
pub fn count_by_text(messages: &[Arc<Message>]) -> BTreeMap<String, usize> {
    let mut count = BTreeMap::new();
    for message in messages {
        *count.entry(message.text.clone()).or_default() += 1;
    }
    count
}
