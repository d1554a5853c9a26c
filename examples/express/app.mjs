// A storefront whose shoppers log in by Vestibule: Express and openid-client.
//
//   AUTHORITY=https://login.platform.test CLIENT_ID=… CLIENT_SECRET=… ./start
//
// Three settings; the rest is discovered. Register these addresses with the
// application: http://127.0.0.1:3000/callback to come back to after a login, and
// http://127.0.0.1:3000/ after a logout.
import { randomBytes } from 'node:crypto';
import express from 'express';
import * as oidc from 'openid-client';

const { AUTHORITY, CLIENT_ID, CLIENT_SECRET, PORT = '3000' } = process.env;
const origin = process.env.ORIGIN ?? `http://127.0.0.1:${PORT}`;
const secure = origin.startsWith('https:');

// Plain http is for trying it out on one machine.
const local = new URL(AUTHORITY).hostname === '127.0.0.1';
const execute = local ? [oidc.allowInsecureRequests] : [];
const config = await oidc.discovery(new URL(AUTHORITY), CLIENT_ID, CLIENT_SECRET, undefined, { execute });

// Sessions in memory, by a random id in a cookie: a shop of more than one
// process keeps them elsewhere.
const sessions = new Map();
const COOKIE = secure ? '__Host-shop' : 'shop';

function read(request) {
  const pairs = (request.headers.cookie ?? '').split(';').map((pair) => pair.trim().split('='));
  const found = pairs.filter(([name]) => name === COOKIE);
  return found.length === 1 ? found[0][1] : undefined;
}

function begin(request, response, session) {
  sessions.delete(read(request));
  const id = randomBytes(32).toString('base64url');
  sessions.set(id, session);
  response.cookie(COOKIE, id, { httpOnly: true, sameSite: 'lax', secure, path: '/' });
}

const escape = (text) =>
  String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

const app = express();

app.get('/', (request, response) => {
  const user = sessions.get(read(request))?.user;
  response.send(
    user
      ? `<h1>Hello, ${escape(user.name ?? user.email)}</h1><form method="post" action="/logout"><button>Log out</button></form>`
      : '<h1>Shop</h1><a href="/login">Log in</a>',
  );
});

app.get('/login', async (request, response) => {
  const verifier = oidc.randomPKCECodeVerifier();
  const pending = { verifier, state: oidc.randomState(), nonce: oidc.randomNonce() };
  begin(request, response, { pending });
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: `${origin}/callback`,
    scope: 'openid profile email',
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state: pending.state,
    nonce: pending.nonce,
  });
  response.redirect(url.href);
});

app.get('/callback', async (request, response) => {
  const pending = sessions.get(read(request))?.pending;
  if (!pending) {
    response.status(400).send('<h1>Not logged in</h1><a href="/login">Try again</a>');
    return;
  }
  try {
    const tokens = await oidc.authorizationCodeGrant(config, new URL(request.originalUrl, origin), {
      pkceCodeVerifier: pending.verifier,
      expectedState: pending.state,
      expectedNonce: pending.nonce,
      idTokenExpected: true,
    });
    const { sub, email, name } = tokens.claims();
    begin(request, response, { user: { sub, email, name }, idToken: tokens.id_token });
    response.redirect('/');
  } catch (error) {
    response.status(400).send(`<h1>Not logged in</h1><p>${escape(error.error ?? error.code ?? '')}</p>`);
  }
});

app.post('/logout', (request, response) => {
  if ((request.headers.origin ?? origin) !== origin) {
    response.status(403).send('a logout comes from a page of the shop');
    return;
  }
  const session = sessions.get(read(request));
  sessions.delete(read(request));
  response.clearCookie(COOKIE, { path: '/', secure, httpOnly: true, sameSite: 'lax' });
  const parameters = { post_logout_redirect_uri: `${origin}/` };
  if (session?.idToken) parameters.id_token_hint = session.idToken;
  response.redirect(303, oidc.buildEndSessionUrl(config, parameters).href);
});

app.listen(Number(PORT), '127.0.0.1', () => console.log(`ready ${origin}`));
