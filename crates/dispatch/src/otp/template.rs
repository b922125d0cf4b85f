//! A template: a text with variables in braces, checked when it is saved, filled in when it is sent.

/// Most characters of a template.
pub(super) const LONGEST: usize = 500;
/// What a variable may be called.
const VARIABLES: [&str; 3] = ["code", "minutes", "app"];

/// What stands for the variables.
#[derive(Clone, Copy)]
pub(super) struct Values<'a> {
    /// The code.
    pub(super) code: &'a str,
    /// How many minutes it is valid.
    pub(super) minutes: &'a str,
    /// The application's name.
    pub(super) app: &'a str,
}

/// A piece of a template.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    /// A variable's name, and where it begins (characters from 1).
    Variable(&'a str, usize),
    /// A brace that belongs to nothing, and where it is.
    Stray(char, usize),
}

/// What is wrong with a template, if anything is.
pub(super) fn check(template: &str) -> Result<(), String> {
    if template.trim().is_empty() {
        return Err("enter a text with {code} in it".into());
    }
    if template.chars().count() > LONGEST {
        return Err(format!("use at most {LONGEST} characters"));
    }
    if template.chars().any(|c| c.is_control() && c != '\n') {
        return Err("remove the control characters; only line breaks may stand in it".into());
    }
    let mut codes = 0;
    for piece in Pieces::of(template) {
        match piece {
            Piece::Text(_) => {}
            Piece::Variable("code", _) => codes += 1,
            Piece::Variable(name, _) if VARIABLES.contains(&name) => {}
            Piece::Variable(name, at) => {
                let name: String = name.chars().take(20).collect();
                return Err(format!(
                    "there is no variable {{{name}}} (character {at}); the variables are {{code}}, {{minutes}} and {{app}}"
                ));
            }
            Piece::Stray(brace, at) => {
                return Err(format!(
                    "the brace {brace} at character {at} belongs to no variable; write it twice where you mean the character"
                ));
            }
        }
    }
    match codes {
        0 => Err("put {code} where the code is to stand".into()),
        1 => Ok(()),
        // Phones look for the code, and so do people.
        _ => Err("put {code} in it once".into()),
    }
}

/// The text with its variables filled in. What was not checked stays as it is.
pub(super) fn render(template: &str, values: Values<'_>) -> String {
    let mut text = String::with_capacity(template.len() + 32);
    for piece in Pieces::of(template) {
        match piece {
            Piece::Text(piece) => text.push_str(piece),
            Piece::Variable("code", _) => text.push_str(values.code),
            Piece::Variable("minutes", _) => text.push_str(values.minutes),
            Piece::Variable("app", _) => text.push_str(values.app),
            Piece::Variable(..) => {}
            Piece::Stray(brace, _) => text.push(brace),
        }
    }
    text
}

/// Whether the template uses this variable.
pub(super) fn uses(template: &str, variable: &str) -> bool {
    Pieces::of(template).any(|piece| matches!(piece, Piece::Variable(name, _) if name == variable))
}

/// Goes through a template.
struct Pieces<'a> {
    rest: &'a str,
    /// Characters before `rest`.
    before: usize,
}

impl<'a> Pieces<'a> {
    fn of(template: &'a str) -> Self {
        Self { rest: template, before: 0 }
    }

    /// Takes so many octets.
    fn take(&mut self, octets: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(octets).unwrap_or((self.rest, ""));
        self.rest = rest;
        self.before += taken.chars().count();
        taken
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let first = self.rest.chars().next()?;
        let at = self.before + 1;
        if !matches!(first, '{' | '}') {
            let end = self.rest.find(['{', '}']).unwrap_or(self.rest.len());
            return Some(Piece::Text(self.take(end)));
        }
        if self.rest[1..].starts_with(first) {
            return Some(Piece::Text(&self.take(2)[1..]));
        }
        let name = self.rest[1..].find(['{', '}']).filter(|end| self.rest[1 + end..].starts_with('}'));
        match name {
            Some(end) if first == '{' => {
                let whole = self.take(end + 2);
                Some(Piece::Variable(&whole[1..=end], at))
            }
            _ => {
                self.take(1);
                Some(Piece::Stray(first, at))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const VALUES: Values<'static> = Values { code: "493817", minutes: "10", app: "Acme" };

    #[test]
    fn variables_are_filled_in_and_doubled_braces_are_characters() {
        let text = render("{app}: {code} ({minutes} min) {{x}}", VALUES);
        assert_eq!(text, "Acme: 493817 (10 min) {x}");
        assert!(uses("{app}: {code}", "app") && !uses("{{app}} {code}", "app"));
    }

    #[test]
    fn what_stands_for_a_variable_is_not_read_again() {
        let values = Values { app: "{code}", ..VALUES };
        assert_eq!(render("{app} {code}", values), "{code} 493817");
    }

    #[test]
    fn a_template_that_would_send_no_code_or_a_wrong_one_is_refused_with_what_to_do() {
        assert_eq!(check("{app}: {code}, {minutes} min"), Ok(()));
        assert_eq!(check("Ihr Code:\n{code}"), Ok(()));
        for (template, said) in [
            ("", "enter a text"),
            ("  ", "enter a text"),
            ("Your code", "put {code} where"),
            ("{{code}}", "put {code} where"),
            ("{code} {code}", "once"),
            ("{code} {name}", "no variable {name} (character 8)"),
            ("{code} {Code}", "no variable {Code}"),
            ("{code} {", "brace { at character 8"),
            ("ü{code} }", "brace } at character 9"),
            ("{code", "brace { at character 1"),
            ("{code} \u{7}", "control"),
            ("{code}\t", "control"),
        ] {
            let problem = check(template).unwrap_err();
            assert!(problem.contains(said), "{template:?}: {problem}");
        }
        assert!(check(&format!("{{code}}{}", "x".repeat(495))).unwrap_err().contains("500"));
    }

    proptest! {
        #[test]
        fn any_template_is_read_without_panic_and_a_good_one_has_its_code_once(template in "[\\PC{}\n]{0,60}") {
            let text = render(&template, Values { code: "\u{1}", minutes: "", app: "" });
            if check(&template).is_ok() {
                prop_assert_eq!(text.matches('\u{1}').count(), 1);
            }
        }
    }
}
