//! A running server: the engine, the listener of API and console, and the control socket, started and stopped in order.

use crate::config::Config;
use crate::control_socket::{self, ControlSocket};
use crate::failure::Failure;
use crate::rooms;
use std::net::SocketAddr;
use std::time::Duration;
use textgate_api::{ApiOptions, HttpLimits, control_router, router, serve, serve_unix};
use textgate_console::ConsoleOptions;
use textgate_dispatch::Dispatch;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// What recording and closing the store may take on top of the drains.
const CLOSING: Duration = Duration::from_secs(10);

/// A server that accepts requests.
pub(crate) struct Server {
    address: SocketAddr,
    dispatch: Dispatch,
    stop: CancellationToken,
    listeners: [JoinHandle<()>; 2],
    drain: Duration,
    _socket: ControlSocket,
}

impl Server {
    /// Opens the store, starts the engine, and listens.
    pub(crate) async fn start(config: &Config) -> Result<Self, Failure> {
        // The address first: when it is taken, nothing was started and nothing sent.
        let tcp = TcpListener::bind(config.listen).await.map_err(|error| {
            Failure::failed(format_args!(
                "cannot listen on {}: {error}; choose another address with [http] listen or TEXTGATE_HTTP_LISTEN",
                config.listen
            ))
        })?;
        let address = tcp.local_addr().map_err(Failure::failed)?;
        let dispatch = rooms::start(config, config.limits()).await?;
        let (control, socket) = match control_socket::listen(&config.control_socket()) {
            Ok(listening) => listening,
            Err(failure) => {
                dispatch.shutdown().await;
                return Err(failure);
            }
        };
        let stop = CancellationToken::new();
        let drain = config.bounds.drain();
        let mut public =
            router(dispatch.clone(), ApiOptions { metrics: config.metrics, ..ApiOptions::default() });
        if config.console.enabled {
            let options = ConsoleOptions { proxies: config.proxies.clone() };
            public = public.merge(textgate_console::router(dispatch.clone(), options));
        }
        let bounds = HttpLimits { connections: config.bounds.connections(), ..HttpLimits::default() };
        let listeners = [
            tokio::spawn(serve(tcp, public, bounds, stop.clone(), drain)),
            tokio::spawn(serve_unix(
                control,
                control_router(dispatch.clone()),
                HttpLimits::default(),
                stop.clone(),
                drain,
            )),
        ];
        Ok(Self { address, dispatch, stop, listeners, drain, _socket: socket })
    }

    /// Where the API listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its engine.
    pub(crate) fn dispatch(&self) -> &Dispatch {
        &self.dispatch
    }

    /// Stops accepting, lets requests and windows finish, records, and closes the store. Answers whether all of it ended
    /// within the bound.
    pub(crate) async fn shutdown(self) -> bool {
        self.stop.cancel();
        self.dispatch.end_watches();
        let all = async {
            for listener in self.listeners {
                // Only a panic could be told here, and was logged.
                let _ = listener.await;
            }
            self.dispatch.shutdown().await;
        };
        tokio::time::timeout(2 * self.drain + CLOSING, all).await.is_ok()
    }
}
