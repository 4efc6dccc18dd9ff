/* main.js - the page's parts put together: who is signed in, what is shown, what comes from the service.
 * SPDX-License-Identifier: MIT */
import {Account} from './account.js';
import {Calls} from './calls.js';
import {CallView} from './callview.js';
import {by, setText, toast} from './dom.js';
import {History} from './history.js';
import {DeviceKey, whyNoKeys} from './keys.js';
import {People} from './people.js';
import {Person} from './person.js';
import {Service} from './service.js';
import {Settings} from './settings.js';
import {forgetSession, keptSession, SignIn} from './signin.js';
import {codeWords} from './words.js';

const LINK = {connecting: 'Connecting', online: 'Online', offline: 'No connection', displaced: 'In another tab',
              signed_out: 'Signed out'};
const TITLE = 'xcall';

const app = {service: null, calls: null, session: null, view: 'people'};

// --- what is shown ---------------------------------------------------------------------------------

function show(place) {
  for (const id of ['signin', 'home', 'displaced'])
    by(id).hidden = id !== place;
}

/* The parts of the home screen; on a wide window the list stays beside the pane. */
function go(view, focus = true) {
  app.view = view;
  by('home').dataset.view = view;
  for (const name of ['people', 'history', 'settings']) {
    const current = name === view || (name === 'people' && view === 'person');
    by(`nav-${name}`).toggleAttribute('aria-current', false);
    if (current)
      by(`nav-${name}`).setAttribute('aria-current', 'page');
  }
  if (view === 'history')
    app.history.renew();
  else if (view === 'settings')
    app.settings.load();
  if (focus)
    by({people: 'people-title', history: 'history-title', settings: 'settings-title',
        person: 'person-name'}[view]).focus();
}

function openPerson(name) {
  app.person.open(name);
  go('person');
}

/* The window's title says what waits, also where the page is not seen. */
function retitle() {
  const ringing = app.callView.ringing;
  const waiting = app.people?.unreadCount ?? 0;
  const base = waiting ? `(${waiting}) ${TITLE}` : TITLE;
  document.title = ringing ? (app.flash = !app.flash) ? `☎ ${ringing} is calling` : `${base}` : base;
}

// --- the session -----------------------------------------------------------------------------------

function linkState(state, code) {
  by('link').dataset.state = state;
  setText(by('link'), LINK[state]);
  if (state === 'online') {
    show('home');
    if (!app.loaded)
      load();
    else if (!app.service.welcomed.resume)
      catchUp();
  } else if (state === 'displaced') {
    show('displaced');
    by('displaced-title').focus();
  } else if (state === 'signed_out') {
    signedOut(code);
  }
}

async function load() {
  app.loaded = true;
  try {
    await app.people.load();
    await app.people.chats();
    app.person.showRequest();
    await app.history.load();
  } catch (error) {
    app.loaded = false;
    toast(codeWords(error.code), true);
  }
}

/* After a time without events: what came meanwhile. */
function catchUp() {
  app.person.refresh();
  app.people.chats().then(renewed).catch(() => {});
  app.history.load().catch(() => {});
}

/* What is on the screen is read. */
function renewed() {
  app.person?.showRequest();
  if (app.view === 'person' && document.hasFocus())
    app.people?.read(app.person.name);
}

/* One tab at a time is in a call: another that is opened meanwhile leaves it alone. */
const callLock = name => `xcall.call.${name}`;

async function callElsewhere(name) {
  const {held} = await navigator.locks.query();
  return held.some(lock => lock.name === callLock(name));
}

function lockCall(busy) {
  if (busy && !app.unlock) {
    const over = new Promise(done => (app.unlock = done));
    navigator.locks.request(callLock(app.session.name), () => over);
  } else if (!busy) {
    app.unlock?.();
    app.unlock = null;
  }
}

