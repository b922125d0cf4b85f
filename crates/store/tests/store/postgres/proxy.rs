//! Something between the store and the server that loses what it is told to lose.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

/// What the next octets meet with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Fate {
    /// They arrive.
    Arrives = 0,
    /// What the server answers is lost, and soon after the connection.
    AnswersAreLost = 1,
    /// What the client asks is lost, and the connection with it.
    QuestionsAreLost = 2,
}

/// The way to the server.
pub struct Proxy {
    pub address: SocketAddr,
    fate: Arc<AtomicU8>,
}

impl Proxy {
    /// In front of this server.
    pub fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (address, fate) = (listener.local_addr().unwrap(), Arc::new(AtomicU8::new(0)));
        let all = fate.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(server) else { continue };
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let (asks, answers) = (all.clone(), all.clone());
                std::thread::spawn(move || pass(from, to, &asks, Fate::QuestionsAreLost));
                std::thread::spawn(move || pass(server, client, &answers, Fate::AnswersAreLost));
            }
        });
        Self { address, fate }
    }

    /// From here on.
    pub fn set(&self, fate: Fate) {
        self.fate.store(fate as u8, Ordering::SeqCst);
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, fate: &AtomicU8, loses: Fate) {
    let mut octets = [0; 16 << 10];
    while let Ok(count @ 1..) = from.read(&mut octets) {
        if fate.load(Ordering::SeqCst) == loses as u8 {
            // The server may go on with what it has.
            super::server::pause(Duration::from_millis(100));
            break;
        }
        if to.write_all(&octets[..count]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
