//! The conditions there are: their names, how much they matter, and what is said of them.

use textgate_sms::Severity;

/// Most subjects that a text names.
const NAMED_MOST: usize = 4;

macro_rules! conditions {
    ($($(#[$meta:meta])* $variant:ident = $name:literal $severity:ident $goes_up:literal $lasts:literal
        ($one:literal $many:literal) ($ein:literal $viele:literal),)+) => {
        /// Something that textgate watches.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum Condition { $($(#[$meta])* $variant,)+ }

        impl Condition {
            /// All of them.
            pub(crate) const ALL: [Self; [$($name),+].len()] = [$(Self::$variant,)+];

            /// Its name in the API, the settings and alerts.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// How much it matters.
            pub(super) fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)+ }
            }

            /// Whether a service provider hears of it where the virtual server itself has nobody to tell, or no way to.
            pub(super) fn goes_up(self) -> bool {
                match self { $(Self::$variant => $goes_up,)+ }
            }

            /// Whether it can still hold after a start without anything to say so: the others begin anew.
            pub(super) fn outlasts_a_start(self) -> bool {
                match self { $(Self::$variant => $lasts,)+ }
            }

            /// What it is called of one and of several, in this language.
            fn heading(self, language: &str) -> (&'static str, &'static str) {
                match (self, language) {
                    $((Self::$variant, "de") => ($ein, $viele), (Self::$variant, _) => ($one, $many),)+
                }
            }
        }
    };
}

conditions! {
    /// SMS credits are running out.
    CreditsLow = "credits_low" Warning false true
        ("SMS credits are running out" "SMS credits are running out") ("SMS-Credits gehen zu Ende" "SMS-Credits gehen zu Ende"),
    /// The balance at a provider is low.
    BalanceLow = "balance_low" Warning false true
        ("Provider balance low" "Provider balances low") ("Guthaben beim Provider niedrig" "Guthaben bei Providern niedrig"),
    /// A provider refuses the account.
    CredentialsRefused = "credentials_refused" Critical true true
        ("Provider refuses the account" "Providers refuse the accounts") ("Provider weist das Konto ab" "Provider weisen die Konten ab"),
    /// A gateway has no connection.
    GatewayDown = "gateway_down" Critical true true
        ("Gateway down" "gateways down") ("Gateway ausgefallen" "Gateways ausgefallen"),
    /// Messages go on to another gateway.
    FailingOver = "failing_over" Warning true false
        ("Messages fail over" "gateways from which messages fail over") ("Nachrichten weichen aus" "Gateways, von denen Nachrichten ausweichen"),
    /// A gateway fails, and is only probed.
    BreakerOpen = "breaker_open" Critical true false
        ("Gateway fails" "gateways fail") ("Gateway gestört" "Gateways gestört"),
    /// Fewer messages are delivered than before.
    DeliveryRate = "delivery_rate" Warning true false
        ("Delivery rate lower than usual" "delivery rates lower than usual") ("Zustellrate niedriger als sonst" "Zustellraten niedriger als sonst"),
    /// Gateways take longer than before.
    Latency = "latency" Warning true false
        ("Sending takes longer than usual" "gateways take longer than usual") ("Versand langsamer als sonst" "Gateways langsamer als sonst"),
    /// Much waits for a gateway.
    QueueGrowing = "queue_growing" Warning true false
        ("Many messages wait" "gateways for which many messages wait") ("Viele Nachrichten warten" "Gateways, auf die viele Nachrichten warten"),
    /// The fraud guard stops messages.
    FraudGuard = "fraud_guard" Critical true false
        ("Fraud guard stops messages" "times the fraud guard stops messages") ("Betrugsschutz hält Nachrichten an" "Mal hält der Betrugsschutz Nachrichten an"),
    /// The disk is nearly full.
    DiskFull = "disk_full" Critical false true
        ("Disk nearly full" "Disk nearly full") ("Datenträger fast voll" "Datenträger fast voll"),
    /// A certificate expires.
    Expiring = "expiring" Warning true true
        ("Certificate expires" "certificates expire") ("Zertifikat läuft ab" "Zertifikate laufen ab"),
}

impl Condition {
    /// The one of this name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|condition| condition.name() == name)
    }

    /// What an alert about these says: all of few, some of many.
    pub(super) fn text(self, language: &str, about: &[String]) -> String {
        let (one, many) = self.heading(language);
        if let [about] = about {
            return format!("textgate: {one}: {about}");
        }
        let named = about.iter().take(NAMED_MOST).map(String::as_str).collect::<Vec<_>>().join("; ");
        let more = about.len().saturating_sub(NAMED_MOST);
        let more = match (more, language) {
            (0, _) => String::new(),
            (more, "de") => format!(" und {more} weitere"),
            (more, _) => format!(" and {more} more"),
        };
        format!("textgate: {} {many}: {named}{more}", about.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_names_all_of_few_and_some_of_many() {
        let names = |count: usize| (0..count).map(|n| format!("g{n}")).collect::<Vec<_>>();
        assert_eq!(Condition::GatewayDown.text("en", &names(1)), "textgate: Gateway down: g0");
        assert_eq!(Condition::GatewayDown.text("en", &names(2)), "textgate: 2 gateways down: g0; g1");
        let many = Condition::GatewayDown.text("de", &names(1_000));
        assert_eq!(many, "textgate: 1000 Gateways ausgefallen: g0; g1; g2; g3 und 996 weitere");
    }

    #[test]
    fn a_condition_is_found_by_its_name() {
        for condition in Condition::ALL {
            assert_eq!(Condition::from_name(condition.name()), Some(condition));
        }
        assert_eq!(Condition::from_name("nonsense"), None);
    }
}
