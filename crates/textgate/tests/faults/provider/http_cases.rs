//! HTTP providers and proxies that fail.

use super::cases::Case;
use super::raw::{Nobody, says};
use crate::kit::{gateway, http, provider_that, smsc};
use std::net::SocketAddr;
use std::time::Duration;
use textgate_simulator::{HttpAnswer, HttpBehaviour, HttpFault};

const UNAVAILABLE: &[&str] = &["unavailable"];
const UNCERTAIN: &[&str] = &["uncertain"];
const REFUSED: &[&str] = &["refused"];

async fn simulated(
    name: impl Into<String>,
    behaviour: HttpBehaviour,
    outcomes: &'static [&'static str],
) -> Case {
    let provider = provider_that(behaviour).await;
    Case::new(name, http("main", provider.address(), ""), outcomes).with(provider)
}

/// What each status means for a code with a failover (RFC 9110 §15).
const STATUSES: &[(&str, &[u16])] = &[
    ("refused", &[204, 301, 302, 303, 307, 308, 400, 404, 405, 406, 409, 410, 413, 415, 422, 451, 501, 505]),
    ("account", &[401, 402, 403, 407]),
    ("unavailable", &[408, 421, 425, 500, 502, 503, 507, 511, 599]),
    ("throttled", &[429]),
    ("uncertain", &[504, 524]),
];

pub async fn providers() -> Vec<Case> {
    let nobody = Nobody::new();
    let mut cases =
        vec![Case::new("nobody listens", http("main", nobody.address, ""), UNAVAILABLE).with(nobody)];
    let turns_away = HttpBehaviour { turns_away: true, ..HttpBehaviour::default() };
    cases.push(simulated("closes each connection at once", turns_away, &["unavailable", "uncertain"]).await);
    for (name, fault, outcomes) in [
        ("never answers", HttpFault::Hang, UNCERTAIN),
        ("closes without an answer", HttpFault::CloseUnanswered, UNCERTAIN),
        ("closes in its answer", HttpFault::CutAnswer, &["uncertain", "refused"]),
        ("stops in its answer", HttpFault::HangInAnswer, &["uncertain", "refused"]),
        ("answers 100 MiB", HttpFault::Huge { octets: 100 << 20 }, REFUSED),
        ("answers without end", HttpFault::Huge { octets: u64::MAX }, REFUSED),
        ("answers nonsense", HttpFault::Garbage(vec![0xFF; 300]), UNCERTAIN),
        (
            "answers a header without end",
            HttpFault::Garbage([b"HTTP/1.1 200 OK\r\nx: ", &[b'a'; 2 << 20][..]].concat()),
            UNCERTAIN,
        ),
        (
            "answers with a length that is none",
            HttpFault::Garbage(b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\nOK".to_vec()),
            UNCERTAIN,
        ),
    ] {
        cases.push(simulated(name, HttpBehaviour::failing(fault), outcomes).await);
    }
    let late = HttpBehaviour { delay: Duration::from_millis(1_500), ..HttpBehaviour::default() };
    cases.push(simulated("answers too late", late, UNCERTAIN).await);
    let slow = HttpBehaviour { delay: Duration::from_millis(200), ..HttpBehaviour::default() };
    cases.push(simulated("answers late, but in time", slow, &["sent"]).await.taken_by("main"));
    let without = HttpBehaviour::answering(HttpAnswer::text(200, "ERROR 7: no route"));
    cases.push(simulated("answers 200 without the success string", without, REFUSED).await);
    let throttling = HttpAnswer::text(429, "").with_header("retry-after", "99999999999999999999");
    cases.push(
        simulated(
            "answers 429 and asks for an absurd pause",
            HttpBehaviour::answering(throttling),
            &["throttled"],
        )
        .await,
    );
    for (class, statuses) in STATUSES {
        for status in *statuses {
            let behaviour = HttpBehaviour::answering(HttpAnswer::text(*status, "OK"));
            cases.push(simulated(format!("answers {status}"), behaviour, std::slice::from_ref(class)).await);
        }
    }
    let sms = smsc().await;
    cases.push(
        Case::new("is an SMSC", http("main", sms.address(), ""), &["uncertain", "unavailable"]).with(sms),
    );
    for (name, greeting) in [("SSH", "SSH-2.0-OpenSSH_9.2\r\n"), ("SMTP", "220 mail.example.com ESMTP\r\n")] {
        let server = says(vec![greeting.into()], true, false).await;
        cases.push(
            Case::new(
                format!("speaks {name}"),
                http("main", server.address, ""),
                &["uncertain", "unavailable"],
            )
            .with(server),
        );
    }
    let plain = provider_that(HttpBehaviour::default()).await;
    cases.push(
        Case::new("has no TLS where the URL says https", https(plain.address(), ""), UNAVAILABLE).with(plain),
    );
    cases
}

/// A gateway behind https; `more` are further settings.
fn https(at: SocketAddr, more: &str) -> String {
    let settings = format!(
        "method = \"POST\"\nurl = \"https://{at}/sms\"\ndestination_parameter = \"to\"\n\
         message_parameter = \"text\"\nsuccess_contains = \"OK\"\n{more}"
    );
    gateway("generic-http", "main", &settings)
}

/// Octets that a proxy says, in turns.
type Script = &'static [&'static [u8]];

