//! `textgate simulate`: a provider's side for trial, until it is told to stop.

use crate::cli::SimulateCommand;
use crate::failure::{Done, Failure};
use crate::output::{Output, Tone, printable};
use crate::signals::Signals;
use std::io;
use std::net::SocketAddr;
use textgate_simulator::{
    Handset, HandsetEvent, HandsetEvents, HttpOptions, HttpProvider, Smsc, SmscOptions,
};

pub(super) async fn run(command: SimulateCommand, output: &mut Output) -> Done {
    let mut signals = Signals::watch()?;
    let handset = Handset::new();
    let events = handset.events();
    match command {
        SimulateCommand::Smsc { listen, system_id, password, show_text } => {
            let options = SmscOptions {
                listen,
                system_id,
                password: password.map(|secret| secret.0),
                handset,
                ..SmscOptions::default()
            };
            let smsc = Smsc::start(options).await.map_err(|error| taken(listen, &error))?;
            output.line(format_args!("An SMSC listens on {}. Ctrl-C ends it.", smsc.address()))?;
            show(events, show_text, &mut signals, output).await?;
            smsc.shutdown().await;
        }
        SimulateCommand::Http { listen, show_text } => {
            let options = HttpOptions { listen, handset, ..HttpOptions::default() };
            let provider = HttpProvider::start(options).await.map_err(|error| taken(listen, &error))?;
            output.line(format_args!(
                "An HTTP provider listens on http://{}: GET or POST with the parameters to and text; a success is \
                 answered with OK. Ctrl-C ends it.",
                provider.address()
            ))?;
            show(events, show_text, &mut signals, output).await?;
            provider.shutdown().await;
        }
    }
    Ok(())
}

fn taken(listen: SocketAddr, error: &io::Error) -> Failure {
    Failure::failed(format_args!("cannot listen on {listen}: {error}; choose another address with --listen"))
}

/// Shows what phones get, until a signal.
async fn show(
    mut events: HandsetEvents,
    show_text: bool,
    signals: &mut Signals,
    output: &mut Output,
) -> io::Result<()> {
    loop {
        tokio::select! {
            _ = signals.next() => return Ok(()),
            event = events.next() => match event {
                Some(event) => output.line(line(&event, show_text, output))?,
                None => return Ok(()),
            },
        }
    }
}

fn line<W: io::Write>(event: &HandsetEvent, show_text: bool, output: &Output<W>) -> String {
    let mut line = format!("{}  ", output.tone(Tone::Strong, printable(&event.number)));
    if show_text {
        line.push_str(&format!("\"{}\"", printable(&event.text)));
    } else {
        line.push_str(&format!("{} characters (--show-text shows them)", event.text.chars().count()));
    }
    if !event.sender.is_empty() {
        line.push_str(&format!("  from {}", printable(&event.sender)));
    }
    if event.segments > 1 {
        line.push_str(&format!("  {} segments", event.segments));
    }
    if event.flash {
        line.push_str("  flash");
    }
    line
}
