//! Where a command is carried out: at a server, or on the store itself while no server runs on it.
//!
//! For the store itself the same routes as the control socket's are served for a moment, by this process to itself, so that a command
//! is one and the same in both places.

use crate::cli::Reach;
use crate::client::{self, Client};
use crate::config::Config;
use crate::control_socket::{self, ControlSocket};
use crate::failure::Failure;
use crate::rooms;
use std::time::Duration;
use textgate_api::{HttpLimits, control_router, serve_unix};
use textgate_dispatch::Dispatch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// What the socket that this process serves to itself is called: nobody else looks there.
const OWN_SOCKET: &str = "offline.sock";
/// How long its last answer may take.
const DRAIN: Duration = Duration::from_secs(5);

/// A server to be asked, and its store where it is this process.
pub(super) struct Place {
    client: Client,
    own: Option<Own>,
}

struct Own {
    dispatch: Dispatch,
    stop: CancellationToken,
    serving: JoinHandle<()>,
    _socket: ControlSocket,
}

impl Place {
    /// The server that these arguments name, or the store where none runs.
    pub(super) async fn find(config: &Config, reach: &Reach) -> Result<Self, Failure> {
        if reach.url.is_some() || client::is_running(&config.control_socket()).await? {
            return Ok(Self { client: Client::reach(config, reach)?, own: None });
        }
        let dispatch = rooms::start_offline(config).await?;
        let path = config.data_dir.join(OWN_SOCKET);
        let (listener, socket) = match control_socket::listen(&path) {
            Ok(listening) => listening,
            Err(failure) => {
                dispatch.shutdown().await;
                return Err(failure);
            }
        };
        let stop = CancellationToken::new();
        let router = control_router(dispatch.clone());
        let serving = tokio::spawn(serve_unix(listener, router, HttpLimits::default(), stop.clone(), DRAIN));
        let client = Client::control(&path, reach.vs.clone())?;
        Ok(Self { client, own: Some(Own { dispatch, stop, serving, _socket: socket }) })
    }

    /// Who answers.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Whether it is this process: no server runs.
    pub(super) fn is_offline(&self) -> bool {
        self.own.is_some()
    }

    /// Writes what is to be written, and closes the store.
    pub(super) async fn close(self) {
        let Self { client, own } = self;
        // Its idle connection would be waited for.
        drop(client);
        if let Some(own) = own {
            own.stop.cancel();
            // Only a panic could be told here, and was logged.
            let _ = own.serving.await;
            own.dispatch.shutdown().await;
        }
    }
}