/// What HTTP proxies do to CONNECT, and to a request for an http:// URL.
const HTTP_PROXIES: &[(&str, Script, &[&str], &[&str])] = &[
    ("closes", &[b""], UNAVAILABLE, &["uncertain", "unavailable"]),
    (
        "wants other credentials",
        &[b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n"],
        &["account"],
        &["account"],
    ),
    ("forbids it", &[b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n"], UNAVAILABLE, &["account"]),
    (
        "does not reach the provider",
        &[b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n"],
        UNAVAILABLE,
        UNAVAILABLE,
    ),
    (
        "is overloaded",
        &[b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"],
        UNAVAILABLE,
        UNAVAILABLE,
    ),
    (
        "gave up waiting",
        &[b"HTTP/1.1 504 Gateway Timeout\r\ncontent-length: 0\r\n\r\n"],
        UNAVAILABLE,
        UNCERTAIN,
    ),
    ("says nonsense", &[b"\xFF\xFF\xFF\xFF\r\n\r\n"], UNAVAILABLE, UNCERTAIN),
    ("is an SMTP server", &[b"220 mail.example.com ESMTP\r\n"], UNAVAILABLE, UNCERTAIN),
    ("cuts its answer", &[b"HTTP/1.1 20"], UNAVAILABLE, UNCERTAIN),
];

/// What SOCKS proxies do (RFC 1928, RFC 1929).
const SOCKS_PROXIES: &[(&str, Script, &[&str])] = &[
    ("closes", &[b""], UNAVAILABLE),
    ("takes none of our methods", &[b"\x05\xFF"], &["unavailable", "account"]),
    ("refuses our password", &[b"\x05\x02", b"\x01\x01"], &["account"]),
    ("is of version 4", &[b"\x00\x5A\0\0\0\0\0\0"], UNAVAILABLE),
    ("fails", &[b"\x05\x02", b"\x01\x00", b"\x05\x01\0\x01\0\0\0\0\0\0"], UNAVAILABLE),
    ("does not allow it", &[b"\x05\x02", b"\x01\x00", b"\x05\x02\0\x01\0\0\0\0\0\0"], UNAVAILABLE),
    ("does not reach the host", &[b"\x05\x02", b"\x01\x00", b"\x05\x04\0\x01\0\0\0\0\0\0"], UNAVAILABLE),
    ("is refused by the provider", &[b"\x05\x02", b"\x01\x00", b"\x05\x05\0\x01\0\0\0\0\0\0"], UNAVAILABLE),
    ("cuts its answer", &[b"\x05\x02", b"\x01\x00", b"\x05\x00\0\x01"], UNAVAILABLE),
    ("is an HTTP server", &[b"HTTP/1.1 400 Bad Request\r\n\r\n"], UNAVAILABLE),
];

pub async fn proxies() -> Vec<Case> {
    let target: SocketAddr = ([127, 0, 0, 1], 9).into();
    let by = |scheme: &str, at: SocketAddr, more: &str| {
        format!(
            "use_proxy = true\nproxy_url = \"{scheme}://{}\"\nproxy_port = {}\n{more}",
            at.ip(),
            at.port()
        )
    };
    let socks = "proxy_username = \"user\"\nproxy_password = \"secret\"\n";
    let nobody = Nobody::new();
    let mut cases = vec![
        Case::new(
            "http proxy: nobody listens",
            http("main", target, &by("http", nobody.address, "")),
            UNAVAILABLE,
        ),
        Case::new(
            "https by http proxy: nobody listens",
            https(target, &by("http", nobody.address, "")),
            UNAVAILABLE,
        ),
        Case::new(
            "socks5 proxy: nobody listens",
            http("main", target, &by("socks5", nobody.address, socks)),
            UNAVAILABLE,
        )
        .with(nobody),
    ];
    for (name, script, connect, request) in HTTP_PROXIES {
        for (way, outcomes) in [("http proxy", request), ("https by http proxy", connect)] {
            let proxy = says(script.iter().map(|said| said.to_vec()).collect(), false, true).await;
            let settings = by("http", proxy.address, "");
            let main =
                if way == "http proxy" { http("main", target, &settings) } else { https(target, &settings) };
            cases.push(Case::new(format!("{way}: {name}"), main, outcomes).with(proxy));
        }
    }
    for (name, script, outcomes) in SOCKS_PROXIES {
        let proxy = says(script.iter().map(|said| said.to_vec()).collect(), false, true).await;
        let main = http("main", target, &by("socks5", proxy.address, socks));
        cases.push(Case::new(format!("socks5 proxy: {name}"), main, outcomes).with(proxy));
    }
    for scheme in ["http", "socks5"] {
        let proxy = says(vec![Vec::new()], false, false).await;
        let credentials = if scheme == "socks5" { socks } else { "" };
        let main = https(target, &by(scheme, proxy.address, credentials));
        cases.push(
            Case::new(format!("https by {scheme} proxy: is silent"), main, &["unavailable", "uncertain"])
                .with(proxy),
        );
    }
    // The tunnel is there, and what is at its end is not the provider.
    let proxy =
        says(vec![b"HTTP/1.1 200 Connected\r\n\r\n".to_vec(), b"not TLS at all".to_vec()], false, true).await;
    let main = https(target, &by("http", proxy.address, ""));
    cases.push(Case::new("https by http proxy: connects to somebody else", main, UNAVAILABLE).with(proxy));
    cases
}
