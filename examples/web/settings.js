/* settings.js - who can call me, privacy, quiet hours, devices. A change is sent at once, and what the service answers is
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

const QUIET = {from: '22:00', to: '07:00'};
const zoneHere = () => -new Date().getTimezoneOffset() || 0;

/* UTC+05:30 */
function zoneWords(minutes) {
  const two = number => String(number).padStart(2, '0'), size = Math.abs(minutes);
  return `UTC${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

function quietWords(quiet) {
  if (!quiet)
    return 'Calls ring at any hour.';
  const other = quiet.zone_min === zoneHere() ? ''
    : ` This device’s clock is at ${zoneWords(zoneHere())}: save the hours again to go by it.`;
  return `Calls do not ring from ${quiet.from} to ${quiet.to}, ${zoneWords(quiet.zone_min)}.${other}`;
}

export class Settings {
  /* on: {signOut()} */
  constructor(service, session, on) {
    Object.assign(this, {service, session, on});
    this.boxes = [...document.querySelectorAll('[data-setting]')];
    for (const box of this.boxes)
      box.onchange = () => this.change(box);
    by('s-quiet').onchange = () => this.quiet(by('s-quiet').checked);
    by('quiet-form').onsubmit = event => {
      event.preventDefault();
      if (by('s-quiet').checked)
        this.quiet(true);
    };
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
    const quiet = settings.quiet;
    by('s-quiet').checked = !!quiet;
    by('quiet-hours').hidden = !quiet;
    by('quiet-from').value = (quiet ?? QUIET).from;
    by('quiet-to').value = (quiet ?? QUIET).to;
    setText(by('quiet-error'), '');
    setText(by('quiet-sum'), quietWords(quiet));
  }

  /* on, with the hours of the two fields, in the time zone of this device. */
  async quiet(on) {
    const from = by('quiet-from').value.slice(0, 5), to = by('quiet-to').value.slice(0, 5);
    const problem = !on ? '' : !from || !to ? 'Both times are needed.'
      : from === to ? 'The two times are the same.' : '';
    setText(by('quiet-error'), problem);
    if (problem) {
      by(from ? 'quiet-to' : 'quiet-from').focus();
      return;
    }
    try {
      this.show(await this.service.request('perm.set', {
        quiet: on ? {from, to, zone_min: zoneHere()} : null}));
    } catch (error) {
      if (this.settings)
        this.show(this.settings);
      this.tell(error);
    }
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
