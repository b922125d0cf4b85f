//! The program as its users meet it: the real binary, real sockets, real files; simulated phones.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)] // a test ends where something is not so

mod kit;

mod alerts;
mod catalogue;
mod change;
mod cli;
mod crash;
mod demo;
mod docs;
mod failover;
mod figures;
mod full_disk;
mod guard;
mod hostile;
mod interop;
mod keys;
mod modem;
mod network;
mod observe;
mod otp;
mod overload;
mod pace;
mod people;
mod postgres;
mod priority;
mod secrets;
mod send;
mod service;
mod shared;
mod tenants;
mod webhooks;
