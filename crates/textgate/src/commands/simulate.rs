//! `textgate simulate`: a provider's side for trial, until it is told to stop.

use crate::cli::{SimulateCommand, Watching};
use crate::failure::{Done, Failure};
use crate::output::{Output, Tone, printable};
use crate::signals::Signals;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use textgate_simulator::{
    Handset, HandsetEvent, HandsetEvents, HttpOptions, HttpProvider, Modem, ModemOptions, ModemPort, Phones,
    Sim, Smsc, SmscOptions,
};

pub(super) async fn run(command: SimulateCommand, output: &mut Output) -> Done {
    let mut signals = Signals::watch()?;
    let handset = Handset::new();
    match command {
        SimulateCommand::Smsc { listen, system_id, password, watching } => {
            let watch = Watch::start(&handset, watching).await?;
            let options = SmscOptions {
                listen,
                system_id,
                password: password.map(|secret| secret.0),
                handset: handset.clone(),
                ..SmscOptions::default()
            };
            let smsc = Smsc::start(options).await.map_err(|error| taken(listen, &error))?;
            output.line(format_args!("An SMSC listens on {}. Ctrl-C ends it.", smsc.address()))?;
            watch.show(&mut signals, output).await?;
            smsc.shutdown().await;
        }
        SimulateCommand::Http { listen, watching } => {
            let watch = Watch::start(&handset, watching).await?;
            let options = HttpOptions { listen, handset: handset.clone(), ..HttpOptions::default() };
            let provider = HttpProvider::start(options).await.map_err(|error| taken(listen, &error))?;
            output.line(format_args!(
                "An HTTP provider listens on http://{}: GET or POST with the parameters to and text; a success is \
                 answered with OK. Ctrl-C ends it.",
                provider.address()
            ))?;
            watch.show(&mut signals, output).await?;
            provider.shutdown().await;
        }
        SimulateCommand::Modem { link, tcp, rfc2217, pin, watching } => {
            let watch = Watch::start(&handset, watching).await?;
            let ports = ports(link, tcp, rfc2217);
            let sim = Sim { pin: pin.map(|secret| secret.0), ..Sim::default() };
            let options =
                ModemOptions { ports, sim: Some(sim), handset: handset.clone(), ..ModemOptions::default() };
            let modem = Modem::start(options).await.map_err(|error| {
                Failure::failed(format_args!("the modem cannot be reached there: {error}"))
            })?;
            let at: Vec<String> = [
                modem.link().map(|link| format!("at {}", link.display())),
                modem.address().map(|address| format!("at tcp {address}")),
                modem.rfc2217_address().map(|address| format!("at RFC 2217 {address}")),
            ]
            .into_iter()
            .flatten()
            .collect();
            output.line(format_args!("A modem is there, {}. Ctrl-C unplugs it.", at.join(", ")))?;
            watch.show(&mut signals, output).await?;
            modem.shutdown().await;
        }
    }
    Ok(())
}

/// Where a modem is reached: at least one place.
fn ports(link: Option<PathBuf>, tcp: Option<SocketAddr>, rfc2217: Option<SocketAddr>) -> Vec<ModemPort> {
    let link = match (link, tcp, rfc2217) {
        (None, None, None) => Some(std::env::temp_dir().join("textgate-modem")),
        (link, ..) => link,
    };
    let ports = [link.map(ModemPort::Pty), tcp.map(ModemPort::Tcp), rfc2217.map(ModemPort::Rfc2217)];
    ports.into_iter().flatten().collect()
}

fn taken(listen: SocketAddr, error: &io::Error) -> Failure {
    Failure::failed(format_args!("cannot listen on {listen}: {error}; choose another address with --listen"))
}

/// Who looks at the phones: their page and this terminal.
struct Watch {
    phones: Phones,
    events: HandsetEvents,
    show_text: bool,
}

impl Watch {
    /// Looks from now on, before anything can arrive.
    async fn start(handset: &Handset, watching: Watching) -> Result<Self, Failure> {
        let phones = Phones::start(watching.phones, handset).await.map_err(|error| {
            Failure::failed(format_args!("the phones cannot be shown on {}: {error}", watching.phones))
        })?;
        Ok(Self { phones, events: handset.events(), show_text: watching.show_text })
    }

    /// Shows what phones get, until a signal.
    async fn show(mut self, signals: &mut Signals, output: &mut Output) -> io::Result<()> {
        output.line(format_args!("Its phones are shown on {}", self.phones.url()))?;
        loop {
            tokio::select! {
                _ = signals.next() => break,
                event = self.events.next() => match event {
                    Some(event) => output.line(line(&event, self.show_text, output))?,
                    None => break,
                },
            }
        }
        self.phones.shutdown().await;
        Ok(())
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
