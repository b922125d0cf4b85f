//! Opt-outs: phones that want no messages of a virtual server, what they say about it, and how that is heeded.
//!
//! The list in memory is what a message is held to: no store is asked. What is said is an entry of the consent log, on disk before it is
//! in force; every node follows the log, its own entries and others' alike.

mod fold;
mod front;
mod heed;
mod import;
mod list;
mod replies;
mod settings;
#[cfg(test)]
mod tests;
mod views;
mod wording;

pub use heed::{FromPhone, Heeded};
pub(crate) use list::OptOuts;
pub(crate) use replies::Replies;
pub use settings::{LONGEST_TEXT as OPT_OUT_LONGEST_TEXT, MOST_WORDS as OPT_OUT_MOST_WORDS};
pub use settings::{OptOutScope, OptOutSettings, OptOutTexts};
pub use views::*;
pub use wording::{Word, opt_out_languages};
