//! Commands about the SIM and the network (3GPP TS 27.007 §5.6, §7, §8).

use super::parse::{INCORRECT, Parameters};
use super::{Ask, Carried, Done, Session, line, ok};
use crate::modem::behaviour::ModemError;
use crate::modem::counters::add;
use crate::modem::device::SimLock;
use crate::sync::lock;

/// The place that registration tells of: area and cell.
const PLACE: &str = "\"00C3\",\"0000A1B2\"";

impl Session {
    pub(super) fn network(&mut self, name: &str, ask: Ask<'_>, parameters: &Parameters<'_>) -> Carried {
        match name {
            "+CPIN" => self.pin(ask, parameters),
            "+CPINR" => self.tries(ask),
            "+CLCK" => self.facility(ask, parameters),
            "+CPWD" => self.new_pin(ask, parameters),
            "+CREG" | "+CGREG" | "+CEREG" => self.registration(name, ask, parameters),
            "+COPS" => self.operator(ask, parameters),
            "+CFUN" => self.functionality(ask, parameters),
            "+CSQ" => match ask {
                Ask::Run => {
                    let mut device = lock(&self.shared.device);
                    let signal = if device.registered().is_registered() { device.signal } else { 99 };
                    line(format!("+CSQ: {signal},99"))
                }
                Ask::Test => line("+CSQ: (0-31,99),(0-7,99)".into()),
                _ => Err(ModemError::Plain),
            },
            "+CIMI" => match ask {
                Ask::Run => line(lock(&self.shared.device).sim()?.sim.imsi.clone()),
                Ask::Test => ok(),
                _ => Err(ModemError::Plain),
            },
            "+CNUM" => match ask {
                Ask::Run => {
                    let number = lock(&self.shared.device).sim()?.sim.number.clone();
                    line(format!("+CNUM: ,\"{number}\",{}", if number.starts_with('+') { 145 } else { 129 }))
                }
                Ask::Test => ok(),
                _ => Err(ModemError::Plain),
            },
            "+CGATT" => match ask {
                Ask::Read => {
                    let is_registered = lock(&self.shared.device).registered().is_registered();
                    line(format!("+CGATT: {}", u8::from(is_registered)))
                }
                _ => ok(),
            },
            // Of a test network's card: 89, country 1, issuer 01, digits, check digit (ITU-T E.118).
            _ => line(format!("{name}: 8910100000000000018")),
        }
    }

    /// §8.3.
    fn pin(&mut self, ask: Ask<'_>, parameters: &Parameters<'_>) -> Carried {
        let mut device = lock(&self.shared.device);
        match ask {
            Ask::Test => ok(),
            Ask::Read => {
                let card = device.card.as_ref().ok_or(ModemError::Cme(10))?;
                line(match card.lock {
                    SimLock::Ready => "+CPIN: READY".into(),
                    SimLock::Pin => "+CPIN: SIM PIN".into(),
                    SimLock::Puk => "+CPIN: SIM PUK".into(),
                    SimLock::Blocked => return Err(ModemError::Cme(13)),
                })
            }
            Ask::Set(_) => {
                let card = device.card.as_mut().ok_or(ModemError::Cme(10))?;
                let code = parameters.text(0).ok_or(INCORRECT)?;
                let tried = match (card.lock, parameters.text(1)) {
                    // Nothing is asked for.
                    (SimLock::Ready, _) => return Err(ModemError::Cme(3)),
                    (SimLock::Pin, None) => card.unlock(code),
                    (SimLock::Puk, None) => Err(ModemError::Cme(12)),
                    (_, Some(pin)) => card.unblock(code, pin),
                    (SimLock::Blocked, None) => Err(ModemError::Cme(13)),
                };
                drop(device);
                self.shared.changes.announce();
                if tried.is_err() {
                    add(&self.shared.counters.wrong_pins);
                }
                tried.map(|()| Done::Lines(Vec::new()))
            }
            Ask::Run => Err(ModemError::Plain),
        }
    }

    /// §8.65: how many tries are left.
    fn tries(&mut self, ask: Ask<'_>) -> Carried {
        if ask != Ask::Run {
            return ok();
        }
        let device = lock(&self.shared.device);
        let card = device.card.as_ref().ok_or(ModemError::Cme(10))?;
        Ok(Done::Lines(vec![
            format!("+CPINR: SIM PIN,{},3", card.pin_left),
            format!("+CPINR: SIM PUK,{},10", card.puk_left),
        ]))
    }

