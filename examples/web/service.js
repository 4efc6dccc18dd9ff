/* service.js - the client's end of docs/protocol.md sections 1 and 2: one WebSocket at a time, requests that
 * outlive it, events in their order, resuming where it was.
 * SPDX-License-Identifier: MIT */

const PROTOCOL = 'xcall.1', VERSION = '0.1.0';
const CONNECT_MS = 12000, BEAT_MS = 25000, SILENT_MS = 60000, WAIT_MAX_MS = 30000;
const ACK_MS = 1000, FIRST_WAIT_MS = 500;
const NO_TOKEN = ['bad_token', 'key_mismatch', 'revoked']; // whatever is asked with it, it stays so

export class ServiceError extends Error {
  constructor(code, body = {}) {
    super(code);
    this.code = code;
    this.body = body;
  }
}

export function address() {
  return `${location.protocol === 'https:' ? 'wss:' : 'ws:'}//${location.host}/xcall`;
}

const randomText = () => Array.from(crypto.getRandomValues(new Uint8Array(6)),
                                    byte => byte.toString(16).padStart(2, '0')).join('');

/* account.create or account.sign_in, on a connection of its own: {token, dev}. */
export function signIn(type, body) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(address(), PROTOCOL);
    const timer = setTimeout(() => socket.close(), CONNECT_MS);
    socket.onopen = () => socket.send(JSON.stringify({t: type, id: randomText(), b: body}));
    socket.onmessage = ({data}) => {
      const frame = JSON.parse(data);
      if (frame.t === 'ok')
        resolve(frame.b);
      else if (frame.t === 'err')
        reject(new ServiceError(frame.b?.code ?? 'internal', frame.b));
      else
        return;
      socket.close();
    };
    socket.onclose = () => {
      clearTimeout(timer);
      reject(new ServiceError('no_connection'));
    };
  });
}

/* on: {state(name, code), event(frame), sync(calls, restarted)}. States: connecting, online, offline,
 * displaced, signed_out. */
export class Service {
  constructor(session, key, on) {
    this.session = session;
    this.key = key;
    this.on = on;
    this.prefix = randomText();
    this.count = 0;
    this.pending = new Map(); // by id, in the order of asking
    this.epoch = null;
    this.lastSq = 0;
    this.failures = 0;
    this.state = 'offline';
    this.closed = false;
    this.beat = setInterval(() => this.listen(), BEAT_MS);
    this.wake = () => {
      if (this.state === 'offline')
        this.connect();
    };
    addEventListener('online', this.wake);
  }

  // --- requests ------------------------------------------------------------------------------------

  /* Waits while offline, and is asked again after a lost connection without being done twice. */
  request(type, body = {}, call = undefined) {
    return new Promise((resolve, reject) => {
      if (this.closed) {
        reject(new ServiceError('signed_out'));
        return;
      }
      const id = `${this.prefix}-${++this.count}`;
      const text = JSON.stringify({t: type, id, call, b: body});
      this.pending.set(id, {text, resolve, reject});
      if (this.state === 'online')
        this.socket.send(text);
    });
  }

  /* Carried out without an answer; nothing where there is no connection. */
  tell(type, body) {
    if (this.state === 'online')
      this.socket.send(JSON.stringify({t: type, b: body}));
  }

  answered(frame) {
    const asked = this.pending.get(frame.re);
    if (!asked)
      return frame.t === 'err' && this.state !== 'online' && (this.refusal = frame.b?.code);
    this.pending.delete(frame.re);
    if (frame.t === 'ok')
      asked.resolve(frame.b ?? {});
    else
      asked.reject(new ServiceError(frame.b?.code ?? 'internal', frame.b));
    return undefined;
  }

  // --- the connection ------------------------------------------------------------------------------

  setState(state, code) {
    this.state = state;
    this.on.state(state, code);
  }

