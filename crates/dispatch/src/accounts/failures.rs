//! Failed sign-ins on their way to the audit log: the first at once, more of them as one entry a minute, so that whoever guesses
//! cannot fill the log. All unknown names count as one, and none is repeated: it may be a password typed into the wrong field.

use crate::people::actor;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use textgate_sms::VsId;
use textgate_store::AuditNote;

/// Between two entries about one user.
const EACH: Duration = Duration::from_secs(60);

/// What was counted and not written; `None` stands for all names that no user has.
#[derive(Default)]
pub(crate) struct Failures(Mutex<HashMap<Option<u32>, Counted>>);

struct Counted {
    who: Who,
    count: u64,
    last: IpAddr,
    written: Instant,
}

/// Who failed.
#[derive(Clone)]
pub(crate) struct Who {
    pub(crate) name: Option<String>,
    pub(crate) vs: VsId,
}

impl Failures {
    /// Counts one. Answers what is to be written now.
    pub(crate) fn count(
        &self,
        user: Option<u32>,
        who: Who,
        from: IpAddr,
        (now, now_ms): (Instant, i64),
    ) -> Option<AuditNote> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get_mut(&user) {
            Some(counted) if now < counted.written + EACH => {
                (counted.who, counted.last) = (who, from);
                counted.count += 1;
                None
            }
            before => {
                let count = before.map_or(0, |before| before.count) + 1;
                let counted = Counted { who, count, last: from, written: now };
                let note = counted.note(now_ms);
                all.insert(user, Counted { count: 0, ..counted });
                Some(note)
            }
        }
    }

    /// What was only counted and is due, or all of it; what was told is forgotten.
    pub(crate) fn due(&self, (now, now_ms): (Instant, i64), all_of_it: bool) -> Vec<AuditNote> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut notes = Vec::new();
        all.retain(|_, counted| {
            if !all_of_it && now < counted.written + EACH {
                return true;
            }
            if counted.count == 0 {
                return false;
            }
            notes.push(counted.note(now_ms));
            (counted.count, counted.written) = (0, now);
            true
        });
        notes
    }
}

impl Counted {
    fn note(&self, at_ms: i64) -> AuditNote {
        let Self { who, count, last, .. } = self;
        let of = if who.name.is_some() { "" } else { " of an unknown name" };
        let action = match count {
            1 => format!("failed sign-in{of} from {last}"),
            count => format!("{count} failed sign-ins{of}, the last from {last}"),
        };
        let actor = who.name.as_deref().map_or_else(|| "unknown".to_owned(), actor);
        AuditNote { at_ms, actor, vs: who.vs, action }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_failures_are_one_entry_a_minute() {
        let (failures, start) = (Failures::default(), Instant::now());
        let from = IpAddr::from([192, 0, 2, 1]);
        let who = || Who { name: Some("ada".into()), vs: VsId(2) };
        let fail = |s: u64| failures.count(Some(7), who(), from, (start + Duration::from_secs(s), 0));
        let first = fail(0).unwrap();
        assert_eq!((first.actor.as_str(), first.vs), ("user ada", VsId(2)));
        assert_eq!(first.action, "failed sign-in from 192.0.2.1");
        assert!((1..50).all(|s| fail(s).is_none()));
        let due = |s: u64, all| failures.due((start + Duration::from_secs(s), 0), all);
        assert!(due(59, false).is_empty());
        let told = due(60, false);
        assert_eq!(told[0].action, "49 failed sign-ins, the last from 192.0.2.1");
        assert!(due(120, false).is_empty() && failures.0.lock().unwrap().is_empty());
        assert!(fail(121).is_some() && fail(122).is_none());
        assert_eq!(due(122, true).len(), 1, "nothing is lost at the end");
    }

    #[test]
    fn unknown_names_are_one_and_none_is_repeated() {
        let (failures, now) = (Failures::default(), Instant::now());
        let who = || Who { name: None, vs: VsId::ROOT };
        let from = IpAddr::from([192, 0, 2, 1]);
        let note = failures.count(None, who(), from, (now, 0)).unwrap();
        assert_eq!(
            (note.actor.as_str(), note.action.as_str()),
            ("unknown", "failed sign-in of an unknown name from 192.0.2.1")
        );
        assert!((0..1_000).all(|_| failures.count(None, who(), from, (now, 0)).is_none()));
    }
}
