//! How programs come in: REST.
//!
//! Knows dispatch by its front and nothing below it but words. A route stands once, in a table: from there come the router and the
//! OpenAPI document. A body's description stands once, as a [shape](shape): from there come its check, which names every problem
//! with its path, and its schema.

mod access;
mod alert_setup;
mod alerts;
mod answer;
mod api_keys;
mod audit;
mod balance;
mod batch;
mod body;
mod control;
mod credits;
mod events;
mod export;
mod figures;
mod guard;
mod inbound;
mod keys;
mod messages;
mod openapi;
mod operations;
mod opt_out_settings;
mod opt_outs;
mod otp;
mod personal_data;
mod places;
mod problem;
mod query;
mod rate;
mod receipts;
mod router;
mod routes;
mod serve;
mod settings;
mod shape;
mod stall;
mod state;
mod statistics;
mod time;
mod trial;
mod users;
mod views;
mod virtual_servers;
mod webhooks;

pub use router::{control_router, router};
pub use serve::{HttpLimits, serve, serve_unix};
pub use state::ApiOptions;
