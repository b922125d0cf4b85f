//! The fraud guard's words: plain types that serialise to the API's JSON.

use serde::{Deserialize, Serialize};
use textgate_sms::Country;

/// What the guard does about what it finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuardMode {
    /// Nothing is judged.
    Off,
    /// It is counted and listed; nothing is refused.
    DryRun,
    /// It is refused.
    On,
}

/// What a limit counts by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// Each phone number.
    Number,
    /// Each range of 10,000 numbers.
    Range,
    /// Each country.
    Country,
    /// Each address that passcodes are asked for from (IPv6: each /64).
    Ip,
    /// Each purpose.
    Purpose,
    /// All of the virtual server.
    VirtualServer,
}

/// At most so many passcodes in a sliding window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardLimit {
    /// What is counted by.
    pub per: Per,
    /// How many (1 to 1,000,000).
    pub limit: u32,
    /// How long the window is (s, 1 to 604,800).
    pub window_s: u32,
}

/// The rules of one virtual server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GuardRules {
    /// What the guard does about what it finds.
    pub mode: GuardMode,
    /// Where passcodes may go; none: everywhere.
    pub countries: Vec<Country>,
    /// Whether numbers that cost their caller more are refused.
    pub refuse_premium: bool,
    /// Whether numbers that no plan has are refused.
    pub refuse_unallocated: bool,
    /// Limits, all of which hold.
    pub limits: Vec<GuardLimit>,
    /// Whether ranges without conversions are blocked.
    pub block_ranges: bool,
    /// How long a range is blocked for the first time (s, 60 to 2,592,000); each time again four times as long.
    pub block_s: u32,
    /// How long a range is blocked at most (s).
    pub longest_block_s: u32,
}

/// The rules of a virtual server, and what is in force for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GuardView {
    /// Its own rules; `None` where none were put.
    pub own: Option<GuardRules>,
    /// What is in force: its own rules, or those above it, or the default.
    pub in_force: GuardRules,
    /// Whether the rules are asked for messages of kind `otp`, too: only where somebody has put rules.
    pub is_for_messages: bool,
    /// What the operator should know: no country chosen, nothing refused.
    pub notices: Vec<String>,
}

macro_rules! reasons {
    ($($variant:ident = $name:literal $about:literal,)+) => {
        /// Why a passcode is refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum GuardReason {
            $(#[doc = $about] $variant,)+
        }

        impl GuardReason {
            /// All of them.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            /// Its word in the API, metrics and console.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

reasons! {
    Country = "country" "Its country is not one of those chosen.",
    Premium = "premium" "It is a number that costs its caller more.",
    Unallocated = "unallocated" "No numbering plan has it.",
    Blocked = "blocked_range" "Its range is blocked: messages came to it that nobody answered.",
    Full = "full_range" "Its range has too many messages without an answer.",
    Number = "limit_number" "The limit per number is reached.",
    Range = "limit_range" "The limit per range is reached.",
    CountryLimit = "limit_country" "The limit per country is reached.",
    Ip = "limit_ip" "The limit per address is reached.",
    Purpose = "limit_purpose" "The limit per purpose is reached.",
    VirtualServer = "limit_virtual_server" "The limit of the virtual server is reached.",
}

impl Per {
    /// Why a passcode is refused where this limit is reached.
    pub fn reason(self) -> GuardReason {
        match self {
            Self::Number => GuardReason::Number,
            Self::Range => GuardReason::Range,
            Self::Country => GuardReason::CountryLimit,
            Self::Ip => GuardReason::Ip,
            Self::Purpose => GuardReason::Purpose,
            Self::VirtualServer => GuardReason::VirtualServer,
        }
    }

    /// All of them, with their words.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Number, "number"),
        (Self::Range, "range"),
        (Self::Country, "country"),
        (Self::Ip, "ip"),
        (Self::Purpose, "purpose"),
        (Self::VirtualServer, "virtual_server"),
    ];
}

impl GuardMode {
    /// All of them, with their words.
    pub const ALL: [(Self, &'static str); 3] =
        [(Self::Off, "off"), (Self::DryRun, "dry_run"), (Self::On, "on")];

    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::DryRun => "dry_run",
            Self::On => "on",
        }
    }
}

/// A range that the guard has blocked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GuardBlockView {
    /// How its numbers begin.
    pub range: String,
    /// Their country.
    pub country: Option<Country>,
    /// Since when (Unix time, ms).
    pub began_ms: i64,
    /// Until when.
    pub until_ms: i64,
    /// How often it has been blocked.
    pub times: u16,
    /// Messages to it that were refused, or would have been, since the program was started.
    pub refused: u64,
    /// Somebody released it: it is not blocked again by itself before then.
    pub excused_until_ms: Option<i64>,
}

/// What the guard refused, or would have refused, since the program was started.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct GuardReport {
    /// Since when it counts (Unix time, ms).
    pub since_ms: i64,
    /// Passcodes that were let through.
    pub let_through: u64,
    /// Refused, by reason.
    pub refused: Vec<GuardCount>,
    /// Would have been refused, by reason.
    pub would_refuse: Vec<GuardCount>,
    /// Of those that would have been refused, so many were converted: people would have been kept out.
    pub would_refuse_people: u64,
    /// The latest of them, the newest first.
    pub latest: Vec<GuardRefused>,
}

/// How many for one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct GuardCount {
    /// The reason's word.
    pub reason: &'static str,
    /// How many.
    pub count: u64,
}

/// One passcode that was refused, or would have been.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GuardRefused {
    /// When (Unix time, ms).
    pub at_ms: i64,
    /// How its number begins: the range of 10,000 that it lies in.
    pub range: String,
    /// Its country.
    pub country: Option<Country>,
    /// The reason's word.
    pub reason: &'static str,
    /// It was sent all the same.
    pub is_dry_run: bool,
}
