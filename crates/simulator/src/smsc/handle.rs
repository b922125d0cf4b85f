//! The handle of a running SMSC.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::behaviour::Behaviour;
use super::counters::SmscCounters;
use super::deliver::DeliverSm;
use super::options::{BindMode, Command, SmscOptions};
use super::outbox::Delivery;
use super::record::{DeliveryAnswer, Message, SubmitRecord};
use super::shared::Shared;
use super::submit::AddressField;
use crate::handset::{Handset, HandsetEvents, Via, Written};
use crate::server::Server;
use crate::sync::lock;
use crate::text::segments;
use crate::wait::TimedOut;

/// An SMSC on its own address. Dropped, it ends abruptly with all its connections; [`shutdown`](Self::shutdown) also waits for that.
pub struct Smsc {
    server: Server<Shared>,
    _guard: DropGuard,
}

/// No session that can be delivered to is bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoReceiver;

impl fmt::Display for NoReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no receiver or transceiver is bound: bind one, then send")
    }
}

impl std::error::Error for NoReceiver {}

impl fmt::Debug for Smsc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Smsc").field("address", &self.address()).finish_non_exhaustive()
    }
}

impl Smsc {
    /// Starts listening.
    ///
    /// # Errors
    /// The address cannot be listened on, or the certificate or its key cannot be used.
    pub async fn start(options: SmscOptions) -> io::Result<Self> {
        let acceptor = options.tls.as_ref().map(|identity| identity.acceptor()).transpose()?;
        let listen = options.listen;
        let mut carrier = options.handset.carry(Via::Smsc);
        let server = Server::start(Shared::new(options, acceptor), listen)?;
        let stop = CancellationToken::new();
        let (shared, stopped) = (Arc::clone(&server.shared), stop.clone());
        tokio::spawn(stopped.run_until_cancelled_owned(async move {
            while let Some(Written { number, to, text, .. }) = carrier.next().await {
                // Without a receiver the phone has no network.
                let _ = shared.send_inbound(&number, &to, &text);
            }
        }));
        Ok(Self { server, _guard: stop.drop_guard() })
    }

