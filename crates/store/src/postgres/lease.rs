//! What this node knows of its own right to send: until when it lasts, and what it has to be told.
//!
//! The right lasts for a [`LEASE`] from the last sign of life that reached the database, by the steady clock of this machine and from
//! the moment it was *sent*; others take over only when that long has passed since it *came*. A margin is for clocks of different
//! speed. A process that was stopped and goes on looks at the clock before it sends anything.
//!
//! A node that was the only one when it last heard of the database sends on without it: while the database is gone for all, nobody
//! takes over. One that was stopped meanwhile has to ask first all the same.

use super::node::{BEAT, Hold, LEASE};
use crate::Notice;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};

/// So much earlier than the lease ends, nothing more is sent.
const MARGIN: Duration = Duration::from_secs(2);
/// Most that other nodes told and nobody has asked for yet: some megabytes.
const MOST_WAITING: usize = 1_024;

/// The right, shared by the writer, the keeper and the store's front.
pub(super) struct Lease {
    begins: Instant,
    /// Until when (ms after `begins`).
    until_ms: AtomicU64,
    /// It was taken, and who holds messages does not know yet.
    is_fenced: AtomicBool,
    /// No other node was there at the last sign of life: nobody could take over.
    is_alone: AtomicBool,
    /// When the last attempt at a sign of life began that has ended, well or not (ms after `begins`).
    tried_ms: AtomicU64,
    /// It has run out, and that was seen.
    has_lapsed: AtomicBool,
    hold: watch::Sender<Hold>,
    notices: Mutex<Vec<Notice>>,
    /// What other nodes told, for whoever asks.
    told: Mutex<VecDeque<(u8, Vec<u8>)>>,
    bell: Notify,
}

impl Lease {
    /// None yet.
    pub(super) fn new() -> Self {
        Self {
            begins: Instant::now(),
            until_ms: AtomicU64::new(0),
            is_fenced: AtomicBool::new(false),
            is_alone: AtomicBool::new(false),
            tried_ms: AtomicU64::new(0),
            has_lapsed: AtomicBool::new(false),
            hold: watch::Sender::new(Hold { id: 0, epoch: 0, written: 0 }),
            notices: Mutex::default(),
            told: Mutex::default(),
            bell: Notify::new(),
        }
    }

    /// The number that is held, and since which epoch.
    pub(super) fn hold(&self) -> Hold {
        *self.hold.borrow()
    }

    /// A number was taken by a statement sent at `sent`.
    pub(super) fn taken(&self, hold: Hold, sent: Instant) {
        let before = self.hold.send_replace(hold);
        if before.epoch != 0 {
            self.is_fenced.store(true, Ordering::Release);
            self.tell(Notice::Fenced);
        }
        self.extend(sent);
    }

    /// A sign of life that was sent then has come.
    pub(super) fn extend(&self, sent: Instant) {
        let until = (sent + LEASE).saturating_duration_since(self.begins + MARGIN);
        self.until_ms.fetch_max(until.as_millis() as u64, Ordering::Release);
        if self.has_lapsed.load(Ordering::Relaxed)
            && self.is_valid()
            && self.has_lapsed.swap(false, Ordering::Relaxed)
        {
            self.tell(Notice::MaySendAgain);
        }
    }

    /// Whether no other node is there.
    pub(super) fn is_alone(&self, is_alone: bool) {
        self.is_alone.store(is_alone, Ordering::Release);
    }

    /// Whether no other node was there at the last sign of life.
    pub(super) fn is_alone_now(&self) -> bool {
        self.is_alone.load(Ordering::Acquire)
    }

    /// An attempt at a sign of life that began then has ended.
    pub(super) fn tried(&self, began: Instant) {
        let ms = began.saturating_duration_since(self.begins).as_millis() as u64;
        self.tried_ms.fetch_max(ms, Ordering::Release);
    }

    /// Whether it was taken, and who holds messages has not let go of them yet.
    pub(super) fn is_fenced(&self) -> bool {
        self.is_fenced.load(Ordering::Acquire)
    }

    /// Whether this node may send.
    pub(super) fn may_send(&self) -> bool {
        let is_safe = self.is_valid() || self.is_alone.load(Ordering::Acquire) && self.has_just_tried();
        let may = is_safe && !self.is_fenced.load(Ordering::Acquire);
        if !may {
            self.has_lapsed.store(true, Ordering::Relaxed);
        }
        may
    }

