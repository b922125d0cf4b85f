//! The state machine of all conditions: which are raised, and which are about to be raised or cleared.

use super::Condition;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use textgate_sms::{MessageId, VsId};

/// What comes within this time is told together (ms).
pub(super) const GATHERED_MS: i64 = 2_000;

/// Where something is raised, what would be so soon after it is raised along (ms): a storm takes its time to be noticed.
const ALONG_MS: i64 = 5_000;

/// One condition of one thing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) kind: Condition,
    pub(crate) vs: VsId,
    /// Of what: a gateway's number, or whatever tells it apart within its virtual server.
    pub(crate) subject: String,
}

/// What was observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Bad,
    /// Neither so bad that it is raised nor so good that it is cleared.
    Between,
    Good,
}

/// A condition that is over, and the alerts that were about it.
pub(super) type Over = (Key, Vec<MessageId>);

/// What is known of the conditions that are not simply good.
#[derive(Default)]
pub(super) struct Book {
    entries: BTreeMap<Key, Entry>,
    /// Alerts that are about conditions which are raised.
    members: HashMap<MessageId, BTreeSet<Key>>,
    /// Conditions that another node has raised: they are not raised here besides, and it is for that node to clear them.
    elsewhere: BTreeSet<Key>,
    /// When what is due is settled next.
    alarm_ms: Option<i64>,
}

struct Entry {
    phase: Phase,
    about: String,
    alerts: Vec<MessageId>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Bad, and raised if it still is then.
    Rising {
        due_ms: i64,
    },
    Raised,
    /// Good, and cleared if it still is then.
    Falling {
        due_ms: i64,
    },
}

// === impl Key ===

impl Key {
    /// As it stands in an alert's record.
    pub(super) fn to_text(&self) -> String {
        format!("{} {} {}", self.kind.name(), self.vs, self.subject)
    }

    /// The reverse of [`to_text`](Self::to_text).
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(' ')?;
        let (vs, subject) = rest.split_once(' ')?;
        let (kind, vs) = (Condition::from_name(kind)?, VsId(vs.parse().ok()?));
        Some(Self { kind, vs, subject: subject.to_owned() })
    }
}

// === impl Book ===

impl Book {
    /// Notes what was observed. Answers when to settle what is due, where that is earlier than planned.
    pub(super) fn observe(
        &mut self,
        key: Key,
        level: Level,
        about: impl FnOnce() -> String,
        now_ms: i64,
        hold_ms: i64,
    ) -> Option<i64> {
        let due_ms = now_ms + hold_ms;
        match (self.entries.get_mut(&key), level) {
            (None, Level::Bad) => {
                let entry = Entry { phase: Phase::Rising { due_ms }, about: about(), alerts: Vec::new() };
                self.entries.insert(key, entry);
            }
            (None, _) => return None,
            (Some(entry), level) => match (entry.phase, level) {
                (Phase::Rising { .. }, Level::Good | Level::Between) => {
                    self.entries.remove(&key);
                    return None;
                }
                (Phase::Raised, Level::Good) => entry.phase = Phase::Falling { due_ms },
                (Phase::Falling { .. }, Level::Bad | Level::Between) => {
                    entry.phase = Phase::Raised;
                    return None;
                }
                _ => return None,
            },
        }
        self.plan(due_ms + GATHERED_MS)
    }

    fn plan(&mut self, at_ms: i64) -> Option<i64> {
        if self.alarm_ms.is_some_and(|planned| planned <= at_ms) {
            return None;
        }
        self.alarm_ms = Some(at_ms);
        Some(at_ms)
    }

    /// Those that are to be raised now, each with what it is about, and those that are to be cleared. Each is told once.
    pub(super) fn due(&mut self, now_ms: i64) -> (Vec<(Key, String)>, Vec<Over>) {
        let (mut raised, mut cleared) = (Vec::new(), Vec::new());
        let is_rising = |entry: &Entry| matches!(entry.phase, Phase::Rising { due_ms } if due_ms <= now_ms);
        let along_ms = if self.entries.values().any(is_rising) { ALONG_MS } else { 0 };
        for (key, entry) in &mut self.entries {
            match entry.phase {
                Phase::Rising { due_ms } if due_ms <= now_ms + along_ms => {
                    entry.phase = Phase::Raised;
                    if !self.elsewhere.contains(key) {
                        raised.push((key.clone(), entry.about.clone()));
                    }
                }
                Phase::Falling { due_ms } if due_ms <= now_ms => cleared.push(key.clone()),
                _ => {}
            }
        }
        let over = |book: &mut Self, key: &Key| book.entries.remove(key).map(|entry| entry.alerts);
        let cleared =
            cleared.into_iter().filter_map(|key| over(self, &key).map(|alerts| (key, alerts))).collect();
        (raised, cleared)
    }

    /// When what is left is due. Call it after [`due`](Self::due).
    pub(super) fn next(&mut self) -> Option<i64> {
        self.alarm_ms = None;
        let due = self.entries.values().filter_map(|entry| match entry.phase {
            Phase::Rising { due_ms } | Phase::Falling { due_ms } => Some(due_ms),
            Phase::Raised => None,
        });
        due.min().and_then(|due_ms| self.plan(due_ms + GATHERED_MS))
    }

