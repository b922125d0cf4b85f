//! What has to happen from time to time, on a connection of its own: signs of life, a look for nodes that are silent, partitions that
//! are made ahead. And what other nodes notify is heard here.

use super::adopt;
use super::change;
use super::connect::{Conn, Heard, words};
use super::desk;
use super::node::{self, BEAT};
use super::peers;
use super::writer::Surroundings;
use crate::Notice;
use std::convert::Infallible;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::time::timeout;
use tokio_postgres::Error;

/// Between two looks whether partitions are to be made.
const ROUND: Duration = Duration::from_secs(600);
/// A beat that takes longer than this does not come: the connection is made anew.
const PATIENCE: Duration = Duration::from_secs(4);
/// Who had lost the database takes nobody for gone for so long after it is back: the others may have lost it too, and come back as soon.
const GRACE: Duration = Duration::from_secs(3);

/// Keeps at it until it is aborted.
pub(super) async fn keep(surroundings: Surroundings) {
    let mut is_well = true;
    let mut grace = Duration::ZERO;
    loop {
        let mut attempt = Instant::now();
        let (notices, heard) = mpsc::unbounded_channel();
        let connected = surroundings.database.connect(Some(notices)).await;
        let why = match connected {
            Ok(conn) => match listen(&surroundings, &conn, heard, grace, &mut is_well, &mut attempt).await {
                Ok(never) => match never {},
                Err(Some(error)) => words(&error),
                Err(None) => "it does not answer".to_owned(),
            },
            Err(error) => error.words(),
        };
        grace = GRACE;
        surroundings.lease.tried(attempt);
        if std::mem::take(&mut is_well) {
            tracing::warn!(error = why, "the database does not hear that this node is alive; it tries again");
        }
        tokio::time::sleep(BEAT).await;
    }
}

/// Fails with what went wrong, or with nothing where the database does not answer.
async fn listen(
    surroundings: &Surroundings,
    conn: &Conn,
    mut heard: UnboundedReceiver<Heard>,
    grace: Duration,
    is_well: &mut bool,
    attempt: &mut Instant,
) -> Result<Infallible, Option<Error>> {
    for channel in [change::CHANNEL, peers::CHANNEL, peers::HANDED, peers::TOLD, desk::CHANNEL] {
        conn.batch(&format!("LISTEN {channel}")).await.map_err(Some)?;
    }
    // What was notified before is not heard; and something may be left from before this start.
    let missed = [
        Notice::DirectoryChanged,
        Notice::PeersChanged,
        Notice::Handed,
        Notice::GuardChanged,
        Notice::AlertsChanged,
        Notice::Adoptable,
    ];
    missed.into_iter().for_each(|missed| surroundings.lease.tell(missed));
    surroundings.desk.ring_all();
    let mut next_round = Instant::now();
    let mut seen = Seen { judges_from: Instant::now() + grace, there: Vec::new(), settled: Vec::new() };
    let mut endpoints = Endpoints::default();
    loop {
        *attempt = Instant::now();
        let done = async {
            let gone = beat(surroundings, conn, &mut seen).await?;
            endpoints.look(surroundings, conn, gone).await
        };
        match timeout(PATIENCE, done).await {
            Ok(done) => done.map_err(Some)?,
            Err(_) => return Err(None),
        }
        *is_well = true;
        surroundings.lease.tried(*attempt);
        if Instant::now() >= next_round {
            next_round += ROUND;
            let now = conn
                .row("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::int8", &[])
                .await
                .map_err(Some)?;
            let now_ms = now.map(|row| row.try_get(0)).transpose().map_err(Some)?.unwrap_or(0);
            surroundings.partitions.make_ahead(conn, now_ms).await.map_err(Some)?;
        }
        let next_beat = tokio::time::Instant::now() + BEAT;
        let mut is_due = false;
        while !is_due && let Ok(Some(heard)) = tokio::time::timeout_at(next_beat, heard.recv()).await {
            is_due = hear(surroundings, &heard);
            if heard.channel == change::CHANNEL || heard.channel == peers::CHANNEL {
                // An endpoint that is new has to be somebody's, and a node that begins to run takes its share.
                endpoints.is_due = true;
                match timeout(PATIENCE, endpoints.take(surroundings, conn)).await {
                    Ok(done) => done.map_err(Some)?,
                    Err(_) => return Err(None),
                }
            }
        }
        if !is_due {
            tokio::time::sleep_until(next_beat).await;
        }
    }
}

