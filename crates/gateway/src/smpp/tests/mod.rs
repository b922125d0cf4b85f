//! Tests of the whole gateway over real sockets, against an SMSC that the test plays by hand, and
//! against the simulator, which was written from the standard by itself.

mod arrivals;
mod binds;
mod deadlines;
mod flow;
mod hostile;
mod kit;
mod parts;
mod peer;
mod preview;
mod settings;
mod simulated;
mod tls;
