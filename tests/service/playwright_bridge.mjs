/* playwright_bridge.mjs FOLDER - Chromium for the tests of the web page, driven by Playwright (FOLDER/node_modules/
 * playwright-core): a line of JSON on stdin {id, do, ...} is a command, one on stdout {id, value} or {id, error}
 * its answer. Commands run beside each other, each answer has its command's id. It ends with its stdin.
 *
 * A target is a selector (the first element counts) or [role, name, options] for getByRole, of which there must be
 * exactly one; options: exact (true), starts, pressed, within (another target).
 * SPDX-License-Identifier: MIT */
import {createRequire} from 'node:module';
import path from 'node:path';
import readline from 'node:readline';

const {chromium} = createRequire(path.resolve(process.argv[2], 'package.json'))('playwright-core');

/* Playwright's own list, which a second --disable-features would replace, and addresses behind .local names. */
const OFF = ['AvoidUnnecessaryBeforeUnloadCheckSync', 'BoundaryEventDispatchTracksNodeRemoval', 'DialMediaRouteProvider',
             'DestroyProfileOnBrowserClose', 'GlobalMediaControls', 'HttpsUpgrades', 'LensOverlay', 'MediaRouter',
             'PaintHolding', 'ThirdPartyStoragePartitioning', 'Translate', 'OptimizationHints',
             'WebRtcHideLocalIpsWithMdns'];
const EVERY_MS = 25;

let browser, last = 0;
const contexts = new Map(), pages = new Map();

function locate(page, target) {
  if (typeof target === 'string')
    return page.locator(target).first();
  const [role, name, {within, starts, exact = true, ...options} = {}] = target;
  const from = within ? locate(page, within) : page;
  if (name === null)
    return from.getByRole(role, options);
  const words = starts ? new RegExp(`^${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`) : name;
  return from.getByRole(role, {name: words, exact: exact && !starts, ...options});
}

function within(promise, timeout, what) {
  let timer;
  const late = new Promise((_, fail) => (timer = setTimeout(() => fail(new Error(`${what}: no answer within ` +
    `${timeout / 1000} s`)), timeout)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/* What stands there as it is read; '' where nothing is. */
async function textOf(page, target) {
  return locate(page, target).evaluateAll(found => found[0]?.innerText ?? '');
}

async function waitText(page, target, words, timeout) {
  const until = Date.now() + timeout;
  for (;;) {
    const text = await textOf(page, target);
    if (text.includes(words))
      return true;
    if (Date.now() > until)
      throw new Error(`it says ${JSON.stringify(text)}, not ${JSON.stringify(words)}, after ${timeout / 1000} s`);
    await new Promise(done => setTimeout(done, EVERY_MS));
  }
}

/* Chromium's own accessibility tree, which screen readers get: [role, name] of each node. */
async function accessibilityTree(page) {
  const session = await page.context().newCDPSession(page);
  try {
    const {nodes} = await session.send('Accessibility.getFullAXTree');
    return nodes.filter(node => !node.ignored).map(node => [node.role?.value, node.name?.value?.trim() ?? '']);
  } finally {
    await session.detach();
  }
}

const withBrowser = {
  async launch({executable, args}) {
    browser = await chromium.launch({
      executablePath: executable, headless: true, chromiumSandbox: false, timeout: 60000,
      args: [...args, `--disable-features=${OFF.join(',')}`]});
    return browser.version();
  },
  async context({script, options}) {
    const context = await browser.newContext(options);
    await context.addInitScript(script);
    contexts.set(++last, context);
    return last;
  },
  async open({context}) {
    const page = await contexts.get(context).newPage();
    pages.set(++last, page);
    // In a call the page asks before it goes: yes.
    page.on('dialog', dialog => dialog.accept().catch(() => {}));
    return last;
  },
  async close_context({context}) {
    await contexts.get(context)?.close();
    contexts.delete(context);
  },
  async close() {
    await browser?.close();
  },
};

/* A browser that starts in a network just made learns of its links while it loads the first page. */
async function visit(page, url, timeout) {
  for (let left = 3;; left--)
    try {
      return await page.goto(url, {waitUntil: 'load', timeout});
    } catch (error) {
      if (!left || !String(error).includes('ERR_NETWORK_CHANGED'))
        throw error;
    }
}

const withPage = {
  go: (page, {url, timeout}) => visit(page, url, timeout),
  reload: (page, {timeout}) => page.reload({waitUntil: 'load', timeout}),
  size: (page, {width, height}) => page.setViewportSize({width, height}),
  media: (page, {media}) => page.emulateMedia(media),
  before: (page, {script}) => page.addInitScript(script),
  evaluate: (page, {expression, timeout}) => within(page.evaluate(expression), timeout, expression.slice(0, 100)),
  screenshot: (page, {path: file, timeout}) => page.screenshot({path: file, timeout}),
  shut: page => page.close({runBeforeUnload: false}),
  snapshot: page => page.locator('body').ariaSnapshot(),
  tree: accessibilityTree,
  // what a person does: each waits until the target is there, shown, still, enabled and not covered
  click: (page, {target, timeout}) => locate(page, target).click({timeout}),
  check: (page, {target, on, timeout}) => locate(page, target).setChecked(on, {timeout}),
  choose: (page, {target, option, timeout}) => locate(page, target).selectOption(option, {timeout}),
  fill: (page, {target, text, timeout}) => locate(page, target).fill(text, {timeout}),
  press: (page, {key}) => page.keyboard.press(key),
  type: (page, {text}) => page.keyboard.type(text),
  // what a person sees
  seen: (page, {target}) => locate(page, target).isVisible(),
  count: (page, {target}) => locate(page, target).count(),
  text: (page, {target}) => textOf(page, target),
  wait: (page, {target, state, timeout}) => locate(page, target).waitFor({state, timeout}),
  wait_text: (page, {target, words, timeout}) => waitText(page, target, words, timeout),
};

async function answer({id, do: name, page, ...rest}) {
  try {
    const value = page === undefined ? await withBrowser[name](rest) : await withPage[name](pages.get(page), rest);
    const plain = ['go', 'reload', 'screenshot'].includes(name) ? null : value ?? null;
    return {id, value: plain};
  } catch (error) {
    return {id, error: String(error?.message ?? error).replace(/\u001b\[\d+m/g, '')};
  }
}

const tell = line => process.stdout.write(`${JSON.stringify(line)}\n`);

readline.createInterface({input: process.stdin}).on('line', async line => {
  tell(await answer(JSON.parse(line)));
}).on('close', async () => {
  await browser?.close().catch(() => {});
  process.exit(0);
});
