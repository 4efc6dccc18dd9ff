/* people.js - the list of people: who wrote, whom I follow, who is in my contacts, whom I have blocked. Who wrote
 * while no page was open, and what of it is unread, is what the service says (msg.chats, msg.read).
 * SPDX-License-Identifier: MIT */
import {by, face, make, setText, toast} from './dom.js';
import {errorWords, when} from './words.js';

const KINDS = ['follow', 'contact', 'block'];
const KNOWN_MAX = 300;
const UNREAD_MAX = 99; // the service counts no further

const countWords = count => (count < UNREAD_MAX ? String(count) : `${UNREAD_MAX} or more`);

export class People {
  /* on: {open(name), changed(), renewed()}: the list came anew from the service */
  constructor(service, me, on) {
    Object.assign(this, {service, me, on});
    this.sets = {follow: new Set(), contact: new Set(), block: new Set()};
    this.place = `xcall.known.${me}`;
    this.known = this.kept(); // name -> {at, text, unread, msg, read, request}
    by('chats-more').onclick = () => this.earlier();
    by('add-form').onsubmit = event => {
      event.preventDefault();
      this.find();
    };
    this.render();
  }

  kept() {
    try {
      return new Map(Object.entries(JSON.parse(localStorage.getItem(this.place)) ?? {})
        .map(([name, {at, text}]) => [name, {at, text, unread: 0}]));
    } catch {
      return new Map();
    }
  }

  keep() {
    const newest = [...this.known].sort((a, b) => b[1].at - a[1].at).slice(0, KNOWN_MAX);
    localStorage.setItem(this.place, JSON.stringify(Object.fromEntries(newest)));
  }

  clear() {
    localStorage.removeItem(this.place);
    by('people-list').replaceChildren();
    by('waiting').hidden = by('chats-more').hidden = true;
    clearTimeout(this.askAgain);
  }

  get unreadCount() {
    return [...this.known.values()].reduce((sum, {unread}) => sum + (unread ?? 0), 0);
  }

  // --- what the service has --------------------------------------------------------------------------

  async list(kind) {
    const names = new Set();
    for (let after, more = true; more;) {
      const page = await this.service.request(`${kind}.list`, after ? {after} : {});
      page.names.forEach(name => names.add(name));
      after = page.names.at(-1);
      more = page.more && !!after;
    }
    return names;
  }

  async load() {
    const lists = await Promise.all(KINDS.map(kind => this.list(kind)));
    KINDS.forEach((kind, index) => (this.sets[kind] = lists[index]));
    this.render();
  }

  has(kind, name) {
    return this.sets[kind].has(name);
  }

  async bond(kind, name, on) {
    await this.service.request(`${kind}.set`, {who: name, on});
    this.sets[kind][on ? 'add' : 'delete'](name);
    this.render();
  }

  /* Is there somebody of this name? An error says who is not. */
  async find() {
    const name = by('add-name').value.trim().toLowerCase().replace(/^@/, '');
    if (!name)
      return;
    try {
      if (name === this.me)
        throw new Error('That is you.');
      await this.service.request('msg.list', {with: name, limit: 1});
      setText(by('add-error'), '');
      by('add-name').value = '';
      this.touch(name, {});
      this.on.open(name);
    } catch (error) {
      setText(by('add-error'), error.code === 'bad_request' ? 'There is nobody of this name.' : errorWords(error));
      by('add-name').focus();
    }
  }

  // --- who wrote, who was called -----------------------------------------------------------------------

  set(name, {at = 0, text, unread, msg = 0, read, request}) {
    const before = this.known.get(name) ?? {at: 0, unread: 0};
    this.known.set(name, {at: Math.max(before.at ?? 0, at), text: text ?? before.text,
                          unread: unread ?? before.unread, msg: Math.max(before.msg ?? 0, msg),
                          read: read ?? before.read, request: request ?? before.request});
  }

  touch(name, facts) {
    this.set(name, facts);
    this.keep();
    this.render();
  }

  static preview(own, text) {
    return `${own ? 'You: ' : ''}${text}`.slice(0, 120);
  }

  message(name, {msg, from, at, text}, seen) {
    const own = from === this.me, before = this.known.get(name);
    this.touch(name, {at, msg, text: People.preview(own, text), request: own ? false : undefined,
                      unread: (before?.unread ?? 0) + (own ? 0 : 1)});
    if (seen && !own)
      this.read(name);
    else if (!own && !before?.msg) // whether it is the first of all, the service knows
      this.chatsSoon();
  }

