'use strict';
// An SMSC made of the npm package `smpp`, which shares no code with the gateway, run by interop.rs.
//
// Spoken to in lines of JSON. The first line on stdin is the configuration: `port` (0 or none: any), `password`, `info` for
// additional_status_info_text, `receipts` for a receipt behind each answer, and for TLS `key` and `cert`; the others are
// commands, each with its name in `do`. Each line on stdout is an event, with what the package made of the PDU. It ends with
// its stdin, so it never outlives the test.

const readline = require('readline');
const smpp = require('smpp');

const sessions = new Map(); // by number: { session, bound }
const answers = []; // statuses of the next submit_sm_resp; ESME_ROK where there is none
let held = null; // answers that wait, while answers are held
let isMute = false; // whether enquire_link stays without an answer
let config = null;
let lastId = 0xab0cd0;

const tell = (event, fields) => process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
const nameOf = (status) => Object.keys(smpp.errors).find((name) => smpp.errors[name] === status) ?? `${status}`;
const receives = ({ bound }) => bound === 'bind_transceiver' || bound === 'bind_receiver';

function opened(number, session) {
  const state = { session, bound: null };
  sessions.set(number, state);
  session.on('close', () => {
    sessions.delete(number);
    tell('close', { session: number });
  });
  session.on('error', (error) => tell('error', { session: number, message: error.message }));
  session.on('unknown', (pdu) => session.send(pdu.response()));
  for (const command of ['bind_transceiver', 'bind_transmitter', 'bind_receiver']) {
    session.on(command, (pdu) => bind(number, state, command, pdu));
  }
  session.on('submit_sm', (pdu) => submit(number, state, pdu));
  session.on('enquire_link', (pdu) => {
    tell('enquire_link', { session: number });
    if (!isMute) session.send(pdu.response());
  });
  session.on('unbind', (pdu) => {
    tell('unbind', { session: number });
    session.send(pdu.response());
    session.close();
  });
}

function bind(number, state, command, pdu) {
  const isWelcome = pdu.password === config.password;
  if (isWelcome) state.bound = command;
  const { system_id, password, system_type, interface_version } = pdu;
  tell('bind', { session: number, command, system_id, password, system_type, interface_version, isWelcome });
  const refusal = { command_status: smpp.ESME_RINVPASWD };
  state.session.send(pdu.response(isWelcome ? { system_id: 'foreign' } : refusal));
  if (!isWelcome) state.session.close();
}

function submit(number, state, pdu) {
  const sends = state.bound === 'bind_transceiver' || state.bound === 'bind_transmitter';
  const status = sends ? answers.shift() ?? 'ESME_ROK' : 'ESME_RINVBNDSTS';
  const isTaken = status === 'ESME_ROK';
  if (isTaken) lastId += 1;
  const id = lastId.toString(16).toUpperCase();
  const { udh, message } = pdu.short_message;
  const plain = {};
  for (const [name, value] of Object.entries(pdu)) {
    if (typeof value === 'number' || typeof value === 'string') plain[name] = value;
  }
  tell('submit_sm', {
    ...plain,
    session: number,
    status,
    id,
    number: lastId,
    text: typeof message === 'string' ? message : message.toString('hex'),
    udh: (udh ?? []).map((element) => element.toString('hex')),
    payload: pdu.message_payload?.message,
    // The package makes a Date of it.
    validity_s: pdu.validity_period instanceof Date ? Math.round((pdu.validity_period - Date.now()) / 1000) : null,
  });
  const taken = { message_id: id, ...(config.info && { additional_status_info_text: config.info }) };
  const response = pdu.response(isTaken ? taken : { command_status: smpp[status] });
  const answer = () => {
    state.session.send(response);
    if (config.receipts && isTaken && pdu.registered_delivery === 1) deliver(receipt(pdu, id));
  };
  if (held) held.push(answer);
  else answer();
}

// A receipt in the standard's text form (SMPP 3.4 Appendix B).
function receipt(pdu, id) {
  const text = `id:${id} sub:001 dlvrd:001 submit date:2611010000 done date:2611010001 stat:DELIVRD err:000 text:`;
  return { source_addr: pdu.destination_addr, destination_addr: pdu.source_addr, esm_class: 4, short_message: text };
}

// Sends a deliver_sm on the first session that receives.
function deliver(pdu) {
  const [number, { session }] = [...sessions].find(([, state]) => receives(state));
  session.deliver_sm(pdu, (response) => {
    tell('deliver_sm_resp', { session: number, status: nameOf(response.command_status) });
  });
}

const commands = {
  // The statuses of the next answers to submit_sm.
  answer: ({ statuses }) => answers.push(...statuses),
  // Answers to submit_sm wait for `release`.
  hold: () => {
    held = [];
  },
  release: () => {
    const waiting = held ?? [];
    held = null;
    for (const answer of waiting) answer();
  },
  mute: () => {
    isMute = true;
  },
  unmute: () => {
    isMute = false;
  },
  deliver: ({ pdu }) => deliver(pdu),
  // An enquire_link on each session.
  enquire: () => {
    for (const [number, { session }] of sessions) {
      session.enquire_link((response) => {
        tell('enquire_link_resp', { session: number, status: nameOf(response.command_status) });
      });
    }
  },
  // An unbind on each session.
  unbind: () => {
    for (const [number, { session }] of sessions) {
      session.unbind((response) => {
        tell('unbind_resp', { session: number, status: nameOf(response.command_status) });
        session.close();
      });
    }
  },
};

function start(first) {
  config = first;
  let opens = 0;
  const { key, cert } = config;
  const server = smpp.createServer(key ? { key, cert } : {}, (session) => opened((opens += 1), session));
  server.on('tlsClientError', (error) => tell('tls_error', { message: error.message }));
  server.listen(config.port ?? 0, '127.0.0.1', () => tell('listening', { port: server.address().port }));
}

readline
  .createInterface({ input: process.stdin })
  .on('line', (line) => {
    const said = JSON.parse(line);
    if (config) commands[said.do](said);
    else start(said);
  })
  .on('close', () => process.exit(0));
