//! Octets that no client should send: answered as the standard says, and never a panic.

use proptest::prelude::*;
use tokio::io::AsyncWriteExt;

use super::client::*;
use super::*;
use crate::smsc::session::Session;

#[tokio::test]
async fn a_length_that_cannot_be_is_nacked_and_ends_the_connection() {
    let smsc = start(Behaviour::default()).await;
    for length in [0_u32, 15, 70_001, u32::MAX] {
        let mut client = Client::bound(&smsc, BIND_TRANSMITTER).await;
        client.stream.write_all(&length.to_be_bytes()).await.unwrap();
        let nack = client.read().await;
        assert_eq!((nack.id, nack.status), (0x8000_0000, Status::RINVCMDLEN.0));
        assert!(client.rest().await.is_empty());
    }
    assert_eq!(smsc.counters().lost_framings, 4);
}

#[tokio::test]
async fn an_unknown_request_is_nacked_and_the_session_goes_on() {
    let smsc = start(Behaviour::default()).await;
    let mut client = Client::bound(&smsc, BIND_TRANSMITTER).await;
    let sequence = client.send(0x0000_0777, b"whatever").await;
    let nack = client.read().await;
    assert_eq!((nack.id, nack.status, nack.sequence), (0x8000_0000, Status::RINVCMDID.0, sequence));
    client.send(SUBMIT_SM, b"\0").await;
    assert_eq!(client.read().await.status, Status::RINVSRCADR.0);
    client.send(0x15, &[]).await;
    assert_eq!(client.read().await.status, 0);
}

#[tokio::test]
async fn pdus_that_come_octet_by_octet_are_read() {
    let smsc = start(Behaviour::default()).await;
    let mut client = Client::connect(&smsc).await;
    for octet in b"\0\0\0\x1B\0\0\0\x09\0\0\0\0\0\0\0\x01esme\0\0\0\x34\0\0\0" {
        client.stream.write_all(&[*octet]).await.unwrap();
    }
    assert_eq!(client.read().await.id, 0x8000_0009);
}

proptest! {
    #[test]
    fn no_octets_make_a_session_panic(
        bodies in prop::collection::vec((0_u32..0x20, prop::collection::vec(any::<u8>(), 0..120)), 0..20),
        tail in prop::collection::vec(any::<u8>(), 0..40),
        cut in 0_usize..60,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let _guard = runtime.enter();
        let shared = Arc::new(Shared::new(SmscOptions::default(), None));
        let behaviour = Arc::clone(&shared.behaviour.borrow());
        let mut session = Session::new(Arc::clone(&shared), 1, behaviour);
        let mut octets = b"\0\0\0\x1B\0\0\0\x09\0\0\0\0\0\0\0\x01esme\0\0\0\x34\0\0\0".to_vec();
        for (id, body) in &bodies {
            octets.extend(u32::try_from(16 + body.len()).unwrap().to_be_bytes());
            octets.extend(id.to_be_bytes());
            octets.extend([0; 8]);
            octets.extend(body);
        }
        octets.extend(tail);
        octets.truncate(octets.len().saturating_sub(cut));
        let done = session.read(&octets);
        prop_assert!(done <= octets.len());
        session.due();
    }

    #[test]
    fn a_submit_with_any_octet_changed_is_read_or_refused(at in 0_usize..70, to in any::<u8>()) {
        let header = [5, 0, 3, 9, 2, 1, b'h', b'i'];
        let mut body = submit_to("15550100100", 0x40, 0, &header, &[0x02, 0x0C, 0, 2, 0, 1]);
        if let Some(octet) = body.get_mut(at) {
            *octet = to;
        }
        if let Ok(submit) = Submit::parse(&body) {
            let _ = submit.text(crate::text::Alphabet::Gsm7);
        }
    }
}

use std::sync::Arc;
