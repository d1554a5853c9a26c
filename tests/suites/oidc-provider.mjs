// npm `oidc-provider` on loopback, with its own login and consent pages.
//
//   node oidc-provider.mjs '{"port": 0, "redirect_uri": "http://127.0.0.1:8081/callback/acme/other"}'
//
// Prints `ready ORIGIN` once it serves. Every start has new signing keys, so
// that a restart on the same port is a key rotation.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';

// It warns of what a production server should not do: what this one is for.
console.warn = console.info = () => {};
const { default: Provider } = await import('oidc-provider');

const options = JSON.parse(process.argv[2] ?? '{}');

const signingKey = (type, extra) => ({
  ...generateKeyPairSync(type, extra).privateKey.export({ format: 'jwk' }),
  kid: randomBytes(6).toString('hex'),
  use: 'sig',
});

const client = (client_id, client_secret, method, algorithm) => ({
  client_id,
  client_secret,
  redirect_uris: [options.redirect_uri],
  token_endpoint_auth_method: method,
  id_token_signed_response_alg: algorithm,
});

const server = createServer();
server.listen(options.port ?? 0, '127.0.0.1', () => {
  const origin = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(origin, {
    clients: [
      client('post', 'a secret of the post client', 'client_secret_post', 'RS256'),
      // Reserved characters: RFC 6749 §2.3.1 wants them form-encoded before
      // they go into a Basic header, and this server decodes them.
      client('basic:client', 'se cret+%41/&=~:', 'client_secret_basic', 'ES256'),
    ],
    jwks: {
      keys: [
        signingKey('rsa', { modulusLength: 2048 }),
        signingKey('ec', { namedCurve: 'P-256' }),
      ],
    },
    cookies: { keys: [randomBytes(16).toString('hex')] },
    pkce: { required: () => true },
    claims: {
      openid: ['sub'],
      email: ['email', 'email_verified'],
      profile: ['name', 'given_name', 'family_name', 'locale'],
    },
    findAccount: (_, id) => ({
      accountId: id,
      claims: async () => ({
        sub: id,
        email: `${id}@example.test`,
        email_verified: true,
        name: `${id[0].toUpperCase()}${id.slice(1)} Example`,
        given_name: id,
        family_name: 'Example',
        locale: 'pt-BR',
      }),
    }),
  });
  server.on('request', provider.callback());
  console.log(`ready ${origin}`);
});
