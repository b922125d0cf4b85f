//! `textgate demo`: everything at work on this machine. The server is the real one, on a store of its own; only the providers
//! and the phone are simulated.

mod stage;

use crate::cli;
use crate::config::{Log, LogLevel};
use crate::failure::{Done, Failure};
use crate::logging;
use crate::output::{Output, Tone, printable};
use crate::signals::Signals;
use futures_util::FutureExt as _;
use http::Method;
use serde_json::json;
use stage::{Stage, USER};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};
use textgate_dispatch::{Happening, What};
use textgate_simulator::{HandsetEvent, Via};
use textgate_sms::{MessageState, OutcomeClass};

/// The phone of the person at the login screen.
const PHONE: &str = "15550100100";
/// How long one message may take: only a broken program needs it.
const PATIENCE: Duration = Duration::from_secs(15);
/// One message of the demo.
struct Scene {
    title: &'static str,
    kind: &'static str,
    text: String,
    /// Which way it must come.
    by: Via,
}

pub(super) async fn run(args: &cli::Demo, output: &mut Output) -> Done {
    // What goes wrong on purpose is shown below, not in a log.
    logging::start(&Log { level: LogLevel::Error, ..Log::default() });
    let mut signals = Signals::watch()?;
    let mut stage = Stage::set().await?;
    let played = tokio::select! {
        played = play(&mut stage, output) => played,
        _ = signals.next() => {
            stage.clear().await;
            return Ok(());
        }
    };
    if args.once || played.is_err() {
        stage.clear().await;
        if played.is_ok() {
            output.gap()?;
            output.line(output.tone(Tone::Good, "Everything was delivered."))?;
        }
        return played;
    }
    invite(&stage, output)?;
    tokio::select! {
        shown = watch(&mut stage, output) => shown?,
        _ = signals.next() => {}
    }
    stage.clear().await;
    Ok(())
}

// === the play ===

async fn play(stage: &mut Stage, output: &mut Output) -> Done {
    introduce(stage, output)?;
    let passcode = |title, by| {
        let text = format!("{:06} is your Acme code. It is valid for 5 minutes.", code());
        Scene { title, kind: "otp", text, by }
    };
    stage.perform(&passcode("A one-time passcode", Via::Smsc), output).await?;
    let text = "Acme: a new device has signed in to your account. Not you? Call us at once.".to_owned();
    let alert = Scene { title: "An alert", kind: "alert", text, by: Via::Smsc };
    stage.perform(&alert, output).await?;

    stage.smsc.stop().await;
    output.gap()?;
    output.line(
        output.tone(Tone::Notice, "The primary is stopped: its connections break, nobody listens any more."),
    )?;
    stage.perform(&passcode("The next passcode leaves by the failover", Via::Http), output).await?;

    stage.provider.stop().await;
    stage.until_up("modem").await?;
    output.gap()?;
    output.line(
        output.tone(Tone::Notice, "The failover is stopped, too: what is left is the modem on the desk."),
    )?;
    stage.perform(&passcode("This passcode leaves by the antenna", Via::Modem), output).await?;

    stage.smsc.start_again().await.map_err(stage::simulator)?;
    stage.provider.start_again().await.map_err(stage::simulator)?;
    output.gap()?;
    output.line(output.tone(Tone::Notice, "Both are started again."))?;
    stage.until_up("main").await?;
    stage.perform(&passcode("The primary is back, and takes the next passcode", Via::Smsc), output).await
}

fn introduce(stage: &Stage, output: &mut Output) -> Done {
    output.line(output.tone(Tone::Strong, "textgate demo"))?;
    output.line(
        "The real gateway on this machine; the providers and the phone are simulated. Nothing leaves it.",
    )?;
    output.gap()?;
    let api = stage.server.address();
    output.line(format_args!("  API       http://{api}, virtual server acme"))?;
    output.line(format_args!("  primary   main: SMPP, an SMSC at {}", stage.smsc.address()))?;
    output.line(format_args!(
        "  failover  backup: Generic HTTP(s), a provider at {}",
        stage.provider.address()
    ))?;
    let device = stage.modem.link().map(|link| link.display().to_string()).unwrap_or_default();
    output.line(format_args!("  failover  modem: SMS modem, at {device}"))?;
    output.line(format_args!("  phone     {PHONE}, to be seen on {}", stage.phones.url()))?;
    Ok(())
}

