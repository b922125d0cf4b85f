//! Peers that mean harm, on the API's listener and behind the gateways.

use super::kit::{
    PHONE, Server, http, manifest, manifest_with, provider, provider_that, smpp, smsc, smsc_that,
};
use serde_json::json;
use std::time::Duration;
use textgate_simulator::{Behaviour, Fault, HttpBehaviour, HttpFault, LastAnswer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// More than a debug build with its simulators' load needs, far less than what the peers below ask for.
const MOST_RESIDENT: u64 = 160 << 20;

/// Numbers that look random and are the same in each run (SplitMix64).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn octets(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}

/// Sends these octets and gives back what is answered until the end, or until nothing comes any more.
async fn shout(server: &Server, octets: &[u8], is_all: bool) -> String {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    // It may be refused before all of it was written.
    let _ = stream.write_all(octets).await;
    if is_all {
        let _ = stream.shutdown().await;
    }
    let mut answer = Vec::new();
    let _ = timeout(Duration::from_secs(20), stream.read_to_end(&mut answer))
        .await
        .expect("it answers or closes");
    String::from_utf8_lossy(&answer).into_owned()
}

async fn assert_well(server: &mut Server) {
    assert!(server.is_alive(), "{}", server.log());
    // The machine itself may be busy for a while; a server that is held up stays so.
    let mut quickest = Duration::MAX;
    for _ in 0..3 {
        let begin = Instant::now();
        server.api_as("").get("/healthz").await.expect(200);
        quickest = quickest.min(begin.elapsed());
    }
    assert!(quickest < Duration::from_secs(2), "others are answered meanwhile: {quickest:?}");
    let resident = server.resident();
    assert!(resident < MOST_RESIDENT, "{} MiB", resident >> 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn random_octets_and_broken_requests_are_refused_and_harm_nobody() {
    let smsc = smsc().await;
    let mut server = Server::start(&manifest(&[smpp("main", smsc.address(), "")])).await;
    let mut noise = Noise(7);
    for _ in 0..60 {
        let length = 1 + (noise.next() % 5_000) as usize;
        let answer = shout(&server, &noise.octets(length), true).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    let key = super::kit::KEY;
    let head = |more: &str| {
        format!("POST /v1/messages HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n{more}\r\n")
    };
    let huge_header = format!("GET /healthz HTTP/1.1\r\nhost: x\r\nx-much: {}\r\n\r\n", "a".repeat(20 << 10));
    let answer = shout(&server, huge_header.as_bytes(), false).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer:?}");
    let many_headers: String = (0..500).map(|n| format!("x-{n}: 1\r\n")).collect();
    assert!(
        shout(&server, format!("GET /healthz HTTP/1.1\r\n{many_headers}\r\n").as_bytes(), false)
            .await
            .starts_with("HTTP/1.1 431")
    );
    for (more, body) in [
        ("content-length: 100\r\n", "{\"to\": \"15550100100\", \"text\": \"x\"}"),
        ("transfer-encoding: chunked\r\n", "ffffffff\r\n{\"to\""),
        ("transfer-encoding: chunked\r\n", "zz\r\n"),
        ("content-length: -1\r\n", "{}"),
        ("content-length: 5\r\ncontent-length: 6\r\n", "{}    "),
        ("content-length: 99999999999999999999999\r\n", "{}"),
    ] {
        let answer = shout(&server, (head(more) + body).as_bytes(), true).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{more}: {answer}");
    }
    for body in [
        "[".repeat(60_000),
        format!("{{\"to\": \"{PHONE}\", \"text\": \"{}\"}}", "\\ud83d".repeat(100)),
        format!("{{\"to\": {}}}", "9".repeat(60_000)),
        format!("{{\"to\": \"{PHONE}\", \"text\": \"{}\"}}", "a".repeat(60_000)),
        String::from_utf8_lossy(&noise.octets(30_000)).into_owned(),
    ] {
        let status = server.api().ask(reqwest::Method::POST, "/v1/messages", &[], body).await.status;
        assert_eq!(status, 400);
    }
    assert_well(&mut server).await;
    assert_eq!(smsc.counters().submits, 0, "nothing of it was taken for a message");
    server.api().send_until(json!({"to": PHONE, "text": "still here"}), "delivered").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_without_end_are_cut_off_and_do_not_fill_the_memory() {
    let smsc = smsc().await;
    let mut server = Server::start(&manifest(&[smpp("main", smsc.address(), "")])).await;
    let key = super::kit::KEY;
    let address = server.address();
    let pushers: Vec<_> = (0..40)
        .map(|n| {
            let path = if n % 2 == 0 { "/v1/messages" } else { "/v1/messages/batch" };
            let head = format!(
                "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: 1000000000\r\n\r\n"
            );
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.write_all(head.as_bytes()).await.unwrap();
                let much = vec![b'['; 1 << 16];
                // 8 MiB each, unless it is cut off before.
                for _ in 0..128 {
                    if stream.write_all(&much).await.is_err() {
                        return true;
                    }
                }
                let mut answer = [0; 12];
                stream.read_exact(&mut answer).await.is_ok() && &answer == b"HTTP/1.1 413"
            })
        })
        .collect();
    assert_well(&mut server).await;
    for pusher in pushers {
        assert!(timeout(Duration::from_secs(30), pusher).await.unwrap().unwrap(), "it is refused");
    }
    assert_well(&mut server).await;
    let large = json!({"to": PHONE, "text": "x", "reference": "r".repeat(70_000)}).to_string();
    let answer = server.api().ask(reqwest::Method::POST, "/v1/messages", &[], large).await;
    answer.expect_problem(413, "body-too-large");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_idle_and_slow_connections_hold_nobody_up() {
    let smsc = smsc().await;
    let mut server = Server::start(&manifest(&[smpp("main", smsc.address(), "")])).await;
    let mut held = Vec::new();
    for n in 0..1_000 {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        match n % 3 {
            0 => {}
            1 => stream.write_all(b"GET /healthz HT").await.unwrap(),
            _ => stream.write_all(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-le").await.unwrap(),
        }
        held.push(stream);
    }
    assert_well(&mut server).await;
    let message =
        server.api().send_until(json!({"to": PHONE, "text": "123456", "kind": "otp"}), "delivered").await;
    assert_eq!(message["status"], "delivered");
    // Whoever does not finish a head is let go.
    let mut answer = Vec::new();
    let slow = &mut held[1];
    timeout(Duration::from_secs(25), slow.read_to_end(&mut answer))
        .await
        .expect("it is closed")
        .unwrap_or_default();
    assert_well(&mut server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_smsc_that_sends_nonsense_costs_a_failover_and_nothing_else() {
    let provider = provider().await;
    let smsc = smsc_that(Behaviour::default()).await;
    let gateways = [smpp("main", smsc.address(), ""), http("backup", provider.address(), "")];
    let mut server = Server::start(&manifest_with("failover_after_ms = 500", &gateways)).await;
    let mut noise = Noise(11);
    let faults = [
        Fault::Garbage { after: 1, octets: vec![0xff; 64] },
        // A length of 4 GiB, of nothing, and less than a header.
        Fault::Garbage { after: 1, octets: [&[0xff, 0xff, 0xff, 0xff][..], &[0; 60]].concat() },
        Fault::Garbage { after: 1, octets: vec![0; 16] },
        Fault::Garbage { after: 1, octets: noise.octets(4_000) },
        Fault::Drop { after: 1, last_answer: LastAnswer::Half },
        Fault::GenericNack,
        Fault::WrongSequence,
    ];
    for fault in faults {
        smsc.set(Behaviour { fault: fault.clone(), ..Behaviour::default() });
        server.api().until_gateway("main", "up").await;
        let id = server.api().send(json!({"to": PHONE, "text": "123456", "kind": "otp"})).await;
        let message = super::kit::eventually(&format!("it is sent in spite of {fault:?}"), async || {
            let message = server.api().message(&id).await;
            ["sent", "delivered"].contains(&message["status"].as_str().unwrap()).then_some(message)
        })
        .await;
        assert!(!message["attempts"].as_array().unwrap().is_empty());
        smsc.set(Behaviour::default());
        assert_well(&mut server).await;
    }
    server.api().until_gateway("main", "up").await;
    server.api().send_until(json!({"to": PHONE, "text": "all is well again"}), "delivered").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_whose_answer_has_no_end_is_read_no_further_than_the_bound() {
    let provider = provider_that(HttpBehaviour::failing(HttpFault::Huge { octets: u64::MAX })).await;
    let smsc = smsc().await;
    let gateways = [http("web", provider.address(), ""), smpp("backup", smsc.address(), "")];
    let mut server = Server::start(&manifest_with("failover_after_ms = 3000", &gateways)).await;
    server.api().until_gateway("backup", "up").await;
    for _ in 0..3 {
        let message =
            server.api().send_until(json!({"to": PHONE, "text": "123456", "kind": "otp"}), "delivered").await;
        assert_eq!(message["attempts"][0]["outcome"], "refused", "{message:#}");
        assert_well(&mut server).await;
    }
    provider.set(HttpBehaviour::failing(HttpFault::Garbage(vec![0xff; 300])));
    server.api().send_until(json!({"to": PHONE, "text": "123456", "kind": "otp"}), "delivered").await;
    assert_well(&mut server).await;
}
