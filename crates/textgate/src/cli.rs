//! The command line: what can be asked for, and the help that says so.

mod otp;
mod people;

pub(crate) use otp::{Otp, OtpCommand, OtpSend};
pub(crate) use people::{Audit, AuditCommand, EraseNumber, ExportNumber, User, UserCommand};

use crate::failure::EXIT_CODES;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;

/// The self-hosted SMS gateway for one-time passcodes and alerts.
#[derive(Debug, Parser)]
#[command(name = "textgate", version, propagate_version = true, max_term_width = 100, after_help = EXIT_CODES)]
#[command(after_long_help = format!("\
Examples:
  textgate demo                            see it work, with simulated providers
  textgate serve --config textgate.toml    run the gateway
  textgate apply tenants.toml --dry-run    what would that manifest change?
  echo \"code 123456\" | textgate send --to 15550100100 --kind otp --text-stdin --vs acme

{EXIT_CODES}"))]
pub(crate) struct Cli {
    /// The configuration file; without one, the environment and the defaults
    #[arg(long, global = true, env = "TEXTGATE_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show everything at work: server, providers, passcodes, failover
    Demo(Demo),
    /// Run the gateway until it is told to stop (SIGTERM or Ctrl-C; a second one stops at once)
    Serve,
    /// Bring virtual servers, settings, credits, API keys and users to what a manifest says
    Apply(Apply),
    /// Send a message
    Send(Box<Send>),
    /// Make, send and check one-time passcodes
    Otp(Otp),
    /// Show how the server is, or what became of a message
    Status(Status),
    /// Show or set the SMS settings of a virtual server
    Settings(Settings),
    /// Show the fraud guard's rules and blocked ranges, and release them
    Guard(Guard),
    /// Show what phones sent, and whose it is
    Inbound(Inbound),
    /// Send a test message by the SMS settings as they are
    Test(Test),
    /// Make, list and revoke API keys
    Key(Key),
    /// Show the keys of the key file, and change the one that seals
    Keys(Keys),
    /// Make, list, reset and remove users of the console
    User(User),
    /// Show who did what, and verify the log of it
    Audit(Audit),
    /// Print all that is kept of a phone number, as JSON
    Export(ExportNumber),
    /// Erase all that is kept of a phone number
    Erase(EraseNumber),
    /// List kinds of gateways, show one, or check a provider's file
    Plugins(Plugins),
    /// Find modems, and ask what they are
    Modem(ModemArgs),
    /// Write a copy of the store, while the server runs or not
    Backup(Backup),
    /// Move an installation from the embedded store to PostgreSQL
    Store(StoreArgs),
    /// Bring the tables of a PostgreSQL store to this version, and do nothing else
    Migrate,
    /// Check the configuration, the key file and the database, and change nothing
    Check,
    /// Run a provider's side, for trial: an SMSC, an HTTP provider or a modem
    Simulate(Simulate),
    /// Print the manual page (roff)
    #[command(hide = true)]
    Man,
}

/// Which server, and for which virtual server.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Reach {
    /// The virtual server's path, for example acme/sales [default: the root]
    #[arg(long, value_name = "PATH")]
    pub(crate) vs: Option<String>,
    /// A server elsewhere, by its API; without it, the one of this data directory, by its control socket
    #[arg(long, env = "TEXTGATE_URL", value_name = "URL")]
    pub(crate) url: Option<String>,
    /// The API key for --url; better in the environment, where the process list does not show it
    #[arg(long, env = "TEXTGATE_API_KEY", hide_env_values = true, value_name = "KEY")]
    pub(crate) api_key: Option<Secret>,
}

/// A secret from the command line: never shown, not even by `Debug`.
#[derive(Clone)]
pub(crate) struct Secret(pub(crate) String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

impl From<String> for Secret {
    fn from(secret: String) -> Self {
        Self(secret)
    }
}

/// `demo`.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Exit when it is done: 0 if all was delivered, otherwise 1
    #[arg(long)]
    pub(crate) once: bool,
}

