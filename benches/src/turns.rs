//! Round trips, counted: something between a node and its database that passes on what it gets, and counts how often the
//! direction changes.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The way to a server on this machine.
pub struct Turns {
    /// Where it listens.
    pub port: u16,
    turns: Arc<AtomicU64>,
}

impl Turns {
    /// In front of the server at this port of the loopback, for as long as this process lives.
    ///
    /// # Errors
    /// It cannot listen.
    pub fn before(server: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let (port, turns) = (listener.local_addr()?.port(), Arc::new(AtomicU64::new(0)));
        let counted = Arc::clone(&turns);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)) else { continue };
                let _ = (client.set_nodelay(true), server.set_nodelay(true));
                let (Ok(asking), Ok(asked)) = (client.try_clone(), server.try_clone()) else { continue };
                let is_asked = Arc::new(AtomicBool::new(false));
                let (noted, counted) = (Arc::clone(&is_asked), Arc::clone(&counted));
                std::thread::spawn(move || pass(asking, asked, || noted.store(true, Ordering::SeqCst)));
                std::thread::spawn(move || {
                    pass(server, client, || {
                        if is_asked.swap(false, Ordering::SeqCst) {
                            counted.fetch_add(1, Ordering::Relaxed);
                        }
                    });
                });
            }
        });
        Ok(Self { port, turns })
    }

    /// How often the server has answered something so far, on all connections.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, passes: impl Fn()) {
    let mut octets = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut octets) {
        passes();
        if octets.get(..count).is_none_or(|octets| to.write_all(octets).is_err()) {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_with_its_answer_is_one_turn_however_many_pieces_they_come_in() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let turns = Turns::before(listener.local_addr().unwrap().port()).unwrap();
        let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, turns.port)).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let mut octet = [0];
        for _ in 0..3 {
            for _ in 0..2 {
                client.write_all(b"?").unwrap();
                server.read_exact(&mut octet).unwrap();
            }
            for _ in 0..2 {
                server.write_all(b"!").unwrap();
                client.read_exact(&mut octet).unwrap();
            }
        }
        assert_eq!(turns.count(), 3);
    }
}
