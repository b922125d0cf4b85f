//! How an SMSC behaves, as one value that can be replaced while it runs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::ids::IdStyle;
use super::receipts::{FinalState, Receipts};
use super::status::Status;
use super::submit::Submit;

/// What decides the status of one submit; `None` leaves it to [`Behaviour::answer_status`].
pub type Decide = Arc<dyn Fn(&Submit<'_>) -> Option<Status> + Send + Sync>;

/// In which order submits are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AnswerOrder {
    /// As they came.
    #[default]
    AsTheyCame,
    /// The last first: answers are held back until `hold` of them wait or `at_most` has passed since the first.
    Reversed {
        /// How many to hold back.
        hold: usize,
        /// For how long at most.
        at_most: Duration,
    },
}

/// What is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Silence {
    /// Everything is answered.
    #[default]
    None,
    /// Submits are taken and never answered; the rest is.
    Submits,
    /// enquire_link is never answered; the rest is.
    EnquireLink,
    /// Nothing is ever answered, a bind neither.
    Everything,
}

/// What becomes of the answer to the last submit before a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LastAnswer {
    /// It is sent.
    Whole,
    /// Its first half is sent.
    Half,
    /// It is not sent.
    #[default]
    None,
}

/// What goes wrong. Submits are counted on each connection, from when it was opened or the behaviour was set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// The connection is closed with the `after`th submit, which is taken and recorded.
    Drop {
        /// Which submit, from 1.
        after: u64,
        /// What is still answered to it.
        last_answer: LastAnswer,
    },
    /// Nothing more is read after this many submits, while the connection stays open.
    StopReading {
        /// How many submits are read and answered before; 0 stops at once.
        after: u64,
    },
    /// These octets are sent in place of the `after`th answer.
    Garbage {
        /// Which submit, from 1.
        after: u64,
        /// What is sent.
        octets: Vec<u8>,
    },
    /// A PDU that the standard does not know goes ahead of every answer to a submit; a client answers it by generic_nack (§3.3).
    UnknownPdus,
    /// Every submit is answered by generic_nack with the answer's status (§4.3).
    GenericNack,
    /// Every submit's answer carries a sequence number that nobody used.
    WrongSequence,
}

/// How an SMSC behaves. Made with `..Behaviour::default()` and set by [`Smsc::set`](super::Smsc::set).
#[derive(Clone)]
pub struct Behaviour {
    /// How long a submit waits for its answer.
    pub answer_delay: Duration,
    /// The status of answers to submits.
    pub answer_status: Status,
    /// Decides some submits by what they carry.
    pub decide: Option<Decide>,
    /// ESME_RTHROTTLED beyond this many submits in one second, over all connections.
    pub throttle_per_second: Option<u32>,
    /// ESME_RMSGQFUL while this many submits of one connection wait for their answers.
    pub queue: Option<usize>,
    /// The order of answers.
    pub order: AnswerOrder,
    /// The status of every answer to a bind; ESME_ROK looks at the credentials.
    pub bind_status: Status,
    /// ESME_RALYBND to a bind beyond so many sessions.
    pub most_binds: Option<u64>,
    /// How message ids look in submit_sm_resp.
    pub ids: IdStyle,
    /// What is reported later.
    pub receipts: Receipts,
    /// How many deliver_sm may wait for their answers on one connection.
    pub delivery_window: usize,
    /// Sends deliver_sm again, this long after an answer other than ESME_ROK or the end of a connection without one.
    pub redeliver_after: Option<Duration>,
    /// What is not answered.
    pub silence: Silence,
    /// What goes wrong.
    pub fault: Fault,
    /// New connections are accepted and closed at once.
    pub turns_away: bool,
}

impl Default for Behaviour {
    /// Answers everything at once with ESME_ROK, sends receipts where asked.
    fn default() -> Self {
        Self {
            answer_delay: Duration::ZERO,
            answer_status: Status::ROK,
            decide: None,
            throttle_per_second: None,
            queue: None,
            order: AnswerOrder::default(),
            bind_status: Status::ROK,
            most_binds: None,
            ids: IdStyle::DECIMAL,
            receipts: Receipts::default(),
            delivery_window: 1_000,
            redeliver_after: None,
            silence: Silence::default(),
            fault: Fault::default(),
            turns_away: false,
        }
    }
}

impl fmt::Debug for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Behaviour")
            .field("answer_delay", &self.answer_delay)
            .field("answer_status", &self.answer_status)
            .field("silence", &self.silence)
            .field("fault", &self.fault)
            .finish_non_exhaustive()
    }
}

impl Behaviour {
    /// Every submit is answered with this status.
    pub fn refusing(status: Status) -> Self {
        Self { answer_status: status, ..Self::default() }
    }

    /// What a submit's answer says, before throttling and the queue.
    pub(super) fn judge(&self, submit: &Submit<'_>) -> Status {
        self.decide.as_ref().and_then(|decide| decide(submit)).unwrap_or(self.answer_status)
    }

    /// What becomes of a message to this destination.
    pub(super) fn final_state(&self, destination: &[u8]) -> FinalState {
        self.receipts
            .state_by_suffix
            .iter()
            .find(|(suffix, _)| destination.ends_with(suffix.as_bytes()))
            .map_or(self.receipts.state, |(_, state)| *state)
    }
}