  /* What they wrote is read, on my other devices too. */
  read(name) {
    const {unread, msg} = this.known.get(name) ?? {};
    if (!unread)
      return;
    this.touch(name, {unread: 0, read: msg});
    this.service.request('msg.read', msg ? {with: name, msg} : {with: name}).catch(() => this.chatsSoon());
  }

  /* The event: another device has read. */
  readElsewhere(name, msg) {
    const known = this.known.get(name);
    if (known && msg >= (known.msg ?? 0))
      this.touch(name, {unread: 0});
    else
      this.chatsSoon();
  }

  async page(before) {
    const {chats, more} = await this.service.request('msg.chats', before ? {before} : {});
    for (const {peer, msg, at, dir, text, unread, request} of chats) {
      const readNow = (this.known.get(peer)?.read ?? 0) >= msg; // said after this was asked
      this.set(peer, {msg, at, text: People.preview(dir === 'out', text), unread: readNow ? 0 : unread, request});
    }
    this.lowest = chats.at(-1)?.msg;
    by('chats-more').hidden = !more;
    this.keep();
    this.render();
    return chats.map(({peer}) => peer);
  }

  /* The newest conversations. */
  chats() {
    clearTimeout(this.askAgain);
    return this.page();
  }

  chatsSoon() {
    clearTimeout(this.askAgain);
    this.askAgain = setTimeout(() => this.chats().then(() => this.on.renewed()).catch(() => {}), 300);
  }

  async earlier() {
    try {
      const [first] = await this.page(this.lowest);
      if (by('chats-more').hidden && first)
        by('people-list').querySelector(`[data-name="${CSS.escape(first)}"]`)?.focus();
    } catch (error) {
      toast(errorWords(error), true);
    }
  }

  /* In words, for the eye and the ear: who is waiting. */
  waiting() {
    const from = this.names().filter(name => this.known.get(name)?.unread);
    const parts = from.slice(0, 3).map(name => `${countWords(this.known.get(name).unread)} from ${name}`);
    if (from.length > 3)
      parts.push(`more from ${from.length - 3} other${from.length > 4 ? 's' : ''}`);
    by('waiting').hidden = !parts.length;
    setText(by('waiting'), parts.length ? `New messages: ${parts.join(', ')}.` : '');
  }

  // --- the list --------------------------------------------------------------------------------------

  names() {
    const all = new Set([...this.known.keys(), ...this.sets.follow, ...this.sets.contact, ...this.sets.block]);
    all.delete(this.me);
    return [...all].sort((a, b) => (this.known.get(b)?.at ?? 0) - (this.known.get(a)?.at ?? 0) ||
                         a.localeCompare(b));
  }

  row(name) {
    const {at, text, unread, request} = this.known.get(name) ?? {};
    const marks = [...(request ? ['Request'] : []), ...[
      ['follow', 'Following'], ['contact', 'Contact'], ['block', 'Blocked']]
      .filter(([kind]) => this.has(kind, name)).map(([, word]) => word)].join(', ');
    const count = unread ? make('b', {class: 'count', text: `${countWords(unread)} new`}) : null;
    return make('li', {}, make('button', {
      class: unread ? 'entry new' : 'entry', 'data-name': name, onclick: () => this.on.open(name),
      'aria-current': name === this.chosen ? 'true' : undefined}, face(name),
    make('span', {class: 'entry-text'}, make('b', {text: name}),
         make('small', {text: text ?? (marks || 'No messages yet')})),
    make('span', {class: 'entry-side'}, at ? make('time', {text: when(at)}) : null,
         count ?? (text && marks ? make('small', {class: 'marks', text: marks}) : null))));
  }

  choose(name) {
    this.chosen = name;
    this.read(name);
    this.render();
  }

  render() {
    const list = by('people-list');
    const focused = document.activeElement?.closest?.('#people-list button')?.dataset.name;
    list.replaceChildren(...this.names().map(name => this.row(name)));
    if (focused)
      list.querySelector(`[data-name="${CSS.escape(focused)}"]`)?.focus();
    by('people-empty').hidden = list.childElementCount > 0;
    const unread = this.unreadCount;
    by('unread').hidden = !unread;
    this.waiting();
    by('unread').replaceChildren(String(unread), make('span', {class: 'hidden', text: ' new messages'}));
    this.on.changed();
  }
}
