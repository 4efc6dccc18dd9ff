/* call.js - one call: its life as docs/protocol.md section 4 has it, its RTCPeerConnection, and the signed
 * bodies and candidates between both. The caller's offer is made without gathering: only when the service
 * has said whether the call is relayed does the browser look for its addresses.
 * SPDX-License-Identifier: MIT */
import {meetKey, safetyNumber, signerOf} from './keys.js';
import {camera, microphone, screen, whyNot} from './media.js';
import {hideRelated, isRelayed, onlyRelayed, sectionsOf, withoutAddresses} from './sdp.js';
import {received} from './stats.js';

// The service gives up first, after what its welcome says.
const CONNECT_MS = 30000, CONNECT_MORE_MS = 5000, LOST_MS = 30000, UNSTEADY_MS = 2500, SEEN_MAX = 4096;
// How well the beginning of media is known; how long it is looked for; how long the last figures may take.
const LOOK_MS = 50, LOOK_LONG_MS = 10000, FIGURES_MS = 500, QUALITY_MS_MAX = 600000;

const later = () => {
  const made = {};
  made.promise = new Promise(resolve => (made.resolve = resolve));
  return made;
};

const pause = ms => new Promise(done => setTimeout(done, ms));

/* Formats that both kinds of clients have; the rest would only make descriptions long. */
function preferCodecs(transceiver) {
  const wanted = RTCRtpReceiver.getCapabilities?.('video')?.codecs.filter(codec =>
    /^video\/(VP8|VP9|rtx)$/i.test(codec.mimeType) && !/profile-id=[1-3]/.test(codec.sdpFmtpLine ?? '') ||
    /^video\/H264$/i.test(codec.mimeType) && /packetization-mode=1/.test(codec.sdpFmtpLine ?? '') &&
      /profile-level-id=42e0/i.test(codec.sdpFmtpLine ?? ''));
  try {
    if (wanted?.length)
      transceiver.setCodecPreferences(wanted);
  } catch {
    // its own order then
  }
}

/* States: calling, ringing, incoming, connecting, active, reconnecting, ended. */
export class Call {
  /* desk: {service, me, key, changed(call), notice(text)} */
  constructor(desk, {id, peer, dir, media, relay = false, offer = null}) {
    Object.assign(this, {desk, id, peer, dir, media, relay, offer});
    this.st = dir === 'out' ? 'calling' : 'incoming';
    this.end = this.refused = null;
    this.rev = 0;
    this.known = dir === 'in'; // the service has heard of it
    this.agreed = false;
    this.wasActive = this.own = this.keyChanged = this.held = this.remoteHeld = false;
    this.muted = false;
    this.peerKey = this.safety = null;
    this.videos = []; // what arrives: {track, stream}
    this.sources = {audio: null, camera: null, screen: null};
    this.sent = 0;
    this.seen = new Set();
    this.sentSeq = -1; // of signed bodies: the first of a call has none, which counts as 0
    this.seenSeq = 0;
    this.kept = []; // candidates of this side before the accept
    this.waiting = []; // candidates of the peer before its description
    this.localReady = later();
    this.queue = Promise.resolve(); // what changes descriptions, one after another
  }

  get over() {
    return this.st === 'ended';
  }

  get video() {
    return this.media === 'v';
  }

  set(st) {
    if (this.over || this.st === st)
      return;
    this.st = st;
    if (st === 'active' && !this.wasActive) {
      this.wasActive = true;
      this.activeAt = Date.now();
    }
    this.desk.changed(this);
  }

  changed() {
    if (!this.over)
      this.desk.changed(this);
  }

  // --- placing, accepting --------------------------------------------------------------------------

  /* Asks for devices; false: the call is over meanwhile. */
  async takeSources(video) {
    this.sources.audio = await microphone();
    if (this.sources.audio.why)
      this.desk.notice(`No microphone: ${this.sources.audio.why}. They will not hear you.`);
    if (video && !this.over) {
      try {
        this.sources.camera = await camera();
      } catch (error) {
        this.desk.notice(`No camera: ${whyNot(error)}. They will not see you.`);
      }
    }
    if (this.over)
      this.stopSources();
    return !this.over;
  }

