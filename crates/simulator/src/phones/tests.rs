//! The pages over HTTP, as a browser asks for them.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Phones;
use super::book::tests::event;
use crate::handset::{Handset, HandsetEvent};

const SOON: Duration = Duration::from_secs(10);

async fn start() -> (Phones, Handset) {
    let handset = Handset::new();
    (Phones::start((Ipv4Addr::LOCALHOST, 0).into(), &handset).await.unwrap(), handset)
}

async fn ask(phones: &Phones, request: &str, fields: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(phones.address()).await.unwrap();
    let head =
        format!("{request} HTTP/1.1\r\nConnection: close\r\n{fields}Content-Length: {}\r\n\r\n", body.len());
    stream.write_all((head + body).as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(SOON, stream.read_to_string(&mut answer)).await.expect("no answer").unwrap();
    answer
}

async fn get(phones: &Phones, path: &str) -> String {
    ask(phones, &format!("GET {path}"), "Host: 127.0.0.1\r\n", "").await
}

/// Follows the events; gives back when one more came.
struct Watch(TcpStream);

impl Watch {
    async fn start(phones: &Phones) -> Self {
        let mut stream = TcpStream::connect(phones.address()).await.unwrap();
        stream.write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut watch = Self(stream);
        watch.next().await;
        watch
    }

    async fn next(&mut self) {
        let mut heard = String::new();
        while !heard.contains("event: change\ndata:\n\n") {
            let octet = tokio::time::timeout(SOON, self.0.read_u8()).await.expect("no event").unwrap();
            heard.push(char::from(octet));
        }
    }
}

#[tokio::test]
async fn a_message_is_told_of_and_shown() {
    let (phones, handset) = start().await;
    let mut watch = Watch::start(&phones).await;
    assert!(get(&phones, "/").await.contains("No message yet"));
    handset.show(event("15550100100", "Acme", "123456 is your code"));
    watch.next().await;
    let page = get(&phones, "/").await;
    assert!(page.contains("<strong class=\"code\">123456</strong> is your code"), "{page}");
    assert!(get(&phones, "/?phone=15550100101").await.contains("No message yet"));
}

#[tokio::test]
async fn a_flash_message_lies_on_top_until_it_is_dismissed() {
    let (phones, handset) = start().await;
    let mut watch = Watch::start(&phones).await;
    handset.show(HandsetEvent { flash: true, ..event("15550100100", "Acme", "Fire!") });
    watch.next().await;
    let page = get(&phones, "/").await;
    assert!(page.contains("role=\"alertdialog\"") && page.contains("No message is stored on this phone"));
    let form = "id=1&phone=15550100100";
    let other = "Host: 127.0.0.1\r\nOrigin: http://evil.example\r\n";
    assert!(ask(&phones, "POST /dismiss", other, form).await.starts_with("HTTP/1.1 403"));
    let answer = ask(&phones, "POST /dismiss", "Host: 127.0.0.1\r\nOrigin: http://127.0.0.1\r\n", form).await;
    assert!(
        answer.starts_with("HTTP/1.1 303") && answer.contains("location: /?phone=15550100100"),
        "{answer}"
    );
    let page = get(&phones, "/").await;
    assert!(!page.contains("alertdialog") && !page.contains("Fire!"), "{page}");
}

#[tokio::test]
async fn what_is_written_on_the_page_goes_to_whoever_wrote_last() {
    let (phones, handset) = start().await;
    let mut watch = Watch::start(&phones).await;
    handset.show(event("15550100100", "Acme", "hello"));
    watch.next().await;
    assert!(!get(&phones, "/").await.contains("Write to"), "nobody carries it");
    let mut carrier = handset.carry(crate::Via::Smsc);
    assert!(get(&phones, "/").await.contains("Write to Acme"));
    let own = "Host: 127.0.0.1\r\nOrigin: http://127.0.0.1\r\n";
    let form = "phone=15550100100&text=STOP+it%0D%0Anow";
    let other = "Host: 127.0.0.1\r\nOrigin: http://evil.example\r\n";
    assert!(ask(&phones, "POST /write", other, form).await.starts_with("HTTP/1.1 403"));
    assert!(ask(&phones, "POST /write", own, "phone=1&text=x").await.starts_with("HTTP/1.1 404"));
    assert!(ask(&phones, "POST /write", own, "phone=15550100100&text=+").await.starts_with("HTTP/1.1 400"));
    assert!(ask(&phones, "POST /write", own, form).await.starts_with("HTTP/1.1 303"));
    let written = carrier.next().await.unwrap();
    assert_eq!(
        (written.number.as_str(), written.to.as_str(), written.text.as_str()),
        ("15550100100", "Acme", "STOP it\nnow")
    );
    assert!(get(&phones, "/").await.contains("To Acme"));
}

#[tokio::test]
async fn every_answer_has_the_policy_and_other_names_and_paths_are_refused() {
    let (phones, _handset) = start().await;
    for path in ["/", "/phones.css", "/phones.js", "/nothing"] {
        let answer = get(&phones, path).await;
        assert!(
            answer.contains("content-security-policy: default-src 'none'; script-src 'self'"),
            "{answer}"
        );
        assert_eq!(answer.starts_with("HTTP/1.1 404"), path == "/nothing");
    }
    assert!(ask(&phones, "GET /", "Host: evil.example\r\n", "").await.starts_with("HTTP/1.1 421"));
    let long = "x".repeat(20_000);
    assert!(ask(&phones, "POST /dismiss", "Host: [::1]:80\r\n", &long).await.starts_with("HTTP/1.1 413"));
    phones.shutdown().await;
}
