//! Names that people give: to virtual servers, gateways and API keys. One rule for all, because all of them stand in paths,
//! logs and metrics.

/// Most characters of a name.
const LONGEST: usize = 64;

/// What is wrong with a name, if anything is.
pub(crate) fn problem_of(name: &str) -> Option<&'static str> {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ');
    if name.is_empty() {
        Some("enter a name")
    } else if name.chars().count() > LONGEST {
        Some("use at most 64 characters")
    } else if !name.chars().all(is_plain) {
        Some("use only letters, digits, spaces, and - _ .")
    } else if !name.starts_with(char::is_alphanumeric) {
        Some("begin with a letter or a digit")
    } else if name.ends_with(' ') {
        Some("remove the space at the end")
    } else {
        None
    }
}

/// The name of a gateway that was given none, by its position: `primary`, `failover`, `failover-2`, and on to one that is free.
pub(super) fn of_gateway(position: usize, is_taken: impl Fn(&str) -> bool) -> String {
    let by_position = |n: usize| match n {
        0 => "primary".to_owned(),
        1 => "failover".to_owned(),
        n => format!("failover-{n}"),
    };
    // As many as are taken may be in the way, and no more.
    (position..).map(by_position).find(|name| !is_taken(name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_letters_digits_and_a_few_marks_without_a_slash() {
        for good in ["acme", "Acme GmbH", "a", "42", "eu-west_1.b", "Zürich", &"x".repeat(64)] {
            assert_eq!(problem_of(good), None, "{good}");
        }
        for wrong in ["", " acme", "acme ", "a/b", "..", "-a", "a\n", "a\u{202e}b", &"x".repeat(65)] {
            assert!(problem_of(wrong).is_some(), "{wrong:?}");
        }
    }

    #[test]
    fn a_gateway_without_a_name_has_the_one_of_its_position_or_the_next_free_one() {
        let names: Vec<String> = (0..4).map(|n| of_gateway(n, |_| false)).collect();
        assert_eq!(names, ["primary", "failover", "failover-2", "failover-3"]);
        assert_eq!(of_gateway(1, |name| name == "failover"), "failover-2");
    }
}
