// Administers a broker in headless Chromium, as an operator would.
//
//   node console.mjs '{"origin": "http://127.0.0.1:1", "welcome": "http://…", "idp": "http://…", "shots": "DIR", "key": "PEM", "certificate": "PEM"}'
//
// Every page must come without a console error or a policy violation, fit its
// window, and have no serious fault that axe-core finds. Prints `ok WHAT` a check.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const { origin, welcome, idp, shots, key, certificate, chromiumPath } = JSON.parse(process.argv[2]);
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
mkdirSync(shots, { recursive: true });

const browser = await chromium.launch({
  executablePath: chromiumPath,
  headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const SIZES = { desktop: { width: 1280, height: 800 }, phone: { width: 320, height: 640 } };

async function visitor({ scheme = 'light', size = 'desktop', storageState, javaScriptEnabled = true, locale = 'en-US' } = {}) {
  const context = await browser.newContext({ colorScheme: scheme, viewport: SIZES[size], storageState, javaScriptEnabled, locale });
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
      // A click may lead to a page that is still on its way.
      let text = await page.locator('body').innerText();
      for (let left = 100; left > 0 && !expected.every((words) => text.includes(words)); left -= 1) {
        await page.waitForTimeout(50);
        text = await page.locator('body').innerText();
      }
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

async function logIn(page, user = 'ada', password = 'lovelace') {
  await page.getByLabel('User name').fill(user);
  await page.getByLabel('Password').fill(password);
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
await Promise.all([page.waitForEvent('load'), press(page, 'Next')]);
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
await field('provider.email_trust').selectOption('provider');
await preview.getByText('Authorization: Bearer').waitFor();
await look('wizard-userinfo', ['200 OK']);
await press(page, 'Finish');
await page.getByRole('heading', { name: 'Review', level: 1 }).waitFor();
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
await owner.page.getByRole('link', { name: 'Log in' }).click();
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
await page.getByRole('heading', { name: 'Authorization code', level: 1 }).waitFor();
await page.getByRole('navigation', { name: 'Steps' }).getByRole('button', { name: /Get user information/ }).click();
await page.getByLabel('User ID key').fill('email');
await press(page, 'Finish');
await page.getByRole('heading', { name: 'Review', level: 1 }).waitFor();
await look('review-edit', ['This changes who users are', 'Acme Renamed', 'What changes']);
await page.getByLabel('I understand').check();
await press(page, 'Apply changes');
await look('provider-edited', ['Acme Renamed']);
await page.getByRole('button', { name: 'Roll back to version 1' }).click();
await look('rollback', ['This changes who users are', 'What changes']);
await page.getByLabel('I understand').check();
await press(page, 'Roll back');
await look('provider', ['live again', 'Acme Accounts', '100.0 %']);

// An application, whose secret is there once.
await page.goto(`${origin}/admin/accounts/acme`);
await page.getByRole('navigation', { name: 'Account' }).getByRole('link', { name: 'Applications' }).click();
await look('applications-empty', ['No applications yet']);
await page.getByRole('link', { name: 'New application' }).click();
assert.equal(await page.getByLabel('Password').isChecked(), false);
await look('application-new', ['RFC 9700 advises against it']);
await page.getByLabel('Display name').fill('Storefront back end');
await page.getByLabel('Redirect URIs', { exact: true }).fill('http://www.acme.test/cb');
await press(page, 'Create application');
await look('application-mistake', ['write an https URL']);
assert.equal(await page.evaluate(() => document.activeElement.name), 'redirect_uris');
assert.equal(await page.getByLabel('Display name').inputValue(), 'Storefront back end');
await page.getByLabel('Redirect URIs', { exact: true }).fill('https://www.acme.test/cb');
await press(page, 'Create application');
await look('application-made', ['is shown only now', 'Storefront back end']);
const shown = async () => (await page.content()).includes(secret);
const secret = await page.getByLabel('Client secret').inputValue();
assert.equal(secret.length, 43);
// Sent again, the form is answered as it was, for two minutes; nothing is made twice.
await page.reload();
assert.equal(await shown(), true, 'after a reload');
const rotate = await page.locator('form[action$="/rotate"]').getAttribute('action');
const application = new URL(rotate, origin).pathname.replace(/\/rotate$/, '');
await page.goto(origin + application);
assert.equal(await shown(), false, 'at its own address');
await look('application', ['Secrets', 'Rotate secret']);
assert.match(application, /^\/admin\/applications\/./);
await press(page, 'Rotate secret');
const second = await page.getByLabel('Client secret').inputValue();
assert.notEqual(second, secret);
await page.getByRole('navigation', { name: 'Console' }).getByRole('link', { name: 'Applications' }).click();
await look('applications', ['Storefront back end', 'never']);
// Back to the answer of a form: the browser asks before it sends that again,
// without a person to ask it shows its own page.
await page.goBack().catch(() => {});
await page.waitForTimeout(500);
assert.ok(!(await page.locator('body').innerHTML()).includes(second), 'after going back');
await page.goto(origin + application);
assert.ok(!(await page.content()).includes(second), 'at its own address');

// Keys: one is imported with its certificate, which ends soon, and takes over.
await page.goto(`${origin}/admin/keys`);
await look('keys', ['ES256', 'Active']);
await page.getByLabel('Private key').setInputFiles({ name: 'key.pem', mimeType: 'application/x-pem-file', buffer: Buffer.from('nothing of the kind') });
await press(page, 'Import key');
await page.getByRole('alert').waitFor();
await page.getByLabel('Private key').setInputFiles({ name: 'key.pem', mimeType: 'application/x-pem-file', buffer: Buffer.from(key) });
await page.getByLabel('Certificate', { exact: true }).setInputFiles({ name: 'cert.pem', mimeType: 'application/x-pem-file', buffer: Buffer.from(certificate) });
await press(page, 'Import key');
await look('keys-imported', ['The key is published', 'login.platform.test', 'expires in']);
await page.getByLabel('I want to rotate now', { exact: true }).check();
await press(page, 'Rotate keys');
await look('keys-rotated', ['Retiring', 'until']);
const download = page.waitForEvent('download');
await page.getByRole('link', { name: /^Certificate of/ }).first().click();
assert.equal(readFileSync(await (await download).path(), 'utf8'), certificate);
assert.equal(await session(), true, 'the old key verifies on');

// A shadow.
await page.goto(`${origin}/admin/accounts/acme/providers/acme`);
await page.getByRole('link', { name: 'Set a shadow' }).click();
await look('shadow-none', ['Set a shadow']);
await page.getByRole('navigation', { name: 'Where you are' }).getByRole('link', { name: 'Acme Accounts' }).click();
await press(page, 'Edit');
await page.getByRole('navigation', { name: 'Steps' }).getByRole('button', { name: /Get user information/ }).click();
await page.getByLabel('User ID key').fill('email');
await press(page, 'Finish');
await page.getByRole('heading', { name: 'Review', level: 1 }).waitFor();
await press(page, 'Try as a shadow');
const other = await visitor();
await other.page.goto(`${origin}/accounts/acme/login?return_to=/`);
await logIn(other.page);
await other.close();
for (let i = 0; i < 50 && !(await page.getByText('0 with the same outcome').isVisible() && !(await page.getByText('Nobody has logged in since').isVisible())); i += 1) {
  await page.waitForTimeout(100);
  await page.reload();
}
await look('shadow', ['Other user id', 'This changes who users are', 'Promote']);

// The session's end.
await page.goto(`${origin}/admin/accounts/acme/sessions`);
await look('sessions', ['ada@example.test']);
const revoke = page.getByRole('button', { name: /Revoke/ });
while (await revoke.count()) await revoke.first().click();
await look('sessions-none', ['Nobody is logged in']);
assert.equal(await session(), false);
await shopper.close();

// An invitation.
await page.goto(`${origin}/admin/operators`);
await page.getByLabel('Email').fill('grace@example.test');
await page.getByLabel('Name').fill('Grace Hopper');
await press(page, 'Invite');
await look('operators', ['Send this link to grace@example.test']);

// A login through a provider, in another browser, and its end.
const colleague = await visitor();
await colleague.page.goto(`${origin}/admin/login?next=/admin/audit`);
await colleague.look('login-through', ['Continue with Acme Accounts']);
await colleague.page.getByRole('link', { name: 'Continue with Acme Accounts' }).click();
await logIn(colleague.page);
await colleague.page.waitForURL(`${origin}/admin/audit`);
await page.goto(`${origin}/admin/operators`);
await look('operators-signed-in', ['This browser', 'acme']);
await page.getByRole('row', { name: /acme/ }).getByRole('button', { name: /^Sign out/ }).click();
await look('operators-signed-out', ['Signed out.']);
await colleague.page.goto(`${origin}/admin/`);
await colleague.look('login-ended', ['Sign in to the console']);
await colleague.close();
const stranger = await visitor();
await stranger.page.goto(`${origin}/admin/login`);
await stranger.page.getByRole('link', { name: 'Continue with Acme Accounts' }).click();
await logIn(stranger.page, 'alan', 'turing');
await stranger.look('login-no-operator', ['No operator has this email']);
await stranger.close();

// The keyboard alone: the skip link, then the page's own form.
{
  await page.goto(`${origin}/admin/new-application?account=acme`);
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.className), 'skip');
  await look('focus-skip');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  for (let i = 0; i < 40 && (await page.evaluate(() => document.activeElement.name)) !== 'grant.password'; i += 1) {
    const [ring, name] = await page.evaluate(() => {
      const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
      return [`${outlineStyle} ${outlineWidth}`, document.activeElement.outerHTML.slice(0, 80)];
    });
    assert.match(ring, /solid [23]px/, `no focus to be seen on ${name}`);
    await page.keyboard.press('Tab');
  }
  assert.equal(await page.evaluate(() => document.activeElement.name), 'grant.password');
  await look('focus-checkbox');
}

// A name as long as names get, and one that would like to be markup.
const LONG = 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft & Söhne Handels-KG';
await page.goto(`${origin}/admin/new-application?account=acme`);
await page.getByLabel('Display name').fill(LONG);
await page.getByLabel('Client id').fill('l'.repeat(100));
await page.getByLabel('Redirect URIs', { exact: true }).fill(`https://www.acme.test/${'path/'.repeat(60)}`);
await press(page, 'Create application');
await look('application-long', [LONG]);

// The switches and the order, by keyboard alone.
await page.goto(`${origin}/admin/accounts/acme`);
await page.getByRole('switch', { name: 'Acme Accounts' }).focus();
await page.keyboard.press('Space');
await page.getByRole('heading', { name: 'Switch off Acme Accounts' }).waitFor();
await look('switch-off', ['Switch off Acme Accounts', 'End the sessions that it began']);
await press(page, 'Switch off');
await look('switched-off', ['It is switched off']);
assert.equal(await page.getByRole('switch', { name: 'Acme Accounts' }).getAttribute('aria-checked'), 'false');
await page.getByRole('switch', { name: 'Acme Accounts' }).press('Enter');
await page.waitForURL(/done=way-on/);
assert.equal(await page.getByRole('switch', { name: 'Acme Accounts' }).getAttribute('aria-checked'), 'true');

// The account's own people, by a link, in a browser of their own.
await page.goto(`${origin}/admin/accounts/acme`);
await page.getByLabel('For whom').fill('Ada at Acme');
// Two clicks are one.
await page.getByRole('button', { name: 'Make a link' }).dblclick();
await page.getByLabel('Link', { exact: true }).waitFor();
assert.equal(await page.getByRole('row', { name: /Ada at Acme/ }).count(), 1);
const setup = await page.getByLabel('Link', { exact: true }).inputValue();
{
  const own = await visitor();
  await own.page.goto(setup);
  await own.look('setup-open', ['Set up the login of Acme']);
  await press(own.page, 'Open');
  await own.look('setup', ['Set up a provider', 'Live now']);
  await own.page.getByLabel('Domain to prove').fill('acme.test');
  await press(own.page, 'Show its record');
  await own.look('setup-domain', ['Name of the TXT record', 'Not proved']);
  assert.equal(await own.page.getByLabel('Name of the TXT record').inputValue(), '_vestibule-challenge.acme.test');
  await own.page.getByRole('button', { name: 'Look it up' }).click();
  await own.look('setup-domain-looked-up', ['no name server gave an answer']);
  const state = await own.context.storageState();
  for (const [scheme, size] of [['dark', 'desktop'], ['light', 'phone'], ['dark', 'phone']]) {
    const again = await visitor({ scheme, size, storageState: state });
    await again.page.goto(`${origin}/admin/`);
    await again.look('setup', ['Domains of emails']);
    await again.close();
  }
  await own.page.getByRole('button', { name: 'Edit Acme Accounts' }).click();
  await own.page.waitForURL(/\/drafts\/.*\/provider$/);
  await own.page.goto(own.page.url().replace(/provider$/, 'review'));
  await own.look('setup-review', ['Hand in']);
  await press(own.page, 'Hand in');
  await own.look('setup-handed-in', ['waits for an operator']);
  await own.close();
}
await page.goto(`${origin}/admin/accounts/acme`);
await page.getByRole('link', { name: /Look at it/ }).click();
await look('setup-link', ['Set-up link for Ada at Acme', 'Approve: it goes live']);
const setupLink = new URL(page.url()).pathname;

// Everything again: dark, small.
const storageState = await context.storageState();
await page.goto(`${origin}/admin/accounts/acme/providers/acme`);
await press(page, 'Edit');
const base = page.url().replace(/provider$/, '');
const pages = {
  accounts: '/admin/', account: '/admin/accounts/acme', choose: '/admin/accounts/acme/new', users: '/admin/accounts/acme/users', messages: '/admin/accounts/acme/messages', demands: '/admin/accounts/acme/application-policy',
  sessions: '/admin/accounts/acme/sessions', provider: '/admin/accounts/acme/providers/acme', diff: '/admin/accounts/acme/providers/acme/diff?from=1&to=2',
  applications: '/admin/applications', application, 'application-long': `/admin/applications/${'l'.repeat(100)}`, 'application-new': '/admin/new-application?account=acme',
  'account-applications': '/admin/applications?account=acme', keys: '/admin/keys', shadow: '/admin/accounts/acme/providers/acme/shadow',
  stores: '/admin/accounts/acme/stores', branding: '/admin/accounts/acme/branding', settings: '/admin/accounts/acme/settings', activity: '/admin/accounts/acme/activity', changes: '/admin/accounts/acme/activity/changes', logins: '/admin/accounts/acme/logins', 'setup-link': setupLink, operators: '/admin/operators', audit: '/admin/audit', nowhere: '/admin/nowhere',
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

// The shopper's pages in the account's look, in their languages, on the smallest phone.
await page.goto(`${origin}/admin/accounts/acme/branding`);
await page.getByLabel('Name', { exact: true }).fill('Acme Outdoor & Garten');
await page.getByLabel('Colour', { exact: true }).fill('#0a6b4f');
// The picker follows what is typed, and the preview both.
assert.equal(await page.getByLabel('Pick a colour').inputValue(), '#0a6b4f');
assert.equal(await page.locator('[data-look-name]').innerText(), 'Acme Outdoor & Garten');
assert.equal(await page.locator('[data-look-button]').evaluate((it) => getComputedStyle(it).backgroundColor), 'rgb(10, 107, 79)');
await press(page, 'Save');
await look('branding', ['Saved', 'How the login page looks']);
// A logo, which the preview and the login's page show; one that runs something is refused.
const drawing = (inside) => ({ name: 'logo.svg', mimeType: 'image/svg+xml', buffer: Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 32"><rect width="120" height="32" rx="6" fill="#0a6b4f"/><circle cx="16" cy="16" r="8" fill="#fff"/>${inside}</svg>`) });
await page.getByLabel('Picture', { exact: true }).setInputFiles(drawing('<script>document.title = "run"</script>'));
await press(page, 'Upload');
await look('branding-refused', ['an element script', 'The logo stays as it was']);
await page.getByLabel('Picture', { exact: true }).setInputFiles(drawing(''));
await press(page, 'Upload');
await look('branding-logo', ['The logo is kept']);
assert.ok(await page.locator('[data-look-logo]').evaluate((it) => it.naturalWidth > 0 && it.clientWidth > 60), 'the preview shows the logo');
const logo = await page.locator('[data-look-logo]').getAttribute('src');
{
  const shopper = await visitor();
  await shopper.page.goto(`${origin}/accounts/acme/signed-out`);
  assert.ok(await shopper.page.locator('.logo').evaluate((it) => it.naturalWidth > 0), 'the page shows the logo');
  await shopper.look('shopper-logo');
  // Opened by itself it is a document, in which nothing runs.
  await shopper.page.goto(origin + logo);
  await shopper.close();
  // A logo that does not load leaves the name.
  const dead = await visitor();
  await dead.page.route(`**${logo}`, (route) => route.fulfill({ status: 404 }));
  await dead.page.goto(`${origin}/accounts/acme/signed-out`);
  await dead.page.screenshot({ path: `${shots}/console-shopper-logo-dead.png` });
  const [shown, box] = await dead.page.locator('.logo').evaluate((it) => [getComputedStyle(it, '::after').content, it.getBoundingClientRect().toJSON()]);
  assert.equal(shown, '"Acme Outdoor & Garten"');
  assert.ok(box.width > 60 && box.height > 16, JSON.stringify(box));
  await dead.page.goto(`${origin}/admin/`);
  await dead.context.addCookies(await context.cookies());
  await dead.page.goto(`${origin}/admin/accounts/acme/branding`);
  await dead.page.locator('[data-look-mark]').waitFor();
  assert.equal(await dead.page.locator('[data-look-name]').innerText(), 'Acme Outdoor & Garten');
  await dead.close();
}
await page.goto(`${origin}/admin/accounts/acme/activity`);
await look('activity', ['Logo uploaded', 'Latest logins', 'Mapping handed in']);
// What is good to know once is put away, and stays away.
await page.goto(`${origin}/admin/accounts/acme/stores`);
await press(page, 'Got it');
await page.reload();
assert.equal(await page.locator('[data-tip]').isVisible(), false);
await page.goto(`${origin}/admin/accounts/acme`);
await page.getByRole('link', { name: 'Set up Google' }).click();
await look('known', ['Redirect URI', 'Client ID', 'Client secret']);
await page.getByLabel('Client ID').fill('acme.apps.googleusercontent.com');
await page.getByLabel('Client secret').fill('not-a-real-one');
await press(page, 'Continue');
await press(page, 'Go live');
const shoppers = {
  providers: 'login?return_to=/', error: 'error?code=login.denied&id=g7bbr7z0t7', 'error-state': 'error?code=login.state_replayed&id=g7bbr7z0t7',
  logout: 'logout', 'signed-out': 'signed-out', 'trial-done': 'trial-done?worked=true', 'trial-failed': 'trial-done?worked=false', nowhere: 'nowhere',
};
const words = { 'en-US': 'Sign in', 'pt-BR': 'Entrar', 'es-ES': 'Iniciar' };
for (const [locale, word] of Object.entries(words)) {
  for (const [scheme, size] of [['light', 'phone'], ['dark', 'desktop']]) {
    const shopper = await visitor({ scheme, size, locale });
    for (const [name, path] of Object.entries(shoppers)) {
      await shopper.page.goto(`${origin}/accounts/acme/${path}`);
      await shopper.look(`shopper-${name}-${locale.slice(0, 2)}`);
      assert.equal((await shopper.page.locator('html').getAttribute('lang')).slice(0, 2), locale.slice(0, 2), name);
    }
    await shopper.page.goto(`${origin}/accounts/acme/login?return_to=/`);
    assert.ok((await shopper.page.title()).includes(word), await shopper.page.title());
    await shopper.close();
  }
}
// `lang` counts before the browser's language; without scripts nothing is missing.
{
  const plain = await visitor({ locale: 'es-ES', size: 'phone', javaScriptEnabled: false });
  await plain.page.goto(`${origin}/accounts/acme/login?return_to=/&lang=pt-BR`);
  await plain.look('shopper-lang', ['Entrar', 'Acme Accounts', 'Google']);
  await plain.close();
}

await page.goto(`${origin}/admin/`);
await press(page, 'Sign out');
await look('signed-out', ['You are signed out']);
await browser.close();
console.log('done');
