//! TPDUs against a codec that no one here wrote: the PyPI package `python-gsmmodem-new`, run in an environment of its own.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says so by failing")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use textgate_sms::tpdu::{Address, Deliver, Submit, Timestamp, UserData, Validity, split_service_centre};
use textgate_sms::{Encoding, Part, PhoneNumber, Reference, choose, header, segment, tp_dcs};

/// The script and what it needs, in the source tree.
const HOME: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/independent_codec");
const MESSAGES: usize = 10_000;

/// Numbers by chance, the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }

    fn yes(&mut self) -> bool {
        self.below(2) == 1
    }

    fn number(&mut self) -> PhoneNumber {
        let digits = 7 + self.below(9);
        let least = 10u64.pow(digits as u32 - 1);
        let more = self.below(9 * least as usize) as u64;
        PhoneNumber::from_u64(least + more).unwrap()
    }

    /// Mostly of the GSM alphabet, its extensions included, or with letters that only UCS-2 has. Of the characters beyond
    /// U+FFFF the package knows nothing, and `§` is `` ` `` to it.
    fn text(&mut self) -> String {
        let gsm: Vec<char> =
            "@£$¥èéùìòÇ\nØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./09:;<=>?¡AZÄÖÑÜ¿azäöñüà^{}\\[~]|€"
                .chars()
                .collect();
        let wide: Vec<char> = "жяق한字ł€abc ".chars().collect();
        let alphabet = if self.below(3) == 0 { &wide } else { &gsm };
        let most = if self.below(4) == 0 { 500 } else { 60 };
        (0..1 + self.below(most)).map(|_| alphabet[self.below(alphabet.len())]).collect()
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02X}")).collect()
}

fn from_hex(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().map(|c| c.to_digit(16).unwrap()).collect();
    digits.chunks(2).map(|pair| ((pair[0] << 4) | pair[1]) as u8).collect()
}

fn utf16(text: &str) -> String {
    hex(&text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>())
}

fn from_utf16(hex: &str) -> String {
    let octets = if hex == "-" { Vec::new() } else { from_hex(hex) };
    let units: Vec<u16> = octets.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    String::from_utf16(&units).unwrap()
}

#[test]
fn ten_thousand_messages_are_read_by_the_other_codec_as_they_were_meant() {
    let Some(python) = python() else { return };
    let mut dice = Dice(1);
    let (mut lines, mut meant) = (Vec::new(), Vec::new());
    for message in 0..MESSAGES {
        let (number, text, flash) = (dice.number(), dice.text(), dice.yes());
        let encoding = choose(&text, Default::default());
        let parts = segment(&text, encoding, Reference::Bits8).unwrap();
        let total = parts.len() as u8;
        for (place, part) in (1..).zip(parts) {
            let (several, reference) = (total > 1, message as u16);
            let place = Part { reference, bits: Reference::Bits8, total, number: place };
            let user_data = UserData {
                header: header(encoding, several.then_some(place)).to_vec(),
                units: part.units.clone(),
            };
            let address = Address::international(number);
            let data_coding = tp_dcs(encoding, flash);
            let octets = if dice.yes() {
                let submit = Submit {
                    reference: message as u8,
                    validity: dice.yes().then_some(Validity::Relative(message as u8)),
                    wants_report: dice.yes(),
                    ..Submit::new(address, data_coding, user_data)
                };
                meant.push((
                    "SMS-SUBMIT",
                    submit.reference,
                    number,
                    several.then_some(place),
                    part.units,
                    encoding,
                ));
                submit.to_octets().unwrap()
            } else {
                let deliver = Deliver {
                    from: address,
                    protocol_id: 0,
                    data_coding,
                    time: Some(Timestamp {
                        unix_s: 1_700_000_000 + message as i64 * 977,
                        quarters: message as i8 % 48,
                    }),
                    has_more: dice.yes(),
                    has_reply_path: false,
                    user_data,
                };
                meant.push(("SMS-DELIVER", 0, number, several.then_some(place), part.units, encoding));
                deliver.to_octets().unwrap()
            };
            lines.push(format!("decode 00{}", hex(&octets)));
        }
    }
    let answers = run(&python, &lines);
    assert_eq!(answers.len(), meant.len());
    for (answer, (kind, reference, number, place, units, encoding)) in answers.iter().zip(meant) {
        let [answered_kind, answered_number, answered_reference, parts, part, text] =
            answer.split(' ').collect::<Vec<_>>()[..]
        else {
            panic!("{answer}")
        };
        assert_eq!(answered_kind, kind);
        assert_eq!(String::from_utf8(from_hex(answered_number)).unwrap(), format!("+{number}"));
        assert_eq!(answered_reference.parse(), Ok(reference));
        let place = place.map_or((0, 0), |place| (place.total, place.number));
        assert_eq!((parts.parse(), part.parse()), (Ok(place.0), Ok(place.1)));
        let (text, meant) = (from_utf16(text), textgate_sms::decode(&units, encoding));
        // An `@` at the end, seven bits of zero, the package cannot tell from bits that are left over.
        let plain = |text: &str| text.trim_end_matches('@').to_owned();
        let is_same = text == meant || matches!(encoding, Encoding::Gsm7(_)) && plain(&text) == plain(&meant);
        assert!(is_same, "{text:?} for {meant:?}");
    }
}