  async place() {
    this.asking = true;
    this.changed();
    if (!await this.takeSources(this.video))
      return;
    this.asking = false;
    const pc = this.open();
    this.addTrack('audio', this.sources.audio.track);
    if (this.video)
      this.addTrack('video', this.sources.camera?.track);
    const offer = await pc.createOffer();
    const body = await this.sign('offer', offer.sdp);
    if (this.over)
      return;
    this.startedAt = Date.now();
    this.inviting = true;
    try {
      const answer = await this.desk.service.request('call.invite', {to: this.peer, media: this.media, body},
                                                     this.id);
      await this.invited(answer, offer);
    } catch (error) {
      this.inviteRefused(error);
    } finally {
      this.inviting = false;
    }
  }

  async invited(answer, offer) {
    this.known = true;
    if (answer.merged_into) {
      this.desk.merged(this, answer);
      return;
    }
    if (this.over) { // hung up while the answer was on its way
      this.desk.service.request('call.cancel', {}, this.id).catch(() => {});
      return;
    }
    this.relay ||= !!answer.relay;
    if (answer.end) {
      this.finish(answer.end);
      return;
    }
    this.takeState(answer.rev, answer);
    if (!await this.useRelays() || this.over)
      return;
    await this.pc.setLocalDescription(offer);
    this.localReady.resolve();
  }

  inviteRefused(error) {
    this.known = true;
    if (this.over)
      return;
    if (error.code === 'ended') {
      this.finish(error.body?.end ?? 'cancelled');
      return;
    }
    this.refused = {code: error.code ?? 'internal', body: error.body ?? {}};
    this.finish('refused');
  }

  /* The offer's signature; what does not fit does not ring. */
  verifyOffer() {
    return this.verify(this.offer, 'offer');
  }

  async accept(video) {
    if (this.st !== 'incoming')
      return;
    this.asking = true;
    this.set('connecting');
    if (!await this.takeSources(video && this.video))
      return;
    this.asking = false;
    this.startedAt = Date.now();
    const pc = this.open();
    if (!await this.useRelays() || this.over)
      return;
    await pc.setRemoteDescription({type: 'offer', sdp: this.usable(this.offer.sdp)});
    this.noteRemote('offer');
    this.attachTracks();
    await pc.setLocalDescription();
    this.localReady.resolve();
    this.drainWaiting();
    const body = await this.sign('answer', pc.localDescription.sdp);
    if (this.over)
      return;
    try {
      const answer = await this.desk.service.request('call.accept', {body}, this.id);
      this.takeState(answer.rev, answer);
      this.joined();
    } catch (error) {
      const end = error.code === 'lost_race' ? 'answered_elsewhere' : error.body?.end;
      if (!end)
        this.desk.notice('The service did not take the answer.');
      this.finish(end ?? (error.code === 'ended' ? 'cancelled' : 'failed_connect'));
    }
  }

  /* Both have agreed: what was kept leaves. */
  joined() {
    if (this.agreed || this.over)
      return;
    this.agreed = true;
    this.set('connecting');
    for (const candidate of this.kept.splice(0))
      this.sendCandidate(candidate);
    const patience = this.desk.service.welcomed?.limits?.connect_ms ?? CONNECT_MS;
    this.connectTimer = setTimeout(() => this.fail('failed_connect'), patience + CONNECT_MORE_MS);
    this.connectionChanged();
    if (this.negotiateLater)
      this.negotiate();
  }

  // --- relays --------------------------------------------------------------------------------------

