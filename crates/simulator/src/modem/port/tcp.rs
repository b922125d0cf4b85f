//! A serial server: one terminal at a time, as with a cable.

use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::run::run;
use super::telnet::Telnet;
use crate::modem::session::Session;
use crate::modem::shared::Shared;
use crate::server::Serves;

/// A port behind a listening socket.
pub(in crate::modem) struct TcpPort {
    shared: Arc<Shared>,
    is_telnet: bool,
    session: tokio::sync::Mutex<Session>,
}

impl TcpPort {
    pub(in crate::modem) fn new(shared: Arc<Shared>, port: usize, is_telnet: bool) -> Self {
        let session = tokio::sync::Mutex::new(Session::new(Arc::clone(&shared), port));
        Self { shared, is_telnet, session }
    }
}

impl Serves for TcpPort {
    fn turns_away(&self) -> bool {
        !self.shared.power.borrow().is_plugged
    }

    async fn serve(self: Arc<Self>, mut stream: TcpStream, _number: u64, stop: CancellationToken) {
        let _ = stream.set_nodelay(true);
        let Ok(mut session) = self.session.try_lock() else {
            let _ = stream.write_all(b"Port already in use\r\n").await;
            return;
        };
        session.opened();
        let telnet = self.is_telnet.then(Telnet::default);
        run(&mut session, &mut stream, telnet, Vec::new(), &stop).await;
        session.closed();
    }
}
