//! `textgate man`: the manual page, made of what `--help` is made of, for packages.

use crate::cli::Cli;
use crate::failure::{Done, EXIT_CODES};
use crate::output::Output;
use clap::{Arg, Command, CommandFactory};

pub(super) fn run(output: &mut Output) -> Done {
    let mut command = Cli::command();
    command.build();
    Ok(output.line(page(&command).trim_end())?)
}

/// The page of textgate(1).
fn page(command: &Command) -> String {
    let version = command.get_version().unwrap_or_default();
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let mut page = format!(".TH TEXTGATE 1 \"\" \"textgate {}\" \"User Commands\"\n", plain(version));
    page += &format!(".SH NAME\ntextgate \\- {}\n", plain(about.trim_end_matches('.')));
    page += ".SH SYNOPSIS\n.B textgate\n[\\fB\\-\\-config\\fR \\fIFILE\\fR] \\fICOMMAND\\fR [\\fIARGUMENTS\\fR]\n";
    page += ".SH DESCRIPTION\n";
    page += &format!("{}\n.PP\nThe commands and the options that all of them take:\n", plain(&about));
    options(command, &mut page);
    page += ".SH COMMANDS\n";
    commands(command, "textgate", &mut page);
    page += ".SH EXIT STATUS\n.nf\n";
    for line in EXIT_CODES.lines().skip(1) {
        page += &format!("{}\n", plain(line.trim_start()));
    }
    page += ".fi\n.SH FILES\n.TP\n.I /etc/textgate/textgate.toml\nThe configuration, where \\fB\\-\\-config\\fR names it.\n";
    page + ".TP\n.I /var/lib/textgate\nThe store, the key file and the control socket, as the package has it.\n"
}

/// Each command that does something, with its options.
fn commands(command: &Command, path: &str, page: &mut String) {
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help") {
        let path = format!("{path} {}", sub.get_name());
        if sub.has_subcommands() {
            commands(sub, &path, page);
            continue;
        }
        let positional = sub.get_positionals().map(|arg| {
            let name = arg.get_id().as_str().to_uppercase();
            if arg.is_required_set() { format!(" \\fI{name}\\fR") } else { format!(" [\\fI{name}\\fR]") }
        });
        let positional: String = positional.collect();
        *page += &format!(".SS \\fB{}\\fR{positional}\n", plain(&path));
        if let Some(about) = sub.get_about() {
            *page += &format!("{}.\n", plain(about.to_string().trim_end_matches('.')));
        }
        options(sub, page);
    }
}

fn options(command: &Command, page: &mut String) {
    let is_shown = |arg: &&Arg| !arg.is_hide_set() && !matches!(arg.get_id().as_str(), "help" | "version");
    // What all commands take is told once.
    let is_global = |arg: &Arg| arg.is_global_set() && command.get_name() != "textgate";
    for arg in command.get_arguments().filter(is_shown).filter(|arg| !is_global(arg)) {
        let name = match arg.get_long() {
            Some(long) => {
                let value = arg.get_value_names().filter(|_| arg.get_action().takes_values());
                let value = value.and_then(<[_]>::first).map(|value| format!(" \\fI{}\\fR", plain(value)));
                format!("\\fB\\-\\-{}\\fR{}", plain(long), value.unwrap_or_default())
            }
            None => format!("\\fI{}\\fR", plain(&arg.get_id().as_str().to_uppercase())),
        };
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        *page += &format!(".TP\n{name}\n{}\n", plain(&help));
    }
}

/// Text in which nothing means anything to roff (groff_man_style(7)).
fn plain(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('\n', " ");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_page_has_every_command_and_no_line_that_roff_would_take_for_its_own() {
        let mut command = Cli::command();
        command.build();
        let page = page(&command);
        for word in
            ["textgate serve", "textgate keys rotate", "textgate user add", "\\-\\-dry\\-run", "EXIT STATUS"]
        {
            assert!(page.contains(word), "{word}: {page}");
        }
        assert!(!page.contains("textgate man"), "it is for packages");
        let requests = [".TH", ".SH", ".SS", ".TP", ".PP", ".B ", ".I ", ".nf", ".fi"];
        for line in page.lines().filter(|line| line.starts_with(['.', '\''])) {
            assert!(requests.iter().any(|request| line.starts_with(request)), "{line}");
        }
    }
}
