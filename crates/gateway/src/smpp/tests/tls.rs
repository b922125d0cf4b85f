//! SMPP over TLS.

use super::kit::{Bench, Peer, Smsc, account, local, message, pdu};
use crate::Health;
use crate::test_authority::Authority;
use serde_json::{Value, json};
use textgate_sms::OutcomeClass::Sent;

fn bench(smsc: &Smsc, more: Value) -> Bench {
    let guard = local().resolving_with(|_| Ok(vec!["127.0.0.1".parse().unwrap()]));
    let mut settings = json!({"host": "smsc.example.com", "tls": true});
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Bench::of(account(smsc.port(), settings), guard)
}

#[tokio::test]
async fn messages_and_their_answers_go_through_tls_with_an_own_ca() {
    let authority = Authority::new();
    let smsc = Smsc::start().await;
    let mut bench = bench(&smsc, json!({"ca_certificate": authority.pem(), "window": 200}));
    let acceptor = authority.acceptor("smsc.example.com", &[]);
    let mut peer = Peer { stream: acceptor.accept(smsc.accept().await.stream).await.unwrap() };
    peer.bind().await;
    for _ in 0..500 {
        bench.submit(message("over TLS"));
    }
    for n in 0..500 {
        let submit = peer.submit().await;
        peer.take(&submit, &n.to_string()).await;
    }
    for _ in 0..500 {
        assert_eq!(bench.outcome().await.class, Sent);
    }
    peer.send(&pdu(0x15, 0, 3, b"")).await;
    assert_eq!(peer.read().await.sequence, 3);
}

#[tokio::test]
async fn nothing_is_said_to_an_smsc_without_the_right_certificate() {
    let authority = Authority::new();
    let other = Authority::new();
    for (ca, name, reason) in [
        (String::new(), "smsc.example.com", "enter it as CA Certificate"),
        (other.pem(), "smsc.example.com", "not connected: invalid peer certificate"),
        (authority.pem(), "other.example.com", "not connected: invalid peer certificate"),
    ] {
        let smsc = Smsc::start().await;
        let bench = bench(&smsc, json!({"ca_certificate": ca}));
        let acceptor = authority.acceptor(name, &[]);
        assert!(acceptor.accept(smsc.accept().await.stream).await.is_err());
        let down = bench.work.until(|health| matches!(health, Health::Down { .. })).await;
        let Health::Down { reason: told, is_account: false } = down else { panic!("{down:?}") };
        assert!(told.contains(reason), "{told}");
    }
}
