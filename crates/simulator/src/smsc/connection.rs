//! A connection's task: moves octets between a socket and a [`Session`], and wakes it when something is due.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::counters::{add, subtract};
use super::pdu::MAX_PDU;
use super::session::Session;
use super::{Command, Shared};

/// Octets of a connection's read buffer: some hundreds of submits, and any PDU that is taken.
const BUFFER: usize = 2 * MAX_PDU;

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Serves one connection until it ends or `stop` says so.
pub(super) async fn serve(shared: Arc<Shared>, stream: TcpStream, number: u64, stop: CancellationToken) {
    add(&shared.counters.connections);
    add(&shared.counters.open_connections);
    // Small answers must not wait for an acknowledgement; a reset where the peer is to see an abrupt end.
    let _ = stream.set_nodelay(true);
    let commands = shared.connected(number);
    let who = (number, stream.peer_addr().ok());
    let (end, stream) = match shared.acceptor.clone() {
        None => exchange(&shared, stream, who, commands, &stop).await,
        Some(acceptor) => {
            let handshake = timeout(HANDSHAKE, acceptor.accept(stream));
            let accepted = tokio::select! {
                () = stop.cancelled() => None,
                accepted = handshake => accepted.ok().and_then(Result::ok),
            };
            match accepted {
                None => (Ok(()), None),
                Some(stream) => {
                    let (end, stream) = exchange(&shared, stream, who, commands, &stop).await;
                    (end, stream.map(|stream| stream.into_inner().0))
                }
            }
        }
    };
    // A connection that fails is the peer's to notice; the counters tell.
    drop(end);
    if stop.is_cancelled()
        && let Some(stream) = &stream
    {
        let _ = stream.set_zero_linger();
    }
    drop(stream);
    shared.gone(number);
    subtract(&shared.counters.open_connections);
    shared.changes.announce();
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    shared: &Arc<Shared>,
    mut stream: S,
    (number, peer): (u64, Option<SocketAddr>),
    commands: mpsc::Receiver<Command>,
    stop: &CancellationToken,
) -> (io::Result<()>, Option<S>) {
    let behaviour = shared.behaviour.subscribe();
    let current = Arc::clone(&behaviour.borrow());
    let mut session = Session::new(Arc::clone(shared), number, current);
    session.peer = peer;
    let end = run(&mut session, &mut stream, behaviour, commands, stop).await;
    session.over();
    (end, Some(stream))
}

async fn run<S: AsyncRead + AsyncWrite + Unpin>(
    session: &mut Session,
    stream: &mut S,
    mut behaviour: watch::Receiver<Arc<super::Behaviour>>,
    mut commands: mpsc::Receiver<Command>,
    stop: &CancellationToken,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    let mut filled = 0;
    let mut wake: Option<watch::Receiver<u64>> = None;
    loop {
        if !session.out.is_empty() {
            let write = async {
                stream.write_all(&session.out).await?;
                stream.flush().await
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                written = write => written?,
            }
            session.written();
        }
        if session.ended {
            // An orderly end: what was written arrives before the end does.
            return tokio::select! {
                () = stop.cancelled() => Ok(()),
                shut = stream.shutdown() => shut,
            };
        }
        if wake.is_none() {
            wake = session.bound.as_ref().map(|bound| bound.outbox.subscribe());
        }
        let due = session.next_due();
        let free = buffer.get_mut(filled..).unwrap_or_default();
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            Ok(()) = behaviour.changed() => {
                let current = Arc::clone(&behaviour.borrow_and_update());
                session.adopt(current);
            }
            Some(command) = commands.recv() => session.command(command),
            () = changed(&mut wake) => {}
            () = sleep_until(due.unwrap_or_else(tokio::time::Instant::now)), if due.is_some() => {}
            read = stream.read(free), if session.reads() && !free.is_empty() => {
                let count = read?;
                if count == 0 {
                    return Ok(());
                }
                filled += count;
            }
        }
        session.due();
        // Whole PDUs may be left from when nothing was to be read.
        if filled > 0 {
            filled = digest(session, &mut buffer, filled);
        }
    }
}

/// Lets the session read what is there; gives back how much is left at the buffer's beginning.
fn digest(session: &mut Session, buffer: &mut [u8], filled: usize) -> usize {
    let done = session.read(buffer.get(..filled).unwrap_or_default());
    if done > 0 {
        buffer.copy_within(done..filled, 0);
    }
    filled - done
}

async fn changed(wake: &mut Option<watch::Receiver<u64>>) {
    if let Some(wake) = wake
        && wake.changed().await.is_ok()
    {
        return;
    }
    std::future::pending().await
}
