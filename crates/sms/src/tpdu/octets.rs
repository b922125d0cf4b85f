//! A walk over received octets that ends where they end.

/// What has not been read yet.
pub(super) struct Octets<'a>(pub &'a [u8]);

impl<'a> Octets<'a> {
    /// The next octet.
    pub fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// The next `count` octets.
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }
}
