/* words.js - sentences for the service's codes and the ends of calls. The page says no code to anybody.
 * SPDX-License-Identifier: MIT */

const CODES = {
  account_restricted: 'Your account may not place calls at present.',
  already_in_call: 'You are in a call already, perhaps on another device.',
  bad_body: 'The service did not accept the description of this call.',
  bad_call: 'That call is somebody else’s.',
  bad_frame: 'This page and the service do not understand each other. Please load the page again.',
  bad_login: 'The name or the password is wrong.',
  bad_name: 'A name has 1 to 30 characters: a to z, 0 to 9, _ and .',
  bad_password: 'A password has 8 to 128 characters.',
  bad_request: 'The service does not understand this. Please load the page again.',
  bad_token: 'You were signed out. Please sign in again.',
  calls_not_enabled_for_you: 'Calls are not available to you yet.',
  deleted: 'The account is deleted, and everything that was kept of it.',
  displaced: 'This account’s page is open in another tab.',
  ended: 'The call is over.',
  internal: 'Something went wrong in the service. Please try again.',
  key_mismatch: 'This sign-in belongs to another device. Please sign in again.',
  lost_race: 'Another of your devices has answered.',
  message_first: 'Write to them first.',
  message_first_wait: 'They have not written to you yet.',
  name_taken: 'This name is taken.',
  no_connection: 'The service cannot be reached.',
  no_such_account: 'There is nobody of this name.',
  no_such_device: 'There is no such device.',
  not_yours: 'This device takes no part in that call.',
  relay_unavailable: 'This call must go through a relay, and there is none.',
  revoked: 'This device was signed out.',
  self: 'You cannot call yourself.',
  signed_out: 'You are signed out.',
  too_many: 'That is more than is allowed.',
  try_later: 'Too many attempts. Please try again later.',
  unavailable: 'They cannot be called by you now.',
  update_required: 'Please load the page again to place calls: it is too old.',
  you_blocked: 'You have blocked them.',
};

function waitWords(ms) {
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 90)
    return `${seconds} seconds`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 90 ? `${minutes} minutes` : `${Math.ceil(minutes / 60)} hours`;
}

/* body: of the error or the can_call answer, for how long to wait. */
export function codeWords(code, body = {}) {
  if (code === 'try_later' && body?.retry_ms > 0)
    return `Too many attempts. Please try again in ${waitWords(body.retry_ms)}.`;
  return CODES[code] ?? 'The service refused this.';
}

/* Of an Error: the service's, or one of the browser. */
export const errorWords = error => error.code && typeof error.code === 'string'
  ? codeWords(error.code, error.body) : String(error.message ?? error);

/* How a call ended, for this side. own: this person ended it. */
export function endWords(call) {
  const {peer, end, out, wasActive} = {...call, out: call.dir === 'out'};
  const words = {
    hangup: call.own ? 'You hung up.' : `${peer} hung up.`,
    cancelled: out ? 'You cancelled the call.' : `${peer} stopped calling.`,
    declined: out ? `${peer} declined.` : 'You declined.',
    busy: out ? `${peer} is in another call.` : 'You were in another call.',
    no_answer: out ? `${peer} did not answer.` : 'You did not answer.',
    answered_elsewhere: 'Answered on another of your devices.',
    declined_elsewhere: 'Declined on another of your devices.',
    failed_connect: 'The connection failed: no way to each other was found.',
    media_lost: 'The connection was lost.',
    signal_lost: 'The service lost the connection to the call.',
    superseded: 'Another call took its place.',
    unsupported: out ? `${peer}’s devices cannot take this call.` : 'This device cannot take the call.',
    security: 'Ended for your security: the call’s signature did not fit. ' +
      'Somebody may have tried to listen in.',
    relay_unavailable: 'This call must go through a relay, and none can be reached.',
    no_devices: 'The microphone could not be used.',
    restarted: 'The service was restarted, and the call had ended.',
  };
  return words[end] ?? (wasActive ? 'The call is over.' : `${peer} could not be reached.`);
}

export function duration(seconds) {
  const two = number => String(number).padStart(2, '0');
  const hours = Math.floor(seconds / 3600), minutes = Math.floor(seconds / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(Math.floor(seconds) % 60)}`
    : `${minutes}:${two(Math.floor(seconds) % 60)}`;
}

/* 21:05 of today, else with its day. */
export function when(ms) {
  const at = new Date(ms), now = new Date();
  const time = at.toLocaleTimeString([], {hour: '2-digit', minute: '2-digit'});
  return at.toDateString() === now.toDateString() ? time
    : `${at.toLocaleDateString([], {day: 'numeric', month: 'short'})}, ${time}`;
}
