//! Servers that a shop or its company runs, and the two examples.

use serde_json::json;

use crate::imitation::{Imitation, and, mock, openid};

pub fn all() -> Vec<Imitation> {
    vec![
        salesforce(),
        shopify(),
        keycloak(),
        auth0(),
        okta(),
        zitadel(),
        virto_commerce(),
        azure_ad_b2c(),
        vtex_exact(),
        mock_idp(),
    ]
}

fn salesforce() -> Imitation {
    const URL: &str = "https://login.salesforce.com/id/00Dx0000000BV7z/005x00000012Q9P";
    let paths = [
        "/services/oauth2/authorize",
        "/services/oauth2/token",
        "/id/keys",
        "/services/oauth2/userinfo",
    ];
    let profile = json!({
        "sub": URL, "user_id": "005x00000012Q9PAAS", "organization_id": "00Dx0000000BV7zEAG",
        "preferred_username": "ada@acme.test.sandbox", "name": "Ada Lovelace",
        "email": "ada@acme.test", "email_verified": true,
    });
    let differences = and(
        openid("", paths, &[]),
        json!({ "token": { "response": { "expires_in": null, "extra": {
            "instance_url": "https://acme.my.salesforce.test", "id": URL,
            "issued_at": "1278448384422", "signature": "SSSbLO/gBhmmyNUvN18ODBDFYHzakxOMgqYtu+hDPsc=",
        } } } }),
    );
    Imitation {
        file: "salesforce",
        mock: mock(profile, differences),
        user_id: "005x00000012Q9PAAS",
        email: "ada@acme.test",
        name: Some("Ada Lovelace"),
        links: true,
        more: json!({ "organization_id": "00Dx0000000BV7zEAG" }),
        requests: "
            GET /.well-known/openid-configuration
            GET /services/oauth2/authorize?client_id=shop-42&redirect_uri&response_type=code&scope=openid profile email&state&nonce&PKCE
            POST /services/oauth2/token
              form: TOKEN&code_verifier
            GET /id/keys
            GET /services/oauth2/userinfo
              Authorization: Bearer *
        ",
        ..Imitation::default()
    }
}

