//! `textgate apply`: the plan of a manifest, and then the change, through the running server or on the store itself.

use crate::cli::Apply;
use crate::client::{self, Ask, Client};
use crate::config::{Config, process_environment};
use crate::failure::{Done, Failure};
use crate::output::{Output, Tone, printable};
use crate::{manifest, rooms};
use http::Method;
use serde_json::json;
use std::io::{self, BufRead, IsTerminal, Write};
use textgate_dispatch::{Applied, DirectoryError, Dispatch, Manifest};

/// Who makes the change: a server, or this process while there is none.
enum Place {
    Server(Client),
    Store(Dispatch),
}

pub(super) async fn run(config: &Config, args: &Apply, output: &mut Output) -> Done {
    let manifest = manifest::load(&args.file, &process_environment)?;
    let place = if client::is_running(&config.control_socket()).await? {
        Place::Server(Client::control(&config.control_socket(), None)?)
    } else {
        Place::Store(rooms::start_offline(config).await?)
    };
    let done = plan_and_apply(config, &place, manifest, args, output).await;
    if let Place::Store(dispatch) = place {
        dispatch.shutdown().await;
    }
    done
}

async fn plan_and_apply(
    config: &Config,
    place: &Place,
    manifest: Manifest,
    args: &Apply,
    output: &mut Output,
) -> Done {
    let plan = place.apply(manifest.clone(), true).await?;
    if plan.changes.is_empty() {
        output.line("nothing to change: everything is as the manifest says")?;
        return Ok(());
    }
    output.line(format_args!("{} to make:", count(plan.changes.len())))?;
    for change in &plan.changes {
        output.line(format_args!("  {} {}", output.tone(Tone::Notice, "~"), printable(change)))?;
    }
    if args.dry_run {
        output.line("dry run: nothing was changed")?;
        return Ok(());
    }
    if !args.yes && io::stdin().is_terminal() && !is_agreed()? {
        return Err(Failure::failed("nothing was changed"));
    }
    let applied = place.apply(manifest, false).await?;
    output.line(output.tone(Tone::Good, format_args!("applied: {} made", count(applied.changes.len()))))?;
    show_keys(&applied, output)?;
    show_links(config, &applied, output)?;
    Ok(())
}

fn show_keys<W: Write>(applied: &Applied, output: &mut Output<W>) -> io::Result<()> {
    if applied.generated.is_empty() {
        return Ok(());
    }
    output.line("API keys made; their secrets are shown only now:")?;
    for (path, name, secret) in &applied.generated {
        output.line(format_args!("  {} {} {secret}", printable(path), printable(name)))?;
    }
    Ok(())
}

fn show_links<W: Write>(config: &Config, applied: &Applied, output: &mut Output<W>) -> io::Result<()> {
    if applied.invitations.is_empty() {
        return Ok(());
    }
    output
        .line("users made; their links to set a password are shown only now, good once and for 24 hours:")?;
    for (path, name, link) in &applied.invitations {
        let (path, name) = (printable(path), printable(name));
        output.line(format_args!("  {path} {name} {}", super::user::absolute(config, link)))?;
    }
    Ok(())
}

fn count(changes: usize) -> String {
    if changes == 1 { "1 change".into() } else { format!("{changes} changes") }
}

fn is_agreed() -> Result<bool, Failure> {
    // The question goes where the answer comes from; standard output may be a file.
    write!(io::stderr(), "apply? [y/N] ")?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(Failure::failed)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

impl Place {
    async fn apply(&self, manifest: Manifest, dry_run: bool) -> Result<Applied, Failure> {
        match self {
            Self::Store(dispatch) => {
                dispatch.apply("cli", manifest, dry_run).await.map_err(|error| refused(&error))
            }
            Self::Server(client) => {
                let body = json!({"manifest": manifest, "dry_run": dry_run});
                let ask = Ask { body: Some(&body), is_long: true, ..Ask::default() };
                let answer = client.ask(Method::POST, "/control/apply", ask).await?;
                serde_json::from_value(answer).map_err(|_| {
                    Failure::failed("the server's answer is not understood; is it another version?")
                })
            }
        }
    }
}

/// The engine's refusal, with each problem by its path as the API writes them.
pub(super) fn refused(error: &DirectoryError) -> Failure {
    let mut message = error.to_string();
    if let DirectoryError::Invalid(problems) = error {
        for problem in problems {
            message.push_str(&format!("\n  {}: {}", printable(&problem.path), printable(&problem.message)));
        }
    }
    Failure::failed(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::plain;
    use textgate_gateway::Problem;

    #[test]
    fn made_keys_are_shown_with_whose_they_are() {
        let applied = Applied {
            generated: vec![("acme".into(), "app".into(), "tg_secret".into())],
            ..Applied::default()
        };
        let mut output = plain();
        show_keys(&applied, &mut output).unwrap();
        assert!(output.text().contains("  acme app tg_secret\n"));
    }

    #[test]
    fn every_problem_is_told_with_its_path() {
        let error =
            DirectoryError::Invalid(vec![Problem::new("a.b", "enter it"), Problem::new("c", "remove it")]);
        let text = refused(&error).to_string();
        assert!(text.contains("\n  a.b: enter it\n  c: remove it"), "{text}");
    }
}
