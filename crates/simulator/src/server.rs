//! A listening socket with the tasks of its connections: started, stopped, and started again on the same port.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// What becomes of connections.
pub(crate) trait Serves: Send + Sync + 'static {
    /// Whether new connections are closed at once.
    fn turns_away(&self) -> bool;

    /// Serves one connection, counted from 1, until it ends or `stop` says so.
    fn serve(
        self: Arc<Self>,
        stream: TcpStream,
        number: u64,
        stop: CancellationToken,
    ) -> impl Future<Output = ()> + Send;
}

/// A server on its own address. Dropped, it ends its tasks.
pub(crate) struct Server<S> {
    pub(crate) shared: Arc<S>,
    address: SocketAddr,
    running: tokio::sync::Mutex<Option<Running>>,
    numbers: Arc<AtomicU64>,
}

struct Running {
    stop: CancellationToken,
    _guard: DropGuard,
    listening: CancellationToken,
    tasks: TaskTracker,
    listener: tokio::task::JoinHandle<()>,
}

impl<S: Serves> Server<S> {
    pub(crate) fn start(shared: S, listen: SocketAddr) -> io::Result<Self> {
        let listener = bind(listen)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(shared);
        let numbers = Arc::new(AtomicU64::new(1));
        let running = Running::start(&shared, listener, &numbers);
        Ok(Self { shared, address, running: tokio::sync::Mutex::new(Some(running)), numbers })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) async fn stop(&self) {
        let running = self.running.lock().await.take();
        if let Some(running) = running {
            running.stop().await;
        }
    }

    pub(crate) async fn stop_listening(&self) {
        if let Some(running) = self.running.lock().await.as_mut() {
            running.stop_listening().await;
        }
    }

    pub(crate) async fn start_again(&self) -> io::Result<()> {
        let mut running = self.running.lock().await;
        let listener = bind(self.address)?;
        match running.as_mut() {
            Some(running) => running.listen(&self.shared, listener, &self.numbers),
            None => *running = Some(Running::start(&self.shared, listener, &self.numbers)),
        }
        Ok(())
    }
}

/// Takes an address; one that was listened on a moment ago too.
fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(1024)
}

impl Running {
    fn start<S: Serves>(shared: &Arc<S>, listener: TcpListener, numbers: &Arc<AtomicU64>) -> Self {
        let stop = CancellationToken::new();
        let _guard = stop.clone().drop_guard();
        let listening = stop.child_token();
        let tasks = TaskTracker::new();
        let accepting = accept(
            Arc::clone(shared),
            listener,
            Arc::clone(numbers),
            tasks.clone(),
            stop.clone(),
            listening.clone(),
        );
        Self { stop, _guard, listening, tasks, listener: tokio::spawn(accepting) }
    }

    /// Closes the listening socket and waits until it is.
    async fn stop_listening(&mut self) {
        self.listening.cancel();
        if !self.listener.is_finished() {
            // It fails only if the task was aborted, and then it is over too.
            let _ = (&mut self.listener).await;
        }
    }

    fn listen<S: Serves>(&mut self, shared: &Arc<S>, listener: TcpListener, numbers: &Arc<AtomicU64>) {
        self.listening = self.stop.child_token();
        let accepting = accept(
            Arc::clone(shared),
            listener,
            Arc::clone(numbers),
            self.tasks.clone(),
            self.stop.clone(),
            self.listening.clone(),
        );
        self.listener = tokio::spawn(accepting);
    }

    /// Ends everything and waits until it has.
    async fn stop(mut self) {
        self.stop.cancel();
        self.stop_listening().await;
        self.tasks.close();
        self.tasks.wait().await;
    }
}

async fn accept<S: Serves>(
    shared: Arc<S>,
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
        if shared.turns_away() {
            let _ = stream.set_zero_linger();
            continue;
        }
        let number = numbers.fetch_add(1, Relaxed);
        tasks.spawn(Arc::clone(&shared).serve(stream, number, stop.clone()));
    }
}
