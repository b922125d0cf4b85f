//! The self-hosted SMS gateway for one-time passcodes and alerts.
fn main() {}
