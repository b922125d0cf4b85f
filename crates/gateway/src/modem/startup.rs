//! From an open port to a modem that is ready: probed, unlocked, set up.

use super::Fault;
use super::dialogue::{Answer, Dialogue};
use super::model::Model;
use super::pin::PinNotes;
use super::settings::Modems;
use super::sim::{self, Sim};
use ring::digest;
use tokio::time::Instant;

/// What is known of a modem that was set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ready {
    pub model: Model,
    /// The SIM's identity, or the modem's: six hexadecimal digits that tell it from others and betray no number.
    pub identity: String,
    /// The SIM's own number, where it knows it.
    pub own_number: String,
    /// What comes directly has to be acknowledged by `+CNMA`.
    pub acknowledges: bool,
    /// `+CNMI` as it was set, to be set again.
    pub indications: Option<String>,
    /// The memories that messages may be in.
    pub memories: Vec<String>,
}

/// Makes the modem ready.
///
/// # Errors
/// Why it cannot be, with whether a person has to act.
pub(super) async fn start(
    dialogue: &mut Dialogue,
    modems: &Modems,
    pins: &PinNotes,
    line: &str,
    tell: impl Fn(&Model, Sim),
) -> Result<Ready, Fault> {
    dialogue.sync().await?;
    // Echo off; results in words; errors with their numbers (V.250 §6.2.4, §6.2.6; TS 27.007 §9.1).
    for command in ["E0", "V1", "+CMEE=1"] {
        dialogue.command(command).await?;
    }
    let model = Model::ask(dialogue).await?;
    for quirk in model.quirks() {
        dialogue.command(quirk).await?;
    }
    let sim = wait_for_sim(dialogue, modems).await?;
    tell(&model, sim);
    unlock(dialogue, modems, pins, sim, &model, line).await?;
    tell(&model, Sim::Ready);
    // PDU mode (TS 27.005 §3.2.3).
    if !dialogue.command("+CMGF=0").await?.is_ok() {
        return Err(Fault::new("the modem has no PDU mode, or no SMS at all"));
    }
    set_service_centre(dialogue, modems).await?;
    // Changes of the registration are told; the link is kept for the next message where the modem can (TS 27.005 §3.5.6).
    for command in ["+CREG=1", "+CMMS=2"] {
        dialogue.command(command).await?;
    }
    let memories = set_memories(dialogue).await?;
    let (indications, acknowledges) = set_indications(dialogue, modems.format.wants_reports).await?;
    let identity = dialogue.command("+CIMI").await?.plain("+CIMI").map(str::to_owned);
    let identity = identity.filter(|imsi| !imsi.is_empty()).unwrap_or_else(|| match model.imei.as_str() {
        "" => line.to_owned(),
        imei => imei.to_owned(),
    });
    let own = dialogue.command("+CNUM").await?;
    let own_number = own.value("+CNUM").and_then(|value| value.split(',').nth(1)).map(super::reply::unquoted);
    Ok(Ready {
        model,
        identity: short_digest(&identity),
        own_number: own_number.unwrap_or_default().chars().take(32).collect(),
        acknowledges,
        indications,
        memories,
    })
}

/// Six hexadecimal digits that tell this text from others.
pub(super) fn short_digest(text: &str) -> String {
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    super::reply::hexadecimal(digest.as_ref().get(..3).unwrap_or_default()).to_lowercase()
}

/// The SIM's state, once the modem knows it.
async fn wait_for_sim(dialogue: &mut Dialogue, modems: &Modems) -> Result<Sim, Fault> {
    let until = Instant::now() + modems.timing.slow;
    loop {
        let sim = Sim::ask(dialogue).await?;
        if sim != Sim::Busy || Instant::now() >= until {
            return Ok(sim);
        }
        dialogue.pause(Instant::now() + modems.timing.sync).await?;
    }
}

