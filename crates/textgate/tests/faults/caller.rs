//! Callers that are slow, gone, wrong or too many: answered or refused, memory bounded, and a code is not held up.

use crate::kit::{KEY, PHONE, Server, eventually, manifest, smpp, smsc, smsc_that};
use crate::run::is_long;
use reqwest::Method;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;
use textgate_simulator::{Behaviour, Smsc};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

/// What a debug build with 4,096 connections needs, and no more than that.
const MOST_RESIDENT: u64 = 192 << 20;

/// A server with a gateway; `more` is added to its configuration.
async fn start(smsc: &Smsc, more: &str) -> Server {
    let mut server = Server::stopped_with(&format!("[network]\nallow = [\"127.0.0.0/8\"]\n{more}"));
    server.apply(&manifest(&[smpp("main", smsc.address(), "window = 10")]));
    // As many files as this machine lets it have.
    let serve = server.command(&["serve"]);
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -n $(ulimit -Hn); exec \"$@\"", "sh"])
        .arg(serve.get_program())
        .args(serve.get_args());
    command.env("TEXTGATE_LOG_LEVEL", "info");
    server.serve_by(command).await;
    server.api().until_gateway("main", "up").await;
    server
}

/// How long a code takes from the call to the phone's receipt.
async fn time_of_a_code(server: &Server) -> Duration {
    let begin = Instant::now();
    server.api().send_until(json!({"to": PHONE, "text": "123456", "kind": "otp"}), "delivered").await;
    begin.elapsed()
}

fn assert_bounded(server: &Server) -> u64 {
    let resident = server.resident();
    assert!(resident < MOST_RESIDENT, "{} MiB", resident >> 20);
    resident >> 20
}

