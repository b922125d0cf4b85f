//! Binding, being bound no more, and binding again.

use super::kit::{
    BIND_RECEIVER, BIND_TRANSCEIVER, BIND_TRANSMITTER, Bench, ENQUIRE_LINK, RESP, SUBMIT_SM, Smsc, UNBIND,
    account, local, message, pdu,
};
use crate::{Health, NetworkGuard};
use serde_json::json;
use std::time::Duration;
use textgate_sms::OutcomeClass::{Sent, Uncertain};

#[tokio::test]
async fn a_transceiver_binds_with_the_account_and_says_that_it_is_up() {
    let smsc = Smsc::start().await;
    let bench = Bench::start(&smsc, json!({"system_type": "OTP", "window": 7}));
    let mut peer = smsc.accept().await;
    let bind = peer.bind().await;
    assert_eq!(bind.command, BIND_TRANSCEIVER);
    // interface_version 0x34, then addr_ton, addr_npi, address_range (SMPP 3.4 §4.1.5).
    assert_eq!(bind.body, b"esme\0secret\0OTP\0\x34\0\0\0");
    bench.work.until(|health| matches!(health, Health::Up { window: 7 })).await;
    assert_eq!(bench.work.health_so_far()[0], Health::Connecting);
}

#[tokio::test]
async fn a_blank_or_null_system_type_is_none() {
    for system_type in ["", "NULL", "null"] {
        let smsc = Smsc::start().await;
        let _bench = Bench::start(&smsc, json!({"system_type": system_type}));
        assert_eq!(smsc.accept().await.bind().await.body, b"esme\0secret\0\0\x34\0\0\0");
    }
}

#[tokio::test]
async fn transmitters_send_and_one_receiver_receives() {
    let smsc = Smsc::start().await;
    let mut bench = Bench::start(&smsc, json!({"bind": "transmitter_receiver", "binds": 2, "window": 5}));
    let mut peers = Vec::new();
    for _ in 0..3 {
        let mut peer = smsc.accept().await;
        let command = peer.bind().await.command;
        peers.push((command, peer));
    }
    peers.sort_by_key(|(command, _)| *command);
    let commands: Vec<u32> = peers.iter().map(|(command, _)| *command).collect();
    assert_eq!(commands, [BIND_RECEIVER, BIND_TRANSMITTER, BIND_TRANSMITTER]);
    bench.work.until(|health| matches!(health, Health::Up { window: 10 })).await;
    for _ in 0..10 {
        bench.submit(message("x"));
    }
    let (receivers, transmitters) = peers.split_at_mut(1);
    for (_, peer) in transmitters {
        for id in 0..5 {
            let submit = peer.submit().await;
            peer.take(&submit, &id.to_string()).await;
        }
    }
    for _ in 0..10 {
        assert_eq!(bench.outcome().await.class, Sent);
    }
    assert!(receivers[0].1.is_silent().await);
}

#[tokio::test]
async fn a_refused_bind_is_down_and_only_credentials_are_the_accounts_fault() {
    let table = [
        (0x0D, "ESME_RBINDFAIL", true),
        (0x0E, "ESME_RINVPASWD", true),
        (0x0F, "ESME_RINVSYSID", true),
        (0x53, "ESME_RINVSYSTYP", true),
        (0x05, "ESME_RALYBND", false),
        (0x08, "ESME_RSYSERR", false),
    ];
    for (status, name, account_is_at_fault) in table {
        let smsc = Smsc::start().await;
        let bench = Bench::start(&smsc, json!({}));
        let mut peer = smsc.accept().await;
        let bind = peer.read().await;
        peer.answer(&bind, status, b"").await;
        let down = bench.work.until(|health| matches!(health, Health::Down { .. })).await;
        let reason = format!("the SMSC refused the bind: {name}");
        assert_eq!(down, Health::Down { reason, is_account: account_is_at_fault });
        // Credentials are not tried again soon; everything else is.
        if account_is_at_fault {
            assert!(smsc.is_left_alone().await, "{name}");
        } else {
            smsc.accept().await;
        }
    }
}

#[tokio::test]
async fn a_lost_bind_is_down_with_its_reason_and_comes_back_by_itself() {
    let smsc = Smsc::start().await;
    let mut bench = Bench::start(&smsc, json!({}));
    let peer = smsc.bound().await;
    bench.work.until(|health| matches!(health, Health::Up { .. })).await;
    drop(peer);
    let down = bench.work.until(|health| matches!(health, Health::Down { .. })).await;
    assert_eq!(down, Health::Down { reason: "the SMSC closed the connection".into(), is_account: false });
    let mut peer = smsc.bound().await;
    bench.submit(message("x"));
    let submit = peer.submit().await;
    peer.take(&submit, "1").await;
    assert_eq!(bench.outcome().await.class, Sent);
    assert!(matches!(bench.work.health_so_far().last(), Some(Health::Up { .. })));
}

#[tokio::test]
async fn the_gateway_is_up_while_one_of_its_binds_is() {
    let smsc = Smsc::start().await;
    let bench = Bench::start(&smsc, json!({"binds": 2, "window": 3}));
    let (first, _second) = (smsc.bound().await, smsc.bound().await);
    bench.work.until(|health| matches!(health, Health::Up { window: 6 })).await;
    drop(first);
    bench.work.until(|health| matches!(health, Health::Up { window: 3 })).await;
    let _third = smsc.bound().await;
    assert!(!bench.work.health_so_far().iter().any(|health| matches!(health, Health::Down { .. })));
}

