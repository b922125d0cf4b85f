//! What has to happen at a certain time, and the one task that sees to it. Nothing is polled: it sleeps until the first entry.

use crate::engine::Engine;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use textgate_gateway::Submission;
use textgate_sms::{GatewayId, MessageId};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// While messages are scheduled, the wall clock is read at least this often: it can be set, and a machine can be suspended.
const WALL_CLOCK: Duration = Duration::from_secs(30);
/// Scheduled messages that are released in one transaction.
const RELEASED_AT_ONCE: usize = 512;
/// After the store could not release them.
const RELEASE_PAUSE: Duration = Duration::from_secs(1);

/// What has to happen, by time.
#[derive(Default)]
pub(crate) struct Agenda {
    entries: Mutex<Entries>,
    /// The first entry changed.
    changed: Notify,
}

#[derive(Default)]
struct Entries {
    /// Messages that wait for another round, gateways whose lanes are to be looked at, and messages whose receipts are waited for.
    timed: BTreeMap<(Instant, u64), Entry>,
    /// Makes entries of one instant distinct.
    sequence: u64,
    /// Messages with a `send_at` (Unix time, ms).
    scheduled: BTreeSet<(i64, MessageId)>,
    /// What else is due by the wall clock (Unix time, ms).
    alarms: BTreeSet<(i64, Alarm)>,
}

/// Something that is due by the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Alarm {
    /// Others are told of an alert.
    Escalate(MessageId),
    /// Conditions that held long enough become alerts, or are over.
    Conditions,
    /// Parts of messages of phones have waited long enough for others.
    Inbound,
}

enum Entry {
    Retry(Box<Submission>),
    Look(GatewayId),
    Watch(MessageId),
}

/// What is due now.
#[derive(Default)]
struct Due {
    retries: Vec<Box<Submission>>,
    looks: BTreeSet<GatewayId>,
    watches: Vec<MessageId>,
    releases: Vec<(i64, MessageId)>,
    alarms: Vec<Alarm>,
}

impl Agenda {
    /// Sends this message again at `at`.
    pub(crate) fn retry(&self, at: Instant, submission: Box<Submission>) {
        self.add(at, Entry::Retry(submission));
    }

    /// Looks at this gateway's lanes at `at`.
    pub(crate) fn look(&self, at: Instant, gateway: GatewayId) {
        self.add(at, Entry::Look(gateway));
    }

    /// Looks at `at` whether the receipt of this message, which carries a passcode, has come.
    pub(crate) fn watch(&self, at: Instant, id: MessageId) {
        self.add(at, Entry::Watch(id));
    }

    /// Releases this message at `due_ms` (Unix time).
    pub(crate) fn schedule(&self, due_ms: i64, id: MessageId) {
        self.lock().scheduled.insert((due_ms, id));
        self.changed.notify_one();
    }

    /// Rings this alarm at `due_ms` (Unix time).
    pub(crate) fn ring(&self, due_ms: i64, alarm: Alarm) {
        self.lock().alarms.insert((due_ms, alarm));
        self.changed.notify_one();
    }

    /// Takes out a message that waits for another round.
    pub(crate) fn withdraw(&self, id: MessageId) -> Option<Box<Submission>> {
        let mut entries = self.lock();
        let is_it = |entry: &Entry| matches!(entry, Entry::Retry(submission) if submission.id == id);
        let key = entries.timed.iter().find(|(_, entry)| is_it(entry)).map(|(key, _)| *key)?;
        match entries.timed.remove(&key) {
            Some(Entry::Retry(submission)) => Some(submission),
            _ => None,
        }
    }

    /// Takes a scheduled message off the agenda. Answers whether it was there: one that is being released is not.
    pub(crate) fn unschedule(&self, due_ms: i64, id: MessageId) -> bool {
        self.lock().scheduled.remove(&(due_ms, id))
    }

    /// Lets go of all messages. Answers how many waited for another round.
    pub(crate) fn clear(&self) -> usize {
        let mut entries = self.lock();
        entries.scheduled.clear();
        let before = entries.timed.len();
        entries.timed.retain(|_, entry| !matches!(entry, Entry::Retry(_)));
        before - entries.timed.len()
    }

