// A storefront on Auth.js (npm @auth/express): issuer, id and secret, and its defaults.
// Its settings come as JSON; it ends with the test.
import express from 'express';
import { ExpressAuth, getSession } from '@auth/express';

const { issuer, id, secret, origin } = JSON.parse(process.argv[2]);
const app = express();
const options = {
  secret: 'a secret of the shop, for its own cookie',
  trustHost: true,
  providers: [{ id: 'vestibule', name: 'Vestibule', type: 'oidc', issuer, clientId: id, clientSecret: secret }],
};
app.use('/auth/{*rest}', ExpressAuth(options));
app.get('/orders', async (request, response) => {
  const session = await getSession(request, options);
  if (!session) return response.status(401).send('log in');
  response.send(`orders of ${session.user.name} <${session.user.email}>`);
});
app.listen(Number(new URL(origin).port), '127.0.0.1', () => console.log('ready'));
