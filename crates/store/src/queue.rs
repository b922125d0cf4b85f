//! What waits for the writer: a queue in order, with a bell that only what is urgent rings at once.
//!
//! One for every store: the writer may be a thread, which sleeps in [`take`](Queue::take), or a task, which waits in
//! [`taken`](Queue::taken).

use crate::StoreError;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, oneshot};

/// How long outcomes, receipts and inbound messages wait for company. Nobody waits for them as a caller waits for a 202, and
/// a commit of their own would let the next accept find the writer in the middle of a sync.
pub(crate) const LINGER: Duration = Duration::from_millis(5);
/// So much waiting work (messages, outcomes, receipts) is written without lingering.
pub(crate) const LINGER_WEIGHT: usize = 256;

/// Whether somebody waits for an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// Starts a commit at once.
    Now,
    /// May ride along with the next one, for up to [`LINGER`].
    Lingers,
}

/// Told whether everything was written.
pub(crate) type Closer = oneshot::Sender<Result<(), StoreError>>;

/// What the writer finds when it looks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Work was taken out.
    Work,
    /// The time to look again has come.
    Time,
    /// Nothing waits, and nothing will come.
    Closing,
}

/// What can wait in a queue.
pub(crate) trait Queued {
    /// How many messages, outcomes or receipts it is about.
    fn weight(&self) -> usize;
}

struct Inner<C> {
    commands: VecDeque<C>,
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
pub(crate) struct Queue<C> {
    inner: Mutex<Inner<C>>,
    bell: Bell,
    accepts: Arc<AtomicUsize>,
}

/// Wakes the writer: a thread by the one, a task by the other.
#[derive(Default)]
struct Bell {
    thread: Condvar,
    task: Notify,
}

impl Bell {
    fn ring(&self) {
        self.thread.notify_one();
        self.task.notify_one();
    }
}

/// What a look into the queue found.
enum Look {
    Found(Next),
    /// Nothing yet; look again at this time, or when the bell rings.
    Wait(Option<Instant>),
}

impl<C> Default for Queue<C> {
    fn default() -> Self {
        let inner = Inner {
            commands: VecDeque::new(),
            weight: 0,
            is_urgent: false,
            since: None,
            is_parked: false,
            is_closing: false,
            is_closed: false,
            closers: Vec::new(),
        };
        Self { inner: Mutex::new(inner), bell: Bell::default(), accepts: Arc::default() }
    }
}

/// So many messages wait to be accepted; no longer once this is dropped.
pub(crate) struct Waiting {
    accepts: Arc<AtomicUsize>,
    count: usize,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.accepts.fetch_sub(self.count, Ordering::Relaxed);
    }
}

impl<C: Queued> Queue<C> {
    /// Room for `count` messages to be accepted, unless `most` wait already. One call may go past the bound, so that a batch
    /// larger than the bound is not refused for ever.
    pub(crate) fn room(&self, count: usize, most: usize) -> Result<Waiting, StoreError> {
        let before = self.accepts.fetch_add(count, Ordering::Relaxed);
        let waiting = Waiting { accepts: self.accepts.clone(), count };
        if before >= most { Err(StoreError::Busy) } else { Ok(waiting) }
    }

