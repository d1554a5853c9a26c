// A storefront on npm passport-openidconnect. It reads no metadata, so the endpoints are
// given; all else is as it is by default. Its settings come as JSON; it ends with the test.
import express from 'express';
import session from 'express-session';
import passport from 'passport';
import OpenIDConnectStrategy from 'passport-openidconnect';

const { issuer, id, secret, origin } = JSON.parse(process.argv[2]);
passport.use(
  new OpenIDConnectStrategy(
    {
      issuer,
      authorizationURL: `${issuer}/connect/authorize`,
      tokenURL: `${issuer}/connect/token`,
      userInfoURL: `${issuer}/connect/userinfo`,
      clientID: id,
      clientSecret: secret,
      callbackURL: `${origin}/callback`,
      scope: ['profile', 'email'],
      skipUserProfile: false,
    },
    (from, profile, done) => done(null, { from, ...profile }),
  ),
);
passport.serializeUser((user, done) => done(null, user));
passport.deserializeUser((user, done) => done(null, user));
const app = express();
app.use(session({ secret: 'a secret of the shop', resave: false, saveUninitialized: false }));
app.use(passport.session());
app.get('/login', passport.authenticate('openidconnect'));
app.get(
  '/callback',
  passport.authenticate('openidconnect', { failureRedirect: '/refused', failWithError: false }),
  (request, response) => response.redirect('/'),
);
app.get('/refused', (request, response) => response.send('no login'));
app.get('/', (request, response) => {
  const { displayName, emails } = request.user ?? {};
  response.send(displayName ? `orders of ${displayName} <${emails[0].value}>` : 'out');
});
app.listen(Number(new URL(origin).port), '127.0.0.1', () => console.log('ready'));
