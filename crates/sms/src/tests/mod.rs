//! What holds for every alphabet: nothing is lost on the way, and the counts are right.

mod bits;
mod examples;
mod hostile;
mod kit;
mod model;
mod tables;
mod tpdu;
mod way;
