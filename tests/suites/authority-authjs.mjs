// A storefront on npm @auth/express (Auth.js): issuer, id and secret, and the defaults.
// Its settings come as JSON; it ends with the test.
import { ExpressAuth, getSession } from '@auth/express';
import express from 'express';

const { issuer, id, secret, origin } = JSON.parse(process.argv[2]);
const config = {
  trustHost: true,
  secret: 'a secret of the shop, for its own cookie',
  providers: [
    { id: 'vestibule', name: 'Vestibule', type: 'oidc', issuer, clientId: id, clientSecret: secret },
  ],
};
const app = express();
app.use(/^\/auth\/(.*)/, ExpressAuth(config));
app.get('/', async (request, response) => {
  const session = await getSession(request, config);
  response.send(session ? `orders of ${session.user.name} <${session.user.email}>` : 'out');
});
app.listen(Number(new URL(origin).port), '127.0.0.1', () => console.log('ready'));
