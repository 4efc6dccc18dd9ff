/* callview.js - what a call looks like: the ringing dialog, the call's screen with its controls, and its end in
 * words. Focus goes where the next step is, and back when the call is over.
 * SPDX-License-Identifier: MIT */
import {by, face, setText, toast} from './dom.js';
import {canShareScreen, ringTone, whyNot} from './media.js';
import {Figures} from './stats.js';
import {codeWords, duration, endWords} from './words.js';

const QUIET_ENDS = ['answered_elsewhere', 'declined_elsewhere', 'superseded'];

function stateWords(call) {
  if (call.asking)
    return 'Waiting for the microphone';
  return {calling: `Calling ${call.peer}`, ringing: `It rings at ${call.peer}’s`,
          connecting: 'Connecting', reconnecting: 'The connection is interrupted. Reconnecting',
          active: call.held ? 'On hold' : call.remoteHeld ? `${call.peer} holds the call`
            : call.muted ? 'In a call, microphone off' : 'In a call'}[call.st] ?? '';
}

export class CallView {
  /* on: {accept(call, video), again(call), write(call), closed()} */
  constructor(on) {
    this.on = on;
    this.call = null;
    this.figures = new Figures(by('stats'));
    this.listen();
  }

  listen() {
    by('decline').onclick = () => this.call.hangUp();
    by('accept-audio').onclick = () => this.accept(false);
    by('accept-video').onclick = () => this.accept(true);
    by('incoming').oncancel = event => event.preventDefault(); // Escape declines nobody
    by('hang-up').onclick = () => this.call.hangUp();
    by('mute').onclick = () => this.call.setMuted(!this.call.muted);
    by('hold').onclick = () => this.call.setHeld(!this.call.held);
    by('camera').onclick = () => this.device('camera', 'No camera');
    by('screen').onclick = () => this.device('screen', 'The screen is not shared');
    by('call-close').onclick = () => this.close();
    by('call-again').onclick = () => this.leave(call => this.on.again(call));
    by('call-write').onclick = () => this.leave(call => this.on.write(call));
    by('call-controls').addEventListener('keydown', event => this.arrows(event));
    setInterval(() => this.second(), 1000);
  }

  /* A tool bar: arrow keys go from control to control. */
  arrows(event) {
    const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
    if (!step)
      return;
    const all = [...by('call-controls').querySelectorAll('button:not(:disabled):not([hidden])')];
    const next = all[(all.indexOf(document.activeElement) + step + all.length) % all.length];
    next?.focus();
    event.preventDefault();
  }

  accept(video) {
    this.on.accept(this.call, video);
  }

  async device(member, words) {
    const call = this.call, on = !call.sources[member];
    const control = by(member);
    control.disabled = true;
    try {
      await call[member === 'camera' ? 'setCamera' : 'setScreen'](on);
    } catch (error) {
      toast(`${words}: ${whyNot(error)}.`, true);
    } finally {
      control.disabled = false;
      if (this.call === call && !call.over) {
        this.show(call);
        control.focus();
      }
    }
  }

  /* Whose call rings here, for the window's title. */
  get ringing() {
    return this.call?.st === 'incoming' ? this.call.peer : null;
  }

  // --- one call, in whatever state -------------------------------------------------------------------

  show(call) {
    const fresh = this.call !== call;
    this.call = call;
    if (fresh)
      this.shownState = null;
    const before = this.shownState;
    this.shownState = call.st;
    this.ring(call.st === 'incoming');
    if (call.st === 'incoming') {
      this.incoming(call, fresh);
    } else {
      if (by('incoming').open)
        by('incoming').close();
      if (call.over)
        this.ended(call, before);
      else
        this.running(call, before);
    }
  }

  ring(on) {
    if (on && !this.tone) {
      try {
        this.tone = ringTone();
      } catch {
        this.tone = () => {};
      }
    } else if (!on && this.tone) {
      this.tone();
      this.tone = null;
    }
  }

  incoming(call, fresh) {
    if (!fresh)
      return;
    by('incoming-face').replaceChildren(face(call.peer, 'large'));
    setText(by('incoming-name'), call.peer);
    setText(by('incoming-what'), call.video ? 'is calling you with video' : 'is calling you');
    by('accept-video').hidden = !call.video;
    setText(by('accept-audio').querySelector('span'), call.video ? 'Sound only' : 'Accept');
    by('call').hidden = true;
    by('incoming').showModal();
    by(call.video ? 'accept-video' : 'accept-audio').focus();
  }

