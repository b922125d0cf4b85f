//! Comms > Opt-outs: phones that want no messages, what was said about it, and how it is heeded.

mod list;
mod log;
mod settings;

use crate::routes::Route;

/// The page's name in addresses.
const PAGE: &str = "opt-outs";

pub(super) fn routes() -> Vec<Route> {
    [list::routes(), log::routes(), settings::routes()].into_iter().flatten().collect()
}
