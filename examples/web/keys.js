/* keys.js - this device's signature key (Ed25519, not extractable, kept in IndexedDB for each account and
 * device), signatures of bodies, keys of peers that were seen, and the safety number.
 * SPDX-License-Identifier: MIT */
import {claimBytes} from './sdp.js';

const ROUNDS = 5200, PEER_KEYS_MAX = 16;

export const toBase64 = bytes => btoa(String.fromCharCode(...new Uint8Array(bytes)));

/* Exactly so many bytes in their one spelling, or null. */
export function fromBase64(text, size) {
  try {
    const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0));
    return bytes.length === size && toBase64(bytes) === text ? bytes : null;
  } catch {
    return null;
  }
}

// --- IndexedDB -------------------------------------------------------------------------------------

const settled = request => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

let opened = null;

function database() {
  opened ??= (() => {
    const request = indexedDB.open('xcall', 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore('keys');
      request.result.createObjectStore('peers');
    };
    return settled(request);
  })();
  return opened;
}

async function read(store, key) {
  return settled((await database()).transaction(store).objectStore(store).get(key));
}

async function write(store, key, value) {
  const objects = (await database()).transaction(store, 'readwrite').objectStore(store);
  await settled(value === undefined ? objects.delete(key) : objects.put(value, key));
}

// --- the device's key ------------------------------------------------------------------------------

/* Why this browser cannot sign, in words; null: it can. */
export async function whyNoKeys() {
  if (!globalThis.isSecureContext || !crypto.subtle)
    return 'This page needs a secure address: open it by https, or as localhost.';
  try {
    await crypto.subtle.generateKey({name: 'Ed25519'}, false, ['sign', 'verify']);
  } catch {
    return 'This browser cannot make the signatures that protect calls (Ed25519). ' +
      'Please use a newer one: Chrome or Edge 137, Firefox 129, Safari 17, or later.';
  }
  if (!globalThis.RTCPeerConnection)
    return 'This browser cannot place calls: it has no WebRTC.';
  return null;
}

export class DeviceKey {
  /* The key of this device; made where there is none yet. */
  static async of(name, dev) {
    const place = `${name}/${dev}`;
    let pair = await read('keys', place);
    if (!pair) {
      pair = await crypto.subtle.generateKey({name: 'Ed25519'}, false, ['sign', 'verify']);
      await write('keys', place, pair);
    }
    const key = new DeviceKey();
    key.pair = pair;
    key.bytes = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey));
    key.text = toBase64(key.bytes);
    return key;
  }

  static forget(name, dev) {
    return write('keys', `${name}/${dev}`, undefined);
  }

  /* A body of docs/protocol.md. claim: {call, type, from, to, sdp, seq}; the sdp is one without addresses, seq
   * is 0 in the first body of a call. */
  async sign(claim) {
    const bytes = claimBytes(claim);
    if (!bytes)
      throw new Error('the description cannot be signed');
    const signature = await crypto.subtle.sign('Ed25519', this.pair.privateKey, bytes);
    return {type: claim.type, sdp: claim.sdp, key: this.text, sig: toBase64(signature),
            ...claim.seq ? {seq: claim.seq} : {}};
  }
}

/* The key that has signed this body, as text; null where the signature does not fit. */
export async function signerOf(body, claim) {
  if (!body || body.type !== claim.type || typeof body.sdp !== 'string')
    return null;
  const key = fromBase64(body.key, 32), signature = fromBase64(body.sig, 64);
  const {seq} = body;
  if (seq !== undefined && !(Number.isInteger(seq) && seq >= 1 && seq <= 0x7fffffff))
    return null;
  const bytes = claimBytes({...claim, sdp: body.sdp, seq});
  if (!key || !signature || !bytes)
    return null;
  try {
    const imported = await crypto.subtle.importKey('raw', key, {name: 'Ed25519'}, false, ['verify']);
    return await crypto.subtle.verify('Ed25519', imported, signature, bytes) ? body.key : null;
  } catch {
    return null;
  }
}

// --- the peer's keys -------------------------------------------------------------------------------

/* Remembers the key; true: others of this person were seen, and never this one. */
export async function meetKey(me, peer, key) {
  const place = `${me}/${peer}`;
  const seen = await read('peers', place) ?? [];
  if (seen.includes(key))
    return false;
  await write('peers', place, [...seen, key].slice(-PEER_KEYS_MAX));
  return seen.length > 0;
}

async function digitsOf(name, key) {
  const named = new TextEncoder().encode(name);
  let hash = new Uint8Array([0, 0, ...key, ...named]);
  for (let round = 0; round < ROUNDS; round++) {
    const input = new Uint8Array(hash.length + key.length);
    input.set(hash);
    input.set(key, hash.length);
    hash = new Uint8Array(await crypto.subtle.digest('SHA-512', input));
  }
  let digits = '';
  for (let group = 0; group < 6; group++) {
    const bytes = hash.subarray(group * 5, group * 5 + 5);
    const number = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
    digits += String(number % 100000).padStart(5, '0');
  }
  return digits;
}

/* sides: two of {name, key (base64)}. Twelve groups of five digits. */
export async function safetyNumber(...sides) {
  const blocks = await Promise.all(sides.map(({name, key}) => digitsOf(name, fromBase64(key, 32))));
  return blocks.sort().join('').match(/\d{5}/g).join(' ');
}
