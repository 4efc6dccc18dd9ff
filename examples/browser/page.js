/* page.js - the browser's end of a call with the native program that served this page.
 *
 * Signals are JSON texts on a WebSocket (docs/browser.md). This page makes the first offer; from then
 * on either side may (the W3C "perfect negotiation", this page being the impolite side).
 * Without a camera, a microphone or the permission for them, a drawn picture and a chord are sent;
 * ?source=test asks for those at once.
 * SPDX-License-Identifier: MIT */
'use strict';

(() => {
  const by = id => document.getElementById(id);
  const NAMES = ['call', 'hang-up', 'mute', 'camera', 'hold', 'screen'];
  const KEYS = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '0', '#'];
  const CHAT_LINES_MAX = 200;
  const PICTURE = {width: {ideal: 640}, height: {ideal: 360}, frameRate: {ideal: 30}};

  /* What lives as long as a call; null between calls. */
  let call = null;
  let audioContext = null;

  // --- words ---------------------------------------------------------------------------------------

  function status(state, text) {
    by('status').dataset.state = state;
    by('status').textContent = text;
  }

  function note(text, bad = false) {
    const line = document.createElement('p');
    line.textContent = text;
    if (bad)
      line.className = 'bad';
    by('notes').append(line);
    while (by('notes').childElementCount > 4)
      by('notes').firstElementChild.remove();
  }

  function inCall(is) {
    for (const name of NAMES)
      by(name).disabled = name === 'call' ? is : !is;
    for (const key of by('keys').children)
      key.disabled = !is;
    by('screen').hidden = !navigator.mediaDevices?.getDisplayMedia;
    for (const name of ['mute', 'camera', 'hold', 'screen'])
      press(name, false);
  }

  function press(name, pressed) {
    const texts = {mute: ['Mute microphone', 'Unmute microphone'], camera: ['Camera off', 'Camera on'],
                   hold: ['Hold', 'Resume'], screen: ['Share screen', 'Stop sharing']};
    by(name).setAttribute('aria-pressed', String(pressed));
    by(name).textContent = texts[name][pressed ? 1 : 0];
  }

  const pressed = name => by(name).getAttribute('aria-pressed') === 'true';

  // --- sources -------------------------------------------------------------------------------------

  /* A picture that says that it is one, with a clock, so that delay can be seen. */
  function drawnPicture() {
    const canvas = document.createElement('canvas');
    canvas.width = 640;
    canvas.height = 360;
    const pen = canvas.getContext('2d');
    let drawn = 0;
    const draw = () => {
      const turn = drawn++ / 60;
      const ground = pen.createLinearGradient(0, 0, 640, 360);
      ground.addColorStop(0, `hsl(${(turn * 40) % 360} 55% 32%)`);
      ground.addColorStop(1, `hsl(${(turn * 40 + 90) % 360} 60% 55%)`);
      pen.fillStyle = ground;
      pen.fillRect(0, 0, 640, 360);
      pen.fillStyle = 'rgb(255 255 255 / 0.85)';
      pen.beginPath();
      pen.arc(320 + 210 * Math.cos(turn * 2), 180 + 90 * Math.sin(turn * 3), 34, 0, 7);
      pen.fill();
      pen.font = '600 34px sans-serif';
      pen.textAlign = 'center';
      pen.fillText('drawn by the page', 320, 60);
      pen.fillText(new Date().toISOString().slice(11, 23), 320, 330);
    };
    draw();
    const timer = setInterval(draw, 1000 / 30);
    const track = canvas.captureStream(30).getVideoTracks()[0];
    return {track, stop: () => clearInterval(timer)};
  }

  /* A chord that comes and goes. */
  function playedSound() {
    const to = audioContext.createMediaStreamDestination(), gain = audioContext.createGain();
    const swell = audioContext.createOscillator(), depth = audioContext.createGain();
    const voices = [220, 277.2, 329.6].map(hz => {
      const voice = audioContext.createOscillator();
      voice.frequency.value = hz;
      voice.connect(gain);
      return voice;
    });
    gain.gain.value = 0.1;
    depth.gain.value = 0.05;
    swell.frequency.value = 0.7;
    swell.connect(depth).connect(gain.gain);
    gain.connect(to);
    for (const voice of [...voices, swell])
      voice.start();
    return {track: to.stream.getAudioTracks()[0],
            stop: () => [...voices, swell].forEach(voice => voice.stop())};
  }

  function whyNot(error) {
    if (!navigator.mediaDevices)
      return 'this address is no secure context (use https or localhost)';
    return {NotAllowedError: 'permission was not given', NotFoundError: 'there is none',
            NotReadableError: 'it is in use by another program',
            OverconstrainedError: 'it has no such format'}[error.name] ?? String(error.message);
  }

  async function device(kind) {
    const test = new URLSearchParams(location.search).get('source') === 'test';
    const words = {audio: ['microphone', 'a chord is'], video: ['camera', 'a drawn picture is']}[kind];
    try {
      if (test)
        return kind === 'audio' ? playedSound() : drawnPicture();
      const wanted = kind === 'audio' ? {audio: true} : {video: PICTURE};
      const stream = await navigator.mediaDevices.getUserMedia(wanted);
      return {track: stream.getTracks()[0], real: true, stop: () => {}};
    } catch (error) {
      note(`No ${words[0]}: ${whyNot(error)}. Instead ${words[1]} sent.`);
      return kind === 'audio' ? playedSound() : drawnPicture();
    }
  }

  /* One question for both where the browser can ask it so. */
  async function sources() {
    const test = new URLSearchParams(location.search).get('source') === 'test';
    if (!test) {
      try {
        const stream = await navigator.mediaDevices.getUserMedia({audio: true, video: PICTURE});
        return [stream.getAudioTracks()[0], stream.getVideoTracks()[0]]
          .map(track => ({track, real: true, stream, stop: () => {}}));
      } catch {
        // each alone then, and with words for what is missing
      }
    }
    return [await device('audio'), await device('video')];
  }

  function meter(stream, id) {
    const analyser = audioContext.createAnalyser();
    const samples = new Float32Array(analyser.fftSize);
    const source = audioContext.createMediaStreamSource(stream);
    source.connect(analyser);
    const timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const mean = samples.reduce((sum, value) => sum + value * value, 0) / samples.length;
      const db = 10 * Math.log10(mean + 1e-9); // -60 dB is 0, 0 dB is 1
      by(id).value = Math.max(0, Math.min(1, 1 + db / 60));
    }, 100);
    return () => {
      clearInterval(timer);
      source.disconnect();
      by(id).value = 0;
    };
  }

  // --- signals -------------------------------------------------------------------------------------

  function send(line) {
    if (call?.socket.readyState === WebSocket.OPEN)
      call.socket.send(JSON.stringify(line));
  }

  async function offer(own) {
    try {
      own.makingOffer = true;
      await own.pc.setLocalDescription();
      const {type, sdp} = own.pc.localDescription;
      send({type, sdp});
    } finally {
      own.makingOffer = false;
    }
  }

  async function takeDescription(own, line) {
    const ready = !own.makingOffer && (own.pc.signalingState === 'stable' || own.settingAnswer);
    own.ignoring = line.type === 'offer' && !ready;
    if (own.ignoring)
      return;
    own.settingAnswer = line.type === 'answer';
    try {
      await own.pc.setRemoteDescription({type: line.type, sdp: line.sdp});
    } finally {
      own.settingAnswer = false;
    }
    if (line.type === 'offer') {
      await own.pc.setLocalDescription();
      const {type, sdp} = own.pc.localDescription;
      send({type, sdp});
    }
    for (const candidate of own.held.splice(0))
      await own.pc.addIceCandidate(candidate);
  }

  async function takeCandidate(own, {type, ...candidate}) {
    if (!own.pc.remoteDescription) {
      own.held.push(candidate);
      return;
    }
    try {
      await own.pc.addIceCandidate(candidate);
    } catch (error) {
      if (!own.ignoring)
        throw error;
    }
  }

  async function takeLine(own, line) {
    if (own !== call)
      return;
    if (line.type === 'ready')
      connect(own);
    else if (line.type === 'offer' || line.type === 'answer')
      await takeDescription(own, line);
    else if (line.type === 'candidate')
      await takeCandidate(own, line);
    else if (line.type === 'stats')
      own.native = line;
    else if (line.type === 'state')
      showState(line.state);
    else if (line.type === 'refused')
      finish(line.text, true);
    else if (line.type === 'ended')
      finish(ENDINGS[line.reason] ?? FAILURES[line.reason] ??
             `The call ended (${line.reason}). ${line.text}`,
             !(line.reason in ENDINGS));
    else if (line.type === 'error')
      note(line.text, true);
  }

  const ENDINGS = {hang_up: 'The native end hung up.', remote_hang_up: 'You hung up.',
                   closed: 'The server was stopped.'};
  const FAILURES = {connect_failed: 'The connection failed: no way to the native end was found.',
                    connection_lost: 'The connection was lost.'};

  function showState(state) {
    if (state === 'connecting')
      status('connecting', 'Connecting');
    else if (state === 'reconnecting')
      status('connecting', 'Reconnecting');
    else if (state === 'connected')
      status(pressed('hold') ? 'held' : 'connected', pressed('hold') ? 'On hold' : 'In a call');
  }

  // --- the call ------------------------------------------------------------------------------------

  function connect(own) {
    const pc = own.pc = new RTCPeerConnection({iceServers: [], bundlePolicy: 'max-bundle'});
    pc.onicecandidate = ({candidate}) => {
      if (candidate)
        send({type: 'candidate', ...candidate.toJSON()});
    };
    pc.onnegotiationneeded = () => offer(own).catch(error => note(String(error), true));
    pc.ontrack = ({track, transceiver}) => onTrack(own, track, transceiver);
    pc.onconnectionstatechange = () => {
      if (pc.connectionState === 'failed')
        finish(FAILURES.connect_failed, true);
    };
    own.channel = pc.createDataChannel('chat');
    own.channel.onopen = () => chatEnabled(true);
    own.channel.onclose = () => chatEnabled(false);
    own.channel.onmessage = ({data}) => chatLine('native', String(data));
    const [audio, video] = own.sources;
    own.audio = pc.addTransceiver(audio.track, {streams: audio.stream ? [audio.stream] : []});
    own.video = pc.addTransceiver(video.track, {streams: video.stream ? [video.stream] : []});
    own.timer = setInterval(() => showStatistics(own), 1000);
  }

  /* Comes again after a hold, with the same track. */
  function onTrack(own, track, transceiver) {
    const element = track.kind === 'audio' ? by('sound') : by('remote');
    if (element.srcObject?.getTracks().includes(track)) {
      element.play().catch(() => {});
      return;
    }
    const stream = new MediaStream([track]);
    if (track.kind === 'audio') {
      by('sound').srcObject = stream;
      own.stops.push(meter(stream, 'level-remote'));
    } else if (transceiver === own.video) {
      by('remote').srcObject = stream;
      by('empty').hidden = true;
      by('remote-label').hidden = false;
    }
  }

  async function showStatistics(own) {
    const report = await own.pc.getStats();
    if (own !== call)
      return;
    const mid = transceiver => transceiver?.mid ?? null;
    Statistics.show(report, {audio: mid(own.audio), video: mid(own.video), screen: mid(own.screen)},
                    own.native);
  }

  async function start() {
    by('call').disabled = true;
    by('notes').replaceChildren();
    status('connecting', 'Waiting for camera and microphone');
    audioContext ??= new AudioContext();
    await audioContext.resume();
    const given = await sources();
    Statistics.reset();
    const own = call = {sources: given, stops: given.map(source => source.stop), held: [],
                        native: null, pc: null};
    const local = by('local');
    local.srcObject = new MediaStream([given[1].track]);
    local.classList.toggle('camera', !!given[1].real);
    local.hidden = false;
    own.stops.push(meter(new MediaStream([given[0].track]), 'level-local'));
    inCall(true);
    status('connecting', 'Calling');
    const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = own.socket = new WebSocket(`${scheme}//${location.host}/`, 'xcall-browser');
    socket.onopen = () => send({type: 'call'});
    socket.onclose = () => {
      if (own === call)
        finish('The connection to the server was lost.', true);
    };
    let queue = Promise.resolve(); // lines are taken one after another
    socket.onmessage = ({data}) => {
      queue = queue.then(() => takeLine(own, JSON.parse(data)))
        .catch(error => note(String(error), true));
    };
  }

  function finish(words, bad = false) {
    const own = call;
    if (!own)
      return;
    call = null;
    clearInterval(own.timer);
    own.pc?.close();
    own.socket.close();
    for (const stop of own.stops)
      stop();
    for (const source of own.sources)
      source.track.stop();
    own.screenTrack?.stop();
    by('remote').srcObject = by('sound').srcObject = by('local').srcObject = null;
    by('local').hidden = by('remote-label').hidden = true;
    by('empty').hidden = false;
    chatEnabled(false);
    inCall(false);
    status(bad ? 'failed' : 'idle', bad ? 'Call failed' : words);
    if (bad)
      note(words, true);
    by('call').focus();
  }

  // --- controls ------------------------------------------------------------------------------------

  function toggleTrack(name, index) {
    const off = !pressed(name);
    call.sources[index].track.enabled = !off;
    press(name, off);
  }

  /* Neither side sends; the data channel goes on. */
  function toggleHold() {
    const held = !pressed('hold');
    for (const transceiver of [call.audio, call.video, call.screen]) {
      if (!transceiver)
        continue;
      if (held)
        transceiver.before = transceiver.direction;
      transceiver.direction = held ? 'inactive' : transceiver.before;
    }
    press('hold', held);
    by('screen').disabled = held;
    status(held ? 'held' : 'connected', held ? 'On hold' : 'In a call');
  }

  async function toggleScreen() {
    const own = call;
    if (pressed('screen')) {
      own.screenTrack.stop();
      own.screenTrack = null;
      await own.screen.sender.replaceTrack(null);
      own.screen.direction = 'inactive';
      press('screen', false);
      return;
    }
    let track;
    try {
      track = (await navigator.mediaDevices.getDisplayMedia({video: true})).getVideoTracks()[0];
    } catch (error) {
      note(`The screen is not shared: ${whyNot(error)}.`);
      return;
    }
    if (own !== call) {
      track.stop();
      return;
    }
    own.screenTrack = track;
    track.contentHint = 'detail'; // text stays sharp: fewer frames rather than fewer pixels
    track.onended = () => own === call && pressed('screen') && toggleScreen();
    if (own.screen) {
      await own.screen.sender.replaceTrack(track);
      own.screen.direction = 'sendonly';
    } else {
      own.screen = own.pc.addTransceiver(track, {direction: 'sendonly'});
    }
    press('screen', true);
  }

  function sendDigit(digit) {
    const dtmf = call.audio?.sender.dtmf;
    if (!dtmf?.canInsertDTMF) {
      by('keys-sent').textContent = 'No digits can be sent now.';
      return;
    }
    dtmf.insertDTMF(dtmf.toneBuffer + digit, 120, 80);
    const before = by('keys-sent').dataset.sent ?? '';
    by('keys-sent').dataset.sent = (before + digit).slice(-16);
    by('keys-sent').textContent = `Sent: ${by('keys-sent').dataset.sent}`;
  }

  function chatEnabled(is) {
    by('chat-text').disabled = by('chat-send').disabled = !is;
  }

  function chatLine(who, text) {
    const line = document.createElement('li');
    line.className = who === 'you' ? 'own' : 'native';
    line.textContent = text;
    by('chat').append(line);
    while (by('chat').childElementCount > CHAT_LINES_MAX)
      by('chat').firstElementChild.remove();
    by('chat').scrollTop = by('chat').scrollHeight;
  }

  by('chat-form').onsubmit = event => {
    event.preventDefault();
    const text = by('chat-text').value.trim();
    if (!text || call?.channel?.readyState !== 'open')
      return;
    call.channel.send(text);
    chatLine('you', text);
    by('chat-text').value = '';
  };

  for (const digit of KEYS) {
    const key = document.createElement('button');
    key.textContent = digit;
    key.onclick = () => call && sendDigit(digit);
    by('keys').append(key);
  }
  by('call').onclick = () => start().catch(error => {
    status('failed', 'Call failed');
    note(String(error), true);
    by('call').disabled = false;
  });
  by('hang-up').onclick = () => {
    send({type: 'hangup'});
    finish('You hung up.');
  };
  by('mute').onclick = () => toggleTrack('mute', 0);
  by('camera').onclick = () => toggleTrack('camera', 1);
  by('hold').onclick = () => call?.pc && toggleHold();
  by('screen').onclick = () => call?.pc && toggleScreen().catch(error => note(String(error), true));
  window.onbeforeunload = () => send({type: 'hangup'});
  inCall(false);
})();
