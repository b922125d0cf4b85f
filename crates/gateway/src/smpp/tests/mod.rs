//! Tests of the whole gateway over real sockets, against an SMSC that the test plays by hand.

mod arrivals;
mod binds;
mod deadlines;
mod flow;
mod hostile;
mod kit;
mod parts;
mod settings;
mod tls;
