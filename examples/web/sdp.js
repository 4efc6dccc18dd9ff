/* sdp.js - what leaves in a description and in a candidate, and what is signed of it: docs/protocol.md,
 * "Bodies and their signature". A description is read by the letter here: what a lenient reader could
 * take for another fingerprint or password makes the whole of it unfit.
 * SPDX-License-Identifier: MIT */

const CREDENTIAL = /^[A-Za-z0-9+/_-]{1,256}$/;
const FINGERPRINT = /^([A-Za-z0-9-]+) ([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2})*)$/;

/* The lines of a description; null where one has a carriage return inside. */
function linesOf(sdp) {
  const lines = sdp.split('\n').map(line => line.endsWith('\r') ? line.slice(0, -1) : line);
  return lines.some(line => line.includes('\r')) ? null : lines;
}

/* The value of an attribute: undefined: another line; null: something that looks like it and is not. */
function valueOf(line, word) {
  const lower = line.toLowerCase();
  if (!lower.includes(word))
    return undefined;
  const prefix = `a=${word}:`;
  const value = line.startsWith(prefix) ? line.slice(prefix.length) : null;
  return value === null || value.toLowerCase().includes(word) ? null : value;
}

/* {fingerprints, ufrag, pwd}, or null where it is not clear what they are. */
export function factsOf(sdp) {
  const lines = linesOf(sdp), facts = {fingerprints: new Set(), ufrag: '', pwd: ''};
  for (const line of lines ?? []) {
    const fingerprint = valueOf(line, 'fingerprint');
    if (fingerprint !== undefined) {
      const found = FINGERPRINT.exec(fingerprint ?? '');
      if (!found)
        return null;
      facts.fingerprints.add(`${found[1].toLowerCase()} ${found[2].toUpperCase()}`);
    }
    for (const [word, member] of [['ice-ufrag', 'ufrag'], ['ice-pwd', 'pwd']]) {
      const value = valueOf(line, word);
      if (value === undefined)
        continue;
      if (value === null || !CREDENTIAL.test(value) || (facts[member] && facts[member] !== value))
        return null;
      facts[member] = value;
    }
  }
  return lines && facts.fingerprints.size && facts.ufrag && facts.pwd ? facts : null;
}

/* The bytes that a body's signature is over; null: the description has not what must be signed. */
export function claimBytes({call, type, from, to, sdp, seq}) {
  const facts = factsOf(sdp);
  if (!facts)
    return null;
  const lines = ['xcall-1 body', call, type, from, to, [...facts.fingerprints].sort().join(','),
                 facts.ufrag, facts.pwd, ...seq ? [seq] : []];
  return new TextEncoder().encode(lines.map(line => `${line}\n`).join(''));
}

/* Without candidates and addresses: those leave, one by one, after the accept. */
export function withoutAddresses(sdp) {
  const kept = [];
  for (const line of sdp.split(/\r?\n/)) {
    if (/^a=(candidate|remote-candidates|end-of-candidates|source-filter)\b/i.test(line))
      continue;
    if (line.startsWith('o='))
      kept.push(line.replace(/IN IP[46] \S+$/, 'IN IP4 0.0.0.0'));
    else if (line.startsWith('c='))
      kept.push('c=IN IP4 0.0.0.0');
    else if (line.startsWith('a=rtcp:'))
      kept.push('a=rtcp:9 IN IP4 0.0.0.0');
    else if (line.startsWith('m='))
      kept.push(line.replace(/^(m=\S+) (?!0 )\d+/, '$1 9'));
    else
      kept.push(line);
  }
  return kept.join('\r\n');
}

export const isRelayed = candidate => / typ relay( |$)/.test(candidate);

/* What a candidate is related to is this side's own affair. */
export function hideRelated(candidate) {
  return candidate.replace(/ raddr \S+/, ' raddr 0.0.0.0').replace(/ rport \d+/, ' rport 0');
}

/* Of a relayed call's description nothing but relayed candidates is taken. */
export function onlyRelayed(sdp) {
  return sdp.split('\r\n').filter(line => !line.startsWith('a=candidate:') || isRelayed(line)).join('\r\n');
}

/* {mid: {kind, direction}} of a description's sections. */
export function sectionsOf(sdp) {
  const sections = {};
  for (const text of sdp.split(/\r?\n(?=m=)/).slice(1)) {
    const mid = /\na=mid:(\S+)/.exec(text)?.[1];
    sections[mid] = {kind: /^m=(\S+)/.exec(text)[1],
                     direction: /\na=(sendrecv|sendonly|recvonly|inactive)\b/.exec(text)?.[1] ?? 'sendrecv'};
  }
  return sections;
}
