//! One operation on its way through the writer: what it needs, what it does, and who hears of it.
//!
//! An operation goes one of two ways. In **bulk**, many share a transaction of few statements: it says what it
//! [needs](Needs) to know, everything is read at once, it is applied in memory, and everything is written at once. **By itself**
//! it speaks to the database in statements of its own, for what happens seldom.

use super::connect::{Conn, words};
use super::load::Needs;
use super::unit::Unit;
use crate::StoreError;
use crate::queue::{Queued, Waiting};
use futures_util::future::BoxFuture;
use textgate_sms::MessageId;
use tokio::sync::oneshot;
use tokio_postgres::error::SqlState;

/// Why an operation was not applied.
#[derive(Debug)]
pub(super) enum Failure {
    /// It does not fit what is there. The others in its transaction are not concerned.
    Refused(StoreError),
    /// The database says no.
    Sql(tokio_postgres::Error),
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Sql(error)
    }
}

/// How an operation in bulk is applied in memory.
pub(super) type Apply<I, T> = fn(&mut Unit, &I) -> Result<T, StoreError>;
/// How an operation speaks to the database by itself.
pub(super) type Speak<I, T> = for<'a> fn(&'a Conn, &'a I) -> BoxFuture<'a, Result<T, Failure>>;

/// Which way an operation goes.
pub(super) enum Way<I, T> {
    /// With others.
    Bulk {
        /// Says what it has to know.
        needs: fn(&I, &mut Needs),
        /// Applies it.
        apply: Apply<I, T>,
    },
    /// Alone, or one after the other with its like.
    Alone(Speak<I, T>),
}

/// What the writer knows of an operation.
pub(super) trait Command: Send {
    /// How many messages, outcomes or receipts it is about.
    fn weight(&self) -> usize;
    /// Whether it is kept and tried again until the database takes it.
    fn is_kept(&self) -> bool;
    /// Whether it goes with others.
    fn is_bulk(&self) -> bool;
    /// Says what it has to know, in bulk.
    fn needs(&self, needs: &mut Needs);
    /// Applies it, in bulk. May be called again after the transaction failed.
    fn apply(&mut self, unit: &mut Unit) -> Result<(), StoreError>;
    /// Speaks to the database. May be called again after the transaction failed.
    fn speak<'a>(&'a mut self, conn: &'a Conn) -> BoxFuture<'a, Result<(), Failure>>;
    /// Refuses it, whatever came of it.
    fn refuse(&mut self, error: StoreError);
    /// Tells its caller what came of it. A caller who went away is none.
    fn answer(self: Box<Self>);
    /// Refuses it though it may have happened. Answers the messages that nobody sees to where it has.
    fn give_up(self: Box<Self>, error: StoreError) -> Vec<MessageId>;
}

/// What waits for the writer.
pub(super) type Queue = crate::queue::Queue<Box<dyn Command>>;

impl Queued for Box<dyn Command> {
    fn weight(&self) -> usize {
        (**self).weight()
    }
}

/// An operation with its input and the way back to its caller.
pub(super) struct Task<I, T> {
    pub(super) input: I,
    pub(super) way: Way<I, T>,
    pub(super) weight: usize,
    pub(super) is_kept: bool,
    pub(super) waiting: Option<Waiting>,
    /// Which messages its caller sees to from then on, where it has happened.
    pub(super) entrusts: fn(&I, &T) -> Vec<MessageId>,
    pub(super) outcome: Result<T, StoreError>,
    pub(super) reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<I: Send + Sync, T: Send> Command for Task<I, T> {
    fn weight(&self) -> usize {
        self.weight
    }

    fn is_kept(&self) -> bool {
        self.is_kept
    }

    fn is_bulk(&self) -> bool {
        matches!(self.way, Way::Bulk { .. })
    }

    fn needs(&self, needs: &mut Needs) {
        if let Way::Bulk { needs: say, .. } = self.way {
            say(&self.input, needs);
        }
    }

    fn apply(&mut self, unit: &mut Unit) -> Result<(), StoreError> {
        if let Way::Bulk { apply, .. } = self.way {
            self.outcome = Ok(apply(unit, &self.input)?);
        }
        Ok(())
    }

    fn speak<'a>(&'a mut self, conn: &'a Conn) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            if let Way::Alone(speak) = self.way {
                self.outcome = Ok(speak(conn, &self.input).await?);
            }
            Ok(())
        })
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

    fn give_up(mut self: Box<Self>, error: StoreError) -> Vec<MessageId> {
        let done = std::mem::replace(&mut self.outcome, Err(error));
        let entrusted = done.map_or_else(|_| Vec::new(), |done| (self.entrusts)(&self.input, &done));
        self.answer();
        entrusted
    }
}

/// What the database's no to a transaction means.
#[derive(Debug)]
pub(super) enum Trouble {
    /// One operation does not fit. The others of its transaction are tried without it.
    Operation(StoreError),
    /// Somebody else was quicker. The same again finds what they left.
    Again(String),
    /// Nothing is written under this node's epoch any more.
    Fenced,
    /// The database cannot be reached, or takes nothing.
    Database(StoreError),
}

/// What an error is about.
pub(super) fn trouble(error: &tokio_postgres::Error) -> Trouble {
    let unavailable = || Trouble::Database(unavailable(error));
    let Some(told) = error.as_db_error() else { return unavailable() };
    let code = told.code();
    if [SqlState::T_R_DEADLOCK_DETECTED, SqlState::T_R_SERIALIZATION_FAILURE, SqlState::UNDEFINED_TABLE]
        .contains(code)
    {
        return Trouble::Again(words(error));
    }
    // The same key came to another node at the same time.
    if *code == SqlState::UNIQUE_VIOLATION
        && told.table().is_some_and(|table| table.starts_with("idempotency"))
    {
        return Trouble::Again(words(error));
    }
    // 22: a value does not fit; 23: it breaks a rule of its table.
    match code.code().get(..2) {
        Some("22" | "23") => {
            Trouble::Operation(StoreError::Conflict(format!("the store cannot hold this: {}", words(error))))
        }
        _ => unavailable(),
    }
}

/// A failure of the database, with what to do about it.
pub(super) fn unavailable(error: &tokio_postgres::Error) -> StoreError {
    let what = words(error);
    let code = error.code().map_or("", SqlState::code);
    let advice = match code {
        "25006" => "PostgreSQL is read-only: is this the standby, or was it set so?",
        "53100" => "its disk is full: make room there",
        "53300" => "allow more connections (max_connections), or run fewer nodes",
        "42501" => "give the role the rights of the one that made the tables",
        _ if code.starts_with("28") => "correct user and password in `store`",
        _ => "see whether PostgreSQL runs and can be reached",
    };
    StoreError::Unavailable(format!("PostgreSQL: {what}; {advice}"))
}

/// It says nothing.
pub(super) fn silent() -> StoreError {
    StoreError::Unavailable("PostgreSQL does not answer; see whether it runs and can be reached".to_owned())
}
