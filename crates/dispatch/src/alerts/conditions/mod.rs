//! What textgate watches by itself: one state machine for all conditions.
//!
//! Where something happens (a breaker turns, a gateway says how it is, figures go to the store) a condition is *observed*: bad, good, or in
//! between. It is raised once it has been bad for as long as the settings say, and cleared once it has been good for as long; in between
//! it stays as it is. What is raised within two seconds is one alert for each virtual server and kind, so that a storm gives a summary.

mod book;
mod kind;
mod measure;
mod observe;
mod settle;

pub(crate) use book::{Key, Level};
pub(crate) use kind::Condition;

use book::Book;
use measure::Past;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use textgate_sms::{GatewayId, MessageId};

/// All conditions, as they are now.
#[derive(Default)]
pub(crate) struct Conditions {
    book: Mutex<Book>,
    /// How each gateway was before, to tell what is out of line.
    past: Mutex<HashMap<GatewayId, Past>>,
    /// Alerts whose reason is over, and that could not be closed yet.
    closing: Mutex<Vec<MessageId>>,
    /// Held while what is due is settled: what is cleared must not overtake what is being raised.
    settling: tokio::sync::Mutex<()>,
}

impl Conditions {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn closing(&self) -> MutexGuard<'_, Vec<MessageId>> {
        self.closing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn past(&self) -> MutexGuard<'_, HashMap<GatewayId, Past>> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An alert that nobody else sees to is about these conditions: they are raised. Answers those of which nothing was known.
    pub(crate) fn recover(&self, alert: MessageId, subjects: &[String]) -> Vec<Key> {
        let mut book = self.book();
        subjects
            .iter()
            .filter_map(|subject| Key::parse(subject))
            .filter(|key| book.recover(key.clone(), alert))
            .collect()
    }

    /// These are all the alerts that other nodes see to. Answers when to settle what follows.
    pub(crate) fn are_elsewhere(&self, alerts: &[(MessageId, Vec<String>)], now_ms: i64) -> Option<i64> {
        let subjects = alerts.iter().flat_map(|(_, subjects)| subjects);
        self.book().are_elsewhere(subjects.filter_map(|subject| Key::parse(subject)).collect(), now_ms)
    }
}
