/* signin.js - creating an account, signing in, and where the token is kept: localStorage when the person wants
 * to stay signed in, else for this tab only.
 * SPDX-License-Identifier: MIT */
import {by, setText} from './dom.js';
import {signIn} from './service.js';
import {errorWords} from './words.js';

const PLACE = 'xcall.session';

/* {name, dev, token}, or null. */
export function keptSession() {
  for (const store of [sessionStorage, localStorage]) {
    try {
      const kept = JSON.parse(store.getItem(PLACE));
      if (kept?.token)
        return kept;
    } catch {
      store.removeItem(PLACE);
    }
  }
  return null;
}

export function forgetSession() {
  sessionStorage.removeItem(PLACE);
  localStorage.removeItem(PLACE);
}

function deviceName() {
  const agent = navigator.userAgent;
  const browser = [['Edg/', 'Edge'], ['Firefox/', 'Firefox'], ['Chrome/', 'Chrome'],
                   ['Safari/', 'Safari']].find(([mark]) => agent.includes(mark))?.[1] ?? 'Browser';
  const system = [['Android', 'Android'], ['iPhone', 'iPhone'], ['Windows', 'Windows'], ['Mac OS', 'Mac'],
                  ['Linux', 'Linux']].find(([mark]) => agent.includes(mark))?.[1];
  return system ? `${browser} on ${system}` : browser;
}

export class SignIn {
  /* on: {signedIn({name, dev, token})} */
  constructor(on) {
    this.on = on;
    by('tab-in').onclick = () => this.choose(false);
    by('tab-new').onclick = () => this.choose(true);
    by('signin-form').onsubmit = event => {
      event.preventDefault();
      this.submit();
    };
  }

  choose(creating) {
    this.creating = creating;
    by('tab-in').setAttribute('aria-pressed', String(!creating));
    by('tab-new').setAttribute('aria-pressed', String(creating));
    setText(by('signin-go'), creating ? 'Create account' : 'Sign in');
    by('password').autocomplete = creating ? 'new-password' : 'current-password';
    by('name-help').hidden = by('password-help').hidden = !creating;
    setText(by('signin-error'), '');
  }

  /* words: why one is here; blocked: why nothing goes here at all. */
  open(words, blocked = null) {
    this.choose(false);
    by('password').value = '';
    setText(by('signin-why'), blocked ?? words);
    by('signin-why').hidden = !(blocked ?? words);
    for (const control of by('signin-form').querySelectorAll('input, button'))
      control.disabled = !!blocked;
    if (!blocked)
      by('name').focus();
  }

  problem() {
    const name = by('name').value.trim().toLowerCase(), password = by('password').value;
    if (!/^[a-z0-9_.]{1,30}$/.test(name))
      return ['name', 'A name has 1 to 30 characters: a to z, 0 to 9, _ and .'];
    const bytes = new TextEncoder().encode(password).length;
    if (bytes < 8 || bytes > 128)
      return ['password', 'A password has 8 to 128 characters.'];
    return null;
  }

  async submit() {
    const problem = this.problem();
    setText(by('signin-error'), problem?.[1] ?? '');
    for (const id of ['name', 'password'])
      by(id).setAttribute('aria-invalid', String(problem?.[0] === id));
    if (problem) {
      by(problem[0]).focus();
      return;
    }
    const name = by('name').value.trim().toLowerCase();
    by('signin-go').disabled = true;
    try {
      const answer = await signIn(this.creating ? 'account.create' : 'account.sign_in', {
        name, password: by('password').value, device: deviceName()});
      const session = {name, dev: answer.dev, token: answer.token};
      forgetSession();
      (by('keep').checked ? localStorage : sessionStorage).setItem(PLACE, JSON.stringify(session));
      by('password').value = '';
      this.on.signedIn(session);
    } catch (error) {
      setText(by('signin-error'), errorWords(error));
      by('name').focus();
    } finally {
      by('signin-go').disabled = false;
    }
  }
}
