//! `textgate send`: one message.

use super::message;
use crate::cli::Send;
use crate::client::{Ask, Client};
use crate::config::Config;
use crate::failure::{Done, Failure};
use crate::output::Output;
use http::Method;
use serde_json::{Map, Value};
use std::io::{self, Read};

/// More than the longest text; the server says what is too long.
const LARGEST_TEXT: u64 = 64 << 10;

pub(super) async fn run(config: &Config, mut args: Send, output: &mut Output) -> Done {
    let text = match args.text.take() {
        Some(text) => text,
        None => read_text(io::stdin().lock())?,
    };
    let client = Client::reach(config, &args.reach)?;
    let body = request(&args, text);
    let ask = Ask { body: Some(&body), idempotency_key: args.idempotency_key.as_deref(), ..Ask::default() };
    let taken = client.ask(Method::POST, "/v1/messages", ask).await?;
    message::follow(&client, &taken, &args.waiting, args.json, output).await
}

fn request(args: &Send, text: String) -> Value {
    let mut body = Map::new();
    body.insert("to".into(), args.to.as_str().into());
    body.insert("text".into(), text.into());
    body.insert("kind".into(), args.kind.name().into());
    let optional = [
        ("sender", args.sender.as_deref().map(Value::from)),
        ("reference", args.reference.as_deref().map(Value::from)),
        ("validity_s", args.validity.map(Value::from)),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            body.insert(name.into(), value);
        }
    }
    body.into()
}

fn read_text(from: impl Read) -> Result<String, Failure> {
    let mut text = String::new();
    from.take(LARGEST_TEXT + 1).read_to_string(&mut text).map_err(|error| {
        Failure::failed(format_args!("the text cannot be read from standard input: {error}"))
    })?;
    if text.len() as u64 > LARGEST_TEXT {
        return Err(Failure::failed("the text on standard input is larger than 64 KiB"));
    }
    let without = text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text));
    Ok(without.unwrap_or(&text).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;
    use serde_json::json;

    #[test]
    fn a_text_from_a_pipe_loses_its_last_line_break_only() {
        assert_eq!(read_text(&b"a\nb\n\n"[..]).unwrap(), "a\nb\n");
        assert_eq!(read_text(&b"a\r\n"[..]).unwrap(), "a");
        assert_eq!(read_text(&b""[..]).unwrap(), "");
        assert!(read_text(io::repeat(b'x')).is_err());
    }

    #[test]
    fn only_what_was_said_is_asked_for() {
        let line = "textgate send --to 15550100100 --text-stdin --kind otp --validity 60";
        let Command::Send(args) = Cli::parse_from(line.split(' ')).command else { panic!("send") };
        let body = request(&args, "x".into());
        assert_eq!(body, json!({"to": "15550100100", "text": "x", "kind": "otp", "validity_s": 60}));
    }
}
