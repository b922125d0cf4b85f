//! The pages: one file for each, with its routes.

mod allocation;
mod api_keys;
pub(crate) mod failure;
mod home;
mod preferences;
mod sign_in;
mod virtual_servers;

use crate::routes::Route;

/// Every page's routes.
pub(crate) fn routes() -> Vec<Route> {
    [
        home::routes(),
        preferences::routes(),
        sign_in::routes(),
        allocation::routes(),
        virtual_servers::routes(),
        api_keys::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