  connect() {
    clearTimeout(this.again);
    if (this.closed || this.socket)
      return;
    this.refusal = null;
    this.setState('connecting');
    const socket = this.socket = new WebSocket(address(), PROTOCOL);
    this.heardAt = Date.now();
    this.patience = setTimeout(() => this.state === 'connecting' && this.drop(socket), CONNECT_MS);
    socket.onopen = () => this.hello(socket);
    socket.onmessage = ({data}) => socket === this.socket && this.take(JSON.parse(data));
    socket.onclose = ({code}) => socket === this.socket && this.lost(code);
  }

  hello(socket) {
    const resume = this.epoch === null ? {} : {resume: this.epoch, last_sq: this.lastSq};
    socket.send(JSON.stringify({t: 'hello', id: `${this.prefix}-${++this.count}`, b: {
      token: this.session.token, key: this.key.text, client: {name: 'xcall-web', version: VERSION},
      caps: ['audio', 'video'], ...resume}}));
  }

  /* Gone without waiting for the other end's close. */
  drop(socket) {
    if (socket !== this.socket)
      return;
    socket.onclose = socket.onmessage = null;
    socket.close();
    this.lost(1006);
  }

  /* A browser shows no pings to its page: a small question instead. */
  listen() {
    if (this.state !== 'online')
      return;
    if (Date.now() - this.heardAt > SILENT_MS)
      this.drop(this.socket);
    else
      this.request('ack', {sq: this.lastSq}).catch(() => {});
  }

  lost(code) {
    clearTimeout(this.patience);
    this.socket = null;
    if (this.closed)
      return;
    if (code === 4002) {
      this.setState('displaced');
    } else if (code === 4003 || (code === 4001 && NO_TOKEN.includes(this.refusal))) {
      // 4001 alone says nothing of the token: a first frame that came too late gets it too.
      this.end();
      this.setState('signed_out', this.refusal ?? 'revoked');
    } else {
      const wait = this.goaway ?? Math.min(WAIT_MAX_MS, FIRST_WAIT_MS * 2 ** this.failures++);
      this.goaway = null;
      this.setState('offline');
      this.again = setTimeout(() => this.connect(), wait * (0.6 + 0.8 * Math.random()));
    }
  }

  end() {
    this.closed = true;
    clearInterval(this.beat);
    clearTimeout(this.again);
    clearTimeout(this.ackLater);
    removeEventListener('online', this.wake);
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    for (const asked of this.pending.values())
      asked.reject(new ServiceError('signed_out'));
    this.pending.clear();
  }

  // --- what comes ----------------------------------------------------------------------------------

  take(frame) {
    this.heardAt = Date.now();
    if (frame.t === 'ok' || frame.t === 'err')
      this.answered(frame);
    else if (frame.t === 'welcome')
      this.welcome(frame.b);
    else if (frame.t === 'goaway')
      this.goAway(frame.b);
    else
      this.event(frame);
  }

  welcome(body) {
    clearTimeout(this.patience);
    this.restarted = this.epoch !== null && this.epoch !== body.epoch;
    this.epoch = body.epoch;
    if (!body.resume)
      this.lastSq = body.sq;
    this.failures = 0;
    this.welcomed = body;
    this.setState('online');
    for (const {text} of this.pending.values())
      this.socket.send(text);
  }

  goAway(body) {
    this.goaway = Math.max(0, Math.min(WAIT_MAX_MS, body?.reconnect_in_ms ?? 0));
    const socket = this.socket;
    setTimeout(() => this.drop(socket), Math.min(this.goaway, 1000));
  }

  event(frame) {
    if (typeof frame.sq === 'number') {
      if (frame.sq <= this.lastSq)
        return;
      this.lastSq = frame.sq;
      this.ackLater ??= setTimeout(() => {
        this.ackLater = null;
        this.tell('ack', {sq: this.lastSq});
      }, ACK_MS);
    }
    if (frame.t === 'sync')
      this.on.sync(frame.b?.calls ?? [], this.restarted);
    else
      this.on.event(frame);
  }
}
