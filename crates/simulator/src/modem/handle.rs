//! The handle of a running modem.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::behaviour::{ModemBehaviour, Turn};
use super::counters::ModemCounters;
use super::device::{Incoming, Registration, SimLock};
use super::memory::{Memory, Stored};
use super::options::{ModemOptions, ModemPort};
use super::port::{Pty, TcpPort, serve_pty};
use super::record::{ModemMessage, ModemSubmit};
use super::shared::Shared;
use super::tpdu::{Deliver, TpAddress, timestamp};
use crate::handset::{Handset, HandsetEvents, Via, Written};
use crate::server::Server;
use crate::sync::lock;
use crate::text::segments;
use crate::wait::TimedOut;

/// How long ports may take to follow the power.
const PLUGGING: Duration = Duration::from_secs(10);

/// A modem. Dropped, it ends abruptly and its device is gone; [`shutdown`](Self::shutdown) also waits for that.
pub struct Modem {
    shared: Arc<Shared>,
    servers: Vec<(bool, Server<TcpPort>)>,
    tasks: TaskTracker,
    stop: CancellationToken,
    _guard: DropGuard,
}

impl fmt::Debug for Modem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Modem").field("ports", &self.shared.options.ports).finish_non_exhaustive()
    }
}

impl Modem {
    /// Makes its ports: when this returns, its device is there and its address listened on.
    ///
    /// # Errors
    /// No pseudo-terminal or its link can be made, or an address cannot be listened on.
    pub async fn start(options: ModemOptions) -> io::Result<Self> {
        let ports = options.ports.clone();
        let shared = Arc::new(Shared::new(options));
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let mut servers = Vec::new();
        for (number, port) in ports.into_iter().enumerate() {
            match port {
                ModemPort::Pty(link) => {
                    let pty = Pty::open(&link)?;
                    shared.set_there(number, true);
                    tasks.spawn(serve_pty(Arc::clone(&shared), number, pty, stop.clone()));
                }
                ModemPort::Tcp(listen) | ModemPort::Rfc2217(listen) => {
                    let is_telnet = matches!(port, ModemPort::Rfc2217(_));
                    let port = TcpPort::new(Arc::clone(&shared), number, is_telnet);
                    servers.push((is_telnet, Server::start(port, listen)?));
                }
            }
        }
        let mut carrier = shared.options.handset.carry(Via::Modem);
        let (network, stopped) = (Arc::clone(&shared), stop.clone());
        tasks.spawn(stopped.run_until_cancelled_owned(async move {
            while let Some(Written { number, text, .. }) = carrier.next().await {
                network.receive(&number, &text);
            }
        }));
        let _guard = stop.clone().drop_guard();
        Ok(Self { shared, servers, tasks, stop, _guard })
    }

    /// The symbolic link to its first pseudo-terminal.
    pub fn link(&self) -> Option<&Path> {
        self.shared.options.ports.iter().find_map(|port| match port {
            ModemPort::Pty(link) => Some(link.as_path()),
            _ => None,
        })
    }

