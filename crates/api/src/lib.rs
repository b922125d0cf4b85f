//! How programs come in.
