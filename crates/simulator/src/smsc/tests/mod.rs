//! The SMSC from outside, by a client of a few lines that writes its octets by hand.

mod behaviour;
mod client;
mod deliveries;
mod faults;
mod hostile;
mod submits;

use std::time::Duration;

use super::*;

/// How long any wait here may last; it ends with the event.
const SOON: Duration = Duration::from_secs(10);

async fn start(behaviour: Behaviour) -> Smsc {
    Smsc::start(SmscOptions { behaviour, ..SmscOptions::default() }).await.unwrap()
}
