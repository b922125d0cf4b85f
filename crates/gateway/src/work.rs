//! The border between a gateway and whoever gives it work.

use crate::{
    Balance, Callback, CallbackError, Inbound, LineStatus, Outcome, Plan, PlanError, Preview, PreviewError,
    Receipt, Received, Shares, Submission,
};
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// One configured account at a provider.
///
/// A gateway *pulls*: it takes as many submissions as its window has room for, so that a passcode that arrives
/// while texts wait is the next to be taken, and nothing queues behind a slow provider.
pub trait Gateway: Send + Sync + 'static {
    /// How this gateway would send the text: segments and encoding. Pure and quick; called for each accepted message.
    fn plan(&self, text: &str) -> Result<Plan, PlanError>;

    /// What this gateway would send for the message, by the code that sends. Sends nothing, and asks for no token. Called on
    /// gateways whose secrets are placeholders ([`preview`](crate::preview())).
    ///
    /// # Errors
    /// [`PreviewError`]; by default that there is no preview.
    fn preview(&self, submission: &Submission) -> Result<Preview, PreviewError> {
        let _ = submission;
        Err(PreviewError::Settings("this kind of gateway has no preview".to_owned()))
    }

    /// Works until told to stop: takes submissions, hands each back with one outcome, reports receipts. Returns
    /// after the drain. Reconnects by itself; never returns because of a provider's fault, and never panics.
    fn run(self: Arc<Self>, work: Arc<dyn Work>, stop: Stop) -> BoxFuture<'static, ()>;

    /// Reads a call of the provider to the gateway's receipt address: checks its signature, and says what is in it. Quick, but
    /// where the signer's certificate has to be fetched or a subscription confirmed: within the gateway's timeout then.
    ///
    /// # Errors
    /// [`CallbackError`]; by default that this gateway takes none.
    fn receive<'a>(&'a self, callback: Callback<'a>) -> BoxFuture<'a, Result<Received, CallbackError>> {
        let _ = callback;
        Box::pin(std::future::ready(Err(CallbackError::NotTaken)))
    }

    /// Asks the provider what is left; `None` where it cannot be asked. The error says why, without a secret.
    fn balance(self: Arc<Self>) -> Option<BoxFuture<'static, Result<Balance, String>>> {
        None
    }

    /// The connections that its provider allows only so often, whichever node makes them: one bit for each. 0: any node makes as many
    /// as its settings say.
    fn exclusive(&self) -> u32 {
        0
    }

    /// Whether it sends from some nodes only: from those that hold its connections, or have its device.
    fn is_local(&self) -> bool {
        self.exclusive() != 0
    }

    /// When the certificate that its peer showed last expires (Unix time, ms); `None` where it showed none, or it is not known.
    fn certificate_expires_ms(&self) -> Option<i64> {
        None
    }

    /// How its lines are, for a gateway that has lines, such as modems. Quick; called whenever somebody looks.
    fn lines(&self) -> Vec<LineStatus> {
        Vec::new()
    }
}

/// Where a gateway gets its submissions and leaves what came of them. Bound to that one gateway.
pub trait Work: Send + Sync + 'static {
    /// Moves up to `room` waiting submissions into `into`, passcodes first. Never blocks.
    fn take(&self, room: usize, into: &mut Vec<Box<Submission>>);

    /// Moves up to `room` more messages into `into`, which leave in the request of one that was [taken](Self::take): alerts and
    /// texts that wait already, in their order, as long as `fits` says so. They need no place in the window, so no passcode
    /// waits because of them. Never blocks. By default there are none.
    fn take_along(
        &self,
        room: usize,
        fits: &mut dyn FnMut(&[Box<Submission>], &Submission) -> bool,
        into: &mut Vec<Box<Submission>>,
    ) {
        let _ = (room, fits, into);
    }

    /// Wakes one waiter when there is something to take (and the next, as long as something is left). Arm it
    /// (`notified()`) before calling [`take`](Self::take), so that nothing is missed.
    fn ready(&self) -> &Notify;

    /// Hands submissions back with their outcomes; empties the list. Never blocks.
    fn done(&self, finished: &mut Vec<(Box<Submission>, Outcome)>);

    /// Keeps receipts. Answer the provider only after this: an error means that it should send them again.
    fn receipts(&self, receipts: Vec<Receipt>) -> BoxFuture<'_, Result<(), NotKept>>;

    /// Keeps a message that a phone sent, under the same promise.
    fn inbound(&self, inbound: Inbound) -> BoxFuture<'_, Result<(), NotKept>>;

    /// Tells how the gateway is. `Down` lets waiting messages go to another gateway.
    fn health(&self, health: Health);

    /// Which [exclusive](Gateway::exclusive) connections are this node's; `None` where there is no other node.
    fn shares(&self) -> Option<Arc<Shares>> {
        None
    }
}

/// How a gateway is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Trying to reach the provider for the first time, or again.
    Connecting,
    /// Ready, with room for this many unanswered submissions.
    Up {
        /// The window over all connections.
        window: u32,
    },
    /// Cannot send.
    Down {
        /// Why; `is_account` means that a person has to change credentials or pay.
        reason: String,
        /// Whether the provider refused the account.
        is_account: bool,
    },
}

/// What could not be kept now; the provider should send it again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not kept: {0}")]
pub struct NotKept(pub String);

/// How a gateway is told to stop.
#[derive(Debug, Clone)]
pub struct Stop {
    /// Cancelled when nothing more is to be taken.
    pub token: CancellationToken,
    /// How long, from then on, answers to what was already written are awaited. What is still unanswered goes back as
    /// `Uncertain`, what was not written as `Unavailable`.
    pub drain: Duration,
    /// Cancelled, besides the token, when next to nothing is awaited any more.
    pub hurry: CancellationToken,
}

impl Stop {
    /// By this token, with so long for answers.
    pub fn new(token: CancellationToken, drain: Duration) -> Self {
        Self { token, drain, hurry: CancellationToken::new() }
    }

    /// One for a part: cancelled with this one, or before.
    pub(crate) fn child(&self) -> Self {
        Self { token: self.token.child_token(), drain: self.drain, hurry: self.hurry.child_token() }
    }
}
