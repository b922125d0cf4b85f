//! The other side, for trial and test.
