//! How an SMS leaves.
