//! `textgate serve`: the gateway, until it is told to stop.

use crate::config::Config;
use crate::failure::{Done, Failure};
use crate::logging;
use crate::output::Output;
use crate::server::Server;
use crate::service::{Service, held_listeners};
use crate::signals::{Asked, Signals};
use std::time::Duration;

/// How often the service manager hears that a start gets on.
const STARTING: Duration = Duration::from_secs(15);

pub(super) async fn run(config: Config, output: &mut Output) -> Done {
    logging::start(&config.log);
    let service = Service::of_environment();
    let mut signals = Signals::watch()?;
    let starting = Server::start(&config, held_listeners()?);
    let server = tokio::select! {
        server = starting => server?,
        // Nothing was accepted yet, so there is nothing to finish.
        name = signals.next() => {
            tracing::info!(signal = name, "told to stop while starting");
            return Ok(());
        }
        () = tell_starting(&service) => return Ok(()), // it goes on as long as the start
    };
    let _alive = service.keep_alive();
    tracing::info!(target: logging::READY, address = %server.address(), data_dir = %config.data_dir.display(), "listening");
    let status = format!("listening on {}", server.address());
    service.ready(&status);
    if let Some(token) = server.dispatch().set_up_token() {
        let base = config.public_url.clone().unwrap_or_else(|| format!("http://{}", server.address()));
        // Not in the log, which more people read. Without a standard output there is `textgate user set-up-link`.
        let _ = output.line(format_args!("Open {base}/console/set-up/{token} to make the first user"));
    }
    let name = loop {
        match signals.asked().await {
            Asked::Stop(name) => break name,
            Asked::Reload => {
                service.reloading();
                match server.dispatch().reload_keys().await {
                    Ok(keys) => tracing::info!(keys = keys.len(), "the key file was read anew"),
                    Err(error) => tracing::error!(%error, "the key file is used as it was before"),
                }
                service.ready(&status);
            }
        }
    };
    service.stopping();
    tracing::info!(signal = name, "stopping: nothing new is accepted, what is under way may finish");
    signals.exit_at_next();
    if server.shutdown().await {
        tracing::info!("stopped");
        return Ok(());
    }
    Err(Failure::failed(
        "what was under way did not finish in time; messages that were accepted and not sent go out after the next start",
    ))
}

async fn tell_starting(service: &Service) {
    loop {
        service.starting();
        tokio::time::sleep(STARTING).await;
    }
}
