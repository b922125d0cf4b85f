//! Moves octets between a stream and a session, as fast and as clean as the line is to be.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::telnet::Telnet;
use crate::modem::session::Session;

/// How a terminal's visit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The terminal is gone.
    Closed,
    /// The modem was unplugged.
    Unplugged,
    /// The modem is no more.
    Stopped,
}

/// Octets of one read.
const BUFFER: usize = 4_096;

/// Serves one terminal.
pub(super) async fn run<S: AsyncRead + AsyncWrite + Unpin>(
    session: &mut Session,
    stream: &mut S,
    telnet: Option<Telnet>,
    first: Vec<u8>,
    stop: &CancellationToken,
) -> End {
    let mut power = session.power();
    tokio::select! {
        biased;
        () = stop.cancelled() => End::Stopped,
        _ = power.wait_for(|power| !power.is_plugged) => End::Unplugged,
        // A stream that fails is closed.
        _ = exchange(session, stream, telnet, first) => End::Closed,
    }
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    session: &mut Session,
    stream: &mut S,
    mut telnet: Option<Telnet>,
    first: Vec<u8>,
) -> io::Result<()> {
    let mut behaviour = session.behaviours();
    session.adopt(behaviour.borrow_and_update().clone());
    let mut changes = session.changes();
    let mut buffer = vec![0; BUFFER];
    // What was read and waits until a command is carried out.
    let mut waiting = first;
    let mut noise = (0, 0);
    loop {
        if !waiting.is_empty() && session.reads() {
            let read = session.read(&waiting);
            waiting.drain(..read);
        }
        session.due();
        if !session.out.is_empty() {
            let mut out = std::mem::take(&mut session.out);
            distort(&mut out, session.behaviour.noise_out, &mut noise.0);
            let octets = match &telnet {
                Some(telnet) => telnet.escaped(&out),
                None => out,
            };
            write(stream, &octets, session.behaviour.baud).await?;
            continue;
        }
        let reads = session.reads();
        if !waiting.is_empty() && reads {
            continue;
        }
        let due = session.next_due();
        tokio::select! {
            biased;
            Ok(()) = behaviour.changed() => session.adopt(behaviour.borrow_and_update().clone()),
            Ok(()) = changes.changed() => {}
            () = sleep_until(due.map_or_else(Instant::now, Instant::from_std)), if due.is_some() => {}
            read = stream.read(&mut buffer), if reads => {
                let count = read?;
                if count == 0 {
                    return Ok(());
                }
                let octets = buffer.get_mut(..count).unwrap_or_default();
                distort(octets, session.behaviour.noise_in, &mut noise.1);
                if let Some(baud) = session.behaviour.baud {
                    sleep(time_of(count, baud)).await;
                }
                match &mut telnet {
                    None => waiting.extend_from_slice(octets),
                    Some(telnet) => {
                        let (mut data, mut reply) = (Vec::new(), Vec::new());
                        if let Some(before) = telnet.read(octets, &mut data, &mut reply) {
                            // What came before is still heard, unless a command takes its time.
                            waiting.extend(data.drain(..before));
                            session.read(&waiting);
                            waiting.clear();
                            session.dropped_dtr();
                        }
                        waiting.extend(data);
                        stream.write_all(&reply).await?;
                    }
                }
            }
        }
    }
}

/// Ten bits an octet.
fn time_of(octets: usize, baud: u32) -> Duration {
    Duration::from_secs_f64(octets as f64 * 10.0 / f64::from(baud.max(1)))
}

async fn write<S: AsyncWrite + Unpin>(stream: &mut S, octets: &[u8], baud: Option<u32>) -> io::Result<()> {
    let Some(baud) = baud else { return stream.write_all(octets).await };
    // Pieces of a hundredth of a second, so that it is seen to be slow.
    let piece = usize::try_from(baud / 1_000).unwrap_or(1).max(1);
    for octets in octets.chunks(piece) {
        sleep(time_of(octets.len(), baud)).await;
        stream.write_all(octets).await?;
    }
    Ok(())
}

/// Turns a bit of every so many octets.
fn distort(octets: &mut [u8], every: Option<u32>, count: &mut u64) {
    let Some(every) = every else { return };
    for octet in octets {
        *count += 1;
        if count.is_multiple_of(u64::from(every.max(1))) {
            *octet ^= 0x04;
        }
    }
}
