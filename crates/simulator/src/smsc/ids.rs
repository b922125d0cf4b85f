//! How a message id looks: SMSCs agree on nothing, and one may write it differently in its receipts.

use std::io::Write;

/// The form of a message id's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IdBase {
    /// `1000000000`.
    #[default]
    Decimal,
    /// `3b9aca00`.
    HexLower,
    /// `3B9ACA00`.
    HexUpper,
    /// `msg-3b9aca00-x`: no number at all.
    Text,
}

/// How message ids are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IdStyle {
    /// The form of the number.
    pub base: IdBase,
    /// Leading zeros up to this many characters; 0 for none. At most 64 (SMPP 3.4 §5.2.23).
    pub width: usize,
}

impl IdStyle {
    /// Decimal without leading zeros.
    pub const DECIMAL: Self = Self { base: IdBase::Decimal, width: 0 };
    /// Lower case hexadecimal without leading zeros.
    pub const HEX: Self = Self { base: IdBase::HexLower, width: 0 };
    /// Upper case hexadecimal without leading zeros.
    pub const HEX_UPPER: Self = Self { base: IdBase::HexUpper, width: 0 };
    /// A text with the number somewhere inside.
    pub const TEXT: Self = Self { base: IdBase::Text, width: 0 };

    /// The same with leading zeros up to `width` characters.
    pub const fn padded(self, width: usize) -> Self {
        Self { base: self.base, width }
    }

    /// Writes an id at the end of a buffer.
    pub(super) fn write(self, id: u64, out: &mut Vec<u8>) {
        let width = self.width.min(64);
        // Writing into a Vec cannot fail.
        let _ = match self.base {
            IdBase::Decimal => write!(out, "{id:0width$}"),
            IdBase::HexLower => write!(out, "{id:0width$x}"),
            IdBase::HexUpper => write!(out, "{id:0width$X}"),
            IdBase::Text => write!(out, "msg-{id:x}-x"),
        };
    }

    /// An id as a text.
    pub(super) fn render(self, id: u64) -> String {
        let mut out = Vec::with_capacity(20);
        self.write(id, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_style_writes_the_same_number_its_own_way() {
        let id = 1_000_000_000;
        assert_eq!(IdStyle::DECIMAL.render(id), "1000000000");
        assert_eq!(IdStyle::DECIMAL.padded(12).render(id), "001000000000");
        assert_eq!(IdStyle::HEX.render(id), "3b9aca00");
        assert_eq!(IdStyle::HEX_UPPER.padded(10).render(id), "003B9ACA00");
        assert_eq!(IdStyle::TEXT.render(id), "msg-3b9aca00-x");
    }
}
