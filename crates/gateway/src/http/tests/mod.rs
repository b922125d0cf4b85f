//! The gateway against servers on this machine.

mod answers;
pub(crate) mod kit;
mod life;
mod preview;
mod proxies;
mod settings;
mod tls;
mod wire;
