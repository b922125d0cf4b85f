//! The page: which phones there are, and the screen of one.

use std::fmt::{self, Write};
use std::time::SystemTime;

use super::book::{Book, Phone, Shown};
use crate::calendar::utc;
use crate::handset::Via;
use crate::text::Alphabet;

/// Text between tags or in an attribute.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\n' => f.write_char('\n')?,
                // HTML has no place for other controls (WHATWG HTML §13.2.3.5).
                control if control.is_control() => f.write_char('\u{fffd}')?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// A number in a query.
struct Encoded<'a>(&'a str);

impl fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            if byte.is_ascii_alphanumeric() {
                f.write_char(char::from(byte))?;
            } else {
                write!(f, "%{byte:02X}")?;
            }
        }
        Ok(())
    }
}

/// The page with the phone of this number, or whichever got something last.
/// `can_write` says whether what its owner writes is carried that way.
pub(super) fn page(
    book: &Book,
    number: Option<&str>,
    now: SystemTime,
    can_write: &dyn Fn(Via) -> bool,
) -> String {
    let mut out = String::with_capacity(16 * 1024);
    // Writing into a string cannot fail.
    let _ = write_page(&mut out, book, number, now, can_write);
    out
}

fn write_page(
    out: &mut String,
    book: &Book,
    number: Option<&str>,
    now: SystemTime,
    can_write: &dyn Fn(Via) -> bool,
) -> fmt::Result {
    let phone = book.phone(number);
    let shown = phone.map_or(number.unwrap_or_default(), |phone| &phone.number);
    let title = if shown.is_empty() { "Phones".to_owned() } else { format!("Phone {shown}") };
    write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{} · textgate</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n<link rel=\"stylesheet\" href=\"/phones.css\">\n\
         <script src=\"/phones.js\" defer></script>\n</head>\n<body>\n<div class=\"page\">\n",
        Escaped(&title)
    )?;
    write_side(out, book, shown)?;
    out.push_str("<main id=\"phone\" class=\"phone\">\n<div class=\"screen\">\n");
    write_bar(out, now)?;
    match phone {
        Some(phone) => write_phone(out, phone, can_write)?,
        None => write_empty(out, shown)?,
    }
    out.push_str(
        "</div>\n</main>\n</div>\n<p id=\"news\" class=\"hidden\" role=\"status\"></p>\n</body>\n</html>\n",
    );
    Ok(())
}

fn write_side(out: &mut String, book: &Book, shown: &str) -> fmt::Result {
    out.push_str(
        "<header class=\"side\">\n<p class=\"brand\">textgate</p>\n<h1 class=\"what\">Virtual handsets</h1>\n\
         <p class=\"about\">What is sent to the simulated providers arrives here.</p>\n\
         <p class=\"live\" id=\"live\"><a href=\"\">Reload</a> to see what is new.</p>\n",
    );
    out.push_str("<nav id=\"phones\" aria-label=\"Phones\">\n<ul>\n");
    for phone in &book.phones {
        let current = if phone.number == shown { " aria-current=\"page\"" } else { "" };
        let newest = match (phone.flashes.last(), phone.messages.front()) {
            (Some(flash), _) => Some(flash),
            (None, newest) => newest,
        };
        write!(
            out,
            "<li><a id=\"to-{0}\" href=\"/?phone={0}\"{current}><span class=\"number\">{1}</span>",
            Encoded(&phone.number),
            Escaped(&phone.number)
        )?;
        if let Some(newest) = newest {
            let text: String = newest.text.chars().take(60).collect();
            write!(out, "<span class=\"newest\" dir=\"auto\">{}</span>", Escaped(&text))?;
        }
        let count = phone.messages.len() + phone.flashes.len();
        let unit = if count == 1 { "message" } else { "messages" };
        writeln!(out, "<span class=\"count\">{count}<span class=\"hidden\"> {unit}</span></span></a></li>")?;
    }
    out.push_str("</ul>\n</nav>\n</header>\n");
    Ok(())
}

