//! A client of a few lines: octets in the standard's order, over a plain socket.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::super::Smsc;
use super::SOON;

/// A PDU as it was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pdu {
    pub(super) id: u32,
    pub(super) status: u32,
    pub(super) sequence: u32,
    pub(super) body: Vec<u8>,
}

pub(super) struct Client {
    pub(super) stream: TcpStream,
    sequence: u32,
}

pub(super) const BIND_RECEIVER: u32 = 1;
pub(super) const BIND_TRANSMITTER: u32 = 2;
pub(super) const BIND_TRANSCEIVER: u32 = 9;
pub(super) const SUBMIT_SM: u32 = 4;
pub(super) const SUBMIT_SM_RESP: u32 = 0x8000_0004;
pub(super) const DELIVER_SM: u32 = 5;
pub(super) const DELIVER_SM_RESP: u32 = 0x8000_0005;

impl Client {
    pub(super) async fn connect(smsc: &Smsc) -> Self {
        Self { stream: TcpStream::connect(smsc.address()).await.unwrap(), sequence: 0 }
    }

    pub(super) async fn bound(smsc: &Smsc, bind: u32) -> Self {
        let mut client = Self::connect(smsc).await;
        assert_eq!(client.bind(bind, "esme", "secret").await.status, 0);
        client
    }

    pub(super) async fn bind(&mut self, bind: u32, system_id: &str, password: &str) -> Pdu {
        // §4.1.1: system_id, password, system_type, interface_version, addr_ton, addr_npi, address_range
        let body = format!("{system_id}\0{password}\0\0\x34\0\0\0");
        self.send(bind, body.as_bytes()).await;
        self.read().await
    }

    pub(super) async fn send(&mut self, id: u32, body: &[u8]) -> u32 {
        self.sequence += 1;
        self.send_as(id, 0, self.sequence, body).await;
        self.sequence
    }

    pub(super) async fn send_as(&mut self, id: u32, status: u32, sequence: u32, body: &[u8]) {
        let length = u32::try_from(16 + body.len()).unwrap();
        let mut octets: Vec<u8> =
            [length, id, status, sequence].iter().flat_map(|w| w.to_be_bytes()).collect();
        octets.extend_from_slice(body);
        self.stream.write_all(&octets).await.unwrap();
    }

    /// A submit_sm to 15550100100 that asks for a receipt.
    pub(super) async fn submit(&mut self, text: &str) -> u32 {
        self.send(SUBMIT_SM, &submit_to("15550100100", 0, 0, text.as_bytes(), &[])).await
    }

    pub(super) async fn read(&mut self) -> Pdu {
        self.try_read().await.unwrap()
    }

    /// The next PDU, or how the connection ended; a wait without either fails the test.
    pub(super) async fn try_read(&mut self) -> std::io::Result<Pdu> {
        tokio::time::timeout(SOON, self.next()).await.expect("nothing came")
    }

    async fn next(&mut self) -> std::io::Result<Pdu> {
        let mut head = [0; 16];
        self.stream.read_exact(&mut head).await?;
        let word = |at: usize| u32::from_be_bytes(head[at..at + 4].try_into().unwrap());
        let mut body = vec![0; word(0) as usize - 16];
        self.stream.read_exact(&mut body).await?;
        Ok(Pdu { id: word(4), status: word(8), sequence: word(12), body })
    }

    /// All octets until the connection ends.
    pub(super) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A reset is an end too.
        let _ = tokio::time::timeout(SOON, self.stream.read_to_end(&mut rest)).await.expect("no end came");
        rest
    }
}

/// A submit_sm body (§4.4.1) that asks for a receipt.
pub(super) fn submit_to(
    to: &str,
    esm_class: u8,
    data_coding: u8,
    short_message: &[u8],
    tlvs: &[u8],
) -> Vec<u8> {
    let mut body = format!("\0\x05\0Acme\0\x01\x01{to}\0").into_bytes();
    body.extend([esm_class, 0, 0, 0, 0, 1, 0, data_coding, 0]);
    body.push(u8::try_from(short_message.len()).unwrap());
    body.extend_from_slice(short_message);
    body.extend_from_slice(tlvs);
    body
}

/// The short_message of a deliver_sm with empty service_type, and its esm_class.
pub(super) fn delivered(pdu: &Pdu) -> (u8, Vec<u8>) {
    assert_eq!(pdu.id, DELIVER_SM);
    let mut rest = &pdu.body[1..];
    for _ in 0..2 {
        let end = 2 + rest[2..].iter().position(|o| *o == 0).unwrap();
        rest = &rest[end + 1..];
    }
    let length = usize::from(rest[9]);
    (rest[0], rest[10..10 + length].to_vec())
}
