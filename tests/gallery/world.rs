//! Providers of the world at large.

use serde_json::json;

use crate::imitation::{Imitation, and, mock, openid};
use crate::signed;

pub fn all() -> Vec<Imitation> {
    vec![
        google(),
        facebook(),
        apple(),
        microsoft(),
        github(),
        gitlab(),
        linkedin(),
        discord(),
        slack(),
    ]
}

fn google() -> Imitation {
    let paths = [
        "/o/oauth2/v2/auth",
        "/token",
        "/oauth2/v3/certs",
        "/v1/userinfo",
    ];
    let claims = ["email", "email_verified", "name", "given_name", "picture"];
    let profile = json!({
        "sub": "110169484474386276334", "email": "ada@gmail.com", "email_verified": true,
        "name": "Ada Lovelace", "given_name": "Ada", "picture": "https://lh3.test/a/x",
    });
    Imitation {
        file: "google",
        mock: mock(profile, openid("", paths, &claims)),
        user_id: "110169484474386276334",
        email: "ada@gmail.com",
        name: Some("Ada Lovelace"),
        links: true,
        more: json!({ "given_name": "Ada", "picture": "https://lh3.test/a/x" }),
        requests: "
            GET /.well-known/openid-configuration
            GET /o/oauth2/v2/auth?client_id=shop-42&redirect_uri&response_type=code&scope=openid email profile&state&nonce&PKCE&prompt=select_account
            POST /token
              Accept: application/json
              form: TOKEN&code_verifier
            GET /oauth2/v3/certs
        ",
        ..Imitation::default()
    }
}

fn facebook() -> Imitation {
    let profile = json!({
        "id": "10220304050607080", "email": "ada@example.test", "name": "Ada Lovelace",
        "first_name": "Ada", "last_name": "Lovelace",
    });
    let differences = json!({
        "paths": {
            "/v21.0/dialog/oauth": "/authorize",
            "/v21.0/oauth/access_token": "/token",
            "/v21.0/me": "/userinfo",
        },
        "userinfo": { "required_parameters": { "fields": null } },
        "token": { "response": { "token_type_value": "bearer", "expires_in_value": 5_183_944 } },
    });
    Imitation {
        file: "facebook",
        mock: mock(profile, differences),
        user_id: "10220304050607080",
        email: "ada@example.test",
        name: Some("Ada Lovelace"),
        more: json!({ "family_name": "Lovelace" }),
        verify: Some(signed::facebook),
        requests: "
            GET /v21.0/dialog/oauth?client_id=shop-42&redirect_uri&response_type=code&scope=email,public_profile&state&PKCE
            POST /v21.0/oauth/access_token
              form: TOKEN&code_verifier
            GET /v21.0/me?fields=id,email,name,first_name,last_name&appsecret_proof
              Authorization: Bearer *
        ",
        ..Imitation::default()
    }
}

fn apple() -> Imitation {
    let paths = ["/auth/authorize", "/auth/token", "/auth/keys", "/none"];
    let claims = ["email", "email_verified", "is_private_email"];
    let profile = json!({
        "sub": "001234.0a1b2c3d4e5f60718293a4b5c6d7e8f9.1234",
        "email": "x7k2p9@privaterelay.appleid.com", "email_verified": "true",
        "is_private_email": "true",
    });
    let differences = and(
        openid("", paths, &claims),
        json!({
            // The client with the key is put in by the run.
            "client_id": "another",
            "client_authentication": ["signed_secret"],
            "callback": { "extra": { "user": json!({
                "name": { "firstName": "Ada", "lastName": "Lovelace" },
                "email": "x7k2p9@privaterelay.appleid.com",
            }).to_string() } },
        }),
    );
    Imitation {
        file: "apple",
        mock: mock(profile, differences),
        user_id: "001234.0a1b2c3d4e5f60718293a4b5c6d7e8f9.1234",
        email: "x7k2p9@privaterelay.appleid.com",
        name: Some("Ada Lovelace"),
        links: true,
        more: json!({ "is_private_email": "true" }),
        requests: "
            GET /.well-known/openid-configuration
            GET /auth/authorize?client_id=shop-42&redirect_uri&response_type=code&scope=openid email name&state&nonce&response_mode=form_post
            POST /auth/token
              form: grant_type=authorization_code&code&redirect_uri&client_id=shop-42&client_secret=ey*
            GET /auth/keys
        ",
        ..Imitation::default()
    }
}