/// The status bar of a phone.
fn write_bar(out: &mut String, now: SystemTime) -> fmt::Result {
    let [.., hour, minute, _] = utc(now);
    writeln!(
        out,
        "<div class=\"bar\" aria-hidden=\"true\"><span class=\"clock\">{hour:02}:{minute:02}</span>\
         <svg viewBox=\"0 0 60 14\" width=\"60\" height=\"14\"><g fill=\"currentColor\">\
         <rect x=\"0\" y=\"9\" width=\"3\" height=\"4\" rx=\"1\"/><rect x=\"5\" y=\"6.5\" width=\"3\" height=\"6.5\" rx=\"1\"/>\
         <rect x=\"10\" y=\"4\" width=\"3\" height=\"9\" rx=\"1\"/><rect x=\"15\" y=\"1.5\" width=\"3\" height=\"11.5\" rx=\"1\"/>\
         <rect x=\"33\" y=\"4\" width=\"17\" height=\"6\" rx=\"1\"/><rect x=\"55\" y=\"5\" width=\"2\" height=\"4\" rx=\"1\"/></g>\
         <rect x=\"31\" y=\"2\" width=\"21\" height=\"10\" rx=\"3\" fill=\"none\" stroke=\"currentColor\"/></svg></div>"
    )
}

fn write_phone(out: &mut String, phone: &Phone, can_write: &dyn Fn(Via) -> bool) -> fmt::Result {
    let latest = phone.flashes.last().filter(|flash| flash.id == phone.latest);
    let latest = latest.or_else(|| phone.messages.front().filter(|message| message.id == phone.latest));
    // Of what its owner wrote nobody has to be told.
    let from = latest.filter(|latest| !latest.is_own).map(|latest| match latest.sender.as_str() {
        "" => "an unknown sender",
        sender => sender,
    });
    // What a flash message lies on is out of reach until it is dismissed.
    let inert = if phone.flashes.is_empty() { "" } else { " inert" };
    writeln!(
        out,
        "<div class=\"head\" id=\"head\" data-latest=\"{}\" data-from=\"{}\"{inert}>\
         <h2><span>Messages</span> <span class=\"number\">{}</span></h2></div>",
        phone.latest,
        Escaped(from.unwrap_or_default()),
        Escaped(&phone.number)
    )?;
    if phone.messages.is_empty() {
        out.push_str("<p class=\"none\">No message is stored on this phone.</p>\n");
    } else {
        writeln!(
            out,
            "<ol class=\"messages\" id=\"messages\" tabindex=\"0\" aria-label=\"Messages, the newest first\"{inert}>"
        )?;
        for message in &phone.messages {
            let new = if message.id == phone.latest { " new" } else { "" };
            let own = if message.is_own { " own" } else { "" };
            writeln!(out, "<li class=\"message{new}{own}\" id=\"m{}\">", message.id)?;
            write_message(out, message)?;
            out.push_str("</li>\n");
        }
        out.push_str("</ol>\n");
    }
    if let Some((to, via)) = phone.partner()
        && can_write(via)
    {
        write_form(out, phone, to, inert)?;
    }
    if let Some(flash) = phone.flashes.last() {
        write_flash(out, phone, flash)?;
    }
    Ok(())
}

/// Where the phone's owner writes.
fn write_form(out: &mut String, phone: &Phone, to: &str, inert: &str) -> fmt::Result {
    writeln!(
        out,
        "<form class=\"write\" id=\"write\" method=\"post\" action=\"/write\"{inert}>\
         <input type=\"hidden\" name=\"phone\" value=\"{}\">\
         <label class=\"hidden\" for=\"text\">Write to {1}</label>\
         <textarea id=\"text\" name=\"text\" rows=\"1\" maxlength=\"1000\" required placeholder=\"Write to {1}\"></textarea>\
         <button id=\"send\">Send</button></form>",
        Escaped(&phone.number),
        Escaped(to)
    )
}

fn write_message(out: &mut String, message: &Shown) -> fmt::Result {
    if message.is_own {
        write!(
            out,
            "<div class=\"card\">\n<p class=\"from\"><span class=\"sender\" dir=\"auto\">To {}</span> ",
            Escaped(&message.sender)
        )?;
        write_time(out, message)?;
        out.push_str("</p>\n");
        write_text(out, &message.text)?;
        write_small_print(out, message)?;
        out.push_str("</div>\n");
        return Ok(());
    }
    let sender = if message.sender.is_empty() { "Unknown" } else { &message.sender };
    let initial: String = sender.chars().find(|c| c.is_alphabetic()).unwrap_or('#').to_uppercase().collect();
    // One of six colors, always the same for one sender.
    let color = sender.bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte)) % 6;
    write!(
        out,
        "<span class=\"avatar c{color}\" aria-hidden=\"true\">{}</span>\n<div class=\"card\">\n\
         <p class=\"from\"><span class=\"sender\" dir=\"auto\">{}</span> ",
        Escaped(&initial),
        Escaped(sender)
    )?;
    write_time(out, message)?;
    out.push_str("</p>\n");
    write_text(out, &message.text)?;
    write_small_print(out, message)?;
    out.push_str("</div>\n");
    Ok(())
}

