// Administers a broker in headless Chromium, as an operator would.
//
//   node console.mjs '{"origin": "http://127.0.0.1:1", "welcome": "http://…", "idp": "http://…", "shots": "DIR"}'
//
// Every page must come without a console error or a policy violation, fit its
// window, and have no serious fault that axe-core finds. Prints `ok WHAT` a check.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const { origin, welcome, idp, shots, chromiumPath } = JSON.parse(process.argv[2]);
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
mkdirSync(shots, { recursive: true });

const browser = await chromium.launch({
  executablePath: chromiumPath,
  headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const SIZES = { desktop: { width: 1280, height: 800 }, phone: { width: 360, height: 740 } };

async function visitor({ scheme = 'light', size = 'desktop', storageState, javaScriptEnabled = true } = {}) {
  const context = await browser.newContext({ colorScheme: scheme, viewport: SIZES[size], storageState, javaScriptEnabled, locale: 'en-US' });
  const page = await context.newPage();
  const complaints = [];
  page.on('console', (message) => {
    if (message.type() !== 'error' && message.type() !== 'warning') return;
    if (/^Failed to load resource: the server responded with a status of [45]/.test(message.text())) return;
    complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`exception: ${error.message}`));
  page.on('request', (request) => {
    const { hostname, protocol } = new URL(request.url());
    if (protocol !== 'data:' && hostname !== '127.0.0.1') complaints.push(`leaves the machine: ${request.url()}`);
  });
  return {
    page,
    context,
    async look(name, expected = []) {
      const text = await page.locator('body').innerText();
      for (const words of expected) assert.ok(text.includes(words), `${name}: “${words}” is not on the page:\n${text}`);
      await page.screenshot({ path: `${shots}/console-${name}-${size}-${scheme}.png`, fullPage: true });
      if (javaScriptEnabled) {
        const [wide, has] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
        assert.ok(wide <= has, `${name} ${size}: ${wide} px wide in a window of ${has}`);
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
        const serious = violations
          .filter(({ impact }) => impact === 'serious' || impact === 'critical')
          .map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html.slice(0, 160)} — ${node.failureSummary}`).join('\n')}`);
        assert.deepEqual(serious, [], `${name} ${size} ${scheme}`);
      }
      assert.deepEqual(complaints, [], `${name} at ${page.url()}`);
      console.log(`ok ${name} ${size} ${scheme}`);
    },
    close: () => context.close(),
  };
}

async function logIn(page) {
  await page.getByLabel('User name').fill('ada');
  await page.getByLabel('Password').fill('lovelace');
  await page.getByRole('button', { name: 'Sign in' }).click();
}

const press = (page, name) => page.getByRole('button', { name, exact: true }).click();
const field = (name) => page.locator(`[name="${name}"]`);
const PASSWORD = 'correct horse battery';
const { page, context, look } = await visitor();

// The first operator.
await page.goto(`${origin}/admin/`);
await look('login', ['Sign in to the console']);
await page.goto(welcome);
await look('welcome', ['Create the first operator']);
await page.getByLabel('Name').fill('Ada Lovelace');
await page.getByLabel('Email').fill('ada@example.test');
await page.getByLabel('Password').fill(PASSWORD);
await press(page, 'Create operator');
await look('accounts-empty', ['No accounts yet']);

// An account.
await page.getByLabel('Id', { exact: true }).fill('acme');
await page.getByLabel('Name').fill('Acme');
await page.getByLabel('Store', { exact: true }).fill(origin);
await page.getByLabel('Path at the store').fill('/accounts/acme');
await press(page, 'Create account');
await look('account-new', ['My Custom OAuth', 'Google', 'Facebook', 'Set up']);

// The wizard, from empty.
await page.getByRole('link', { name: 'Set up my custom OAuth' }).click();
await look('choose', ['Step by step', 'The gallery']);
await press(page, 'Start');
const preview = page.locator('[data-pane]');
await page.getByLabel("Identity provider's name").fill('Acme Accounts');
await page.locator('[name="provider.id"]').fill('acme');
await page.getByLabel('Client ID value').fill('vestibule-demo');
await page.getByLabel('Client secret value').fill('vestibule-demo-secret');
await preview.getByText('client_id=vestibule-demo').first().waitFor();
assert.equal(await preview.locator('em', { hasText: '{{state}}' }).first().evaluate((em) => getComputedStyle(em).fontStyle), 'italic');
await look('wizard-provider', ['Request preview', 'Expected request preview']);
await press(page, 'Next');
await page.getByRole('heading', { name: 'Authorization code', level: 1 }).waitFor();
await field('authorization.url').fill('https://https://id');
await press(page, 'Next');
await look('wizard-mistake', ['https://']);
assert.equal(await field('authorization.url').inputValue(), 'https://https://id');
await field('authorization.url').fill(`${idp}/authorize`);
await press(page, '+ New parameter');
await page.getByLabel('Parameter key').fill('scope');
await page.getByLabel('Parameter value').fill('profile email');
await press(page, '+ New parameter');
await page.getByLabel('Parameter key').nth(1).fill('unwanted');
await preview.getByText('unwanted=').first().waitFor();
await page.getByRole('button', { name: 'Remove parameter' }).nth(1).click();
await preview.getByText('unwanted=').first().waitFor({ state: 'detached' });
await look('wizard-authorization', ['scope=']);
await press(page, 'Next');
await field('token.url').fill(`${idp}/token`);
await page.getByText('JSON', { exact: true }).click();
await preview.getByText('"grant_type"').waitFor();
await page.getByText('x-www-form-urlencoded', { exact: true }).click();
await preview.getByText('grant_type=authorization_code').waitFor();
await look('wizard-token', ['200 OK']);
await press(page, 'Back');
await page.getByRole('heading', { name: 'Authorization code', level: 1 }).waitFor();
await press(page, 'Next');
await page.getByRole('heading', { name: 'Access token exchange', level: 1 }).waitFor();
await press(page, 'Next');
await field('userinfo.url').fill(`${idp}/userinfo`);
assert.ok(!(await field('userinfo.token_key').isVisible()), 'the key is asked for where it is sent');
await page.getByText('In the query string', { exact: true }).click();
await preview.getByText('?access_token=').waitFor();
await page.getByText('As a Bearer token', { exact: true }).click();
await page.getByLabel('User email key').fill('email');
await page.getByLabel('User ID key').fill('userId');
await page.getByLabel('User name key').fill('name');
await preview.getByText('Authorization: Bearer').waitFor();
await look('wizard-userinfo', ['200 OK']);
await press(page, 'Finish');
await look('review-new', ['Go live', '/callback']);
await page.getByRole('navigation', { name: 'Steps' }).getByRole('link', { name: 'TOML' }).click();
await look('toml', ['Mapping as TOML']);
const draft = page.url();
await page.goto(draft.replace(/toml$/, 'review'));