    /// Ready when this node may send no more.
    pub(super) async fn lapsed(&self) {
        loop {
            let until = self.begins + Duration::from_millis(self.until_ms.load(Ordering::Acquire));
            let now = Instant::now();
            if until > now {
                tokio::time::sleep_until(until.into()).await;
            } else if self.may_send() {
                // Alone, without the database.
                tokio::time::sleep(BEAT).await;
            } else {
                return;
            }
        }
    }

    /// Whether this process has been at it all the time. One that was stopped asks the database first, if it is there.
    fn has_just_tried(&self) -> bool {
        let now_ms = self.begins.elapsed().as_millis() as u64;
        now_ms.saturating_sub(self.tried_ms.load(Ordering::Acquire)) < (LEASE - MARGIN).as_millis() as u64
    }

    fn is_valid(&self) -> bool {
        (self.begins.elapsed().as_millis() as u64) < self.until_ms.load(Ordering::Acquire)
    }

    /// Whoever held messages has let go of them.
    pub(super) fn begin_anew(&self) {
        self.is_fenced.store(false, Ordering::Release);
        self.tell(Notice::MaySendAgain);
    }

    /// To be heard by whoever asks for notices; what is told already, is not told twice.
    pub(super) fn tell(&self, notice: Notice) {
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        if !notices.contains(&notice) {
            notices.push(notice);
        }
        drop(notices);
        self.bell.notify_one();
    }

    /// Another node told something.
    pub(super) fn hear(&self, told: (u8, Vec<u8>)) {
        let mut waiting = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= MOST_WAITING {
            waiting.pop_front();
        }
        waiting.push_back(told);
        drop(waiting);
        self.tell(Notice::Told);
    }

    /// What was told since this was last asked.
    pub(super) fn take_told(&self) -> Vec<(u8, Vec<u8>)> {
        std::mem::take(&mut *self.told.lock().unwrap_or_else(PoisonError::into_inner)).into()
    }

    /// The next notice. Dropped before it is ready, it has taken none.
    pub(super) async fn notice(&self) -> Notice {
        loop {
            let next = {
                let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
                // First what makes all the rest another matter.
                let at = notices.iter().position(|notice| *notice == Notice::Fenced).unwrap_or(0);
                if notices.is_empty() { None } else { Some(notices.remove(at)) }
            };
            match next {
                Some(next) => return next,
                None => self.bell.notified().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Hold = Hold { id: 1, epoch: 5, written: 0 };

    #[tokio::test]
    async fn the_right_ends_before_the_lease_does_and_comes_back_with_a_sign_of_life() {
        let lease = Lease::new();
        assert!(!lease.may_send(), "before there is one");
        let now = Instant::now();
        let Some(long_ago) = now.checked_sub(LEASE - MARGIN) else { return };
        lease.taken(FIRST, long_ago);
        assert!(!lease.may_send());
        lease.is_alone(true);
        lease.tried(now);
        assert!(lease.may_send(), "nobody is there to take over");
        lease.is_alone(false);
        assert!(!lease.may_send());
        lease.extend(now);
        assert!(lease.may_send());
        assert_eq!(lease.notice().await, Notice::MaySendAgain);
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_the_right_is_told_when_it_comes() {
        let lease = Lease::new();
        tokio::time::timeout(Duration::from_secs(1), lease.lapsed()).await.expect("before there is one");
        lease.taken(FIRST, Instant::now());
        let mut lapsed = std::pin::pin!(lease.lapsed());
        assert!(tokio::time::timeout(Duration::from_secs(1), lapsed.as_mut()).await.is_err());
        lease.until_ms.store(0, Ordering::Release);
        tokio::time::timeout(LEASE, lapsed).await.expect("now");
    }

    #[tokio::test]
    async fn who_was_fenced_sends_nothing_until_it_has_let_go() {
        let lease = Lease::new();
        lease.taken(FIRST, Instant::now());
        assert!(lease.may_send());
        lease.tell(Notice::Adoptable);
        lease.taken(Hold { epoch: 6, ..FIRST }, Instant::now());
        assert!(!lease.may_send());
        assert_eq!(lease.notice().await, Notice::Fenced, "before what came before it");
        lease.begin_anew();
        assert!(lease.may_send());
        assert_eq!(lease.notice().await, Notice::Adoptable);
        assert_eq!(lease.notice().await, Notice::MaySendAgain);
    }
}
