//! An SMSC that a test plays by hand. Its octets are written and read here from the standard, without the plugin's codec.

use super::kit::soon;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub const BIND_TRANSCEIVER: u32 = 0x09;
pub const BIND_TRANSMITTER: u32 = 0x02;
pub const BIND_RECEIVER: u32 = 0x01;
pub const SUBMIT_SM: u32 = 0x04;
pub const DELIVER_SM: u32 = 0x05;
pub const UNBIND: u32 = 0x06;
pub const ENQUIRE_LINK: u32 = 0x15;
pub const RESP: u32 = 0x8000_0000;

#[derive(Debug, Clone)]
pub struct Pdu {
    pub command: u32,
    pub status: u32,
    pub sequence: u32,
    pub body: Vec<u8>,
}

impl Pdu {
    pub fn octets(&self) -> Vec<u8> {
        let mut octets = u32::try_from(16 + self.body.len()).unwrap().to_be_bytes().to_vec();
        for word in [self.command, self.status, self.sequence] {
            octets.extend_from_slice(&word.to_be_bytes());
        }
        octets.extend_from_slice(&self.body);
        octets
    }

    pub fn submit(&self) -> Submit {
        assert_eq!(self.command, SUBMIT_SM);
        Submit::read(&self.body)
    }
}

pub fn pdu(command: u32, status: u32, sequence: u32, body: &[u8]) -> Pdu {
    Pdu { command, status, sequence, body: body.to_vec() }
}

/// A submit_sm, field by field.
#[derive(Debug, Default, Clone)]
pub struct Submit {
    pub service_type: String,
    pub source: (u8, u8, String),
    pub destination: (u8, u8, String),
    pub esm_class: u8,
    pub protocol_id: u8,
    pub validity_period: String,
    pub registered_delivery: u8,
    pub replace_if_present: u8,
    pub data_coding: u8,
    pub short_message: Vec<u8>,
    pub tlvs: Vec<(u16, Vec<u8>)>,
}

impl Submit {
    fn read(body: &[u8]) -> Self {
        let mut at = 0;
        let octet = |at: &mut usize| {
            *at += 1;
            body[*at - 1]
        };
        let text = |at: &mut usize| {
            let end = *at + body[*at..].iter().position(|o| *o == 0).unwrap();
            let text = String::from_utf8(body[*at..end].to_vec()).unwrap();
            *at = end + 1;
            text
        };
        let service_type = text(&mut at);
        let source = (octet(&mut at), octet(&mut at), text(&mut at));
        let destination = (octet(&mut at), octet(&mut at), text(&mut at));
        let (esm_class, protocol_id, priority) = (octet(&mut at), octet(&mut at), octet(&mut at));
        let schedule = text(&mut at);
        assert_eq!((priority, schedule.as_str()), (0, ""));
        let validity_period = text(&mut at);
        let (registered_delivery, replace_if_present) = (octet(&mut at), octet(&mut at));
        let data_coding = octet(&mut at);
        assert_eq!(octet(&mut at), 0, "sm_default_msg_id");
        let length = usize::from(octet(&mut at));
        let short_message = body[at..at + length].to_vec();
        at += length;
        let mut tlvs = Vec::new();
        while at < body.len() {
            let number = |at: usize| u16::from_be_bytes([body[at], body[at + 1]]);
            let (tag, length) = (number(at), usize::from(number(at + 2)));
            tlvs.push((tag, body[at + 4..at + 4 + length].to_vec()));
            at += 4 + length;
        }
        Self {
            service_type,
            source,
            destination,
            esm_class,
            protocol_id,
            validity_period,
            registered_delivery,
            replace_if_present,
            data_coding,
            short_message,
            tlvs,
        }
    }

    pub fn tlv(&self, tag: u16) -> Option<&[u8]> {
        self.tlvs.iter().find(|(found, _)| *found == tag).map(|(_, value)| &**value)
    }

    /// The text, where it is ASCII.
    pub fn text(&self) -> String {
        String::from_utf8(self.short_message.clone()).unwrap()
    }
}

pub struct Smsc {
    listener: TcpListener,
}

impl Smsc {
    pub async fn start() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    pub fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }

    pub async fn accept(&self) -> Peer<TcpStream> {
        let (stream, _) = soon("connection", self.listener.accept()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Peer { stream }
    }

    /// Whether nobody connects for a moment.
    pub async fn is_left_alone(&self) -> bool {
        tokio::time::timeout(Duration::from_millis(100), self.listener.accept()).await.is_err()
    }

    /// The next connection, after its bind was answered with ESME_ROK.
    pub async fn bound(&self) -> Peer<TcpStream> {
        let mut peer = self.accept().await;
        peer.bind().await;
        peer
    }
}

pub struct Peer<S> {
    pub stream: S,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    /// Reads a bind request and answers it with ESME_ROK.
    pub async fn bind(&mut self) -> Pdu {
        let bind = self.read().await;
        assert!([BIND_TRANSCEIVER, BIND_TRANSMITTER, BIND_RECEIVER].contains(&bind.command));
        self.answer(&bind, 0, b"smsc\0").await;
        bind
    }

    pub async fn read(&mut self) -> Pdu {
        soon("PDU", self.try_read()).await.expect("a PDU before the end")
    }

    /// The next PDU; `None` at the end.
    pub async fn try_read(&mut self) -> Option<Pdu> {
        let length = self.stream.read_u32().await.ok()?;
        let mut rest = vec![0; length as usize - 4];
        self.stream.read_exact(&mut rest).await.ok()?;
        let word = |at: usize| u32::from_be_bytes(rest[at..at + 4].try_into().unwrap());
        Some(Pdu { command: word(0), status: word(4), sequence: word(8), body: rest[12..].to_vec() })
    }

    pub async fn is_silent(&mut self) -> bool {
        tokio::time::timeout(Duration::from_millis(80), self.try_read()).await.is_err()
    }

    pub async fn ended(&mut self) {
        soon("end", async { while self.try_read().await.is_some() {} }).await;
    }

    pub async fn submit(&mut self) -> Pdu {
        let pdu = self.read().await;
        assert_eq!(pdu.command, SUBMIT_SM, "{pdu:?}");
        pdu
    }

    pub async fn send(&mut self, pdu: &Pdu) {
        self.raw(&pdu.octets()).await;
    }

    pub async fn raw(&mut self, octets: &[u8]) {
        soon("room to write", self.stream.write_all(octets)).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    pub async fn answer(&mut self, request: &Pdu, status: u32, body: &[u8]) {
        self.send(&pdu(request.command | RESP, status, request.sequence, body)).await;
    }

    /// Takes a submit_sm under this id.
    pub async fn take(&mut self, request: &Pdu, id: &str) {
        self.answer(request, 0, format!("{id}\0").as_bytes()).await;
    }
}

/// A deliver_sm's body.
pub fn deliver(esm_class: u8, data_coding: u8, message: &[u8], tlvs: &[u8]) -> Vec<u8> {
    let mut body = b"\0\x01\x0115550100199\0\x05\0Acme\0".to_vec();
    body.extend_from_slice(&[esm_class, 0, 0, 0, 0, 0, 0, data_coding, 0]);
    body.push(u8::try_from(message.len()).unwrap());
    body.extend_from_slice(message);
    body.extend_from_slice(tlvs);
    body
}
