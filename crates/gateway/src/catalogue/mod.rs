//! The catalogue: preconfigured providers, one TOML file each, and the engine that makes gateways of them.
//!
//! A file says what a provider's requests look like and what its answers and calls mean; it never says how. Values are
//! typed, and only the writers of bodies, queries and headers put them into text. `catalogue/README.md` explains the format.

mod answer;
mod batch;
mod body;
mod check;
mod digest;
mod documentation;
mod envelope;
mod exchange;
mod extract;
mod file;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod inbound;
mod list;
mod moment;
mod node;
mod plugin;
mod receipts;
mod request;
mod sigv4;
mod sns;
mod template;
mod values;

#[cfg(test)]
mod tests;

pub use documentation::documentation;
pub use file::{Feature, Source};
pub use list::{CatalogueError, catalogue};
pub use plugin::CataloguePlugin;
