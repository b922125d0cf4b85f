//! Telnet with COM port control (RFC 854, RFC 2217), the client's side.

use super::settings::FlowControl;

const IAC: u8 = 255;
const DONT: u8 = 254;
const DO: u8 = 253;
const WONT: u8 = 252;
const WILL: u8 = 251;
const SB: u8 = 250;
const SE: u8 = 240;

/// TRANSMIT-BINARY, SUPPRESS-GO-AHEAD, COM-PORT-OPTION.
const BINARY: u8 = 0;
const NO_GO_AHEAD: u8 = 3;
const COM_PORT: u8 = 44;
const KNOWN: [u8; 3] = [BINARY, NO_GO_AHEAD, COM_PORT];

/// The client's commands of RFC 2217 §3.
mod com {
    pub const SET_BAUDRATE: u8 = 1;
    pub const SET_DATASIZE: u8 = 2;
    pub const SET_PARITY: u8 = 3;
    pub const SET_STOPSIZE: u8 = 4;
    pub const SET_CONTROL: u8 = 5;
    pub const CONTROL_NO_FLOW: u8 = 1;
    pub const CONTROL_XON_XOFF: u8 = 2;
    pub const CONTROL_HARDWARE: u8 = 3;
    pub const CONTROL_DTR_ON: u8 = 8;
    pub const CONTROL_DTR_OFF: u8 = 9;
    pub const CONTROL_RTS_ON: u8 = 11;
}

/// Where the reading stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Data,
    /// After IAC.
    Command,
    /// After IAC and DO, DONT, WILL or WONT.
    Option(u8),
    /// Inside a subnegotiation, which is passed over; and after an IAC in it.
    Sub,
    SubCommand,
}

/// A Telnet connection's state.
#[derive(Debug, Default)]
pub(super) struct Telnet {
    state: State,
}

impl Telnet {
    /// What is said first: binary both ways, and the port as it has to be.
    pub fn opening(baud: u32, flow: FlowControl) -> Vec<u8> {
        let mut out = Vec::new();
        for option in [BINARY, NO_GO_AHEAD] {
            out.extend([IAC, WILL, option, IAC, DO, option]);
        }
        out.extend([IAC, WILL, COM_PORT]);
        subnegotiation(&mut out, com::SET_BAUDRATE, &baud.to_be_bytes());
        // 8 bits, no parity, 1 stop bit.
        subnegotiation(&mut out, com::SET_DATASIZE, &[8]);
        subnegotiation(&mut out, com::SET_PARITY, &[1]);
        subnegotiation(&mut out, com::SET_STOPSIZE, &[1]);
        let flow = match flow {
            FlowControl::None => com::CONTROL_NO_FLOW,
            FlowControl::Software => com::CONTROL_XON_XOFF,
            FlowControl::Hardware => com::CONTROL_HARDWARE,
        };
        for control in [flow, com::CONTROL_DTR_ON, com::CONTROL_RTS_ON] {
            subnegotiation(&mut out, com::SET_CONTROL, &[control]);
        }
        out
    }

    /// DTR on or off.
    pub fn dtr(is_on: bool) -> Vec<u8> {
        let mut out = Vec::new();
        let control = if is_on { com::CONTROL_DTR_ON } else { com::CONTROL_DTR_OFF };
        subnegotiation(&mut out, com::SET_CONTROL, &[control]);
        out
    }

    /// Octets of the port as they are sent.
    pub fn escaped(octets: &[u8]) -> Vec<u8> {
        octets.iter().flat_map(|octet| [*octet].into_iter().chain((*octet == IAC).then_some(IAC))).collect()
    }

    /// Reads what came: the port's octets go into `data`, what has to be answered into `answers`. Offers that are not known are
    /// declined; those that are known were offered by us, and need no answer.
    pub fn read(&mut self, octets: &[u8], data: &mut Vec<u8>, answers: &mut Vec<u8>) {
        for octet in octets.iter().copied() {
            self.state = match (self.state, octet) {
                (State::Data, IAC) => State::Command,
                (State::Data, octet) => {
                    data.push(octet);
                    State::Data
                }
                (State::Command, IAC) => {
                    data.push(IAC);
                    State::Data
                }
                (State::Command, SB) => State::Sub,
                (State::Command, DO | DONT | WILL | WONT) => State::Option(octet),
                (State::Command, _) => State::Data,
                (State::Option(verb), option) => {
                    if !KNOWN.contains(&option) {
                        match verb {
                            DO => answers.extend([IAC, WONT, option]),
                            WILL => answers.extend([IAC, DONT, option]),
                            _ => {}
                        }
                    }
                    State::Data
                }
                (State::Sub, IAC) => State::SubCommand,
                (State::SubCommand, SE) => State::Data,
                (State::Sub | State::SubCommand, _) => State::Sub,
            };
        }
    }
}

fn subnegotiation(out: &mut Vec<u8>, command: u8, value: &[u8]) {
    out.extend([IAC, SB, COM_PORT, command]);
    out.extend(Telnet::escaped(value));
    out.extend([IAC, SE]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_taken_out_wherever_the_reads_are_cut() {
        let octets = [
            b'O', IAC, WILL, COM_PORT, b'K', IAC, SB, COM_PORT, 101, 0, IAC, IAC, 2, IAC, SE, IAC, IAC, IAC,
            DO, 24, b'!', IAC, WILL, 1,
        ];
        for cut in 0..=octets.len() {
            let (mut telnet, mut data, mut answers) = (Telnet::default(), Vec::new(), Vec::new());
            telnet.read(&octets[..cut], &mut data, &mut answers);
            telnet.read(&octets[cut..], &mut data, &mut answers);
            assert_eq!(data, [b'O', b'K', IAC, b'!']);
            assert_eq!(answers, [IAC, WONT, 24, IAC, DONT, 1]);
        }
    }

    /// RFC 2217 §3: SET-BAUDRATE has four octets, the highest first.
    #[test]
    fn the_port_is_set_as_it_has_to_be() {
        let opening = Telnet::opening(115_200, FlowControl::Hardware);
        let baud = [IAC, SB, COM_PORT, 1, 0, 1, 0xC2, 0, IAC, SE];
        assert!(opening.windows(baud.len()).any(|window| window == baud));
        assert!(opening.ends_with(&[IAC, SB, COM_PORT, 5, 11, IAC, SE]));
        assert_eq!(Telnet::escaped(&[1, IAC, 2]), [1, IAC, IAC, 2]);
    }
}