#[tokio::test]
async fn an_unbind_of_the_smsc_is_answered_and_followed_by_a_new_bind() {
    let smsc = Smsc::start().await;
    let mut bench = Bench::start(&smsc, json!({}));
    let mut peer = smsc.bound().await;
    bench.submit(message("x"));
    peer.submit().await;
    peer.send(&pdu(UNBIND, 0, 77, b"")).await;
    let answer = peer.read().await;
    assert_eq!((answer.command, answer.status, answer.sequence), (UNBIND | RESP, 0, 77));
    peer.ended().await;
    assert_eq!(bench.outcome().await.class, Uncertain);
    smsc.bound().await;
}

#[tokio::test]
async fn stopping_awaits_the_answers_unbinds_and_ends() {
    let smsc = Smsc::start().await;
    let mut bench = Bench::start(&smsc, json!({}));
    let mut peer = smsc.bound().await;
    bench.submit(message("x"));
    let submit = peer.submit().await;
    bench.stop.cancel();
    assert!(peer.is_silent().await, "no unbind while something is unanswered");
    bench.submit(message("never taken"));
    peer.take(&submit, "1").await;
    assert_eq!(bench.outcome().await.class, Sent);
    let unbind = peer.read().await;
    assert_eq!(unbind.command, UNBIND);
    peer.answer(&unbind, 0, b"").await;
    peer.ended().await;
    assert_eq!(bench.work.waiting(), 1);
    bench.ended().await;
}

#[tokio::test]
async fn what_is_not_answered_while_stopping_is_uncertain_and_an_smsc_that_says_nothing_holds_up_nothing() {
    let smsc = Smsc::start().await;
    let mut bench = Bench::start(&smsc, json!({}));
    let mut peer = smsc.bound().await;
    bench.submit(message("x"));
    peer.submit().await;
    bench.stop.cancel();
    let outcome = bench.outcome().await;
    assert_eq!((outcome.class, outcome.segments_sent), (Uncertain, 1));
    assert_eq!(&*outcome.detail, "sent, but no answer: the gateway stopped");
    assert_eq!(peer.read().await.command, UNBIND);
    bench.ended().await;
}

#[tokio::test]
async fn stopping_does_not_wait_for_a_connection() {
    let smsc = Smsc::start().await;
    let bench = Bench::start(&smsc, json!({}));
    let _peer = smsc.accept().await; // the bind is never answered
    bench.stop.cancel();
    bench.ended().await;
}

#[tokio::test]
async fn a_silent_link_is_asked_and_closed_when_it_does_not_answer() {
    let smsc = Smsc::start().await;
    let mut account = account(smsc.port(), json!({}));
    account.enquire_link = Duration::from_millis(50);
    account.response_timeout = Duration::from_secs(2);
    let mut bench = Bench::of(account, local());
    let mut peer = smsc.bound().await;
    for _ in 0..3 {
        let enquire = peer.read().await;
        assert_eq!(enquire.command, ENQUIRE_LINK);
        peer.answer(&enquire, 0, b"").await;
    }
    bench.submit(message("x"));
    let submit = loop {
        let pdu = peer.read().await;
        if pdu.command == SUBMIT_SM {
            break pdu;
        }
        peer.answer(&pdu, 0, b"").await;
    };
    peer.take(&submit, "1").await;
    assert_eq!(bench.outcome().await.class, Sent);
    assert_eq!(peer.read().await.command, ENQUIRE_LINK);
    peer.ended().await;
    let down = bench.work.until(|health| matches!(health, Health::Down { .. })).await;
    assert_eq!(
        down,
        Health::Down { reason: "the SMSC did not answer enquire_link".into(), is_account: false }
    );
    smsc.bound().await;
}

#[tokio::test]
async fn the_smscs_enquire_link_is_answered() {
    let smsc = Smsc::start().await;
    let _bench = Bench::start(&smsc, json!({}));
    let mut peer = smsc.bound().await;
    peer.send(&pdu(ENQUIRE_LINK, 0, 0x7FFF_FFFF, b"")).await;
    let answer = peer.read().await;
    assert_eq!((answer.command, answer.sequence), (ENQUIRE_LINK | RESP, 0x7FFF_FFFF));
}

#[tokio::test]
async fn loopback_is_refused_unless_the_configuration_allows_it() {
    let smsc = Smsc::start().await;
    let bench = Bench::of(account(smsc.port(), json!({})), NetworkGuard::default());
    let down = bench.work.until(|health| matches!(health, Health::Down { .. })).await;
    let Health::Down { reason, is_account: false } = down else { panic!("{down:?}") };
    assert!(reason.starts_with("127.0.0.1 is a loopback address"), "{reason}");
    assert!(smsc.is_left_alone().await);
}

#[tokio::test]
async fn exactly_the_addresses_that_were_judged_are_tried_one_after_the_other() {
    let smsc = Smsc::start().await;
    // Nobody listens on that port of the first address.
    let guard = local().resolving_with(|_| {
        Ok(["10.0.0.1", "127.0.0.9", "127.0.0.1"].iter().map(|ip| ip.parse().unwrap()).collect())
    });
    let bench = Bench::of(account(smsc.port(), json!({"host": "smsc.example"})), guard);
    let _peer = smsc.bound().await;
    bench.work.until(|health| matches!(health, Health::Up { .. })).await;
}

#[tokio::test]
async fn an_outbind_before_the_answer_is_ignored() {
    let smsc = Smsc::start().await;
    let bench = Bench::start(&smsc, json!({}));
    let mut peer = smsc.accept().await;
    let bind = peer.read().await;
    peer.send(&pdu(0x0B, 0, 1, b"smsc\0pw\0")).await;
    peer.answer(&bind, 0, b"smsc\0").await;
    bench.work.until(|health| matches!(health, Health::Up { .. })).await;
}