  running(call, before) {
    const opening = by('call').hidden;
    by('call').hidden = false;
    by('home').inert = true;
    by('call').dataset.state = call.st;
    setText(by('call-title'), call.peer);
    setText(by('call-state'), stateWords(call));
    by('call-controls').hidden = false;
    by('call-after').hidden = true;
    by('key-warning').hidden = !call.keyChanged;
    setText(by('safety'), call.safety ?? 'Known as soon as the call is answered.');
    by('call-more').hidden = !call.wasActive;
    this.controls(call);
    this.pictures(call);
    if (opening || before === null || before === 'ended') {
      this.figures.reset();
      by('safety-fold').open = by('stats-fold').open = false;
      by('call-path').hidden = true;
      setText(by('call-time'), '');
      by('call-face').replaceChildren(face(call.peer, 'large'));
      by('hang-up').focus();
    }
  }

  controls(call) {
    const joined = call.wasActive;
    const press = (id, on, words, able = joined) => { // the words say what it does, and so how it is
      by(id).toggleAttribute('data-on', on);
      setText(by(id).querySelector('span'), words);
      if (by(id).disabled !== !able)
        by(id).disabled = !able;
    };
    press('mute', call.muted, call.muted ? 'Unmute' : 'Mute', !!call.sources.audio);
    const camera = !!call.sources.camera, screen = !!call.sources.screen;
    press('camera', camera, camera ? 'Stop video' : 'Start video', joined && !call.held);
    press('hold', call.held, call.held ? 'Resume' : 'Hold');
    press('screen', screen, screen ? 'Stop sharing' : 'Share screen', joined && !call.held);
    by('screen').hidden = !canShareScreen();
  }

  pictures(call) {
    const live = call.held ? [] : call.liveVideos();
    const [main, second] = [live.at(-1), live.length > 1 ? live[0] : null];
    this.play(by('remote'), main?.stream);
    this.play(by('remote-second'), second?.stream);
    const own = call.sources.camera;
    if (own && own !== this.ownSource)
      this.ownStream = new MediaStream([own.track]);
    this.ownSource = own;
    this.play(by('local'), own ? this.ownStream : null);
    by('local').classList.toggle('mirrored', !!own?.real);
    by('call').toggleAttribute('data-pictures', !!main);
    if (call.sound && by('sound').srcObject !== call.sound) {
      by('sound').srcObject = call.sound;
      by('sound').play().catch(() => {});
    }
  }

  play(element, stream) {
    element.hidden = !stream;
    if (element.srcObject === (stream ?? null))
      return;
    element.srcObject = stream ?? null;
    if (stream)
      element.play().catch(() => {});
  }

  // --- the end ---------------------------------------------------------------------------------------

  ended(call, before) {
    const words = call.refused ? codeWords(call.refused.code, call.refused.body) : endWords(call);
    if (by('call').hidden || QUIET_ENDS.includes(call.end) || call.end === 'declined' && call.own) {
      this.close();
      const missed = call.dir === 'in' && call.end === 'cancelled';
      toast(missed ? `Missed call from ${call.peer}`
        : words.includes(call.peer) ? words : `${call.peer}: ${words}`, call.end === 'security');
      return;
    }
    if (before === 'ended')
      return;
    by('call').dataset.state = 'ended';
    setText(by('call-title'), call.refused ? `${call.peer} cannot be called` : call.peer);
    setText(by('call-state'), words);
    setText(by('call-time'), call.wasActive ? duration(call.seconds) : '');
    by('call-controls').hidden = by('call-more').hidden = true;
    by('key-warning').hidden = by('call-path').hidden = true;
    by('call-after').hidden = false;
    by('call-again').hidden = call.end === 'security' || call.refused?.code === 'self';
    for (const id of ['remote', 'remote-second', 'local'])
      this.play(by(id), null);
    by('call').removeAttribute('data-pictures');
    by('sound').srcObject = null;
    const write = ['message_first', 'message_first_wait'].includes(call.refused?.code);
    by(write ? 'call-write' : 'call-close').focus();
  }

  close() {
    const was = !by('call').hidden || by('incoming').open;
    this.ring(false);
    if (by('incoming').open)
      by('incoming').close();
    by('call').hidden = true;
    by('home').inert = false;
    by('sound').srcObject = null;
    for (const id of ['remote', 'remote-second', 'local'])
      this.play(by(id), null);
    if (this.call?.over ?? true)
      this.call = null;
    if (was)
      this.on.closed();
  }

  leave(then) {
    const call = this.call;
    this.close();
    then(call);
  }

  // --- every second ----------------------------------------------------------------------------------

  async second() {
    const call = this.call;
    if (!call?.wasActive || call.over)
      return;
    setText(by('call-time'), duration((Date.now() - call.activeAt) / 1000));
    const report = await call.pc.getStats();
    if (call !== this.call || call.over)
      return;
    const path = this.figures.path(report);
    by('call-path').hidden = !path;
    setText(by('call-path'), path ?? '');
    if (by('stats-fold').open)
      this.figures.show(report, call);
  }
}
