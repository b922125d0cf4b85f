//! The gateway: its lines, each in a task of its own, until it is told to stop.

use super::device::Place;
use super::line;
use super::pin::PinNotes;
use super::port::Guards;
use super::preview;
use super::receipts::Ledger;
use super::settings::Modems;
use super::text;
use crate::backoff::random;
use crate::board::Board;
use crate::shares::while_held;
use crate::{
    Environment, Gateway, LineStatus, Plan, PlanError, Preview, PreviewError, Stop, Submission, Work,
};
use futures_util::future::BoxFuture;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Several modems, or one.
pub(super) struct Modem {
    pub modems: Modems,
    pub guards: Guards,
    pub pins: PinNotes,
    /// What was sent, for the reports that come back: outlives the lines.
    pub ledger: Mutex<Ledger>,
    lines: Mutex<Vec<LineStatus>>,
    /// Whether each line has a message in hand.
    busy: Vec<watch::Sender<bool>>,
    reference: AtomicU8,
}

impl Modem {
    /// A gateway of these modems. Opens nothing yet.
    pub fn new(modems: Modems, environment: &Environment) -> Self {
        let status = |place: &Place| LineStatus {
            line: place.to_string(),
            health: "connecting",
            sim: "unknown",
            registration: "unknown",
            ..LineStatus::default()
        };
        let lines = Mutex::new(modems.places.iter().map(status).collect());
        let busy = modems.places.iter().map(|_| watch::Sender::new(false)).collect();
        let guards = Guards { network: environment.network.clone(), devices: environment.devices.clone() };
        Self {
            modems,
            guards,
            pins: environment.pins.clone(),
            ledger: Mutex::default(),
            lines,
            busy,
            // Not from 0 after each start: a phone may still have parts of an old text.
            reference: AtomicU8::new(random() as u8),
        }
    }

    /// Changes what is told of a line.
    pub fn tell(&self, number: usize, change: impl FnOnce(&mut LineStatus)) {
        if let Some(status) = self.lines.lock().unwrap_or_else(PoisonError::into_inner).get_mut(number) {
            change(status);
        }
    }

    /// How many segments a line has sent.
    pub fn segments_sent(&self, number: usize) -> u64 {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.get(number).map_or(0, |status| status.segments_sent)
    }

    /// The reference of the next text of several segments: one number for all lines, so that two texts to one phone differ.
    pub fn next_reference(&self) -> u8 {
        self.reference.fetch_add(1, Ordering::Relaxed)
    }

    /// The reference that the next such text would get; a look takes none.
    pub fn reference(&self) -> u8 {
        self.reference.load(Ordering::Relaxed)
    }

    /// A line has a message in hand, or has none.
    pub fn set_busy(&self, number: usize, is_busy: bool) {
        if let Some(busy) = self.busy.get(number) {
            busy.send_replace(is_busy);
        }
    }

    /// Waits until a line has no message in hand.
    pub async fn until_not_busy(&self, number: usize) {
        if let Some(busy) = self.busy.get(number) {
            // Fails only where the sender is gone, and it is this gateway's.
            let _ = busy.subscribe().wait_for(|is_busy| !is_busy).await;
        }
    }
}

impl Gateway for Modem {
    fn plan(&self, text: &str) -> Result<Plan, PlanError> {
        text::plan(&self.modems.format, text)
    }

    fn preview(&self, submission: &Submission) -> Result<Preview, PreviewError> {
        preview::preview(self, submission)
    }

    fn run(self: Arc<Self>, work: Arc<dyn Work>, stop: Stop) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let board = Arc::new(Board::new(work.clone(), self.modems.places.len()));
            let mut tasks = JoinSet::new();
            for number in 0..self.modems.places.len() {
                let (gateway, board, work, stop) = (self.clone(), board.clone(), work.clone(), stop.clone());
                // A device is there or not; a line that is reached through the network is one node's at a time.
                let shares = work.shares().filter(|_| gateway.exclusive() & (1 << number) != 0);
                tasks.spawn(async move {
                    while_held(
                        shares.as_deref(),
                        number,
                        &board,
                        &stop,
                        |_| (),
                        |stop| {
                            let (gateway, board, work) = (&gateway, &board, &*work);
                            async move { line::keep(gateway, number, board, work, &stop).await }
                        },
                    )
                    .await;
                });
            }
            while let Some(ended) = tasks.join_next().await {
                if let Err(error) = ended {
                    tracing::error!(%error, "a modem's task broke");
                }
            }
        })
    }

    fn exclusive(&self) -> u32 {
        let is_shared = |(_, place): &(usize, &Place)| !matches!(place, Place::Serial(_));
        let shared = self.modems.places.iter().enumerate().filter(is_shared);
        shared.filter_map(|(number, _)| 1_u32.checked_shl(number as u32)).fold(0, |bits, bit| bits | bit)
    }

    fn is_local(&self) -> bool {
        true
    }

    fn lines(&self) -> Vec<LineStatus> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
