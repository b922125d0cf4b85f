//! Work that is carried through, whether or not whoever asked for it stays to hear what came of it.

use std::pin::Pin;
use std::task::{Context, Poll};

/// A future that goes on by itself when it is dropped before its end.
pub(crate) struct CarriedThrough<T: Send + 'static>(Option<Pin<Box<dyn Future<Output = T> + Send>>>);

impl<T: Send + 'static> CarriedThrough<T> {
    /// This future, to be carried through.
    pub(crate) fn new(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Some(Box::pin(future)))
    }
}

impl<T: Send + 'static> Future for CarriedThrough<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let Some(inner) = &mut self.0 else { return Poll::Pending };
        let polled = inner.as_mut().poll(cx);
        if polled.is_ready() {
            self.0 = None;
        }
        polled
    }
}

impl<T: Send + 'static> Drop for CarriedThrough<T> {
    fn drop(&mut self) {
        // Without a runtime the program is ending, and the next start finds what is on disk.
        if let (Some(inner), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) {
            drop(runtime.spawn(inner));
        }
    }
}
