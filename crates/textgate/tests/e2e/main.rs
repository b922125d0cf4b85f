//! The program as its users meet it: the real binary, real sockets, real files; simulated phones.

mod kit;

mod cli;
mod crash;
mod demo;
mod failover;
mod full_disk;
mod hostile;
mod network;
mod observe;
mod priority;
mod secrets;
mod send;
mod tenants;
