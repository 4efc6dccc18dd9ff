// libdatachannel.mjs - the same as data.c measures, between two peers of libdatachannel (npm
// node-datachannel) in one process on the loopback address. Prints one line: median round trip of 64
// bytes in ms, MB/s of 64 KiB messages, from connection made to channel open in ms.
// usage: node libdatachannel.mjs FOLDER SECONDS ROUNDS
// SPDX-License-Identifier: MIT
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [folder, seconds, rounds] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const require = createRequire(join(folder, 'package.json'));
const dc = require('node-datachannel');
const config = { iceServers: [], bindAddress: '127.0.0.1', maxMessageSize: 262144 };
const WAITING = 1 << 20; // bytes in its buffer: as much as ours has
const ms = () => Number(process.hrtime.bigint()) / 1e6;

const begun = ms();
const [a, b] = [new dc.PeerConnection('a', config), new dc.PeerConnection('b', config)];
for (const [from, to] of [[a, b], [b, a]]) {
  const early = []; // candidates that come before their description cannot be taken
  let described = false;
  from.onLocalDescription((sdp, type) => {
    to.setRemoteDescription(sdp, type);
    described = true;
    for (const [candidate, mid] of early) to.addRemoteCandidate(candidate, mid);
  });
  from.onLocalCandidate((candidate, mid) => {
    if (described) to.addRemoteCandidate(candidate, mid);
    else early.push([candidate, mid]);
  });
}

const channel = a.createDataChannel('bench');
const ping = Buffer.alloc(64, 'x');
const block = Buffer.alloc(65536, 7);
const trips = [];
let kept; // or its channel is collected
let sent = 0, begin = 0, bytes = 0, opened = 0;

function send_ping() {
  sent = ms();
  channel.sendMessageBinary(ping);
}

function fill() {
  while (channel.bufferedAmount() < WAITING) channel.sendMessageBinary(block);
}

function finish(elapsed) {
  trips.sort((x, y) => x - y);
  console.log(trips[trips.length >> 1].toFixed(4), (bytes / 1e3 / elapsed).toFixed(3),
    (opened - begun).toFixed(2));
  process.exit(0);
}

b.onDataChannel((theirs) => {
  kept = theirs;
  theirs.onMessage((message) => {
    if (!begin) {
      theirs.sendMessageBinary(message);
      return;
    }
    bytes += message.length;
    if (ms() - begin >= seconds * 1000) finish(ms() - begin);
  });
});
channel.setBufferedAmountLowThreshold(WAITING / 2);
channel.onBufferedAmountLow(() => begin && fill());
channel.onOpen(() => {
  opened = ms();
  send_ping();
});
channel.onMessage(() => {
  trips.push(ms() - sent);
  if (trips.length < rounds) {
    send_ping();
  } else {
    begin = ms();
    fill();
  }
});
