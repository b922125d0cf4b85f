//! Sign-ins between their first and their second step: name and password, under a random ticket, for a few minutes and in memory only, so
//! that the password need not go back to the browser to be sent again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long a second step may take.
const LONGEST: Duration = Duration::from_secs(300);
/// Most that are kept; beyond it, the oldest goes.
const MOST: usize = 1_000;

/// Name and password of somebody who has to enter a code now.
#[derive(Clone)]
pub(crate) struct First {
    pub(crate) name: String,
    pub(crate) password: String,
}

/// All that wait for their second step.
#[derive(Default)]
pub(crate) struct Pending(Mutex<HashMap<String, (Instant, First)>>);

impl Pending {
    /// Keeps a first step. Answers its ticket; `None` where the system has no randomness.
    pub(crate) fn keep(&self, first: First) -> Option<String> {
        let mut random = [0u8; 32];
        getrandom::fill(&mut random).ok()?;
        let ticket: String = random.iter().map(|octet| format!("{octet:02x}")).collect();
        let mut all = self.lock();
        all.retain(|_, (since, _)| since.elapsed() < LONGEST);
        if all.len() >= MOST {
            let oldest = all.iter().min_by_key(|(_, (since, _))| *since).map(|(ticket, _)| ticket.clone());
            oldest.and_then(|ticket| all.remove(&ticket));
        }
        all.insert(ticket.clone(), (Instant::now(), first));
        Some(ticket)
    }

    /// The first step of this ticket, which is used up.
    pub(crate) fn take(&self, ticket: &str) -> Option<First> {
        let (since, first) = self.lock().remove(ticket)?;
        (since.elapsed() < LONGEST).then_some(first)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, (Instant, First)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(name: &str) -> First {
        First { name: name.into(), password: "x".into() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_ticket_is_good_once_and_for_a_few_minutes() {
        let pending = Pending::default();
        let ticket = pending.keep(first("ada")).unwrap();
        assert_eq!(pending.take(&ticket).unwrap().name, "ada");
        assert!(pending.take(&ticket).is_none());
        let late = pending.keep(first("ada")).unwrap();
        tokio::time::advance(LONGEST).await;
        assert!(pending.take(&late).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_are_kept_than_the_bound_and_the_oldest_goes_first() {
        let pending = Pending::default();
        let oldest = pending.keep(first("a")).unwrap();
        tokio::time::advance(Duration::from_millis(1)).await;
        let tickets: Vec<String> = (0..MOST).map(|_| pending.keep(first("b")).unwrap()).collect();
        assert_eq!(pending.lock().len(), MOST);
        assert!(pending.take(&oldest).is_none() && pending.take(&tickets[0]).is_some());
    }
}
