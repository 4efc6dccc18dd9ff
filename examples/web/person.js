/* person.js - one person: messages, the bonds with them, and whether they can be called now, in words.
 * SPDX-License-Identifier: MIT */
import {by, face, make, setText, toast} from './dom.js';
import {People} from './people.js';
import {codeWords, errorWords, when} from './words.js';

const PAGE = 30;
const BONDS = {follow: ['Follow', 'Following'], contact: ['Add to contacts', 'In contacts'],
               block: ['Block', 'Blocked']};

export class Person {
  /* on: {call(video), back()} */
  constructor(service, me, people, on) {
    Object.assign(this, {service, me, people, on});
    this.name = null;
    by('call-audio').onclick = () => on.call(false);
    by('call-video').onclick = () => on.call(true);
    by('person-back').onclick = () => on.back();
    by('older').onclick = () => this.older();
    by('message-form').onsubmit = event => {
      event.preventDefault();
      this.send();
    };
    by('report-open').onclick = () => this.openReport();
    by('report-cancel').onclick = () => by('report').close();
    by('report-form').onsubmit = () => this.report();
    by('request-accept').onclick = () => this.accept();
    for (const kind of Object.keys(BONDS))
      by(`bond-${kind}`).onclick = () => this.bond(kind);
  }

  clear() {
    this.name = null;
    by('person-body').hidden = true;
    by('nobody').hidden = false;
    by('messages').replaceChildren();
  }

  open(name) {
    this.people.choose(name);
    if (this.name !== name) {
      this.name = name;
      by('messages').replaceChildren();
      this.shown = new Set();
      by('message-text').value = '';
      by('older').hidden = true;
    }
    by('person-body').hidden = false;
    by('nobody').hidden = true;
    by('person-face').replaceChildren(face(name, 'small'));
    setText(by('person-name'), name);
    this.bonds();
    this.showRequest();
    this.load().catch(error => this.tell(error));
    this.ask();
  }

  tell(error) {
    if (error.code !== 'signed_out')
      toast(errorWords(error), true);
  }

  /* What may have changed while there was no connection. */
  refresh() {
    if (!this.name)
      return;
    this.load().catch(error => this.tell(error));
    this.ask();
  }

  // --- may I call? -----------------------------------------------------------------------------------

  /* What a call would say now; the buttons stay, so that one can try. */
  async ask() {
    const name = this.name;
    if (!name)
      return;
    clearTimeout(this.askAgain);
    let answer;
    try {
      answer = await this.service.request('can_call', {to: name, media: 'a'});
    } catch (error) {
      answer = {can: false, code: error.code, retry_ms: error.body?.retry_ms};
    }
    if (name !== this.name)
      return;
    const words = answer.can ? `You can call ${name}.` : codeWords(answer.code, answer);
    by('can-call').dataset.can = answer.can ? 'yes' : 'no';
    setText(by('can-call'), words);
    for (const id of ['call-audio', 'call-video'])
      by(id).dataset.can = answer.can ? 'yes' : 'no';
  }

  askSoon() {
    clearTimeout(this.askAgain);
    this.askAgain = setTimeout(() => this.ask(), 400);
  }

  // --- bonds -----------------------------------------------------------------------------------------

  bonds() {
    for (const [kind, words] of Object.entries(BONDS)) {
      const on = this.people.has(kind, this.name);
      by(`bond-${kind}`).setAttribute('aria-pressed', String(on));
      setText(by(`bond-${kind}`), words[on ? 1 : 0]);
    }
  }

  async bond(kind) {
    const name = this.name, on = !this.people.has(kind, name);
    try {
      await this.people.bond(kind, name, on);
    } catch (error) {
      this.tell(error);
    }
    if (name === this.name) {
      this.bonds();
      this.askSoon();
    }
  }

  // --- the first message of somebody -----------------------------------------------------------------

  showRequest() {
    const waits = !!this.name && !!this.people.known.get(this.name)?.request;
    if (!waits && by('request').contains(document.activeElement))
      by('person-name').focus();
    by('request').hidden = !waits;
    setText(by('request-what'), waits ? `You have not answered ${this.name} yet. Accept, and they may call you ` +
      'where your settings let them.' : '');
  }

  async accept() {
    const name = this.name;
    try {
      await this.service.request('msg.accept', {from: name});
      this.people.touch(name, {request: false});
    } catch (error) {
      this.tell(error);
    }
    this.showRequest();
    this.askSoon();
  }

  openReport() {
    setText(by('report-title'), `Report ${this.name}`);
    by('report-text').value = '';
    by('report').showModal();
    by('report-why').focus();
  }

  /* The form closes its dialog by itself; focus goes back to the button. */
  async report() {
    const text = by('report-text').value.trim();
    try {
      await this.service.request('account.report', {who: this.name, why: by('report-why').value,
                                                    ...(text ? {text} : {})});
      toast('Thank you. The people who run this service will look at it.');
    } catch (error) {
      this.tell(error);
    }
  }

  // --- messages --------------------------------------------------------------------------------------

  line({msg, from, at, text}) {
    const own = from === this.me;
    return make('li', {class: own ? 'own' : 'theirs', 'data-msg': String(msg)},
                make('span', {class: 'hidden', text: own ? 'You: ' : `${from}: `}),
                make('p', {text}), make('time', {text: when(at)}));
  }

  add(message, first = false) {
    if (this.shown.has(message.msg))
      return;
    this.shown.add(message.msg);
    const list = by('messages');
    const line = this.line(message);
    if (first)
      list.prepend(line);
    else
      list.append(line);
  }

  async load() {
    const name = this.name;
    const {messages} = await this.service.request('msg.list', {with: name, limit: PAGE});
    if (name !== this.name)
      return;
    const fresh = messages.filter(message => !this.shown.has(message.msg));
    if (this.shown.size === 0)
      by('older').hidden = messages.length === 0 || messages.length < PAGE;
    for (const message of [...fresh].reverse())
      this.add(message);
    if (messages[0])
      this.people.touch(name, {at: messages[0].at, msg: messages[0].msg, text:
        People.preview(messages[0].from === this.me, messages[0].text)});
    by('messages').scrollTop = by('messages').scrollHeight;
  }

  async older() {
    const name = this.name, before = Math.min(...this.shown);
    try {
      const {messages} = await this.service.request('msg.list', {with: name, limit: PAGE, before});
      if (name !== this.name)
        return;
      messages.forEach(message => this.add(message, true));
      by('older').hidden = messages.length === 0;
    } catch (error) {
      this.tell(error);
    }
  }

  /* The event of another's message, or of one of mine from another device. */
  message(other, message) {
    if (other !== this.name)
      return;
    this.add(message);
    by('messages').scrollTop = by('messages').scrollHeight;
    this.showRequest();
    this.askSoon();
  }

  async send() {
    const field = by('message-text'), text = field.value.trim(), to = this.name;
    if (!text)
      return;
    field.value = '';
    try {
      const {msg, at} = await this.service.request('msg.send', {to, text});
      const message = {msg, at, from: this.me, text};
      this.people.message(to, message, true);
      this.message(to, message);
    } catch (error) {
      if (!field.value && to === this.name)
        field.value = text;
      this.tell(error);
    }
  }
}