  /* true: go on. A call that must be relayed and cannot be is over. */
  async useRelays() {
    let servers = [];
    try {
      const turn = await this.desk.service.request('turn.get', {}, this.id);
      if (turn.urls?.length)
        servers = [{urls: turn.urls, username: turn.username, credential: turn.credential}];
    } catch (error) {
      if (this.over)
        return false;
      if (this.relay) {
        this.fail('relay_unavailable');
        return false;
      }
    }
    if (this.over)
      return false;
    this.pc.setConfiguration({...this.pc.getConfiguration(), iceServers: servers,
                              iceTransportPolicy: this.relay ? 'relay' : 'all'});
    return true;
  }

  /* The service has made it a relayed one after this side has begun. */
  async becomeRelayed() {
    this.relay = true;
    if (this.pc && this.pc.signalingState !== 'closed' && await this.useRelays() && this.pc.localDescription)
      this.pc.restartIce();
  }

  usable(sdp) {
    return this.relay ? onlyRelayed(sdp) : sdp;
  }

  // --- bodies --------------------------------------------------------------------------------------

  sign(type, sdp) {
    return this.desk.key.sign({call: this.id, type, from: this.desk.me, to: this.peer, seq: ++this.sentSeq,
                               sdp: withoutAddresses(sdp)});
  }

  /* false: the call is over for this. */
  async verify(body, type) {
    const key = await signerOf(body, {call: this.id, type, from: this.peer, to: this.desk.me});
    if (!key || (this.peerKey && this.peerKey !== key)) {
      this.fail('security');
      return false;
    }
    if (!this.peerKey) {
      this.peerKey = key;
      this.keyChanged = await meetKey(this.desk.me, this.peer, key);
      safetyNumber({name: this.desk.me, key: this.desk.key.text}, {name: this.peer, key}).then(number => {
        this.safety = number;
        this.changed();
      });
    }
    return true;
  }

  // --- the peer connection -------------------------------------------------------------------------

  open() {
    const pc = this.pc = new RTCPeerConnection({iceServers: [], bundlePolicy: 'max-bundle'});
    pc.onicecandidate = ({candidate}) => candidate && this.ownCandidate(candidate.toJSON());
    pc.onnegotiationneeded = () => this.negotiate();
    pc.ontrack = event => this.tracked(event);
    pc.onconnectionstatechange = () => this.connectionChanged();
    return pc;
  }

  addTrack(kind, track) {
    const stream = track ? [new MediaStream([track])] : [];
    const made = this.pc.addTransceiver(track ?? kind,
                                        {direction: track ? 'sendrecv' : 'recvonly', streams: stream});
    if (kind === 'video')
      preferCodecs(made);
    this[kind === 'audio' ? 'audioLine' : 'cameraLine'] = made;
    return made;
  }

  /* The callee's tracks go into the sections of the offer. */
  attachTracks() {
    for (const line of this.pc.getTransceivers()) {
      const kind = line.receiver.track.kind;
      const member = kind === 'audio' ? 'audioLine' : 'cameraLine';
      const track = this.sources[kind === 'audio' ? 'audio' : 'camera']?.track;
      if (kind === 'video')
        preferCodecs(line);
      if (this[member] || this.remoteSections[line.mid]?.direction === 'sendonly')
        continue; // what the peer shows one way is no place for ours
      this[member] = line;
      if (track) {
        line.sender.replaceTrack(track);
        line.direction = 'sendrecv';
      }
    }
  }

  ownCandidate(candidate) {
    const said = {...candidate, candidate: hideRelated(candidate.candidate)};
    if (this.relay && said.candidate && !isRelayed(said.candidate))
      return;
    if (this.agreed)
      this.sendCandidate(said);
    else
      this.kept.push(said);
  }

  sendCandidate({candidate, sdpMid, sdpMLineIndex, usernameFragment}) {
    if (this.relay && candidate && !isRelayed(candidate))
      return;
    this.sig('cand', {candidate, sdpMid, sdpMLineIndex, usernameFragment});
  }

  sig(kind, data) {
    if (!this.over)
      this.desk.service.request('sig', {n: ++this.sent, kind, data}, this.id).catch(() => {});
  }