fn write_flash(out: &mut String, phone: &Phone, flash: &Shown) -> fmt::Result {
    let sender = if flash.sender.is_empty() { "Unknown" } else { &flash.sender };
    write!(
        out,
        "<div class=\"over\"><section class=\"flash\" id=\"flash\" role=\"alertdialog\" \
         aria-labelledby=\"flash-title\" aria-describedby=\"flash-text\">\n\
         <h2 id=\"flash-title\">Flash message</h2>\n<p class=\"from\"><span class=\"sender\" dir=\"auto\">{}</span> ",
        Escaped(sender)
    )?;
    write_time(out, flash)?;
    out.push_str("</p>\n<div id=\"flash-text\">");
    write_text(out, &flash.text)?;
    out.push_str("</div>\n");
    write_small_print(out, flash)?;
    writeln!(
        out,
        "<form method=\"post\" action=\"/dismiss\"><input type=\"hidden\" name=\"id\" value=\"{}\">\
         <input type=\"hidden\" name=\"phone\" value=\"{}\"><button id=\"dismiss\">Dismiss</button></form>",
        flash.id,
        Escaped(&phone.number)
    )?;
    match phone.flashes.len() {
        0 | 1 => out.push_str("<p class=\"rest\">It is not stored.</p>\n"),
        count => writeln!(out, "<p class=\"rest\">It is not stored. {} more below it.</p>", count - 1)?,
    }
    out.push_str("</section></div>\n");
    Ok(())
}

fn write_empty(out: &mut String, number: &str) -> fmt::Result {
    out.push_str("<div class=\"head\" id=\"head\" data-latest=\"0\"><h2><span>Messages</span>");
    if !number.is_empty() {
        write!(out, " <span class=\"number\">{}</span>", Escaped(number))?;
    }
    out.push_str(
        "</h2></div>\n<div class=\"none\"><p><strong>No message yet</strong></p>\
         <p>Send one through the simulated provider; it appears here at once.</p></div>\n",
    );
    Ok(())
}

fn write_time(out: &mut String, message: &Shown) -> fmt::Result {
    let [year, month, day, hour, minute, second] = utc(message.at);
    write!(
        out,
        "<time datetime=\"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z\">\
         {hour:02}:{minute:02}:{second:02} UTC</time>"
    )
}

/// A text, and what looks like a passcode in it so that it can be read from a distance.
fn write_text(out: &mut String, text: &str) -> fmt::Result {
    out.push_str("<p class=\"text\" dir=\"auto\">");
    let mut rest = text;
    while let Some((before, code, after)) = passcode(rest) {
        write!(out, "{}<strong class=\"code\">{}</strong>", Escaped(before), Escaped(code))?;
        rest = after;
    }
    write!(out, "{}</p>", Escaped(rest))?;
    out.push('\n');
    Ok(())
}

/// The first number of four to eight digits, or of two groups of three or four with a hyphen between them, that stands by
/// itself; with what is before and after it.
fn passcode(text: &str) -> Option<(&str, &str, &str)> {
    let bytes = text.as_bytes();
    let is_part = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte >= 0x80);
    let mut start = 0;
    while start < bytes.len() {
        if !bytes[start].is_ascii_digit() {
            start += 1;
            continue;
        }
        let run = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let first = run(start);
        let mut end = start + first;
        if matches!(first, 3 | 4) && bytes.get(end) == Some(&b'-') && run(end + 1) == first {
            end += 1 + first;
        }
        let length = end - start;
        let before = start.checked_sub(1).and_then(|place| bytes.get(place));
        // Not a piece of a word, an amount, a date or a number to call.
        let joined = |byte: Option<&u8>, more: Option<&u8>| {
            byte.is_some_and(|byte| b".,:/+-".contains(byte)) && more.is_some_and(u8::is_ascii_digit)
        };
        let two_before = start.checked_sub(2).and_then(|place| bytes.get(place));
        let is_alone = !is_part(before)
            && !is_part(bytes.get(end))
            && before != Some(&b'+')
            && !joined(before, two_before)
            && !joined(bytes.get(end), bytes.get(end + 1));
        if is_alone && (4..=9).contains(&length) && (length < 9 || text[start..end].contains('-')) {
            return Some((&text[..start], &text[start..end], &text[end..]));
        }
        start = end.max(start + 1);
    }
    None
}

