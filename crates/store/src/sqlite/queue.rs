//! What waits for the writer: a queue in order, with a bell that only what is urgent rings at once.

use super::command::Command;
use crate::StoreError;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How long outcomes, receipts and inbound messages wait for company. Nobody waits for them as a caller waits for a 202, and
/// a commit of their own would let the next accept find the writer in the middle of a sync.
pub(super) const LINGER: Duration = Duration::from_millis(5);
/// So much waiting work (messages, outcomes, receipts) is written without lingering.
pub(super) const LINGER_WEIGHT: usize = 256;

/// Whether somebody waits for an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Urgency {
    /// Starts a commit at once.
    Now,
    /// May ride along with the next one, for up to [`LINGER`].
    Lingers,
}

/// Told whether everything was written.
pub(super) type Closer = oneshot::Sender<Result<(), StoreError>>;

/// What the writer finds when it looks.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Work was taken out.
    Work,
    /// The time to look again has come.
    Time,
    /// Nothing waits, and nothing will come.
    Closing,
}

#[derive(Default)]
struct Inner {
    commands: VecDeque<Box<dyn Command>>,
    weight: usize,
    is_urgent: bool,
    since: Option<Instant>,
    /// The writer sleeps: only then a bell costs a system call.
    is_parked: bool,
    is_closing: bool,
    is_closed: bool,
    closers: Vec<Closer>,
}

/// The queue itself.
#[derive(Default)]
pub(super) struct Queue {
    inner: Mutex<Inner>,
    bell: Condvar,
    accepts: AtomicUsize,
}

/// So many messages wait to be accepted; no longer once this is dropped.
pub(super) struct Waiting {
    queue: Arc<Queue>,
    count: usize,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.queue.accepts.fetch_sub(self.count, Ordering::Relaxed);
    }
}

impl Queue {
    /// Room for `count` messages to be accepted, unless `most` wait already. One call may go past the bound, so that a batch
    /// larger than the bound is not refused for ever.
    pub(super) fn room(self: &Arc<Self>, count: usize, most: usize) -> Result<Waiting, StoreError> {
        let before = self.accepts.fetch_add(count, Ordering::Relaxed);
        let waiting = Waiting { queue: self.clone(), count };
        if before >= most { Err(StoreError::Busy) } else { Ok(waiting) }
    }

    /// Puts a command at the end. Refused only when closed.
    pub(super) fn push(&self, command: Box<dyn Command>, urgency: Urgency) -> Result<(), StoreError> {
        let mut inner = self.lock();
        if inner.is_closing {
            return Err(StoreError::Closed);
        }
        inner.weight += command.weight();
        inner.commands.push_back(command);
        inner.is_urgent |= urgency == Urgency::Now;
        let is_first = inner.since.is_none();
        if is_first {
            inner.since = Some(Instant::now());
        }
        // The first that lingers rings too, so that the writer knows until when.
        if inner.is_parked && (is_first || inner.is_ripe()) {
            inner.is_parked = false;
            drop(inner);
            self.bell.notify_one();
        }
        Ok(())
    }

    /// Waits for work that is ripe, moves all of it to `into`, and says so. With `until`, only so long.
    pub(super) fn take(&self, into: &mut VecDeque<Box<dyn Command>>, until: Option<Instant>) -> Next {
        let mut inner = self.lock();
        loop {
            let now = Instant::now();
            let ripe_at = inner.since.map(|since| since + LINGER);
            let is_ripe = inner.is_ripe() || inner.is_closing || ripe_at.is_some_and(|at| at <= now);
            if !inner.commands.is_empty() && is_ripe {
                inner.hand_over(into);
                return Next::Work;
            }
            if until.is_some_and(|until| until <= now) {
                return Next::Time;
            }
            if inner.is_closing && until.is_none() {
                return Next::Closing;
            }
            inner.is_parked = true;
            let wake_at = [ripe_at, until].into_iter().flatten().min();
            inner = match wake_at {
                None => self.bell.wait(inner).unwrap_or_else(PoisonError::into_inner),
                Some(at) => {
                    let wait = self.bell.wait_timeout(inner, at.saturating_duration_since(now));
                    wait.unwrap_or_else(PoisonError::into_inner).0
                }
            };
            inner.is_parked = false;
        }
    }

    /// Moves everything that waits to `into`, ripe or not.
    pub(super) fn take_all(&self, into: &mut VecDeque<Box<dyn Command>>) {
        self.lock().hand_over(into);
    }

    /// From now on nothing is taken; `closer` hears when all is written.
    pub(super) fn close(&self, closer: Option<Closer>) {
        let mut inner = self.lock();
        inner.is_closing = true;
        match closer {
            Some(closer) if inner.is_closed => drop(closer.send(Ok(()))),
            Some(closer) => inner.closers.push(closer),
            None => {}
        }
        drop(inner);
        self.bell.notify_one();
    }