async fn unlock(
    dialogue: &mut Dialogue,
    modems: &Modems,
    pins: &PinNotes,
    sim: Sim,
    model: &Model,
    line: &str,
) -> Result<(), Fault> {
    match sim {
        // Some modems do not say; the network will.
        Sim::Ready | Sim::Unknown => return Ok(()),
        Sim::Pin if modems.pin.is_empty() => {
            return Err(Fault::account("the SIM wants its PIN; enter it as SIM PIN"));
        }
        Sim::Pin => {}
        Sim::Puk => {
            return Err(Fault::account(
                "the SIM is blocked by wrong PINs and wants its PUK; unblock it in a phone, with the PUK of its contract",
            ));
        }
        Sim::Missing => return Err(Fault::account("there is no SIM in the modem")),
        Sim::Locked => return Err(Fault::account("the modem is locked to another SIM or network")),
        Sim::Failed => return Err(Fault::account("the modem cannot use its SIM")),
        Sim::Busy => return Err(Fault::new("the SIM was not ready in time")),
    }
    let card = identify_sim(dialogue, model, line).await?;
    let left = sim::pin_tries_left(dialogue).await?;
    pins.may_send(&card, &modems.pin, left).map_err(Fault::account)?;
    let answer = dialogue.slow_command(&format!("+CPIN=\"{}\"", &*modems.pin)).await?;
    // Ready is ready, whatever was answered; and an error may come without a wrong PIN.
    let sim = wait_for_sim(dialogue, modems).await?;
    match sim {
        Sim::Ready => {
            pins.answered(&card, &modems.pin, true);
            Ok(())
        }
        _ if answer.is_ok() => Err(Fault::new("the SIM took its PIN and is not ready")),
        _ => {
            pins.answered(&card, &modems.pin, false);
            tracing::warn!(line, "the SIM refused its PIN");
            Err(Fault::account("the SIM refused the PIN; change SIM PIN. It is not sent again"))
        }
    }
}

/// What tells the SIM from others: its number (ICCID), which modems read without a PIN, or else the modem.
async fn identify_sim(dialogue: &mut Dialogue, model: &Model, line: &str) -> Result<String, Fault> {
    for (command, name) in [("+CCID", "+CCID"), ("+ICCID", "+ICCID"), ("^ICCID?", "^ICCID")] {
        let answer = dialogue.command(command).await?;
        let text = answer.plain(name).unwrap_or_default();
        let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
        // ITU-T E.118 §4.1: 89, and at most 19 digits; the SIM fills up the last octet.
        if answer.is_ok() && digits.starts_with("89") && (18..=22).contains(&digits.len()) {
            return Ok(digits);
        }
    }
    Ok(if model.imei.is_empty() { line.to_owned() } else { model.imei.clone() })
}

/// The service centre as set, or as the SIM says (TS 27.005 §3.3.1).
async fn set_service_centre(dialogue: &mut Dialogue, modems: &Modems) -> Result<(), Fault> {
    if modems.service_centre.is_empty() {
        let answer = dialogue.command("+CSCA?").await?;
        let centre =
            answer.value("+CSCA").and_then(|value| value.split(',').next()).map(super::reply::unquoted);
        if answer.is_ok() && centre.is_some_and(str::is_empty) {
            return Err(Fault::account(
                "the SIM knows no service centre; enter its number as Service Centre",
            ));
        }
        return Ok(());
    }
    let kind = if modems.service_centre.starts_with('+') { 145 } else { 129 };
    let answer = dialogue.command(&format!("+CSCA=\"{}\",{kind}", modems.service_centre)).await?;
    if answer.is_ok() { Ok(()) } else { Err(Fault::account("the modem refuses the Service Centre")) }
}

