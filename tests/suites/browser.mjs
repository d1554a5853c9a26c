// Logs in through `vestibule demo` in headless Chromium, as a shopper would.
//
//   node browser.mjs '{"storefront": "http://127.0.0.1:8080", "shots": "DIR", "part": "light"}'
//
// Every page must come without a console error or a policy violation, fit its
// window, and leave a screenshot. Prints `ok WHAT` a check; fails at the first
// that does not hold.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { chromium } from 'playwright-core';

const { storefront, shots, chromiumPath } = JSON.parse(process.argv[2]);
mkdirSync(shots, { recursive: true });

// A fresh profile is playwright's default. The switches keep Chromium from
// talking to anything but the pages.
const browser = await chromium.launch({
  executablePath: chromiumPath,
  headless: true,
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});

const SIZES = { desktop: { width: 1280, height: 800 }, phone: { width: 320, height: 640 } };

// A browser of its own, whose every complaint counts.
async function visitor({ scheme = 'light', size = 'desktop', javaScriptEnabled = true, locale = 'en-US' }) {
  const context = await browser.newContext({
    colorScheme: scheme,
    viewport: SIZES[size],
    javaScriptEnabled,
    locale,
  });
  const page = await context.newPage();
  const complaints = [];
  page.on('console', (message) => {
    if (message.type() !== 'error' && message.type() !== 'warning') return;
    // An error page comes with its status, which Chromium notes as an error.
    if (/^Failed to load resource: the server responded with a status of [45]/.test(message.text())
      && message.location().url === page.url()) return;
    complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`exception: ${error.message}`));
  page.on('requestfailed', (request) => complaints.push(`failed: ${request.url()} ${request.failure()?.errorText}`));
  page.on('request', (request) => {
    const { hostname, protocol } = new URL(request.url());
    if (protocol !== 'data:' && hostname !== '127.0.0.1') complaints.push(`leaves the machine: ${request.url()}`);
  });
  return {
    page,
    async look(name, expected) {
      const text = await page.locator('body').innerText();
      for (const words of expected) {
        assert.ok(text.includes(words), `${name}: “${words}” is not on the page:\n${text}`);
      }
      if (javaScriptEnabled) {
        const [wide, has] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
        assert.ok(wide <= has, `${name}: ${wide} px wide in a window of ${has}`);
      }
      await page.screenshot({ path: `${shots}/${name}-${size}-${scheme}.png`, fullPage: true });
      assert.deepEqual(complaints, [], `${name} at ${page.url()}`);
      console.log(`ok ${name} ${size} ${scheme}`);
    },
    close: () => context.close(),
  };
}

async function logIn(page, user, password) {
  await page.getByLabel('User name').fill(user);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

const PAGE = '/account?tab=orders&page=2';

async function wholeLogin(options, suffix = '') {
  const { page, look, close } = await visitor(options);
  await page.goto(storefront);
  await look(`storefront${suffix}`, ['Welcome to the Demo Shop']);
  await page.getByRole('link', { name: 'Your orders' }).click();
  await look(`providers${suffix}`, ['Sign in to Demo Shop', 'Continue with Mock Accounts', 'Continue with Google']);
  await page.getByRole('link', { name: 'Continue with Mock Accounts' }).click();
  await look(`mock-form${suffix}`, ['Mock Identity Provider', 'Sign in']);
  await logIn(page, 'ada', 'lovelace');
  await page.waitForURL(storefront + PAGE);
  await look(`greeted${suffix}`, ['Hello, Ada Lovelace', 'ada@example.test', PAGE, 'mock-idp']);
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.waitForURL(`${storefront}/`);
  assert.ok((await page.locator('body').innerText()).includes('Welcome to the Demo Shop'));
  await page.goto(`${storefront}/_auth/logout`);
  await close();
}

for (const scheme of ['light', 'dark']) {
  for (const size of ['desktop', 'phone']) {
    await wholeLogin({ scheme, size });

    const { page, look, close } = await visitor({ scheme, size });
    // Denied at the provider.
    await page.goto(storefront + PAGE);
    await page.getByRole('link', { name: 'Continue with Mock Accounts' }).click();
    await page.getByRole('button', { name: 'Deny' }).click();
    await look('error-denied', ['You were not signed in', 'login.denied', 'Start again', 'Back to Demo Shop']);
    assert.ok(!page.url().includes('state='), page.url());
    await page.getByRole('link', { name: 'Start again' }).click();
    await page.getByRole('link', { name: 'Continue with Mock Accounts' }).click();
    // A profile without an email: the login ends, and says why.
    await logIn(page, 'noemail', 'noemail');
    await look('error-no-email', ['Your profile has no email address', 'login.email_missing']);
    assert.ok(!page.url().includes('state='), page.url());
    // Signing out asks first.
    await page.goto(`${storefront}/_auth/logout?return_to=/`);
    await look('logout', ['Do you want to sign out of Demo Shop?']);
    await page.goto(`${storefront}/_auth/nowhere`);
    await look('error-not-found', ['This page does not exist', 'request.not_found']);
    await close();
  }
}

await wholeLogin({ javaScriptEnabled: false }, '-without-scripts');

// The shopper's language, from the browser and by hand.
{
  const { page, look, close } = await visitor({ size: 'phone', locale: 'pt-BR' });
  await page.goto(storefront + PAGE);
  await look('providers-pt', ['Português', 'English']);
  assert.equal(await page.locator('html').getAttribute('lang'), 'pt-BR');
  await page.getByRole('link', { name: 'English' }).click();
  assert.equal(await page.locator('html').getAttribute('lang'), 'en');
  // Choosing a language loses nothing of the login.
  await page.getByRole('link', { name: 'Continue with Mock Accounts' }).click();
  await logIn(page, 'grace', 'hopper');
  await page.waitForURL(storefront + PAGE);
  await close();
}

// The keyboard alone.
{
  const { page, look, close } = await visitor({});
  await page.goto(storefront + PAGE);
  // The email's field and its button come first.
  for (const _ of [1, 2, 3]) await page.keyboard.press('Tab');
  await look('providers-focus', ['Continue with Mock Accounts']);
  assert.match(await page.locator(':focus').innerText(), /Continue with Mock Accounts$/);
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/authorize/);
  // The form is in focus a moment after the page is there.
  await page.locator('input:focus').waitFor();
  await page.keyboard.type('alan');
  await page.keyboard.press('Tab');
  await page.keyboard.type('turing');
  await page.keyboard.press('Enter');
  await page.waitForURL(storefront + PAGE);
  await look('greeted-keyboard', ['Hello, Alan Turing']);
  await close();
}

// An answer in the fragment is posted on, also from behind a route, and stays behind.
for (const [hash, code] of [
  ['#code=x&state=y', 'login.state_unknown'],
  ['#/callback?code=x&state=y', 'login.state_unknown'],
  ['#/callback', 'login.state_missing'],
]) {
  const { page, close } = await visitor({});
  await page.goto(`${storefront}/_auth/callback/mock-idp${hash}`);
  await page.waitForURL(/\/error\?/);
  const url = new URL(page.url());
  assert.equal(url.searchParams.get('code'), code, hash);
  assert.equal(url.hash, '', hash);
  await close();
  console.log(`ok ${hash}`);
}

await browser.close();
console.log('done');
