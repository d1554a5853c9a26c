// Runs plans of the OpenID Foundation's conformance suite by its HTTP API, and
// does in headless Chromium what the suite asks a person to do.
//
//   node run.mjs SETTINGS      (JSON; tests/suite_conformance.rs has them)
//
// Prints a line a module and a table of all, and writes the table to a file.
// Fails where a module failed or did not end.
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { createRequire } from 'node:module';

const require = createRequire(new URL('../suites/package.json', import.meta.url));
const { chromium } = require('playwright-core');

const settings = JSON.parse(process.argv[2]);
const { suite, broker } = settings;

// The suite wants https of a provider: this end of it, the broker behind.
const front = https.createServer({ cert: settings.certificate, key: settings.key }, (request, response) => {
  const behind = http.request(
    new URL(request.url, settings.behind),
    { method: request.method, headers: request.headers },
    (answer) => {
      response.writeHead(answer.statusCode, answer.rawHeaders);
      answer.pipe(response);
    },
  );
  behind.on('error', () => response.destroy());
  request.pipe(behind);
});
await new Promise((listening) => front.listen(settings.listen, '127.0.0.1', listening));

// ---- The suite's API

const loopback = new https.Agent({ rejectUnauthorized: false, keepAlive: true });

// Gives the status and the body. The suite's certificate may be its own.
function call(method, path, query = {}, body = undefined, type = 'application/json') {
  const url = new URL(`${suite}/api/${path}`);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return new Promise((resolve, reject) => {
    const agent = url.protocol === 'https:' ? loopback : undefined;
    const client = url.protocol === 'https:' ? https : http;
    const request = client.request(url, { method, agent, headers: { 'content-type': type } }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (part) => { text += part; });
      answer.on('end', () => {
        if (answer.statusCode >= 400) {
          reject(new Error(`${method} ${url}: ${answer.statusCode} ${text.slice(0, 300)}`));
        } else {
          resolve(text ? JSON.parse(text) : undefined);
        }
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

// Waits until the module is in one of these states; gives the one it is in.
async function state(id, wanted, seconds) {
  const until = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await call('GET', `runner/${id}/wait-state`, {
      states: wanted.join(','),
      timeoutMs: Math.max(1, Math.min(20_000, until - Date.now())),
    });
    if (answer.state) return answer.state;
    if (Date.now() >= until) return (await call('GET', `info/${id}`)).status;
  }
}

// Places in the log that wait for a picture of a page.
async function placeholders(id) {
  return (await call('GET', `log/${id}`)).map((entry) => entry.upload).filter(Boolean);
}

// Uploads the page as it is, where a picture of it is waited for; notes its heading.
async function picture(id, page, shown) {
  for (const placeholder of await placeholders(id)) {
    const heading = page.locator('h1').first();
    if (await heading.count()) shown.push(`“${(await heading.innerText()).trim()}”`);
    const image = await page.screenshot({ type: 'png' });
    const body = `data:image/png;base64,${image.toString('base64')}`;
    await call('POST', `log/${id}/images/${placeholder}`, {}, body, 'text/plain');
  }
}

// ---- The person at the browser

const browser = await chromium.launch({
  executablePath: settings.chromium,
  headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
});

const isSuite = (page) => page.url().startsWith(`${suite}/`);

// Sends the browser to an address as the suite wants it sent.
async function go(page, { url, method }) {
  if (method !== 'POST') {
    // A redirect that nobody answers leaves the page where it was.
    await page.goto(url).catch(() => {});
    return;
  }
  const { origin, pathname, searchParams } = new URL(url);
  await page.goto('about:blank');
  const sent = page.waitForNavigation();
  await page.evaluate(([action, fields]) => {
    const form = Object.assign(document.createElement('form'), { method: 'post', action });
    for (const [name, value] of fields) {
      form.append(Object.assign(document.createElement('input'), { type: 'hidden', name, value }));
    }
    document.body.append(form);
    form.submit();
  }, [`${origin}${pathname}`, [...searchParams]]);
  await sent;
}

// Does what pages ask for, until one asks for nothing more.
async function obey(id, page, shown) {
  for (let step = 0; step < 12; step += 1) {
    // The suite's own page sends what it got on by script.
    await page.waitForLoadState('networkidle').catch(() => {});
    if (isSuite(page)) return;
    const user = page.getByLabel('User name');
    // `prompt=consent` asks whom the login is for.
    const allow = page.locator('button[name=decision][value=allow]');
    const leave = page.locator('form[action*="confirmed"] button[type=submit]');
    if (await user.count()) {
      // Where the suite wants to see a login page it waits for its picture.
      await picture(id, page, shown);
      await user.fill('ada');
      await page.getByLabel('Password').fill('lovelace');
      await page.getByRole('button', { name: 'Sign in' }).click();
    } else if (await leave.count()) {
      await leave.click();
    } else if (await allow.count()) {
      await allow.click();
    } else {
      await picture(id, page, shown);
      return;
    }
  }
}

// ---- Modules

async function visitAll(id, page, shown) {
  const seen = new Set();
  for (;;) {
    const { browser: asked } = await call('GET', `runner/${id}`).catch(() => ({}));
    const next = asked?.urlsWithMethod?.find(({ url }) => !seen.has(url));
    if (!next) return seen.size;
    seen.add(next.url);
    await call('POST', `runner/browser/${id}/visit`, { url: next.url });
    await go(page, next);
    await obey(id, page, shown);
  }
}

async function runProvider(id) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  const shown = [];
  try {
    for (let round = 0; round < 12; round += 1) {
      const now = await state(id, ['WAITING', 'FINISHED', 'INTERRUPTED'], 60);
      if (now !== 'WAITING') return shown.join(', ');
      if (await visitAll(id, page, shown) === 0) {
        // Nothing to visit: it is about to go on, or waits for a picture.
        await picture(id, page, shown);
        await state(id, ['RUNNING', 'FINISHED', 'INTERRUPTED'], 3);
      }
    }
    return `stands still at ${page.url()}`;
  } finally {
    await context.close();
  }
}

// Begins logins at an account whose provider is the suite. What a login ended
// with is noted: a session, or the code of the broker's refusal.
async function runClient(id, account) {
  const ends = [];
  await state(id, ['WAITING', 'FINISHED', 'INTERRUPTED'], 60);
  for (let login = 0; login < 2; login += 1) {
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    const page = await context.newPage();
    const start = await context.request.get(`${broker}/accounts/${account}/login?return_to=%2F`, { maxRedirects: 0 });
    // A module about discovery is over before anybody logs in.
    if (await state(id, ['FINISHED', 'INTERRUPTED'], 1) === 'FINISHED') {
      await context.close();
      return [...ends, 'discovery'].join(', ');
    }
    await page.goto(start.headers().location ?? start.url()).catch(() => {});
    await page.waitForLoadState('networkidle').catch(() => {});
    const session = await context.request.get(`${broker}/accounts/${account}/session`);
    const text = await page.locator('body').innerText();
    const refusal = text.match(/\b(?:login|service|request)\.[a-z_]+\b/)?.[0];
    ends.push((await session.json()).authenticated ? 'session' : refusal ?? `? ${page.url()}`);
    await context.close();
    const now = await state(id, ['FINISHED', 'INTERRUPTED'], login === 0 ? 12 : 20);
    if (now === 'FINISHED' || now === 'INTERRUPTED') break;
  }
  return ends.join(', ');
}

// The first thing that the module complains about, by severity.
async function complaint(id) {
  const entries = await call('GET', `log/${id}`);
  for (const result of ['FAILURE', 'WARNING', 'INTERRUPTED']) {
    const found = entries.filter((entry) => entry.result === result);
    if (found.length > 0) {
      return found.map((entry) => `${entry.src}: ${entry.msg ?? entry.error}`).slice(0, 3).join('; ');
    }
  }
  return '';
}

async function module_(plan, planId, module, account) {
  const created = await call('POST', 'runner', {
    test: module.testModule, plan: planId, variant: JSON.stringify(module.variant ?? {}),
  });
  let note = '';
  try {
    note = plan.role === 'client' ? await runClient(created.id, account) : await runProvider(created.id);
  } catch (error) {
    note = `${error}`.split('\n')[0];
  }
  let info = await call('GET', `info/${created.id}`);
  if (info.status !== 'FINISHED' && info.status !== 'INTERRUPTED') {
    await call('DELETE', `runner/${created.id}`).catch(() => {});
    info = { ...info, result: `${info.status}` };
  }
  const said = [note, await complaint(created.id)].filter(Boolean).join(' · ');
  const line = { module: module.testModule, result: info.result ?? info.status, note: said, id: created.id };
  console.log(`${line.result.padEnd(8)} ${line.module} ${line.id} ${line.note}`);
  return line;
}

// ---- Plans

// Fills in `{broker}`, `{suite}`, `{secret}` and `{account}` wherever they stand.
function filled(value, words) {
  const text = JSON.stringify(value).replace(/\{(broker|suite|secret|account)\}/g, (_, word) => words[word]);
  return JSON.parse(text);
}

const wanted = (plan, module) => [plan.plan, plan.title, module.testModule]
  .some((name) => name.includes(settings.only));

async function create(plan, account) {
  const config = filled(plan.config, { ...settings, account });
  return call('POST', 'plan', { planName: plan.plan, variant: JSON.stringify(plan.variant) }, JSON.stringify(config));
}

const tables = [];
const accounts = [...settings.accounts];
for (const plan of settings.plans) {
  const overview = await create(plan, 'none');
  const modules = overview.modules.filter((module) => wanted(plan, module));
  if (modules.length === 0) continue;
  console.log(`\n# ${plan.title} (${plan.plan})`);
  const lines = [];
  for (const module of modules) {
    // A relying party remembers a provider's keys, and each module has others.
    const account = plan.role === 'client' ? accounts.shift() : 'none';
    const { id } = plan.role === 'client' ? await create(plan, account) : overview;
    lines.push(await module_(plan, id, module, account));
  }
  tables.push({ plan, lines });
}

const cell = (text) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
const markdown = tables.map(({ plan, lines }) => [
  `## ${plan.title}`,
  '',
  `\`${plan.plan}\``,
  '',
  '| module | result | |',
  '|---|---|---|',
  ...lines.map(({ module, result, note }) => `| \`${module}\` | ${result} | ${cell(note)} |`),
  '',
].join('\n')).join('\n');
writeFileSync(settings.table, markdown);

const all = tables.flatMap(({ lines }) => lines);
const count = {};
for (const { result } of all) count[result] = (count[result] ?? 0) + 1;
console.log(`\n${Object.entries(count).map(([result, n]) => `${n} ${result}`).join(', ')}`);
await browser.close();
front.close();
front.closeAllConnections();
loopback.destroy();
process.exitCode = all.every(({ result }) => ['PASSED', 'WARNING', 'REVIEW', 'SKIPPED'].includes(result)) ? 0 : 1;