#[test]
fn ten_thousand_messages_of_the_other_codec_are_read_as_they_were_meant() {
    let Some(python) = python() else { return };
    let mut dice = Dice(2);
    let (mut lines, mut meant) = (Vec::new(), Vec::new());
    for message in 0..MESSAGES {
        let (number, text) = (dice.number(), dice.text());
        let (report, flash) = (dice.yes(), dice.yes());
        let minutes = if dice.yes() { 5 + dice.below(100_000) } else { 0 };
        let reference = message as u8;
        let (r, f) = (u8::from(report), u8::from(flash));
        lines.push(format!("encode {reference} {r} {f} {minutes} +{number} {}", utf16(&text)));
        meant.push((number, text, report, flash, minutes, reference));
    }
    let answers = run(&python, &lines);
    assert_eq!(answers.len(), MESSAGES);
    for (answer, (number, text, report, flash, minutes, reference)) in answers.iter().zip(meant) {
        let mut whole = String::new();
        let pdus: Vec<&str> = answer.split(' ').collect();
        for (place, pdu) in (1..).zip(&pdus) {
            let octets = from_hex(pdu);
            let submit = Submit::read(split_service_centre(&octets).unwrap()).unwrap();
            assert_eq!(submit.to, Address::international(number));
            assert_eq!((submit.wants_report, submit.reference), (report, reference));
            assert_eq!(submit.data_coding & 0x10 != 0, flash);
            match submit.validity {
                None => assert_eq!(minutes, 0),
                // The package rounds to the nearest step.
                Some(Validity::Relative(period)) => {
                    let period = Validity::period(period).as_secs() as f64 / 60.0;
                    assert!((period / minutes as f64 - 1.0).abs() <= 0.5, "{period} for {minutes}");
                }
                Some(absolute) => panic!("{absolute:?}"),
            }
            let part = submit.user_data.part();
            let expected = (pdus.len() > 1).then_some((pdus.len() as u8, place));
            assert_eq!(part.map(|part| (part.total, part.number)), expected);
            whole.push_str(&submit.user_data.text(submit.data_coding));
        }
        assert_eq!(whole, text);
    }
}

// === the other codec ===

/// Gives the script these lines and answers its lines.
fn run(python: &Path, lines: &[String]) -> Vec<String> {
    let mut child = Command::new(python)
        .arg(Path::new(HOME).join("codec.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let all = lines.join("\n") + "\n";
    let writer = std::thread::spawn(move || stdin.write_all(all.as_bytes()));
    let answers = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap).collect();
    writer.join().unwrap().unwrap();
    assert!(child.wait().unwrap().success());
    answers
}

/// The interpreter of an environment with the package; `None`, after telling why, where this machine cannot have it. In CI that
/// fails the test.
fn python() -> Option<PathBuf> {
    match install() {
        Ok(python) => Some(python),
        Err(why) if std::env::var_os("CI").is_some_and(|ci| ci != "false" && !ci.is_empty()) => {
            panic!("{why}")
        }
        Err(why) => {
            // Past the test harness, which shows what a passing test prints to nobody.
            let _ = writeln!(std::io::stderr(), "NOT RUN: the test against a foreign codec: {why}");
            None
        }
    }
}

fn install() -> Result<PathBuf, String> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("independent-codec");
    let requirements = Path::new(HOME).join("requirements.txt");
    let failed = |what: &str, why: &dyn std::fmt::Display| format!("{what}: {why}");
    fs::create_dir_all(&dir).map_err(|error| failed("its directory cannot be made", &error))?;
    // Tests run in parallel, in threads or in processes.
    let lock = fs::File::create(dir.join("lock")).map_err(|error| failed("no lock", &error))?;
    lock.lock().map_err(|error| failed("no lock", &error))?;
    let wanted = fs::read(&requirements).unwrap();
    let (environment, installed) = (dir.join("venv"), dir.join("installed.txt"));
    let python = environment.join("bin/python");
    if fs::read(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    let run = |command: &mut Command| match command.stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(failed("not installed", &String::from_utf8_lossy(&output.stderr))),
        Err(error) => Err(failed("Python is needed (apt-get install python3-venv)", &error)),
    };
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r"];
    run(Command::new(&python).args(pip).arg(&requirements))?;
    fs::write(installed, wanted).map_err(|error| failed("installed, but not noted", &error))?;
    Ok(python)
}
