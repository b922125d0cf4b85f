//! What the benchmarks share: the gateway as a process of its own, and a generator of requests that costs little.

pub mod gateway;
pub mod generator;
pub mod latencies;
