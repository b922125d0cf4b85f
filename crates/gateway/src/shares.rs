//! Which of a gateway's connections are this node's to make, where several nodes share its account.
//!
//! A provider allows so many connections, whoever makes them. Whoever shares them out *grants* each to one node at a time; a gateway
//! *begins* only what is granted, ends what is withdrawn, and says when it has ended, so that it can be another node's from then on.

use crate::Stop;
use crate::board::Board;
use std::future::Future;
use tokio::sync::watch;

/// The connections of one gateway on this node, one bit for each.
#[derive(Debug)]
pub struct Shares(watch::Sender<Held>);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Held {
    granted: u32,
    begun: u32,
    /// What is withdrawn ends at once, without waiting for answers.
    is_hurried: bool,
}

/// The bit of a connection; none where there cannot be so many.
fn bit(connection: usize) -> u32 {
    u32::try_from(connection).ok().and_then(|at| 1_u32.checked_shl(at)).unwrap_or(0)
}

impl Default for Shares {
    /// Nothing is granted.
    fn default() -> Self {
        Self(watch::Sender::new(Held::default()))
    }
}

impl Shares {
    /// Grants these connections besides those that are.
    pub fn grant(&self, connections: u32) {
        self.0.send_if_modified(|held| {
            let before = *held;
            held.granted |= connections;
            held.is_hurried &= connections == 0;
            *held != before
        });
    }

    /// Withdraws these connections. Where it `is_hurried`, nothing more is awaited on them.
    pub fn withdraw(&self, connections: u32, is_hurried: bool) {
        self.0.send_if_modified(|held| {
            let before = *held;
            held.granted &= !connections;
            held.is_hurried |= is_hurried;
            *held != before
        });
    }

    /// The connections that are granted.
    pub fn granted(&self) -> u32 {
        self.0.borrow().granted
    }

    /// The connections that are made, or may still be there.
    pub fn begun(&self) -> u32 {
        self.0.borrow().begun
    }

    /// Waits until what is granted or begun is another than it was.
    pub async fn changed(&self, before: (u32, u32)) {
        // Fails only where the sender is gone, and it is this one's.
        let _ = self.0.subscribe().wait_for(|held| (held.granted, held.begun) != before).await;
    }

    /// Waits until this connection is granted, and begins it.
    async fn begin(&self, connection: usize) {
        let bit = bit(connection);
        let mut held = self.0.subscribe();
        loop {
            let _ = held.wait_for(|held| held.granted & bit != 0).await;
            // In one step, so that what is withdrawn in between was never begun.
            let is_begun = self.0.send_if_modified(|held| {
                held.begun |= held.granted & bit;
                held.begun & bit != 0
            });
            if is_begun {
                return;
            }
        }
    }

    /// Waits until this connection is withdrawn, tells `stop`, and does not return.
    async fn end_when_withdrawn(&self, connection: usize, stop: &Stop) -> std::convert::Infallible {
        let bit = bit(connection);
        let mut held = self.0.subscribe();
        let _ = held.wait_for(|held| held.granted & bit == 0).await;
        stop.token.cancel();
        let _ = held.wait_for(|held| held.is_hurried).await;
        stop.hurry.cancel();
        std::future::pending().await
    }

    fn ended(&self, connection: usize) {
        self.0.send_modify(|held| held.begun &= !bit(connection));
    }
}

/// Runs a connection while it is this node's, again and again, until `stop`; one that nobody shares, just once. `run` returns once it was
/// told to stop. `told` hears how many are begun whenever that changes.
pub(crate) async fn while_held<Run: Future<Output = ()>>(
    shares: Option<&Shares>,
    connection: usize,
    board: &Board,
    stop: &Stop,
    told: impl Fn(u32),
    run: impl Fn(Stop) -> Run,
) {
    let Some(shares) = shares else { return run(stop.clone()).await };
    board.gone(connection);
    while !stop.token.is_cancelled() {
        tokio::select! {
            biased;
            () = stop.token.cancelled() => return,
            () = shares.begin(connection) => {}
        }
        told(shares.begun().count_ones());
        board.connecting(connection);
        let own = stop.child();
        tokio::select! {
            () = run(own.clone()) => {}
            never = shares.end_when_withdrawn(connection, &own) => match never {},
        }
        board.gone(connection);
        told((shares.begun() & !bit(connection)).count_ones());
        shares.ended(connection);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[tokio::test]
    async fn a_connection_begins_when_it_is_granted_and_is_free_only_when_it_has_ended() {
        let shares = Shares::default();
        assert!(shares.begin(1).now_or_never().is_none(), "nothing is granted");
        shares.grant(0b10);
        shares.begin(1).now_or_never().expect("it is granted");
        assert!(shares.begin(0).now_or_never().is_none(), "another is not");
        shares.withdraw(0b10, false);
        assert_eq!((shares.granted(), shares.begun()), (0, 0b10), "it is still there");
        let stop = Stop::new(Default::default(), std::time::Duration::ZERO);
        assert!(shares.end_when_withdrawn(1, &stop).now_or_never().is_none());
        assert!(stop.token.is_cancelled() && !stop.hurry.is_cancelled());
        shares.withdraw(0, true);
        assert!(shares.end_when_withdrawn(1, &stop).now_or_never().is_none());
        assert!(stop.hurry.is_cancelled());
        shares.ended(1);
        assert_eq!(shares.begun(), 0);
    }

    #[tokio::test]
    async fn what_is_withdrawn_before_it_began_never_begins() {
        let shares = Shares::default();
        shares.grant(1);
        shares.withdraw(1, false);
        assert!(shares.begin(0).now_or_never().is_none());
        assert_eq!(shares.begun(), 0);
        shares.grant(u32::MAX);
        assert!(shares.begin(40).now_or_never().is_none(), "there are at most 32");
    }
}
