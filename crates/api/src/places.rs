//! Places for connections: a bounded number of them. Where all are taken, whoever has only held one makes room for whoever comes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// A connection that has done nothing for so long may have to go: long enough for an answer to have left.
const IDLE: Duration = Duration::from_millis(500);

/// All places of a listener.
pub(crate) struct Places {
    most: usize,
    taken: Mutex<Taken>,
    /// A place was given back, or a connection that was told to leave could not.
    changed: Notify,
}

#[derive(Default)]
struct Taken {
    next: u64,
    seats: BTreeMap<u64, Arc<Seat>>,
}

struct Seat {
    /// Requests whose answer is being made.
    requests: AtomicUsize,
    /// When it was taken, or a request was last begun or done.
    active_at: Mutex<Instant>,
    leave: Notify,
}

/// A place that is taken. Dropped, it is free again.
pub(crate) struct Place {
    places: Arc<Places>,
    number: u64,
    seat: Arc<Seat>,
}

/// A request whose answer is being made; over when this is dropped.
pub(crate) struct Busy(Arc<Seat>);

// === impl Places ===

impl Places {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most: most.max(1), taken: Mutex::default(), changed: Notify::new() })
    }

    /// Waits for a place. Where all are taken, the connection that was idle for longest is told to leave.
    pub(crate) async fn take(self: &Arc<Self>) -> Place {
        loop {
            let changed = self.changed.notified();
            let look_again = {
                let mut taken = self.lock();
                if taken.seats.len() < self.most {
                    return self.seat(&mut taken);
                }
                let idle = taken.seats.values().filter(|seat| !seat.is_busy());
                match idle.map(|seat| (seat.active_at() + IDLE, seat)).min_by_key(|(at, _)| *at) {
                    Some((at, seat)) if at <= Instant::now() => {
                        seat.leave.notify_one();
                        Instant::now() + IDLE
                    }
                    Some((at, _)) => at,
                    None => Instant::now() + IDLE,
                }
            };
            let _ = timeout_at(look_again, changed).await;
        }
    }

    fn seat(self: &Arc<Self>, taken: &mut Taken) -> Place {
        let seat = Arc::new(Seat {
            requests: AtomicUsize::new(0),
            active_at: Mutex::new(Instant::now()),
            leave: Notify::new(),
        });
        let number = taken.next;
        taken.next += 1;
        taken.seats.insert(number, Arc::clone(&seat));
        Place { places: Arc::clone(self), number, seat }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Place ===

impl Place {
    /// What notes that a request is being answered.
    pub(crate) fn requests(&self) -> impl Fn() -> Busy + use<> {
        let seat = Arc::clone(&self.seat);
        move || Busy::new(Arc::clone(&seat))
    }

    /// Ends once nothing was asked for so long, from now on. A request that is being answered is not waited for.
    pub(crate) async fn idle_for(&self, time: Duration) {
        let mut until = Instant::now() + time;
        loop {
            tokio::time::sleep_until(until).await;
            let active = self.seat.active_at() + time;
            if active <= Instant::now() || self.seat.is_busy() {
                return;
            }
            until = active;
        }
    }

    /// Ends when this connection is to leave, because others wait and it does nothing.
    pub(crate) async fn must_leave(&self) {
        loop {
            self.seat.leave.notified().await;
            // Decided in the connection's own task: no request can begin in between.
            if !self.seat.is_busy() {
                return;
            }
            self.places.changed.notify_one();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().seats.remove(&self.number);
        self.places.changed.notify_one();
    }
}

// === impl Seat ===

impl Seat {
    fn is_busy(&self) -> bool {
        self.requests.load(Ordering::Acquire) > 0
    }

    fn active_at(&self) -> Instant {
        *self.active_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_active(&self) {
        *self.active_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

// === impl Busy ===

impl Busy {
    fn new(seat: Arc<Seat>) -> Self {
        seat.requests.fetch_add(1, Ordering::AcqRel);
        Self(seat)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.is_active();
        self.0.requests.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;

    #[tokio::test(start_paused = true)]
    async fn places_are_given_out_up_to_the_bound_and_again_when_they_are_free() {
        let places = Places::new(2);
        let (one, other) = (places.take().await, places.take().await);
        let (_busy, _too) = (one.requests()(), other.requests()());
        let mut third = pin!(places.take());
        assert!(timeout_at(Instant::now() + 60 * IDLE, third.as_mut()).await.is_err(), "both are busy");
        drop(one);
        timeout_at(Instant::now() + IDLE, third).await.expect("there is one");
    }

    #[tokio::test(start_paused = true)]
    async fn where_all_are_taken_the_one_that_was_idle_for_longest_leaves() {
        let places = Places::new(3);
        let (oldest, busy, newer) = (places.take().await, places.take().await, places.take().await);
        let request = busy.requests()();
        tokio::time::sleep(10 * IDLE).await;
        // It was there first, but has just been of use.
        drop(oldest.requests()());
        let mut next = pin!(places.take());
        tokio::select! {
            _ = next.as_mut() => panic!("there is no place yet"),
            () = oldest.must_leave() => panic!("it is the one that was used last"),
            () = busy.must_leave() => panic!("it is busy"),
            () = newer.must_leave() => {}
        }
        drop(newer);
        next.await;
        drop(request);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_became_busy_meanwhile_stays_and_another_goes() {
        let places = Places::new(2);
        let (one, other) = (places.take().await, places.take().await);
        tokio::time::sleep(2 * IDLE).await;
        drop(other.requests()());
        let mut next = pin!(places.take());
        // Tells `one` to leave.
        assert!(timeout_at(Instant::now() + IDLE / 10, next.as_mut()).await.is_err());
        let _request = one.requests()();
        tokio::select! {
            _ = next.as_mut() => panic!("there is no place yet"),
            () = one.must_leave() => panic!("it is busy now"),
            () = other.must_leave() => {}
        }
    }
}
