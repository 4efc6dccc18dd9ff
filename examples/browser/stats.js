/* stats.js - the tables of both sides' statistics and of latency, from getStats and the native end's
 * "stats" lines.
 * SPDX-License-Identifier: MIT */
'use strict';

const Statistics = (() => {
  const NOTHING = '–';
  const number = (value, digits = 0) =>
    value === undefined || value === null || !isFinite(value) ? NOTHING : value.toFixed(digits);

  // name, unit of the row; keys are `${kind}-${name}` and end in -sent or -received
  const ROWS = {
    audio: [['bitrate', 'Bit rate', 'kb/s'], ['packets', 'Packets', ''], ['loss', 'Lost', '%'],
            ['jitter', 'Jitter', 'ms'], ['level', 'Level', ''], ['codec', 'Codec', '']],
    video: [['bitrate', 'Bit rate', 'kb/s'], ['packets', 'Packets', ''], ['loss', 'Lost', '%'],
            ['jitter', 'Jitter', 'ms'], ['size', 'Resolution', ''], ['rate', 'Frames', '/s'],
            ['frames', 'Frames in all', ''], ['keys', 'Key frames', ''],
            ['repairs', 'Asked again', 'NACK / PLI'], ['codec', 'Codec', '']],
    screen: [['bitrate', 'Bit rate', 'kb/s'], ['size', 'Resolution', ''], ['rate', 'Frames', '/s']],
  };
  const TITLES = {audio: 'Sound', video: 'Picture', screen: 'Screen'};
  const STAGES = {
    down: [['collect', 'Capture', 'native'], ['wait', 'Wait for the encoder', 'native'],
           ['encode', 'Encode', 'native'], ['packetize', 'Into packets', 'native'],
           ['send', 'Encrypt, pace, send', 'native'],
           ['network', 'Network', 'both'], ['buffer', 'Jitter buffer', 'page'],
           ['decode', 'Decode', 'page'], ['total', 'Together', 'both']],
    up: [['encode', 'Encode', 'page'], ['send', 'Send', 'page'], ['network', 'Network', 'both'],
         ['arrive', 'First to last packet', 'native'], ['buffer', 'Jitter buffer', 'native'],
         ['decode', 'Decode', 'native'], ['deliver', 'Hand out', 'native'],
         ['total', 'Together', 'both']],
  };

  function element(parent, name, text, attributes = {}) {
    const made = document.createElement(name);
    made.textContent = text;
    for (const [key, value] of Object.entries(attributes))
      made.setAttribute(key, value);
    parent.append(made);
    return made;
  }

  function heads(table, texts) {
    const row = element(element(table, 'thead', ''), 'tr', '');
    for (const text of texts)
      element(row, 'th', text, {scope: 'col'});
  }

  function buildStatistics(direction, texts) {
    const table = document.getElementById(`table-${direction}`);
    heads(table, ['', ...texts]);
    for (const [kind, rows] of Object.entries(ROWS)) {
      if (kind === 'screen' && direction === 'down')
        continue;
      const body = element(table, 'tbody', '', {id: `${direction}-${kind}`});
      body.hidden = kind === 'screen';
      element(element(body, 'tr', ''), 'th', TITLES[kind],
              {class: 'group', scope: 'rowgroup', colspan: 3});
      for (const [name, title, unit] of rows) {
        const row = element(body, 'tr', '');
        element(element(row, 'th', title + ' ', {scope: 'row'}), 'small', unit);
        for (const end of ['sent', 'received'])
          element(row, 'td', NOTHING, {id: `${direction}-${kind}-${name}-${end}`});
      }
    }
  }

  function buildLatency(direction) {
    const table = document.getElementById(`latency-${direction}`);
    heads(table, ['', 'sound p50', 'p95', 'picture p50', 'p95']);
    const body = element(table, 'tbody', '');
    for (const [name, title, side] of STAGES[direction]) {
      const row = element(body, 'tr', '', name === 'total' ? {class: 'total'} : {});
      element(element(row, 'th', title + ' ', {scope: 'row'}), 'small', side === 'both' ? '' : side);
      for (const kind of ['audio', 'video'])
        for (const figure of ['p50', 'p95'])
          element(row, 'td', NOTHING, {id: `latency-${direction}-${name}-${kind}-${figure}`,
                                       class: side});
    }
  }

  function set(id, text) {
    const cell = document.getElementById(id);
    if (cell && cell.textContent !== text)
      cell.textContent = text;
  }

  function tile(id, value, unit) {
    const cell = document.getElementById(id);
    cell.textContent = value;
    if (value !== NOTHING)
      element(cell, 'small', ' ' + unit);
  }

  // --- what getStats says ------------------------------------------------------------------------

  /* mids: {audio, video, screen} -> mid of its section, or null. */
  function ofPage(report, mids) {
    const all = [...report.values()];
    const found = {sent: {}, received: {}};
    for (const [kind, mid] of Object.entries(mids)) {
      if (mid === null)
        continue;
      const out = all.filter(s => s.type === 'outbound-rtp' && s.mid === mid)
        .sort((a, b) => (b.packetsSent ?? 0) - (a.packetsSent ?? 0))[0];
      const received = all.find(s => s.type === 'inbound-rtp' && s.mid === mid);
      const source = out && report.get(out.mediaSourceId);
      const remote = out && all.find(s => s.type === 'remote-inbound-rtp' && s.localId === out.id);
      found.sent[kind] = out && {...out, source, remote, codec: report.get(out.codecId)};
      found.received[kind] = received && {...received, codec: report.get(received.codecId)};
    }
    const transport = all.find(s => s.type === 'transport');
    found.pair = report.get(transport?.selectedCandidatePairId) ??
      all.find(s => s.type === 'candidate-pair' && s.nominated && s.state === 'succeeded');
    found.transport = transport;
    return found;
  }

  function rate(now, before, member, seconds) {
    const value = (now?.[member] ?? NaN) - (before?.[member] ?? NaN);
    return value >= 0 && seconds > 0 ? value / seconds : NaN;
  }

  const codecName = codec => codec ? codec.mimeType.split('/')[1] : NOTHING;
  const share = (lost, got) => lost + got > 0 ? 100 * Math.max(lost, 0) / (lost + got) : NaN;
  const size = (width, height) => width ? `${width} × ${height}` : NOTHING;

  /* One side's figures of one stream: the names that ROWS has. */
  function pageSent(s, before, seconds) {
    return {
      bitrate: number(rate(s, before, 'bytesSent', seconds) * 8e-3),
      packets: number(s?.packetsSent), jitter: number(s?.remote?.jitter * 1e3, 1),
      loss: number(s?.remote?.fractionLost * 100, 1), level: number(s?.source?.audioLevel, 2),
      codec: codecName(s?.codec), size: size(s?.frameWidth, s?.frameHeight),
      rate: number(rate(s, before, 'framesEncoded', seconds)), frames: number(s?.framesEncoded),
      keys: number(s?.keyFramesEncoded),
      repairs: `${number(s?.nackCount)} / ${number(s?.pliCount)}`,
    };
  }

  function pageReceived(s, before, seconds) {
    return {
      bitrate: number(rate(s, before, 'bytesReceived', seconds) * 8e-3),
      packets: number(s?.packetsReceived), jitter: number(s?.jitter * 1e3, 1),
      loss: number(share(s?.packetsLost, s?.packetsReceived), 1), level: number(s?.audioLevel, 2),
      codec: codecName(s?.codec), size: size(s?.frameWidth, s?.frameHeight),
      rate: number(rate(s, before, 'framesDecoded', seconds)), frames: number(s?.framesDecoded),
      keys: number(s?.keyFramesDecoded),
      repairs: `${number(s?.nackCount)} / ${number(s?.pliCount)}`,
    };
  }

  function nativeSent(s, before, seconds) {
    return {
      bitrate: number(rate(s, before, 'bytes_sent', seconds) * 8e-3),
      packets: number(s?.packets_sent), jitter: number(s?.remote_jitter_ms, 1),
      loss: number(s?.remote_fraction_lost * 100, 1), level: number(s?.audio_level, 2),
      size: size(s?.frame_width, s?.frame_height),
      rate: number(rate(s, before, 'frames_encoded', seconds)), frames: number(s?.frames_encoded),
      keys: number(s?.key_frames_encoded),
      repairs: `${number(s?.nack_count)} / ${number(s?.pli_count)}`,
    };
  }

  function nativeReceived(s, before, seconds) {
    return {
      bitrate: number(rate(s, before, 'bytes_received', seconds) * 8e-3),
      packets: number(s?.packets_received), jitter: number(s?.jitter_ms, 1),
      loss: number(share(s?.packets_lost, s?.packets_received), 1),
      level: number(s?.audio_level, 2), size: size(s?.frame_width, s?.frame_height),
      rate: number(rate(s, before, 'frames_decoded', seconds)), frames: number(s?.frames_decoded),
      keys: number(s?.key_frames_decoded),
      repairs: `${number(s?.nack_count)} / ${number(s?.pli_count)}`,
    };
  }

  function fill(direction, kind, end, figures, codec) {
    for (const [name] of ROWS[kind])
      set(`${direction}-${kind}-${name}-${end}`,
          name === 'codec' ? codec : figures[name] ?? NOTHING);
  }

  // --- latency -----------------------------------------------------------------------------------

  /* Mean over what came since the last second, in ms. */
  function mean(now, before, total, count, scale) {
    const part = now && before ? now[total] - before[total] : NaN;
    const over = now && before ? now[count] - before[count] : NaN;
    return over > 0 ? scale * part / over : NaN;
  }

  function pageStages(direction, kind, now, before) {
    if (direction === 'down') {
      const got = now.received[kind], old = before?.received[kind];
      const counted = kind === 'video' ? 'framesDecoded' : 'totalSamplesReceived';
      return {
        buffer: mean(got, old, 'jitterBufferDelay', 'jitterBufferEmittedCount', 1e3),
        decode: kind === 'video' ? mean(got, old, 'totalDecodeTime', counted, 1e3) : NaN,
      };
    }
    const out = now.sent[kind], old = before?.sent[kind];
    return {
      encode: kind === 'video' ? mean(out, old, 'totalEncodeTime', 'framesEncoded', 1e3) : NaN,
      send: mean(out, old, 'totalPacketSendDelay', 'packetsSent', 1e3),
    };
  }

  function showLatency(direction, native, now, before) {
    const network = now.pair?.currentRoundTripTime * 500;
    for (const kind of ['audio', 'video']) {
      const own = pageStages(direction, kind, now, before);
      const theirs = native?.latency?.[kind]?.[direction === 'down' ? 'sent' : 'received'] ?? {};
      for (const figure of ['p50', 'p95']) {
        const p50 = figure === 'p50';
        let total = theirs.total?.[figure] ?? NaN;
        for (const [name, , side] of STAGES[direction]) {
          let value = side === 'native' ? theirs[name]?.[figure]
            : p50 ? (name === 'network' ? network : own[name]) : NaN;
          if (side !== 'native' && isFinite(value))
            total += value;
          if (name === 'total')
            value = p50 ? total : NaN; // percentiles of different frames do not add up
          set(`latency-${direction}-${name}-${kind}-${figure}`,
              number(value, value < 10 ? 2 : 1));
        }
      }
    }
  }

  // --- all together ------------------------------------------------------------------------------

  let lastPage = null, lastNative = null;

  function show(report, mids, native) {
    const now = ofPage(report, mids), at = performance.now();
    const seconds = lastPage ? (at - lastPage.at) / 1e3 : 0;
    const fresh = native && native !== lastNative?.line;
    const theirSeconds = fresh && lastNative ? (native.time_ns - lastNative.line.time_ns) / 1e9 : 0;
    for (const kind of Object.keys(ROWS)) {
      const sent = now.sent[kind], received = now.received[kind];
      const codec = [codecName(sent?.codec), codecName(received?.codec)];
      const up = kind === 'screen' ? !!sent : true;
      document.getElementById(`up-${kind}`).hidden = !up;
      fill('up', kind, 'sent', pageSent(sent, lastPage?.now.sent[kind], seconds), codec[0]);
      if (kind !== 'screen')
        fill('down', kind, 'received',
             pageReceived(received, lastPage?.now.received[kind], seconds), codec[1]);
      if (!fresh || !lastNative)
        continue;
      const theirs = {...native[`${kind}_received`], audio_level: native.heard}, before = lastNative.line[`${kind}_received`];
      fill('up', kind, 'received', nativeReceived(theirs, before, theirSeconds), codec[0]);
      if (kind !== 'screen')
        fill('down', kind, 'sent', nativeSent(native[`${kind}_sent`],
                                              lastNative.line[`${kind}_sent`], theirSeconds), codec[1]);
    }
    showLatency('down', native, now, lastPage?.now);
    showLatency('up', native, now, lastPage?.now);
    const rtt = native?.round_trip_time_ms || now.pair?.currentRoundTripTime * 1e3;
    tile('tile-rtt', number(rtt, rtt < 10 ? 2 : 0), 'ms');
    tile('tile-setup', number(native?.connected_after_ms), 'ms');
    tile('tile-down', number(rate(now.pair, lastPage?.now.pair, 'bytesReceived', seconds) * 8e-3),
         'kb/s');
    tile('tile-up', number(rate(now.pair, lastPage?.now.pair, 'bytesSent', seconds) * 8e-3), 'kb/s');
    tile('tile-crypto', {1: 'AES-CM', 7: 'AES-GCM'}[native?.srtp_profile] ?? NOTHING,
         now.transport?.tlsVersion === 'FEFC' ? 'DTLS 1.3' : 'DTLS 1.2');
    lastPage = {now, at};
    if (fresh)
      lastNative = {line: native};
  }

  function reset() {
    lastPage = lastNative = null;
  }

  buildStatistics('down', ['native sent', 'page received']);
  buildStatistics('up', ['page sent', 'native received']);
  buildLatency('down');
  buildLatency('up');
  return {show, reset};
})();