fn shopify() -> Imitation {
    let profile = json!({
        "id": "gid://shopify/Customer/1018520244", "displayName": "Ada Lovelace",
        "firstName": "Ada", "lastName": "Lovelace",
        "emailAddress": { "emailAddress": "ada@example.test" },
    });
    let differences = json!({
        "paths": {
            "/authentication/OUR_SHOP_ID/oauth/authorize": "/authorize",
            "/authentication/OUR_SHOP_ID/oauth/token": "/token",
            "/OUR_SHOP_ID/account/customer/api/2025-01/graphql": "/userinfo",
        },
        "client_authentication": ["basic"],
        "userinfo": {
            "token_in": "bearer", "scheme": "",
            "required_headers": { "user-agent": null, "content-type": "application/json" },
            "required_parameters": { "query": null },
            "response": { "wrapper": "data.customer" },
        },
    });
    Imitation {
        file: "shopify",
        mock: mock(profile, differences),
        user_id: "gid://shopify/Customer/1018520244",
        email: "ada@example.test",
        name: Some("Ada Lovelace"),
        links: true,
        more: json!({ "given_name": "Ada" }),
        requests: "
            GET /authentication/OUR_SHOP_ID/oauth/authorize?client_id=shop-42&redirect_uri&response_type=code&scope=openid email customer-account-api:full&state&PKCE
            POST /authentication/OUR_SHOP_ID/oauth/token
              Authorization: Basic *
              form: grant_type=authorization_code&code&redirect_uri&code_verifier
            POST /OUR_SHOP_ID/account/customer/api/2025-01/graphql
              json: query=query { customer { id displayName *
        ",
        ..Imitation::default()
    }
}

fn keycloak() -> Imitation {
    let paths = [
        "/realms/OUR_REALM/protocol/openid-connect/auth",
        "/realms/OUR_REALM/protocol/openid-connect/token",
        "/realms/OUR_REALM/protocol/openid-connect/certs",
        "/realms/OUR_REALM/protocol/openid-connect/userinfo",
    ];
    let claims = ["email", "email_verified", "name", "preferred_username"];
    let profile = json!({
        "sub": "f7b6a9d2-9a7c-4d6a-8f0a-4ef4f6f0c1aa", "email": "ada@acme.test",
        "email_verified": true, "name": "Ada Lovelace", "preferred_username": "ada",
        "groups": ["/customers", "/customers/gold"],
    });
    let differences = and(
        openid("/realms/OUR_REALM", paths, &claims),
        json!({ "callback": { "iss": true } }),
    );
    Imitation {
        file: "keycloak",
        mock: mock(profile, differences),
        user_id: "f7b6a9d2-9a7c-4d6a-8f0a-4ef4f6f0c1aa",
        email: "ada@acme.test",
        name: Some("Ada Lovelace"),
        links: true,
        more: json!({ "groups": ["/customers", "/customers/gold"], "username": "ada" }),
        requests: "
            GET /realms/OUR_REALM/.well-known/openid-configuration
            GET /realms/OUR_REALM/protocol/openid-connect/auth?client_id=shop-42&redirect_uri&response_type=code&scope=openid profile email&state&nonce&PKCE
            POST /realms/OUR_REALM/protocol/openid-connect/token
              form: TOKEN&code_verifier
            GET /realms/OUR_REALM/protocol/openid-connect/certs
            GET /realms/OUR_REALM/protocol/openid-connect/userinfo
              Authorization: Bearer *
        ",
        ..Imitation::default()
    }
}

fn auth0() -> Imitation {
    let paths = [
        "/authorize",
        "/oauth/token",
        "/.well-known/jwks.json",
        "/userinfo",
    ];
    let claims = ["email", "email_verified", "name", "given_name"];
    let profile = json!({
        "sub": "auth0|5f7c8ec7c33c6c004bbafe82", "email": "ada@acme.test",
        "email_verified": true, "name": "Ada Lovelace", "given_name": "Ada",
    });
    Imitation {
        file: "auth0",
        mock: mock(profile, openid("/", paths, &claims)),
        user_id: "auth0|5f7c8ec7c33c6c004bbafe82",
        email: "ada@acme.test",
        name: Some("Ada Lovelace"),
        links: true,
        requests: "
            GET /.well-known/openid-configuration
            GET /authorize?client_id=shop-42&redirect_uri&response_type=code&scope=openid profile email&state&nonce&PKCE
            POST /oauth/token
              form: TOKEN&code_verifier
            GET /.well-known/jwks.json
        ",
        ..Imitation::default()
    }
}

fn okta() -> Imitation {
    let paths = [
        "/oauth2/default/v1/authorize",
        "/oauth2/default/v1/token",
        "/oauth2/default/v1/keys",
        "/oauth2/default/v1/userinfo",
    ];
    let profile = json!({
        "sub": "00uid4BxXw6I6TV4m0g3", "email": "ada@acme.test", "email_verified": true,
        "name": "Ada Lovelace", "locale": "en-US", "groups": ["Everyone", "Customers"],
    });
    let differences = and(
        openid("/oauth2/default", paths, &[]),
        json!({ "client_authentication": ["basic"] }),
    );
    Imitation {
        file: "okta",
        mock: mock(profile, differences),
        user_id: "00uid4BxXw6I6TV4m0g3",
        email: "ada@acme.test",
        name: Some("Ada Lovelace"),
        links: true,
        more: json!({ "groups": ["Everyone", "Customers"], "locale": "en-US" }),
        requests: "
            GET /oauth2/default/.well-known/openid-configuration
            GET /oauth2/default/v1/authorize?client_id=shop-42&redirect_uri&response_type=code&scope=openid profile email&state&nonce&PKCE
            POST /oauth2/default/v1/token
              Authorization: Basic *
              form: grant_type=authorization_code&code&redirect_uri&code_verifier
            GET /oauth2/default/v1/keys
            GET /oauth2/default/v1/userinfo
              Authorization: Bearer *
        ",
        ..Imitation::default()
    }
}

fn zitadel() -> Imitation {
    let paths = [
        "/oauth/v2/authorize",
        "/oauth/v2/token",
        "/oauth/v2/keys",
        "/oidc/v1/userinfo",
    ];
    let roles = json!({ "customer": { "223281939119866241": "acme.zitadel.test" } });
    let profile = json!({
        "sub": "223281986649719041", "email": "ada@acme.test", "email_verified": true,
        "name": "Ada Lovelace", "urn:zitadel:iam:org:project:roles": roles,
    });
    let differences = and(
        openid("", paths, &[]),
        json!({ "client_authentication": ["basic"] }),
    );
    Imitation {
        file: "zitadel",
        mock: mock(profile, differences),
        user_id: "223281986649719041",
        email: "ada@acme.test",
        name: Some("Ada Lovelace"),
        links: true,
        more: json!({ "project_roles": roles }),
        requests: "
            GET /.well-known/openid-configuration
            GET /oauth/v2/authorize?client_id=shop-42&redirect_uri&response_type=code&scope=openid profile email urn:zitadel:iam:org:project:roles&state&nonce&PKCE
            POST /oauth/v2/token
              Authorization: Basic *
              form: grant_type=authorization_code&code&redirect_uri&code_verifier
            GET /oauth/v2/keys
            GET /oidc/v1/userinfo
              Authorization: Bearer *
        ",
        ..Imitation::default()
    }
}

fn virto_commerce() -> Imitation {
    let paths = [
        "/connect/authorize",
        "/connect/token",
        "/.well-known/jwks",
        "/connect/userinfo",
    ];
    let profile = json!({
        "sub": "1eb2fa8a-c9a3-4f3a-b5ea-1a9d9d1c6a33", "username": "ada", "name": "ada",
        "email": "ada@acme.test", "email_verified": true,
    });
    Imitation {
        file: "virto-commerce",
        // After a code exchange the ID token has the `sub` alone.
        mock: mock(profile, openid("/", paths, &[])),
        user_id: "1eb2fa8a-c9a3-4f3a-b5ea-1a9d9d1c6a33",
        email: "ada@acme.test",
        name: Some("ada"),
        links: true,
        requests: "
            GET /.well-known/openid-configuration
            GET /connect/authorize?client_id=shop-42&redirect_uri&response_type=code&scope=openid profile email&state&nonce&PKCE
            POST /connect/token
              form: TOKEN&code_verifier
            GET /.well-known/jwks
            GET /connect/userinfo
              Authorization: Bearer *
        ",
        ..Imitation::default()
    }
}

fn azure_ad_b2c() -> Imitation {
    const AUTHORIZE: &str = "/OUR_TENANT.onmicrosoft.com/OUR_USER_FLOW/oauth2/v2.0/authorize";
    const TOKEN: &str = "/OUR_TENANT.onmicrosoft.com/OUR_USER_FLOW/oauth2/v2.0/token";
    const KEYS: &str = "/OUR_TENANT.onmicrosoft.com/OUR_USER_FLOW/discovery/v2.0/keys";
    const DISCOVERY: &str =
        "/OUR_TENANT.onmicrosoft.com/OUR_USER_FLOW/v2.0/.well-known/openid-configuration";
    let claims = ["emails", "name", "given_name", "family_name", "tfp", "oid"];
    let profile = json!({
        "sub": "884408e1-2918-4cz0-b12d-3aa027d7563b", "oid": "884408e1-2918-4cz0-b12d-3aa027d7563b",
        "emails": ["ada@example.test"], "name": "Ada Lovelace", "given_name": "Ada",
        "family_name": "Lovelace", "tfp": "OUR_USER_FLOW",
    });
    let paths = [AUTHORIZE, TOKEN, KEYS, "/none"];
    let mut differences = openid("/OUR_TENANT_ID/v2.0/", paths, &claims);
    differences["paths"] = json!({
        (AUTHORIZE): "/authorize", (TOKEN): "/token", (KEYS): "/jwks.json",
        (DISCOVERY): "/.well-known/openid-configuration",
    });
    // An access token only for scopes of an API, or for the client id as a scope.
    differences["token"] = json!({ "response": {
        "access_token": "", "expires_in": null,
        "extra": { "id_token_expires_in": 3600, "not_before": 1_729_706_541, "scope": "openid" },
    } });
    Imitation {
        file: "azure-ad-b2c",
        mock: mock(profile, differences),
        user_id: "884408e1-2918-4cz0-b12d-3aa027d7563b",
        email: "ada@example.test",
        name: Some("Ada Lovelace"),
        more: json!({ "given_name": "Ada" }),
        requests: "
            GET /OUR_TENANT.onmicrosoft.com/OUR_USER_FLOW/v2.0/.well-known/openid-configuration
            GET /OUR_TENANT.onmicrosoft.com/OUR_USER_FLOW/oauth2/v2.0/authorize?client_id=shop-42&redirect_uri&response_type=code&scope=openid&state&nonce&PKCE
            POST /OUR_TENANT.onmicrosoft.com/OUR_USER_FLOW/oauth2/v2.0/token
              form: TOKEN&code_verifier
            GET /OUR_TENANT.onmicrosoft.com/OUR_USER_FLOW/discovery/v2.0/keys
        ",
        ..Imitation::default()
    }
}

/// The server of VTEX's document; what it does not name, it does not get.
fn vtex_exact() -> Imitation {
    let profile = json!({ "userId": "1815", "email": "ada@example.test", "name": "Ada Lovelace" });
    let differences = json!({
        "paths": {
            "/oauth/authorize": "/authorize",
            "/oauth/token": "/token",
            "/oauth/userinfo": "/userinfo",
        },
        "authorize": { "response_type_required": false, "state_required": true },
        "token": {
            "grant_type_required": false,
            "response": { "token_type": null },
        },
    });
    Imitation {
        file: "vtex-exact",
        mock: mock(profile, differences),
        user_id: "1815",
        email: "ada@example.test",
        name: Some("Ada Lovelace"),
        links: true,
        requests: "
            GET /oauth/authorize?client_id=shop-42&redirect_uri&state
            POST /oauth/token
              form: code&redirect_uri&client_id=shop-42&client_secret=SECRET
            GET /oauth/userinfo
              Authorization: Bearer *
        ",
        ..Imitation::default()
    }
}

fn mock_idp() -> Imitation {
    let profile =
        json!({ "userId": "u-1001", "email": "ada@example.test", "name": "Ada Lovelace" });
    Imitation {
        file: "mock-idp",
        mock: mock(profile, json!({})),
        user_id: "u-1001",
        email: "ada@example.test",
        name: Some("Ada Lovelace"),
        links: true,
        requests: "
            GET /authorize?client_id=shop-42&redirect_uri&response_type=code&state&PKCE&scope=profile email
            POST /token
              form: TOKEN&code_verifier
            GET /userinfo
              Authorization: Bearer *
        ",
        ..Imitation::default()
    }
}
