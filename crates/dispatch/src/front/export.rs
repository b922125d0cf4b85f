//! Messages as CSV (RFC 4180): all that fit a filter, page by page, however many there are.

use super::csv::{cell, time};
use super::server;
use crate::dispatch::Dispatch;
use crate::words::{DirectoryError, MessageView};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use textgate_sms::{MessageId, VsId};
use textgate_store::Filter;

/// Messages read and written at once.
const PAGE: usize = 500;
/// Exports that run at once; more would only wait for each other.
const EXPORTS_MOST: usize = 8;

static EXPORTS: AtomicUsize = AtomicUsize::new(0);

/// What the cells of a line are; with texts, the text is one more.
const COLUMNS: &str = "id,status,to,kind,sender,reference,segments,encoding,accepted_at,send_at,changed_at,reason,attempts,gateway,\
                       outcome,detail,resend_of";

/// An export that runs: what is still to be written.
pub struct Export {
    dispatch: Dispatch,
    vs: VsId,
    filter: Filter,
    with_texts: bool,
    /// Where the next page begins; `None` at the end.
    before: Option<Option<MessageId>>,
    is_begun: bool,
    _running: Running,
}

/// One of the exports that run.
struct Running;

impl Dispatch {
    /// Begins an export of all messages of this virtual server that fit, the newest first, with the last attempt of each; with the
    /// texts that are kept, but for those of passcodes, where `with_texts` is set.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] for the virtual server, [`DirectoryError::Conflict`] where too many run.
    pub fn export(&self, vs: VsId, filter: Filter, with_texts: bool) -> Result<Export, DirectoryError> {
        server(&self.engine.view.load(), vs)?;
        let running = Running::begin()
            .ok_or_else(|| DirectoryError::Conflict("too many exports run; try again in a moment".into()))?;
        let dispatch = self.clone();
        Ok(Export {
            dispatch,
            vs,
            filter,
            with_texts,
            before: Some(None),
            is_begun: false,
            _running: running,
        })
    }
}

impl Export {
    /// The next lines, the header first; `None` at the end. May be empty where much was looked at and nothing of it fits.
    pub async fn next(&mut self) -> Option<Result<String, DirectoryError>> {
        let before = self.before.take()?;
        let filter = self.filter.clone();
        let page = match self.with_texts {
            true => self.dispatch.messages_with_texts(self.vs, filter, before, PAGE).await,
            false => self.dispatch.messages(self.vs, filter, before, PAGE).await,
        };
        let page = match page {
            Ok(page) => page,
            Err(error) => return Some(Err(error)),
        };
        let mut out = String::new();
        if !self.is_begun {
            self.is_begun = true;
            out.push_str(COLUMNS);
            out.push_str(if self.with_texts { ",text\r\n" } else { "\r\n" });
        }
        for message in &page.messages {
            write(&mut out, message, self.with_texts);
        }
        self.before = page.next.as_deref().and_then(MessageId::parse).map(Some);
        Some(Ok(out))
    }
}

impl Running {
    fn begin() -> Option<Self> {
        let there = EXPORTS.fetch_add(1, Ordering::Relaxed);
        let running = Self; // gives its place back also where there was none
        (there < EXPORTS_MOST).then_some(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        EXPORTS.fetch_sub(1, Ordering::Relaxed);
    }
}

fn write(out: &mut String, message: &MessageView, with_text: bool) {
    let last = message.attempts.last();
    let reason = message.history.last().map_or("", |change| change.reason.as_str());
    // Writing into a String cannot fail.
    let _ = write!(out, "{},{},{},{},", message.id, message.status, message.to, message.kind);
    cell(out, message.sender.as_deref().unwrap_or_default());
    cell(out, message.reference.as_deref().unwrap_or_default());
    let _ = write!(out, "{},{},{},", message.segments, message.encoding, time(message.accepted_ms));
    let _ = write!(out, "{},{},", message.send_at_ms.map(time).unwrap_or_default(), time(message.changed_ms));
    cell(out, reason);
    let _ = write!(out, "{},", message.attempts.len());
    cell(out, last.map_or("", |attempt| attempt.gateway.as_str()));
    cell(out, last.map_or("", |attempt| attempt.outcome.name()));
    cell(out, last.map_or("", |attempt| attempt.detail.as_str()));
    out.push_str(message.resend_of.as_deref().unwrap_or_default());
    if with_text {
        out.push(',');
        cell(out, message.text.as_deref().unwrap_or_default());
        out.pop();
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_exports_run_than_the_bound() {
        let all: Vec<_> = (0..EXPORTS_MOST).map(|_| Running::begin()).collect();
        assert!(all.iter().all(Option::is_some) && Running::begin().is_none());
        drop(all);
        assert!(Running::begin().is_some());
    }
}
