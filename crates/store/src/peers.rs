//! What nodes that share a store know of each other: who runs gateways, which connections are whose, how gateways are there, and
//! which messages go from one to another.

use crate::StoredMessage;
use textgate_sms::{GatewayId, MessageId};

/// Those who share the store, as they are now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Peers {
    /// The nodes that run gateways, by number.
    pub members: Vec<u8>,
    /// Connections that a node holds: nobody else makes them.
    pub holdings: Vec<Holding>,
    /// What nodes say of their gateways.
    pub words: Vec<GatewayWord>,
}

/// One connection of a gateway, and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding {
    /// The gateway.
    pub gateway: GatewayId,
    /// Which of its connections.
    pub connection: u8,
    /// Who holds it.
    pub node: u8,
}

/// What a node says of a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayWord {
    /// The gateway.
    pub gateway: GatewayId,
    /// Who says so.
    pub node: u8,
    /// How it is there.
    pub says: Says,
}

/// How a gateway is on one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Says {
    /// It sends.
    Up,
    /// It failed, and nothing is sent for a while.
    Paused {
        /// Until when (Unix time, ms, by that node's clock).
        until_ms: i64,
        /// The provider refuses the account, which is the same account from everywhere.
        is_account: bool,
    },
    /// It cannot send.
    Down {
        /// Why; without secrets.
        reason: String,
    },
}

/// What a node takes, leaves and says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claims {
    /// Connections to be held, where nobody holds them.
    pub take: Vec<(GatewayId, u8)>,
    /// Connections that are held no longer.
    pub leave: Vec<(GatewayId, u8)>,
    /// How gateways are on this node, in place of what it said before; `None`: nothing is said any more.
    pub say: Vec<(GatewayId, Option<Says>)>,
}

/// Messages that another node is to send, by a gateway that this node cannot use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandOver {
    /// By which gateway.
    pub gateway: GatewayId,
    /// To which node.
    pub to: u8,
    /// Which, and what it has to know of their way so far: as it was given, and nothing that the store reads.
    pub messages: Vec<(MessageId, u64)>,
}

/// A message that another node handed to this one.
#[derive(Clone)]
pub struct Handed {
    /// The message, in state `accepted`.
    pub message: StoredMessage,
    /// What is to be known of its way so far.
    pub notes: u64,
}
