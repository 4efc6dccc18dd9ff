/* history.js - calls that were, newest first, missed ones marked by sign and word.
 * SPDX-License-Identifier: MIT */
import {by, face, icon, make} from './dom.js';
import {duration, when} from './words.js';

const PAGE = 30;

const END = {cancelled: 'Cancelled', declined: 'Declined', busy: 'Busy', no_answer: 'No answer',
             answered_elsewhere: 'Answered on another device', failed_connect: 'No connection',
             declined_elsewhere: 'Declined on another device', media_lost: 'Connection lost',
             signal_lost: 'Connection lost', unsupported: 'Not supported', superseded: 'Replaced'};

export class History {
  /* on: {open(name)} */
  constructor(service, people, on) {
    Object.assign(this, {service, people, on});
    this.place = `xcall.seen.${service.session.name}`;
    this.calls = [];
    by('history-more').onclick = () => this.older();
    this.render();
  }

  clear() {
    this.calls = [];
    localStorage.removeItem(this.place);
    by('history-list').replaceChildren();
  }

  async load() {
    const {calls} = await this.service.request('history.list', {limit: PAGE});
    this.calls = calls;
    this.more = calls.length === PAGE;
    for (const {peer, at} of calls)
      if (at > (this.people.known.get(peer)?.at ?? 0))
        this.people.touch(peer, {at});
    if (by('home').dataset.view === 'history')
      this.open();
    else
      this.render();
  }

  /* Shown at once, and anew: of a call that did not ring nothing was heard here. */
  renew() {
    this.open();
    this.load().catch(() => {});
  }

  /* What was missed counts as seen. */
  open() {
    localStorage.setItem(this.place, String(this.calls[0]?.at ?? 0));
    this.render();
  }

  async older() {
    const before = this.calls.at(-1)?.at;
    const {calls} = await this.service.request('history.list', {limit: PAGE, before});
    this.calls.push(...calls.filter(({call}) => !this.calls.some(known => known.call === call)));
    this.more = calls.length === PAGE;
    this.render();
  }

  row({peer, dir, media, at, end, duration_s: seconds, missed}) {
    const kind = media === 'v' ? 'video call' : 'call';
    const what = missed ? `Missed ${kind}` : `${dir === 'out' ? 'Outgoing' : 'Incoming'} ${kind}`;
    const how = seconds > 0 ? duration(seconds) : missed ? '' : END[end] ?? '';
    return make('li', {}, make('button', {class: missed ? 'entry missed' : 'entry',
                                          onclick: () => this.on.open(peer)},
                               face(peer),
                               make('span', {class: 'entry-text'}, make('b', {text: peer}),
                                    make('small', {}, icon(missed ? 'in' : dir), make('span', {
                                      text: how ? `${what} · ${how}` : what}))),
                               make('span', {class: 'entry-side'}, make('time', {text: when(at)}))));
  }

  render() {
    const list = by('history-list');
    list.replaceChildren(...this.calls.map(call => this.row(call)));
    by('history-empty').hidden = this.calls.length > 0;
    by('history-more').hidden = !this.more;
    const seen = Number(localStorage.getItem(this.place) ?? 0);
    const missed = this.calls.filter(call => call.missed && call.at > seen).length;
    by('missed').hidden = !missed;
    by('missed').replaceChildren(String(missed), make('span', {class: 'hidden', text: ' missed calls'}));
  }
}
