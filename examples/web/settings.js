/* settings.js - who can call me, privacy, devices. A change is sent at once, and what the service answers is
 * what is shown.
 * SPDX-License-Identifier: MIT */
import {by, make, setText, toast} from './dom.js';
import {errorWords, when} from './words.js';

const WORDS = [['accept_calls_from_verified', 'verified accounts'],
               ['accept_calls_from_following', 'people you follow'],
               ['accept_calls_from_addressbook', 'people in your contacts']];

function summary(settings) {
  if (!settings.has_av_calls_enabled)
    return 'Nobody can call you: calls are off.';
  if (settings.accept_calls_from_everyone)
    return 'Everyone who has written to you can call you.';
  const kinds = WORDS.filter(([name]) => settings[name]).map(([, words]) => words);
  if (!kinds.length)
    return 'Nobody can call you.';
  const last = kinds.pop();
  return `Only ${kinds.length ? `${kinds.join(', ')} and ${last}` : last} can call you.`;
}

export class Settings {
  /* on: {signOut()} */
  constructor(service, session, on) {
    Object.assign(this, {service, session, on});
    this.boxes = [...document.querySelectorAll('[data-setting]')];
    for (const box of this.boxes)
      box.onchange = () => this.change(box);
    by('sign-out').onclick = () => on.signOut();
  }

  async load() {
    try {
      this.show(await this.service.request('perm.get'));
      this.devices((await this.service.request('device.list')).devices);
    } catch (error) {
      this.tell(error);
    }
  }

  tell(error) {
    if (error.code !== 'signed_out')
      toast(errorWords(error), true);
  }

  show(settings) {
    this.settings = settings;
    for (const box of this.boxes) {
      box.checked = !!settings[box.dataset.setting];
      box.disabled = false;
    }
    by('s-from').disabled = !settings.has_av_calls_enabled;
    setText(by('s-sum'), summary(settings));
  }

  async change(box) {
    try {
      this.show(await this.service.request('perm.set', {[box.dataset.setting]: box.checked}));
    } catch (error) {
      if (this.settings)
        this.show(this.settings);
      this.tell(error);
    }
  }

  devices(list) {
    by('devices').replaceChildren(...list.map(({dev, device, last, this: here}) => {
      const name = device || `Device ${dev}`;
      return make('li', {}, make('span', {}, make('b', {text: name}), make('small', {
        text: here ? 'This device' : `Last seen ${when(last)}`})),
      here ? null : make('button', {text: 'Sign out', 'aria-label': `Sign out ${name}`,
                                    onclick: () => this.revoke(dev)}));
    }));
  }

  async revoke(dev) {
    try {
      await this.service.request('device.revoke', {dev});
      this.devices((await this.service.request('device.list')).devices);
      by('settings-title').focus();
    } catch (error) {
      this.tell(error);
    }
  }
}
