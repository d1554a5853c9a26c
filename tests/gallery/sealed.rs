//! Servers of states and banks: clients with keys, tokens encrypted to them.

use serde_json::json;

use crate::imitation::{Imitation, and, mock, openid};

pub fn all() -> Vec<Imitation> {
    vec![itsme(), singpass()]
}

/// belgianmobileid.github.io, "Authentication"
fn itsme() -> Imitation {
    let at = |path: &str| format!("/v2{path}");
    let paths = [
        &at("/authorization"),
        &at("/token"),
        &at("/jwks"),
        &at("/userinfo"),
    ];
    let profile = json!({
        "sub": "mqxews5ukc53ltb1jgj9qe9rnfnwwhyga18m", "name": "Ada Lovelace",
        "given_name": "Ada", "family_name": "Lovelace", "locale": "nl",
        "email": "ada@example.test", "email_verified": true,
    });
    let mut differences = and(
        openid("/v2", paths.map(String::as_str), &[]),
        // The keys of the client are put in by the run.
        json!({
            "client_authentication": ["private_key_jwt"],
            "userinfo": { "token_in": "bearer", "response": { "signed": true } },
        }),
    );
    differences["openid"]["encrypt_to"] = json!({});
    Imitation {
        file: "itsme",
        mock: mock(profile, differences),
        user_id: "mqxews5ukc53ltb1jgj9qe9rnfnwwhyga18m",
        email: "ada@example.test",
        name: Some("Ada Lovelace"),
        links: true,
        more: json!({ "locale": "nl" }),
        requests: "
            GET /v2/.well-known/openid-configuration
            GET /v2/authorization?client_id=shop-42&redirect_uri&response_type=code&scope=openid service:OUR_SERVICE_CODE profile email&state&nonce&PKCE&acr_values
            POST /v2/token
              form: grant_type=authorization_code&code&redirect_uri&client_id=shop-42&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=ey*&code_verifier
            GET /v2/jwks
            GET /v2/userinfo
              Authorization: Bearer *
        ",
        ..Imitation::default()
    }
}

/// docs.developer.singpass.gov.sg, "Integration guide"
fn singpass() -> Imitation {
    let at = |path: &str| format!("/fapi{path}");
    let paths = [
        &at("/auth"),
        &at("/token"),
        &at("/.well-known/keys"),
        &at("/userinfo"),
    ];
    let profile = json!({
        "sub": "d45d8f21-6178-4713-b962-8635ed2a945a", "sub_type": "user",
        "sub_attributes": {
            "account_type": "standard", "identity_number": "S1234567D",
            "name": "ADA LOVELACE", "email": "ada@example.test",
        },
    });
    let mut differences = and(
        openid(
            "/fapi",
            paths.map(String::as_str),
            &["sub_type", "sub_attributes"],
        ),
        json!({
            "client_authentication": ["private_key_jwt"],
            "authorize": {
                "pushed_required": true,
                "required_parameters": { "authentication_context_type": "APP_AUTHENTICATION_DEFAULT" },
            },
            "pkce_required": true,
            "dpop": { "required": true, "nonce": "n-0S6_WzA2Mj" },
            "token": { "response": { "token_type_value": "DPoP" } },
        }),
    );
    differences["paths"]["/fapi/par"] = json!("/par");
    differences["openid"]["encrypt_to"] = json!({});
    differences["openid"]["algorithm"] = json!("ES256");
    Imitation {
        file: "singpass",
        mock: mock(profile, differences),
        user_id: "d45d8f21-6178-4713-b962-8635ed2a945a",
        email: "ada@example.test",
        name: Some("ADA LOVELACE"),
        // The first proof lacks the nonce that the server wants, once a login; the run begins
        // one that it does not go through with.
        requests: "
            GET /fapi/.well-known/openid-configuration
            POST /fapi/par
              DPoP: ey*
              form: redirect_uri&response_type=code&scope=openid user.identity name email&state&nonce&PKCE&authentication_context_type=APP_AUTHENTICATION_DEFAULT&client_id=shop-42&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=ey*
            POST /fapi/par
              DPoP: ey*
              form: redirect_uri&response_type=code&scope=openid user.identity name email&state&nonce&PKCE&authentication_context_type=APP_AUTHENTICATION_DEFAULT&client_id=shop-42&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=ey*
            POST /fapi/par
              DPoP: ey*
              form: redirect_uri&response_type=code&scope=openid user.identity name email&state&nonce&PKCE&authentication_context_type=APP_AUTHENTICATION_DEFAULT&client_id=shop-42&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=ey*
            POST /fapi/par
              DPoP: ey*
              form: redirect_uri&response_type=code&scope=openid user.identity name email&state&nonce&PKCE&authentication_context_type=APP_AUTHENTICATION_DEFAULT&client_id=shop-42&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=ey*
            GET /fapi/auth?client_id=shop-42&request_uri
            POST /fapi/token
              DPoP: ey*
              form: grant_type=authorization_code&code&redirect_uri&client_id=shop-42&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=ey*&code_verifier
            POST /fapi/token
              DPoP: ey*
              form: grant_type=authorization_code&code&redirect_uri&client_id=shop-42&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=ey*&code_verifier
            GET /fapi/.well-known/keys
        ",
        ..Imitation::default()
    }
}