fn head(more: &str) -> String {
    format!("POST /v1/messages HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n{more}\r\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_callers_are_let_go_and_hold_nobody_up() {
    let smsc = smsc().await;
    let server = start(&smsc, "").await;
    let alone = time_of_a_code(&server).await;
    let address = server.address();
    let body = json!({"to": PHONE, "text": "slow"}).to_string();
    let whole = head(&format!("content-type: application/json\r\ncontent-length: {}\r\n", 5_000)) + &body;
    // Octet by octet: of the head, of a body, and one who asks and does not read the answer.
    let dribblers: Vec<_> = (0..120)
        .map(|n| {
            let octets = whole.clone().into_bytes();
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                let at_once = if n % 2 == 0 { 1 } else { octets.len() - 20 };
                stream.write_all(&octets[..at_once]).await.unwrap();
                let (mut read, mut write) = stream.split();
                let dribble = async {
                    for octet in octets[at_once..].iter().cycle() {
                        sleep(Duration::from_millis(150)).await;
                        if write.write_all(&[*octet]).await.is_err() {
                            return;
                        }
                    }
                };
                let mut answer = Vec::new();
                tokio::select! {
                    _ = read.read_to_end(&mut answer) => {}
                    () = dribble => {}
                }
                String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
            })
        })
        .collect();
    let meanwhile = time_of_a_code(&server).await;
    assert!(meanwhile < alone * 10 + Duration::from_secs(1), "{meanwhile:?}, {alone:?} alone");
    for dribbler in dribblers {
        let answer = timeout(Duration::from_secs(40), dribbler).await.expect("it is let go").unwrap();
        assert!(answer.is_empty() || answer.contains(" 408 ") || answer.contains(" 400 "), "{answer}");
    }
    assert_bounded(&server);
    assert_eq!(smsc.messages().len(), 2, "nothing of theirs was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_that_are_half_gone_get_their_answer_and_what_was_accepted_is_sent() {
    let smsc = smsc().await;
    let server = start(&smsc, "").await;
    let request = |n: usize| {
        let body = json!({"to": PHONE, "text": format!("half {n}")}).to_string();
        head(&format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len())) + &body
    };
    // One that has said all it will ever say still hears the answer.
    for n in 0..10 {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(request(n).as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        timeout(Duration::from_secs(20), stream.read_to_string(&mut answer)).await.unwrap().unwrap();
        assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    }
    // One that hangs up without waiting: sent or not, but never half, and never twice.
    for n in 10..60 {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        let request = request(n);
        let cut = if n % 2 == 0 { request.len() } else { request.len() * (n - 10) / 50 };
        stream.write_all(&request.as_bytes()[..cut]).await.unwrap();
        // With a reset, as a machine that is gone.
        stream.set_zero_linger().unwrap();
        drop(stream);
    }
    let api = server.api();
    eventually("nothing waits", async || {
        let list = api.get("/v1/messages?status=accepted").await.expect(200);
        list["messages"].as_array().unwrap().is_empty().then_some(())
    })
    .await;
    let texts: Vec<String> = smsc.messages().iter().map(|message| message.text.clone()).collect();
    assert_eq!(texts.len(), texts.iter().collect::<std::collections::HashSet<_>>().len(), "{texts:?}");
    assert!((0..10).all(|n| texts.contains(&format!("half {n}"))));
    let listed = api.get("/v1/messages?limit=200").await.expect(200)["messages"].as_array().unwrap().len();
    assert_eq!(listed, texts.len(), "what is on disk was sent, and nothing else");
    time_of_a_code(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_up_to_the_limit_are_read_and_one_octet_more_is_refused() {
    let smsc = smsc().await;
    let server = start(&smsc, "").await;
    let api = server.api();
    let padded = |body: &Value, length: usize| {
        let body = body.to_string();
        body.clone() + &" ".repeat(length - body.len())
    };
    let one = json!({"to": PHONE, "text": "at the limit"});
    let batch = json!({"messages": [one.clone()]});
    for (path, body, limit, status) in
        [("/v1/messages", &one, 64 << 10, 202), ("/v1/messages/batch", &batch, 1 << 20, 200)]
    {
        let ask = async |length: usize| {
            let json = [("content-type", "application/json")];
            api.ask(Method::POST, path, &json, padded(body, length)).await
        };
        ask(limit).await.expect(status);
        ask(limit + 1).await.expect_problem(413, "body-too-large");
    }
    let batch = |count: usize| json!({"messages": vec![json!({"to": PHONE, "text": "x"}); count]});
    api.post("/v1/messages/batch", batch(1_000)).await.expect(200);
    api.post("/v1/messages/batch", batch(1_001)).await.expect_problem(400, "invalid-request");
    api.post("/v1/messages/batch", batch(0)).await.expect_problem(400, "invalid-request");
    smsc.wait_for(crate::kit::PATIENCE, |all| all.len() >= 1_002).await.unwrap();
    assert_eq!(smsc.messages().len(), 1_002, "and nothing of what was refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_wrong_types_are_refused_by_the_name_of_their_field() {
    let smsc = smsc().await;
    let server = start(&smsc, "").await;
    let api = server.api();
    let wrong =
        [json!(null), json!(true), json!(-1), json!(1.5), json!(1e300), json!([]), json!({}), json!("\u{0}")];
    for field in ["to", "text", "kind", "flash", "overwrite", "validity_s", "send_at", "sender", "reference"]
    {
        for value in &wrong {
            let mut body = json!({"to": PHONE, "text": "x"});
            body[field] = value.clone();
            let answer = api.post_message(body).await;
            // Some of them are right: `flash` may be true, and an optional field may be null.
            if answer.status == 202 {
                let is_optional = !["to", "text"].contains(&field);
                // Unix seconds of long ago are now.
                let may_be = is_optional && value.is_null()
                    || field == "send_at" && *value == json!(-1)
                    || ["flash", "overwrite"].contains(&field) && *value == json!(true)
                    || ["text", "reference"].contains(&field) && value.is_string();
                assert!(may_be, "{field}: {value} was taken");
                continue;
            }
            let problem = answer.expect_problem(400, "invalid-request");
            let errors = problem["errors"].as_array().unwrap();
            assert!(errors.iter().any(|error| error["path"] == field), "{field}: {value}: {problem}");
        }
    }
    for body in ["", "null", "[]", "\"text\"", "{", "{\"to\": 1, \"to\": 2}", "\u{feff}{}"] {
        let json = [("content-type", "application/json")];
        let answer = api.ask(Method::POST, "/v1/messages", &json, body.into()).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (400, "application/problem+json"),
            "{body}"
        );
    }
    let answer = api.ask(Method::POST, "/v1/messages", &[("content-type", "text/xml")], "<to/>".into()).await;
    assert!((400..500).contains(&answer.status), "{}", answer.text);
    for (method, path) in
        [(Method::PATCH, "/v1/messages"), (Method::GET, "/v1/messages/%00"), (Method::GET, "/v1/../etc")]
    {
        let answer = api.ask(method, path, &[], String::new()).await;
        assert!((400..500).contains(&answer.status), "{path}: {}", answer.text);
    }
}

/// So many connections that say nothing, as far as this process may open them.
async fn idle(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    let mut held = Vec::with_capacity(count);
    for _ in 0..count {
        // Beyond the server's bound and the kernel's queue a connection is not even answered.
        match timeout(Duration::from_secs(5), TcpStream::connect(address)).await {
            Ok(Ok(stream)) => held.push(stream),
            _ => return held,
        }
    }
    held
}

/// A code by a connection of its own, as a caller that was not there before sends it.
async fn time_of_a_code_by_a_newcomer(server: &Server, smsc: &Smsc, code: &str) -> Duration {
    let begin = Instant::now();
    let mut stream =
        timeout(crate::kit::PATIENCE, TcpStream::connect(server.address())).await.unwrap().unwrap();
    let body = json!({"to": PHONE, "text": code, "kind": "otp"}).to_string();
    let more =
        format!("content-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    stream.write_all((head(&more) + &body).as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(crate::kit::PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    smsc.wait_for(crate::kit::PATIENCE, |all| all.iter().any(|message| message.text == code)).await.unwrap();
    begin.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_idle_connections_cost_little_and_keep_nobody_out() {
    // More than there are places, in both forms.
    let (asked, more) = if is_long() { (10_000, "") } else { (1_500, "[limits]\nconnections = 1000\n") };
    // The limit of this process, which holds the other ends.
    let own = std::process::id().to_string();
    let _ = Command::new("prlimit").args(["--pid", &own, "--nofile=20000:20000"]).output();
    let smsc = smsc().await;
    let server = start(&smsc, more).await;
    let alone = time_of_a_code(&server).await;
    let before = assert_bounded(&server);
    let mut held = idle(server.address(), asked).await;
    let count = held.len();
    assert!(count >= 1_000, "{count} connections");
    // Who was connected before is served as before, and who comes now finds a place, or makes one.
    let meanwhile = time_of_a_code(&server).await;
    assert!(meanwhile < alone * 10 + Duration::from_secs(2), "{meanwhile:?}, {alone:?} alone");
    let newcomer = time_of_a_code_by_a_newcomer(&server, &smsc, "newcomer").await;
    assert!(newcomer < alone * 10 + Duration::from_secs(5), "{newcomer:?}, {alone:?} alone");
    let at_most = assert_bounded(&server);
    eprintln!(
        "{count} idle connections: {before} MiB before, {at_most} MiB with them; a code {} ms before, {} ms with them, {} ms by a \
         newcomer",
        alone.as_millis(),
        meanwhile.as_millis(),
        newcomer.as_millis()
    );
    // And they are let go.
    let mut octet = [0];
    let first = timeout(Duration::from_secs(30), held[0].read(&mut octet)).await.expect("it is let go");
    assert!(matches!(first, Ok(0) | Err(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_ten_times_what_may_wait_is_taken_or_refused_and_codes_go_ahead_of_it() {
    let (waiting, burst) = (150, 1_500);
    // 10 at a time, each 20 ms: 500 a second.
    let slow = Behaviour { answer_delay: Duration::from_millis(20), ..Behaviour::default() };
    let smsc = smsc_that(slow).await;
    let server = start(&smsc, &format!("[limits]\nwaiting = {waiting}\n")).await;
    let callers: Vec<_> = (0..50)
        .map(|caller| {
            let api = server.api();
            tokio::spawn(async move {
                let (mut accepted, mut refused) = (Vec::new(), 0);
                for n in 0..burst / 50 {
                    let text = format!("burst {}", caller * 1_000 + n);
                    let answer = api.post_message(json!({"to": PHONE, "text": text})).await;
                    match answer.status {
                        202 => accepted.push(text),
                        _ => {
                            assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
                            answer.expect_problem(503, "busy");
                            refused += 1;
                        }
                    }
                }
                (accepted, refused)
            })
        })
        .collect();
    let api = server.api();
    smsc.wait_for_submits(crate::kit::PATIENCE, |all| all.len() > 20).await.unwrap();
    // Codes in the middle of it: there is room kept for them, and they go ahead.
    let mut overtaken = Vec::new();
    for n in 0..5 {
        let code = format!("code {n}");
        api.send(json!({"to": PHONE, "text": code, "kind": "otp"})).await;
        let before = smsc.submits().len();
        let arrived = smsc.wait_for_submits(crate::kit::PATIENCE, |all| all.iter().any(|s| s.text == code));
        let arrived = arrived.await.unwrap();
        let place = arrived.iter().position(|submit| submit.text == code).unwrap();
        overtaken.push(place.saturating_sub(before));
    }
    let (mut accepted, mut refused) = (Vec::new(), 0);
    for caller in callers {
        let (texts, more) = caller.await.unwrap();
        accepted.extend(texts);
        refused += more;
    }
    assert!(refused > 0 && !accepted.is_empty(), "{} accepted, {refused} refused", accepted.len());
    // A turn of the window, and what the test was late.
    assert!(overtaken.iter().all(|count| *count <= 3 * 10), "{overtaken:?} texts went before a code");
    smsc.wait_for(crate::kit::PATIENCE, |all| all.len() >= accepted.len() + 5).await.unwrap();
    let arrived: Vec<String> = smsc.messages().iter().map(|message| message.text.clone()).collect();
    assert_eq!(arrived.len(), accepted.len() + 5, "what was refused is not sent, and nothing twice");
    assert!(accepted.iter().all(|text| arrived.contains(text)));
    let resident = assert_bounded(&server);
    eprintln!(
        "a burst of {burst} where {waiting} may wait: {} accepted, {refused} refused, {overtaken:?} texts before each of 5 codes, {resident} MiB",
        accepted.len()
    );
}
