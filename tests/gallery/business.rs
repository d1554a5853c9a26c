//! What companies and public services log people in with.

use serde_json::json;

use crate::imitation::{Imitation, and, mock, openid};

pub fn all() -> Vec<Imitation> {
    vec![
        zoom(),
        notion(),
        hubspot(),
        intuit(),
        paypal(),
        mercado_libre(),
        bitbucket(),
        adfs(),
        sap_cdc(),
        gov_br(),
        franceconnect(),
        dropbox(),
    ]
}

fn zoom() -> Imitation {
    let profile = json!({
        "id": "KdYKjnimT4KPd8FFgQt9FQ", "first_name": "Ada", "last_name": "Lovelace",
        "display_name": "Ada Lovelace", "email": "ada@example.test", "verified": 1,
        "language": "en-US", "account_id": "q6gBJVO5TzexKYTb_I2rpg",
    });
    let differences = json!({
        "paths": {
            "/oauth/authorize": "/authorize", "/oauth/token": "/token", "/v2/users/me": "/userinfo",
        },
        "client_authentication": ["basic"],
        "token": { "response": { "token_type_value": "bearer", "expires_in_value": 3599 } },
        "userinfo": { "token_in": "bearer" },
    });
    Imitation {
        file: "zoom",
        mock: mock(profile, differences),
        user_id: "KdYKjnimT4KPd8FFgQt9FQ",
        email: "ada@example.test",
        name: Some("Ada Lovelace"),
        links: true,
        more: json!({ "locale": "en-US", "zoom_account": "q6gBJVO5TzexKYTb_I2rpg" }),
        requests: "
            GET /oauth/authorize?client_id=shop-42&redirect_uri&response_type=code&state&PKCE
            POST /oauth/token
              Authorization: Basic *
              form: grant_type=authorization_code&code&redirect_uri&code_verifier
            GET /v2/users/me
              Authorization: Bearer *
        ",
        ..Imitation::default()
    }
}

fn notion() -> Imitation {
    let profile = json!({ "type": "user", "user": {
        "object": "user", "id": "6794760a-1f15-45cd-9c65-0dfe42f5135a", "name": "Ada Lovelace",
        "avatar_url": null, "type": "person", "person": { "email": "ada@example.test" },
    } });
    let differences = json!({
        "paths": { "/v1/oauth/authorize": "/authorize", "/v1/oauth/token": "/token" },
        "client_authentication": ["basic"],
        "authorize": { "required_parameters": { "owner": "user" } },
        "token": {
            "encoding": "json",
            "required_headers": { "notion-version": null },
            "response": {
                "expires_in": null, "token_type_value": "bearer", "profile": "owner",
                "extra": { "bot_id": "x", "workspace_id": "1234567890" },
            },
        },
    });
    Imitation {
        file: "notion",
        mock: mock(profile, differences),
        user_id: "6794760a-1f15-45cd-9c65-0dfe42f5135a",
        email: "ada@example.test",
        name: Some("Ada Lovelace"),
        more: json!({ "workspace": "1234567890" }),
        requests: "
            GET /v1/oauth/authorize?client_id=shop-42&redirect_uri&response_type=code&state&owner=user
            POST /v1/oauth/token
              Authorization: Basic *
              Notion-Version: 2022-06-28
              json: grant_type=authorization_code&code&redirect_uri
        ",
        ..Imitation::default()
    }
}

