/* calls.js - the calls of this device: placing, ringing, glare, snapshots. One call at a time: another that
 * comes meanwhile hears that this device is busy.
 * SPDX-License-Identifier: MIT */
import {Call} from './call.js';

export class Calls {
  /* on: {changed(call), notice(text)} */
  constructor(service, session, key, on) {
    this.service = service;
    this.on = on;
    this.current = null;
    this.ended = new Set(); // ids that must not ring again
    this.desk = {service, me: session.name, key, changed: call => this.changed(call),
                 notice: text => on.notice(text), merged: (call, answer) => this.merged(call, answer)};
  }

  get busy() {
    return !!this.current && !this.current.over;
  }

  changed(call) {
    if (call.over)
      this.forget(call);
    if (call === this.current && !call.silent)
      this.on.changed(call);
  }

  forget(call) {
    this.ended.add(call.id);
    if (this.ended.size > 200)
      this.ended.delete(this.ended.values().next().value);
    const rings = call.behind;
    call.behind = null;
    if (rings && call === this.current && !call.own)
      this.ring(rings);
    else if (rings)
      this.decline(rings.id, 'user');
  }

  decline(id, why) {
    this.ended.add(id);
    this.service.request('call.decline', {why}, id).catch(() => {});
  }

  // --- placing -------------------------------------------------------------------------------------

  place(peer, video) {
    if (this.busy)
      return null;
    const call = this.current = new Call(this.desk, {id: crypto.randomUUID(), peer, dir: 'out',
                                                     media: video ? 'v' : 'a'});
    this.on.changed(call);
    call.place().catch(error => this.broken(call, error));
    return call;
  }

  accept(call, video) {
    return call.accept(video).catch(error => this.broken(call, error));
  }

  broken(call, error) {
    console.warn('call:', error);
    call.fail('failed_connect');
  }

  /* Glare: their call goes on, and this is its accept. */
  async merged(call, answer) {
    const {own, video} = {own: call.own, video: !!call.sources.camera};
    call.silent = true;
    call.behind = null;
    call.finish('superseded');
    const other = this.current = this.incomingCall(answer.merged_into, answer.from, answer.rev, answer);
    if (own) {
      other.hangUp();
      return;
    }
    if (!await other.verifyOffer())
      return;
    other.notRinging = true;
    await this.accept(other, video);
  }

  // --- ringing -------------------------------------------------------------------------------------

  incomingCall(id, from, rev, body) {
    const call = new Call(this.desk, {id, peer: from, dir: 'in', media: body.media === 'v' ? 'v' : 'a',
                                      relay: !!body.relay, offer: body.body});
    call.rev = rev ?? 0;
    return call;
  }

  incoming(id, from, rev, body) {
    if (this.ended.has(id) || this.current?.id === id || this.current?.behind?.id === id)
      return;
    const mine = this.current;
    const call = this.incomingCall(id, from, rev, body);
    if (this.busy && mine.st === 'calling' && !mine.known && mine.peer === from)
      mine.behind = call; // glare: the answer of the invite says which of both it is
    else if (this.busy)
      this.decline(id, 'busy');
    else
      this.ring(call);
  }

  async ring(call) {
    this.current = call;
    call.silent = true; // until it is known whose it is
    const good = await call.verifyOffer();
    call.silent = false;
    if (call.over) {
      this.on.changed(call);
      return;
    }
    if (!good)
      return;
    this.on.changed(call);
    this.service.request('call.alerting', {}, call.id).catch(() => {});
  }

  // --- what the service says -----------------------------------------------------------------------

  event(frame) {
    const {t, call: id, rev, b: body} = frame;
    const call = this.current?.id === id ? this.current : null;
    if (t === 'call.incoming') {
      this.incoming(id, body.from, rev, body);
    } else if (t === 'call.state') {
      const behind = this.current?.behind?.id === id ? this.current : null;
      if (behind && body.st === 'ended')
        behind.behind = null;
      call?.takeState(rev, body);
    } else if (t === 'sig') {
      call?.takeSig(body);
    }
  }

  /* A snapshot: what it does not name has ended. */
  sync(calls, restarted) {
    const mine = this.current;
    if (this.busy && mine.known && !calls.some(entry => entry.call === mine.id))
      mine.finish(restarted ? 'restarted' : mine.agreed ? 'hangup' : mine.dir === 'out' ? 'no_answer'
        : 'cancelled');
    for (const entry of calls) {
      if (mine?.id === entry.call)
        this.resume(mine, entry);
      else
        this.unknown(entry);
    }
  }

  resume(call, entry) {
    const accepted = entry.st === 'accepted' || entry.st === 'active';
    if (call.over) { // it ended here while there was no connection
      if (entry.bound)
        this.service.request('call.hangup', {}, call.id).catch(() => {});
      return;
    }
    if (call.dir === 'in' && call.st === 'incoming' && accepted && !entry.bound)
      call.finish('answered_elsewhere');
    else if (!(call.dir === 'out' && accepted && !call.agreed && !entry.body))
      call.takeState(entry.rev, entry);
  }

  /* This page knows nothing of it: it was loaded anew, or the call is another device's. */
  unknown(entry) {
    if (entry.dir === 'in' && entry.st === 'ringing') {
      if (entry.body)
        this.incoming(entry.call, entry.peer, entry.rev, entry);
      return;
    }
    if (!entry.bound && !(entry.dir === 'out' && entry.st === 'ringing'))
      return;
    if (!entry.bound || entry.st === 'ended' || this.ended.has(entry.call))
      return;
    this.service.request(entry.st === 'ringing' ? 'call.cancel' : 'call.hangup', {}, entry.call).catch(() => {});
    this.on.notice(`The call with ${entry.peer} ended, because this page was loaded again.`);
  }

  /* Resolves when the service has been told all. */
  async close() {
    if (this.busy)
      this.current.hangUp();
    await this.current?.told;
  }
}
