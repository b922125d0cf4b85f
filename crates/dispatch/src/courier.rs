//! Gives what waits for a gateway to a node that can send by it, where this one cannot.
//!
//! It takes messages out of the lanes as a gateway does, passcodes first, and the store moves them: there is one owner at any time.

use crate::engine::Engine;
use crate::station::{Station, pack, unpack};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use textgate_gateway::Submission;
use textgate_store::{HandOver, Handed, StoreError};
use tokio_util::sync::CancellationToken;

/// Messages that go at once: few enough that a passcode which comes meanwhile does not wait for long.
const AT_ONCE: usize = 200;
/// Messages that are taken on at once.
const TAKEN_ON_AT_ONCE: usize = 500;
/// After a node took nothing.
const PAUSE: Duration = Duration::from_millis(500);

/// Sees to a station's messages while they leave from elsewhere, until `stop`. Tells also when a connection of its gateway has ended.
pub(crate) async fn keep(engine: Arc<Engine>, station: Arc<Station>, stop: CancellationToken) {
    let Some(sharing) = &station.sharing else { return };
    let mut is_elsewhere = sharing.is_elsewhere.subscribe();
    let mut turn = 0;
    loop {
        let before = (sharing.shares.granted(), sharing.shares.begun());
        let carries = *is_elsewhere.borrow_and_update();
        // The gateway waits for the same bell: only one of both does at a time.
        let mut ready = pin!(station.ready.notified());
        if carries {
            ready.as_mut().enable();
            if !engine.carry(&station, &mut turn).await {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(PAUSE) => engine.has_changed_for_others(),
                }
            }
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            changed = is_elsewhere.changed() => if changed.is_err() { return },
            () = sharing.shares.changed(before) => engine.has_changed_for_others(),
            () = ready, if carries => {}
        }
    }
}

impl Engine {
    /// Gives everything that waits to those who can send it, in turn. Answers whether they took it.
    async fn carry(self: &Arc<Self>, station: &Station, turn: &mut usize) -> bool {
        loop {
            let carriers = station.carriers();
            if carriers.is_empty() || !self.store.may_send() || self.is_stopping() {
                return true;
            }
            let to = carriers[*turn % carriers.len()];
            *turn = turn.wrapping_add(1);
            let (mut taken, mut expired) = (Vec::new(), Vec::new());
            station.take(AT_ONCE, self.clock.now(), self.clock.now_ms(), false, &mut taken, &mut expired);
            expired.into_iter().for_each(|submission| self.finish(submission, self.expired()));
            if taken.is_empty() {
                return true;
            }
            if !self.give(station, to, taken).await {
                return false;
            }
        }
    }

    async fn give(self: &Arc<Self>, station: &Station, to: u8, taken: Vec<Box<Submission>>) -> bool {
        let messages = taken.iter().map(|one| (one.id, pack(&one.routing, one.is_test))).collect();
        let stopping = self.stopping();
        let gone = tokio::select! {
            gone = self.store.hand_over(HandOver { gateway: station.id, to, messages }) => gone,
            // A database that is gone holds up no stop: whatever becomes of them stands in the store.
            () = stopping.cancelled() => Err(StoreError::Closed),
        };
        station.carried(taken.len(), matches!(gone, Ok(Some(_))));
        match gone {
            Ok(Some(gone)) => {
                // What did not go was cancelled, or is another's already.
                taken.iter().for_each(|submission| self.watches.forget(submission.id));
                self.metrics.handed_over.inc_by(gone.len() as u64);
                self.dropped(taken.len());
                true
            }
            Ok(None) => {
                station.refuses(to);
                taken.into_iter().for_each(|submission| self.put_back(station, submission));
                false
            }
            Err(_) => {
                // The store is closed; what is not finished is found there.
                self.dropped(taken.len());
                true
            }
        }
    }

    /// A message waits on for its gateway, no longer than it would have: it may go to another one meanwhile.
    fn put_back(self: &Arc<Self>, station: &Station, submission: Box<Submission>) {
        if submission.routing.tenure != self.tenure.now() {
            return self.let_go(submission.id);
        }
        match station.push(submission, self.clock.now()) {
            Ok(Some(look)) => self.agenda.look(look, station.id),
            Ok(None) => {}
            // Removed meanwhile.
            Err(back) => self.route(back),
        }
    }

    /// Takes on what other nodes gave to this one.
    pub(crate) async fn take_handed(self: &Arc<Self>) -> Result<(), StoreError> {
        loop {
            let handed = self.store.handed(TAKEN_ON_AT_ONCE).await?;
            if handed.is_empty() {
                return Ok(());
            }
            for Handed { message, notes } in handed {
                self.watch_taken_on(&message);
                self.resume_with(message, |routing| unpack(notes, routing));
            }
        }
    }
}
