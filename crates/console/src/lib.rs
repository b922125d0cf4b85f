//! How people come in: the web console under `/console`.
//!
//! Server-rendered pages on the same operations as the REST API: knows dispatch by its front and nothing below it but words.
//! A page's address stands once, in a [table](routes) with who may use it; the [gate](gate) holds every request to it. Every form
//! works without a script, every text stands in `texts/`. Nothing here opens a connection: the requests of a sign-in at an OpenID Connect
//! provider are carried by the binary.

mod answer;
mod assets;
mod chart;
mod console;
mod cookies;
mod field;
mod flash;
mod form;
mod gate;
mod lines;
mod live;
mod nav;
mod oidc;
mod origin;
mod page;
mod pages;
mod pending;
mod routes;
mod sentences;
mod text;
mod visit;

pub use console::ConsoleOptions;
pub use oidc::{LARGEST_ANSWER, LONGEST_ANSWER, Oidc, Transport};
pub use routes::{Need, router, table};