fn write_small_print(out: &mut String, message: &Shown) -> fmt::Result {
    let segments = if message.segments == 1 { "segment" } else { "segments" };
    let alphabet = match message.alphabet {
        Some(Alphabet::Gsm7) => " · GSM 7-bit",
        Some(Alphabet::Ucs2) => " · UCS-2",
        Some(Alphabet::Latin1) => " · Latin 1",
        Some(Alphabet::Ascii) => " · ASCII",
        Some(Alphabet::Binary) => " · 8-bit data",
        None => "",
    };
    let via = match message.via {
        Via::Smsc => "SMPP",
        Via::Http => "HTTP",
        Via::Modem => "modem",
    };
    out.push_str("<p class=\"small\">");
    // Where the alphabet cannot be seen, nor can the segments.
    if message.alphabet.is_some() {
        write!(out, "{} {segments}{alphabet} · ", message.segments)?;
    }
    write!(out, "by {via}")?;
    match message.replaced {
        0 => {}
        1 => out.push_str(" · replaced the one before"),
        count => write!(out, " · replaced {count} before")?,
    }
    out.push_str("</p>\n");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::super::book::tests::event;
    use super::*;
    use crate::handset::HandsetEvent;
    use crate::handset::Written;

    #[test]
    fn passcodes_are_found_and_other_numbers_are_not() {
        let code = |text| passcode(text).map(|(_, code, _)| code);
        for (text, found) in [
            ("123456 is your code", "123456"),
            ("Code: 1234.", "1234"),
            ("use 123-456 now", "123-456"),
            ("G-1234 (12345678)", "1234"),
            ("é 4711", "4711"),
        ] {
            assert_eq!(code(text), Some(found), "{text}");
        }
        for text in [
            "in 5 minutes",
            "+15550100100",
            "1.2345",
            "2026-11-25",
            "10:30 or 12,345.00",
            "abc1234",
            "123456789",
            "1234é",
        ] {
            assert_eq!(code(text), None, "{text}");
        }
    }

    #[test]
    fn nothing_in_a_message_becomes_markup() {
        let mut book = Book::default();
        let evil = "<script>alert('1')</script>\"&\u{0}\u{8}";
        for flash in [false, true] {
            let event = HandsetEvent { number: evil.into(), flash, ..event(evil, evil, evil) };
            book.show(&event, UNIX_EPOCH);
        }
        let written = Written { number: evil.into(), to: evil.into(), text: evil.into(), via: Via::Smsc };
        book.wrote(&written, UNIX_EPOCH);
        let page = page(&book, Some(evil), UNIX_EPOCH, &|_| true);
        assert!(!page.contains("<script>alert") && !page.contains("('"), "{page}");
        assert!(!page.contains('\u{0}') && !page.contains('\u{8}'));
        assert!(page.contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot;&amp;"));
        assert!(page.contains("/?phone=%3Cscript%3E"));
    }

    #[test]
    fn the_page_tells_sender_time_segments_and_encoding() {
        let mut book = Book::default();
        let replacing = || HandsetEvent {
            replaces: Some(1),
            segments: 2,
            ..event("15550100100", "Acme", "123456 is it")
        };
        book.show(&replacing(), UNIX_EPOCH);
        book.show(&replacing(), UNIX_EPOCH);
        let page = page(&book, None, UNIX_EPOCH, &|_| true);
        for part in [
            "<title>Phone 15550100100 · textgate</title>",
            "Acme",
            "<time datetime=\"1970-01-01T00:00:00Z\">00:00:00 UTC</time>",
            "<strong class=\"code\">123456</strong> is it",
            "2 segments · GSM 7-bit · by SMPP · replaced the one before",
            "aria-current=\"page\"",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(!page.contains("style="), "the policy allows none");
    }

    #[test]
    fn a_phone_without_messages_says_what_to_do() {
        assert!(page(&Book::default(), None, UNIX_EPOCH, &|_| true).contains("No message yet"));
        assert!(page(&Book::default(), Some("1"), UNIX_EPOCH, &|_| true).contains("Phone 1"));
    }
}
