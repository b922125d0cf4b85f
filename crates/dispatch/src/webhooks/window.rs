//! The oldest events that one endpoint is owed, and which of them may be tried now. Pure: time comes in.
//!
//! An event waits for those of the same message before it. One that fails waits by itself, and holds up nobody else's; where several
//! fail one after the other, the endpoint is down, and only its oldest event is tried, now and then, until one gets through. Then
//! all are tried at once.

use super::WebhookLimits;
use super::pause::pause;
use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};
use textgate_store::OwedEvent;

/// Most events in memory for one endpoint; what else it is owed stays in the store.
pub(super) const MOST: usize = 1_000;
/// So many attempts in vain, one after the other, mean that the endpoint is down.
const DOWN: u32 = 8;

struct Waiting {
    event: OwedEvent,
    /// It is being tried.
    is_flying: bool,
    /// Not before this.
    retry_at: Option<Instant>,
}

/// The events in memory.
pub(super) struct Window {
    events: BTreeMap<u64, Waiting>,
    flying: usize,
    /// Attempts in vain since the last that was not.
    failures: u32,
    /// While it is down: not before this.
    down_until: Option<Instant>,
    /// The store may have more behind this event.
    read_to: u64,
    has_more: bool,
}

/// What may be done now.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    /// Try this event.
    Try(OwedEvent),
    /// Nothing before this time; `None`: before something happens.
    Wait(Option<Instant>),
}

impl Window {
    pub(super) fn new() -> Self {
        Self { events: BTreeMap::new(), flying: 0, failures: 0, down_until: None, read_to: 0, has_more: true }
    }

    /// There may be more in the store than was read.
    pub(super) fn more(&mut self) {
        self.has_more = true;
    }

    /// Somebody has seen to it: there may be more in the store, before what was read as well, and all is tried now, whatever failed before.
    pub(super) fn again(&mut self) {
        (self.read_to, self.has_more) = (0, true);
        self.down_until = None;
        self.events.values_mut().for_each(|waiting| waiting.retry_at = None);
    }

    /// After which event to read on, and how many; `None` where there is enough here, or no more there.
    pub(super) fn wants(&self) -> Option<(u64, usize)> {
        let room = MOST.saturating_sub(self.events.len());
        (self.has_more && room >= MOST / 2).then_some((self.read_to, room))
    }

    /// Takes what was read, where so many were asked for.
    pub(super) fn add(&mut self, events: Vec<OwedEvent>, asked: usize) {
        self.has_more = events.len() >= asked;
        for event in events {
            self.read_to = self.read_to.max(event.id);
            let waiting = Waiting { event, is_flying: false, retry_at: None };
            self.events.entry(event.id).or_insert(waiting);
        }
    }

    /// What may be done at this time.
    pub(super) fn next(&mut self, now: Instant, at_once: usize) -> Next {
        let is_down = self.failures >= DOWN;
        if self.flying >= if is_down { 1 } else { at_once.max(1) } {
            return Next::Wait(None);
        }
        if let Some(until) = self.down_until.filter(|until| is_down && *until > now) {
            return Next::Wait((!self.events.is_empty()).then_some(until));
        }
        let mut before = HashSet::new();
        let mut first = None;
        for waiting in self.events.values_mut() {
            let is_first_of_message = before.insert(waiting.event.subject);
            if waiting.is_flying || !is_first_of_message {
                continue;
            }
            match waiting.retry_at.filter(|at| !is_down && *at > now) {
                Some(at) => first = Some(first.map_or(at, |first: Instant| first.min(at))),
                None => {
                    waiting.is_flying = true;
                    self.flying += 1;
                    return Next::Try(waiting.event);
                }
            }
        }
        Next::Wait(first)
    }

    /// The endpoint has this event, or it is given up: it is owed no more.
    pub(super) fn done(&mut self, id: u64, is_delivered: bool) {
        if self.events.remove(&id).is_some_and(|waiting| waiting.is_flying) {
            self.flying -= 1;
        }
        if !is_delivered {
            self.failures = self.failures.saturating_add(1);
            return;
        }
        if std::mem::take(&mut self.failures) >= DOWN {
            // It is well again, and what failed for that reason need not wait.
            self.events.values_mut().for_each(|waiting| waiting.retry_at = None);
        }
        self.down_until = None;
    }

