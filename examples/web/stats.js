/* stats.js - a call's figures from getStats: the way that it goes, and a table of what is sent and received.
 * SPDX-License-Identifier: MIT */
import {make, setText} from './dom.js';

const NOTHING = '–';

const number = (value, digits = 0) =>
  value === undefined || value === null || !isFinite(value) ? NOTHING : value.toFixed(digits);

const ROWS = {
  audio: ['Sound', [['bitrate', 'Bit rate', 'kb/s'], ['packets', 'Packets', ''], ['loss', 'Lost', '%'],
                    ['jitter', 'Jitter', 'ms'], ['level', 'Level', ''], ['codec', 'Codec', '']]],
  video: ['Picture', [['bitrate', 'Bit rate', 'kb/s'], ['packets', 'Packets', ''], ['loss', 'Lost', '%'],
                      ['jitter', 'Jitter', 'ms'], ['size', 'Size', ''], ['rate', 'Frames', '/s'],
                      ['codec', 'Codec', '']]],
  way: ['Connection', [['rtt', 'Round trip', 'ms'], ['crypto', 'Encryption', '']]],
};

/* Of several (a screen beside a camera) the one that does most. */
function busiest(all, type, kind, count) {
  return all.filter(one => one.type === type && one.kind === kind)
    .sort((a, b) => (b[count] ?? 0) - (a[count] ?? 0))[0];
}

function rate(now, before, member, seconds) {
  const value = (now?.[member] ?? NaN) - (before?.[member] ?? NaN);
  return value >= 0 && seconds > 0 && now.id === before.id ? value / seconds : NaN;
}

/* Of all that came in: how many packets, and how many in a thousand did not (-1: nothing is known of it). */
export function received(report) {
  let packets = 0, lost = 0;
  for (const one of report?.values() ?? []) {
    if (one.type !== 'inbound-rtp')
      continue;
    packets += one.packetsReceived ?? 0;
    lost += one.packetsLost ?? 0;
  }
  lost = Math.max(0, lost); // RFC 3550, 6.4.1: below 0 where some came twice
  return {packets, lossPermille: packets + lost ? Math.floor(1000 * lost / (packets + lost)) : -1};
}

export class Figures {
  constructor(table) {
    this.cells = new Map();
    for (const [kind, [title, rows]] of Object.entries(ROWS)) {
      const body = make('tbody', {}, make('tr', {}, make('th', {class: 'group', scope: 'rowgroup',
                                                               colspan: '3', text: title})));
      for (const [name, words, unit] of rows) {
        const cells = ['sent', 'received'].map(end => make('td', {text: NOTHING}));
        this.cells.set(`${kind}-${name}`, cells);
        body.append(make('tr', {}, make('th', {scope: 'row', text: `${words} `},
                                        unit && make('small', {text: unit})), ...cells));
      }
      table.append(body);
    }
    this.last = null;
  }

  reset() {
    this.last = null;
  }

  pair(report) {
    const transport = [...report.values()].find(one => one.type === 'transport');
    return report.get(transport?.selectedCandidatePairId) ??
      [...report.values()].find(one => one.type === 'candidate-pair' && one.nominated &&
                                one.state === 'succeeded');
  }

  /* Relayed or direct, in a word; null: not known yet. */
  path(report) {
    const pair = this.pair(report);
    if (!pair)
      return null;
    const types = [pair.localCandidateId, pair.remoteCandidateId].map(id => report.get(id)?.candidateType);
    return types.includes('relay') ? 'Relayed' : 'Direct';
  }

  set(name, sent, received) {
    const cells = this.cells.get(name);
    setText(cells[0], sent);
    setText(cells[1], received ?? NOTHING);
  }

  stream(kind, report, all, seconds) {
    const out = busiest(all, 'outbound-rtp', kind, 'packetsSent');
    const got = busiest(all, 'inbound-rtp', kind, 'packetsReceived');
    const before = this.last?.streams[kind] ?? {};
    const remote = out && all.find(one => one.type === 'remote-inbound-rtp' && one.localId === out.id);
    const codec = one => report.get(one?.codecId)?.mimeType.split('/')[1] ?? NOTHING;
    const size = one => one?.frameWidth ? `${one.frameWidth}×${one.frameHeight}` : NOTHING;
    const lost = got && got.packetsLost + got.packetsReceived > 0
      ? 100 * Math.max(got.packetsLost, 0) / (got.packetsLost + got.packetsReceived) : NaN;
    this.set(`${kind}-bitrate`, number(rate(out, before.out, 'bytesSent', seconds) * 8e-3),
             number(rate(got, before.got, 'bytesReceived', seconds) * 8e-3));
    this.set(`${kind}-packets`, number(out?.packetsSent), number(got?.packetsReceived));
    this.set(`${kind}-loss`, number(remote?.fractionLost * 100, 1), number(lost, 1));
    this.set(`${kind}-jitter`, number(remote?.jitter * 1e3, 1), number(got?.jitter * 1e3, 1));
    this.set(`${kind}-codec`, codec(out), codec(got));
    if (kind === 'audio') {
      this.set('audio-level', number(report.get(out?.mediaSourceId)?.audioLevel, 2), number(got?.audioLevel, 2));
    } else {
      this.set('video-size', size(out), size(got));
      this.set('video-rate', number(out?.framesPerSecond), number(got?.framesPerSecond));
    }
    return {out, got};
  }

  show(report) {
    const all = [...report.values()], at = performance.now();
    const seconds = this.last ? (at - this.last.at) / 1e3 : 0;
    const streams = {audio: this.stream('audio', report, all, seconds),
                     video: this.stream('video', report, all, seconds)};
    const transport = all.find(one => one.type === 'transport');
    this.set('way-rtt', number(this.pair(report)?.currentRoundTripTime * 1e3, 1), '');
    this.set('way-crypto', transport?.srtpCipher?.replaceAll('_', ' ') ?? NOTHING,
             transport?.tlsVersion === 'FEFC' ? 'DTLS 1.3' : 'DTLS 1.2');
    this.last = {at, streams};
  }
}
