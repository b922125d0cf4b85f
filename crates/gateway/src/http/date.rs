//! HTTP-date (RFC 9110 §5.6.7), all three forms that a recipient has to read.

/// An HTTP-date in seconds of Unix time; `None` where it is not one or lies before 1970.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let mut parts = text.split([' ', '-']).filter(|part| !part.is_empty());
    let mut next = || parts.next();
    let (first, second, third, fourth, fifth) = (next()?, next()?, next()?, next()?, next()?);
    // "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", or "Sun Nov  6 08:49:37 1994".
    let (day, month, year, time) =
        if first.ends_with(',') { (second, third, fourth, fifth) } else { (third, second, fifth, fourth) };
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = months.iter().position(|name| *name == month)?;
    let (day, mut year) = (number(day, 2)?, number(year, 4)?);
    if year < 100 {
        // RFC 9110: a two-digit year more than 50 years ahead is in the past; Retry-After never is.
        year += 2000;
    }
    let mut clock = time.splitn(3, ':').map(|part| number(part, 2));
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let lengths = [31, if is_leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    if year < 1970 || !(1..=lengths[month]).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let leap_days = |year: u64| year / 4 - year / 100 + year / 400;
    let days = (year - 1970) * 365 + leap_days(year - 1) - leap_days(1969)
        + lengths[..month].iter().sum::<u64>()
        + (day - 1);
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

fn number(text: &str, most_digits: usize) -> Option<u64> {
    let is_number = !text.is_empty() && text.len() <= most_digits && text.bytes().all(|b| b.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn all_three_forms_are_the_same_moment() {
        assert_eq!(parse("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(parse("Sun Nov  6 08:49:37 1994"), Some(784_111_777));
        assert_eq!(parse("Sunday, 06-Nov-26 08:49:37 GMT"), parse("Fri, 06 Nov 2026 08:49:37 GMT"));
    }

    #[test]
    fn leap_days_are_where_they_belong() {
        assert_eq!(parse("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(parse("Tue, 29 Feb 2000 12:00:00 GMT"), Some(951_825_600));
        assert_eq!(parse("Fri, 01 Mar 2024 00:00:00 GMT"), Some(1_709_251_200));
        assert_eq!(parse("Wed, 29 Feb 2023 12:00:00 GMT"), None);
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in
            ["", "soon", "Sun, 06 Nov", "Sun, 32 Jan 2026 00:00:00 GMT", "Sun, 01 Foo 2026 00:00:00 GMT"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse("Thu, 01 Jan 1969 00:00:00 GMT"), None);
        assert_eq!(parse("Thu, 01 Jan 2026 24:00:00 GMT"), None);
        assert_eq!(parse("Thu, +1 Jan 2026 20:00:00 GMT"), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn no_text_is_a_panic(text in "[A-Za-z0-9,: -]{0,40}|.{0,40}") {
            let _ = parse(&text);
        }
    }
}