  tracked({track, transceiver}) {
    if (track.kind === 'audio') {
      this.sound = new MediaStream([track]);
    } else if (!this.videos.some(video => video.track === track)) {
      this.videos.push({track, transceiver, stream: new MediaStream([track])});
      track.onmute = track.onunmute = () => this.changed();
    }
    this.changed();
  }

  /* Of the peer's pictures those that it sends now. */
  liveVideos() {
    return this.videos.filter(({transceiver}) => /recv/.test(transceiver.currentDirection ?? ''));
  }

  connectionChanged() {
    const state = this.pc?.connectionState;
    if (this.over || !this.agreed)
      return;
    if (state === 'connected')
      this.mediaUp();
    else if (state === 'disconnected' && this.wasActive)
      this.unsteady ??= setTimeout(() => this.mediaLost(), UNSTEADY_MS);
    else if (state === 'failed')
      this.mediaFailed();
  }

  mediaUp() {
    clearTimeout(this.connectTimer);
    clearTimeout(this.unsteady);
    clearTimeout(this.lostTimer);
    this.unsteady = this.lostTimer = null;
    const first = !this.wasActive;
    if (this.mediaTold !== 'up')
      this.desk.service.request('call.media', {state: this.mediaTold = 'up'}, this.id).catch(() => {});
    if (first) {
      this.setupMs = Date.now() - this.startedAt;
      this.lookForMedia();
    }
    this.set('active');
  }

  /* Only in a young call, until the peer's first packet has come. */
  async lookForMedia() {
    const until = Date.now() + LOOK_LONG_MS;
    this.looking = true;
    while (!this.over && this.looking && Date.now() < until) {
      this.noteMedia(await this.figures());
      await pause(LOOK_MS);
    }
    if (!this.over) // else the last figures may still say it
      this.looking = false;
  }

  noteMedia({packets}) {
    if (!this.looking || !packets)
      return;
    this.looking = false;
    this.firstMediaMs = Date.now() - this.startedAt;
  }

  /* What has come in until now. */
  async figures() {
    try {
      return received(await Promise.race([this.pc.getStats(), pause(FIGURES_MS)]));
    } catch {
      return received(null);
    }
  }

  mediaLost() {
    this.unsteady = null;
    if (this.over || this.pc.connectionState === 'connected')
      return;
    this.set('reconnecting');
    if (this.mediaTold === 'up')
      this.desk.service.request('call.media', {state: this.mediaTold = 'lost'}, this.id).catch(() => {});
    this.lostTimer ??= setTimeout(() => this.fail('media_lost'), LOST_MS);
    if (this.dir === 'out') // one of both begins
      this.pc.restartIce();
  }

  mediaFailed() {
    const dtls = this.pc.getReceivers()[0]?.transport?.state;
    if (dtls === 'failed' && !this.wasActive)
      this.fail('security'); // the certificate is not the one that was signed
    else
      this.mediaLost();
  }

  // --- negotiating (W3C "perfect negotiation"; the caller is the impolite side) --------------------

  negotiate() {
    if (!this.agreed || this.over) {
      this.negotiateLater = !!this.pc.remoteDescription; // before it the first exchange is under way
      return;
    }
    this.negotiateLater = false;
    this.inTurn(async () => {
      const pc = this.pc;
      if (pc.signalingState !== 'stable')
        return; // the browser says again that it is needed
      this.makingOffer = true;
      try {
        const before = pc.localDescription?.sdp;
        await pc.setLocalDescription();
        if (pc.localDescription?.type !== 'offer')
          return;
        const restart = /a=ice-ufrag:(\S+)/.exec(before)?.[1] !==
          /a=ice-ufrag:(\S+)/.exec(pc.localDescription.sdp)[1];
        this.sig(restart ? 'restart' : 'nego', await this.sign('offer', pc.localDescription.sdp));
      } finally {
        this.makingOffer = false;
      }
    });
  }

  inTurn(work) {
    this.queue = this.queue.then(() => this.over ? undefined : work()).catch(error => {
      if (!this.over)
        console.warn('call:', error);
    });
    return this.queue;
  }

