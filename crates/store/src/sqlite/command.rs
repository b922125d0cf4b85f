//! One operation on its way through the writer: what it does, and who hears of it.

use super::session::Session;
use crate::StoreError;
use crate::queue::{Queued, Waiting};
use tokio::sync::oneshot;

/// Why an operation was not applied.
#[derive(Debug)]
pub(super) enum Failure {
    /// It does not fit what is there. Nothing of it was written; the others in its transaction are not concerned.
    Refused(StoreError),
    /// SQLite says no: the whole transaction is in doubt.
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

/// What the writer knows of an operation.
pub(super) trait Command: Send {
    /// How many messages, outcomes or receipts it is about.
    fn weight(&self) -> usize;
    /// Whether it is kept and tried again until the disk takes it.
    fn is_kept(&self) -> bool;
    /// Whether it is applied by itself, between two transactions.
    fn is_apart(&self) -> bool {
        false
    }
    /// Applies it inside the open transaction. May be called again after the transaction failed.
    fn apply(&mut self, session: &mut Session<'_>) -> Result<(), rusqlite::Error>;
    /// Refuses it, whatever `apply` said.
    fn refuse(&mut self, error: StoreError);
    /// Tells its caller what `apply` found, or what it was refused with. A caller who went away is none.
    fn answer(self: Box<Self>);
}

/// What waits for the writer.
pub(super) type Queue = crate::queue::Queue<Box<dyn Command>>;

impl Queued for Box<dyn Command> {
    fn weight(&self) -> usize {
        (**self).weight()
    }
}

/// A function that applies an operation.
pub(super) type Work<I, T> = fn(&mut Session<'_>, &I) -> Result<T, Failure>;

/// An operation with its input and the way back to its caller.
pub(super) struct Task<I, T> {
    pub(super) input: I,
    pub(super) work: Work<I, T>,
    pub(super) weight: usize,
    pub(super) is_kept: bool,
    pub(super) waiting: Option<Waiting>,
    pub(super) outcome: Result<T, StoreError>,
    pub(super) reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<I: Send, T: Send> Command for Task<I, T> {
    fn weight(&self) -> usize {
        self.weight
    }

    fn is_kept(&self) -> bool {
        self.is_kept
    }

    fn apply(&mut self, session: &mut Session<'_>) -> Result<(), rusqlite::Error> {
        self.outcome = match (self.work)(session, &self.input) {
            Ok(done) => Ok(done),
            Err(Failure::Refused(error)) => Err(error),
            Err(Failure::Sql(error)) => return Err(error),
        };
        Ok(())
    }

    fn refuse(&mut self, error: StoreError) {
        self.outcome = Err(error);
    }

    fn answer(self: Box<Self>) {
        let task = *self;
        // Room first: the caller may come again at once.
        drop(task.waiting);
        let _ = task.reply.send(task.outcome);
    }
}
