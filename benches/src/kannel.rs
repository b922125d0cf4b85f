//! The peer: Kannel from Debian's package (bearerbox and smsbox), with its file store.

use crate::process::Process;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running Kannel.
pub struct Kannel {
    /// Where its sendsms interface listens.
    pub address: SocketAddr,
    /// The box that talks to the SMSC and keeps the store.
    pub bearerbox: Process,
    /// The box that talks HTTP.
    pub smsbox: Process,
    _dir: TempDir,
}

impl Kannel {
    /// Starts it with the SMSC at `smsc`, its file store below `dir`.
    ///
    /// # Errors
    /// It is not installed (`apt-get install kannel`), or does not start.
    pub fn start(dir: &Path, smsc: SocketAddr) -> io::Result<Self> {
        let dir = TempDir::new_in(dir)?;
        let [admin, boxes, send] = [free_port()?, free_port()?, free_port()?];
        let config = dir.path().join("kannel.conf");
        let at = std::path::absolute(dir.path())?;
        std::fs::write(&config, configuration(&at, admin, boxes, send, smsc))?;
        std::fs::create_dir(dir.path().join("store"))?;
        let start = |program: &str| {
            let child = Command::new(program)
                .arg("-v")
                .arg("4")
                .arg(&config)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn();
            child.map(Process::new).map_err(|error| {
                io::Error::other(format!("{program} does not start ({error}); apt-get install kannel"))
            })
        };
        let bearerbox = start("/usr/sbin/bearerbox")?;
        wait_for(boxes)?;
        let smsbox = start("/usr/sbin/smsbox")?;
        wait_for(send)?;
        let address = SocketAddr::from(([127, 0, 0, 1], send));
        Ok(Self { address, bearerbox, smsbox, _dir: dir })
    }

    /// The processor time of both boxes (s).
    pub fn cpu_s(&self) -> f64 {
        self.bearerbox.cpu_s() + self.smsbox.cpu_s()
    }

    /// The resident memory of both boxes (KiB).
    pub fn resident_kib(&self) -> u64 {
        self.bearerbox.resident_kib() + self.smsbox.resident_kib()
    }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

fn wait_for(port: u16) -> io::Result<()> {
    let end = Instant::now() + PATIENCE;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if Instant::now() > end {
            return Err(io::Error::other("Kannel did not start in time"));
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    Ok(())
}

/// As its user guide recommends for throughput: a file store, no access log, the same window, receipts not asked for.
fn configuration(dir: &Path, admin: u16, boxes: u16, send: u16, smsc: SocketAddr) -> String {
    format!(
        "group = core\n\
         admin-port = {admin}\nadmin-password = bench\nadmin-allow-ip = \"127.0.0.1\"\nadmin-deny-ip = \"*.*.*.*\"\n\
         smsbox-port = {boxes}\nbox-allow-ip = \"127.0.0.1\"\nbox-deny-ip = \"*.*.*.*\"\n\
         store-type = file\nstore-location = \"{dir}/store/queue\"\nsms-incoming-queue-limit = -1\n\
         sms-outgoing-queue-limit = 10000000\ndlr-storage = internal\nlog-level = 4\n\
         \n\
         group = smsc\nsmsc = smpp\nsmsc-id = bench\nhost = {}\nport = {}\ntransceiver-mode = true\n\
         smsc-username = esme\nsmsc-password = secret\nsystem-type = \"\"\nmax-pending-submits = 100\n\
         throughput = 0\nlog-level = 4\n\
         \n\
         group = smsbox\nbearerbox-host = 127.0.0.1\nbearerbox-port = {boxes}\nsendsms-port = {send}\nglobal-sender = 1000\n\
         http-request-retry = 0\nlog-level = 4\n\
         \n\
         group = sendsms-user\nusername = bench\npassword = bench\nmax-messages = 3\n",
        smsc.ip(),
        smsc.port(),
        dir = dir.display(),
    )
}
