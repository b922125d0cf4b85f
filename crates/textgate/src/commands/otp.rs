//! `textgate otp`: passcodes made, checked, sent again and cancelled, to try the service and for scripts.

use super::message::text;
use super::place::Place;
use crate::cli::{OtpCommand, OtpSend, Reach};
use crate::client::{Ask, Client, path_part};
use crate::config::Config;
use crate::failure::{Done, Failure};
use crate::output::{Output, Tone};
use http::Method;
use serde_json::{Map, Value, json};
use std::io::{self, Read, Write};

/// Longer than any code that is typed (octets).
const LONGEST_CODE: u64 = 256;

pub(super) async fn run(config: &Config, command: &OtpCommand, output: &mut Output) -> Done {
    let place = Place::find(config, reach(command)).await?;
    let done = act(&place, command, output).await;
    let is_offline = place.is_offline();
    place.close().await;
    if is_offline && done.is_ok() && matches!(command, OtpCommand::Send(_) | OtpCommand::Resend { .. }) {
        writeln!(io::stderr(), "textgate: no server runs; it leaves when one starts, while it is valid")?;
    }
    done
}

fn reach(command: &OtpCommand) -> &Reach {
    match command {
        OtpCommand::Send(args) => &args.reach,
        OtpCommand::Check { reach, .. }
        | OtpCommand::Resend { reach, .. }
        | OtpCommand::Cancel { reach, .. }
        | OtpCommand::Status { reach, .. } => reach,
    }
}

async fn act(place: &Place, command: &OtpCommand, output: &mut Output) -> Done {
    let client = place.client();
    match command {
        OtpCommand::Send(args) => send(client, args, output).await,
        OtpCommand::Check { id, code, json, .. } => check(client, id, code, *json, output).await,
        OtpCommand::Resend { id, .. } => {
            let path = format!("/v1/otp/{}/resend", path_part(id));
            let sent = client.ask(Method::POST, &path, Ask::default()).await?;
            Ok(output.line(format_args!("{}  sent again", text(&sent, "id")))?)
        }
        OtpCommand::Cancel { id, .. } => {
            let path = format!("/v1/otp/{}", path_part(id));
            let passcode = client.ask(Method::DELETE, &path, Ask::default()).await?;
            Ok(output.line(format_args!("{}  {}", text(&passcode, "id"), text(&passcode, "status")))?)
        }
        OtpCommand::Status { id, json, .. } => {
            let passcode = client.get(&format!("/v1/otp/{}", path_part(id))).await?;
            if *json {
                return Ok(output.json(&passcode)?);
            }
            let status = shown(output, &text(&passcode, "status"));
            output.line(format_args!(
                "{}  {status}  {}",
                text(&passcode, "id"),
                text(&passcode, "purpose")
            ))?;
            for name in ["created_at", "expires_at", "attempts_left", "resends", "resend_at"] {
                output.line(format_args!("  {name:<14} {}", text(&passcode, name)))?;
            }
            for message in passcode["messages"].as_array().into_iter().flatten() {
                output.line(format_args!("  {:<14} {}", "message", message.as_str().unwrap_or_default()))?;
            }
            Ok(())
        }
    }
}

async fn send(client: &Client, args: &OtpSend, output: &mut Output) -> Done {
    let body = request(args);
    let ask = Ask { body: Some(&body), idempotency_key: args.idempotency_key.as_deref(), ..Ask::default() };
    let sent = client.ask(Method::POST, "/v1/otp", ask).await?;
    if args.json {
        return Ok(output.json(&sent)?);
    }
    // The id alone on standard output, so that a script can keep it.
    output.line(text(&sent, "id"))?;
    writeln!(io::stderr(), "textgate: valid until {}", text(&sent, "expires_at"))?;
    Ok(())
}

fn request(args: &OtpSend) -> Value {
    let mut body = Map::new();
    body.insert("to".into(), args.to.as_str().into());
    let optional = [
        ("purpose", args.purpose.as_deref().map(Value::from)),
        ("template", args.template.as_deref().map(Value::from)),
        ("locale", args.locale.as_deref().map(Value::from)),
        ("length", args.length.map(Value::from)),
        ("alphabet", args.letters.then(|| "letters".into())),
        ("ttl_s", args.ttl.map(Value::from)),
        ("app", args.app.as_deref().map(Value::from)),
        ("domain", args.domain.as_deref().map(Value::from)),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            body.insert(name.into(), value);
        }
    }
    body.into()
}

async fn check(client: &Client, id: &str, code: &str, json: bool, output: &mut Output) -> Done {
    let code = if code == "-" { read_code(io::stdin().lock())? } else { code.to_owned() };
    let path = format!("/v1/otp/{}/check", path_part(id));
    let checked = client.send(Method::POST, &path, &json!({"code": code})).await?;
    let status = text(&checked, "status");
    if json {
        output.json(&checked)?;
    } else {
        output.line(format_args!("{}  {}", text(&checked, "id"), shown(output, &status)))?;
    }
    match status.as_str() {
        "approved" => Ok(()),
        "pending" => {
            let left = text(&checked, "attempts_left");
            Err(Failure::failed(format_args!("this is not the code; {left} more may be tried")))
        }
        other => Err(Failure::failed(format_args!("the passcode is {other}: send a new one"))),
    }
}

fn read_code(from: impl Read) -> Result<String, Failure> {
    let mut code = String::new();
    let read = from.take(LONGEST_CODE).read_to_string(&mut code);
    read.map_err(|error| {
        Failure::failed(format_args!("the code cannot be read from standard input: {error}"))
    })?;
    Ok(code.trim().to_owned())
}

/// A status in its colour.
fn shown<W: Write>(output: &Output<W>, status: &str) -> String {
    let tone = match status {
        "approved" => Tone::Good,
        "pending" => Tone::Notice,
        _ => Tone::Bad,
    };
    output.tone(tone, status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    #[test]
    fn only_what_was_said_is_asked_for() {
        let line = "textgate otp send 15550100100 --purpose login --letters --ttl 90";
        let Command::Otp(args) = Cli::parse_from(line.split(' ')).command else { panic!("otp") };
        let OtpCommand::Send(args) = args.command else { panic!("send") };
        let expected = json!({"to": "15550100100", "purpose": "login", "alphabet": "letters", "ttl_s": 90});
        assert_eq!(request(&args), expected);
    }

    #[test]
    fn a_code_from_a_pipe_loses_its_line_break() {
        assert_eq!(read_code(&b"493817\r\n"[..]).unwrap(), "493817");
        assert_eq!(read_code(io::repeat(b'1')).unwrap().len(), 256);
    }
}
