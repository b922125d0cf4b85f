//! The two ways to load a gateway: at a fixed rate whatever it does, and as fast as it answers.

use crate::generator::{Connection, Target};
use crate::latencies::Latencies;
use crate::sink::{MOST, Sink, Times};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

/// A generator on the calling thread. Hands out message numbers, each once.
pub struct Load {
    runtime: Runtime,
    next: Arc<AtomicUsize>,
}

/// What a fixed rate measured.
pub struct AtRate {
    /// From the API call to the SMSC's socket.
    pub to_smsc: Latencies,
    /// From the API call to its answer.
    pub to_answer: Latencies,
    /// Messages that never came.
    pub missing: usize,
}

/// What a closed loop measured.
pub struct AtFull {
    /// Accepted a second.
    pub accepted: f64,
    /// Arrived at the SMSC a second, until the last.
    pub arrived: f64,
    /// Accepted in all.
    pub count: usize,
    /// From the API call to the SMSC's socket.
    pub to_smsc: Latencies,
    /// Messages that never came.
    pub missing: usize,
}

impl Load {
    /// A generator.
    ///
    /// # Errors
    /// The runtime cannot be made.
    pub fn new() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self { runtime, next: Arc::default() })
    }

    /// `rate` messages a second, each begun when it is due, whether or not the one before it was answered.
    ///
    /// # Errors
    /// A connection broke, or a message was refused.
    pub fn at_rate(
        &self,
        target: Target,
        sink: &Sink,
        rate: u64,
        seconds: u64,
        kind: &'static str,
    ) -> io::Result<AtRate> {
        self.at_rate_over(&[target], sink, rate, seconds, kind)
    }

    /// The same over several gateways, in turn.
    ///
    /// # Errors
    /// As [`at_rate`](Self::at_rate).
    pub fn at_rate_over(
        &self,
        targets: &[Target],
        sink: &Sink,
        rate: u64,
        seconds: u64,
        kind: &'static str,
    ) -> io::Result<AtRate> {
        let before = sink.times.arrivals();
        self.run_at_rate(targets, sink, rate, seconds, kind, |total| sink.wait_for(before + total))
    }

    /// The same while other messages arrive: waits a while, not for a count.
    ///
    /// # Errors
    /// As [`at_rate`](Self::at_rate).
    pub fn at_rate_amid(
        &self,
        target: Target,
        sink: &Sink,
        rate: u64,
        seconds: u64,
        kind: &'static str,
    ) -> io::Result<AtRate> {
        self.run_at_rate(&[target], sink, rate, seconds, kind, |_| {
            std::thread::park_timeout(Duration::from_secs(1));
        })
    }

    fn run_at_rate(
        &self,
        targets: &[Target],
        sink: &Sink,
        rate: u64,
        seconds: u64,
        kind: &'static str,
        wait: impl FnOnce(usize),
    ) -> io::Result<AtRate> {
        let total = usize::try_from(rate * seconds).unwrap_or(0);
        let from = self.next.fetch_add(total, Ordering::Relaxed);
        let times = Arc::clone(&sink.times);
        let to_answer = self.runtime.block_on(open_loop(targets, times, from, total, rate, kind))?;
        wait(total);
        let (to_smsc, missing) = sink.times.latencies(from, from + total);
        Ok(AtRate { to_smsc, to_answer, missing })
    }

    /// So many messages, as fast as they are accepted; waits for none to arrive. Answers how many were accepted.
    ///
    /// # Errors
    /// As [`at_full`](Self::at_full).
    pub fn exactly(
        &self,
        target: Target,
        sink: &Sink,
        connections: usize,
        batch: usize,
        messages: usize,
    ) -> io::Result<usize> {
        let limit = self.next.load(Ordering::Relaxed) + messages;
        let never = Instant::now() + Duration::from_secs(3600);
        self.run_closed(&[target], sink, connections, batch, never, limit)
    }

    /// Connections with one request of `batch` messages outstanding each, for so many seconds.
    ///
    /// # Errors
    /// A connection broke, or a request was answered with something else than success or 503.
    pub fn at_full(
        &self,
        target: Target,
        sink: &Sink,
        connections: usize,
        batch: usize,
        seconds: u64,
    ) -> io::Result<AtFull> {
        self.at_full_over(&[target], sink, connections, batch, seconds)
    }

    /// The same over several gateways, which share the connections.
    ///
    /// # Errors
    /// As [`at_full`](Self::at_full).
    pub fn at_full_over(
        &self,
        targets: &[Target],
        sink: &Sink,
        connections: usize,
        batch: usize,
        seconds: u64,
    ) -> io::Result<AtFull> {
        let (from, before) = (self.next.load(Ordering::Relaxed), sink.times.arrivals());
        let begin = Instant::now();
        let end = begin + Duration::from_secs(seconds);
        let count = self.run_closed(targets, sink, connections, batch, end, MOST)?;
        let took = begin.elapsed().as_secs_f64();
        sink.wait_for(before + count);
        let drained = begin.elapsed().as_secs_f64();
        let (to_smsc, missing) = sink.times.latencies(from, self.next.load(Ordering::Relaxed));
        Ok(AtFull { accepted: count as f64 / took, arrived: count as f64 / drained, count, to_smsc, missing })
    }
}