  async takeNegotiation(body) {
    const type = body?.type;
    if (type !== 'offer' && type !== 'answer' || !await this.verify(body, type) || this.over)
      return;
    if (!(body.seq > this.seenSeq))
      return; // somebody repeats what was said before
    this.seenSeq = body.seq;
    const pc = this.pc;
    if (type === 'offer' && this.dir === 'out' && pc.signalingState !== 'stable')
      return; // glare: ours stands
    if (type === 'answer' && pc.signalingState !== 'have-local-offer')
      return;
    await pc.setRemoteDescription({type, sdp: this.usable(body.sdp)});
    this.noteRemote(type);
    if (type === 'offer') {
      this.attachTracks();
      await pc.setLocalDescription();
      this.sig('nego', await this.sign('answer', pc.localDescription.sdp));
    }
    this.dropRefused();
    this.drainWaiting();
    this.changed();
  }

  /* Sections that the peer does not take, as one more picture than it can show. */
  dropRefused() {
    for (const [member, source] of [['cameraLine', 'camera'], ['screenLine', 'screen']]) {
      if (this[member]?.direction !== 'stopped')
        continue;
      this[member] = null;
      this.sources[source]?.stop();
      if (this.sources[source])
        this.desk.notice(`${this.peer}’s program cannot show ${source === 'screen' ? 'a screen' : 'your picture'}.`);
      this.sources[source] = null;
    }
  }

  /* Does the peer hold the call? An answer to a hold says nothing of it. */
  noteRemote(type) {
    const sections = sectionsOf(this.pc.remoteDescription.sdp);
    const sound = Object.values(sections).find(section => section.kind === 'audio');
    if (sound && (type === 'offer' || !this.held))
      this.remoteHeld = sound.direction === 'inactive' || sound.direction === 'sendonly';
    this.remoteSections = sections;
  }

  // --- what the service says -----------------------------------------------------------------------

  /* The whole state, by revision; false: nothing new. */
  takeState(rev, body) {
    if (this.over || !(rev > this.rev))
      return false;
    this.rev = rev;
    if (body.relay && !this.relay)
      this.becomeRelayed();
    if (body.st === 'ended')
      this.finish(body.end ?? 'hangup');
    else if (body.st === 'ringing' && this.dir === 'out' && body.reached)
      this.set('ringing');
    else if ((body.st === 'accepted' || body.st === 'active') && this.dir === 'out' && body.body)
      this.answered(body.body);
    return true;
  }

  answered(body) {
    if (this.answering || this.over)
      return;
    this.answering = true;
    this.startedAt = Date.now(); // of the set-up: nobody waits for a telephone to be answered
    this.set('connecting');
    this.inTurn(async () => {
      await this.localReady.promise;
      if (this.over || !await this.verify(body, 'answer'))
        return;
      await this.pc.setRemoteDescription({type: 'answer', sdp: this.usable(body.sdp)});
      this.noteRemote('answer');
      this.drainWaiting();
      this.joined();
    });
  }

  takeSig({n, kind, data}) {
    if (this.over || !Number.isInteger(n) || this.seen.has(n) || this.seen.size >= SEEN_MAX)
      return;
    this.seen.add(n);
    if (kind === 'cand')
      this.peerCandidate(data);
    else if ((kind === 'nego' || kind === 'restart') && this.pc)
      this.inTurn(() => this.takeNegotiation(data));
  }

  peerCandidate(data) {
    if (typeof data?.candidate !== 'string' || (this.relay && data.candidate && !isRelayed(data.candidate)))
      return;
    this.waiting.push(data);
    this.inTurn(() => this.drainWaiting());
  }

  drainWaiting() {
    if (!this.pc?.remoteDescription)
      return;
    for (const candidate of this.waiting.splice(0))
      this.pc.addIceCandidate(candidate).catch(() => {}); // of an offer that lost, or of the time before
  }

  // --- the person's wishes -------------------------------------------------------------------------

