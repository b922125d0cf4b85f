//! Tests of the whole gateway: over pseudo-terminals and TCP against the simulated modem, which was written from the standards by
//! itself, and against one that the test plays by hand.

mod arrivals;
mod dialogue;
mod flaky;
mod kit;
mod life;
mod outcomes;
mod sending;
mod settings;
mod unlocking;
