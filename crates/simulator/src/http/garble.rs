//! A socket whose next answer can be replaced by other octets, which no HTTP library would write.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::sync::lock;

/// What is written in place of the next answer.
#[derive(Clone, Default)]
pub(super) struct Garbage(Arc<Mutex<Option<Vec<u8>>>>);

impl Garbage {
    pub(super) fn set(&self, octets: Vec<u8>) {
        *lock(&self.0) = Some(octets);
    }
}

/// A stream that writes garbage where there is some, and swallows what was to be written.
pub(super) struct Garbling<S> {
    pub(super) stream: S,
    pub(super) garbage: Garbage,
}

impl<S: AsyncRead + Unpin> AsyncRead for Garbling<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Garbling<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let garbage = lock(&self.garbage.0).take();
        let Some(mut garbage) = garbage else {
            return Pin::new(&mut self.stream).poll_write(context, octets);
        };
        while !garbage.is_empty() {
            let written = match Pin::new(&mut self.stream).poll_write(context, &garbage) {
                Poll::Ready(written) => written?,
                Poll::Pending => {
                    self.garbage.set(garbage);
                    return Poll::Pending;
                }
            };
            garbage.drain(..written.min(garbage.len()));
        }
        // From now on all is swallowed: an answer takes one write or several.
        self.garbage.set(Vec::new());
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