    /// Puts a command at the end. Refused only when closed.
    pub(crate) fn push(&self, command: C, urgency: Urgency) -> Result<(), StoreError> {
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
            self.bell.ring();
        }
        Ok(())
    }

    /// Waits for work that is ripe, moves all of it to `into`, and says so. With `until`, only so long.
    pub(crate) fn take(&self, into: &mut VecDeque<C>, until: Option<Instant>) -> Next {
        let mut inner = self.lock();
        loop {
            let wake_at = match inner.look(into, until) {
                Look::Found(next) => return next,
                Look::Wait(wake_at) => wake_at,
            };
            inner = match wake_at {
                None => self.bell.thread.wait(inner).unwrap_or_else(PoisonError::into_inner),
                Some(at) => {
                    let wait =
                        self.bell.thread.wait_timeout(inner, at.saturating_duration_since(Instant::now()));
                    wait.unwrap_or_else(PoisonError::into_inner).0
                }
            };
            inner.is_parked = false;
        }
    }

    /// The same for a task. Dropped before it is ready, it has taken nothing.
    pub(crate) async fn taken(&self, into: &mut VecDeque<C>, until: Option<Instant>) -> Next {
        loop {
            let wake_at = match self.lock().look(into, until) {
                Look::Found(next) => return next,
                Look::Wait(wake_at) => wake_at,
            };
            // A bell that rang in between is kept.
            let rung = self.bell.task.notified();
            match wake_at {
                None => rung.await,
                Some(at) => drop(tokio::time::timeout_at(at.into(), rung).await),
            }
            self.lock().is_parked = false;
        }
    }

    /// Moves everything that waits to `into`, ripe or not.
    pub(crate) fn take_all(&self, into: &mut VecDeque<C>) {
        self.lock().hand_over(into);
    }

    /// From now on nothing is taken; `closer` hears when all is written.
    pub(crate) fn close(&self, closer: Option<Closer>) {
        let mut inner = self.lock();
        inner.is_closing = true;
        match closer {
            Some(closer) if inner.is_closed => drop(closer.send(Ok(()))),
            Some(closer) => inner.closers.push(closer),
            None => {}
        }
        drop(inner);
        self.bell.ring();
    }

    /// Whether nothing is taken any more.
    pub(crate) fn is_closing(&self) -> bool {
        self.lock().is_closing
    }

    /// Everything is written (or cannot be): tells those who wait for it. Answers commands that came too late.
    pub(crate) fn closed(&self, outcome: Result<(), StoreError>) -> VecDeque<C> {
        let mut inner = self.lock();
        (inner.is_closing, inner.is_closed) = (true, true);
        for closer in inner.closers.drain(..) {
            let _ = closer.send(outcome.clone());
        }
        std::mem::take(&mut inner.commands)
    }

    fn lock(&self) -> MutexGuard<'_, Inner<C>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> Inner<C> {
    fn look(&mut self, into: &mut VecDeque<C>, until: Option<Instant>) -> Look {
        let now = Instant::now();
        let ripe_at = self.since.map(|since| since + LINGER);
        let is_ripe = self.is_ripe() || self.is_closing || ripe_at.is_some_and(|at| at <= now);
        if !self.commands.is_empty() && is_ripe {
            self.hand_over(into);
            return Look::Found(Next::Work);
        }
        if until.is_some_and(|until| until <= now) {
            return Look::Found(Next::Time);
        }
        if self.is_closing && until.is_none() {
            return Look::Found(Next::Closing);
        }
        self.is_parked = true;
        Look::Wait([ripe_at, until].into_iter().flatten().min())
    }

    fn is_ripe(&self) -> bool {
        self.is_urgent || self.weight >= LINGER_WEIGHT
    }

    fn hand_over(&mut self, into: &mut VecDeque<C>) {
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
    use super::*;

    /// A command known by its weight.
    impl Queued for usize {
        fn weight(&self) -> usize {
            *self
        }
    }

    fn command(weight: usize) -> usize {
        weight
    }

    fn take(queue: &Queue<usize>, until: Instant) -> (Next, Vec<usize>) {
        let mut taken = VecDeque::new();
        let next = queue.take(&mut taken, Some(until));
        (next, taken.into())
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

    #[tokio::test]
    async fn the_bell_wakes_a_task_that_waits() {
        let queue = Arc::new(Queue::default());
        let far = Instant::now() + Duration::from_secs(60);
        for urgency in [Urgency::Now, Urgency::Lingers] {
            let waiting = queue.clone();
            let writer = tokio::spawn(async move {
                let mut taken = VecDeque::new();
                (waiting.taken(&mut taken, Some(far)).await, taken)
            });
            tokio::task::yield_now().await;
            queue.push(command(1), urgency).unwrap();
            assert_eq!(writer.await.unwrap(), (Next::Work, [1].into()));
        }
        let waiting = queue.clone();
        let writer = tokio::spawn(async move { waiting.taken(&mut VecDeque::new(), None).await });
        tokio::task::yield_now().await;
        queue.close(None);
        assert_eq!(writer.await.unwrap(), Next::Closing);
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
        let queue = Arc::new(Queue::<usize>::default());
        let first = queue.room(10, 10).unwrap();
        assert!(matches!(queue.room(1, 10), Err(StoreError::Busy)));
        drop(first);
        let large = queue.room(500, 10).unwrap();
        assert!(queue.room(1, 10).is_err());
        drop(large);
        assert!(queue.room(1, 10).is_ok());
    }
}
