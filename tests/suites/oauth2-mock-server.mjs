// npm `oauth2-mock-server` on loopback, with hooks that break its answers.
//
//   node oauth2-mock-server.mjs
//
// Prints `ready ORIGIN` once it serves. Each line on stdin is the name of what
// to break from then on (`nothing` for a server that works); it is acknowledged
// with `breaks NAME`.
import { createInterface } from 'node:readline';
import { OAuth2Server } from 'oauth2-mock-server';

const server = new OAuth2Server();
await server.issuer.keys.generate('RS256');
await server.start(0, '127.0.0.1');
const origin = `http://127.0.0.1:${server.address().port}`;
server.issuer.url = origin;

const now = () => Math.floor(Date.now() / 1000);
const isIdToken = (token) => typeof token.payload.nonce === 'string';
const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const part = (token, index) => JSON.parse(Buffer.from(token.split('.')[index], 'base64url'));

// What is done to the claims before they are signed.
const claims = {
  wrong_nonce: (p) => { p.nonce = 'of-another-login'; },
  no_nonce: (p) => { delete p.nonce; },
  wrong_audience: (p) => { p.aud = 'somebody-else'; },
  foreign_party: (p) => { p.aud = [p.aud, 'somebody-else']; p.azp = 'somebody-else'; },
  wrong_issuer: (p) => { p.iss = 'https://evil.test'; },
  issuer_with_slash: (p) => { p.iss += '/'; },
  expired: (p) => { p.exp = now() - 3600; },
  not_yet: (p) => { p.iat = now() + 3600; },
  expiry_as_text: (p) => { p.exp = String(p.exp); },
  no_subject: (p) => { delete p.sub; },
};

// What is done to the answer of the token endpoint.
const answers = {
  bad_signature: (r) => {
    const [header, payload, signature] = r.body.id_token.split('.');
    const bytes = Buffer.from(signature, 'base64url');
    bytes[10] ^= 1;
    r.body.id_token = `${header}.${payload}.${bytes.toString('base64url')}`;
  },
  changed_claims: (r) => {
    const [header, , signature] = r.body.id_token.split('.');
    const payload = { ...part(r.body.id_token, 1), email: 'victim@example.test' };
    r.body.id_token = `${header}.${encode(payload)}.${signature}`;
  },
  no_algorithm: (r) => {
    const payload = r.body.id_token.split('.')[1];
    r.body.id_token = `${encode({ alg: 'none', typ: 'JWT' })}.${payload}.`;
  },
  unknown_key: (r) => {
    const [, payload, signature] = r.body.id_token.split('.');
    const header = { ...part(r.body.id_token, 0), kid: 'nobody-knows' };
    r.body.id_token = `${encode(header)}.${payload}.${signature}`;
  },
  no_id_token: (r) => { delete r.body.id_token; },
  no_access_token: (r) => { delete r.body.access_token; },
  token_refused: (r) => { r.statusCode = 400; r.body = { error: 'invalid_grant' }; },
  token_down: (r) => { r.statusCode = 503; r.body = {}; },
};

// What is done to the user information.
const profiles = {
  other_subject: (r) => { r.body.sub = 'mallory'; },
  no_email: (r) => { delete r.body.email; },
  email_as_list: (r) => { r.body.email = [r.body.email, 'other@example.test']; },
  profile_refused: (r) => { r.statusCode = 401; r.body = { error: 'invalid_token' }; },
};

// What is done to the redirect back.
const redirects = {
  wrong_state: (u) => u.searchParams.set('state', 'A'.repeat(43)),
  no_state: (u) => u.searchParams.delete('state'),
  two_codes: (u) => u.searchParams.append('code', 'another'),
  foreign_iss: (u) => u.searchParams.set('iss', 'https://evil.test'),
  denied: (u) => { u.searchParams.delete('code'); u.searchParams.set('error', 'access_denied'); },
};

let broken = 'nothing';

server.service.on('beforeTokenSigning', (token) => {
  if (!isIdToken(token)) return;
  token.payload.sub = 'johndoe';
  claims[broken]?.(token.payload);
});
server.service.on('beforeResponse', (response) => answers[broken]?.(response));
server.service.on('beforeUserinfo', (response) => {
  response.body = { sub: 'johndoe', email: 'john@example.test', email_verified: true, name: 'John Doe' };
  profiles[broken]?.(response);
});
server.service.on('beforeAuthorizeRedirect', ({ url }) => redirects[broken]?.(url));

const known = { nothing: null, ...claims, ...answers, ...profiles, ...redirects };
createInterface({ input: process.stdin }).on('line', (line) => {
  if (!(line in known)) throw new Error(`nothing here is called ${line}`);
  broken = line;
  console.log(`breaks ${line}`);
});
console.log(`ready ${origin}`);
