//! A running server: the engine, the listener of API and console, and the control socket, started and stopped in order.

use crate::config::Config;
use crate::control_socket::{self, ControlSocket};
use crate::failure::Failure;
use crate::oidc;
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
    listeners: Vec<JoinHandle<()>>,
    drain: Duration,
    leave: Duration,
    _socket: ControlSocket,
}

impl Server {
    /// Opens the store, starts the engine, and listens: on the sockets that the service manager holds, or on one of its own.
    pub(crate) async fn start(config: &Config, held: Vec<std::net::TcpListener>) -> Result<Self, Failure> {
        // The address first: when it is taken, nothing was started and nothing sent.
        let sockets = match held.is_empty() {
            true => vec![listen(config.listen).await?],
            false => held
                .into_iter()
                .map(|socket| TcpListener::from_std(socket).map_err(Failure::failed))
                .collect::<Result<_, _>>()?,
        };
        let address = match sockets.first() {
            Some(socket) => socket.local_addr().map_err(Failure::failed)?,
            None => config.listen,
        };
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
            let oidc = match oidc::sign_in(config, address).await {
                Ok(oidc) => oidc,
                Err(failure) => {
                    dispatch.shutdown().await;
                    return Err(failure);
                }
            };
            let options = ConsoleOptions { proxies: config.proxies.clone(), oidc };
            public = public.merge(textgate_console::router(dispatch.clone(), options));
        }
        let leave = config.bounds.leave();
        let bounds = HttpLimits { connections: config.bounds.connections(), leave, ..HttpLimits::default() };
        let mut listeners: Vec<_> = sockets
            .into_iter()
            .map(|tcp| tokio::spawn(serve(tcp, public.clone(), bounds.clone(), stop.clone(), drain)))
            .collect();
        let bounds = HttpLimits { leave, ..HttpLimits::default() };
        let control_routes = control_router(dispatch.clone());
        listeners.push(tokio::spawn(serve_unix(control, control_routes, bounds, stop.clone(), drain)));
        Ok(Self { address, dispatch, stop, listeners, drain, leave, _socket: socket })
    }

    /// Where the API listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its engine.
    pub(crate) fn dispatch(&self) -> &Dispatch {
        &self.dispatch
    }

    /// Is not ready any more, takes requests for a while if so configured, then stops accepting, lets requests and windows finish,
    /// records, and closes the store. Answers whether all of it ended within the bound.
    pub(crate) async fn shutdown(self) -> bool {
        self.dispatch.leave();
        self.stop.cancel();
        let all = async {
            tokio::time::sleep(self.leave).await;
            self.dispatch.end_watches();
            for listener in self.listeners {
                // Only a panic could be told here, and was logged.
                let _ = listener.await;
            }
            self.dispatch.shutdown().await;
        };
        tokio::time::timeout(self.leave + 2 * self.drain + CLOSING, all).await.is_ok()
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::failed(format_args!(
            "cannot listen on {address}: {error}; choose another address with [http] listen or TEXTGATE_HTTP_LISTEN"
        ))
    })
}