fn microsoft() -> Imitation {
    const TENANT: &str = "/9188040d-6c67-4c5b-b112-36a304b66dad";
    let at = |path: &str| format!("{TENANT}{path}");
    let paths = [
        &at("/oauth2/v2.0/authorize"),
        &at("/oauth2/v2.0/token"),
        &at("/discovery/v2.0/keys"),
        "/oidc/userinfo",
    ];
    let claims = [
        "email",
        "name",
        "oid",
        "preferred_username",
        "tid",
        "xms_edov",
    ];
    let profile = json!({
        "sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
        "oid": "00000000-0000-0000-66f3-3332eca7ea81", "tid": &TENANT[1..],
        "email": "ada@outlook.test", "preferred_username": "ada@outlook.test",
        "name": "Ada Lovelace", "xms_edov": "1",
    });
    Imitation {
        file: "microsoft",
        mock: mock(profile, openid(&at("/v2.0"), paths, &claims)),
        user_id: "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
        email: "ada@outlook.test",
        name: Some("Ada Lovelace"),
        links: true,
        more: json!({ "tenant": "9188040d-6c67-4c5b-b112-36a304b66dad" }),
        requests: "
            GET /9188040d-6c67-4c5b-b112-36a304b66dad/v2.0/.well-known/openid-configuration
            GET /9188040d-6c67-4c5b-b112-36a304b66dad/oauth2/v2.0/authorize?client_id=shop-42&redirect_uri&response_type=code&scope=openid email profile&state&nonce&PKCE&prompt=select_account
            POST /9188040d-6c67-4c5b-b112-36a304b66dad/oauth2/v2.0/token
              form: TOKEN&code_verifier
            GET /9188040d-6c67-4c5b-b112-36a304b66dad/discovery/v2.0/keys
        ",
        ..Imitation::default()
    }
}

fn github() -> Imitation {
    let profile = json!({
        "login": "octocat", "id": 583_231, "name": "Ada Lovelace", "email": null,
        "avatar_url": "https://avatars.test/u/583231",
    });
    let differences = json!({
        "paths": {
            "/login/oauth/authorize": "/authorize",
            "/login/oauth/access_token": "/token",
            "/user": "/userinfo",
        },
        "token": { "response": { "expires_in": null, "token_type_value": "bearer" } },
        "userinfo": {
            "token_in": "bearer",
            "required_headers": { "user-agent": null, "accept": "application/vnd.github+json" },
        },
        "routes": { "/user/emails": [
            { "email": "octocat@users.noreply.test", "primary": false, "verified": true },
            { "email": "other@example.test", "primary": false, "verified": false },
            { "email": "ada@example.test", "primary": true, "verified": true },
        ] },
    });
    Imitation {
        file: "github",
        mock: mock(profile, differences),
        user_id: "583231",
        email: "ada@example.test",
        name: Some("Ada Lovelace"),
        links: true,
        more: json!({ "login": "octocat", "picture": "https://avatars.test/u/583231" }),
        requests: "
            GET /login/oauth/authorize?client_id=shop-42&redirect_uri&response_type=code&scope=read:user user:email&state&PKCE
            POST /login/oauth/access_token
              Accept: application/json
              form: TOKEN&code_verifier
            GET /user
              Authorization: Bearer *
              X-GitHub-Api-Version: 2022-11-28
            GET /user/emails
              Authorization: Bearer *
              Accept: application/vnd.github+json
        ",
        ..Imitation::default()
    }
}

