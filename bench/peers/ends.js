// ends.js - both ends of a call of one JavaScript implementation, and the parts of the bench.
//
// `env` hides what differs between node (libwebrtc.js) and a page (chromium.html): sources, sinks, the
// clock, marks and files. Every part hands in and takes out media itself; times are those of the call
// that hands in and of the callback that takes out. See docs/benchmarks.md.
// SPDX-License-Identifier: MIT
'use strict';

const BLOCK = 480;
const WIDTH = 640;
const HEIGHT = 360;
const CELL = 16;
const BITS = 16;
const LOUD = 300; // of 32768: neither silence nor a decoder's noise
const BITRATE_KBPS = 1000;
const LIMIT_MS = 8000;

const rest = (ms) => new Promise((done) => setTimeout(done, ms));

function drawNumber(picture, number) {
  for (let bit = 0; bit < BITS; bit++) {
    const luma = (number >> (BITS - 1 - bit)) & 1 ? 235 : 16;
    for (let row = 0; row < CELL; row++) {
      const at = row * WIDTH + bit * CELL;
      picture.fill(luma, at, at + CELL);
    }
  }
}

// luma: rows of `stride` bytes.
function readNumber(luma, stride) {
  let number = 0;
  for (let bit = 0; bit < BITS; bit++) {
    const value = luma[(CELL / 2) * stride + bit * CELL + CELL / 2];
    if (value > 90 && value < 160) return -1;
    number = (number << 1) | (value >= 125 ? 1 : 0);
  }
  return number;
}

// Calls turn(k) at begin + k * period; behind time it goes on without a pause.
function every(env, period, phase, turn) {
  const begin = env.now() + phase;
  let k = 0;
  let stopped = false;
  const step = () => {
    if (stopped) return;
    while (!stopped && env.now() >= begin + k * period) turn(k++);
    setTimeout(step, Math.max(0, begin + k * period - env.now()));
  };
  step();
  return () => { stopped = true; };
}

function speak(env, source, sound, phase, noted) {
  return every(env, 10, phase, (k) => {
    const at = (k * BLOCK) % (sound.length - sound.length % BLOCK);
    if (noted) noted.push(env.now());
    source.write(sound.slice(at, at + BLOCK));
  });
}

// Numbers begin at 1: black is 0.
function show(env, source, pictures, noted) {
  const size = WIDTH * HEIGHT * 3 / 2;
  const state = { last: 0 };
  state.stop = every(env, 1000 / 30, 0, (k) => {
    const at = (k % Math.floor(pictures.length / size)) * size;
    const picture = new Uint8Array(size);
    picture.set(pictures.subarray(at, at + size));
    state.last = k + 1;
    drawNumber(picture, state.last);
    if (noted) noted.push(state.last, env.now());
    source.write(picture);
  });
  return state;
}

function withBitrate(description) {
  const found = /a=rtpmap:(\d+) VP8\//.exec(description.sdp);
  if (!found) return description;
  const more = `a=fmtp:${found[1]} x-google-start-bitrate=${BITRATE_KBPS};` +
    `x-google-max-bitrate=${BITRATE_KBPS}\r\n`;
  const line = `a=rtpmap:${found[1]} VP8/90000\r\n`;
  return { type: description.type, sdp: description.sdp.replace(line, line + more) };
}

// Two connections of this implementation, joined; `ready` resolves when both say connected.
class Call {
  constructor(env) {
    this.env = env;
    const Connection = env.RTCPeerConnection;
    this.ends = [new Connection({ iceServers: [] }), new Connection({ iceServers: [] })];
    this.tracks = [[], []];
    this.onTrack = () => {};
    this.onAdded = () => {};
    const described = this.ends.map(() => {
      let resolve;
      const promise = new Promise((done) => { resolve = done; });
      return { promise, resolve };
    });
    this.described = described;
    this.ends.forEach((end, i) => {
      end.onicecandidate = async (event) => {
        if (!event.candidate || !event.candidate.candidate) return;
        await described[1 - i].promise;
        this.ends[1 - i].addIceCandidate(event.candidate).catch(() => {});
      };
      end.ontrack = (event) => {
        this.tracks[i].push(event.track);
        this.onTrack(i, event.track);
      };
    });
    this.ready = Promise.all(this.ends.map((end) => new Promise((done) => {
      const look = () => {
        if (end.connectionState === 'connected') done(env.now());
      };
      end.addEventListener('connectionstatechange', look);
    }))).then((times) => Math.max(...times));
  }

  // tracks: those of each end
  async connect(tracks) {
    const [a, b] = this.ends;
    tracks.forEach((list, i) => list.forEach((track) => this.ends[i].addTrack(track)));
    this.onAdded();
    const offer = await a.createOffer();
    await a.setLocalDescription(offer);
    await b.setRemoteDescription(withBitrate(offer));
    this.described[1].resolve();
    const answer = await b.createAnswer();
    await b.setLocalDescription(answer);
    await a.setRemoteDescription(withBitrate(answer));
    this.described[0].resolve();
    return Promise.race([this.ready, rest(LIMIT_MS).then(() => null)]);
  }

  async mustConnect(tracks) {
    if (await this.connect(tracks) === null) throw new Error('did not connect');
  }

  close() {
    this.ends.forEach((end) => end.close());
  }
}

const isLoud = (samples) => samples.some((value) => value > LOUD || value < -LOUD);

