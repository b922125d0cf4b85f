//! The pages: one file for each, with its routes.

mod account;
mod allocation;
mod api_keys;
mod audit;
mod dashboard;
mod external;
pub(crate) mod failure;
mod home;
mod message;
mod messages;
mod preferences;
mod sign_in;
pub(crate) mod sms_settings;
mod users;
mod virtual_servers;
mod webhooks;
mod welcome;

use crate::routes::Route;

/// Every page's routes.
pub(crate) fn routes() -> Vec<Route> {
    [
        home::routes(),
        preferences::routes(),
        sign_in::routes(),
        external::routes(),
        sms_settings::routes(),
        dashboard::routes(),
        allocation::routes(),
        messages::routes(),
        webhooks::routes(),
        message::routes(),
        virtual_servers::routes(),
        users::routes(),
        api_keys::routes(),
        audit::routes(),
        account::routes(),
        welcome::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