    /// Raised conditions are what this alert is about.
    pub(super) fn told(&mut self, keys: &[Key], alert: MessageId) {
        for key in keys {
            // One that is good again by now is falling, and its alert is closed when it has fallen.
            if let Some(entry) = self.entries.get_mut(key) {
                entry.alerts.push(alert);
                self.members.entry(alert).or_default().insert(key.clone());
            }
        }
    }

    /// The alert could not be stored: it is tried again then.
    pub(super) fn not_told(&mut self, keys: &[Key], again_ms: i64) {
        for key in keys {
            if let Some(entry) = self.entries.get_mut(key).filter(|entry| entry.alerts.is_empty()) {
                entry.phase = Phase::Rising { due_ms: again_ms };
            }
        }
    }

    /// One condition of these alerts was cleared. Answers those of which none is left.
    pub(super) fn over(&mut self, key: &Key, alerts: Vec<MessageId>) -> Vec<MessageId> {
        let mut over = Vec::new();
        for alert in alerts {
            let Some(left) = self.members.get_mut(&alert) else { continue };
            left.remove(key);
            if left.is_empty() {
                self.members.remove(&alert);
                over.push(alert);
            }
        }
        over
    }

    /// An alert that nobody else sees to is about this condition. Answers whether nothing was known of it.
    pub(super) fn recover(&mut self, key: Key, alert: MessageId) -> bool {
        let is_new = !self.entries.contains_key(&key);
        let entry = self.entries.entry(key.clone()).or_insert_with(|| Entry {
            phase: Phase::Raised,
            about: String::new(),
            alerts: Vec::new(),
        });
        if !entry.alerts.contains(&alert) {
            entry.alerts.push(alert);
        }
        if let Phase::Rising { .. } = entry.phase {
            entry.phase = Phase::Raised;
        }
        self.members.entry(alert).or_default().insert(key);
        is_new
    }

    /// These conditions are raised on other nodes. One that was and is no more, and holds here, is raised here. Answers when to settle
    /// that.
    pub(super) fn are_elsewhere(&mut self, keys: BTreeSet<Key>, now_ms: i64) -> Option<i64> {
        let before = std::mem::replace(&mut self.elsewhere, keys);
        let mut is_any = false;
        for key in before.difference(&self.elsewhere) {
            if let Some(entry) = self.entries.get_mut(key)
                && entry.phase == Phase::Raised
                && entry.alerts.is_empty()
            {
                entry.phase = Phase::Rising { due_ms: now_ms };
                is_any = true;
            }
        }
        is_any.then(|| self.plan(now_ms + GATHERED_MS)).flatten()
    }

