//! What an SMS is. Pure: no I/O, no clock, no async.
