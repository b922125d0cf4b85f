//! What the benchmarks share: gateways as processes of their own, an SMSC that notes arrivals, and a generator of requests that
//! costs little. All of it runs on the loopback of one machine, bounded in count and time.

pub mod gateway;
pub mod generator;
pub mod kannel;
pub mod latencies;
pub mod load;
pub mod postgres;
pub mod process;
pub mod sink;
pub mod stored;
pub mod turns;
