//! What a form must not give back to the browser while it takes another step: kept under a random ticket, for some minutes and in memory only.
//! Name and password of a sign-in that wants a code; secrets of settings that had to be shown again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Most that are kept of a kind; beyond it, the oldest goes.
const MOST: usize = 1_000;

/// Name and password of somebody who has to enter a code now.
#[derive(Clone)]
pub(crate) struct First {
    pub(crate) name: String,
    pub(crate) password: String,
}

/// All of a kind that wait for their next step.
pub(crate) struct Pending<T> {
    waiting: Mutex<HashMap<String, (Instant, T)>>,
    longest: Duration,
}

impl<T> Pending<T> {
    /// None yet; each waits so long.
    pub(crate) fn new(longest: Duration) -> Self {
        Self { waiting: Mutex::default(), longest }
    }

    /// Keeps something. Answers its ticket; `None` where the system has no randomness.
    pub(crate) fn keep(&self, what: T) -> Option<String> {
        let mut random = [0u8; 32];
        getrandom::fill(&mut random).ok()?;
        let ticket: String = random.iter().map(|octet| format!("{octet:02x}")).collect();
        let mut all = self.lock();
        all.retain(|_, (since, _)| since.elapsed() < self.longest);
        if all.len() >= MOST {
            let oldest = all.iter().min_by_key(|(_, (since, _))| *since).map(|(ticket, _)| ticket.clone());
            oldest.and_then(|ticket| all.remove(&ticket));
        }
        all.insert(ticket.clone(), (Instant::now(), what));
        Some(ticket)
    }

    /// What is kept under this ticket, which is used up.
    pub(crate) fn take(&self, ticket: &str) -> Option<T> {
        let (since, what) = self.lock().remove(ticket)?;
        (since.elapsed() < self.longest).then_some(what)
    }

    /// What `of` makes of what is kept under this ticket, which stays good: a form may be sent again from the browser's history.
    pub(crate) fn look<U>(&self, ticket: &str, of: impl FnOnce(&T) -> Option<U>) -> Option<U> {
        let all = self.lock();
        let (since, what) = all.get(ticket)?;
        if since.elapsed() < self.longest { of(what) } else { None }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, (Instant, T)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_secs(300);

    fn first(name: &str) -> First {
        First { name: name.into(), password: "x".into() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_ticket_is_good_once_and_for_a_few_minutes() {
        let pending = Pending::new(LONGEST);
        let ticket = pending.keep(first("ada")).unwrap();
        assert_eq!(pending.take(&ticket).unwrap().name, "ada");
        assert!(pending.take(&ticket).is_none());
        let late = pending.keep(first("ada")).unwrap();
        tokio::time::advance(LONGEST).await;
        assert!(pending.take(&late).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_does_not_use_a_ticket_up() {
        let pending = Pending::new(LONGEST);
        let ticket = pending.keep(first("ada")).unwrap();
        for _ in 0..2 {
            assert_eq!(pending.look(&ticket, |first| Some(first.name.clone())).as_deref(), Some("ada"));
        }
        tokio::time::advance(LONGEST).await;
        assert!(pending.look(&ticket, |first| Some(first.name.clone())).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_are_kept_than_the_bound_and_the_oldest_goes_first() {
        let pending = Pending::new(LONGEST);
        let oldest = pending.keep(first("a")).unwrap();
        tokio::time::advance(Duration::from_millis(1)).await;
        let tickets: Vec<String> = (0..MOST).map(|_| pending.keep(first("b")).unwrap()).collect();
        assert_eq!(pending.lock().len(), MOST);
        assert!(pending.take(&oldest).is_none() && pending.take(&tickets[0]).is_some());
    }
}
