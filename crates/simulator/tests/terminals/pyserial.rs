//! pySerial, the Debian package `python3-serial`: a client of RFC 2217.

use textgate_simulator::{Cure, ModemOptions, Turn};
use tokio::process::Command;

use super::{PATIENCE, is_there_if, modem};

/// The one that has Debian's packages.
const PYTHON: &str = "/usr/bin/python3";

/// Sets the line, asks, reads the modem's lines, and resets a modem that hangs by dropping DTR.
const SCRIPT: &str = r"
import serial, sys
line = serial.serial_for_url(sys.argv[1], baudrate=115200, timeout=20)
def ask(command):
    line.write(command)
    return line.read_until(b'OK\r\n')
assert ask(b'ATE0\r').endswith(b'OK\r\n')
line.baudrate = 9600
assert ask(b'AT+CGMM\r') == b'\r\nSimulated modem\r\n\r\nOK\r\n'
assert line.cts and line.dsr and not line.ri
line.write(b'AT+CSQ\r')
line.dtr = False
line.dtr = True
assert ask(b'AT\r') == b'\r\nOK\r\n'
line.close()
";

#[tokio::test]
async fn pyserial_sets_the_line_and_resets_by_dtr_over_rfc_2217() {
    let probe = Command::new(PYTHON).args(["-c", "import serial"]).output().await;
    if !is_there_if(probe.is_ok_and(|probe| probe.status.success()), "pySerial", "python3-serial") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let modem = modem(dir.path(), ModemOptions::default()).await;
    modem.once("+CSQ", Turn::Hang(Cure::Reopen));
    let url = format!("rfc2217://{}", modem.rfc2217_address().unwrap());
    let running = Command::new(PYTHON).args(["-c", SCRIPT, &url]).kill_on_drop(true).output();
    let output = tokio::time::timeout(PATIENCE, running).await.expect("the script does not end").unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