impl Load {
    fn run_closed(
        &self,
        targets: &[Target],
        sink: &Sink,
        connections: usize,
        batch: usize,
        end: Instant,
        limit: usize,
    ) -> io::Result<usize> {
        self.runtime.block_on(async {
            let mut tasks = JoinSet::new();
            for target in targets.iter().cycle().take(connections) {
                let connection = Connection::open(*target).await?;
                let (times, next) = (Arc::clone(&sink.times), Arc::clone(&self.next));
                tasks.spawn(closed_loop(connection, times, next, batch, end, limit));
            }
            let mut count = 0;
            while let Some(done) = tasks.join_next().await {
                count += done??;
            }
            Ok(count)
        })
    }
}

/// Servers close connections that were idle for longer; textgate after 10 s.
const MOST_IDLE: Duration = Duration::from_secs(4);

async fn open_loop(
    targets: &[Target],
    times: Arc<Times>,
    from: usize,
    total: usize,
    rate: u64,
    kind: &'static str,
) -> io::Result<Latencies> {
    let (back, mut returned) = tokio::sync::mpsc::unbounded_channel();
    let mut free: Vec<Vec<_>> = targets.iter().map(|_| Vec::new()).collect();
    let begin = Instant::now() + Duration::from_millis(100);
    let mut tasks = JoinSet::new();
    for n in 0..total {
        // To the millisecond, as timers go: spinning for more would take a core from what is measured.
        let due = begin + Duration::from_secs_f64(n as f64 / rate as f64);
        tokio::time::sleep_until(due.into()).await;
        while let Ok((turn, connection)) = returned.try_recv() {
            if let Some(free) = free.get_mut::<usize>(turn) {
                free.push((connection, Instant::now()));
            }
        }
        let turn = n % targets.len().max(1);
        let (Some(&target), Some(free)) = (targets.get(turn), free.get_mut(turn)) else { break };
        // The last one back first; those that were idle for long are about to be closed by the server.
        let mut connection: Connection = match free.pop().filter(|(_, since)| since.elapsed() < MOST_IDLE) {
            Some((connection, _)) => connection,
            None => Connection::open(target).await?,
        };
        let (times, back) = (Arc::clone(&times), back.clone());
        tasks.spawn(async move {
            let sent = match connection.send(from + n, 1, kind).await {
                // On a starved machine a connection was idle for longer than it seemed here: once more on a new one.
                Err(error) if is_closed(&error) => {
                    connection = Connection::open(target).await?;
                    connection.send(from + n, 1, kind).await
                }
                sent => sent,
            };
            let (status, begun) = sent?;
            let took = begun.elapsed();
            times.begin(from + n, begun);
            if status / 100 != 2 {
                return Err(io::Error::other(connection.answer()));
            }
            let _ = back.send((turn, connection));
            Ok(took)
        });
    }
    let mut answers = Latencies::default();
    while let Some(done) = tasks.join_next().await {
        answers.add(done??);
    }
    Ok(answers)
}

fn is_closed(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), UnexpectedEof | ConnectionReset | BrokenPipe)
}

async fn closed_loop(
    mut connection: Connection,
    times: Arc<Times>,
    next: Arc<AtomicUsize>,
    batch: usize,
    end: Instant,
    limit: usize,
) -> io::Result<usize> {
    let mut accepted = 0;
    while Instant::now() < end {
        let first = next.fetch_add(batch, Ordering::Relaxed);
        if first + batch > limit {
            break;
        }
        let (status, begun) = connection.send(first, batch, "text").await?;
        if status / 100 == 2 {
            accepted += batch;
            (first..first + batch).for_each(|n| times.begin(n, begun));
        } else if status != 503 {
            return Err(io::Error::other(connection.answer()));
        }
    }
    Ok(accepted)
}
