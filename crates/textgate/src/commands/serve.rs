//! `textgate serve`: the gateway, until it is told to stop.

use crate::config::Config;
use crate::failure::{Done, Failure};
use crate::logging;
use crate::output::Output;
use crate::server::Server;
use crate::signals::Signals;

pub(super) async fn run(config: Config, output: &mut Output) -> Done {
    logging::start(&config.log);
    let mut signals = Signals::watch()?;
    let starting = Server::start(&config);
    let server = tokio::select! {
        server = starting => server?,
        // Nothing was accepted yet, so there is nothing to finish.
        name = signals.next() => {
            tracing::info!(signal = name, "told to stop while starting");
            return Ok(());
        }
    };
    tracing::info!(target: logging::READY, address = %server.address(), data_dir = %config.data_dir.display(), "listening");
    if let Some(token) = server.dispatch().set_up_token() {
        let base = config.public_url.clone().unwrap_or_else(|| format!("http://{}", server.address()));
        // Not in the log, which more people read. Without a standard output there is `textgate user set-up-link`.
        let _ = output.line(format_args!("Open {base}/console/set-up/{token} to make the first user"));
    }
    let name = signals.next().await;
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
