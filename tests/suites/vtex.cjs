// Two packages that talk to VTEX ID, as npm has them: `@vtex/api`, the clients of apps
// for VTEX IO, and `@faststore/api`, the back end of FastStore. The hosts that they call
// are fixed, so requests to these go to the broker, as a hosts file and a proxy that
// names the account would have it. Commands come as lines, answers go as lines.
const http = require('node:http');
const https = require('node:https');
const { createInterface } = require('node:readline');

const { origin, account } = JSON.parse(process.argv[2]);
const broker = new URL(`${origin}/accounts/${account}`);
const hosts = new Set([
  'vtexid.vtex.com.br',
  'portal.vtexcommercestable.com.br',
  `${account}.vtexcommercestable.com.br`,
]);

const request = http.request;
for (const protocol of [http, https]) {
  protocol.request = (options, ...rest) => {
    if (typeof options === 'string' || options instanceof URL || !hosts.has(options.hostname)) {
      return request(options, ...rest);
    }
    const { agent, agents, ...own } = options;
    const to = { protocol: 'http:', host: broker.hostname, hostname: broker.hostname };
    const path = broker.pathname + options.path;
    return request({ ...own, ...to, port: broker.port, path }, ...rest);
  };
}
const fetched = globalThis.fetch;
globalThis.fetch = (address, init) => {
  const url = new URL(address);
  const to = hosts.has(url.hostname) ? `${broker}${url.pathname}${url.search}` : address;
  return fetched(to, init);
};

const { ID, Session } = require('@vtex/api');
const { GraphqlVtexSchema, GraphqlVtexContextFactory } = require('@faststore/api');
// The GraphQL that FastStore itself uses.
const { graphql } = require(
  require.resolve('graphql', { paths: [require.resolve('@faststore/api')] }),
);

const context = { account, authToken: 'of an app', tracer: { isTraceSampled: false }, logger: console };
const options = { timeout: 20_000 };
// An app has new clients for each request; one alone would remember its answers.
const client = (of) => new of(context, options);

const shop = {
  platform: 'vtex',
  account,
  environment: 'vtexcommercestable',
  channel: '{"salesChannel":"1"}',
  locale: 'en-US',
  hideUnavailableItems: false,
  incrementAddress: false,
  flags: {},
};
const question = `mutation ($session: IStoreSession!) {
  validateSession(session: $session, search: "") { person { id email givenName familyName } }
}`;
const visit = {
  locale: 'en-US',
  currency: { code: 'USD', symbol: '$' },
  country: 'USA',
  channel: shop.channel,
};

// FastStore's server, for a browser that brings this cookie.
async function faststore(cookie) {
  const contextOf = await GraphqlVtexContextFactory(shop);
  const contextValue = contextOf({ headers: { cookie, host: 'www.acme.test' } });
  const schema = await GraphqlVtexSchema(shop);
  const variableValues = { session: visit };
  const answer = await graphql({ schema, source: question, contextValue, variableValues });
  if (answer.errors) throw answer.errors[0];
  const { validate } = contextValue.clients.commerce.vtexid;
  const valid = await validate().catch((why) => ({ status: why.extensions?.status }));
  const session = contextValue.storage.cookies.get('vtex_session')?.value;
  return { person: answer.data.validateSession?.person ?? null, valid, session };
}

let token;
const commands = {
  send: async (email) => {
    token = await client(ID).getTemporaryToken();
    return client(ID).sendCodeToEmail(token, email);
  },
  code: (email, code) => client(ID).getEmailCodeAuthenticationToken(token, email, code),
  password: (email, password) => client(ID).getPasswordAuthenticationToken(token, email, password),
  faststore: (value) => faststore(`VtexIdclientAutCookie_${account}=${value}`),
  session: async (value) => (await client(Session).getSession(value, ['*'])).sessionData,
};

console.log('ready');
createInterface({ input: process.stdin }).on('line', async (line) => {
  const [command, ...words] = line.split(' ');
  try {
    console.log('answer', JSON.stringify(await commands[command](...words)));
  } catch (why) {
    console.log('answer', JSON.stringify({ failed: why.response?.status ?? String(why) }));
  }
});
