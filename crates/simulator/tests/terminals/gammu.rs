//! Gammu, the Debian package.

use std::path::PathBuf;
use std::process::Stdio;

use textgate_simulator::text::Alphabet;
use textgate_simulator::{Memory, Modem, ModemError, ModemOptions, Sim, Turn};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

use super::{PATIENCE, PHONE, SEGMENTS, TEXTS, is_there, modem};

/// Gammu with its configuration for one modem.
struct Gammu {
    modem: Modem,
    config: PathBuf,
    _dir: tempfile::TempDir,
}

impl Gammu {
    async fn start(options: ModemOptions) -> Option<Self> {
        if !is_there("gammu", "gammu") {
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let modem = modem(dir.path(), options).await;
        let config = dir.path().join("gammurc");
        let device = modem.link().unwrap().display();
        std::fs::write(&config, format!("[gammu]\ndevice = {device}\nconnection = at115200\n")).unwrap();
        Some(Self { modem, config, _dir: dir })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("gammu");
        // Texts of arguments are read in the locale's coding.
        command.env("LC_ALL", "C.UTF-8").arg("-c").arg(&self.config).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// Runs it to its end; gives back whether it was content, and what it said.
    async fn run(&self, arguments: &[&str]) -> (bool, String) {
        let output = tokio::time::timeout(PATIENCE, self.command(arguments).output());
        let output = output.await.expect("gammu does not end").unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.success(), format!("{out}{err}"))
    }

    async fn run_well(&self, arguments: &[&str]) -> String {
        let (is_well, said) = self.run(arguments).await;
        assert!(is_well, "gammu {arguments:?}: {said}");
        said
    }
}

#[tokio::test]
async fn gammu_knows_what_the_modem_is() {
    let Some(gammu) = Gammu::start(ModemOptions::default()).await else { return };
    let said = gammu.run_well(&["identify"]).await;
    for known in ["Textgate", "Simulated modem", "490154203237518", "001010123456789"] {
        assert!(said.contains(known), "{known}: {said}");
    }
}

#[tokio::test]
async fn what_gammu_sends_is_what_the_phone_shows() {
    let Some(gammu) = Gammu::start(ModemOptions::default()).await else { return };
    for (text, segments) in TEXTS.into_iter().zip(SEGMENTS) {
        let is_unicode = !text.is_ascii() && !text.contains('€');
        let mut arguments = vec!["sendsms", "TEXT", PHONE, "-len", "1000", "-text", text];
        if is_unicode {
            arguments.push("-unicode");
        }
        gammu.run_well(&arguments).await;
        let message = gammu.modem.next_message(PATIENCE).await.unwrap();
        assert_eq!((message.text.as_str(), message.destination.number.as_str()), (text, PHONE));
        assert_eq!((message.segments.len(), message.flash), (segments, false));
        let alphabet = if is_unicode { Alphabet::Ucs2 } else { Alphabet::Gsm7 };
        assert_eq!(message.segments[0].submit.alphabet(), Some(alphabet));
    }
}

#[tokio::test]
async fn flash_validity_and_report_arrive_as_gammu_was_told() {
    let Some(gammu) = Gammu::start(ModemOptions::default()).await else { return };
    let told = ["sendsms", "TEXT", PHONE, "-flash", "-report", "-validity", "HOUR", "-text", "now"];
    gammu.run_well(&told).await;
    let message = gammu.modem.next_message(PATIENCE).await.unwrap();
    let submit = &message.segments[0].submit;
    assert!(message.flash && submit.wants_report);
    assert_eq!((submit.validity.minutes(), submit.service_centre.as_str()), (Some(60), "15550100000"));
}

#[tokio::test]
async fn gammu_reads_what_phones_sent() {
    let Some(gammu) = Gammu::start(ModemOptions::default()).await else { return };
    for text in TEXTS {
        gammu.modem.receive("+15550100199", text);
    }
    assert_eq!(gammu.modem.stored(Memory::Sm).len(), SEGMENTS.iter().sum::<usize>());
    let said = gammu.run_well(&["getallsms"]).await;
    // Gammu shows long texts a part at a time, each after its own head.
    for line in [TEXTS[0], TEXTS[1], "+15550100199", "7 SMS parts"] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let said = gammu.run_well(&["geteachsms"]).await;
    for text in TEXTS {
        assert!(said.contains(text), "{text}: {said}");
    }
    gammu.run_well(&["deleteallsms", "1"]).await;
    assert!(gammu.modem.stored(Memory::Sm).is_empty());
}

#[tokio::test]
async fn gammu_tells_what_the_network_refuses_and_enters_the_pin() {
    let sim = Some(Sim { pin: Some("1234".into()), ..Sim::default() });
    let Some(gammu) = Gammu::start(ModemOptions { sim, ..ModemOptions::default() }).await else { return };
    assert!(gammu.run_well(&["getsecuritystatus"]).await.contains("PIN"));
    gammu.run_well(&["entersecuritycode", "PIN", "1234"]).await;
    gammu.modem.once("message", Turn::Refuse(ModemError::Cms(38)));
    let (is_well, said) = gammu.run(&["sendsms", "TEXT", PHONE, "-text", "no"]).await;
    assert!(!is_well && said.contains("38"), "{said}");
    gammu.run_well(&["sendsms", "TEXT", PHONE, "-text", "yes"]).await;
    assert_eq!(gammu.modem.messages().len(), 1);
}

#[tokio::test]
async fn a_report_reaches_gammu_while_it_watches() {
    let Some(gammu) = Gammu::start(ModemOptions::default()).await else { return };
    let mut child = gammu.command(&["monitor", "1000000"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let watching = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.starts_with("Battery") {
                return;
            }
        }
        panic!("gammu ended");
    };
    tokio::time::timeout(PATIENCE, watching).await.expect("gammu does not begin to watch");
    // Sent by another port: to the phone, "hellohello", with a report.
    let mut other = tokio::net::TcpStream::connect(gammu.modem.address().unwrap()).await.unwrap();
    other.write_all(b"AT+CMGS=22\r").await.unwrap();
    let mut heard = [0; 15];
    other.read_exact(&mut heard).await.unwrap();
    other.write_all(b"0021000B915155100001F000000AE8329BFD4697D9EC37\x1a").await.unwrap();
    let reported = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains("report") {
                return line;
            }
        }
        panic!("gammu ended");
    };
    let line = tokio::time::timeout(PATIENCE, reported).await.expect("gammu tells of no report");
    assert!(line.contains("tatus report"), "{line}");
    end(child).await;
}

async fn end(mut child: Child) {
    child.kill().await.unwrap();
}
