/* dom.js - small helpers. Text goes into the page as text only (textContent); nothing is ever parsed.
 * SPDX-License-Identifier: MIT */

export const by = id => document.getElementById(id);

/* attributes: `text` is the content, names with `on` are handlers, true and false set or leave out. */
export function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'text')
      made.textContent = value;
    else if (name.startsWith('on'))
      made.addEventListener(name.slice(2), value);
    else if (value === true)
      made.setAttribute(name, '');
    else if (value !== false && value !== undefined)
      made.setAttribute(name, value);
  }
  made.append(...children.filter(child => child));
  return made;
}

export function icon(name) {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg'), use = document.createElementNS(space, 'use');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  use.setAttribute('href', `#i-${name}`);
  svg.append(use);
  return svg;
}

/* A round letter; its colour says nothing that the name does not. */
export function face(name, size = '') {
  const sum = [...name].reduce((total, letter) => (total * 31 + letter.codePointAt(0)) % 6007, 7);
  return make('span', {class: `face ${size} face-${sum % 6}`, 'aria-hidden': 'true',
                       text: name.slice(0, 1).toUpperCase()});
}

export function setText(element, text) {
  if (element.textContent !== text)
    element.textContent = text;
}

/* A short word in the corner, read out too. bad: it stays longer, and interrupts. */
export function toast(text, bad = false) {
  const line = make('p', {class: bad ? 'toast bad' : 'toast', text});
  const place = by(bad ? 'alerts' : 'toasts');
  [...place.children].find(shown => shown.textContent === text)?.remove();
  place.append(line);
  while (place.childElementCount > 3)
    place.firstElementChild.remove();
  setTimeout(() => line.remove(), bad ? 9000 : 4500);
}
