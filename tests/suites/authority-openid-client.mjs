// A storefront on npm `openid-client`: three settings, everything else discovered.
//
//   node authority-openid-client.mjs '{"issuer", "id", "secret", "redirect", "bye"}'
//
// Prints `visit URL`, reads the URL the browser came back to, and prints `ok WHAT`
// a check; fails at the first that does not hold.
import assert from 'node:assert/strict';
import { createInterface } from 'node:readline';
import * as oidc from 'openid-client';

const { issuer, id, secret, redirect, bye } = JSON.parse(process.argv[2]);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

const config = await oidc.discovery(new URL(issuer), id, secret, undefined, {
  execute: [oidc.allowInsecureRequests],
});
assert.ok(config.serverMetadata().supportsPKCE());
console.log('ok discovery');

async function logIn(method) {
  const verifier = oidc.randomPKCECodeVerifier();
  const checks = {
    pkceCodeVerifier: verifier,
    expectedState: oidc.randomState(),
    expectedNonce: oidc.randomNonce(),
    idTokenExpected: true,
  };
  const url = oidc.buildAuthorizationUrl(method, {
    redirect_uri: redirect,
    scope: 'openid profile email offline_access',
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    max_age: '300',
  });
  console.log(`visit ${url.href}`);
  const back = new URL((await lines.next()).value);
  return oidc.authorizationCodeGrant(method, back, { ...checks, maxAge: 300 });
}

const tokens = await logIn(config);
const claims = tokens.claims();
assert.equal(claims.email, 'ada@example.test');
assert.equal(claims.name, 'Ada Lovelace');
console.log('ok login');

const info = await oidc.fetchUserInfo(config, tokens.access_token, claims.sub);
assert.equal(info.email, 'ada@example.test');
console.log('ok userinfo');

const renewed = await oidc.refreshTokenGrant(config, tokens.refresh_token);
assert.notEqual(renewed.refresh_token, tokens.refresh_token);
assert.equal(renewed.claims().sub, claims.sub);
console.log('ok refresh');

assert.equal((await oidc.tokenIntrospection(config, renewed.access_token)).active, true);
await oidc.tokenRevocation(config, renewed.refresh_token);
assert.equal((await oidc.tokenIntrospection(config, renewed.access_token)).active, false);
await assert.rejects(oidc.refreshTokenGrant(config, renewed.refresh_token), {
  error: 'invalid_grant',
});
console.log('ok revocation');

// Single sign-on, the secret in the body this time.
const post = new oidc.Configuration(config.serverMetadata(), id, secret, oidc.ClientSecretPost(secret));
oidc.allowInsecureRequests(post);
const again = await logIn(post);
assert.equal(again.claims().sub, claims.sub);
console.log('ok again');

const end = oidc.buildEndSessionUrl(config, {
  post_logout_redirect_uri: bye,
  id_token_hint: again.id_token,
});
console.log(`visit ${end.href}`);
assert.equal((await lines.next()).value, bye);
console.log('ok logout');
process.exit(0);
