//! Commands about the line and the modem itself (ITU-T V.250 §6; 3GPP TS 27.007 §4, §5, §8.2, §9.1).

use super::parse::{INCORRECT, Parameters};
use super::{Ask, Carried, Command, Done, Session, Settings, line, ok};
use crate::modem::behaviour::ModemError;
use crate::modem::charset::Charset;

impl Session {
    /// Carries a command out.
    pub(super) fn command(&mut self, command: &Command<'_>) -> Carried {
        if command.name.starts_with('+') { self.extended(command) } else { self.basic(command) }
    }

    fn basic(&mut self, command: &Command<'_>) -> Carried {
        let value = match command.ask {
            Ask::Set("") | Ask::Run => 0,
            Ask::Set(value) => value.parse().map_err(|_| ModemError::Plain)?,
            Ask::Read => return self.read_register(&command.name),
            Ask::Test => return Err(ModemError::Plain),
        };
        let is_switch = value <= 1;
        match command.name.as_str() {
            "E" if is_switch => self.settings.echo = value == 1,
            "Q" if is_switch => self.settings.quiet = value == 1,
            "V" if is_switch => self.settings.verbose = value == 1,
            "Z" | "&F" if is_switch => self.settings = Settings::default(),
            "I" => {
                let options = &self.shared.options;
                let said = match value {
                    1 => vec![options.revision.clone()],
                    _ => vec![options.manufacturer.clone(), options.model.clone(), options.revision.clone()],
                };
                return Ok(Done::Lines(said));
            }
            "S3" if value < 128 => self.settings.ends = octet(value),
            "S4" if value < 128 => self.settings.feeds = octet(value),
            "S5" if value < 128 => self.settings.takes_back = octet(value),
            // There are no calls: hanging up, speakers and carriers are accepted and change nothing.
            "" | "H" | "L" | "M" | "X" | "T" | "P" | "&C" | "&D" | "&K" | "&S" | "&W" | "\\Q" => {}
            name if name.starts_with('S') && name.len() > 1 => {}
            _ => return Err(ModemError::Plain),
        }
        ok()
    }

    fn read_register(&self, name: &str) -> Carried {
        let value = match name {
            "S3" => self.settings.ends,
            "S4" => self.settings.feeds,
            "S5" => self.settings.takes_back,
            name if name.starts_with('S') && name.len() > 1 => 0,
            _ => return Err(ModemError::Plain),
        };
        line(format!("{value:03}"))
    }

    fn extended(&mut self, command: &Command<'_>) -> Carried {
        let parameters = match command.ask {
            Ask::Set(text) => Parameters::read(text)?,
            _ => Parameters::read("")?,
        };
        let name = command.name.as_str();
        let ask = command.ask;
        match name {
            "+CPIN" | "+CPINR" | "+CLCK" | "+CPWD" | "+CREG" | "+CGREG" | "+CEREG" | "+COPS" | "+CSQ"
            | "+CFUN" | "+CIMI" | "+CNUM" | "+CGATT" | "+CCID" | "+ICCID" => {
                self.network(name, ask, &parameters)
            }
            "+CMGS" | "+CMGW" | "+CMSS" | "+CMMS" | "+CSCA" | "+CSMP" | "+CMGC" => {
                self.sending(name, ask, &parameters)
            }
            "+CPMS" | "+CMGL" | "+CMGR" | "+CMGD" => self.storing(name, ask, &parameters),
            "+CNMI" | "+CNMA" | "+CSMS" => self.handing(name, ask, &parameters),
            _ => self.about(name, ask, &parameters),
        }
    }

    /// What it is, and how it writes.
    fn about(&mut self, name: &str, ask: Ask<'_>, parameters: &Parameters<'_>) -> Carried {
        let options = &self.shared.options;
        match (name, ask) {
            ("+CGMI" | "+GMI", Ask::Run) => line(options.manufacturer.clone()),
            ("+CGMM" | "+GMM", Ask::Run) => line(options.model.clone()),
            ("+CGMR" | "+GMR", Ask::Run) => line(options.revision.clone()),
            ("+CGSN" | "+GSN", Ask::Run) => line(options.imei.clone()),
            ("+CGMI" | "+CGMM" | "+CGMR" | "+CGSN" | "+GMI" | "+GMM" | "+GMR" | "+GSN", Ask::Test) => ok(),
            ("+GCAP", Ask::Run) => line("+GCAP: +CGSM".into()),
            ("+CBC", Ask::Run) => line("+CBC: 0,100".into()),
            ("+CBC", Ask::Test) => line("+CBC: (0),(0-100)".into()),
            ("+CMEE", Ask::Test) => line("+CMEE: (0-2)".into()),
            ("+CMEE", Ask::Read) => line(format!("+CMEE: {}", self.settings.errors)),
            ("+CMEE", Ask::Set(_)) => {
                self.settings.errors = parameters.octet(0, 2, 0)?;
                ok()
            }
            ("+CSCS", Ask::Test) => {
                let names = Charset::ALL.map(|set| format!("\"{}\"", set.name()));
                line(format!("+CSCS: ({})", names.join(",")))
            }
            ("+CSCS", Ask::Read) => line(format!("+CSCS: \"{}\"", self.settings.charset.name())),
            ("+CSCS", Ask::Set(_)) => {
                let named = parameters.text(0).ok_or(INCORRECT)?;
                self.settings.charset =
                    Charset::ALL.into_iter().find(|set| set.name() == named).ok_or(INCORRECT)?;
                ok()
            }
            ("+CMGF", Ask::Test) => line("+CMGF: (0,1)".into()),
            ("+CMGF", Ask::Read) => line(format!("+CMGF: {}", u8::from(self.settings.text_mode))),
            ("+CMGF", Ask::Set(_)) => {
                self.settings.text_mode = parameters.octet(0, 1, 0)? == 1;
                ok()
            }
            ("+CSDH", Ask::Test) => line("+CSDH: (0,1)".into()),
            ("+CSDH", Ask::Read) => line(format!("+CSDH: {}", u8::from(self.settings.full_headers))),
            ("+CSDH", Ask::Set(_)) => {
                self.settings.full_headers = parameters.octet(0, 1, 0)? == 1;
                ok()
            }
            ("+CCLK", Ask::Read) => {
                let now = crate::modem::tpdu::timestamp(std::time::SystemTime::now());
                line(format!("+CCLK: \"{}\"", super::places::stamp(now)))
            }
            // Lines of other hands: accepted, as there is no flow, speed or call here that could change.
            ("+IFC" | "+ICF" | "+IPR" | "+CRC" | "+CLIP" | "+CRLP" | "+CMUT", Ask::Set(_)) => ok(),
            ("+IPR", Ask::Read) => line("+IPR: 0".into()),
            ("+IPR", Ask::Test) => line("+IPR: (),(0,9600,19200,38400,57600,115200)".into()),
            ("+CPAS", Ask::Run) => line("+CPAS: 0".into()),
            ("+CLAC", Ask::Run) => {
                let names = ["+CGMI", "+CGMM", "+CGMR", "+CGSN", "+CIMI", "+CMEE", "+CMGF", "+CMGS", "+CNMI"];
                Ok(Done::Lines(names.map(str::to_owned).to_vec()))
            }
            _ => Err(ModemError::Plain),
        }
    }
}

fn octet(value: u32) -> u8 {
    u8::try_from(value).unwrap_or_default()
}
