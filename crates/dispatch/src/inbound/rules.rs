//! Whose a message is that came by gateways which several virtual servers use: by the number it was sent to, and its first word.

use super::words::InboundRule;
use std::collections::BTreeMap;
use textgate_gateway::Problem;
use textgate_sms::VsId;

/// Most rules of one virtual server.
pub(super) const MOST_RULES: usize = 1_000;
/// Most characters of a keyword.
const MOST_KEYWORD: usize = 40;

/// A virtual server's rules, in order.
#[derive(Default)]
pub(crate) struct InboundRules {
    /// As they were put.
    pub(crate) rules: Vec<InboundRule>,
    /// Number and keyword of each as they are compared.
    keys: Vec<(Option<String>, Option<String>)>,
}

impl InboundRules {
    /// Of all who have any.
    pub(crate) fn of_all(records: &[(VsId, serde_json::Value)]) -> BTreeMap<VsId, Self> {
        let read = |(vs, rules): &(VsId, serde_json::Value)| {
            // Rules that this version cannot read give nothing to anybody.
            let rules: Vec<InboundRule> = serde_json::from_value(rules.clone()).unwrap_or_default();
            (*vs, Self::new(rules))
        };
        records.iter().map(read).collect()
    }

    pub(super) fn new(rules: Vec<InboundRule>) -> Self {
        let keys = rules.iter().map(key).collect();
        Self { rules, keys }
    }

    /// Whose a message is to this [address], with this [first word](first_word): what the first rule that fits says.
    pub(super) fn find(&self, to: &str, keyword: &str) -> Option<VsId> {
        let fits = |(number, word): &(Option<String>, Option<String>)| {
            number.as_deref().is_none_or(|number| number == to)
                && word.as_deref().is_none_or(|word| word == keyword)
        };
        let at = self.keys.iter().position(fits)?;
        self.rules.get(at).map(|rule| rule.virtual_server)
    }
}

fn key(rule: &InboundRule) -> (Option<String>, Option<String>) {
    (rule.number.as_deref().map(address), rule.keyword.as_deref().map(first_word))
}

/// A rule without blanks around what it says, and without what says nothing.
pub(super) fn normal(rule: InboundRule) -> InboundRule {
    let said = |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    InboundRule { number: said(rule.number), keyword: said(rule.keyword), ..rule }
}

/// What is wrong with rules, by path; `may_have` says whether a virtual server can be given messages.
pub(super) fn problems(rules: &[InboundRule], may_have: impl Fn(VsId) -> bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    if rules.len() > MOST_RULES {
        return vec![Problem::new("rules", format!("use at most {MOST_RULES} rules"))];
    }
    let keys: Vec<_> = rules.iter().map(key).collect();
    for (at, rule) in rules.iter().enumerate() {
        let mut wrong = |name: &str, message: &str| {
            problems.push(Problem::new(format!("rules[{at}].{name}"), message));
        };
        if rule.number.is_none() && rule.keyword.is_none() {
            wrong("number", "enter a number, a keyword, or both");
        }
        if let Some(number) = &rule.number
            && (number.chars().count() > super::MOST_ADDRESS || address(number).is_empty())
        {
            wrong("number", "enter the number or short code that phones write to");
        }
        if let Some(keyword) = &rule.keyword {
            let is_one = first_word(keyword) == fold(keyword);
            if keyword.chars().count() > MOST_KEYWORD || !is_one || first_word(keyword).is_empty() {
                wrong("keyword", "enter one word of at most 40 characters, without punctuation");
            }
        }
        if !may_have(rule.virtual_server) {
            wrong("virtual_server", "choose this virtual server or one below it");
        }
        if keys.iter().take(at).any(|before| keys.get(at) == Some(before)) {
            wrong("number", "an earlier rule has the same number and keyword, so this one never counts");
        }
    }
    problems
}