    /// Where it listens, or did before it was stopped.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address().port()
    }

    // === behaviour ===

    /// Behaves so from now on, on open connections too.
    pub fn set(&self, behaviour: Behaviour) {
        self.server.shared.behaviour.send_replace(Arc::new(behaviour));
    }

    /// Changes something about the behaviour and leaves the rest.
    pub fn change(&self, change: impl FnOnce(&mut Behaviour)) {
        self.server.shared.behaviour.send_modify(|behaviour| change(Arc::make_mut(behaviour)));
    }

    /// How it behaves now.
    pub fn behaviour(&self) -> Behaviour {
        Behaviour::clone(&self.server.shared.behaviour.borrow())
    }

    /// Tells every open connection to do something once; gives back how many were told.
    pub fn command(&self, command: &Command) -> usize {
        let connections = lock(&self.server.shared.connections);
        connections.values().filter(|connected| connected.commands.try_send(command.clone()).is_ok()).count()
    }

    // === life ===

    /// Closes the listening socket and resets all connections, as a machine that dies does.
    pub async fn stop(&self) {
        self.server.stop().await;
    }

    /// Closes the listening socket; open connections live on.
    pub async fn stop_listening(&self) {
        self.server.stop_listening().await;
    }

    /// Listens again on the same port after [`stop`](Self::stop) or [`stop_listening`](Self::stop_listening).
    ///
    /// # Errors
    /// The port is taken: by another process, or because this SMSC still listens.
    pub async fn start_again(&self) -> io::Result<()> {
        self.server.start_again().await
    }

    /// Ends all tasks and waits until they have.
    pub async fn shutdown(self) {
        self.stop().await;
    }

    // === what arrived ===

    /// The whole messages that were accepted, the oldest first.
    pub fn messages(&self) -> Vec<Arc<Message>> {
        lock(&self.server.shared.recorder.records).messages.all()
    }

    /// All submits, refused ones too, the oldest first.
    pub fn submits(&self) -> Vec<Arc<SubmitRecord>> {
        lock(&self.server.shared.recorder.records).submits.all()
    }

    /// What was answered to deliver_sm, the oldest first.
    pub fn delivery_answers(&self) -> Vec<DeliveryAnswer> {
        lock(&self.server.shared.recorder.records).deliveries.all()
    }

    /// Forgets all that was recorded, incomplete messages too.
    pub fn forget(&self) {
        self.server.shared.recorder.forget();
    }

    /// Counts of what it saw.
    pub fn counters(&self) -> SmscCounters {
        self.server.shared.counters.read()
    }

    /// How many deliver_sm wait for a receiver or for their time.
    pub fn waiting_deliveries(&self) -> usize {
        self.server.shared.waiting()
    }

    /// Who is bound now.
    pub fn bound(&self) -> Vec<(String, BindMode)> {
        lock(&self.server.shared.connections)
            .values()
            .filter_map(|connected| connected.bound.clone())
            .collect()
    }

    /// Waits until the recorded messages are as asked; gives them back. Needs recording (`keep` above 0).
    ///
    /// # Errors
    /// They were not within that time.
    pub async fn wait_for(
        &self,
        within: Duration,
        mut are_there: impl FnMut(&[Arc<Message>]) -> bool,
    ) -> Result<Vec<Arc<Message>>, TimedOut> {
        let recorder = &self.server.shared.recorder;
        let look = || lock(&recorder.records).messages.all_if(&mut are_there);
        recorder.changes.wait(within, look).await
    }

    /// The next message that no call of this has given back yet. Needs recording (`keep` above 0).
    ///
    /// # Errors
    /// None came within that time.
    pub async fn next_message(&self, within: Duration) -> Result<Arc<Message>, TimedOut> {
        let recorder = &self.server.shared.recorder;
        let look = || lock(&recorder.records).messages.next();
        recorder.changes.wait(within, look).await
    }

    /// Waits until the recorded submits are as asked; gives them back. Needs recording (`keep` above 0).
    ///
    /// # Errors
    /// They were not within that time.
    pub async fn wait_for_submits(
        &self,
        within: Duration,
        mut are_there: impl FnMut(&[Arc<SubmitRecord>]) -> bool,
    ) -> Result<Vec<Arc<SubmitRecord>>, TimedOut> {
        let recorder = &self.server.shared.recorder;
        let look = || lock(&recorder.records).submits.all_if(&mut are_there);
        recorder.changes.wait(within, look).await
    }

    /// Waits until the answers to deliver_sm are as asked; gives them back. Needs recording (`keep` above 0).
    ///
    /// # Errors
    /// They were not within that time.
    pub async fn wait_for_delivery_answers(
        &self,
        within: Duration,
        mut are_there: impl FnMut(&[DeliveryAnswer]) -> bool,
    ) -> Result<Vec<DeliveryAnswer>, TimedOut> {
        let recorder = &self.server.shared.recorder;
        let look = || lock(&recorder.records).deliveries.all_if(&mut are_there);
        recorder.changes.wait(within, look).await
    }

    /// Waits until the counters are as asked. It looks after every read and when a connection ends, recording or not.
    ///
    /// # Errors
    /// They were not within that time.
    pub async fn wait_for_counters(
        &self,
        within: Duration,
        mut are_there: impl FnMut(&SmscCounters) -> bool,
    ) -> Result<SmscCounters, TimedOut> {
        let look = || {
            let counters = self.counters();
            are_there(&counters).then_some(counters)
        };
        self.server.shared.changes.wait(within, look).await
    }

    // === towards the client ===

    /// Sends a text from a phone, in as many parts as it needs, to the session that was bound last and can be delivered to;
    /// the answers are in [`delivery_answers`](Self::delivery_answers).
    ///
    /// # Errors
    /// Nobody is bound who could get it.
    pub fn send_inbound(&self, from: &str, to: &str, text: &str) -> Result<(), NoReceiver> {
        self.server.shared.send_inbound(from, to, text)
    }

    /// As [`send_inbound`](Self::send_inbound), for one system_id; kept until it is bound.
    pub fn send_inbound_to(&self, system_id: &str, from: &str, to: &str, text: &str) {
        let reference = self.server.shared.next_reference();
        let (data_coding, parts) = segments(text, reference);
        self.server.shared.send_parts(system_id, from, to, (data_coding, &parts), parts.len() > 1);
    }

    /// Sends parts of a text as they are, each with its header, to the session that was bound last: in another order, twice, or not
    /// all of them, as networks do. [`inbound_parts`](Self::inbound_parts) makes them.
    ///
    /// # Errors
    /// Nobody is bound who could get it.
    pub fn send_inbound_parts(
        &self,
        from: &str,
        to: &str,
        coded: (u8, &[Vec<u8>]),
    ) -> Result<(), NoReceiver> {
        let system_id = self.server.shared.receiver().ok_or(NoReceiver)?;
        self.server.shared.send_parts(&system_id, from, to, coded, true);
        Ok(())
    }

    /// The data_coding and the parts of a text under this reference.
    pub fn inbound_parts(text: &str, reference: u8) -> (u8, Vec<Vec<u8>>) {
        segments(text, reference)
    }

    // === the phone ===

    /// The phone that the messages are for.
    pub fn handset(&self) -> Handset {
        self.server.shared.options.handset.clone()
    }

    /// What the phone shows from now on.
    pub fn events(&self) -> HandsetEvents {
        self.server.shared.options.handset.events()
    }
}

