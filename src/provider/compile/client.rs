//! `[client]`: who we are, and how we prove it.

use super::Check;
use crate::base::Secret;
use crate::outbound::ClientCertificate;
use crate::protocol::jwe::DecryptionKey;
use crate::provider::assertion;
use crate::provider::file::{Authentication, Kind, ProviderFile};
use crate::provider::model::{Assertion, Client};

/// How we prove ourselves, as far as the mapping alone can say: `None` where
/// discovery lists it.
pub(super) fn authentication(file: &ProviderFile) -> Option<Authentication> {
    let all_mapped = file.provider.discovery_url.is_none()
        && file.provider.jwks_url.is_some()
        && file.authorization.url.is_some()
        && file.token.url.is_some();
    let usual = match file.provider.kind {
        // A body that the mapping writes out has the secret in it.
        Kind::Openid if !all_mapped && file.token.body.is_none() => None,
        Kind::Openid | Kind::Oauth2 => Some(Authentication::Body),
    };
    file.client.authentication.or(usual)
}

impl Check<'_> {
    pub(super) fn client(&mut self, file: &ProviderFile) -> Option<Client> {
        let set = &file.client;
        let id_key = self.name("client.id_key", set.id_key.as_ref(), "client_id");
        let secret_key = self.name(
            "client.secret_key",
            set.secret_key.as_ref(),
            "client_secret",
        );
        if id_key == secret_key {
            self.error(
                "client.secret_key",
                "the id and the secret need different names",
            );
        }
        let id = self.required_text("client.id", set.id.as_ref(), "id = \"storefront-42\"");
        let authentication = authentication(file);
        let secret = self.client_secret(file, authentication);
        let previous_secret = self.secret("client.previous_secret", set.previous_secret.as_ref());
        let assertion = self.assertion(file, authentication);
        let certificate = self.certificate(file);
        let decryption_key = self.decryption_key(file);
        let secrets = self.secrets(file);
        Some(Client {
            decryption_key,
            id_key,
            id: id?,
            secret_key,
            secret,
            previous_secret,
            authentication,
            assertion,
            dpop: self.dpop(file),
            certificate,
            secrets,
        })
    }

    fn client_secret(
        &mut self,
        file: &ProviderFile,
        authentication: Option<Authentication>,
    ) -> Option<Secret> {
        let (key, set) = ("client.secret", &file.client);
        let needed = match authentication {
            Some(way) => way.needs_secret(),
            None => set.private_key.is_none() && set.tls_certificate.is_none(),
        };
        if needed && set.secret.is_none() {
            self.missing(key, "secret = { env = \"ACME_CLIENT_SECRET\" }");
        }
        let empty = set.secret.as_ref().and_then(|s| s.as_literal()) == Some("");
        if !empty {
            return self.secret(key, set.secret.as_ref());
        }
        if authentication == Some(Authentication::ClientSecretJwt) {
            self.error(key, "an empty secret signs nothing");
        } else {
            self.warn(
                key,
                "the secret is empty, and is sent so",
                "write the secret, unless the provider gave an empty one",
            );
        }
        Some(Secret::new(String::new()))
    }

    /// Further secrets, each with a name that can stand in `{secret.…}`.
    fn secrets(&mut self, file: &ProviderFile) -> Vec<(String, Secret)> {
        let mut out = Vec::new();
        for (name, source) in &file.client.secrets {
            let key = format!("client.secrets.{name}");
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            if name.is_empty() || !name.chars().all(plain) {
                self.error_hint(
                    &key,
                    format!("`{name}` cannot be the name of a secret"),
                    "write letters, digits, `-` and `_`",
                );
                continue;
            }
            let secret = self.secret(&key, Some(source));
            out.extend(secret.map(|secret| (name.clone(), secret)));
        }
        out
    }

    fn assertion(
        &mut self,
        file: &ProviderFile,
        authentication: Option<Authentication>,
    ) -> Assertion {
        let (key, set) = ("client.private_key", &file.client);
        if authentication.is_some_and(Authentication::needs_private_key)
            && set.private_key.is_none()
        {
            self.missing(key, "private_key = { file = \"client-key.pem\" }");
        }
        let private_key = self.secret(key, set.private_key.as_ref());
        if let Some(Err(bad)) = private_key.as_ref().map(assertion::parse_key) {
            self.error(key, bad.to_string());
        }
        Assertion {
            private_key,
            key_id: set.private_key_id.clone(),
            audience: set.assertion_audience.clone(),
            issuer: set.assertion_issuer.clone(),
        }
    }

    /// A kept token would need its key kept as well.
    fn dpop(&mut self, file: &ProviderFile) -> bool {
        if file.client.dpop && file.token.keep {
            self.error_hint(
                "token.keep",
                "a token that is bound to a login's key is of no use to an application",
                "leave `keep` or `client.dpop` out",
            );
        }
        file.client.dpop
    }

    fn certificate(&mut self, file: &ProviderFile) -> Option<ClientCertificate> {
        let set = &file.client;
        let (at, key_at) = ("client.tls_certificate", "client.tls_private_key");
        let wanted = set.authentication == Some(Authentication::TlsClientAuth);
        if (wanted || set.tls_private_key.is_some()) && set.tls_certificate.is_none() {
            self.missing(at, "tls_certificate = { file = \"client.pem\" }");
        }
        if set.tls_certificate.is_some() && set.tls_private_key.is_none() {
            self.missing(key_at, "tls_private_key = { file = \"client-key.pem\" }");
        }
        let certificate = self.secret(at, set.tls_certificate.as_ref());
        let key = self.secret(key_at, set.tls_private_key.as_ref());
        match ClientCertificate::from_pem(&certificate?, &key?) {
            Ok(certificate) => Some(certificate),
            Err(why) => {
                self.error_hint(
                    at,
                    format!("the certificate and its key cannot be used: {why}"),
                    "both are PEM, the key unencrypted, and of the same key pair",
                );
                None
            }
        }
    }

    fn decryption_key(&mut self, file: &ProviderFile) -> Option<DecryptionKey> {
        let key = "client.decryption_key";
        let secret = self.secret(key, file.client.decryption_key.as_ref())?;
        let read = DecryptionKey::from_pem(secret.expose());
        if read.is_none() {
            self.error_hint(
                key,
                "not a private RSA or EC key in PKCS#8 PEM",
                "convert it with `openssl pkcs8 -topk8 -nocrypt`",
            );
        }
        read
    }
}
