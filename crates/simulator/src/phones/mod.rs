//! Virtual handsets: a page that looks like a phone and shows messages as they arrive, one phone for each number.
//!
//! Flash messages lie on top until they are dismissed and are never stored; a message with a replace type takes the place of the
//! one before. The page follows live by server-sent events, and works without script by reloading.

mod body;
mod book;
mod page;
mod serve;

#[cfg(test)]
mod tests;

pub use serve::Phones;