impl Stage {
    /// Sends one message by the API, and shows what happens to it until it is where it should be.
    async fn perform(&mut self, scene: &Scene, output: &mut Output) -> Done {
        output.gap()?;
        output.line(output.tone(Tone::Strong, scene.title))?;
        let body = json!({"to": PHONE, "text": scene.text, "kind": scene.kind});
        let begin = Instant::now();
        let mut posted = std::pin::pin!(self.client.send(Method::POST, "/v1/messages", &body));
        let mut is_answered = false;
        let mut arrived: Option<Via> = None;
        let mut status = None;
        step(output, begin, begin, Tone::Strong, "posted", "POST /v1/messages".into())?;
        let mut deadline = std::pin::pin!(tokio::time::sleep(PATIENCE));
        loop {
            // A receipt says more than the phone can show; a provider over HTTP sends none here.
            let is_done = match scene.by {
                Via::Smsc | Via::Modem => status == Some(MessageState::Delivered),
                Via::Http => status == Some(MessageState::Sent),
            };
            if is_answered && is_done && arrived.is_some() {
                break;
            }
            // What happened at one moment is heard in any order, and told in its own.
            let mut news = Vec::new();
            tokio::select! {
                biased;
                () = &mut deadline => return Err(Failure::failed("the message was not delivered in time")),
                happening = self.happenings.recv() => news.extend(happening.ok().map(News::Happening)),
                event = self.phone.next() => news.extend(event.map(News::Phone)),
                answer = &mut posted, if !is_answered => {
                    is_answered = true;
                    news.push(News::Answer(Instant::now(), answer?["id"].as_str().unwrap_or_default().to_owned()));
                }
            }
            while let Ok(happening) = self.happenings.try_recv() {
                news.push(News::Happening(happening));
            }
            while let Some(Some(event)) = self.phone.next().now_or_never() {
                news.push(News::Phone(event));
            }
            news.sort_by_key(News::at);
            for one in news {
                match &one {
                    News::Happening(happening) => {
                        if let What::State(state) = happening.what {
                            status = Some(state);
                        }
                    }
                    News::Phone(event) => arrived = Some(event.via),
                    News::Answer(..) => {}
                }
                one.show(begin, output)?;
            }
        }
        match arrived {
            Some(via) if via == scene.by => Ok(()),
            _ => Err(Failure::failed(format_args!("the message did not come by {}", scene.by))),
        }
    }

