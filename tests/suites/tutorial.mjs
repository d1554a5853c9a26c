// Does what `docs/tutorial.md` says, in headless Chromium, against the demo.
//
//   node tutorial.mjs '{"storefront": "http://127.0.0.1:1", "console": "http://…", "idp": "http://…", "chromiumPath": "…"}'
//
// Prints `used LABEL` for each label that the tutorial names, `ok WHAT` a step.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { chromium } from 'playwright-core';

const { storefront, console: entry, idp, chromiumPath } = JSON.parse(process.argv[2]);
const browser = await chromium.launch({
  executablePath: chromiumPath,
  headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const context = await browser.newContext({ locale: 'en-US' });
const page = await context.newPage();
page.setDefaultTimeout(20000);
const used = (label) => { console.log(`used ${label}`); return label; };
const press = (label) => page.getByRole('button', { name: used(label), exact: true }).click();
const follow = (label) => page.getByRole('link', { name: used(label) }).first().click();
const fill = (label, text) => page.getByLabel(used(label)).first().fill(text);

async function logIn(at) {
  await at.getByLabel('User name').fill('ada');
  await at.getByLabel('Password').fill('lovelace');
  await at.getByRole('button', { name: 'Sign in' }).click();
}

// A login at the storefront, as somebody who was not there before.
async function shop() {
  const shopper = await browser.newContext({ locale: 'en-US' });
  const shown = await shopper.newPage();
  await shown.goto(storefront);
  await shown.getByRole('link', { name: used('Your orders') }).click();
  const name = await shown.getByRole('link', { name: /^Continue with/ }).innerText();
  await shown.getByRole('link', { name: /^Continue with/ }).click();
  await logIn(shown);
  await shown.getByText('ada@example.test').first().waitFor();
  await shopper.close();
  return name;
}

// The demo.
used('Open');
await shop();
console.log('ok a login at the storefront');
used('Console');
await page.goto(entry);
await page.getByRole('button', { name: used('Open the console') }).click();
await follow('Demo Shop');
await page.getByRole('link', { name: 'Edit Mock Accounts' }).click();
used('Mock Accounts');
await page.getByText('100.0 %').waitFor();
console.log('ok the provider counts the login');

// Change a mapping.
await press('Edit');
await page.getByLabel("Identity provider's name").fill('Acme Accounts');
await page.getByRole('navigation', { name: 'Steps' }).getByRole('button', { name: new RegExp(used('Get user information')) }).click();
await fill('User email key', 'mail');
await press('Finish');
await press('Test it');
async function tryIt() {
  const link = await page.getByLabel('Test link').inputValue();
  const test = await browser.newContext({ locale: 'en-US' });
  const tester = await test.newPage();
  await tester.goto(link);
  await tester.getByRole('link', { name: 'Log in' }).click();
  await logIn(tester);
  await tester.waitForURL(/trial-done/);
  await test.close();
}
await tryIt();
await page.getByText('User email key').first().waitFor();
assert.match(await page.getByRole('alert').innerText(), /`?mail`?/);
console.log('ok the test names the field');
await page.getByRole('button', { name: used('Use it') }).first().click();
await page.getByRole('heading', { name: 'Review', level: 1 }).waitFor();
await press('Test it');
await tryIt();
await page.getByText('The login works').waitFor();
await page.getByRole('link', { name: used('Back to the mapping') }).click();
await press('Apply changes');
await page.getByText('The mapping is live').waitFor();
assert.match(await shop(), /Acme Accounts/);
console.log('ok the change is live');
await page.getByRole('button', { name: used('Roll back to version 1') }).click();
const meant = page.getByLabel('I understand');
if (await meant.isVisible()) await meant.check();
await press('Roll back');
await page.getByText('live again').waitFor();
assert.match(await shop(), /Mock Accounts/);
console.log('ok rolled back');

// A provider of one's own: its discovery document, served here, leads to the mock's endpoints.
const server = createServer((request, answer) => {
  const issuer = `http://${request.headers.host}`;
  answer.setHeader('content-type', 'application/json');
  answer.end(JSON.stringify({
    issuer,
    authorization_endpoint: `${idp}/authorize`,
    token_endpoint: `${idp}/token`,
    userinfo_endpoint: `${idp}/userinfo`,
    jwks_uri: `${idp}/jwks`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
  }));
});
await new Promise((ready) => { server.listen(0, '127.0.0.1', ready); });
await page.getByRole('link', { name: used('Accounts') }).first().click();
await page.getByRole('heading', { name: used('New account') }).waitFor();
await page.getByLabel('Id', { exact: true }).fill('mine');
await press('Create account');
await page.getByText('The account is created').waitFor();
const account = page.url().replace(/[?#].*$/, '');
const begin = async () => {
  await page.goto(account);
  await page.getByRole('heading', { name: used('My Custom OAuth') }).waitFor();
  await page.getByRole('link', { name: 'Set up my custom OAuth' }).click();
};
await begin();
await page.getByText(used('A discovery document')).click();
await page.locator('#discovery').fill(`http://127.0.0.1:${server.address().port}`);
await page.locator('details[open]').getByRole('button', { name: 'Continue' }).click();
await page.getByRole('heading', { level: 1, name: 'Provider details' }).waitFor();
await page.getByLabel("Identity provider's name").fill('My Accounts');
await page.locator('[name="provider.id"]').fill('mine');
await page.getByLabel('Client ID value').fill('vestibule-demo');
await page.getByLabel('Client secret value').fill('vestibule-demo-secret');
await page.getByText('Kept.').waitFor().catch(() => {});
await page.getByRole('button', { name: 'Next', exact: true }).click();
await page.getByRole('heading', { name: 'Authorization code', level: 1 }).waitFor();
await page.getByRole('navigation', { name: 'Steps' }).getByRole('button', { name: /Provider details/ }).click();
assert.match(await page.getByLabel(used('Redirect URI'), { exact: true }).inputValue(), /\/mine$/);
assert.equal(await page.getByLabel('Client ID value').inputValue(), 'vestibule-demo');
console.log('ok a discovery document');
await begin();
await page.getByText(used('A sample profile')).click();
await page.locator('#sample').fill('{"sub": "1815", "email": "ada@example.test", "name": "Ada"}');
await page.locator('details[open]').getByRole('button', { name: 'Continue' }).click();
await page.getByRole('heading', { level: 1, name: 'Provider details' }).waitFor();
console.log('ok a sample profile');
await page.goto(account);
await page.getByRole('link', { name: `${used('Set up')} Google` }).click();
await page.getByLabel('Client ID').waitFor();
await page.getByLabel('Client secret').waitFor();
assert.equal(await page.locator('main form input:not([type=hidden]):not([readonly])').count(), 2);
console.log('ok two fields');
server.close();
await browser.close();
console.log('done');
