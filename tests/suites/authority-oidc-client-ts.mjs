// A storefront that is nothing but a page, on npm oidc-client-ts, in headless Chromium:
// no secret, the tokens fetched from the page itself.
//
//   node authority-oidc-client-ts.mjs '{"issuer", "id", "origin", "chromiumPath"}'
//
// Prints `ok WHAT` a check; fails at the first that does not hold.
import assert from 'node:assert/strict';
import express from 'express';
import { chromium } from 'playwright-core';

const { issuer, id, origin, chromiumPath } = JSON.parse(process.argv[2]);
const app = express();
app.use('/lib', express.static('node_modules/oidc-client-ts/dist/browser'));
app.get('/{*any}', (request, response) =>
  response.send(`<!doctype html><html lang="en"><title>Shop</title><script src="/lib/oidc-client-ts.min.js"></script>
<h1>Shop</h1><button id="in">Log in</button><button id="renew">Renew</button><button id="out">Log out</button><p id="said"></p>
<script>
const manager = new oidc.UserManager({
  authority: ${JSON.stringify(issuer)},
  client_id: ${JSON.stringify(id)},
  redirect_uri: ${JSON.stringify(`${origin}/callback`)},
  post_logout_redirect_uri: ${JSON.stringify(`${origin}/bye`)},
  scope: 'openid profile email',
  loadUserInfo: true,
});
const say = (text) => { document.getElementById('said').textContent = text; };
const told = (user) => say(user ? user.profile.name + ' <' + user.profile.email + '>' : 'out');
const failed = (error) => say('failed: ' + error.message);
const on = (id, act) => { document.getElementById(id).onclick = () => act().catch(failed); };
window.manager = manager;
on('in', () => manager.signinRedirect());
on('renew', async () => { await manager.signinSilent(); say('renewed'); });
on('out', () => manager.signoutRedirect());
if (location.pathname === '/callback' && window.parent !== window) manager.signinSilentCallback().catch(failed);
else if (location.pathname === '/callback') manager.signinRedirectCallback().then(told).catch(failed);
else if (location.pathname === '/bye') manager.signoutRedirectCallback().then(() => say('bye')).catch(failed);
else manager.getUser().then(told).catch(failed);
</script></html>`),
);
const server = await new Promise((listens) => {
  const server = app.listen(Number(new URL(origin).port), '127.0.0.1', () => listens(server));
});
const browser = await chromium.launch({
  executablePath: chromiumPath,
  headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const page = await browser.newPage();
page.setDefaultTimeout(20_000);
const says = (text) => page.waitForFunction(
  (text) => {
    const said = document.getElementById('said')?.textContent ?? '';
    if (said.startsWith('failed')) throw new Error(said);
    return said === text;
  },
  text,
);
await page.goto(origin);
await says('out');
await page.getByRole('button', { name: 'Log in' }).click();
await page.getByLabel('User name').fill('ada');
await page.getByLabel('Password').fill('lovelace');
await page.getByRole('button', { name: 'Sign in' }).click();
await says('Ada Lovelace <ada@example.test>');
console.log('ok login');
const before = await page.evaluate(async () => (await manager.getUser()).access_token);
await page.getByRole('button', { name: 'Renew' }).click();
await says('renewed');
const after = await page.evaluate(async () => (await manager.getUser()).access_token);
assert.notEqual(after, before);
console.log('ok renewal');
await page.getByRole('button', { name: 'Log out' }).click();
await says('bye');
await page.goto(origin);
await says('out');
// The broker's session is over too.
const again = await page.evaluate(() => manager.signinSilent().then(() => 'in', (error) => error.error));
assert.equal(again, 'login_required');
console.log('ok logout');
await browser.close();
server.close();
process.exit(0);
