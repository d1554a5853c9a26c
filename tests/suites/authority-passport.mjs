// A storefront on npm passport and passport-openidconnect, which asks no discovery.
// Its settings come as JSON; it ends with the test.
import express from 'express';
import session from 'express-session';
import passport from 'passport';
import OpenIDConnectStrategy from 'passport-openidconnect';

const { issuer, id, secret, origin } = JSON.parse(process.argv[2]);
const app = express();
app.use(session({ secret: 'of the shop', resave: false, saveUninitialized: false }));
app.use(passport.initialize());
app.use(passport.session());
passport.serializeUser((user, done) => done(null, user));
passport.deserializeUser((user, done) => done(null, user));
passport.use(new OpenIDConnectStrategy({
  issuer,
  authorizationURL: `${issuer}/connect/authorize`,
  tokenURL: `${issuer}/connect/token`,
  userInfoURL: `${issuer}/connect/userinfo`,
  clientID: id,
  clientSecret: secret,
  callbackURL: `${origin}/callback`,
  scope: ['profile', 'email'],
}, (from, profile, done) => done(null, profile)));
app.get('/callback', passport.authenticate('openidconnect', { failWithError: true }), (request, response) => {
  response.redirect('/orders');
});
app.get('/orders', (request, response, next) => {
  if (!request.isAuthenticated()) return passport.authenticate('openidconnect')(request, response, next);
  const { displayName, emails } = request.user;
  response.send(`orders of ${displayName} <${emails?.[0]?.value}>`);
});
app.use((error, request, response, next) => response.status(500).send(`no login: ${error.code ?? error.message}`));
app.listen(Number(new URL(origin).port), '127.0.0.1', () => console.log('ready'));
