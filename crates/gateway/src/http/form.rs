//! application/x-www-form-urlencoded (URL Standard §5), with the space as either `+` or `%20`.

/// A form or query under construction: `name=value&name=value`.
pub(crate) struct Form {
    encoded: String,
    space: Space,
}

/// How a space is written. Most providers read both; some only one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Space {
    /// `+`
    Plus,
    /// `%20`
    Percent,
}

// === impl Form ===

impl Form {
    /// A form that begins with something already encoded, which stays as it is.
    pub fn after(encoded: &str, space: Space) -> Self {
        // Room for an ordinary message, so that building a request allocates once.
        let mut form = Self { encoded: String::with_capacity(encoded.len() + 512), space };
        form.encoded.push_str(encoded);
        form
    }

    /// Appends a pair.
    pub fn push(&mut self, name: &str, value: &str) {
        if !self.encoded.is_empty() && !self.encoded.ends_with('&') {
            self.encoded.push('&');
        }
        self.encode(name);
        self.encoded.push('=');
        self.encode(value);
    }

    /// The form as text.
    pub fn finish(self) -> String {
        self.encoded
    }

    fn encode(&mut self, text: &str) {
        const HEX: [u8; 16] = *b"0123456789ABCDEF";
        for octet in text.bytes() {
            match octet {
                // The application/x-www-form-urlencoded percent-encode set leaves exactly these (URL Standard §1.3).
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => {
                    self.encoded.push(char::from(octet));
                }
                b' ' if self.space == Space::Plus => self.encoded.push('+'),
                _ => {
                    self.encoded.push('%');
                    self.encoded.push(char::from(HEX[usize::from(octet >> 4)]));
                    self.encoded.push(char::from(HEX[usize::from(octet & 15)]));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn form(space: Space, pairs: &[(&str, &str)]) -> String {
        let mut form = Form::after("", space);
        for (name, value) in pairs {
            form.push(name, value);
        }
        form.finish()
    }

    #[test]
    fn a_space_is_a_plus_or_percent_20_and_a_plus_is_always_percent_2b() {
        assert_eq!(form(Space::Plus, &[("a b", "c d+e")]), "a+b=c+d%2Be");
        assert_eq!(form(Space::Percent, &[("a b", "c d+e")]), "a%20b=c%20d%2Be");
    }

    #[test]
    fn reserved_characters_and_utf8_octets_are_percent_encoded() {
        assert_eq!(form(Space::Plus, &[("m", "&=?#%/~!'()\"\r\n")]), {
            "m=%26%3D%3F%23%25%2F%7E%21%27%28%29%22%0D%0A"
        });
        assert_eq!(form(Space::Plus, &[("m", "é€😀")]), "m=%C3%A9%E2%82%AC%F0%9F%98%80");
        assert_eq!(form(Space::Plus, &[("m", "aZ09*-._")]), "m=aZ09*-._");
    }

    #[test]
    fn what_was_encoded_before_stays_as_it_is() {
        for (before, expected) in
            [("token=a%20b", "token=a%20b&n=v"), ("t&", "t&n=v"), ("", "n=v"), ("%", "%&n=v")]
        {
            let mut form = Form::after(before, Space::Plus);
            form.push("n", "v");
            assert_eq!(form.finish(), expected);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn every_text_reads_back_through_an_independent_decoder(name in ".{0,20}", value in any::<String>()) {
            for space in [Space::Plus, Space::Percent] {
                let url = reqwest::Url::parse(&format!("http://h/?{}", form(space, &[(&name, &value)]))).unwrap();
                let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
                prop_assert_eq!(pairs, vec![(name.clone(), value.clone())]);
            }
        }
    }
}
