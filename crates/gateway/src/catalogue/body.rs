//! Bodies from trees: JSON and XML. All escaping of values is done here and in the form's encoder.

use super::node::{Scalar, Tree};

/// Writes JSON (RFC 8259) without blanks, names in the tree's order.
pub(crate) fn json(tree: &Tree, into: &mut String) {
    match tree {
        Tree::Leaf(scalar) => json_scalar(scalar, into),
        Tree::List(list) => {
            into.push('[');
            for (index, entry) in list.iter().enumerate() {
                if index > 0 {
                    into.push(',');
                }
                json(entry, into);
            }
            into.push(']');
        }
        Tree::Object(entries) => {
            into.push('{');
            for (index, (name, entry)) in entries.iter().enumerate() {
                if index > 0 {
                    into.push(',');
                }
                json_text(name, into);
                into.push(':');
                json(entry, into);
            }
            into.push('}');
        }
    }
}

fn json_scalar(scalar: &Scalar, into: &mut String) {
    match scalar {
        Scalar::Text(text) => json_text(text, into),
        // JSON has no infinite numbers; a file's check refuses them.
        Scalar::Fraction(number) if !number.is_finite() => into.push_str("null"),
        other => into.push_str(&other.clone().into_text()),
    }
}

fn json_text(text: &str, into: &mut String) {
    // Writing a text to memory does not fail.
    into.push_str(&serde_json::to_string(text).unwrap_or_default());
}

/// Writes an XML 1.0 document: names are elements, those with `@` in front attributes, `#text` is an element's text, and a
/// list repeats its element.
pub(crate) fn xml(tree: &Tree) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    if let Tree::Object(entries) = tree {
        entries.iter().for_each(|(name, tree)| element(name, tree, &mut text));
    }
    text
}

fn element(name: &str, tree: &Tree, into: &mut String) {
    if let Tree::List(list) = tree {
        return list.iter().for_each(|entry| element(name, entry, into));
    }
    into.push('<');
    into.push_str(name);
    let mut content = String::new();
    match tree {
        Tree::Leaf(scalar) => escape(&scalar.clone().into_text(), &mut content),
        Tree::Object(entries) => {
            for (name, entry) in entries {
                match (name.strip_prefix('@'), entry) {
                    (Some(attribute), Tree::Leaf(scalar)) => {
                        into.push(' ');
                        into.push_str(attribute);
                        into.push_str("=\"");
                        escape(&scalar.clone().into_text(), into);
                        into.push('"');
                    }
                    (None, Tree::Leaf(scalar)) if name == "#text" => {
                        escape(&scalar.clone().into_text(), &mut content);
                    }
                    (Some(_), _) => {}
                    (None, entry) => element(name, entry, &mut content),
                }
            }
        }
        Tree::List(_) => {}
    }
    into.push('>');
    into.push_str(&content);
    into.push_str("</");
    into.push_str(name);
    into.push('>');
}

/// A text as XML's character data or attribute value (XML 1.0 §2.2, §2.4, §2.11).
fn escape(text: &str, into: &mut String) {
    for c in text.chars() {
        match c {
            '&' => into.push_str("&amp;"),
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            '"' => into.push_str("&quot;"),
            // As they stand, a reader makes blanks or line feeds of them.
            '\t' | '\n' | '\r' => into.push_str(&format!("&#{};", u32::from(c))),
            // XML has no way to write these at all.
            c if u32::from(c) < 0x20 || matches!(c, '\u{fffe}' | '\u{ffff}') => into.push('\u{fffd}'),
            c => into.push(c),
        }
    }
}

/// Whether XML 1.0 takes it as a name; ASCII only.
pub(crate) fn is_xml_name(name: &str) -> bool {
    let name = name.strip_prefix('@').unwrap_or(name);
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(text: &str) -> Tree {
        Tree::Leaf(Scalar::Text(text.into()))
    }

    fn object(entries: Vec<(&str, Tree)>) -> Tree {
        Tree::Object(entries.into_iter().map(|(name, tree)| (name.to_owned(), tree)).collect())
    }

    #[test]
    fn json_keeps_order_and_escapes_every_text() {
        let hostile = "\",\"x\":\"\u{1}\n\\é€";
        let tree = object(vec![
            ("z", leaf(hostile)),
            ("a", Tree::List(vec![Tree::Leaf(Scalar::Number(-1)), Tree::Leaf(Scalar::Flag(true))])),
        ]);
        let mut text = String::new();
        json(&tree, &mut text);
        assert!(text.starts_with("{\"z\":") && text.ends_with("\"a\":[-1,true]}"), "{text}");
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["z"], hostile);
        assert_eq!(read.as_object().unwrap().len(), 2);
    }

    #[test]
    fn xml_has_attributes_repeated_elements_and_escapes_every_text() {
        let tree = object(vec![(
            "M",
            object(vec![
                ("@v", leaf("\"<1>")),
                ("to", Tree::List(vec![leaf("1"), leaf("2")])),
                ("b", object(vec![("#text", leaf("a & <b>\n\u{1}"))])),
            ]),
        )]);
        assert_eq!(
            xml(&tree),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><M v=\"&quot;&lt;1&gt;\"><to>1</to><to>2</to>\
             <b>a &amp; &lt;b&gt;&#10;\u{fffd}</b></M>"
        );
    }

    #[test]
    fn a_name_that_xml_would_not_take_is_none() {
        assert!(is_xml_name("MSG") && is_xml_name("@id") && is_xml_name("a:b-c.d_1"));
        for wrong in ["", "1a", "a b", "a>", "@", "é"] {
            assert!(!is_xml_name(wrong), "{wrong}");
        }
    }
}
