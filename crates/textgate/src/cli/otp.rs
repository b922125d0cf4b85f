//! The command line about one-time passcodes.

use super::Reach;
use clap::{Args, Subcommand};

/// `otp`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
The code is told to nobody but the phone: `send` prints the passcode's id, `check` takes what was received.
With a server running on the data directory it goes through that one; otherwise into the store, and what is
made there leaves when the server starts.

Examples:
  id=$(textgate otp send 15550100100 --vs acme --purpose login --locale de)
  textgate otp check \"$id\" 493817 --vs acme && echo welcome
  textgate otp resend \"$id\" --vs acme")]
pub(crate) struct Otp {
    #[command(subcommand)]
    pub(crate) command: OtpCommand,
}

/// What to do with a passcode.
#[derive(Debug, Subcommand)]
pub(crate) enum OtpCommand {
    /// Make a passcode and send it; its id is printed, alone on standard output
    Send(Box<OtpSend>),
    /// Check a code: exit code 0 where it is the right one, 1 otherwise
    #[command(after_long_help = "\
Each check counts as an attempt, and the right code is approved once. The process list shows what is on the
command line; - reads the code from standard input.

Example:
  textgate otp check 06d3tb80009rc 493817 --vs acme")]
    Check {
        /// The passcode's id
        id: String,
        /// The code, or - for standard input
        code: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reach: Reach,
    },
    /// Send the same code again, when its pause is over; by another gateway where the first brought no receipt
    Resend {
        /// The passcode's id
        id: String,
        #[command(flatten)]
        reach: Reach,
    },
    /// Cancel a passcode: no code is right for it any more
    Cancel {
        /// The passcode's id
        id: String,
        #[command(flatten)]
        reach: Reach,
    },
    /// Show how a passcode stands, never its code
    Status {
        /// The passcode's id
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reach: Reach,
    },
}

/// `otp send`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
What is left out is as in the passcode settings (GET /v1/otp/settings).

Examples:
  textgate otp send 15550100100
  textgate otp send 15550100100 --vs acme --purpose payment --length 8 --ttl 300
  textgate otp send 15550100100 --domain login.example.com    # browsers offer to fill it in")]
pub(crate) struct OtpSend {
    /// The number: only digits, beginning with a country code
    #[arg(value_name = "NUMBER")]
    pub(crate) to: String,
    /// What it is for, in your words
    #[arg(long)]
    pub(crate) purpose: Option<String>,
    /// The purpose whose templates are used, where it is another
    #[arg(long, value_name = "PURPOSE")]
    pub(crate) template: Option<String>,
    /// The reader's language, for example de or pt-BR
    #[arg(long, value_name = "TAG")]
    pub(crate) locale: Option<String>,
    /// How long the code is, 4 to 10
    #[arg(long, value_name = "N")]
    pub(crate) length: Option<u32>,
    /// Letters instead of digits
    #[arg(long)]
    pub(crate) letters: bool,
    /// How long it is valid, in seconds
    #[arg(long, value_name = "SECONDS")]
    pub(crate) ttl: Option<u32>,
    /// An Android app that may read it: its name in the settings, or its hash
    #[arg(long, conflicts_with = "domain")]
    pub(crate) app: Option<String>,
    /// The domain whose pages may read it
    #[arg(long)]
    pub(crate) domain: Option<String>,
    /// The same key twice sends once
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) reach: Reach,
}