/// `apply`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Secrets in the manifest: \"…\", { env = \"NAME\" } or { file = \"PATH\" } (relative to the manifest).
With a server running on the data directory it goes through that one; otherwise into the store.
API keys without a secret are generated, and printed once; so are links for new users to set a password.

Examples:
  textgate apply tenants.toml --dry-run
  textgate apply tenants.toml --yes")]
pub(crate) struct Apply {
    /// The manifest
    pub(crate) file: PathBuf,
    /// Only show what would change
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask; without a terminal nobody is asked
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// `modem`.
#[derive(Debug, Args)]
pub(crate) struct ModemArgs {
    #[command(subcommand)]
    pub(crate) command: ModemCommand,
}

/// `modem …`.
#[derive(Debug, Subcommand)]
pub(crate) enum ModemCommand {
    /// Find modems on this machine, or ask one, and show what each is; no PIN is ever sent
    #[command(after_long_help = "\
Looks at /dev/serial/by-id/*, /dev/ttyUSB* and /dev/ttyACM*. A modem that a running gateway has open cannot be asked.

Examples:
  textgate modem probe
  textgate modem probe /dev/ttyUSB2
  textgate modem probe tcp://192.168.1.7:4001")]
    Probe {
        /// A device, or a serial server as tcp://host:port or rfc2217://host:port [default: all that are found]
        device: Option<String>,
        /// The line's speed; USB modems ignore it
        #[arg(long, default_value_t = 115_200)]
        baud: u32,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// `send`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  echo \"Your code is 123456\" | textgate send --to 15550100100 --kind otp --text-stdin --vs acme
  textgate send --to 15550100100 --kind alert --text \"Disk full on db1\" --wait
  textgate send --to 15550100100 --text Hello --url https://sms.example.com   # TEXTGATE_API_KEY is set")]
pub(crate) struct Send {
    /// The number: only digits, beginning with a country code
    #[arg(long, value_name = "NUMBER")]
    pub(crate) to: String,
    /// The text; for a code --text-stdin is better, the process list shows this one
    #[arg(long, required_unless_present = "text_stdin", conflicts_with = "text_stdin")]
    pub(crate) text: Option<String>,
    /// Read the text from standard input; one line break at its end is dropped
    #[arg(long)]
    pub(crate) text_stdin: bool,
    /// What it is for: decides its lane, its validity, and how long its text is kept
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) kind: MessageKind,
    /// Another sender than the gateway's
    #[arg(long)]
    pub(crate) sender: Option<String>,
    /// How long it is worth sending, in seconds
    #[arg(long, value_name = "SECONDS")]
    pub(crate) validity: Option<u32>,
    /// Your own name for it
    #[arg(long)]
    pub(crate) reference: Option<String>,
    /// The same key twice sends once
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
    #[command(flatten)]
    pub(crate) waiting: Waiting,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) reach: Reach,
}

/// Whether and how long to wait for what becomes of a message.
#[derive(Debug, Args)]
pub(crate) struct Waiting {
    /// Wait until it is delivered (or only sent), and fail if it is not
    #[arg(long, value_enum, value_name = "UNTIL", num_args = 0..=1, require_equals = true, default_missing_value = "delivered")]
    pub(crate) wait: Option<Until>,
    /// How long to wait, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: u64,
}

/// What to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Until {
    /// A gateway took it
    Sent,
    /// The provider's receipt says that it reached the phone
    Delivered,
}

/// What a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MessageKind {
    /// A one-time passcode
    Otp,
    /// An alert
    Alert,
    /// Any other text
    Text,
}

impl MessageKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Otp => "otp",
            Self::Alert => "alert",
            Self::Text => "text",
        }
    }
}

/// `status`.
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// A message's id
    pub(crate) id: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) reach: Reach,
}

/// `settings`.
#[derive(Debug, Args)]
pub(crate) struct Settings {
    #[command(subcommand)]
    pub(crate) command: SettingsCommand,
}

/// `guard`.
#[derive(Debug, Args)]
pub(crate) struct Guard {
    #[command(subcommand)]
    pub(crate) command: GuardCommand,
}

/// What to do with the fraud guard.
#[derive(Debug, Subcommand)]
pub(crate) enum GuardCommand {
    /// Show the rules in force, and what was refused since the server was started
    Show {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reach: Reach,
    },
    /// List blocked ranges of numbers
    Blocks {
        #[command(flatten)]
        reach: Reach,
    },
    /// Release a blocked range: it is not blocked again by itself for a day
    #[command(after_long_help = "\
Example:
  textgate guard release 491573123 --vs acme")]
    Release {
        /// How its numbers begin, as `textgate guard blocks` lists it
        range: String,
        #[command(flatten)]
        reach: Reach,
    },
}

/// `inbound`.
#[derive(Debug, Args)]
pub(crate) struct Inbound {
    #[command(subcommand)]
    pub(crate) command: InboundCommand,
}

/// What to do with messages of phones.
#[derive(Debug, Subcommand)]
pub(crate) enum InboundCommand {
    /// List what phones sent, the newest first
    List {
        /// Only from this phone
        #[arg(long)]
        from: Option<String>,
        /// How many at most
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=200))]
        limit: u16,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reach: Reach,
    },
    /// Show the rules that say whose messages of phones are
    Rules {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reach: Reach,
    },
    /// Put the rules as a whole
    #[command(after_long_help = "\
The file holds JSON as `textgate inbound rules --json` prints it; - is standard input.

Example:
  textgate inbound set-rules rules.json --vs acme")]
    SetRules {
        /// The rules
        file: PathBuf,
        #[command(flatten)]
        reach: Reach,
    },
}

/// What to do with settings.
#[derive(Debug, Subcommand)]
pub(crate) enum SettingsCommand {
    /// Show them; secrets are only said to be set
    Show {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reach: Reach,
    },
    /// Put them as a whole; a secret that is left out keeps its value
    #[command(after_long_help = "\
The file holds what a manifest has under sms_settings, in TOML or JSON; - is standard input.

Example:
  textgate settings set acme.toml --vs acme")]
    Set {
        /// The settings
        file: PathBuf,
        #[command(flatten)]
        reach: Reach,
    },
}

/// `test`.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Where to; without it, the SMS Mobile Number of the settings
    #[arg(long)]
    pub(crate) number: Option<String>,
    #[command(flatten)]
    pub(crate) waiting: Waiting,
    #[command(flatten)]
    pub(crate) reach: Reach,
}

/// `key`.
#[derive(Debug, Args)]
pub(crate) struct Key {
    #[command(subcommand)]
    pub(crate) command: KeyCommand,
}

/// What to do with API keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make one; its secret is printed once, alone on standard output
    #[command(
        after_long_help = "Example:\n  TEXTGATE_API_KEY=$(textgate key create app --vs acme --role send)"
    )]
    Create {
        /// Its name, unique within the virtual server
        name: String,
        /// What it may do
        #[arg(long, value_enum, default_value = "full")]
        role: KeyRole,
        /// Most requests a second [default: unlimited]
        #[arg(long, value_name = "N")]
        rate: Option<u32>,
        #[command(flatten)]
        reach: Reach,
    },
    /// List them, without their secrets
    List {
        #[command(flatten)]
        reach: Reach,
    },
    /// Revoke one: it is not known from then on
    Revoke {
        /// Its name
        name: String,
        #[command(flatten)]
        reach: Reach,
    },
}

/// What an API key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyRole {
    /// Everything its virtual server can
    Full,
    /// Send messages and read them
    Send,
}

impl KeyRole {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Send => "send",
        }
    }
}

/// `keys`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
With a server running on the data directory it goes through that one, while messages flow; otherwise into the store.
These are the keys that seal what is in the store; API keys are made with `textgate key`.

Example:
  textgate keys rotate")]
pub(crate) struct Keys {
    #[command(subcommand)]
    pub(crate) command: KeysCommand,
}

/// What to do with the key file.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// List its keys
    List,
    /// Add a key that waits: for several nodes on one store, which all get the file before one of them seals with it
    Add,
    /// Take up a new key, seal everything in the store anew under it, and drop the old one; goes on where it broke off
    Rotate {
        /// Keep the old key: other nodes still seal under it
        #[arg(long)]
        keep_old: bool,
    },
}

/// `plugins`.
#[derive(Debug, Args)]
pub(crate) struct Plugins {
    #[command(subcommand)]
    pub(crate) command: PluginsCommand,
}

/// What to do with plugins.
#[derive(Debug, Subcommand)]
pub(crate) enum PluginsCommand {
    /// List all of them, in the console's order
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one: its settings, and of a provider its features and where its facts are from
    Show {
        /// Its name
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Say what is wrong with a provider's file, and in which line
    #[command(after_long_help = "Example:\n  textgate plugins check catalogue/acme.toml")]
    Check {
        /// The files
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Print the page about all providers (Markdown), as docs/providers.md has it
    Docs,
}

/// `backup`.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// A new file
    pub(crate) file: PathBuf,
}

/// `store`.
#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    #[command(subcommand)]
    pub(crate) command: StoreCommand,
}

/// `store …`.
#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Copy the embedded store into a new PostgreSQL database, and compare both
    #[command(after_long_help = "\
Stop the server first. A copy that was interrupted goes on where it was. Nothing is changed in the embedded store; the key file
belongs to both.

Examples:
  TEXTGATE_STORE=postgres://… textgate store copy /var/lib/textgate/textgate.db
  textgate store copy textgate.db postgres://textgate@%2Frun%2Fpostgresql/textgate")]
    Copy(StoreCopy),
}

/// `store copy`.
#[derive(Debug, Args)]
pub(crate) struct StoreCopy {
    /// The embedded store's file
    pub(crate) from: PathBuf,
    /// The database's URL [default: `store` of the configuration; better there where it has a password, as the process list shows
    /// what stands here]
    pub(crate) to: Option<Secret>,
}

/// `simulate`.
#[derive(Debug, Args)]
pub(crate) struct Simulate {
    #[command(subcommand)]
    pub(crate) command: SimulateCommand,
}

/// Which side to simulate.
#[derive(Debug, Subcommand)]
pub(crate) enum SimulateCommand {
    /// An SMSC: takes binds and submit_sm, sends receipts
    #[command(
        after_long_help = "Example:\n  textgate simulate smsc --listen 127.0.0.1:2775 --system-id esme --show-text"
    )]
    Smsc {
        /// Where to listen
        #[arg(long, default_value = "127.0.0.1:2775")]
        listen: SocketAddr,
        /// The only system_id that may bind [default: any]
        #[arg(long)]
        system_id: Option<String>,
        /// The password it must give [default: any]
        #[arg(long)]
        password: Option<Secret>,
        #[command(flatten)]
        watching: Watching,
    },
    /// An HTTP provider: takes GET and POST, and answers with a success string
    #[command(after_long_help = "Example:\n  textgate simulate http --listen 127.0.0.1:8081 --show-text")]
    Http {
        /// Where to listen
        #[arg(long, default_value = "127.0.0.1:8081")]
        listen: SocketAddr,
        #[command(flatten)]
        watching: Watching,
    },
    /// A GSM modem: takes AT commands, in PDU mode and text mode, and sends status reports
    #[command(after_long_help = "\
Example:
  textgate simulate modem --link /tmp/modem --show-text
  gammu -c gammurc sendsms TEXT +15550100100 -text Hello   # with device = /tmp/modem and connection = at")]
    Modem {
        /// Where its device appears: a symbolic link to a pseudo-terminal [default, without an address: textgate-modem
        /// in the directory for temporary files]
        #[arg(long, value_name = "PATH")]
        link: Option<PathBuf>,
        /// An address where it is reached as by a serial server, octets as they are
        #[arg(long, value_name = "ADDRESS")]
        tcp: Option<SocketAddr>,
        /// The same with Telnet's COM port control (RFC 2217)
        #[arg(long, value_name = "ADDRESS")]
        rfc2217: Option<SocketAddr>,
        /// The SIM's PIN [default: none is asked for]
        #[arg(long)]
        pin: Option<Secret>,
        #[command(flatten)]
        watching: Watching,
    },
}

/// How what phones get is shown.
#[derive(Debug, Args)]
pub(crate) struct Watching {
    /// Show texts in this terminal: codes, too
    #[arg(long)]
    pub(crate) show_text: bool,
    /// Where the page is served that shows the phones, with texts [default: any free port of this machine]
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0", hide_default_value = true)]
    pub(crate) phones: SocketAddr,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_command_line_makes_sense_to_clap() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_lists_every_command_and_the_exit_codes() {
        let help = Cli::command().render_long_help().to_string();
        for word in [
            "demo",
            "serve",
            "apply",
            "send",
            "status",
            "settings",
            "test",
            "key",
            "keys",
            "user",
            "audit",
            "export",
            "erase",
            "plugins",
            "backup",
            "check",
            "simulate",
            "Examples:",
            "Exit codes:",
            "--config",
        ] {
            assert!(help.contains(word), "{word}: {help}");
        }
    }

    #[test]
    fn the_commands_of_the_contract_are_understood() {
        for line in [
            "textgate serve --config a.toml",
            "textgate --config a.toml serve",
            "textgate demo --once",
            "textgate apply m.toml --dry-run --yes",
            "textgate send --to 15550100100 --text hi --kind otp --vs acme --wait",
            "textgate send --to 15550100100 --text-stdin --wait=sent --timeout 5",
            "textgate status",
            "textgate status 0abc --url http://h:1 --api-key k",
            "textgate settings show --vs acme/sales",
            "textgate settings set f.json",
            "textgate test --number 15550100100",
            "textgate key create app --role send --rate 5",
            "textgate key list",
            "textgate key revoke app",
            "textgate keys list",
            "textgate keys add",
            "textgate keys rotate --keep-old",
            "textgate user add ada --vs acme --role operator --password-stdin",
            "textgate user list --json",
            "textgate user reset ada",
            "textgate user remove ada --vs acme",
            "textgate user set-up-link",
            "textgate audit list --limit 5",
            "textgate audit verify --head 7:ab",
            "textgate export 15550100100 --vs acme",
            "textgate erase 15550100100 --yes --json",
            "textgate backup /tmp/b",
            "textgate plugins list",
            "textgate plugins show twilio --json",
            "textgate plugins check a.toml b.toml",
            "textgate plugins docs",
            "textgate check",
            "textgate simulate smsc --show-text",
            "textgate simulate http --listen 127.0.0.1:0",
            "textgate simulate modem --link /tmp/modem --tcp 127.0.0.1:0 --rfc2217 127.0.0.1:0 --pin 1234",
            "textgate simulate smsc --phones 127.0.0.1:0",
        ] {
            assert!(parse(line).is_ok(), "{line}: {:?}", parse(line).err());
        }
    }

    #[test]
    fn a_text_comes_from_one_place_and_a_kind_exists() {
        for line in [
            "textgate send --to 15550100100",
            "textgate send --to 15550100100 --text a --text-stdin",
            "textgate send --to 15550100100 --text a --kind sms",
            "textgate send --text a",
            "textgate",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn an_api_key_is_not_shown_by_debug() {
        let cli = parse("textgate status --url http://h --api-key tg_hunter2").unwrap();
        assert!(!format!("{cli:?}").contains("hunter2"));
    }
}
