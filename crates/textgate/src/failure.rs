//! Why a command failed, what to do about it, and the exit code that says so to scripts.

use std::fmt;
use std::process::ExitCode;

/// What each exit code means; shown by `--help`.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  it was tried and did not succeed: refused, not delivered, not found
  2  the command line is wrong
  3  the configuration, the manifest or the key file is wrong
  4  the server cannot be reached";

/// What kind of failure, by what the caller can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// It was tried, and did not succeed.
    Failed = 1,
    /// The command line does not make sense.
    Usage = 2,
    /// A file or an environment variable has to be corrected.
    Configuration = 3,
    /// There is no server to talk to.
    Unreachable = 4,
}

/// A failed command: one message for people, one code for scripts.
#[derive(Debug)]
pub(crate) struct Failure {
    cause: Cause,
    message: String,
}

/// What a command ends with.
pub(crate) type Done = Result<(), Failure>;

impl Failure {
    pub(crate) fn failed(message: impl fmt::Display) -> Self {
        Self { cause: Cause::Failed, message: message.to_string() }
    }

    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self { cause: Cause::Usage, message: message.to_string() }
    }

    pub(crate) fn configuration(message: impl fmt::Display) -> Self {
        Self { cause: Cause::Configuration, message: message.to_string() }
    }

    pub(crate) fn unreachable(message: impl fmt::Display) -> Self {
        Self { cause: Cause::Unreachable, message: message.to_string() }
    }

    /// The process's exit code.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.cause as u8)
    }

    /// What kind of failure it is.
    #[cfg(test)]
    pub(crate) fn cause(&self) -> Cause {
        self.cause
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<std::io::Error> for Failure {
    /// Errors of the terminal; all others are given their words where they happen.
    fn from(error: std::io::Error) -> Self {
        Self::failed(format!("cannot write the output: {error}"))
    }
}