    /// §7.4: whether the SIM asks for its PIN; other facilities are off.
    fn facility(&mut self, ask: Ask<'_>, parameters: &Parameters<'_>) -> Carried {
        let Ask::Set(_) = ask else { return line("+CLCK: (\"SC\")".into()) };
        let facility = parameters.text(0).ok_or(INCORRECT)?;
        let mode = parameters.octet(1, 2, 2)?;
        let mut device = lock(&self.shared.device);
        if facility != "SC" {
            return if mode == 2 { line("+CLCK: 0".into()) } else { Err(ModemError::Cme(4)) };
        }
        if mode == 2 {
            let card = device.card.as_ref().ok_or(ModemError::Cme(10))?;
            return line(format!("+CLCK: {}", u8::from(card.sim.pin.is_some())));
        }
        let card = device.sim()?;
        let pin = parameters.text(2).ok_or(ModemError::Cme(16))?;
        card.unlock(pin)?;
        card.sim.pin = (mode == 1).then(|| pin.to_owned());
        ok()
    }

    /// §7.5.
    fn new_pin(&mut self, ask: Ask<'_>, parameters: &Parameters<'_>) -> Carried {
        let Ask::Set(_) = ask else { return line("+CPWD: (\"SC\",8)".into()) };
        let mut device = lock(&self.shared.device);
        let card = device.sim()?;
        card.unlock(parameters.text(1).ok_or(INCORRECT)?)?;
        card.sim.pin = Some(parameters.text(2).ok_or(INCORRECT)?.to_owned());
        ok()
    }

    /// §7.2, §10.1.20, §10.1.22.
    fn registration(&mut self, name: &str, ask: Ask<'_>, parameters: &Parameters<'_>) -> Carried {
        let index = registration_index(name);
        let mode = self.settings.tells_registration.get(index).copied().unwrap_or_default();
        match ask {
            Ask::Test => line(format!("{name}: (0-2)")),
            Ask::Set(_) => {
                let mode = parameters.octet(0, 2, 0)?;
                if let Some(kept) = self.settings.tells_registration.get_mut(index) {
                    *kept = mode;
                }
                ok()
            }
            Ask::Read => {
                let now = lock(&self.shared.device).registered();
                let place =
                    if mode == 2 && now.is_registered() { format!(",{PLACE}") } else { String::new() };
                line(format!("{name}: {mode},{}{place}", now as u8))
            }
            Ask::Run => Err(ModemError::Plain),
        }
    }

    /// Tells of a registration that changed, where it was asked for.
    pub(super) fn tell_registration(&mut self) {
        let now = lock(&self.shared.device).registered();
        if now == self.registration {
            return;
        }
        self.registration = now;
        for name in ["+CREG", "+CGREG", "+CEREG"] {
            let mode = self.settings.tells_registration.get(registration_index(name)).copied();
            match mode {
                Some(2) if now.is_registered() => self.unsolicited(&format!("{name}: {},{PLACE}", now as u8)),
                Some(1 | 2) => self.unsolicited(&format!("{name}: {}", now as u8)),
                _ => {}
            }
        }
    }

    /// §7.3.
    fn operator(&mut self, ask: Ask<'_>, parameters: &Parameters<'_>) -> Carried {
        let (name, code) = self.shared.options.operator.clone();
        match ask {
            Ask::Read => {
                if !lock(&self.shared.device).registered().is_registered() {
                    return line("+COPS: 0".into());
                }
                let format = self.settings.operator_format;
                let shown = if format == 2 { code } else { name };
                line(format!("+COPS: 0,{format},\"{shown}\",7"))
            }
            Ask::Test => line(format!("+COPS: (2,\"{name}\",\"{name}\",\"{code}\",7),,(0-4),(0-2)")),
            Ask::Set(_) => {
                let mode = parameters.octet(0, 4, 0)?;
                let format = parameters.octet(1, 2, self.settings.operator_format)?;
                if mode == 3 {
                    self.settings.operator_format = format;
                }
                ok()
            }
            Ask::Run => Err(ModemError::Plain),
        }
    }

    /// §8.2; 16 is many makers' own reset.
    fn functionality(&mut self, ask: Ask<'_>, parameters: &Parameters<'_>) -> Carried {
        match ask {
            Ask::Test => line("+CFUN: (0,1,4,16),(0,1)".into()),
            Ask::Read => line(format!("+CFUN: {}", lock(&self.shared.device).functionality)),
            Ask::Set(_) => {
                let (level, reset) = (parameters.octet(0, 16, 1)?, parameters.octet(1, 1, 0)?);
                if level == 16 || reset == 1 {
                    return Ok(Done::Reset);
                }
                if !matches!(level, 0 | 1 | 4) {
                    return Err(ModemError::Cme(4));
                }
                lock(&self.shared.device).functionality = level;
                self.shared.changes.announce();
                ok()
            }
            Ask::Run => Err(ModemError::Plain),
        }
    }
}

fn registration_index(name: &str) -> usize {
    match name {
        "+CREG" => 0,
        "+CGREG" => 1,
        _ => 2,
    }
}
