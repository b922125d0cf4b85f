//! What was received and not yet read, what is to be sent, and the one place where both meet the socket.

use super::pdu::MOST_PDU;
use bytes::{Buf as _, BytesMut};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// When so much waits to be sent, the peer does not read: nothing is added and nothing more is read until it has gone.
/// Longer than a message_payload may be, so that each PDU fits.
const MOST_UNSENT: usize = 256 * 1024;

/// Room for one read; hundreds of submit_sm_resp.
const READ: usize = 32 * 1024;

/// Octets received and not yet handled. Grows only for a PDU that needs it, up to [`MOST_PDU`].
pub(super) struct Inbox {
    octets: Vec<u8>,
    start: usize,
    end: usize,
}

impl Inbox {
    pub fn new() -> Self {
        Self { octets: vec![0; READ], start: 0, end: 0 }
    }

    /// What is there.
    pub fn unread(&self) -> &[u8] {
        self.octets.get(self.start..self.end).unwrap_or_default()
    }

    /// The first octets have been handled.
    pub fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Makes room for a PDU of this length at the front, and for something behind what is there.
    pub fn expect(&mut self, length: usize) {
        if self.start > 0 {
            self.octets.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let wanted = length.clamp(READ, MOST_PDU);
        if wanted > self.octets.len() {
            self.octets.resize(wanted, 0);
        } else if self.octets.len() > READ && wanted == READ && self.end <= READ {
            self.octets.truncate(READ);
            self.octets.shrink_to_fit();
        }
    }
}

/// Octets to be sent, and how many were ever handed to the socket.
#[derive(Default)]
pub(super) struct Outbox {
    pub octets: BytesMut,
    written: u64,
    is_unflushed: bool,
    /// Somebody was told that it is full, and waits for it to be empty.
    is_awaited: bool,
}

impl Outbox {
    /// Whether nothing may be added before something has gone.
    pub fn is_full(&mut self) -> bool {
        let is_full = self.octets.len() >= MOST_UNSENT;
        self.is_awaited |= is_full;
        is_full
    }

    pub fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    /// Octets that the socket has taken.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Where the next PDU begins.
    pub fn position(&self) -> u64 {
        self.written + self.octets.len() as u64
    }

    /// Takes a PDU out that has not begun to leave. Says whether it did.
    pub fn cut(&mut self, start: u64, length: usize) -> bool {
        let Some(from) = start.checked_sub(self.written).and_then(|from| usize::try_from(from).ok()) else {
            return false;
        };
        let to = from.saturating_add(length);
        if to > self.octets.len() {
            return false;
        }
        self.octets.copy_within(to.., from);
        self.octets.truncate(self.octets.len() - length);
        true
    }
}

/// Moves octets both ways as far as they go now. Ready when something came, or when an outbox that was full is
/// empty; an error when the connection is at its end. Never waits for one direction without trying the other.
pub(super) fn poll_io<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut S,
    inbox: &mut Inbox,
    outbox: &mut Outbox,
    may_read: bool,
    context: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    let emptied = poll_send(socket, outbox, context)?;
    if may_read {
        let mut room = ReadBuf::new(inbox.octets.get_mut(inbox.end..).unwrap_or_default());
        if let Poll::Ready(read) = Pin::new(socket).poll_read(context, &mut room) {
            read?;
            let count = room.filled().len();
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            inbox.end += count;
            return Poll::Ready(Ok(()));
        }
    }
    let is_room_again = emptied.is_ready() && std::mem::take(&mut outbox.is_awaited);
    if is_room_again { Poll::Ready(Ok(())) } else { Poll::Pending }
}

/// Sends all of the outbox and flushes it.
pub(super) fn poll_send<S: AsyncWrite + Unpin>(
    socket: &mut S,
    outbox: &mut Outbox,
    context: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    while !outbox.octets.is_empty() {
        let count = ready!(Pin::new(&mut *socket).poll_write(context, &outbox.octets))?;
        if count == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        outbox.octets.advance(count);
        outbox.written += count as u64;
        outbox.is_unflushed = true;
    }
    if outbox.is_unflushed {
        ready!(Pin::new(socket).poll_flush(context))?;
        outbox.is_unflushed = false;
    }
    Poll::Ready(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pdu_that_has_not_begun_to_leave_can_be_taken_out_and_no_other() {
        let mut outbox = Outbox { octets: BytesMut::from(&b"aabbbcc"[..]), written: 10, ..Outbox::default() };
        assert!(!outbox.cut(9, 3), "it has begun to leave");
        assert!(outbox.cut(12, 3));
        assert_eq!(&outbox.octets[..], b"aacc");
        assert!(!outbox.cut(13, 3), "there is no such PDU");
        assert_eq!(outbox.position(), 14);
    }

    #[test]
    fn an_inbox_grows_for_a_long_pdu_and_shrinks_after_it() {
        let mut inbox = Inbox::new();
        inbox.end = 10;
        inbox.consume(4);
        inbox.expect(MOST_PDU * 2);
        assert_eq!((inbox.octets.len(), inbox.unread().len(), inbox.start), (MOST_PDU, 6, 0));
        inbox.consume(6);
        inbox.expect(0);
        assert_eq!(inbox.octets.len(), READ);
    }
}
