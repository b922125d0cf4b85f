//! Telnet with COM port control (RFC 854, RFC 856, RFC 2217), as far as terminals use it with a modem.

const IAC: u8 = 255;
const DONT: u8 = 254;
const DO: u8 = 253;
const WONT: u8 = 252;
const WILL: u8 = 251;
const SB: u8 = 250;
const SE: u8 = 240;

const BINARY: u8 = 0;
const ECHO: u8 = 1;
const SUPPRESS_GO_AHEAD: u8 = 3;
const COM_PORT: u8 = 44;

/// RFC 2217 §2: SET-CONTROL and its values, and the offset of a server's answers.
const SET_CONTROL: u8 = 5;
const DTR_ON: u8 = 8;
const DTR_OFF: u8 = 9;
const NOTIFY_MODEMSTATE: u8 = 7;
/// §3, NOTIFY-MODEMSTATE: clear to send, data set ready.
const CTS_DSR: u8 = 0x30;
const ANSWER: u8 = 100;

/// Most octets of a subnegotiation; what is longer is dropped.
const MOST: usize = 256;

#[derive(Default)]
enum State {
    #[default]
    Data,
    Iac,
    Verb(u8),
    Sub,
    SubIac,
}

/// One Telnet connection.
#[derive(Default)]
pub(super) struct Telnet {
    state: State,
    sub: Vec<u8>,
    /// Options that were agreed on already, so that no answer makes another.
    agreed: Vec<(u8, u8)>,
}

impl Telnet {
    /// Octets of the modem as they go over the connection (RFC 854).
    pub(super) fn escaped(&self, octets: &[u8]) -> Vec<u8> {
        octets
            .iter()
            .flat_map(|octet| std::iter::repeat_n(*octet, if *octet == IAC { 2 } else { 1 }))
            .collect()
    }

    /// Reads octets: data for the modem, and what is to be answered at once. Gives back after how many
    /// octets of data DTR dropped, if it did.
    pub(super) fn read(&mut self, octets: &[u8], data: &mut Vec<u8>, reply: &mut Vec<u8>) -> Option<usize> {
        let mut dropped = None;
        for &octet in octets {
            self.state = match (std::mem::take(&mut self.state), octet) {
                (State::Data, IAC) => State::Iac,
                (State::Data, octet) => {
                    data.push(octet);
                    State::Data
                }
                (State::Iac, IAC) => {
                    data.push(IAC);
                    State::Data
                }
                (State::Iac, verb @ (DO | DONT | WILL | WONT)) => State::Verb(verb),
                (State::Iac, SB) => {
                    self.sub.clear();
                    State::Sub
                }
                (State::Iac, _) => State::Data,
                (State::Verb(verb), option) => {
                    self.agree(verb, option, reply);
                    State::Data
                }
                (State::Sub, IAC) => State::SubIac,
                (State::SubIac, SE) => {
                    if self.control(reply) {
                        dropped = Some(data.len());
                    }
                    State::Data
                }
                // Within a subnegotiation, 255 is written twice.
                (State::Sub | State::SubIac, octet) => {
                    if self.sub.len() < MOST {
                        self.sub.push(octet);
                    }
                    State::Sub
                }
            };
        }
        dropped
    }

    /// Answers an offer or a wish: yes to what is of use here (RFC 854, "negotiated options").
    fn agree(&mut self, verb: u8, option: u8, reply: &mut Vec<u8>) {
        let answer = match (verb, option) {
            (DO, BINARY | ECHO | SUPPRESS_GO_AHEAD | COM_PORT) => WILL,
            (WILL, BINARY | SUPPRESS_GO_AHEAD | COM_PORT) => DO,
            (DO, _) => WONT,
            (WILL, _) => DONT,
            _ => return,
        };
        if !self.agreed.contains(&(answer, option)) && self.agreed.len() < MOST {
            self.agreed.push((answer, option));
            reply.extend([IAC, answer, option]);
            if option == COM_PORT {
                // The modem's lines as they are; here they never change.
                reply.extend([IAC, SB, COM_PORT, NOTIFY_MODEMSTATE + ANSWER, CTS_DSR, IAC, SE]);
            }
        }
    }

