//! Bodies of answers: whole, cut short, never finished, or far too long.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// Octets of one piece of a huge body.
const PIECE: usize = 16 * 1024;

/// The body of an answer.
pub(super) enum AnswerBody {
    /// All of it.
    Whole(Bytes),
    /// This much of a longer one, and then the connection fails.
    Cut { part: Option<Bytes>, announced: u64, flushed: bool },
    /// This much of a longer one, and then nothing ever.
    Hanging { part: Option<Bytes>, announced: u64 },
    /// So many more octets; `u64::MAX` is without end.
    Huge(u64),
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match &mut *self {
            Self::Whole(octets) if octets.is_empty() => Poll::Ready(None),
            Self::Whole(octets) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(octets))))),
            Self::Cut { part, flushed, .. } => match part.take() {
                Some(part) => Poll::Ready(Some(Ok(Frame::data(part)))),
                // A pause in between: hyper writes what it has before it asks again and fails.
                None if !std::mem::replace(flushed, true) => {
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
                None => Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into()))),
            },
            // Pending without a waker is the point: only the connection's end ends it.
            Self::Hanging { part, .. } => match part.take() {
                Some(part) => Poll::Ready(Some(Ok(Frame::data(part)))),
                None => Poll::Pending,
            },
            Self::Huge(0) => Poll::Ready(None),
            Self::Huge(left) => {
                static PIECE_OF_IT: [u8; PIECE] = [b'x'; PIECE];
                let length = usize::try_from(*left).map_or(PIECE, |left| left.min(PIECE));
                if *left != u64::MAX {
                    *left -= length as u64;
                }
                let piece = PIECE_OF_IT.get(..length).unwrap_or(&PIECE_OF_IT);
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(piece)))))
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(octets) => SizeHint::with_exact(octets.len() as u64),
            Self::Cut { announced, .. } | Self::Hanging { announced, .. } => SizeHint::with_exact(*announced),
            Self::Huge(u64::MAX) => SizeHint::default(),
            Self::Huge(left) => SizeHint::with_exact(*left),
        }
    }
}