// A test login, by someone else.
await press(page, 'Test it');
const link = await page.getByLabel('Test link').inputValue();
await look('trial-waiting', ['Log in now']);
const owner = await visitor();
await owner.page.goto(link);
await logIn(owner.page);
await owner.close();
await page.getByText('The login works').waitFor();
await look('trial', ['Access token exchange', 'Get user information', 'How each value was found']);
await page.goto(draft.replace(/toml$/, 'review'));
await press(page, 'Go live');
await look('provider-new', ['The mapping is live', 'Acme Accounts']);

// A shopper.
const shopper = await visitor();
await shopper.page.goto(`${origin}/accounts/acme/login?return_to=/`);
await logIn(shopper.page);
const session = async () => (await (await shopper.context.request.get(`${origin}/accounts/acme/session`)).json()).authenticated;
assert.equal(await session(), true);
console.log('ok shopper');

// An edit, and back.
await press(page, 'Edit');
await page.getByLabel("Identity provider's name").fill('Acme Renamed');
await page.getByRole('button', { name: 'Next', exact: true }).click();
await page.getByRole('navigation', { name: 'Steps' }).getByRole('link', { name: /Get user information/ }).click();
await page.getByLabel('User ID key').fill('email');
await press(page, 'Finish');
await look('review-edit', ['This changes who users are', 'Acme Renamed', 'What changes']);
await page.getByLabel('I understand').check();
await press(page, 'Apply changes');
await look('provider-edited', ['Acme Renamed']);
await page.getByRole('button', { name: 'Roll back to version 1' }).click();
await look('provider', ['live again', 'Acme Accounts', '100.0 %']);

// The session's end.
await page.goto(`${origin}/admin/accounts/acme/sessions`);
await look('sessions', ['ada@example.test']);
await page.getByRole('button', { name: /Revoke/ }).click();
await look('sessions-none', ['Nobody is logged in']);
assert.equal(await session(), false);
await shopper.close();

// An invitation.
await page.goto(`${origin}/admin/operators`);
await page.getByLabel('Email').fill('grace@example.test');
await page.getByLabel('Name').fill('Grace Hopper');
await press(page, 'Invite');
await look('operators', ['Send this link to grace@example.test']);

// Everything again: dark, small.
const storageState = await context.storageState();
await page.goto(`${origin}/admin/accounts/acme/providers/acme`);
await press(page, 'Edit');
const base = page.url().replace(/provider$/, '');
const pages = {
  accounts: '/admin/', account: '/admin/accounts/acme', choose: '/admin/accounts/acme/new', users: '/admin/accounts/acme/users',
  sessions: '/admin/accounts/acme/sessions', provider: '/admin/accounts/acme/providers/acme', diff: '/admin/accounts/acme/providers/acme/diff?from=1&to=2',
  operators: '/admin/operators', audit: '/admin/audit', nowhere: '/admin/nowhere',
};
for (const step of ['provider', 'authorization', 'token', 'userinfo', 'toml', 'review']) pages[`edit-${step}`] = base.replace(origin, '') + step;
for (const [scheme, size] of [['light', 'desktop'], ['dark', 'desktop'], ['light', 'phone'], ['dark', 'phone']]) {
  const again = await visitor({ scheme, size, storageState });
  for (const [name, path] of Object.entries(pages)) {
    await again.page.goto(origin + path);
    await again.look(name);
  }
  await again.close();
}

// Without scripts: rows and previews have their buttons.
{
  const plain = await visitor({ storageState, javaScriptEnabled: false });
  await plain.page.goto(`${base}token`);
  await press(plain.page, '+ New parameter');
  await plain.page.getByLabel('Parameter key').fill('audience');
  await plain.page.getByLabel('Parameter value').fill('shop');
  await press(plain.page, 'Update preview');
  await plain.look('without-scripts', ['audience=shop']);
  await plain.close();
}

await press(page, 'Sign out');
await look('signed-out', ['You are signed out']);
await browser.close();
console.log('done');
