//! What happens in between.