fn gitlab() -> Imitation {
    let paths = [
        "/oauth/authorize",
        "/oauth/token",
        "/oauth/discovery/keys",
        "/oauth/userinfo",
    ];
    let claims = ["email", "email_verified", "name", "nickname"];
    let profile = json!({
        "sub": "1234567", "name": "Ada Lovelace", "nickname": "ada", "email": "ada@example.test",
        "email_verified": true, "groups": ["acme", "acme/shop"],
    });
    Imitation {
        file: "gitlab",
        mock: mock(profile, openid("", paths, &claims)),
        user_id: "1234567",
        email: "ada@example.test",
        name: Some("Ada Lovelace"),
        links: true,
        more: json!({ "groups": ["acme", "acme/shop"], "nickname": "ada" }),
        requests: "
            GET /.well-known/openid-configuration
            GET /oauth/authorize?client_id=shop-42&redirect_uri&response_type=code&scope=openid profile email&state&nonce&PKCE
            POST /oauth/token
              form: TOKEN&code_verifier
            GET /oauth/discovery/keys
            GET /oauth/userinfo
              Authorization: Bearer *
        ",
        ..Imitation::default()
    }
}

fn linkedin() -> Imitation {
    let profile = json!({
        "sub": "782bbtaQ", "name": "Ada Lovelace", "given_name": "Ada", "family_name": "Lovelace",
        "picture": "https://media.licdn.test/x", "locale": { "country": "GB", "language": "en" },
        "email": "ada@example.test", "email_verified": true,
    });
    let differences = json!({ "paths": {
        "/oauth/v2/authorization": "/authorize",
        "/oauth/v2/accessToken": "/token",
        "/v2/userinfo": "/userinfo",
    } });
    Imitation {
        file: "linkedin",
        mock: mock(profile, differences),
        user_id: "782bbtaQ",
        email: "ada@example.test",
        name: Some("Ada Lovelace"),
        links: true,
        requests: "
            GET /oauth/v2/authorization?client_id=shop-42&redirect_uri&response_type=code&scope=openid profile email&state
            POST /oauth/v2/accessToken
              form: TOKEN
            GET /v2/userinfo
              Authorization: Bearer *
        ",
        ..Imitation::default()
    }
}

fn discord() -> Imitation {
    let profile = json!({
        "id": "80351110224678912", "username": "nelly", "discriminator": "0",
        "global_name": "Nelly", "verified": true, "email": "nelly@discord.test", "locale": "en-GB",
    });
    let differences = json!({
        "paths": {
            "/oauth2/authorize": "/authorize",
            "/api/oauth2/token": "/token",
            "/api/v10/users/@me": "/userinfo",
        },
        "token": { "response": { "expires_in_value": 604_800 } },
    });
    Imitation {
        file: "discord",
        mock: mock(profile, differences),
        user_id: "80351110224678912",
        email: "nelly@discord.test",
        name: Some("Nelly"),
        links: true,
        more: json!({ "username": "nelly", "locale": "en-GB" }),
        requests: "
            GET /oauth2/authorize?client_id=shop-42&redirect_uri&response_type=code&scope=identify email&state&PKCE
            POST /api/oauth2/token
              form: TOKEN&code_verifier
            GET /api/v10/users/@me
              Authorization: Bearer *
        ",
        ..Imitation::default()
    }
}

fn slack() -> Imitation {
    let paths = [
        "/openid/connect/authorize",
        "/api/openid.connect.token",
        "/openid/connect/keys",
        "/api/openid.connect.userInfo",
    ];
    let claims = [
        "email",
        "email_verified",
        "name",
        "locale",
        "https://slack.com/team_id",
    ];
    let profile = json!({
        "sub": "U0R7JM", "email": "ada@example.test", "email_verified": true,
        "name": "Ada Lovelace", "locale": "en-US", "https://slack.com/team_id": "T0R7GR",
    });
    let differences = and(
        openid("", paths, &claims),
        json!({ "token": { "response": { "extra": { "ok": true } } } }),
    );
    Imitation {
        file: "slack",
        mock: mock(profile, differences),
        user_id: "U0R7JM",
        email: "ada@example.test",
        name: Some("Ada Lovelace"),
        links: true,
        more: json!({ "team": "T0R7GR", "locale": "en-US" }),
        requests: "
            GET /.well-known/openid-configuration
            GET /openid/connect/authorize?client_id=shop-42&redirect_uri&response_type=code&scope=openid email profile&state&nonce
            POST /api/openid.connect.token
              form: TOKEN
            GET /openid/connect/keys
        ",
        ..Imitation::default()
    }
}
