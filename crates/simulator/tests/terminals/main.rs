//! Programs that no one here wrote as terminals of the simulated modem, on a real pseudo-terminal: what they send is what the
//! phone shows, and what a phone sends is what they tell.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)] // a test ends where something is not so

mod gammu;
mod pyserial;
mod smstools;

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use textgate_simulator::{Modem, ModemOptions, ModemPort};

/// Longer than any of these programs takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The phone that messages go to.
pub const PHONE: &str = "15550100100";

/// Texts of every kind: short, with both GSM tables, long, in UCS-2, long in UCS-2 with characters of two units.
pub const TEXTS: [&str; 4] = [
    "Your code is 123456. @£$ {}[]~\\|^ € äöü",
    "Привет, код 123456",
    "1 Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore \
     magna aliqua. 2 Ut enim ad minim veniam, quis nostrud exercitation ullamco laboris nisi ut aliquip ex ea commodo \
     consequat. 3 Duis aute irure dolor in reprehenderit in voluptate velit esse cillum dolore eu fugiat nulla pariatur.",
    "Длинное сообщение, которое не помещается в один сегмент, потому что в нём больше семидесяти знаков: проверим сборку.",
];

/// How many segments each of them takes (3GPP TS 23.038 §4, TS 23.040 §9.2.3.24.1).
pub const SEGMENTS: [usize; 4] = [1, 1, 3, 2];

/// Whether a program is installed. In CI it has to be; elsewhere the test tells and leaves itself out.
pub fn is_there(program: &str, package: &str) -> bool {
    // Told by whether it can be started; what it says to this does not matter.
    is_there_if(Command::new(program).arg("--version").output().is_ok(), program, package)
}

/// As [`is_there`], for what is told in another way.
pub fn is_there_if(is_there: bool, program: &str, package: &str) -> bool {
    if is_there {
        return true;
    }
    let why = format!("{program} is needed (apt-get install {package})");
    assert!(std::env::var_os("CI").is_none_or(|ci| ci == "false" || ci.is_empty()), "{why}");
    // Past the test harness, which shows what a passing test prints to nobody.
    let _ = writeln!(std::io::stderr(), "NOT RUN: the test with a foreign terminal: {why}");
    false
}

/// A modem whose device is in this directory, and which is reached on a second port too.
pub async fn modem(dir: &Path, options: ModemOptions) -> Modem {
    let any = ([127, 0, 0, 1], 0).into();
    let ports = vec![ModemPort::Pty(dir.join("modem")), ModemPort::Tcp(any), ModemPort::Rfc2217(any)];
    Modem::start(ModemOptions { ports, ..options }).await.unwrap()
}
