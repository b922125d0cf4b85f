//! Each way to misbehave, seen from the other end.

use super::client::*;
use super::*;

async fn with(fault: Fault) -> (Smsc, Client) {
    let receipts = Receipts::never();
    let smsc = start(Behaviour { fault, receipts, ..Behaviour::default() }).await;
    let client = Client::bound(&smsc, BIND_TRANSCEIVER).await;
    (smsc, client)
}

#[tokio::test]
async fn a_connection_drops_with_the_last_answer_whole_halved_or_unsent() {
    for (last_answer, octets) in [(LastAnswer::Whole, 27), (LastAnswer::Half, 13), (LastAnswer::None, 0)] {
        let (smsc, mut client) = with(Fault::Drop { after: 2, last_answer }).await;
        client.submit("a").await;
        assert_eq!(client.read().await.id, SUBMIT_SM_RESP);
        client.submit("b").await;
        assert_eq!(client.rest().await.len(), octets, "{last_answer:?}");
        assert_eq!(smsc.messages().len(), 2, "the last one is taken all the same");
    }
}

#[tokio::test]
async fn silence_takes_and_does_not_answer() {
    let smsc = start(Behaviour { silence: Silence::Submits, ..Behaviour::default() }).await;
    let mut client = Client::bound(&smsc, BIND_TRANSMITTER).await;
    client.submit("a").await;
    client.send(0x15, &[]).await;
    assert_eq!(client.read().await.id, 0x8000_0015, "the submit before it is not answered");
    assert_eq!((smsc.messages().len(), smsc.counters().answered), (1, 0));
    smsc.set(Behaviour { silence: Silence::Everything, ..Behaviour::default() });
    client.send(0x15, &[]).await;
    smsc.wait_for_counters(SOON, |counters| counters.enquire_links == 2).await.unwrap();
    smsc.set(Behaviour::default());
    let sequence = client.submit("b").await;
    assert_eq!(client.read().await.sequence, sequence);
}

#[tokio::test]
async fn a_peer_that_stops_reading_reads_on_when_told_to() {
    let (smsc, mut client) = with(Fault::StopReading { after: 1 }).await;
    client.submit("a").await;
    assert_eq!(client.read().await.id, SUBMIT_SM_RESP);
    let second = client.submit("b").await;
    let answer = tokio::time::timeout(Duration::from_millis(20), client.read()).await;
    assert!(answer.is_err(), "the second is not even read");
    assert_eq!(smsc.counters().submits, 1);
    smsc.set(Behaviour::default());
    assert_eq!(client.read().await.sequence, second);
}

#[tokio::test]
async fn garbage_stands_in_for_an_answer() {
    let (_smsc, mut client) = with(Fault::Garbage { after: 1, octets: b"no PDU at all".to_vec() }).await;
    client.submit("a").await;
    let mut octets = [0; 13];
    tokio::io::AsyncReadExt::read_exact(&mut client.stream, &mut octets).await.unwrap();
    assert_eq!(&octets, b"no PDU at all");
}

#[tokio::test]
async fn unknown_pdus_generic_nacks_and_wrong_sequence_numbers_are_sent() {
    let (smsc, mut client) = with(Fault::UnknownPdus).await;
    let sent = client.submit("a").await;
    assert_eq!(client.read().await.id, 0x0F0F);
    assert_eq!(client.read().await.sequence, sent);
    client.send_as(0x8000_0000, 3, 1, &[]).await;
    smsc.wait_for_counters(SOON, |counters| counters.generic_nacks == 1).await.unwrap();
    smsc.set(Behaviour { fault: Fault::GenericNack, ..Behaviour::refusing(Status::RSYSERR) });
    let sent = client.submit("a").await;
    let nack = client.read().await;
    assert_eq!((nack.id, nack.status, nack.sequence), (0x8000_0000, Status::RSYSERR.0, sent));
    smsc.set(Behaviour { fault: Fault::WrongSequence, ..Behaviour::default() });
    let sent = client.submit("a").await;
    assert_ne!(client.read().await.sequence, sent);
}

#[tokio::test]
async fn the_smsc_can_unbind_enquire_and_hang_up() {
    let (smsc, mut client) = with(Fault::None).await;
    assert_eq!(smsc.command(&Command::EnquireLink), 1);
    let enquire = client.read().await;
    assert_eq!(enquire.id, 0x15);
    client.send_as(0x8000_0015, 0, enquire.sequence, &[]).await;
    smsc.wait_for_counters(SOON, |counters| counters.enquire_link_answers == 1).await.unwrap();
    smsc.command(&Command::Unbind);
    let unbind = client.read().await;
    assert_eq!(unbind.id, 0x06);
    client.send_as(0x8000_0006, 0, unbind.sequence, &[]).await;
    assert!(client.rest().await.is_empty());
    let mut client = Client::bound(&smsc, BIND_TRANSCEIVER).await;
    smsc.command(&Command::Send(vec![1, 2, 3]));
    smsc.command(&Command::Disconnect);
    assert_eq!(client.rest().await, [1, 2, 3]);
}

#[tokio::test]
async fn a_stopped_smsc_refuses_and_comes_back_on_the_same_port() {
    let (smsc, mut client) = with(Fault::None).await;
    smsc.stop().await;
    assert!(client.try_read().await.is_err(), "its connection is gone");
    assert!(tokio::net::TcpStream::connect(smsc.address()).await.is_err(), "nobody listens");
    assert_eq!((smsc.counters().open_connections, smsc.counters().bound), (0, 0));
    smsc.start_again().await.unwrap();
    let mut client = Client::bound(&smsc, BIND_TRANSCEIVER).await;
    smsc.stop_listening().await;
    assert!(tokio::net::TcpStream::connect(smsc.address()).await.is_err(), "nobody listens");
    client.submit("still here").await;
    assert_eq!(client.read().await.status, 0);
    smsc.start_again().await.unwrap();
    Client::bound(&smsc, BIND_TRANSCEIVER).await;
    smsc.shutdown().await;
}

#[tokio::test]
async fn new_connections_can_be_turned_away() {
    let (smsc, _client) = with(Fault::None).await;
    smsc.change(|behaviour| behaviour.turns_away = true);
    let mut turned_away = Client::connect(&smsc).await;
    assert!(turned_away.rest().await.is_empty());
}

#[tokio::test]
async fn dropped_it_closes_everything() {
    let (smsc, mut client) = with(Fault::None).await;
    drop(smsc);
    assert!(client.try_read().await.is_err());
}