  hangUp() {
    if (this.over)
      return;
    this.own = true;
    const request = type => this.desk.service.request(type, {}, this.id).catch(() => {});
    if (this.st === 'incoming') {
      this.desk.service.request('call.decline', {why: 'user'}, this.id).catch(() => {});
      this.finish('declined');
    } else if (this.dir === 'out' && !this.agreed && !this.answering) {
      if (this.known || this.inviting)
        request('call.cancel');
      this.finish('cancelled');
    } else {
      request('call.hangup');
      this.finish('hangup');
    }
  }

  setMuted(muted) {
    this.muted = muted;
    if (this.sources.audio)
      this.sources.audio.track.enabled = !muted;
    this.changed();
  }

  /* Neither side sends. */
  setHeld(held) {
    if (held === this.held || !this.pc)
      return;
    this.held = held;
    for (const line of this.pc.getTransceivers()) {
      if (held)
        line.before = line.direction;
      line.direction = held ? 'inactive' : line.before ?? line.direction;
    }
    this.changed();
  }

  async setCamera(on) {
    if (!on) {
      const line = this.cameraLine;
      this.sources.camera?.stop();
      this.sources.camera = null;
      this.changed();
      await line.sender.replaceTrack(null);
      line.direction = 'recvonly';
      return;
    }
    const source = await camera();
    if (this.over) {
      source.stop();
      return;
    }
    this.sources.camera = source;
    this.sendPicture('cameraLine', source.track, 'sendrecv');
    this.changed();
  }

  sendPicture(member, track, direction) {
    const line = this[member];
    if (line) {
      line.sender.replaceTrack(track);
      line.direction = direction;
      return;
    }
    this[member] = this.pc.addTransceiver(track, {direction, streams: [new MediaStream([track])]});
    preferCodecs(this[member]);
  }

  async setScreen(on) {
    if (!on) {
      const line = this.screenLine;
      this.sources.screen?.stop();
      this.sources.screen = null;
      this.changed();
      await line.sender.replaceTrack(null);
      line.direction = 'inactive';
      return;
    }
    const source = await screen();
    if (this.over) {
      source.stop();
      return;
    }
    this.sources.screen = source;
    source.track.onended = () => this.sources.screen === source && !this.over && this.setScreen(false);
    this.sendPicture('screenLine', source.track, 'sendonly');
    this.changed();
  }

  // --- the end -------------------------------------------------------------------------------------

  /* This side ends it for a reason of its own. */
  fail(why) {
    if (this.over)
      return;
    if (this.st === 'incoming')
      this.desk.service.request('call.decline', {why: 'unsupported'}, this.id).catch(() => {});
    else if (this.dir === 'out' && !this.agreed && !this.answering)
      this.desk.service.request('call.cancel', {}, this.id).catch(() => {});
    else
      this.desk.service.request('call.hangup', {why}, this.id).catch(() => {});
    this.finish(why);
  }

  finish(end) {
    if (this.over)
      return;
    this.end = end;
    this.seconds = this.activeAt ? (Date.now() - this.activeAt) / 1000 : 0;
    this.st = 'ended';
    clearTimeout(this.connectTimer);
    clearTimeout(this.unsteady);
    clearTimeout(this.lostTimer);
    this.localReady.resolve();
    if (this.agreed)
      this.told = this.tellQuality().finally(() => this.pc.close());
    else
      this.pc?.close();
    this.stopSources();
    this.desk.changed(this);
  }

  /* How it was, once; figures are to be had before the connection is closed only. */
  async tellQuality() {
    const figures = await this.figures();
    this.noteMedia(figures);
    const ms = value => value === undefined ? -1 : Math.max(0, Math.min(QUALITY_MS_MAX, Math.round(value)));
    this.desk.service.request('call.quality', {
      setup_ms: ms(this.setupMs), first_media_ms: ms(this.firstMediaMs), loss_permille: figures.lossPermille,
      relay: this.relay, end: this.end}, this.id).catch(() => {});
  }

  stopSources() {
    for (const source of Object.values(this.sources))
      source?.stop();
  }
}