/// Something was notified. Answers whether a beat is due: another node has left.
fn hear(surroundings: &Surroundings, heard: &Heard) -> bool {
    let (channel, what) = (heard.channel.as_str(), heard.payload.as_str());
    match channel {
        desk::CHANNEL => surroundings.desk.heard(what),
        peers::CHANNEL if what == peers::GUARD => surroundings.lease.tell(Notice::GuardChanged),
        peers::CHANNEL if what == peers::ALERTS => surroundings.lease.tell(Notice::AlertsChanged),
        peers::CHANNEL => {
            // Whoever may have come counts at once: a node that believed until its next beat to be alone, and lost the database before it,
            // would go on while that one takes over.
            surroundings.lease.is_alone(false);
            surroundings.lease.tell(Notice::PeersChanged);
        }
        peers::TOLD => {
            let own = surroundings.lease.hold().id;
            let told = peers::read_told(what).filter(|(node, _)| i16::from(*node) != own);
            told.into_iter().for_each(|told| surroundings.lease.hear(told));
        }
        peers::HANDED if what == surroundings.lease.hold().id.to_string() => {
            surroundings.lease.tell(Notice::Handed);
        }
        peers::HANDED => {}
        _ => surroundings.lease.tell(Notice::DirectoryChanged),
    }
    channel == peers::CHANNEL && what == peers::LEFT
}

/// What was seen of other nodes at the last beat.
struct Seen {
    /// From when on silent ones are taken for gone.
    judges_from: Instant,
    /// Those that are there: with their epochs, and whether they run gateways.
    there: Vec<(i16, i64, bool)>,
    /// Those that are gone, with nothing left.
    settled: Vec<(i16, i64)>,
}

/// When there may be webhook endpoints that nobody delivers to.
#[derive(Default)]
struct Endpoints {
    is_due: bool,
    epoch: i64,
    gone: Vec<(i16, i64)>,
}

impl Endpoints {
    /// Looks where this node or one that is gone is other than at the last look.
    async fn look(
        &mut self,
        surroundings: &Surroundings,
        conn: &Conn,
        gone: Vec<(i16, i64)>,
    ) -> Result<(), Error> {
        let epoch = surroundings.lease.hold().epoch;
        self.is_due |= self.epoch != epoch || self.gone != gone;
        (self.epoch, self.gone) = (epoch, gone);
        self.take(surroundings, conn).await
    }

    async fn take(&mut self, surroundings: &Surroundings, conn: &Conn) -> Result<(), Error> {
        if self.is_due {
            self.is_due = surroundings.desk.take(conn, &surroundings.lease).await?;
        }
        Ok(())
    }
}

/// A sign of life, and a look for others'. Answers the nodes that are gone.
async fn beat(surroundings: &Surroundings, conn: &Conn, seen: &mut Seen) -> Result<Vec<(i16, i64)>, Error> {
    let Seen { judges_from, there, settled } = seen;
    let sent = Instant::now();
    if node::beat(conn, surroundings.lease.hold()).await? {
        let now = node::there(conn).await?;
        let own = surroundings.lease.hold().id;
        surroundings.lease.is_alone(now.iter().all(|(id, ..)| *id == own));
        surroundings.lease.extend(sent);
        if now != *there {
            surroundings.lease.tell(Notice::PeersChanged);
            *there = now;
        }
    } else {
        // The writer finds out when it writes, which may not be soon.
        surroundings.wake_writer();
    }
    if sent >= *judges_from {
        node::fence_the_silent(conn).await?;
    }
    let gone = node::gone(conn).await?;
    if gone.is_empty() || gone == *settled {
        return Ok(gone);
    }
    let ids: Vec<i16> = gone.iter().map(|(id, _)| *id).collect();
    if adopt::is_there_any(conn, &ids).await? {
        surroundings.lease.tell(Notice::Adoptable);
        settled.clear();
    } else {
        settled.clone_from(&gone);
    }
    Ok(gone)
}
