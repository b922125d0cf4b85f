//! What is kept of one phone number: shown to whom it belongs, and erased.
//!
//! Both go through everything that a virtual server and those below it keep; from the root, also through what virtual servers left that
//! are gone. What is sealed is opened to see whose it is. Nothing here is on the way of a message.

mod erase;
mod find;
mod show;
mod views;

pub use views::*;
