//! Which modem it is, and what modems of some makers need besides.

use super::Fault;
use super::dialogue::Dialogue;
use super::sim::name_of;

/// Who answers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Model {
    pub manufacturer: String,
    pub model: String,
    /// The modem's serial number (IMEI).
    pub imei: String,
}

/// What modems of a maker need: `+CGMI` contains the first, in lower case. A command that one does not know does no harm.
const QUIRKS: &[(&str, &[&str])] = &[
    // ^RSSI, ^MODE and the like every few seconds (Huawei ME909 AT commands, "AT^CURC").
    ("huawei", &["^CURC=0"]),
    // Several ports: what comes by itself is told on this one (Quectel EC2x AT commands, "AT+QURCCFG").
    ("quectel", &["+QURCCFG=\"urcport\",\"usbat\""]),
    // +WIND with each change (Wavecom AT commands, "+WIND").
    ("wavecom", &["+WIND=0"]),
    ("sierra", &["+WIND=0"]),
    // ^SYSSTART and the like stay, indications are sent with a final line end (Cinterion, "AT^SCFG").
    ("cinterion", &["^SCFG=\"URC/Ringline\",\"off\""]),
];

impl Model {
    /// Asks for it (TS 27.007 §5.1 to §5.4).
    pub async fn ask(dialogue: &mut Dialogue) -> Result<Self, Fault> {
        let mut told = [const { String::new() }; 3];
        for (text, (command, name)) in
            told.iter_mut().zip([("+CGMI", "+CGMI"), ("+CGMM", "+CGMM"), ("+CGSN", "+CGSN")])
        {
            let answer = dialogue.command(command).await?;
            *text = answer.plain(name).and_then(name_of).unwrap_or_default();
        }
        let [manufacturer, model, imei] = told;
        Ok(Self { manufacturer, model, imei })
    }

    /// Manufacturer and model in one line.
    pub fn name(&self) -> Option<String> {
        let name = if self.model.to_lowercase().starts_with(&self.manufacturer.to_lowercase()) {
            self.model.clone()
        } else {
            format!("{} {}", self.manufacturer, self.model)
        };
        name_of(name.trim())
    }

    /// The commands that its maker's modems need.
    pub fn quirks(&self) -> impl Iterator<Item = &'static str> {
        let maker = self.manufacturer.to_lowercase();
        QUIRKS
            .iter()
            .filter(move |(name, _)| maker.contains(name))
            .flat_map(|(_, commands)| *commands)
            .copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_maker_is_named_once_and_its_quirks_are_found() {
        let huawei =
            Model { manufacturer: "Huawei Technologies".into(), model: "E3372".into(), imei: String::new() };
        assert_eq!(huawei.name().as_deref(), Some("Huawei Technologies E3372"));
        assert_eq!(huawei.quirks().collect::<Vec<_>>(), ["^CURC=0"]);
        let same =
            Model { manufacturer: "SIMCOM".into(), model: "SIMCOM_SIM7600E".into(), imei: String::new() };
        assert_eq!(same.name().as_deref(), Some("SIMCOM_SIM7600E"));
        assert_eq!(Model::default().name(), None);
    }
}
