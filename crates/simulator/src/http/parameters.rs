//! application/x-www-form-urlencoded, decoded (WHATWG URL Standard §5.1).

/// The pairs of a query or form in their order. Octets that are no UTF-8 become U+FFFD, so that a test sees them.
pub(crate) fn decode(encoded: &[u8]) -> Vec<(String, String)> {
    encoded
        .split(|octet| *octet == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let equals = pair.iter().position(|octet| *octet == b'=').unwrap_or(pair.len());
            let (name, value) = pair.split_at_checked(equals).unwrap_or((pair, &[]));
            (unescape(name), unescape(value.get(1..).unwrap_or_default()))
        })
        .collect()
}

/// `+` is a space, `%` and two hexadecimal digits an octet; a `%` without them stays.
fn unescape(encoded: &[u8]) -> String {
    let mut octets = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match (first, after) {
            (b'+', _) => octets.push(b' '),
            (b'%', [high, low, after @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    octets.push(high << 4 | low);
                    rest = after;
                }
                _ => octets.push(b'%'),
            },
            (octet, _) => octets.push(octet),
        }
    }
    String::from_utf8_lossy(&octets).into_owned()
}

fn digit(octet: u8) -> Option<u8> {
    char::from(octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(encoded: &str) -> Vec<(String, String)> {
        decode(encoded.as_bytes())
    }

    #[test]
    fn pairs_keep_their_order_and_both_spaces_are_read() {
        let expected =
            [("to", "15550100100"), ("text", "a b c&d=€"), ("text", "again"), ("empty", ""), ("bare", "")];
        let read = pairs("to=15550100100&text=a+b%20c%26d=%E2%82%ac&text=again&empty=&&bare");
        assert_eq!(read, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn broken_escapes_stay_and_broken_utf_8_is_seen() {
        assert_eq!(pairs("a=100%&b=%zz%4&c=%FF")[0].1, "100%");
        assert_eq!(pairs("b=%zz%4")[0].1, "%zz%4");
        assert_eq!(pairs("c=%FF")[0].1, "\u{fffd}");
        assert_eq!(pairs(""), []);
    }
}
