//! A history as it happens.

use super::check::{Model, Operation};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Instant;

/// Histories of many things that do not concern each other, by their names.
pub struct Recorder<M: Model> {
    began: Instant,
    all: Mutex<BTreeMap<String, Vec<Operation<M>>>>,
}

impl<M: Model> Recorder<M> {
    /// Nothing yet.
    pub fn new() -> Self {
        Self { began: Instant::now(), all: Mutex::default() }
    }

    /// Makes a call and notes when it began and when its answer came. One without an answer has no end.
    pub async fn note(&self, of: &str, call: M::Call, ask: impl Future<Output = Option<M::Answer>>) {
        let begin = self.now();
        let answer = ask.await;
        let end = if answer.is_some() { self.now() } else { u64::MAX };
        let operation = Operation { call, answer, begin, end };
        self.all.lock().unwrap().entry(of.to_owned()).or_default().push(operation);
    }

    fn now(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    /// What was noted.
    pub fn take(self) -> BTreeMap<String, Vec<Operation<M>>> {
        self.all.into_inner().unwrap()
    }
}