fn hubspot() -> Imitation {
    let profile = json!({
        "user": "ada@example.test", "user_id": 293_199, "hub_id": 1_234_567, "app_id": 111_111,
        "hub_domain": "demo.hubapi.test", "scopes": ["oauth"], "token_type": "access",
    });
    let differences = json!({
        "paths": {
            "/oauth/authorize": "/authorize",
            "/oauth/v1/token": "/token",
            "/oauth/v1/access-tokens/*": "/userinfo/*",
        },
        "token": { "response": { "token_type_value": "bearer", "expires_in_value": 1800 } },
        "userinfo": { "token_in": "path" },
    });
    Imitation {
        file: "hubspot",
        mock: mock(profile, differences),
        user_id: "293199",
        email: "ada@example.test",
        requests: "
            GET /oauth/authorize?client_id=shop-42&redirect_uri&response_type=code&scope=oauth&state
            POST /oauth/v1/token
              form: TOKEN
            GET /oauth/v1/access-tokens/*
        ",
        ..Imitation::default()
    }
}

fn intuit() -> Imitation {
    let profile = json!({
        "sub": "1182d6ec-2a1f-4aa3-af3f-bb3b95db45af", "email": "ada@example.test",
        "emailVerified": true, "givenName": "Ada", "familyName": "Lovelace",
    });
    let differences = json!({
        "paths": {
            "/connect/oauth2": "/authorize",
            "/oauth2/v1/tokens/bearer": "/token",
            "/v1/openid_connect/userinfo": "/userinfo",
        },
        "client_authentication": ["basic"],
        "token": { "response": {
            "token_type_value": "bearer",
            "extra": { "x_refresh_token_expires_in": 15_552_000 },
        } },
        "userinfo": { "token_in": "bearer" },
    });
    Imitation {
        file: "intuit",
        mock: mock(profile, differences),
        user_id: "1182d6ec-2a1f-4aa3-af3f-bb3b95db45af",
        email: "ada@example.test",
        name: Some("Ada"),
        links: true,
        more: json!({ "family_name": "Lovelace" }),
        requests: "
            GET /connect/oauth2?client_id=shop-42&redirect_uri&response_type=code&scope=openid profile email&state
            POST /oauth2/v1/tokens/bearer
              Authorization: Basic *
              form: grant_type=authorization_code&code&redirect_uri
            GET /v1/openid_connect/userinfo
              Authorization: Bearer *
        ",
        ..Imitation::default()
    }
}

fn paypal() -> Imitation {
    let profile = json!({
        "user_id": "https://www.paypal.test/webapps/auth/identity/user/mWq6_1sU85v5EG9yHdPxJRrhGHrnMJ-1PQKtX6pcsmA",
        "payer_id": "WDJJHEBZ4X2LY", "name": "Ada Lovelace", "verified_account": "true",
        "emails": [
            { "value": "old@example.test", "primary": false, "confirmed": false },
            { "value": "ada@example.test", "primary": true, "confirmed": true },
        ],
    });
    let differences = json!({
        "paths": {
            "/signin/authorize": "/authorize",
            "/v1/oauth2/token": "/token",
            "/v1/identity/oauth2/userinfo": "/userinfo",
        },
        "client_authentication": ["basic"],
        "userinfo": {
            "token_in": "bearer", "required_parameters": { "schema": "paypalv1.1" },
        },
    });
    Imitation {
        file: "paypal",
        mock: mock(profile, differences),
        user_id: "WDJJHEBZ4X2LY",
        email: "ada@example.test",
        name: Some("Ada Lovelace"),
        links: true,
        more: json!({ "verified_account": "true" }),
        requests: "
            GET /signin/authorize?client_id=shop-42&redirect_uri&response_type=code&scope=openid profile email http*&state
            POST /v1/oauth2/token
              Authorization: Basic *
              form: grant_type=authorization_code&code&redirect_uri
            GET /v1/identity/oauth2/userinfo?schema=paypalv1.1
              Authorization: Bearer *
        ",
        ..Imitation::default()
    }
}

fn mercado_libre() -> Imitation {
    let profile = json!({
        "id": 202_593_498, "nickname": "TETE2870021", "first_name": "Ada", "last_name": "Lovelace",
        "country_id": "AR", "email": "ada@example.test",
    });
    let differences = json!({
        "paths": {
            "/authorization": "/authorize", "/oauth/token": "/token", "/users/me": "/userinfo",
        },
        "token": { "response": {
            "token_type_value": "bearer", "expires_in_value": 10_800,
            "extra": { "user_id": 202_593_498 },
        } },
        "userinfo": { "token_in": "bearer" },
    });
    Imitation {
        file: "mercado-libre",
        mock: mock(profile, differences),
        user_id: "202593498",
        email: "ada@example.test",
        name: Some("TETE2870021"),
        more: json!({ "country": "AR", "given_name": "Ada" }),
        requests: "
            GET /authorization?client_id=shop-42&redirect_uri&response_type=code&state&PKCE
            POST /oauth/token
              form: TOKEN&code_verifier
            GET /users/me
              Authorization: Bearer *
        ",
        ..Imitation::default()
    }
}

fn bitbucket() -> Imitation {
    let profile = json!({
        "type": "user", "uuid": "{c788b2da-b7a2-404c-9e26-d3f077557007}", "username": "ada",
        "display_name": "Ada Lovelace",
        "links": { "avatar": { "href": "https://secure.gravatar.test/x" } },
    });
    let differences = json!({
        "paths": {
            "/site/oauth2/authorize": "/authorize",
            "/site/oauth2/access_token": "/token",
            "/2.0/user": "/userinfo",
        },
        "client_authentication": ["basic"],
        "token": { "response": { "token_type_value": "bearer", "expires_in_value": 7200 } },
        "userinfo": { "token_in": "bearer" },
        "routes": { "/2.0/user/emails": { "values": [
            { "email": "old@example.test", "is_primary": false, "is_confirmed": true },
            { "email": "ada@example.test", "is_primary": true, "is_confirmed": true },
        ], "pagelen": 10 } },
    });
    Imitation {
        file: "bitbucket",
        mock: mock(profile, differences),
        user_id: "{c788b2da-b7a2-404c-9e26-d3f077557007}",
        email: "ada@example.test",
        name: Some("Ada Lovelace"),
        links: true,
        more: json!({ "username": "ada" }),
        requests: "
            GET /site/oauth2/authorize?client_id=shop-42&redirect_uri&response_type=code&scope=account email&state
            POST /site/oauth2/access_token
              Authorization: Basic *
              form: grant_type=authorization_code&code&redirect_uri
            GET /2.0/user
              Authorization: Bearer *
            GET /2.0/user/emails
              Authorization: Bearer *
        ",
        ..Imitation::default()
    }
}

fn adfs() -> Imitation {
    let paths = [
        "/adfs/oauth2/authorize/",
        "/adfs/oauth2/token/",
        "/adfs/discovery/keys",
        "/adfs/userinfo",
    ];
    let claims = ["upn", "email", "name", "given_name", "family_name", "group"];
    let profile = json!({
        "sub": "5vYfRk0zXyTGaMmAO1vbHhGwHiMDnvAZ7g4WvbNW0rM=", "upn": "ada@corp.test",
        "email": "ada@corp.test", "name": "Ada Lovelace", "given_name": "Ada",
        "family_name": "Lovelace", "group": ["Domain Users", "Shop"],
    });
    Imitation {
        file: "adfs",
        mock: mock(profile, openid("/adfs", paths, &claims)),
        user_id: "5vYfRk0zXyTGaMmAO1vbHhGwHiMDnvAZ7g4WvbNW0rM=",
        email: "ada@corp.test",
        name: Some("Ada Lovelace"),
        links: true,
        more: json!({ "upn": "ada@corp.test", "groups": ["Domain Users", "Shop"] }),
        requests: "
            GET /adfs/.well-known/openid-configuration
            GET /adfs/oauth2/authorize/?client_id=shop-42&redirect_uri&response_type=code&scope=openid email profile allatclaims&state&nonce&PKCE
            POST /adfs/oauth2/token/
              form: TOKEN&code_verifier
            GET /adfs/discovery/keys
        ",
        ..Imitation::default()
    }
}

fn sap_cdc() -> Imitation {
    let base = "/oidc/op/v1.0/OUR_API_KEY";
    let at = |path: &str| format!("{base}{path}");
    let paths = [
        &at("/authorize"),
        &at("/token"),
        &at("/.well-known/jwks"),
        &at("/userinfo"),
    ];
    let profile = json!({
        "sub": "a1b2c3d4e5f6", "email": "ada@example.test", "email_verified": true,
        "name": "Ada Lovelace", "given_name": "Ada", "family_name": "Lovelace", "locale": "en",
    });
    let differences = and(
        openid(base, paths.map(String::as_str), &[]),
        json!({ "client_authentication": ["basic"], "userinfo": { "token_in": "bearer" } }),
    );
    Imitation {
        file: "sap-cdc",
        mock: mock(profile, differences),
        user_id: "a1b2c3d4e5f6",
        email: "ada@example.test",
        name: Some("Ada Lovelace"),
        links: true,
        more: json!({ "locale": "en" }),
        requests: "
            GET /oidc/op/v1.0/OUR_API_KEY/.well-known/openid-configuration
            GET /oidc/op/v1.0/OUR_API_KEY/authorize?client_id=shop-42&redirect_uri&response_type=code&scope=openid email profile&state&nonce&PKCE
            POST /oidc/op/v1.0/OUR_API_KEY/token
              Authorization: Basic *
              form: grant_type=authorization_code&code&redirect_uri&code_verifier
            GET /oidc/op/v1.0/OUR_API_KEY/.well-known/jwks
            GET /oidc/op/v1.0/OUR_API_KEY/userinfo
              Authorization: Bearer *
        ",
        ..Imitation::default()
    }
}

fn franceconnect() -> Imitation {
    let paths = [
        "/api/v2/authorize",
        "/api/v2/token",
        "/api/v2/jwks",
        "/api/v2/userinfo",
    ];
    let profile = json!({
        "sub": "b6048e95bb134ec5b1d1e1fa69f287172e91722b9354d637a1bcf2ebb0fd2ef5v1",
        "given_name": "Ada", "given_name_array": ["Ada", "Augusta"], "family_name": "Byron",
        "preferred_username": "Lovelace", "email": "ada@example.test",
    });
    let differences = and(
        openid("/api/v2", paths, &[]),
        json!({
            "authorize": { "required_parameters": { "acr_values": "eidas1" } },
            "userinfo": { "response": { "signed": true } },
        }),
    );
    Imitation {
        file: "franceconnect",
        mock: mock(profile, differences),
        user_id: "b6048e95bb134ec5b1d1e1fa69f287172e91722b9354d637a1bcf2ebb0fd2ef5v1",
        email: "ada@example.test",
        name: Some("Ada Byron"),
        more: json!({ "given_name": "Ada", "family_name": "Lovelace" }),
        requests: "
            GET /api/v2/.well-known/openid-configuration
            GET /api/v2/authorize?client_id=shop-42&redirect_uri&response_type=code&scope=openid given_name family_name preferred_username email&state&nonce&acr_values=eidas1
            POST /api/v2/token
              form: TOKEN
            GET /api/v2/jwks
            GET /api/v2/userinfo
              Authorization: Bearer *
        ",
        ..Imitation::default()
    }
}

fn dropbox() -> Imitation {
    let profile = json!({
        "account_id": "dbid:AAH4f99T0taONIb-OurWxbNQ6ywGRopQngc",
        "name": {
            "given_name": "Ada", "surname": "Lovelace", "familiar_name": "Ada",
            "display_name": "Ada Lovelace", "abbreviated_name": "AL",
        },
        "email": "ada@example.test", "email_verified": true, "disabled": false, "locale": "en",
        "profile_photo_url": "https://dl-web.dropbox.test/account_photo/get/x",
    });
    let differences = json!({
        "paths": {
            "/oauth2/authorize": "/authorize", "/oauth2/token": "/token",
            "/2/users/get_current_account": "/userinfo",
        },
        "token": { "response": { "token_type_value": "bearer", "expires_in_value": 14_400 } },
    });
    Imitation {
        file: "dropbox",
        mock: mock(profile, differences),
        user_id: "dbid:AAH4f99T0taONIb-OurWxbNQ6ywGRopQngc",
        email: "ada@example.test",
        name: Some("Ada Lovelace"),
        links: true,
        more: json!({ "given_name": "Ada", "family_name": "Lovelace", "locale": "en" }),
        requests: "
            GET /oauth2/authorize?client_id=shop-42&redirect_uri&response_type=code&scope=account_info.read&state&PKCE
            POST /oauth2/token
              form: TOKEN&code_verifier
            POST /2/users/get_current_account
              Authorization: Bearer *
        ",
        ..Imitation::default()
    }
}

fn gov_br() -> Imitation {
    let paths = ["/authorize", "/token", "/jwk", "/userinfo"];
    let claims = ["email", "email_verified", "name", "picture"];
    let profile = json!({
        "sub": "11111111111", "name": "Ada Lovelace", "email": "ada@example.test",
        "email_verified": true, "picture": "https://sso.acesso.test/picture",
    });
    let differences = and(
        openid("/", paths, &claims),
        json!({ "client_authentication": ["basic"], "pkce_required": true }),
    );
    Imitation {
        file: "gov-br",
        mock: mock(profile, differences),
        user_id: "11111111111",
        email: "ada@example.test",
        name: Some("Ada Lovelace"),
        links: true,
        requests: "
            GET /.well-known/openid-configuration
            GET /authorize?client_id=shop-42&redirect_uri&response_type=code&scope=openid email profile&state&nonce&PKCE
            POST /token
              Authorization: Basic *
              form: grant_type=authorization_code&code&redirect_uri&code_verifier
            GET /jwk
        ",
        ..Imitation::default()
    }
}
