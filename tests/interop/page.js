/* page.js - the browser's end of a call, driven from outside by the functions of `page`.
 *
 * Signals leave through page.take() and come in through page.receive(), as the JSON lines that
 * xcall-peer reads and writes; negotiation is the W3C "perfect negotiation". Sent media is known on
 * sight: tones, and pictures whose number is drawn as 16 black or white cells over the whole width.
 *
 * SPDX-License-Identifier: MIT */
'use strict';

const page = (() => {
  let pc = null;
  let options = {};
  const outbox = [];
  let outboxWaiter = null;
  const log = [];
  const channels = new Map(); // label -> RTCDataChannel, the newest of that label
  const messages = [];        // what came on channels
  const senders = new Map();  // name -> {sender, transceiver, stop}
  const remotes = new Map();  // mid -> what is known of the remote track
  let makingOffer = false, ignoreOffer = false, settingAnswer = false;
  let automatic = false; // whether negotiationneeded makes an offer
  let queue = Promise.resolve();
  let audioContext = null;

  function say(...words) {
    const text = words.map(w => typeof w === 'string' ? w : JSON.stringify(w)).join(' ');
    log.push((performance.now() / 1000).toFixed(3) + ' ' + text);
    document.getElementById('log').textContent = log.slice(-12).join('\n');
  }

  function send(line) {
    outbox.push(line);
    if (outboxWaiter)
      outboxWaiter();
  }

  /* Lines for the peer: waits for one, up to so many ms. */
  async function take(ms) {
    if (!outbox.length)
      await new Promise(done => {
        outboxWaiter = done;
        setTimeout(done, ms);
      });
    outboxWaiter = null;
    return outbox.splice(0);
  }

  // --- the connection --------------------------------------------------------------------------

  function describe(description) {
    return {type: description.type, sdp: description.sdp};
  }

  function gathered() {
    return new Promise(done => {
      const check = () => pc.iceGatheringState === 'complete' && done();
      pc.addEventListener('icegatheringstatechange', check);
      check();
    });
  }

  async function sendDescription() {
    if (!options.trickle)
      await gathered();
    send(describe(pc.localDescription));
  }

  /* stereo: also said of what the page receives, as pages that want it do. */
  async function describeUs() {
    if (!options.stereo) {
      await pc.setLocalDescription();
      return;
    }
    const made = await (pc.signalingState === 'have-remote-offer' ? pc.createAnswer()
                                                                  : pc.createOffer());
    const sdp = made.sdp.replace(/stereo=1;/g, '').replace(/useinbandfec=1/g,
                                                           'stereo=1;useinbandfec=1');
    await pc.setLocalDescription({type: made.type, sdp});
  }

  async function makeOffer() {
    try {
      makingOffer = true;
      await describeUs();
      if (pc.localDescription.type === 'offer')
        await sendDescription();
    } catch (error) {
      say('ERROR', 'offer:', String(error));
      errors.push(`offer: ${error}`);
    } finally {
      makingOffer = false;
    }
  }

  function onCandidate({candidate}) {
    if (!options.trickle)
      return;
    if (candidate && candidate.candidate)
      send({type: 'candidate', ...candidate.toJSON()});
    else if (!candidate)
      send({type: 'candidate', candidate: '', sdpMid: pc.getTransceivers()[0]?.mid ?? '0'});
  }

  /* polite: the other side's offer wins a collision. trickle, bundlePolicy as they say. */
  async function create(given) {
    options = {trickle: true, polite: true, bundlePolicy: 'balanced', ...given};
    automatic = !!options.offers;
    pc = new RTCPeerConnection({iceServers: [], bundlePolicy: options.bundlePolicy});
    pc.onicecandidate = onCandidate;
    pc.onnegotiationneeded = () => {
      if (automatic)
        makeOffer();
    };
    pc.ontrack = onTrack;
    pc.ondatachannel = ({channel}) => register(channel, true);
    for (const name of ['connection', 'iceConnection', 'signaling', 'iceGathering'])
      pc.addEventListener(name.toLowerCase() + 'statechange', () => say(name, pc[name + 'State']));
    return navigator.userAgent;
  }

  async function takeDescription(line) {
    const ready = !makingOffer && (pc.signalingState === 'stable' || settingAnswer);
    const collision = line.type === 'offer' && !ready;
    ignoreOffer = !options.polite && collision;
    if (ignoreOffer) {
      say('an offer is ignored');
      return;
    }
    settingAnswer = line.type === 'answer';
    try {
      await pc.setRemoteDescription({type: line.type, sdp: line.sdp});
    } finally {
      settingAnswer = false;
    }
    if (line.type === 'offer') {
      applyPreferences();
      await describeUs();
      await sendDescription();
    }
    automatic = true;
  }

  async function takeLine(line) {
    if (line.type === 'offer' || line.type === 'answer') {
      await takeDescription(line);
    } else if (line.type === 'candidate') {
      const {type, ...candidate} = line;
      try {
        await pc.addIceCandidate(candidate);
      } catch (error) {
        if (!ignoreOffer)
          throw error;
      }
    } else if (line.type === 'hangup') {
      say('hangup');
    }
  }

  const held = []; // candidates before the first description
  /* A line of the peer's. Lines are taken one after another. */
  function receive(line) {
    queue = queue.then(async () => {
      if (line.type === 'candidate' && !pc.remoteDescription) {
        held.push(line);
        return;
      }
      try {
        await takeLine(line);
        while (pc.remoteDescription && held.length)
          await takeLine(held.shift());
      } catch (error) {
        say('ERROR', line.type, String(error));
        errors.push(`${line.type}: ${error}`);
      }
    });
  }
  const errors = [];

  function applyPreferences() {
    if (!options.codecs)
      return;
    for (const transceiver of pc.getTransceivers()) {
      const wanted = options.codecs[transceiver.receiver.track.kind];
      if (wanted)
        prefer(transceiver, wanted);
    }
  }

  /* Codecs in this order ('VP9', 'rtx', ...; '*': all others in the browser's own order). Names not
   * listed are left out, unless '*' is there. */
  function prefer(transceiver, names) {
    const all = RTCRtpReceiver.getCapabilities(transceiver.receiver.track.kind).codecs;
    const is = (codec, name) => codec.mimeType.split('/')[1].toLowerCase() === name.toLowerCase();
    const listed = names.filter(n => n !== '*');
    const order = [];
    for (const name of names)
      order.push(...all.filter(codec => name === '*' ? !listed.some(n => is(codec, n))
                                                     : is(codec, name)));
    transceiver.setCodecPreferences(order);
  }

  async function offer() {
    automatic = true;
    await makeOffer();
  }

  async function restartIce() {
    pc.restartIce();
  }

  async function close() {
    for (const name of [...senders.keys()])
      stopSource(name);
    if (pc)
      pc.close();
  }

  // --- media that is sent ----------------------------------------------------------------------

  async function sound() {
    if (!audioContext) {
      audioContext = new AudioContext({sampleRate: 48000});
      await audioContext.resume();
    }
    return audioContext;
  }

  async function toneSource({hz = 700, right = 0, level = 0.3}) {
    const context = await sound();
    const destination = context.createMediaStreamDestination();
    destination.channelCount = right ? 2 : 1;
    const gain = context.createGain();
    gain.gain.value = level;
    const tones = [];
    const merger = right ? context.createChannelMerger(2) : null;
    for (const [index, frequency] of (right ? [hz, right] : [hz]).entries()) {
      const tone = context.createOscillator();
      tone.frequency.value = frequency;
      if (merger)
        tone.connect(merger, 0, index);
      else
        tone.connect(gain);
      tone.start();
      tones.push(tone);
    }
    if (merger)
      merger.connect(gain);
    gain.connect(destination);
    const track = destination.stream.getAudioTracks()[0];
    return {track, stream: destination.stream, gain, stop: () => tones.forEach(t => t.stop())};
  }

  function drawNumber(context, number, width, height) {
    const cell = width / 16;
    for (let bit = 0; bit < 16; bit++) {
      context.fillStyle = number >> (15 - bit) & 1 ? '#fff' : '#000';
      context.fillRect(bit * cell, 0, Math.ceil(cell), height / 8);
    }
  }

  /* A timer that background pages keep: it runs in a worker. */
  function every(ms, run) {
    const code = `let next = performance.now(); (function tick() { postMessage(0); next += ${ms};
      setTimeout(tick, Math.max(0, next - performance.now())); })()`;
    const worker = new Worker(URL.createObjectURL(new Blob([code])));
    worker.onmessage = run;
    return () => worker.terminate();
  }

  /* A tile of noise up to this opaque, 0..1. */
  function noise(grain) {
    const tile = document.createElement('canvas');
    tile.width = tile.height = 512;
    const context = tile.getContext('2d');
    const image = context.createImageData(512, 512);
    for (let i = 0; i < image.data.length; i += 4) {
      image.data.fill(Math.random() < 0.5 ? 0 : 255, i, i + 3);
      image.data[i + 3] = Math.random() * 255 * grain;
    }
    context.putImageData(image, 0, 0);
    return tile;
  }

  /* busy: so many random blocks a picture, which need bits. grain: noise over it all, on which an
   * encoder spends whatever bits it has. */
  function pictureSource({width = 640, height = 360, fps = 30, busy = 0, grain = 0, hint = ''}) {
    const canvas = document.createElement('canvas');
    canvas.width = width;
    canvas.height = height;
    document.getElementById('media').append(canvas);
    const context = canvas.getContext('2d', {alpha: false});
    const source = {canvas, number: 0};
    const tile = grain ? noise(grain) : null;
    const drawGrain = (w, h) => {
      const left = -Math.random() * 512 | 0, top = -Math.random() * 512 | 0;
      for (let y = top; y < h; y += 512)
        for (let x = left; x < w; x += 512)
          context.drawImage(tile, x, y);
    };
    const draw = () => {
      const w = canvas.width, h = canvas.height, n = source.number++;
      context.fillStyle = '#667788';
      context.fillRect(0, 0, w, h);
      context.fillStyle = '#cc8844';
      context.fillRect((n * 4) % w, h / 3, w / 6, h / 3);
      for (let i = 0; i < busy; i++) {
        context.fillStyle = '#' + (Math.random() * 0xFFFFFF | 0).toString(16).padStart(6, '0');
        context.fillRect(Math.random() * w, h / 8 + Math.random() * h * 7 / 8, 24, 24);
      }
      if (tile)
        drawGrain(w, h);
      drawNumber(context, n & 0xFFFF, w, h);
    };
    draw();
    const stopTimer = every(1000 / fps, draw);
    source.stream = canvas.captureStream();
    source.track = source.stream.getVideoTracks()[0];
    if (hint)
      source.track.contentHint = hint;
    source.stop = () => {
      stopTimer();
      source.track.stop();
      canvas.remove();
    };
    return source;
  }

  /* Makes a source and sends it. how: 'track' (addTrack), 'transceiver' (addTransceiver), or a mid
   * whose transceiver gets it. */
  async function add(name, kind, settings = {}, how = 'track') {
    const source = kind === 'audio' ? await toneSource(settings) : pictureSource(settings);
    let sender;
    if (how === 'track') {
      sender = pc.addTrack(source.track, source.stream);
    } else if (how === 'transceiver') {
      sender = pc.addTransceiver(source.track, {direction: settings.direction ?? 'sendrecv',
                                                streams: [source.stream]}).sender;
    } else {
      const transceiver = pc.getTransceivers().find(t => t.mid === how);
      await transceiver.sender.replaceTrack(source.track);
      transceiver.direction = settings.direction ?? 'sendrecv';
      sender = transceiver.sender;
    }
    const transceiver = pc.getTransceivers().find(t => t.sender === sender);
    if (settings.codecs)
      prefer(transceiver, settings.codecs);
    senders.set(name, {sender, transceiver, source});
    if (kind === 'video') // a browser that is short of time shows fewer pictures, not smaller ones
      await parameters(name, {maxBitrate: settings.maxBitrate, keepResolution: true});
    return transceiver.mid;
  }

  function stopSource(name) {
    senders.get(name)?.source.stop();
    senders.delete(name);
  }

  /* Stops sending it, by what addTrack's opposite is; the peer's direction stays. */
  async function remove(name) {
    const {sender} = senders.get(name);
    pc.removeTrack(sender);
    stopSource(name);
  }

  async function replace(name, kind, settings = {}) {
    const entry = senders.get(name);
    const source = kind === 'audio' ? await toneSource(settings) : pictureSource(settings);
    await entry.sender.replaceTrack(source.track);
    entry.source.stop();
    entry.source = source;
  }

  async function parameters(name, {maxBitrate, scale, keepResolution, active, priority}) {
    const {sender} = senders.get(name);
    const now = sender.getParameters();
    if (!now.encodings || !now.encodings.length)
      now.encodings = [{}];
    if (maxBitrate)
      now.encodings[0].maxBitrate = maxBitrate;
    if (scale)
      now.encodings[0].scaleResolutionDownBy = scale;
    if (active !== undefined)
      now.encodings[0].active = active;
    if (priority)
      now.encodings[0].priority = priority;
    if (keepResolution)
      now.degradationPreference = 'maintain-resolution';
    await sender.setParameters(now);
  }

  async function resize(name, width, height) {
    const {canvas} = senders.get(name).source;
    canvas.width = width;
    canvas.height = height;
  }

  async function mute(name, on) {
    senders.get(name).source.track.enabled = !on;
  }

  async function retune(name, hz, level) {
    const {source} = senders.get(name);
    if (level !== undefined)
      source.gain.gain.value = level;
  }

  // --- media that is received ------------------------------------------------------------------

  function onTrack({track, transceiver, streams}) {
    const mid = transceiver.mid;
    say('track', mid, track.kind);
    const remote = remotes.get(mid) ?? {mid, kind: track.kind, pictures: []};
    remotes.set(mid, remote);
    /* Also when the same track flows again: what listened to it before hears no more. */
    remote.element?.remove();
    const element = document.createElement(track.kind);
    element.autoplay = true;
    element.muted = track.kind === 'video'; // muted audio reaches no analyser in Chromium
    element.playsInline = true;
    element.srcObject = new MediaStream([track]); // a stream of its own: no lip sync
    document.getElementById('media').append(element);
    element.play().catch(error => say('play', String(error)));
    Object.assign(remote, {track, element, streams: streams.map(s => s.id)});
    if (track.kind === 'audio')
      listen(remote);
    else
      watch(remote);
  }

  async function listen(remote) {
    const context = await sound();
    const source = context.createMediaStreamSource(remote.element.srcObject);
    const splitter = context.createChannelSplitter(2);
    remote.source = source; // a node that nobody holds may be collected
    source.connect(splitter);
    remote.analysers = [0, 1].map(channel => {
      const analyser = context.createAnalyser();
      analyser.fftSize = 16384;
      analyser.smoothingTimeConstant = 0;
      splitter.connect(analyser, channel);
      return analyser;
    });
  }

  /* The strongest tones of one channel over the last third of a second. */
  function spectrum(analyser, rate, count = 3) {
    const size = analyser.frequencyBinCount;
    const decibels = new Float32Array(size);
    const samples = new Float32Array(analyser.fftSize);
    analyser.getFloatFrequencyData(decibels);
    analyser.getFloatTimeDomainData(samples);
    const level = Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length);
    const power = decibels.map(d => Number.isFinite(d) ? Math.pow(10, d / 10) : 0);
    power.fill(0, 0, 4);
    const total = power.reduce((a, b) => a + b, 0);
    const bins = Math.max(3, Math.round(15 / (rate / 2 / size)));
    const tones = [];
    for (let i = 0; i < count && total > 0 && level > 1e-4; i++) {
      let peak = 0;
      for (let k = 1; k < size; k++)
        if (power[k] > power[peak])
          peak = k;
      let share = 0;
      for (let k = Math.max(0, peak - bins); k <= Math.min(size - 1, peak + bins); k++) {
        share += power[k];
        power[k] = 0;
      }
      tones.push({hz: peak * rate / 2 / size, share: share / total});
    }
    return {level, tones};
  }

  /* index: a number in the order of their coming, or a mid. */
  function find(kind, index = 0) {
    if (typeof index === 'string')
      return remotes.get(index);
    return [...remotes.values()].filter(r => r.kind === kind)[index];
  }

  /* Of the remote audio track: one entry a channel. */
  async function heard(index = 0) {
    const remote = find('audio', index);
    if (!remote || !remote.analysers)
      return null;
    return remote.analysers.map(a => spectrum(a, audioContext.sampleRate));
  }

  function number(context, width, height, wide) {
    const cell = wide ? width / 16 : Math.min(16, Math.floor(width / 16));
    const row = wide ? Math.floor(height / 16) : Math.floor(cell / 2);
    const data = context.getImageData(0, row, width, 1).data;
    let value = 0;
    for (let bit = 0; bit < 16; bit++) {
      const at = 4 * Math.floor((bit + 0.5) * cell);
      const luma = 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2];
      if (luma > 90 && luma < 165)
        return null;
      value = value << 1 | (luma > 127 ? 1 : 0);
    }
    return value;
  }

  /* The pattern's number is in its 16 cells at any size: only the top of the picture is copied. */
  function watch(remote) {
    const video = remote.element;
    const canvas = document.createElement('canvas');
    const context = canvas.getContext('2d', {willReadFrequently: true, alpha: false});
    const look = (now, metadata) => {
      const width = metadata.width, height = metadata.height, strip = Math.ceil(height / 8);
      if (canvas.width !== width || canvas.height !== strip) {
        canvas.width = width;
        canvas.height = strip;
      }
      if (remote.element !== video)
        return;
      context.drawImage(video, 0, 0, width, strip, 0, 0, width, strip);
      remote.pictures.push({
        at: now, width, height, pattern: number(context, width, height, false),
        wide: number(context, width, height, true), rtp: metadata.rtpTimestamp,
        presented: metadata.presentedFrames});
      video.requestVideoFrameCallback(look);
    };
    video.requestVideoFrameCallback(look);
  }

  /* Pictures shown since the first `since` ones. */
  async function seen(index = 0, since = 0) {
    const remote = find('video', index);
    return remote ? remote.pictures.slice(since) : [];
  }

  // --- data channels ---------------------------------------------------------------------------

  function register(channel, announced) {
    channel.binaryType = 'arraybuffer';
    channels.set(channel.label, channel);
    const note = type => messages.push({label: channel.label, event: type, announced,
                                        id: channel.id, at: performance.now()});
    channel.onopen = () => note('open');
    if (channel.readyState === 'open')
      note('open');
    channel.onclose = () => note('close');
    channel.onerror = ({error}) => messages.push({label: channel.label, event: 'error',
                                                  text: String(error)});
    channel.onbufferedamountlow = () => note('low');
    channel.onmessage = ({data}) => {
      if (channel.echo) {
        channel.send(data);
        return;
      }
      messages.push(typeof data === 'string'
                        ? {label: channel.label, event: 'text', text: data}
                        : {label: channel.label, event: 'binary', base64: encode(data)});
    };
  }

  function encode(buffer) {
    const bytes = new Uint8Array(buffer);
    let text = '';
    for (let i = 0; i < bytes.length; i += 8192)
      text += String.fromCharCode(...bytes.subarray(i, i + 8192));
    return btoa(text);
  }

  function decode(base64) {
    return Uint8Array.from(atob(base64), c => c.charCodeAt(0));
  }

  async function openChannel(label, init = {}) {
    register(pc.createDataChannel(label, init), false);
  }

  async function sendData(label, {text, base64}) {
    channels.get(label).send(text !== undefined ? text : decode(base64));
  }

  async function closeChannel(label) {
    channels.get(label).close();
  }

  async function echo(label, on) {
    channels.get(label).echo = on;
  }

  async function channel(label) {
    const c = channels.get(label);
    return c ? {label: c.label, id: c.id, ordered: c.ordered, protocol: c.protocol,
                negotiated: c.negotiated, maxRetransmits: c.maxRetransmits,
                maxPacketLifeTime: c.maxPacketLifeTime, priority: c.priority,
                state: c.readyState, buffered: c.bufferedAmount} : null;
  }

  async function received(label, since = 0) {
    return messages.filter(m => label === undefined || m.label === label).slice(since);
  }

  // --- what is so now --------------------------------------------------------------------------

  async function state() {
    return {
      connection: pc.connectionState, ice: pc.iceConnectionState, signaling: pc.signalingState,
      dtlsRole: pc.sctp?.transport?.state, errors, log: log.slice(-40), busy: makingOffer,
      transceivers: pc.getTransceivers().map(t => ({
        mid: t.mid, kind: t.receiver.track.kind, direction: t.direction,
        current: t.currentDirection, sending: !!t.sender.track}))};
  }

  async function setDirection(mid, direction) {
    pc.getTransceivers().find(t => t.mid === mid).direction = direction;
  }

  async function stopTransceiver(mid) {
    pc.getTransceivers().find(t => t.mid === mid).stop();
  }

  // --- random stories --------------------------------------------------------------------------

  /* What this page's host wishes of each track that it sends, as bench/sim/script.h's actions say. */
  const wishes = {hold: false, audio: 'sendrecv', video: 'sendrecv', screen: 'sendonly'};

  function applyWishes() {
    for (const transceiver of pc.getTransceivers()) {
      if (transceiver.stopped || transceiver.currentDirection === 'stopped')
        continue;
      const entry = [...senders].find(([, s]) => s.transceiver === transceiver);
      const wanted = wishes.hold ? 'inactive' : entry ? wishes[entry[0]] : 'recvonly';
      if (transceiver.direction !== wanted)
        transceiver.direction = wanted;
    }
  }

  /* A video on a transceiver that sends nothing, or else on a new one. */
  async function addOnFree(name, settings) {
    if (senders.has(name))
      return;
    const free = pc.getTransceivers().find(t => t.receiver.track.kind === 'video' &&
                                                !t.sender.track && t.mid !== null &&
                                                t.currentDirection !== 'stopped');
    await add(name, 'video', settings, free ? free.mid : 'track');
  }

  /* One action of a script; 'everything' is all tracks in both directions. */
  async function act(action) {
    const [verb, what, way] = action.split(' ');
    if (action === 'everything') {
      Object.assign(wishes, {hold: false, audio: 'sendrecv', video: 'sendrecv',
                             screen: 'sendrecv'});
      await addOnFree('video', {});
      await addOnFree('screen', {width: 480, height: 480});
      await mute('video', false);
    } else if (verb === 'hold' || verb === 'resume') {
      wishes.hold = verb === 'hold';
    } else if (verb === 'mute' || verb === 'unmute') {
      if (senders.has('video'))
        await mute('video', verb === 'mute');
    } else if (verb === 'restart-ice') {
      pc.restartIce();
    } else if (verb === 'add-video' || verb === 'add-screen') {
      const name = verb.slice(4);
      wishes[name] = name === 'video' ? 'sendrecv' : 'sendonly';
      await addOnFree(name, name === 'video' ? {} : {width: 480, height: 480});
    } else if (verb === 'remove-video' || verb === 'remove-screen') {
      if (senders.has(verb.slice(7)))
        await remove(verb.slice(7));
    } else if (verb === 'direction') {
      wishes[what] = {send: 'sendonly', recv: 'recvonly', both: 'sendrecv'}[way];
      if (what === 'video' && way === 'send')
        await addOnFree('video', {});
    } else {
      throw new Error(`no action ${action}`);
    }
    applyWishes();
  }

  // --- touch tones -----------------------------------------------------------------------------

  /* Digits on the sound that is sent; false where they were not agreed on. */
  async function digits(name, tones) {
    const sender = senders.get(name).sender.dtmf;
    if (!sender || !sender.canInsertDTMF)
      return false;
    sender.ontonechange = ({tone}) => say('digit', tone || 'end');
    sender.insertDTMF(tones, 100, 70);
    return true;
  }

  async function stats() {
    const list = [];
    (await pc.getStats()).forEach(report => list.push({...report}));
    return list;
  }

  async function descriptions() {
    return {local: pc.localDescription?.sdp, remote: pc.remoteDescription?.sdp};
  }

  async function fakeDevices() {
    const stream = await navigator.mediaDevices.getUserMedia({audio: true});
    stream.getTracks().forEach(t => t.stop());
  }

  return {take, create, receive: async line => receive(line), offer, restartIce, close, add, remove,
          replace, parameters, resize, mute, retune, heard, seen, openChannel, sendData,
          closeChannel, echo, channel, received, state, setDirection, stopTransceiver, stats,
          descriptions, fakeDevices, act, digits, settle: () => queue};
})();
