// libwebrtc.js - libwebrtc without a browser (npm @roamhq/wrtc): both ends in one node process.
// usage: node --expose-gc libwebrtc.js PART '{"sound":..,"pictures":..,"out":..,...}'
// SPDX-License-Identifier: MIT
'use strict';
const fs = require('fs');
const path = require('path');
const { runPart, readNumber } = require('./ends.js');

const part = process.argv[2];
const options = JSON.parse(process.argv[3]);
const wrtc = require(path.join(options.cache, 'node_modules', '@roamhq', 'wrtc'));
const { RTCAudioSource, RTCAudioSink, RTCVideoSource, RTCVideoSink } = wrtc.nonstandard;

const say = (what) => fs.writeSync(1, `${JSON.stringify(what)}\n`);
const bytes = fs.readFileSync(options.sound);

const env = {
  RTCPeerConnection: wrtc.RTCPeerConnection,
  now: () => performance.now(),
  soundSource() {
    const source = new RTCAudioSource();
    return {
      track: source.createTrack(),
      write: (samples) => source.onData({ samples, sampleRate: 48000, bitsPerSample: 16,
        channelCount: 1, numberOfFrames: samples.length }),
    };
  },
  pictureSource() {
    const source = new RTCVideoSource();
    return {
      track: source.createTrack(),
      write: (data) => source.onFrame({ width: 640, height: 360, data }),
    };
  },
  hear(track, take) {
    const sink = new RTCAudioSink(track);
    sink.ondata = (data) => take(data.channelCount === 2
      ? data.samples.filter((_, i) => i % 2 === 0) : data.samples);
    return () => sink.stop();
  },
  watch(track, take) {
    const sink = new RTCVideoSink(track);
    sink.onframe = ({ frame }) => take(frame.width === 640 ? readNumber(frame.data, 640) : -1);
    return () => sink.stop();
  },
  async mark(name) { say({ mark: name }); },
  collect() { if (global.gc) global.gc(); },
  async save(name, data) {
    fs.writeFileSync(path.join(options.out, name), Buffer.from(data.buffer || data));
  },
};

runPart(env, {
  ...options,
  part,
  sound: new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2),
  pictures: new Uint8Array(fs.readFileSync(options.pictures)),
}).then((result) => {
  say({ result, versions: { node: process.version } });
  process.exit(0);
}).catch((error) => {
  console.error(error);
  process.exit(1);
});