async function setup(env, options) {
  const sound = env.soundSource();
  const picture = env.pictureSource();
  const calls = [];
  for (let n = 0; n < options.calls + 1; n++) { // the first one warms up
    const first = { audio: [0, 0], video: [0, 0] };
    const stops = [];
    let shown = { last: 0 };
    const begin = env.now();
    const call = new Call(env);
    call.onAdded = () => { // microphone and camera start with the call
      stops.push(speak(env, sound, options.sound, 0));
      shown = show(env, picture, options.pictures);
      stops.push(shown.stop);
    };
    call.onTrack = (i, track) => {
      if (track.kind === 'audio') {
        stops.push(env.hear(track, (samples) => {
          if (!first.audio[i] && isLoud(samples)) first.audio[i] = env.now();
        }));
      } else {
        stops.push(env.watch(track, (number) => {
          if (!first.video[i] && number >= 1 && number <= shown.last && number > shown.last - 150) {
            first.video[i] = env.now();
          }
        }));
      }
    };
    const tracks = [sound.track, picture.track];
    const at = await call.connect([tracks, tracks]);
    const limit = env.now() + LIMIT_MS;
    const whole = () => first.audio.every(Boolean) && first.video.every(Boolean);
    while (!whole() && env.now() < limit) await rest(10);
    const after = (times) => (times.every(Boolean) ? Math.max(...times) - begin : null);
    if (n > 0) {
      calls.push({ connected: at === null ? null : at - begin, audio: after(first.audio),
        video: after(first.video) });
    }
    stops.forEach((end) => end());
    call.close();
    await rest(300);
  }
  return { calls };
}

async function audio(env, options) {
  const sources = [env.soundSource(), env.soundSource()];
  const wrote = [];
  const reads = [];
  const heard = [];
  const call = new Call(env);
  call.onTrack = (i, track) => env.hear(track, (samples) => {
    if (i !== 1) return;
    reads.push(env.now(), samples.length);
    heard.push(Int16Array.from(samples));
  });
  await call.mustConnect(sources.map((source) => [source.track]));
  const back = speak(env, sources[1], options.sound, 0);
  const stop = speak(env, sources[0], options.sound, options.phase, wrote);
  await rest(options.seconds * 1000);
  stop();
  back();
  call.close();
  await env.save('wrote.f64', Float64Array.from(wrote));
  await env.save('reads.f64', Float64Array.from(reads));
  await env.save('heard.s16', await new Blob(heard).arrayBuffer());
  return {};
}

async function video(env, options) {
  const source = env.pictureSource();
  const wrote = [];
  const seen = [];
  const call = new Call(env);
  call.onTrack = (i, track) => env.watch(track, (number) => seen.push(number, env.now()));
  await call.mustConnect([[source.track], []]);
  const shown = show(env, source, options.pictures, wrote);
  await rest(options.seconds * 1000);
  shown.stop();
  await rest(500);
  call.close();
  await env.save('wrote.f64', Float64Array.from(wrote));
  await env.save('seen.f64', Float64Array.from(seen));
  return {};
}

// CPU of a call; the bench reads the processes' time at the marks.
async function cpu(env, options, pictures) {
  const sources = [0, 1].map(() => [env.soundSource()].concat(
    pictures ? [env.pictureSource()] : []));
  const call = new Call(env);
  const count = { samples: 0, pictures: 0 };
  call.onTrack = (i, track) => {
    if (track.kind === 'audio') {
      env.hear(track, (samples) => { count.samples += samples.length; });
    } else {
      env.watch(track, (number) => { count.pictures += number >= 0 ? 1 : 0; });
    }
  };
  await call.mustConnect(sources.map((list) => list.map((source) => source.track)));
  const stops = sources.map((list) => speak(env, list[0], options.sound, 0));
  if (pictures) sources.forEach((list) => stops.push(show(env, list[1], options.pictures).stop));
  await rest(2500);
  count.samples = count.pictures = 0;
  const begin = env.now();
  await env.mark('begin');
  await rest(options.seconds * 1000);
  await env.mark('end');
  const seconds = (env.now() - begin) / 1000;
  stops.forEach((stop) => stop());
  call.close();
  return { audio_rate: count.samples / 48000 / 2 / seconds,
    video_rate: count.pictures / 30 / 2 / seconds };
}

async function memory(env, options) {
  const source = env.soundSource();
  const stop = speak(env, source, options.sound, 0);
  const calls = [];
  const add = async () => {
    const call = new Call(env);
    call.onTrack = (i, track) => env.hear(track, () => {});
    await call.mustConnect([[source.track], [source.track]]);
    calls.push(call);
  };
  await add();
  await rest(options.seconds * 1000);
  env.collect();
  await env.mark('few');
  await rest(500);
  while (calls.length <= options.calls) await add();
  await rest(options.seconds * 1000);
  env.collect();
  await env.mark('many');
  await rest(500);
  stop();
  calls.forEach((call) => call.close());
  return { extra_calls: options.calls };
}

const PARTS = {
  setup, audio, video, memory,
  cpu_audio: (env, options) => cpu(env, options, false),
  cpu_av: (env, options) => cpu(env, options, true),
};

async function runPart(env, options) {
  return PARTS[options.part](env, options);
}

if (typeof module !== 'undefined') module.exports = { runPart, readNumber };
