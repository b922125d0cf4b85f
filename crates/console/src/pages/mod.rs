//! The pages: one file for each, with its routes.

mod account;
mod alert_settings;
mod alerts;
mod allocation;
mod api_keys;
mod audit;
mod contacts;
mod dashboard;
mod external;
pub(crate) mod failure;
mod fraud_guard;
mod home;
mod message;
mod messages;
mod otp;
mod preferences;
mod providers;
mod sign_in;
pub(crate) mod sms_settings;
mod statistics;
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
        providers::routes(),
        dashboard::routes(),
        allocation::routes(),
        statistics::routes(),
        fraud_guard::routes(),
        messages::routes(),
        webhooks::routes(),
        message::routes(),
        otp::routes(),
        alerts::routes(),
        contacts::routes(),
        alert_settings::routes(),
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
