//! The modem over its real ports.

use std::time::Duration;

use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Cure, Modem, ModemOptions, ModemPort, Turn};

const SOON: Duration = Duration::from_secs(10);

/// A path of its own under the directory for temporary files.
fn path(name: &str) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("textgate-modem-{}-{name}", std::process::id()))
}

async fn open(modem: &Modem) -> File {
    OpenOptions::new().read(true).write(true).open(modem.link().unwrap()).await.unwrap()
}

/// Writes a line and reads until an answer ends so.
async fn ask<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, line: &str, end: &str) -> String {
    stream.write_all(line.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    let mut heard = Vec::new();
    while !heard.ends_with(end.as_bytes()) {
        let octet = tokio::time::timeout(SOON, stream.read_u8()).await.expect("no answer came");
        heard.push(octet.unwrap());
    }
    String::from_utf8(heard).unwrap()
}

#[tokio::test]
async fn a_terminal_opens_closes_and_opens_the_device_again() {
    let modem = Modem::start(ModemOptions::on_pty(path("reopen"))).await.unwrap();
    let mut terminal = open(&modem).await;
    assert_eq!(ask(&mut terminal, "ATE0\r", "OK\r\n").await, "ATE0\r\r\nOK\r\n");
    modem.once("", Turn::Hang(Cure::Reopen));
    terminal.write_all(b"AT\r").await.unwrap();
    terminal.flush().await.unwrap();
    modem.wait_for_lines(SOON, |lines| lines.len() == 2).await.unwrap();
    drop(terminal);
    modem.wait_until(SOON, |modem| modem.open_ports() == 0).await.unwrap();
    let mut terminal = open(&modem).await;
    assert_eq!(ask(&mut terminal, "AT\r", "OK\r\n").await, "\r\nOK\r\n", "settings stayed, the hang did not");
    assert_eq!(modem.counters().opened, 2);
}

#[tokio::test]
async fn an_unplugged_device_is_gone_and_comes_back_at_the_same_path() {
    let modem = Modem::start(ModemOptions::on_pty(path("replug"))).await.unwrap();
    let mut terminal = open(&modem).await;
    ask(&mut terminal, "AT\r", "OK\r\n").await;
    modem.unplug().await.unwrap();
    assert!(std::fs::symlink_metadata(modem.link().unwrap()).is_err());
    // What a terminal reads of a line that hung up is its end or an error.
    assert!(matches!(terminal.read(&mut [0; 16]).await, Ok(0) | Err(_)));
    modem.replug().await.unwrap();
    let mut terminal = open(&modem).await;
    ask(&mut terminal, "AT\r", "OK\r\n").await;
    let link = modem.link().unwrap().to_owned();
    drop(terminal);
    modem.shutdown().await;
    assert!(std::fs::symlink_metadata(link).is_err());
}

#[tokio::test]
async fn what_is_no_link_is_not_replaced() {
    let file = path("file");
    std::fs::write(&file, "mine").unwrap();
    assert!(Modem::start(ModemOptions::on_pty(&file)).await.is_err());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    std::fs::remove_file(file).unwrap();
}

#[tokio::test]
async fn serial_servers_take_one_terminal_at_a_time() {
    let any = ([127, 0, 0, 1], 0).into();
    let ports = vec![ModemPort::Tcp(any), ModemPort::Rfc2217(any)];
    let modem = Modem::start(ModemOptions { ports, ..ModemOptions::default() }).await.unwrap();
    let mut raw = TcpStream::connect(modem.address().unwrap()).await.unwrap();
    ask(&mut raw, "ATE0\r", "OK\r\n").await;
    let mut second = TcpStream::connect(modem.address().unwrap()).await.unwrap();
    let mut told = String::new();
    second.read_to_string(&mut told).await.unwrap();
    assert_eq!(told, "Port already in use\r\n");
    // RFC 2217 §3: a client offers the option, the server agrees; DTR off is confirmed, and ends a hang.
    let mut telnet = TcpStream::connect(modem.rfc2217_address().unwrap()).await.unwrap();
    telnet.write_all(&[255, 251, 44]).await.unwrap();
    let mut agreed = [0; 10];
    telnet.read_exact(&mut agreed).await.unwrap();
    assert_eq!(agreed, [255, 253, 44, 255, 250, 44, 107, 0x30, 255, 240], "agreed, and the modem's lines");
    ask(&mut telnet, "ATE0\r", "OK\r\n").await;
    modem.once("", Turn::Hang(Cure::Reopen));
    telnet.write_all(b"AT\r\xff\xfa\x2c\x05\x09\xff\xf0").await.unwrap();
    let mut confirmed = [0; 7];
    telnet.read_exact(&mut confirmed).await.unwrap();
    assert_eq!(confirmed, [255, 250, 44, 105, 9, 255, 240]);
    assert_eq!(ask(&mut telnet, "AT\r", "OK\r\n").await, "\r\nOK\r\n");
    modem.unplug().await.unwrap();
    assert_eq!(raw.read(&mut [0; 16]).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn a_slow_line_takes_the_time_of_its_octets() {
    let mut options =
        ModemOptions { ports: vec![ModemPort::Tcp(([127, 0, 0, 1], 0).into())], ..ModemOptions::default() };
    options.behaviour.baud = Some(9_600);
    let modem = Modem::start(options).await.unwrap();
    let mut terminal = TcpStream::connect(modem.address().unwrap()).await.unwrap();
    let begin = std::time::Instant::now();
    let octets = ask(&mut terminal, "AT+CGMM\r", "OK\r\n").await.len() as u32 + 8;
    assert!(begin.elapsed() >= Duration::from_secs(10) * octets / 9_600);
}

#[tokio::test]
async fn a_noisy_line_turns_bits() {
    let mut options =
        ModemOptions { ports: vec![ModemPort::Tcp(([127, 0, 0, 1], 0).into())], ..ModemOptions::default() };
    options.behaviour.noise_out = Some(5);
    let modem = Modem::start(options).await.unwrap();
    let mut terminal = TcpStream::connect(modem.address().unwrap()).await.unwrap();
    // "AT\r\r\nOK\r\n": the fifth octet is a line feed, 0x0A.
    assert_eq!(ask(&mut terminal, "AT\r", "\n").await.as_bytes(), b"AT\r\r\x0eOK\r\n");
}