    /// Where its first raw serial server listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.servers.iter().find(|(is_telnet, _)| !is_telnet).map(|(_, server)| server.address())
    }

    /// Where its first serial server with RFC 2217 listens.
    pub fn rfc2217_address(&self) -> Option<SocketAddr> {
        self.servers.iter().find(|(is_telnet, _)| *is_telnet).map(|(_, server)| server.address())
    }

    /// Ends all tasks and waits until they have.
    pub async fn shutdown(self) {
        self.stop.cancel();
        for (_, server) in &self.servers {
            server.stop().await;
        }
        self.tasks.close();
        self.tasks.wait().await;
    }

    // === behaviour ===

    /// Behaves so from now on, on open ports too.
    pub fn set(&self, behaviour: ModemBehaviour) {
        self.shared.behaviour.send_replace(Arc::new(behaviour));
    }

    /// Changes something about the behaviour and leaves the rest.
    pub fn change(&self, change: impl FnOnce(&mut ModemBehaviour)) {
        self.shared.behaviour.send_modify(|behaviour| change(Arc::make_mut(behaviour)));
    }

    /// How it behaves now.
    pub fn behaviour(&self) -> ModemBehaviour {
        ModemBehaviour::clone(&self.shared.behaviour.borrow())
    }

    /// Does this once, with the next command of this name (`+CMGS`, `E`, empty for `AT` alone) or, for `message`, the next message
    /// after a prompt. Several wait in line.
    pub fn once(&self, name: &str, turn: Turn) {
        self.shared.once(name, turn);
    }

    /// Says these octets on every open port now, as they are, wherever its dialogue stands.
    pub fn say(&self, octets: &[u8]) {
        self.shared.say(octets);
    }

    // === power ===

    /// Pulls the plug: the device and its link vanish, connections close. Waits until they have.
    ///
    /// # Errors
    /// A port did not follow in time.
    pub async fn unplug(&self) -> Result<(), TimedOut> {
        self.shared.unplug();
        let gone = || (self.shared.ports_there() == 0 && self.shared.open_ports() == 0).then_some(());
        self.shared.changes.wait(PLUGGING, gone).await
    }

    /// Puts the plug back: the device is made anew at the same link, and the modem starts as if power came. Waits until it is there.
    ///
    /// # Errors
    /// A port did not follow in time: its link cannot be made.
    pub async fn replug(&self) -> Result<(), TimedOut> {
        self.shared.start(true);
        let ports = &self.shared.options.ports;
        let devices = ports.iter().filter(|port| matches!(port, ModemPort::Pty(_))).count();
        let there = || (self.shared.ports_there() == devices).then_some(());
        self.shared.changes.wait(PLUGGING, there).await
    }

    // === the network ===

    /// Changes where it is registered; terminals that asked are told.
    pub fn register(&self, registration: Registration) {
        lock(&self.shared.device).registration = registration;
        self.shared.changes.announce();
    }

    /// Changes the signal strength: 0 to 31, or 99 for unknown (3GPP TS 27.007 §8.5).
    pub fn set_signal(&self, signal: u8) {
        lock(&self.shared.device).signal = signal;
    }

    /// What the SIM wants; `None` without one.
    pub fn sim_lock(&self) -> Option<SimLock> {
        lock(&self.shared.device).card.as_ref().map(|card| card.lock)
    }

    /// How many tries for the PIN and the PUK are left.
    pub fn tries_left(&self) -> Option<(u8, u8)> {
        lock(&self.shared.device).card.as_ref().map(|card| (card.pin_left, card.puk_left))
    }

    /// Sends a text to the modem, in as many parts as it needs. It waits in the network until the modem takes it.
    pub fn receive(&self, from: &str, text: &str) {
        self.shared.receive(from, text);
    }

    /// Hands the modem an SMS-DELIVER as it is.
    pub fn receive_tpdu(&self, tpdu: &[u8]) {
        self.shared.arrive(Duration::ZERO, Incoming::Message(tpdu.to_vec()));
    }

    /// Hands the modem an SMS-STATUS-REPORT as it is.
    pub fn report_tpdu(&self, tpdu: &[u8]) {
        self.shared.arrive(Duration::ZERO, Incoming::Report(tpdu.to_vec()));
    }

    /// How many messages and reports wait in the network.
    pub fn waiting(&self) -> usize {
        lock(&self.shared.device).waiting()
    }

    /// What a memory holds.
    pub fn stored(&self, memory: Memory) -> Vec<Stored> {
        lock(&self.shared.device).stored(memory)
    }

    // === what arrived ===

    /// The whole messages that were taken, the oldest first.
    pub fn messages(&self) -> Vec<Arc<ModemMessage>> {
        lock(&self.shared.recorder.records).messages.all()
    }

    /// Every SMS-SUBMIT that was taken, the oldest first.
    pub fn submits(&self) -> Vec<Arc<ModemSubmit>> {
        lock(&self.shared.recorder.records).submits.all()
    }

    /// The command lines that were read, `AT` in front; a PIN stands in them.
    pub fn lines(&self) -> Vec<String> {
        lock(&self.shared.recorder.records).lines.all()
    }

    /// Counts of what it saw.
    pub fn counters(&self) -> ModemCounters {
        self.shared.counters.read()
    }

    /// How many of its ports a terminal has open.
    pub fn open_ports(&self) -> usize {
        self.shared.open_ports()
    }

    /// Waits until the recorded messages are as asked; gives them back. Needs recording (`keep` above 0).
    ///
    /// # Errors
    /// They were not within that time.
    pub async fn wait_for(
        &self,
        within: Duration,
        mut are_there: impl FnMut(&[Arc<ModemMessage>]) -> bool,
    ) -> Result<Vec<Arc<ModemMessage>>, TimedOut> {
        let recorder = &self.shared.recorder;
        let look = || lock(&recorder.records).messages.all_if(&mut are_there);
        recorder.changes.wait(within, look).await
    }

    /// The next message that no call of this has given back yet. Needs recording (`keep` above 0).
    ///
    /// # Errors
    /// None came within that time.
    pub async fn next_message(&self, within: Duration) -> Result<Arc<ModemMessage>, TimedOut> {
        let recorder = &self.shared.recorder;
        let look = || lock(&recorder.records).messages.next();
        recorder.changes.wait(within, look).await
    }

    /// Waits until the recorded command lines are as asked; gives them back. Needs recording (`keep` above 0).
    ///
    /// # Errors
    /// They were not within that time.
    pub async fn wait_for_lines(
        &self,
        within: Duration,
        mut are_there: impl FnMut(&[String]) -> bool,
    ) -> Result<Vec<String>, TimedOut> {
        let recorder = &self.shared.recorder;
        let look = || lock(&recorder.records).lines.all_if(&mut are_there);
        recorder.changes.wait(within, look).await
    }

    /// Waits until something about it is as asked: counters, stored messages, open ports.
    ///
    /// # Errors
    /// It was not within that time.
    pub async fn wait_until(
        &self,
        within: Duration,
        mut is_so: impl FnMut(&Self) -> bool,
    ) -> Result<(), TimedOut> {
        self.shared.changes.wait(within, || is_so(self).then_some(())).await
    }

    // === the phone ===

    /// The phone that the messages are for.
    pub fn handset(&self) -> Handset {
        self.shared.options.handset.clone()
    }

    /// What the phone shows from now on.
    pub fn events(&self) -> HandsetEvents {
        self.shared.options.handset.events()
    }
}

impl Shared {
    /// A text for the modem, in as many parts as it needs.
    fn receive(&self, from: &str, text: &str) {
        let reference = lock(&self.device).reference();
        let (data_coding, parts) = segments(text, reference);
        let is_long = parts.len() > 1;
        for part in parts {
            let (header, content) = part.split_at(if is_long { 6 } else { 0 });
            let deliver = Deliver {
                sender: TpAddress::of(from),
                protocol_id: 0,
                data_coding,
                stamp: timestamp(SystemTime::now()),
                header: header.to_vec(),
                content: content.to_vec(),
            };
            self.arrive(Duration::ZERO, Incoming::Message(deliver.tpdu()));
        }
    }
}
