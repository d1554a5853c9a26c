// A storefront on npm express-openid-connect, with its own session and pages.
// Its settings come as JSON; it ends with the test.
import express from 'express';
import openid from 'express-openid-connect';

const { issuer, id, secret, origin } = JSON.parse(process.argv[2]);
const { auth, requiresAuth } = openid;
const app = express();
app.use(auth({
  issuerBaseURL: issuer,
  baseURL: origin,
  clientID: id,
  clientSecret: secret,
  secret: 'a secret of the shop, for its own cookie',
  authRequired: false,
  idpLogout: true,
  authorizationParams: { response_type: 'code', scope: 'openid profile email' },
}));
app.get('/', (request, response) => response.send(request.oidc.isAuthenticated() ? 'in' : 'out'));
app.get('/orders', requiresAuth(), async (request, response) => {
  const info = await request.oidc.fetchUserInfo();
  response.send(`orders of ${request.oidc.user.name} <${info.email}>`);
});
// What the shop makes of a login that failed: the library hands the error on.
app.use((error, request, response, next) => response.status(error.status ?? 500).send(`no login: ${error.error}`));
app.listen(Number(new URL(origin).port), '127.0.0.1', () => console.log('ready'));