async function start(session) {
  const key = await DeviceKey.of(session.name, session.dev);
  app.session = session;
  app.loaded = false;
  const service = app.service = new Service(session, key, {
    state: linkState, event: eventOf,
    sync: (calls, restarted) => app.calls.sync(calls, restarted)});
  app.calls = new Calls(service, session, key, {
    changed: call => callChanged(call), notice: text => toast(text)});
  app.people = new People(service, session.name, {open: openPerson, changed: retitle, renewed});
  app.person = new Person(service, session.name, app.people, {
    call: video => place(app.person.name, video), back: () => go('people')});
  app.history = new History(service, app.people, {open: openPerson});
  app.settings = new Settings(service, session, {signOut});
  app.account = new Account(service, session, {deleted});
  setText(by('who'), session.name);
  setText(by('account-name'), session.name);
  go('people', false);
  if (await callElsewhere(session.name)) {
    linkState('displaced');
    return;
  }
  show('home');
  service.connect();
}

function signedOut(code) {
  const {name, dev} = app.session ?? {};
  app.calls?.current?.finish('signal_lost');
  app.callView.close();
  forgetSession();
  if (name)
    DeviceKey.forget(name, dev).catch(() => {});
  app.account?.close();
  app.people?.clear();
  app.person?.clear();
  app.history?.clear();
  app.service = app.calls = app.session = app.people = null;
  setText(by('link'), LINK.signed_out);
  retitle();
  show('signin');
  app.signIn.open(code === 'signed_out' ? '' : codeWords(code));
}

async function signOut() {
  const service = app.service;
  await app.calls.close();
  try {
    await Promise.race([service.request('account.sign_out'),
                        new Promise(done => setTimeout(done, 3000))]);
  } catch {
    // it is over here in any case
  }
  if (app.service === service) {
    service.end();
    signedOut('signed_out');
  }
}

/* The service has deleted it and lets go of the connection. */
function deleted() {
  app.calls.close();
  app.service.end();
  signedOut('deleted');
}

// --- what comes ------------------------------------------------------------------------------------

function eventOf(frame) {
  if (frame.t === 'msg.new') {
    const other = frame.b.from === app.session.name ? frame.b.to : frame.b.from;
    const seen = app.view === 'person' && app.person.name === other && document.hasFocus();
    app.people.message(other, frame.b, seen);
    app.person.message(other, frame.b);
    if (!seen && frame.b.from !== app.session.name)
      toast(`${frame.b.from}: ${frame.b.text.slice(0, 80)}`);
  } else if (frame.t === 'msg.read') {
    app.people.readElsewhere(frame.b.with, frame.b.msg);
  } else {
    app.calls.event(frame);
  }
}

function callChanged(call) {
  app.callView.show(call);
  lockCall(!call.over);
  retitle();
  if (call.over) {
    app.history.load().catch(() => {});
    app.person.ask();
  }
}

function place(name, video) {
  if (!app.calls.place(name, video))
    toast('You are in a call already.', true);
}

// --- the beginning ---------------------------------------------------------------------------------

function listen() {
  by('nav-people').onclick = () => go('people');
  by('nav-history').onclick = () => go('history');
  by('nav-settings').onclick = () => go('settings');
  by('use-here').onclick = () => app.service?.connect();
  addEventListener('focus', () => app.view === 'person' && app.people?.read(app.person.name));
  addEventListener('beforeunload', event => {
    if (app.calls?.busy && app.calls.current.wasActive)
      event.preventDefault();
  });
  setInterval(() => (app.callView.ringing || document.title.startsWith('☎')) && retitle(), 900);
}

async function main() {
  app.callView = new CallView({
    accept: (call, video) => app.calls.accept(call, video),
    again: call => place(call.peer, call.video),
    write: call => {
      openPerson(call.peer);
      by('message-text').focus();
    },
    closed: () => by('home').hidden || by(app.view === 'person' ? 'person-name' : `${app.view}-title`).focus(),
  });
  app.signIn = new SignIn({signedIn: session => start(session)});
  listen();
  const why = await whyNoKeys();
  const session = keptSession();
  if (why || !session) {
    show('signin');
    app.signIn.open('', why);
    return;
  }
  await start(session);
}

main().catch(error => {
  show('signin');
  app.signIn.open('', `This page could not start: ${error.message}`);
});