    /// All conditions that are not simply good.
    pub(super) fn keys(&self) -> Vec<Key> {
        self.entries.keys().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLD: i64 = 15_000;

    fn key(n: u32) -> Key {
        Key { kind: Condition::GatewayDown, vs: VsId(n), subject: n.to_string() }
    }

    fn see(book: &mut Book, n: u32, level: Level, now_ms: i64) -> Option<i64> {
        book.observe(key(n), level, || format!("gateway {n}"), now_ms, HOLD)
    }

    fn counts(book: &mut Book, now_ms: i64) -> (usize, usize) {
        let (raised, cleared) = book.due(now_ms);
        (raised.len(), cleared.len())
    }

    #[test]
    fn what_holds_is_raised_once_and_what_is_over_is_cleared_once() {
        let mut book = Book::default();
        assert_eq!(see(&mut book, 1, Level::Bad, 0), Some(HOLD + GATHERED_MS));
        for now_ms in [5, 10_000, 16_000] {
            assert_eq!(see(&mut book, 1, Level::Bad, now_ms), None);
        }
        assert_eq!(counts(&mut book, HOLD - 1), (0, 0));
        assert_eq!(counts(&mut book, HOLD), (1, 0));
        assert_eq!(counts(&mut book, 99_000), (0, 0));
        book.told(&[key(1)], MessageId::from_u64(7));
        assert_eq!(book.next(), None);
        assert!(see(&mut book, 1, Level::Good, 100_000).is_some());
        let (raised, mut cleared) = book.due(100_000 + HOLD);
        assert_eq!((raised.len(), cleared.len()), (0, 1));
        let (key, alerts) = cleared.remove(0);
        assert_eq!(book.over(&key, alerts), [MessageId::from_u64(7)]);
        assert_eq!(counts(&mut book, 999_000), (0, 0));
    }

    #[test]
    fn what_comes_and_goes_within_the_hold_raises_and_clears_nothing() {
        let mut book = Book::default();
        for n in 0..10 {
            see(&mut book, 1, Level::Bad, n * 1_000);
            see(&mut book, 1, Level::Good, n * 1_000 + 500);
        }
        assert_eq!(counts(&mut book, 99_000), (0, 0));
        see(&mut book, 1, Level::Bad, 100_000);
        assert_eq!(counts(&mut book, 100_000 + HOLD), (1, 0));
        for n in 0..10 {
            see(&mut book, 1, Level::Good, 200_000 + n * 1_000);
            see(&mut book, 1, if n % 2 == 0 { Level::Bad } else { Level::Between }, 200_500 + n * 1_000);
        }
        assert_eq!(counts(&mut book, 300_000), (0, 0));
    }

    #[test]
    fn in_between_nothing_changes() {
        let mut book = Book::default();
        assert_eq!(see(&mut book, 1, Level::Between, 0), None);
        see(&mut book, 1, Level::Bad, 0);
        assert_eq!(counts(&mut book, HOLD), (1, 0));
        see(&mut book, 1, Level::Between, 50_000);
        assert_eq!(counts(&mut book, 99_000), (0, 0));
    }

    #[test]
    fn a_storm_is_due_at_once_and_its_alert_is_over_with_its_last() {
        let mut book = Book::default();
        let mut alarms = 0;
        for n in 0..1_000 {
            alarms += usize::from(see(&mut book, n, Level::Bad, i64::from(n)).is_some());
        }
        assert_eq!(alarms, 1, "one sweep for all");
        let (raised, _) = book.due(HOLD + GATHERED_MS);
        assert_eq!(raised.len(), 1_000);
        let keys: Vec<Key> = raised.into_iter().map(|(key, _)| key).collect();
        let alert = MessageId::from_u64(7);
        book.told(&keys, alert);
        for n in 0..1_000 {
            see(&mut book, n, Level::Good, 100_000);
        }
        let (_, cleared) = book.due(200_000);
        let over: Vec<MessageId> =
            cleared.into_iter().flat_map(|(key, alerts)| book.over(&key, alerts)).collect();
        assert_eq!(over, [alert]);
    }

    #[test]
    fn what_could_not_be_stored_is_tried_again() {
        let mut book = Book::default();
        see(&mut book, 1, Level::Bad, 0);
        assert_eq!(counts(&mut book, HOLD), (1, 0));
        book.not_told(&[key(1)], 50_000);
        assert_eq!(book.next(), Some(50_000 + GATHERED_MS));
        assert_eq!(counts(&mut book, 49_999), (0, 0));
        assert_eq!(counts(&mut book, 50_000), (1, 0));
    }

    #[test]
    fn what_was_raised_before_a_start_is_not_raised_again_and_can_be_cleared() {
        let mut book = Book::default();
        let text = key(3).to_text();
        book.recover(Key::parse(&text).unwrap(), MessageId::from_u64(9));
        see(&mut book, 3, Level::Bad, 0);
        assert_eq!(counts(&mut book, 99_000), (0, 0));
        see(&mut book, 3, Level::Good, 100_000);
        let (_, cleared) = book.due(200_000);
        assert_eq!(cleared, [(key(3), vec![MessageId::from_u64(9)])]);
    }

    #[test]
    fn what_another_node_has_raised_is_raised_here_only_once_it_does_not_see_to_it_any_more() {
        let mut book = Book::default();
        assert_eq!(book.are_elsewhere([key(1)].into(), 0), None);
        see(&mut book, 1, Level::Bad, 0);
        see(&mut book, 2, Level::Bad, 0);
        let (raised, _) = book.due(HOLD);
        assert_eq!(raised.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), [key(2)]);
        book.told(&[key(2)], MessageId::from_u64(7));
        assert_eq!(book.next(), None);
        // The other clears it, though it holds here.
        assert_eq!(book.are_elsewhere(BTreeSet::new(), 50_000), Some(50_000 + GATHERED_MS));
        let (raised, _) = book.due(50_000 + GATHERED_MS);
        assert_eq!(raised.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), [key(1)]);
        // What was good here meanwhile is not.
        book.are_elsewhere([key(3)].into(), 60_000);
        see(&mut book, 3, Level::Bad, 60_000);
        assert_eq!(counts(&mut book, 60_000 + HOLD), (0, 0));
        see(&mut book, 3, Level::Good, 90_000);
        assert_eq!(book.are_elsewhere(BTreeSet::new(), 95_000), None);
    }

    #[test]
    fn what_a_node_that_is_gone_has_raised_is_cleared_here() {
        let mut book = Book::default();
        let alert = MessageId::from_u64(9);
        book.are_elsewhere([key(1)].into(), 0);
        see(&mut book, 1, Level::Bad, 0);
        assert!(!book.recover(key(1), alert), "it is known here");
        assert!(book.recover(key(2), alert));
        assert!(!book.recover(key(2), alert), "however often it is found");
        book.are_elsewhere(BTreeSet::new(), 1);
        assert_eq!(counts(&mut book, HOLD), (0, 0));
        for n in [1, 2] {
            see(&mut book, n, Level::Good, 50_000);
        }
        let (_, cleared) = book.due(99_000);
        let over: Vec<MessageId> =
            cleared.into_iter().flat_map(|(key, alerts)| book.over(&key, alerts)).collect();
        assert_eq!(over, [alert]);
    }
}