    /// A command of RFC 2217 §3: done, and confirmed with what was asked for. Gives back whether DTR dropped.
    fn control(&self, reply: &mut Vec<u8>) -> bool {
        let [COM_PORT, command, value @ ..] = self.sub.as_slice() else { return false };
        let value: Vec<u8> = match (*command, value) {
            // A signature is asked for.
            (0, []) => b"textgate simulator".to_vec(),
            // What is set now is asked for by a zero: 9600 baud, 8 data bits, no parity, 1 stop bit, no flow control.
            (1, [0, 0, 0, 0]) => vec![0, 0, 0x25, 0x80],
            (2, [0]) => vec![8],
            (3 | 4, [0]) => vec![1],
            (SET_CONTROL, [0]) => vec![1],
            (NOTIFY_MODEMSTATE, []) => vec![CTS_DSR],
            (SET_CONTROL, [7]) => vec![DTR_ON],
            (SET_CONTROL, [10]) => vec![11],
            (0..=5 | 10..=12, value) => value.to_vec(),
            _ => return false,
        };
        reply.extend([IAC, SB, COM_PORT, command + ANSWER]);
        reply.extend(self.escaped(&value));
        reply.extend([IAC, SE]);
        *command == SET_CONTROL && value == [DTR_OFF]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(telnet: &mut Telnet, octets: &[u8]) -> (Vec<u8>, Vec<u8>, Option<usize>) {
        let (mut data, mut reply) = (Vec::new(), Vec::new());
        let dropped = telnet.read(octets, &mut data, &mut reply);
        (data, reply, dropped)
    }

    #[test]
    fn options_are_agreed_on_once() {
        let mut telnet = Telnet::default();
        let offer = [IAC, WILL, COM_PORT, IAC, DO, 24, b'A', IAC, IAC];
        assert_eq!(
            read(&mut telnet, &offer),
            (
                vec![b'A', IAC],
                vec![IAC, DO, COM_PORT, IAC, SB, COM_PORT, 107, 0x30, IAC, SE, IAC, WONT, 24],
                None
            )
        );
        assert_eq!(read(&mut telnet, &[IAC, WILL, COM_PORT]).1, []);
    }

    #[test]
    fn what_a_terminal_sets_is_confirmed_and_a_dropped_dtr_seen() {
        let mut telnet = Telnet::default();
        let baud = [IAC, SB, COM_PORT, 1, 0, 1, 0xC2, 0, IAC, SE];
        assert_eq!(read(&mut telnet, &baud).1, [IAC, SB, COM_PORT, 101, 0, 1, 0xC2, 0, IAC, SE]);
        let (_, reply, dropped) = read(&mut telnet, &[b'A', IAC, SB, COM_PORT, 5, DTR_OFF, IAC, SE]);
        assert_eq!((reply, dropped), (vec![IAC, SB, COM_PORT, 105, DTR_OFF, IAC, SE], Some(1)));
        let mask = [IAC, SB, COM_PORT, 11, IAC, IAC, IAC, SE];
        assert_eq!(read(&mut telnet, &mask).1, [IAC, SB, COM_PORT, 111, IAC, IAC, IAC, SE]);
    }

    proptest::proptest! {
        #[test]
        fn no_octets_make_telnet_fall_over(octets in proptest::collection::vec(proptest::num::u8::ANY, 0..500)) {
            let (data, reply, _) = read(&mut Telnet::default(), &octets);
            proptest::prop_assert!(data.len() <= octets.len() && reply.len() <= 40 * octets.len());
        }
    }

    #[test]
    fn a_subnegotiation_without_an_end_does_not_grow() {
        let mut telnet = Telnet::default();
        read(&mut telnet, &[IAC, SB]);
        read(&mut telnet, &[0; 100_000]);
        assert!(telnet.sub.len() <= MOST);
    }
}
