//! smsd of SMS Server Tools 3, the Debian package `smstools`, with a configuration and directories of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use textgate_simulator::{Memory, Modem, ModemOptions, ReportWhen, Reports};
use tokio::process::{Child, Command};

use super::{PATIENCE, PHONE, SEGMENTS, TEXTS, is_there, modem};

const SMSD: &str = "/usr/sbin/smsd";

/// smsd and its modem. Dropped, both end.
struct Smsd {
    modem: Modem,
    child: Child,
    dir: tempfile::TempDir,
}

impl Smsd {
    async fn start() -> Option<Self> {
        if !is_there(SMSD, "smstools") {
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        // As many modems do, and smsd expects: reports are stored beside messages.
        let options = ModemOptions { report_memory: Memory::Sm, ..ModemOptions::default() };
        let modem = modem(dir.path(), options).await;
        modem.change(|behaviour| {
            behaviour.reports = Reports { when: ReportWhen::AsRequested, ..Reports::default() };
        });
        let config = configuration(dir.path());
        std::fs::write(dir.path().join("smsd.conf"), config).unwrap();
        let child = Command::new(SMSD)
            .arg(format!("-c{}", dir.path().join("smsd.conf").display()))
            // In the foreground.
            .arg("-t")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Some(Self { modem, child, dir })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Puts a message into the outgoing folder, whole at once.
    fn send(&self, name: &str, head: &str, text: &str) {
        let draft = self.path(name);
        std::fs::write(&draft, format!("To: {PHONE}\n{head}\n{text}")).unwrap();
        std::fs::rename(draft, self.path("outgoing").join(name)).unwrap();
    }

    /// The files that come to be in a folder, once there are so many.
    async fn files(&self, folder: &str, count: usize) -> Vec<String> {
        let look = async {
            loop {
                let found: Vec<String> = std::fs::read_dir(self.path(folder))
                    .unwrap()
                    .filter_map(|entry| std::fs::read(entry.unwrap().path()).ok())
                    .map(|file| String::from_utf8_lossy(&file).into_owned())
                    // Not the parts of a long message that still wait for each other.
                    .filter(|file| ["To: ", "From: "].iter().any(|head| file.starts_with(head)))
                    .collect();
                if found.len() >= count {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let found = tokio::time::timeout(PATIENCE, look).await;
        found.unwrap_or_else(|_| panic!("not {count} in {folder}: {}", self.log()))
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Ends it as its service would, and waits until it has.
    async fn stop(mut self) {
        let pid = self.child.id().unwrap().to_string();
        std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        ended.expect("smsd does not end").unwrap();
    }
}

impl Drop for Smsd {
    fn drop(&mut self) {
        // It has a process for each modem, which end with it.
        if let Some(pid) = self.child.id() {
            let _ = std::process::Command::new("kill").args(["-TERM", &pid.to_string()]).status();
        }
    }
}

fn configuration(dir: &Path) -> String {
    let mut config = format!(
        "devices = GSM1\nlogfile = {0}/log\nloglevel = 7\ninfofile = {0}/info\npidfile = {0}/pid\n\
         delaytime = 1\ndelaytime_mainprocess = 1\nincoming_utf8 = yes\n",
        dir.display()
    );
    for folder in ["outgoing", "checked", "incoming", "report", "sent", "failed"] {
        std::fs::create_dir(dir.join(folder)).unwrap();
        config.push_str(&format!("{folder} = {}/{folder}\n", dir.display()));
    }
    config.push_str(&format!(
        "[GSM1]\ndevice = {}/modem\nbaudrate = 115200\nincoming = yes\nreport = yes\nsend_delay = 0\n\
         init = AT+CNMI=2,1,0,2,0\ndecode_unicode_text = yes\n",
        dir.display()
    ));
    config
}

#[tokio::test]
async fn what_lies_in_smsds_outgoing_folder_is_what_the_phone_shows() {
    let Some(smsd) = Smsd::start().await else { return };
    for (index, (text, segments)) in TEXTS.into_iter().zip(SEGMENTS).enumerate() {
        let is_unicode = !text.is_ascii() && !text.contains('€');
        let head = if is_unicode { "Alphabet: UTF-8\n" } else { "Alphabet: ISO\n" };
        smsd.send(&format!("text{index}"), head, text);
        let message = match smsd.modem.next_message(PATIENCE).await {
            Ok(message) => message,
            Err(error) => panic!("{error}: {}", smsd.log()),
        };
        assert_eq!((message.text.as_str(), message.destination.number.as_str()), (text, PHONE));
        assert_eq!(message.segments.len(), segments);
    }
    smsd.send("flash", "Flash: yes\nReport: yes\n", "now");
    let message = smsd.modem.next_message(PATIENCE).await.unwrap();
    assert!(message.flash && message.segments[0].submit.wants_report);
    smsd.files("sent", TEXTS.len() + 1).await;
    // The report of the one that asked for it.
    let reports = smsd.files("report", 1).await;
    assert!(reports[0].contains("Ok,short message received by the SME"), "{}", reports[0]);
    smsd.stop().await;
}

#[tokio::test]
async fn what_phones_sent_comes_into_smsds_incoming_folder() {
    let Some(smsd) = Smsd::start().await else { return };
    for text in TEXTS {
        smsd.modem.receive("+15550100199", text);
    }
    let files = smsd.files("incoming", TEXTS.len()).await;
    for text in TEXTS {
        let found = files.iter().find(|file| file.contains(text));
        let found = found.unwrap_or_else(|| panic!("{text}: {files:?}"));
        assert!(found.contains("From: 15550100199"), "{found}");
    }
    let read = |modem: &Modem| modem.stored(Memory::Sm).is_empty();
    smsd.modem.wait_until(PATIENCE, read).await.unwrap();
    smsd.stop().await;
}