    /// The messages that wait for another round, and those that are scheduled.
    #[cfg(test)]
    pub(crate) fn waits(&self) -> (Vec<MessageId>, Vec<MessageId>) {
        let entries = self.lock();
        let retry = |entry: &Entry| match entry {
            Entry::Retry(submission) => Some(submission.id),
            Entry::Look(_) | Entry::Watch(_) => None,
        };
        let retries = entries.timed.values().filter_map(retry).collect();
        (retries, entries.scheduled.iter().map(|(_, id)| *id).collect())
    }

    fn add(&self, at: Instant, entry: Entry) {
        let mut entries = self.lock();
        entries.sequence += 1;
        let key = (at, entries.sequence);
        let is_first = entries.timed.first_key_value().is_none_or(|(first, _)| key < *first);
        entries.timed.insert(key, entry);
        drop(entries);
        if is_first {
            self.changed.notify_one();
        }
    }

    /// Takes out what is due, and tells when the next is.
    fn due(&self, now: Instant, now_ms: i64) -> (Due, Option<Instant>) {
        let mut due = Due::default();
        let mut entries = self.lock();
        while let Some(first) = entries.timed.first_entry()
            && first.key().0 <= now
        {
            match first.remove() {
                Entry::Retry(submission) => due.retries.push(submission),
                Entry::Look(gateway) => drop(due.looks.insert(gateway)),
                Entry::Watch(id) => due.watches.push(id),
            }
        }
        while due.releases.len() < RELEASED_AT_ONCE
            && let Some(first) = entries.scheduled.first().copied()
            && first.0 <= now_ms
        {
            entries.scheduled.remove(&first);
            due.releases.push(first);
        }
        while let Some(first) = entries.alarms.first().copied()
            && first.0 <= now_ms
        {
            entries.alarms.remove(&first);
            due.alarms.push(first.1);
        }
        let timed = entries.timed.first_key_value().map(|(key, _)| key.0);
        let by_wall_clock = |due_ms: i64| {
            let in_ms = u64::try_from(due_ms - now_ms).unwrap_or(0);
            now + Duration::from_millis(in_ms).min(WALL_CLOCK)
        };
        let scheduled = entries.scheduled.first().map(|(due_ms, _)| by_wall_clock(*due_ms));
        let alarm = entries.alarms.first().map(|(due_ms, _)| by_wall_clock(*due_ms));
        (due, [timed, scheduled, alarm].into_iter().flatten().min())
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sees to the agenda until `stop`.
pub(crate) async fn keep(engine: Arc<Engine>, stop: CancellationToken) {
    loop {
        let mut changed = pin!(engine.agenda.changed.notified());
        changed.as_mut().enable();
        let (due, next) = engine.agenda.due(engine.clock.now(), engine.clock.now_ms());
        for submission in due.retries {
            engine.route(submission);
        }
        for gateway in due.looks {
            engine.look(gateway);
        }
        if !stop.is_cancelled() {
            due.watches.into_iter().for_each(|id| engine.look_after(id));
            due.alarms.into_iter().for_each(|alarm| engine.rung(alarm));
        }
        if !due.releases.is_empty() && !stop.is_cancelled() {
            release(&engine, due.releases, &stop).await;
            continue;
        }
        let sleep = async {
            match next {
                Some(next) => tokio::time::sleep_until(next.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = changed => {}
            () = sleep => {}
        }
    }
}

/// Moves scheduled messages to their gateways; when the store cannot, they are tried again.
async fn release(engine: &Arc<Engine>, due: Vec<(i64, MessageId)>, stop: &CancellationToken) {
    let ids = due.iter().map(|(_, id)| *id).collect();
    match engine.store.release(ids, engine.clock.now_ms()).await {
        Ok(messages) => {
            for message in messages {
                engine.resume(message);
            }
        }
        Err(error) => {
            tracing::warn!(%error, "scheduled messages cannot be released; trying again in a moment");
            for (due_ms, id) in due {
                engine.agenda.schedule(due_ms, id);
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = tokio::time::sleep(RELEASE_PAUSE) => {}
            }
        }
    }
}