    /// Waits until this gateway is up.
    async fn until_up(&self, name: &str) -> Done {
        let end = Instant::now() + PATIENCE;
        loop {
            let settings = self.client.get("/v1/sms-settings").await?;
            let gateways = settings["gateways"].as_array().map(Vec::as_slice).unwrap_or_default();
            if gateways.iter().any(|g| g["name"] == name && g["status"]["health"] == "up") {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(Failure::failed(format_args!("the gateway {name} did not come up again")));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Something to tell.
enum News {
    Happening(Arc<Happening>),
    Phone(HandsetEvent),
    /// The API's answer, with the message's id.
    Answer(Instant, String),
}

impl News {
    fn at(&self) -> Instant {
        match self {
            Self::Happening(happening) => happening.at,
            Self::Phone(event) => event.at,
            Self::Answer(at, _) => *at,
        }
    }

    /// One line of a message's way.
    fn show(&self, begin: Instant, output: &mut Output) -> std::io::Result<()> {
        let mut line = |tone, what: &str, about: String| step(output, begin, self.at(), tone, what, about);
        match self {
            Self::Answer(_, id) => line(Tone::Strong, "answered", format!("202, message {id}")),
            Self::Phone(event) => {
                let (number, text) = (printable(&event.number), printable(&event.text));
                line(Tone::Good, "phone", format!("{number}: \"{text}\""))
            }
            Self::Happening(happening) => match &happening.what {
                What::Accepted => line(Tone::Strong, "accepted", "it is on disk".into()),
                What::Attempt { gateway, class: OutcomeClass::Sent, .. } => {
                    line(Tone::Strong, "taken", format!("by {gateway}"))
                }
                What::Attempt { gateway, class, detail } => {
                    line(Tone::Bad, class.name(), format!("by {gateway}: {}", printable(detail)))
                }
                What::Receipt { gateway, state } => {
                    line(Tone::Strong, "receipt", format!("from {gateway}: {state}"))
                }
                What::State(state) => {
                    let (tone, about) = meaning(*state);
                    line(tone, state.name(), about.into())
                }
            },
        }
    }
}

fn meaning(state: MessageState) -> (Tone, &'static str) {
    match state {
        MessageState::Sent => (Tone::Good, "the provider has it"),
        MessageState::Delivered => (Tone::Good, "the receipt says that the phone has it"),
        MessageState::Expired => (Tone::Bad, "its validity ended"),
        MessageState::Failed => (Tone::Bad, "every gateway refused it"),
        MessageState::Undelivered => (Tone::Bad, "the receipt says that the phone does not get it"),
        MessageState::Cancelled => (Tone::Notice, "called back"),
        MessageState::Accepted | MessageState::Scheduled => (Tone::Notice, "waiting"),
    }
}

fn step(
    output: &mut Output,
    begin: Instant,
    at: Instant,
    tone: Tone,
    what: &str,
    about: String,
) -> std::io::Result<()> {
    let ms = at.saturating_duration_since(begin).as_secs_f64() * 1000.0;
    let what = output.tone(tone, format_args!("{what:<10}"));
    output.line(format_args!("  {ms:>8.2} ms  {what}  {about}"))
}

/// Six digits of the system's randomness, by the hasher's keys.
fn code() -> u64 {
    RandomState::new().hash_one(0) % 1_000_000
}

// === afterwards ===

fn invite(stage: &Stage, output: &mut Output) -> Done {
    let (api, key) = (stage.server.address(), &stage.key);
    output.gap()?;
    output.line(output.tone(Tone::Good, "Everything was delivered. Now you:"))?;
    output.gap()?;
    output.line(format_args!("  curl -s http://{api}/v1/messages -H 'Authorization: Bearer {key}' \\"))?;
    output.line(format_args!(
        "    -H 'Content-Type: application/json' -d '{{\"to\":\"{PHONE}\",\"text\":\"Hello\",\"kind\":\"otp\"}}'"
    ))?;
    output.gap()?;
    output.line(format_args!("  curl -s http://{api}/v1/messages/ID -H 'Authorization: Bearer {key}'"))?;
    output.line(format_args!("  curl -s http://{api}/openapi.json   # all there is"))?;
    output.gap()?;
    output.line(format_args!("  Console   http://{api}/console/"))?;
    output.line(format_args!("            user {USER}, password {}", stage.password))?;
    if let Some(acme) = stage.server.dispatch().find(textgate_sms::VsId::ROOT, "acme") {
        let settings = format_args!("http://{api}/console/vs/{acme}/sms-settings");
        output.line(format_args!("            SMS Settings of acme, with Send test: {settings}"))?;
    }
    output.line(format_args!("  Phone     {}", stage.phones.url()))?;
    output.gap()?;
    output.line("What you send is shown there and here. Ctrl-C ends the demo, and nothing is left of it.")?;
    Ok(())
}

/// Shows what happens to whatever is sent.
async fn watch(stage: &mut Stage, output: &mut Output) -> Done {
    let mut begin = Instant::now();
    loop {
        tokio::select! {
            happening = stage.happenings.recv() => {
                let Ok(happening) = happening else { continue };
                if matches!(happening.what, What::Accepted) {
                    begin = Instant::now();
                    output.gap()?;
                    output.line(output.tone(Tone::Strong, format_args!("Message {}", happening.id)))?;
                }
                News::Happening(happening).show(begin, output)?;
            }
            event = stage.phone.next() => {
                let Some(event) = event else { continue };
                News::Phone(event).show(begin, output)?;
            }
        }
    }
}
