//! The phone behind the simulators: what its owner would see, as a stream of events with a line each, and what the owner writes.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use tokio::sync::broadcast;

use crate::text::Alphabet;

/// How many events a slow reader may fall behind before it loses the oldest.
const BACKLOG: usize = 4096;

/// Which way a text came to the phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Via {
    /// Through the SMSC.
    Smsc,
    /// Through the HTTP provider.
    Http,
    /// Through the modem.
    Modem,
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Smsc => "smsc",
            Self::Http => "http",
            Self::Modem => "modem",
        })
    }
}

/// A phone got a text. `Display` is the line to print; `Debug` shows neither number nor text.
#[derive(Clone, PartialEq, Eq)]
pub struct HandsetEvent {
    /// The phone's number as it was submitted.
    pub number: String,
    /// Who it is from, as it was submitted; may be empty.
    pub sender: String,
    /// The whole text, put together again.
    pub text: String,
    /// Which way it came.
    pub via: Via,
    /// Shown at once and not kept (message class 0).
    pub flash: bool,
    /// The replace type, 1 to 7: it takes the place of the last text of that type from the same sender
    /// (TS 23.040 §9.2.3.9).
    pub replaces: Option<u8>,
    /// Its alphabet; `None` where that cannot be seen.
    pub alphabet: Option<Alphabet>,
    /// How many segments it took; 1 where that cannot be seen.
    pub segments: usize,
    /// When its last segment arrived.
    pub at: Instant,
}

impl fmt::Display for HandsetEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "phone {} got {:?} via {}", self.number, self.text, self.via)?;
        if !self.sender.is_empty() {
            write!(f, " from {}", self.sender)?;
        }
        if self.flash {
            f.write_str(", flash")?;
        }
        if self.segments > 1 {
            write!(f, ", {} segments", self.segments)?;
        }
        Ok(())
    }
}

impl fmt::Debug for HandsetEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandsetEvent")
            .field("via", &self.via)
            .field("flash", &self.flash)
            .field("segments", &self.segments)
            .finish_non_exhaustive()
    }
}

/// The replace type that a protocol identifier names, 1 to 7 (TS 23.040 §9.2.3.9).
pub(crate) fn replace_type(protocol_id: u8) -> Option<u8> {
    (0x41..=0x47).contains(&protocol_id).then_some(protocol_id & 0x07)
}

/// A phone's owner writes. `Debug` shows neither number nor text.
#[derive(Clone, PartialEq, Eq)]
pub struct Written {
    /// The phone's number.
    pub number: String,
    /// To whom.
    pub to: String,
    /// What.
    pub text: String,
    /// Which way it goes.
    pub via: Via,
}

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Written").field("via", &self.via).finish_non_exhaustive()
    }
}

/// Where simulators tell of texts. Clones tell the same listeners, so one handset can serve several simulators.
#[derive(Debug, Clone)]
pub struct Handset {
    shown: broadcast::Sender<HandsetEvent>,
    written: broadcast::Sender<Written>,
    /// How many simulators carry what is written, by way.
    carriers: Arc<[AtomicUsize; 3]>,
}

/// What is written, for the simulator that carries it one way. Dropped, it is carried no more.
#[derive(Debug)]
pub(crate) struct Carrier {
    via: Via,
    written: broadcast::Receiver<Written>,
    carriers: Arc<[AtomicUsize; 3]>,
}

impl Carrier {
    /// The next text that goes this way; `None` when every [`Handset`] is gone.
    pub(crate) async fn next(&mut self) -> Option<Written> {
        loop {
            match self.written.recv().await {
                Ok(written) if written.via == self.via => return Some(written),
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        self.carriers[self.via as usize].fetch_sub(1, Ordering::Relaxed);
    }
}

impl Default for Handset {
    fn default() -> Self {
        Self::new()
    }
}

impl Handset {
    /// A phone that nobody looks at yet.
    pub fn new() -> Self {
        Self {
            shown: broadcast::Sender::new(BACKLOG),
            written: broadcast::Sender::new(BACKLOG),
            carriers: Arc::default(),
        }
    }

    /// Looks at the phone from now on.
    pub fn events(&self) -> HandsetEvents {
        HandsetEvents { events: self.shown.subscribe(), missed: 0 }
    }

    /// Whether anybody looks; a text that nobody would see need not be decoded.
    pub(crate) fn is_watched(&self) -> bool {
        self.shown.receiver_count() > 0
    }

    /// Shows a text: what simulators do when one has arrived.
    pub fn show(&self, event: HandsetEvent) {
        // Nobody looking is not an error.
        let _ = self.shown.send(event);
    }

    /// Writes a text, as the phone's owner does. Whether a simulator carries it that way.
    pub fn write(&self, written: Written) -> bool {
        self.can_write(written.via) && self.written.send(written).is_ok()
    }

    /// Whether what is written this way is carried.
    pub fn can_write(&self, via: Via) -> bool {
        self.carriers[via as usize].load(Ordering::Relaxed) > 0
    }

    /// Carries what is written this way from now on.
    pub(crate) fn carry(&self, via: Via) -> Carrier {
        self.carriers[via as usize].fetch_add(1, Ordering::Relaxed);
        Carrier { via, written: self.written.subscribe(), carriers: Arc::clone(&self.carriers) }
    }
}

/// The stream of what a phone shows.
#[derive(Debug)]
pub struct HandsetEvents {
    events: broadcast::Receiver<HandsetEvent>,
    missed: u64,
}

impl HandsetEvents {
    /// The next text; `None` when every simulator and every [`Handset`] of it is gone.
    pub async fn next(&mut self) -> Option<HandsetEvent> {
        loop {
            match self.events.recv().await {
                Ok(event) => return Some(event),
                Err(broadcast::error::RecvError::Lagged(count)) => self.missed += count,
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }

    /// How many events were lost because this reader was slower than the simulators.
    pub fn missed(&self) -> u64 {
        self.missed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> HandsetEvent {
        HandsetEvent {
            number: "15550100100".into(),
            sender: "Acme".into(),
            text: "code 123456".into(),
            via: Via::Smsc,
            flash: true,
            replaces: None,
            alphabet: Some(Alphabet::Gsm7),
            segments: 2,
            at: Instant::now(),
        }
    }

    #[tokio::test]
    async fn every_listener_sees_every_text() {
        let handset = Handset::new();
        let (mut first, mut second) = (handset.events(), handset.clone().events());
        handset.show(event());
        drop(handset);
        assert_eq!(first.next().await, second.next().await);
        assert_eq!(first.next().await, None);
    }

    #[tokio::test]
    async fn what_is_written_goes_its_way_while_somebody_carries_it() {
        let handset = Handset::new();
        let written = |via| Written { number: "1".into(), to: "2".into(), text: "x".into(), via };
        assert!(!handset.write(written(Via::Smsc)));
        let mut carrier = handset.carry(Via::Smsc);
        let other = handset.carry(Via::Modem);
        assert!(handset.write(written(Via::Modem)) && handset.write(written(Via::Smsc)));
        assert_eq!(carrier.next().await, Some(written(Via::Smsc)));
        drop(other);
        assert!(!handset.can_write(Via::Modem) && handset.can_write(Via::Smsc));
    }

    #[test]
    fn the_line_tells_what_the_phone_shows_and_debug_does_not() {
        assert_eq!(
            event().to_string(),
            "phone 15550100100 got \"code 123456\" via smsc from Acme, flash, 2 segments"
        );
        let debug = format!("{:?}", event());
        assert!(!debug.contains("123456") && !debug.contains("100100"), "{debug}");
    }
}
