//! The listening socket and its task, which owns all connections.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::net::{TcpListener, TcpSocket};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::connection;
use super::shared::Shared;

/// A listening SMSC. Dropped, it ends all its tasks.
pub(super) struct Running {
    stop: CancellationToken,
    _guard: DropGuard,
    listening: CancellationToken,
    tasks: TaskTracker,
    listener: tokio::task::JoinHandle<()>,
}

/// Takes an address; one that was listened on a moment ago too.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(1024)
}

impl Running {
    pub(super) fn start(shared: Arc<Shared>, listener: TcpListener, numbers: Arc<AtomicU64>) -> Self {
        let stop = CancellationToken::new();
        let listening = stop.child_token();
        let tasks = TaskTracker::new();
        let accepting = accept(shared, listener, numbers, tasks.clone(), stop.clone(), listening.clone());
        let listener = tokio::spawn(accepting);
        let _guard = stop.clone().drop_guard();
        Self { stop, _guard, listening, tasks, listener }
    }

    /// Closes the listening socket and waits until it is.
    pub(super) async fn stop_listening(&mut self) {
        self.listening.cancel();
        if !self.listener.is_finished() {
            // It fails only if the task was aborted, and then it is over too.
            let _ = (&mut self.listener).await;
        }
    }

    /// Listens again after [`stop_listening`](Self::stop_listening).
    pub(super) fn listen(&mut self, shared: Arc<Shared>, listener: TcpListener, numbers: Arc<AtomicU64>) {
        self.listening = self.stop.child_token();
        let accepting =
            accept(shared, listener, numbers, self.tasks.clone(), self.stop.clone(), self.listening.clone());
        self.listener = tokio::spawn(accepting);
    }

    /// Ends everything and waits until it has.
    pub(super) async fn stop(mut self) {
        self.stop.cancel();
        self.stop_listening().await;
        self.tasks.close();
        self.tasks.wait().await;
    }
}

async fn accept(
    shared: Arc<Shared>,
    listener: TcpListener,
    numbers: Arc<AtomicU64>,
    tasks: TaskTracker,
    stop: CancellationToken,
    listening: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = listening.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            // Out of descriptors, or a peer that is gone already: others get their turn before the next try.
            tokio::task::yield_now().await;
            continue;
        };
        if shared.behaviour.borrow().turns_away {
            let _ = stream.set_zero_linger();
            continue;
        }
        let number = numbers.fetch_add(1, Relaxed);
        tasks.spawn(connection::serve(Arc::clone(&shared), stream, number, stop.clone()));
    }
}
