/* people.js - the list of people: whom I follow, who is in my contacts, who wrote, whom I have blocked.
 * SPDX-License-Identifier: MIT */
import {by, face, make, setText} from './dom.js';
import {errorWords, when} from './words.js';

const KINDS = ['follow', 'contact', 'block'];
const KNOWN_MAX = 300;

export class People {
  /* on: {open(name), changed()} */
  constructor(service, me, on) {
    Object.assign(this, {service, me, on});
    this.sets = {follow: new Set(), contact: new Set(), block: new Set()};
    this.place = `xcall.known.${me}`;
    this.known = this.kept(); // name -> {at, text, unread}
    by('add-form').onsubmit = event => {
      event.preventDefault();
      this.find();
    };
    this.render();
  }

  kept() {
    try {
      return new Map(Object.entries(JSON.parse(localStorage.getItem(this.place)) ?? {}));
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

  touch(name, {at, text, unread}) {
    const before = this.known.get(name) ?? {at: 0, unread: 0};
    this.known.set(name, {at: Math.max(before.at, at ?? 0), text: text ?? before.text,
                          unread: unread === undefined ? before.unread : unread});
    this.keep();
    this.render();
  }

  message(name, {from, at, text}, seen) {
    const before = this.known.get(name)?.unread ?? 0;
    this.touch(name, {at, text: `${from === this.me ? 'You: ' : ''}${text}`.slice(0, 120),
                      unread: from === this.me || seen ? before : before + 1});
  }

  read(name) {
    if (this.known.get(name)?.unread)
      this.touch(name, {unread: 0});
  }

  // --- the list --------------------------------------------------------------------------------------

  names() {
    const all = new Set([...this.known.keys(), ...this.sets.follow, ...this.sets.contact, ...this.sets.block]);
    all.delete(this.me);
    return [...all].sort((a, b) => (this.known.get(b)?.at ?? 0) - (this.known.get(a)?.at ?? 0) ||
                         a.localeCompare(b));
  }

  row(name) {
    const {at, text, unread} = this.known.get(name) ?? {};
    const marks = [['follow', 'Following'], ['contact', 'Contact'], ['block', 'Blocked']]
      .filter(([kind]) => this.has(kind, name)).map(([, word]) => word).join(', ');
    const count = unread ? make('b', {class: 'count', text: String(unread)},
                                make('span', {class: 'hidden', text: ' new messages'})) : null;
    return make('li', {}, make('button', {
      class: 'entry', 'data-name': name, onclick: () => this.on.open(name),
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
    by('unread').replaceChildren(String(unread), make('span', {class: 'hidden', text: ' new messages'}));
    this.on.changed();
  }
}
