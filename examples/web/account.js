/* account.js - what the service keeps about this account as a file to download, and the account's end.
 * SPDX-License-Identifier: MIT */
import {by, make, setText} from './dom.js';
import {errorWords} from './words.js';

const FAST_PARTS = 200, SLOW_MS = 200; // a device may ask for ten parts a second in the long run

const pause = ms => new Promise(done => setTimeout(done, ms));

/* Adds a part's rows: a long message comes in pieces, which are one text again here. */
export function addPart(all, part) {
  for (const [kind, rows] of Object.entries(part)) {
    const list = all[kind] ??= [];
    for (const {piece, ...row} of rows) {
      const last = list.at(-1);
      if (piece > 1 && last?.msg === row.msg)
        last.text += row.text;
      else
        list.push(row);
    }
  }
}

export class Account {
  /* on: {deleted()} */
  constructor(service, session, on) {
    Object.assign(this, {service, session, on});
    setText(by('export-state'), '');
    by('export').onclick = () => this.export();
    by('delete-open').onclick = () => this.ask();
    by('delete-cancel').onclick = () => this.close();
    by('delete').onclose = () => (by('delete-password').value = '');
    by('delete-form').onsubmit = event => {
      event.preventDefault();
      this.delete();
    };
  }

  // --- my data -----------------------------------------------------------------------------------------

  async collect() {
    const all = {};
    for (let after, parts = 1; ; parts++) {
      const {part, next} = await this.service.request('account.export', after ? {after} : {});
      addPart(all, part);
      if (!next)
        return all;
      after = next;
      setText(by('export-state'), `Collecting: ${parts} parts.`);
      if (parts > FAST_PARTS)
        await pause(SLOW_MS);
    }
  }

  async export() {
    if (this.busy)
      return;
    this.busy = true;
    setText(by('export-state'), 'Collecting.');
    try {
      const data = {service: location.host, account: this.session.name, exported: new Date().toISOString(),
                    data: await this.collect()};
      const blob = new Blob([`${JSON.stringify(data, null, 1)}\n`], {type: 'application/json'});
      const url = URL.createObjectURL(blob);
      const name = `xcall-${this.session.name}-${data.exported.slice(0, 10)}.json`;
      make('a', {href: url, download: name}).click();
      setTimeout(() => URL.revokeObjectURL(url), 60000);
      setText(by('export-state'), `Saved as ${name}.`);
    } catch (error) {
      setText(by('export-state'), error.code === 'signed_out' ? '' : errorWords(error));
    }
    this.busy = false;
  }

  // --- the end -----------------------------------------------------------------------------------------

  ask() {
    by('delete-name').value = this.session.name;
    by('delete-password').value = '';
    setText(by('delete-error'), '');
    by('delete-go').disabled = false;
    by('delete').showModal();
    by('delete-password').focus();
  }

  close() {
    by('delete').close();
  }

  async delete() {
    const password = by('delete-password').value;
    setText(by('delete-error'), '');
    by('delete-go').disabled = true;
    try {
      await this.service.request('account.delete', password ? {password} : {});
    } catch (error) {
      if (error.code === 'signed_out')
        return;
      setText(by('delete-error'), error.code === 'bad_password' ? 'The password is wrong.'
        : error.code === 'bad_request' ? 'Please enter the password.' : errorWords(error));
      by('delete-go').disabled = false;
      by('delete-password').focus();
      return;
    }
    this.close();
    this.on.deleted();
  }
}
