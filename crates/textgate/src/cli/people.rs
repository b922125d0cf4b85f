//! The command line about people: users of the console, and the log of what was done.

use super::Reach;
use clap::{Args, Subcommand, ValueEnum};

/// `user`.
#[derive(Debug, Args)]
#[command(
    after_long_help = "With a server running on the data directory it goes through that one; otherwise into the store."
)]
pub(crate) struct User {
    #[command(subcommand)]
    pub(crate) command: UserCommand,
}

/// What to do with users.
#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Make one; without --password-stdin, a one-time link to set a password is printed, alone on standard output
    #[command(after_long_help = "\
Examples:
  textgate user add ada@example.com --role administrator
  textgate user add ben --vs acme --role operator --password-stdin < password")]
    Add {
        /// Its name: letters, digits and . _ - + @; unique in any case
        name: String,
        /// What it may do
        #[arg(long, value_enum)]
        role: UserRoleName,
        /// Read its password from standard input
        #[arg(long)]
        password_stdin: bool,
        #[command(flatten)]
        reach: Reach,
    },
    /// List those of a virtual server and all below it
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reach: Reach,
    },
    /// Take its password and second factor away, end its sessions, and print a link to set a new password
    Reset {
        /// Its name
        name: String,
        #[command(flatten)]
        reach: Reach,
    },
    /// Remove one, and end its sessions
    Remove {
        /// Its name
        name: String,
        #[command(flatten)]
        reach: Reach,
    },
    /// Print the link that makes the first user, while there is none
    SetUpLink,
}

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum UserRoleName {
    /// Everything, on its virtual server and all below it
    Administrator,
    /// Settings, sending and messages of its virtual server
    Operator,
    /// Reads its virtual server and all below it, but no texts and no secrets
    Auditor,
}

impl UserRoleName {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
        }
    }
}

/// `export`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Messages, passcodes, messages it sent, contacts, alerts, opt-outs and what was said about them: of the virtual server and all below it.
With a server running on the data directory it goes through that one; otherwise it reads the store.

Example:
  textgate export 15550100100 > 15550100100.json")]
pub(crate) struct ExportNumber {
    /// The number: only digits, beginning with a country code
    pub(crate) number: String,
    #[command(flatten)]
    pub(crate) reach: Reach,
}

/// `erase`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Of the virtual server and all below it; without --vs, of the whole store, whose files are searched for the number afterwards.
What is still to be sent is cancelled first. Opt-outs stay in force without telling the number. Backups are not touched.
With a server running on the data directory it goes through that one; otherwise into the store.

Example:
  textgate erase 15550100100 --yes")]
pub(crate) struct EraseNumber {
    /// The number: only digits, beginning with a country code
    pub(crate) number: String,
    /// Do not ask; without a terminal nobody is asked
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) reach: Reach,
}

/// `audit`.
#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[command(subcommand)]
    pub(crate) command: AuditCommand,
}

/// What to do with the audit log.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Show the newest entries of a virtual server and all below it
    List {
        /// How many
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
        /// Print JSON, with before and after
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reach: Reach,
    },
    /// Verify that every entry is as it was written, and print the head; exit code 1 where one is not
    #[command(after_long_help = "\
Keep the printed head at another place: entries that are cut off at the end are found by it only.

Example:
  textgate audit verify --head \"$(cat /elsewhere/head)\"")]
    Verify {
        /// A head that was kept, as it was printed: it must still be in the log
        #[arg(long, value_name = "NUMBER:HASH")]
        head: Option<String>,
    },
}