impl Shared {
    fn next_reference(&self) -> u8 {
        u8::try_from(self.next_order() % 256).unwrap_or_default()
    }

    /// The system_id of the session that was bound last and can be delivered to.
    fn receiver(&self) -> Option<String> {
        lock(&self.connections)
            .iter()
            .filter_map(|(number, connected)| Some((number, connected.bound.as_ref()?)))
            .filter(|(_, (_, mode))| *mode != BindMode::Transmitter)
            .max_by_key(|(number, _)| **number)
            .map(|(_, (system_id, _))| system_id.clone())
    }

    fn send_inbound(&self, from: &str, to: &str, text: &str) -> Result<(), NoReceiver> {
        let system_id = self.receiver().ok_or(NoReceiver)?;
        let (data_coding, parts) = segments(text, self.next_reference());
        self.send_parts(&system_id, from, to, (data_coding, &parts), parts.len() > 1);
        Ok(())
    }

    fn send_parts(
        &self,
        system_id: &str,
        from: &str,
        to: &str,
        (data_coding, parts): (u8, &[Vec<u8>]),
        has_headers: bool,
    ) {
        // UDHI where there is a header (SMPP 3.4 §5.2.12).
        let esm_class = if has_headers { 0x40 } else { 0 };
        let address = |number: &str| cut(number).to_vec();
        let (from, to) = (address(from), address(to));
        let deliveries: Vec<Delivery> = parts
            .iter()
            .map(|part| Delivery {
                due: Instant::now(),
                order: self.next_order(),
                pdu: DeliverSm {
                    service_type: b"",
                    source: AddressField { ton: 1, npi: 1, octets: &from },
                    destination: AddressField { ton: 1, npi: 1, octets: &to },
                    esm_class,
                    data_coding,
                    short_message: part,
                    parameters: &[],
                }
                .pdu(),
                message_id: String::new(),
                is_receipt: false,
                tries: 0,
            })
            .collect();
        self.outbox(system_id).put(deliveries);
    }
}

/// An address has at most 20 octets (SMPP 3.4 §4.6.1).
fn cut(address: &str) -> &[u8] {
    let octets = address.as_bytes();
    octets.get(..20).unwrap_or(octets)
}