/// An address as it is compared: of a number only the digits without what stands for `+`; of anything else its letters in one case.
pub(crate) fn address(text: &str) -> String {
    let text = text.trim();
    let is_number = text.chars().any(|c| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || "+-./() \u{a0}".contains(c));
    if !is_number {
        return fold(text);
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    match digits.strip_prefix("00") {
        Some(rest) if !rest.is_empty() && !text.starts_with('+') => rest.to_owned(),
        _ => digits,
    }
}

/// The first word of a text as it is compared; empty where there is none.
pub(crate) fn first_word(text: &str) -> String {
    let ends = |c: char| {
        c.is_whitespace() || c.is_control() || ",.;:!?¡¿()[]{}<>\"'/\\|*…。、！？，：；".contains(c)
    };
    fold(text.split(ends).find(|word| !word.is_empty()).unwrap_or_default())
}

/// Without the differences of case, in all scripts (Unicode 15 §3.13): up and down again, character by character, so that ß is ss and
/// every sigma one. The dot that is left of İ goes, so that it is an i, as ı is.
fn fold(text: &str) -> String {
    text.chars()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .filter(|c| *c != '\u{307}')
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(number: Option<&str>, keyword: Option<&str>, vs: u32) -> InboundRule {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        InboundRule { number: owned(number), keyword: owned(keyword), virtual_server: VsId(vs) }
    }

    #[test]
    fn words_are_the_same_in_any_case_of_any_script() {
        for (a, b) in [
            ("Stop", "STOP"),
            ("straße", "STRASSE"),
            ("ΟΔΟΣ", "οδος"),
            ("стоп", "СТОП"),
            ("İPTAL", "iptal"),
            ("IPTAL", "ıptal"),
            ("ԿԱՆԳ", "կանգ"),
        ] {
            assert_eq!(first_word(a), first_word(b), "{a} {b}");
        }
        assert_ne!(first_word("stop"), first_word("stopp"));
    }

    #[test]
    fn the_first_word_stands_before_blanks_and_punctuation() {
        for (text, word) in [
            ("  STOP, please", "stop"),
            ("\n\"Stop!\"", "stop"),
            ("stop", "stop"),
            ("停止。谢谢", "停止"),
            ("बंद करो", "बंद"),
            ("👍 ok", "👍"),
            ("[…]of it", "of"),
            ("", ""),
            (" .!? ", ""),
            ("a-b c", "a-b"),
        ] {
            assert_eq!(first_word(text), word, "{text}");
        }
    }

    #[test]
    fn a_number_is_the_same_however_it_is_written() {
        for text in ["+15550100100", "0015550100100", "1 (555) 010-0100", "15550100100"] {
            assert_eq!(address(text), "15550100100", "{text}");
        }
        assert_eq!(address("12345"), "12345");
        assert_eq!(address("Acme"), address("ACME"));
        assert_eq!(address(""), "");
        assert_eq!(address("00"), "00");
    }

    #[test]
    fn the_first_rule_that_fits_counts() {
        let rules = InboundRules::new(vec![
            rule(Some("+12345"), Some("Acme"), 2),
            rule(None, Some("help"), 3),
            rule(Some("12345"), None, 4),
        ]);
        let find = |to: &str, text: &str| rules.find(&address(to), &first_word(text)).map(|vs| vs.0);
        assert_eq!(find("12345", "ACME stop"), Some(2));
        assert_eq!(find("12345", "Help"), Some(3));
        assert_eq!(find("12345", "anything"), Some(4));
        assert_eq!(find("999", "help me"), Some(3));
        assert_eq!(find("999", "acme"), None);
    }

    #[test]
    fn what_is_wrong_with_rules_is_told_by_path() {
        let paths = |rules: &[InboundRule]| -> Vec<String> {
            problems(rules, |vs| vs == VsId(2)).into_iter().map(|problem| problem.path).collect()
        };
        let good = rule(Some("12345"), Some("Acme"), 2);
        assert!(paths(&[good.clone(), rule(None, Some("acme"), 2)]).is_empty());
        assert_eq!(paths(&[rule(None, None, 2)]), ["rules[0].number"]);
        assert_eq!(paths(&[rule(None, Some("two words"), 2)]), ["rules[0].keyword"]);
        assert_eq!(paths(&[rule(None, Some("!"), 2)]), ["rules[0].keyword"]);
        assert_eq!(paths(&[rule(None, Some("a"), 7)]), ["rules[0].virtual_server"]);
        assert_eq!(paths(&[good.clone(), rule(Some("+1-2345"), Some("ACME"), 2)]), ["rules[1].number"]);
        assert_eq!(paths(&vec![good; MOST_RULES + 1]), ["rules"]);
        assert_eq!(paths(&[rule(Some(&"1".repeat(65)), None, 2)]), ["rules[0].number"]);
    }
}
