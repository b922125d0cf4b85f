//! Places for messages: on the SIM, in the modem, and for status reports (3GPP TS 27.005 §3.2.3).

/// Which memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Memory {
    /// `SM`: on the SIM.
    Sm,
    /// `ME`: in the modem.
    Me,
    /// `SR`: for status reports.
    Sr,
}

impl Memory {
    /// Its name in commands.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sm => "SM",
            Self::Me => "ME",
            Self::Sr => "SR",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Sm, Self::Me, Self::Sr].into_iter().find(|memory| memory.name() == name)
    }
}

/// What a stored message is (3GPP TS 27.005 §3.1, `<stat>`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageStatus {
    /// Received and not read.
    Unread,
    /// Received and read.
    Read,
    /// To be sent.
    Unsent,
    /// Sent.
    Sent,
}

impl MessageStatus {
    pub(super) const ALL: [Self; 4] = [Self::Unread, Self::Read, Self::Unsent, Self::Sent];

    /// In PDU mode.
    pub(super) fn number(self) -> u8 {
        self as u8
    }

    /// In text mode.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Unread => "REC UNREAD",
            Self::Read => "REC READ",
            Self::Unsent => "STO UNSENT",
            Self::Sent => "STO SENT",
        }
    }
}

/// A message in a memory. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Stored {
    /// What it is.
    pub status: MessageStatus,
    /// The service centre's address as it stands in front of the TPDU, its length first.
    pub service_centre: Vec<u8>,
    /// The TPDU.
    pub tpdu: Vec<u8>,
}

impl std::fmt::Debug for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stored").field("status", &self.status).finish_non_exhaustive()
    }
}

/// The places of one memory, numbered from 1.
#[derive(Debug, Default)]
pub(super) struct Places(Vec<Option<Stored>>);

impl Places {
    pub(super) fn new(capacity: usize) -> Self {
        Self(vec![None; capacity.min(1_000)])
    }

    pub(super) fn total(&self) -> usize {
        self.0.len()
    }

    pub(super) fn used(&self) -> usize {
        self.0.iter().flatten().count()
    }

    /// Puts it into the first free place; gives back which. `None` where there is none.
    pub(super) fn put(&mut self, message: Stored) -> Option<usize> {
        let index = self.0.iter().position(Option::is_none)?;
        *self.0.get_mut(index)? = Some(message);
        Some(index + 1)
    }

    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut Stored> {
        self.0.get_mut(place.checked_sub(1)?)?.as_mut()
    }

    /// Whether there is such a place, taken or not.
    pub(super) fn has(&self, place: usize) -> bool {
        (1..=self.0.len()).contains(&place)
    }

    pub(super) fn delete(&mut self, place: usize) {
        if let Some(one) = place.checked_sub(1).and_then(|index| self.0.get_mut(index)) {
            *one = None;
        }
    }

    pub(super) fn retain(&mut self, keeps: impl Fn(MessageStatus) -> bool) {
        for place in &mut self.0 {
            if place.as_ref().is_some_and(|message| !keeps(message.status)) {
                *place = None;
            }
        }
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (usize, &mut Stored)> {
        (1..).zip(&mut self.0).filter_map(|(place, message)| Some((place, message.as_mut()?)))
    }
}
