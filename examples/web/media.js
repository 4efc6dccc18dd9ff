/* media.js - where sound and pictures come from: devices, or (?source=test) a chord and a drawn picture.
 * SPDX-License-Identifier: MIT */

const PICTURE = {width: {ideal: 640}, height: {ideal: 360}, frameRate: {ideal: 30}};
const test = new URLSearchParams(location.search).get('source') === 'test';

let context = null;

export function audioContext() {
  context ??= new AudioContext();
  context.resume().catch(() => {});
  return context;
}

export function whyNot(error) {
  if (!navigator.mediaDevices)
    return 'this page’s address is not secure';
  return {NotAllowedError: 'permission was not given', NotFoundError: 'there is none',
          NotReadableError: 'another program uses it',
          AbortError: 'it did not start'}[error.name] ?? String(error.message);
}

/* A picture that says that it is one, with a clock, so that delay can be seen. */
function drawnPicture() {
  const canvas = document.createElement('canvas');
  canvas.width = 640;
  canvas.height = 360;
  const pen = canvas.getContext('2d');
  let drawn = 0;
  const draw = () => {
    const turn = drawn++ / 60;
    const ground = pen.createLinearGradient(0, 0, 640, 360);
    ground.addColorStop(0, `hsl(${(turn * 40) % 360} 55% 32%)`);
    ground.addColorStop(1, `hsl(${(turn * 40 + 90) % 360} 60% 55%)`);
    pen.fillStyle = ground;
    pen.fillRect(0, 0, 640, 360);
    pen.fillStyle = 'rgb(255 255 255 / 0.85)';
    pen.beginPath();
    pen.arc(320 + 210 * Math.cos(turn * 2), 180 + 90 * Math.sin(turn * 3), 34, 0, 7);
    pen.fill();
    pen.font = '600 34px sans-serif';
    pen.textAlign = 'center';
    pen.fillText('test picture', 320, 60);
    pen.fillText(new Date().toISOString().slice(11, 23), 320, 330);
  };
  draw();
  const timer = setInterval(draw, 1000 / 30);
  const track = canvas.captureStream(30).getVideoTracks()[0];
  return {track, stop: () => {
    clearInterval(timer);
    track.stop();
  }};
}

/* A chord that comes and goes; level 0: silence. */
function playedSound(level) {
  const sound = audioContext();
  const to = sound.createMediaStreamDestination(), gain = sound.createGain();
  gain.gain.value = level;
  gain.connect(to);
  const voices = [220, 277.2, 329.6].map(hz => {
    const voice = sound.createOscillator();
    voice.frequency.value = hz;
    voice.connect(gain);
    voice.start();
    return voice;
  });
  const track = to.stream.getAudioTracks()[0];
  return {track, stop: () => {
    voices.forEach(voice => voice.stop());
    track.stop();
  }};
}

async function opened(constraints) {
  if (!navigator.mediaDevices)
    throw new DOMException('insecure', 'SecurityError');
  const stream = await navigator.mediaDevices.getUserMedia(constraints);
  const track = stream.getTracks()[0];
  return {track, real: true, stop: () => track.stop()};
}

/* {track, stop}; without a microphone it is silence, and `why` says so. */
export async function microphone() {
  if (test)
    return playedSound(0.1);
  try {
    return await opened({audio: true});
  } catch (error) {
    return {...playedSound(0), why: whyNot(error)};
  }
}

/* {track, real, stop}; throws where there is none. */
export const camera = async () => test ? drawnPicture() : opened({video: PICTURE});

export async function screen() {
  if (test)
    return drawnPicture();
  const stream = await navigator.mediaDevices.getDisplayMedia({video: true});
  const track = stream.getVideoTracks()[0];
  track.contentHint = 'detail'; // text stays sharp: fewer frames rather than fewer pixels
  return {track, stop: () => track.stop()};
}

export const canShareScreen = () => test || !!navigator.mediaDevices?.getDisplayMedia;

/* Two soft tones every other second until it is stopped. */
export function ringTone() {
  const sound = audioContext(), gain = sound.createGain();
  gain.gain.value = 0;
  gain.connect(sound.destination);
  const voices = [440, 554.4].map(hz => {
    const voice = sound.createOscillator();
    voice.frequency.value = hz;
    voice.connect(gain);
    voice.start();
    return voice;
  });
  const ring = () => {
    const at = sound.currentTime;
    gain.gain.setTargetAtTime(0.08, at, 0.03);
    gain.gain.setTargetAtTime(0, at + 0.7, 0.06);
  };
  ring();
  const timer = setInterval(ring, 2000);
  return () => {
    clearInterval(timer);
    voices.forEach(voice => voice.stop());
    gain.disconnect();
  };
}