    /// This event was tried in vain.
    pub(super) fn failed(&mut self, id: u64, now: Instant, wanted: Option<Duration>, limits: &WebhookLimits) {
        self.failures = self.failures.saturating_add(1);
        if let Some(waiting) = self.events.get_mut(&id) {
            self.flying -= usize::from(std::mem::take(&mut waiting.is_flying));
            waiting.event.attempts = waiting.event.attempts.saturating_add(1);
            let own = pause(limits, waiting.event.attempts, id);
            waiting.retry_at = Some(now + wanted.map_or(own, |wanted| wanted.max(limits.first_pause)));
        }
        if self.failures >= DOWN {
            let own = pause(limits, self.failures - DOWN + 1, id);
            self.down_until = Some(now + wanted.map_or(own, |wanted| wanted.max(limits.first_pause)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use textgate_store::WebhookKind;

    fn event(id: u64, subject: u64) -> OwedEvent {
        OwedEvent { id, kind: WebhookKind::Sent, subject, at_ms: 0, attempts: 0 }
    }

    fn window(events: &[(u64, u64)]) -> Window {
        let mut window = Window::new();
        window.add(events.iter().map(|(id, subject)| event(*id, *subject)).collect(), MOST);
        window
    }

    /// The events that may be tried now, in order.
    fn tried(window: &mut Window, now: Instant, at_once: usize) -> Vec<u64> {
        let mut tried = Vec::new();
        while let Next::Try(event) = window.next(now, at_once) {
            tried.push(event.id);
        }
        tried
    }

    #[test]
    fn an_event_waits_for_those_of_its_message_before_it() {
        let now = Instant::now();
        let mut window = window(&[(1, 7), (2, 8), (3, 7), (4, 9), (5, 8)]);
        assert_eq!(tried(&mut window, now, 9), [1, 2, 4]);
        window.done(2, true);
        assert_eq!(tried(&mut window, now, 9), [5]);
        window.failed(1, now, None, &WebhookLimits::default());
        assert!(tried(&mut window, now, 9).is_empty(), "what comes after one that failed waits with it");
        let Next::Wait(Some(at)) = window.next(now, 9) else { panic!("it is tried again") };
        assert_eq!(tried(&mut window, at, 9), [1]);
        window.done(1, true);
        assert_eq!(tried(&mut window, at, 9), [3]);
    }

    #[test]
    fn so_many_are_tried_at_once_and_no_more() {
        let mut window = window(&[(1, 1), (2, 2), (3, 3)]);
        let now = Instant::now();
        assert_eq!(tried(&mut window, now, 2), [1, 2]);
        window.done(1, true);
        assert_eq!(tried(&mut window, now, 2), [3]);
    }

    #[test]
    fn one_that_always_fails_holds_up_nobody_else() {
        let limits = WebhookLimits::default();
        let now = Instant::now();
        let mut window = window(&[(1, 1)]);
        for id in 2..30 {
            window.add(vec![event(id, id)], MOST);
            for tried in tried(&mut window, now, 9) {
                if tried == 1 { window.failed(1, now, None, &limits) } else { window.done(tried, true) }
            }
        }
        assert_eq!(window.events.len(), 1);
        assert_eq!(window.events[&1].event.attempts, 1, "it is tried again in its time, and not before");
    }

    #[test]
    fn an_endpoint_that_is_down_is_asked_with_one_event_and_gets_all_when_it_is_back() {
        let limits = WebhookLimits::default();
        let mut now = Instant::now();
        let mut window = window(&(1..=20).map(|id| (id, id)).collect::<Vec<_>>());
        let first = tried(&mut window, now, 8);
        assert_eq!(first.len(), 8);
        first.into_iter().for_each(|id| window.failed(id, now, None, &limits));
        let mut pauses = Vec::new();
        for _ in 0..12 {
            let Next::Wait(Some(at)) = window.next(now, 8) else { panic!("it is paused") };
            pauses.push(at - now);
            now = at;
            assert_eq!(tried(&mut window, now, 8), [1], "only the oldest");
            window.failed(1, now, None, &limits);
        }
        assert!(
            pauses.is_sorted_by(|a, b| a <= b) && pauses[11] > Duration::from_secs(3 * 3600),
            "{pauses:?}"
        );
        now += limits.longest_pause;
        assert_eq!(tried(&mut window, now, 8), [1]);
        window.done(1, true);
        assert_eq!(tried(&mut window, now, 8), [2, 3, 4, 5, 6, 7, 8, 9], "at once, in order");
    }

    #[test]
    fn an_endpoint_may_say_when_to_come_again() {
        let limits = WebhookLimits::default();
        let now = Instant::now();
        let mut window = window(&[(1, 1)]);
        assert_eq!(tried(&mut window, now, 1), [1]);
        window.failed(1, now, Some(Duration::from_secs(600)), &limits);
        assert_eq!(window.next(now, 1), Next::Wait(Some(now + Duration::from_secs(600))));
    }

    #[test]
    fn once_somebody_has_seen_to_it_nothing_waits_for_its_pause() {
        let limits = WebhookLimits::default();
        let now = Instant::now();
        let mut one = window(&[(1, 1), (2, 1)]);
        assert_eq!(tried(&mut one, now, 4), [1]);
        one.failed(1, now, None, &limits);
        one.again();
        assert_eq!(tried(&mut one, now, 4), [1]);
        let mut down = window(&(1..=20).map(|id| (id, id)).collect::<Vec<_>>());
        for id in tried(&mut down, now, 8) {
            down.failed(id, now, None, &limits);
        }
        assert!(tried(&mut down, now, 8).is_empty());
        down.again();
        assert_eq!(tried(&mut down, now, 8), [1], "one asks whether it is back");
    }

    #[test]
    fn memory_is_bounded_and_the_rest_is_read_later() {
        let mut window = Window::new();
        let mut asked = 0;
        while let Some((after, room)) = window.wants() {
            assert!(room <= MOST);
            window.add((after + 1..=after + room as u64).map(|id| event(id, id)).collect(), room);
            asked += 1;
        }
        assert_eq!((asked, window.events.len()), (1, MOST));
        let now = Instant::now();
        while let Some(id) = tried(&mut window, now, 1).first() {
            window.done(*id, true);
            if window.wants().is_some() {
                break;
            }
        }
        assert_eq!(window.wants(), Some((MOST as u64, MOST / 2)));
        window.again();
        assert_eq!(window.wants(), Some((0, MOST / 2)), "from the beginning");
        window.add(vec![event(MOST as u64, 1)], 10);
        assert_eq!(window.events.len(), MOST / 2, "what is here is not here twice");
        assert_eq!(window.wants(), None, "that was all");
    }
}