/// Lets messages be stored where there is room, and answers where messages may be (TS 27.005 §3.2.2).
async fn set_memories(dialogue: &mut Dialogue) -> Result<Vec<String>, Fault> {
    let answer = dialogue.command("+CPMS=?").await?;
    let first = answer.value("+CPMS").and_then(|value| value.split(')').next()).unwrap_or_default();
    let known: Vec<String> = first
        .split(['(', ',', '"', ' '])
        .filter(|memory| matches!(*memory, "SM" | "ME" | "SR"))
        .map(str::to_owned)
        .collect();
    for memory in ["SM", "ME"] {
        if dialogue.slow_command(&format!("+CPMS=\"{memory}\",\"{memory}\",\"{memory}\"")).await?.is_ok() {
            // The one that is in use first; then those where something may be left from before.
            let mut memories = vec![memory.to_owned()];
            memories.extend(known.into_iter().filter(|known| known != memory));
            memories.dedup();
            return Ok(memories);
        }
    }
    Ok(Vec::new())
}

/// Lets messages be stored and announced, and reports too or else be handed over directly (TS 27.005 §3.4.1). What is handed over
/// directly is acknowledged where the modem lets us (`+CSMS=1`, §3.2.1): so nothing is lost that was not kept. Answers the setting,
/// and whether it has to be acknowledged.
async fn set_indications(
    dialogue: &mut Dialogue,
    wants_reports: bool,
) -> Result<(Option<String>, bool), Fault> {
    let supported = Supported::read(&dialogue.command("+CNMI=?").await?);
    let mode = supported.first_of(0, &[2, 1, 3]);
    let buffer = supported.first_of(4, &[0, 1]);
    let stored = supported.first_of(1, &[1, 2]);
    let mut tries = Vec::new();
    for report in supported.all_of(3, if wants_reports { &[2, 1] } else { &[0] }) {
        tries.push((format!("+CNMI={mode},{stored},0,{report},{buffer}"), report == 1 || stored == 2));
    }
    // For modems that say more than they can.
    for report in if wants_reports { [2, 1, 0].as_slice() } else { &[0] } {
        tries.push((format!("+CNMI=2,1,0,{report},0"), *report == 1));
        tries.push((format!("+CNMI=1,1,0,{report},1"), *report == 1));
    }
    tries.push(("+CNMI=2,1".to_owned(), false));
    for (setting, is_direct) in tries {
        if is_direct
            && dialogue.command("+CSMS=1").await?.is_ok()
            && dialogue.command(&setting).await?.is_ok()
        {
            return Ok((Some(setting), true));
        }
        if is_direct {
            dialogue.command("+CSMS=0").await?;
        }
        if dialogue.command(&setting).await?.is_ok() {
            return Ok((Some(setting), false));
        }
    }
    Ok((None, false))
}

/// What `+CNMI=?` lists: for each parameter its values.
struct Supported(Vec<Vec<u8>>);

impl Supported {
    fn read(answer: &Answer) -> Self {
        let value = answer.value("+CNMI").unwrap_or_default();
        let lists = value.split('(').skip(1).take(5).map(|list| {
            let list = list.split(')').next().unwrap_or_default();
            list.split(',').flat_map(range).collect()
        });
        Self(lists.collect())
    }

    /// The first of these values that is supported; the first of all where nothing is known.
    fn first_of(&self, parameter: usize, wanted: &[u8]) -> u8 {
        self.all_of(parameter, wanted).first().or(wanted.first()).copied().unwrap_or_default()
    }

    fn all_of(&self, parameter: usize, wanted: &[u8]) -> Vec<u8> {
        match self.0.get(parameter) {
            Some(known) => wanted.iter().copied().filter(|value| known.contains(value)).collect(),
            None => wanted.to_vec(),
        }
    }
}

/// `2`, or `0-3`.
fn range(text: &str) -> Vec<u8> {
    let number = |text: &str| text.trim().parse::<u8>().ok().filter(|n| *n < 16);
    match text.split_once('-') {
        Some((from, to)) => match (number(from), number(to)) {
            (Some(from), Some(to)) => (from..=to).collect(),
            _ => Vec::new(),
        },
        None => number(text).into_iter().collect(),
    }
}
