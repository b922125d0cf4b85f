//! Bodies of answers: a whole page, or events for as long as somebody looks.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::watch;
use tokio::time::timeout;

/// How often a word is sent where nothing happens, so that an end of the connection is noticed.
const BEAT: Duration = Duration::from_secs(15);

type Turn = Pin<Box<dyn Future<Output = Option<(Bytes, watch::Receiver<u64>)>> + Send>>;

/// The body of an answer.
pub(super) enum PageBody {
    /// All of it.
    Whole(Bytes),
    /// Events (text/event-stream), one for each change; several changes at once are one.
    Events(Turn),
}

impl PageBody {
    /// Tells of a change now, and of each from now on.
    pub(super) fn events(mut changes: watch::Receiver<u64>) -> Self {
        changes.mark_unchanged();
        let first = Bytes::from_static(b"retry: 1000\nevent: change\ndata:\n\n");
        Self::Events(Box::pin(std::future::ready(Some((first, changes)))))
    }
}

async fn next(mut changes: watch::Receiver<u64>) -> Option<(Bytes, watch::Receiver<u64>)> {
    match timeout(BEAT, changes.changed()).await {
        Ok(Ok(())) => Some((Bytes::from_static(b"event: change\ndata:\n\n"), changes)),
        Ok(Err(_)) => None,
        Err(_) => Some((Bytes::from_static(b":\n\n"), changes)),
    }
}

impl Body for PageBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Self::Whole(octets) if octets.is_empty() => Poll::Ready(None),
            Self::Whole(octets) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(octets))))),
            Self::Events(turn) => match turn.as_mut().poll(context) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(None) => {
                    *self = Self::Whole(Bytes::new());
                    Poll::Ready(None)
                }
                Poll::Ready(Some((event, changes))) => {
                    *turn = Box::pin(next(changes));
                    Poll::Ready(Some(Ok(Frame::data(event))))
                }
            },
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(octets) => SizeHint::with_exact(octets.len() as u64),
            Self::Events(_) => SizeHint::default(),
        }
    }
}