    /// Whether nothing is taken any more.
    pub(super) fn is_closing(&self) -> bool {
        self.lock().is_closing
    }

    /// Everything is written (or cannot be): tells those who wait for it. Answers commands that came too late.
    pub(super) fn closed(&self, outcome: Result<(), StoreError>) -> VecDeque<Box<dyn Command>> {
        let mut inner = self.lock();
        (inner.is_closing, inner.is_closed) = (true, true);
        for closer in inner.closers.drain(..) {
            let _ = closer.send(outcome.clone());
        }
        std::mem::take(&mut inner.commands)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn is_ripe(&self) -> bool {
        self.is_urgent || self.weight >= LINGER_WEIGHT
    }

    fn hand_over(&mut self, into: &mut VecDeque<Box<dyn Command>>) {
        if into.is_empty() {
            std::mem::swap(&mut self.commands, into);
        } else {
            into.append(&mut self.commands);
        }
        (self.weight, self.is_urgent, self.since) = (0, false, None);
    }
}

#[cfg(test)]
mod tests {
    use super::super::command::Task;
    use super::*;

    /// A command known by its weight.
    fn command(weight: usize) -> Box<dyn Command> {
        let (reply, _) = oneshot::channel();
        let outcome = Err(StoreError::Closed);
        Box::new(Task::<(), ()> {
            input: (),
            work: |_, ()| Ok(()),
            weight,
            is_kept: true,
            waiting: None,
            outcome,
            reply,
        })
    }

    fn take(queue: &Queue, until: Instant) -> (Next, Vec<usize>) {
        let mut taken = VecDeque::new();
        let next = queue.take(&mut taken, Some(until));
        (next, taken.iter().map(|command| command.weight()).collect())
    }

    #[test]
    fn what_lingers_waits_for_its_time_or_for_company() {
        let queue = Queue::default();
        let began = Instant::now();
        queue.push(command(1), Urgency::Lingers).unwrap();
        assert_eq!(take(&queue, began), (Next::Time, vec![]), "nobody is in a hurry");
        let (next, taken) = take(&queue, began + Duration::from_secs(10));
        assert_eq!((next, taken), (Next::Work, vec![1]));
        assert!(began.elapsed() >= LINGER);

        let began = Instant::now();
        queue.push(command(2), Urgency::Lingers).unwrap();
        queue.push(command(3), Urgency::Now).unwrap();
        queue.push(command(4), Urgency::Lingers).unwrap();
        assert_eq!(take(&queue, began), (Next::Work, vec![2, 3, 4]), "all go along, in order");

        queue.push(command(LINGER_WEIGHT - 1), Urgency::Lingers).unwrap();
        assert_eq!(take(&queue, began).0, Next::Time);
        queue.push(command(1), Urgency::Lingers).unwrap();
        assert_eq!(take(&queue, began).0, Next::Work, "so many need no other reason");
    }

    #[test]
    fn the_bell_wakes_a_writer_that_sleeps() {
        let queue = Queue::default();
        let far = Instant::now() + Duration::from_secs(60);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| take(&queue, far));
            queue.push(command(1), Urgency::Now).unwrap();
            assert_eq!(writer.join().unwrap(), (Next::Work, vec![1]));
            let writer = scope.spawn(|| take(&queue, far));
            queue.push(command(2), Urgency::Lingers).unwrap();
            assert_eq!(writer.join().unwrap(), (Next::Work, vec![2]));
            let writer = scope.spawn(|| {
                let mut taken = VecDeque::new();
                queue.take(&mut taken, None)
            });
            queue.close(None);
            assert_eq!(writer.join().unwrap(), Next::Closing);
        });
    }

    #[test]
    fn closing_hands_out_what_waits_and_takes_nothing_more() {
        let queue = Queue::default();
        queue.push(command(1), Urgency::Lingers).unwrap();
        let (closer, mut closed) = oneshot::channel();
        queue.close(Some(closer));
        assert_eq!(queue.push(command(2), Urgency::Now), Err(StoreError::Closed));
        assert_eq!(take(&queue, Instant::now()), (Next::Work, vec![1]));
        assert!(closed.try_recv().is_err(), "it is not written yet");
        assert!(queue.closed(Ok(())).is_empty());
        assert_eq!(closed.try_recv(), Ok(Ok(())));
        let (closer, mut closed) = oneshot::channel();
        queue.close(Some(closer));
        assert_eq!(closed.try_recv(), Ok(Ok(())), "closing again is no error");
    }

    #[test]
    fn room_is_given_back_when_it_is_dropped() {
        let queue = Arc::new(Queue::default());
        let first = queue.room(10, 10).unwrap();
        assert!(matches!(queue.room(1, 10), Err(StoreError::Busy)));
        drop(first);
        let large = queue.room(500, 10).unwrap();
        assert!(queue.room(1, 10).is_err());
        drop(large);
        assert!(queue.room(1, 10).is_ok());
    }
}
