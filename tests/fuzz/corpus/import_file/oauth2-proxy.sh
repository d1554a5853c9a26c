exec oauth2-proxy \
  --provider=gitea --client-id=proxy --client-secret-file=/run/secrets/proxy \
  --login-url=https://git.acme.test/login/oauth/authorize \
  --redeem-url=https://git.acme.test/login/oauth/access_token \
  --profile-url=https://git.acme.test/api/v1/user \
  --email-domain=* --user-id-claim=email
