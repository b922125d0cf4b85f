//! The engine and every file of the catalogue against their golden cases.

mod attacks;
mod batches;
mod cases;
mod conformance;
mod files;
mod hostile;
mod preview;
mod receipts;
mod slow;
mod sns;
mod wire;
