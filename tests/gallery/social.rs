//! Networks, games and shops that people have an account at.

use serde_json::json;

use crate::imitation::{Imitation, and, mock, openid};

pub fn all() -> Vec<Imitation> {
    vec![
        tiktok(),
        twitter(),
        reddit(),
        twitch(),
        strava(),
        amazon(),
        spotify(),
    ]
}

fn tiktok() -> Imitation {
    const OPEN_ID: &str = "723f24d7-e717-40f8-a2b6-cb8464cd23b4";
    let profile = json!({ "user": {
        "open_id": OPEN_ID, "union_id": "c9c60f44-a68e-4f5d-84dd-ce22faeb0ba1",
        "display_name": "Ada", "avatar_url": "https://p19-sign.tiktokcdn.test/x.jpeg",
    } });
    let differences = json!({
        "paths": {
            "/v2/auth/authorize/": "/authorize",
            "/v2/oauth/token/": "/token",
            "/v2/user/info/": "/userinfo",
        },
        "authorize": { "client_id": "client_key" },
        "token": {
            "client_id": "client_key",
            "response": { "expires_in_value": 86_400, "extra": { "open_id": OPEN_ID } },
        },
        "userinfo": {
            "required_parameters": { "fields": null },
            "response": {
                "wrapper": "data",
                "extra": { "error": { "code": "ok", "message": "", "log_id": "20220829194722" } },
            },
        },
    });
    Imitation {
        file: "tiktok",
        mock: mock(profile, differences),
        user_id: OPEN_ID,
        email: "u-*@tiktok.invalid",
        name: Some("Ada"),
        more: json!({ "union_id": "c9c60f44-a68e-4f5d-84dd-ce22faeb0ba1" }),
        requests: "
            GET /v2/auth/authorize/?client_key=shop-42&redirect_uri&response_type=code&scope=user.info.basic&state
            POST /v2/oauth/token/
              form: grant_type=authorization_code&code&redirect_uri&client_key=shop-42&client_secret=SECRET
            GET /v2/user/info/?fields=open_id,union_id,avatar_url,display_name
              Authorization: Bearer *
        ",
        ..Imitation::default()
    }
}

fn twitter() -> Imitation {
    let profile = json!({
        "id": "2244994945", "name": "Ada Lovelace", "username": "ada",
        "confirmed_email": "ada@example.test",
        "profile_image_url": "https://pbs.twimg.test/x_normal.jpg",
    });
    let differences = json!({
        "paths": {
            "/i/oauth2/authorize": "/authorize",
            "/2/oauth2/token": "/token",
            "/2/users/me": "/userinfo",
        },
        "client_authentication": ["basic"],
        "pkce_required": true,
        "token": { "response": { "token_type_value": "bearer", "expires_in_value": 7200 } },
        "userinfo": { "token_in": "bearer", "response": { "wrapper": "data" } },
    });
    Imitation {
        file: "twitter",
        mock: mock(profile, differences),
        user_id: "2244994945",
        email: "ada@example.test",
        name: Some("Ada Lovelace"),
        links: true,
        more: json!({ "username": "ada" }),
        requests: "
            GET /i/oauth2/authorize?client_id=shop-42&redirect_uri&response_type=code&scope=tweet.read users.read users.email&state&PKCE
            POST /2/oauth2/token
              Authorization: Basic *
              form: grant_type=authorization_code&code&redirect_uri&code_verifier
            GET /2/users/me?user.fields=confirmed_email,profile_image_url
              Authorization: Bearer *
        ",
        ..Imitation::default()
    }
}

fn reddit() -> Imitation {
    let agent = json!({ "user-agent": null });
    let differences = json!({
        "paths": {
            "/api/v1/authorize": "/authorize",
            "/api/v1/access_token": "/token",
            "/api/v1/me": "/userinfo",
        },
        "client_authentication": ["basic"],
        "authorize": { "required_parameters": { "duration": "temporary" } },
        "token": { "required_headers": agent, "response": { "token_type_value": "bearer" } },
        "userinfo": { "token_in": "bearer", "required_headers": agent },
    });
    let profile = json!({ "id": "1w72k", "name": "ada_l", "has_verified_email": true });
    Imitation {
        file: "reddit",
        mock: mock(profile, differences),
        user_id: "1w72k",
        email: "u-*@reddit.invalid",
        name: Some("ada_l"),
        requests: "
            GET /api/v1/authorize?client_id=shop-42&redirect_uri&response_type=code&scope=identity&state&duration=temporary
            POST /api/v1/access_token
              Authorization: Basic *
              User-Agent: web:vestibule:v1
              form: grant_type=authorization_code&code&redirect_uri
            GET /api/v1/me
              User-Agent: web:vestibule:v1
              Authorization: Bearer *
        ",
        ..Imitation::default()
    }
}

fn twitch() -> Imitation {
    let paths = [
        "/oauth2/authorize",
        "/oauth2/token",
        "/oauth2/keys",
        "/oauth2/userinfo",
    ];
    let claims = ["email", "email_verified", "preferred_username", "picture"];
    let profile = json!({
        "sub": "713936733", "email": "ada@example.test", "email_verified": true,
        "preferred_username": "adal", "picture": "https://static-cdn.jtvnw.test/x.png",
    });
    Imitation {
        file: "twitch",
        mock: mock(profile, openid("/oauth2", paths, &claims)),
        user_id: "713936733",
        email: "ada@example.test",
        name: Some("adal"),
        links: true,
        requests: "
            GET /oauth2/.well-known/openid-configuration
            GET /oauth2/authorize?client_id=shop-42&redirect_uri&response_type=code&scope=openid user:read:email&state&nonce&claims={\"id_token\":*
            POST /oauth2/token
              form: TOKEN
            GET /oauth2/keys
        ",
        ..Imitation::default()
    }
}

fn strava() -> Imitation {
    let profile = json!({
        "id": 134_815, "firstname": "Ada", "lastname": "Lovelace",
        "profile": "https://xxxxxx.cloudfront.test/large.jpg",
    });
    let differences = json!({
        "paths": { "/oauth/authorize": "/authorize", "/oauth/token": "/token" },
        "authorize": { "required_parameters": { "approval_prompt": "auto" } },
        "token": { "response": {
            "profile": "athlete", "expires_in_value": 20_566,
            "extra": { "expires_at": 1_568_775_134 },
        } },
    });
    Imitation {
        file: "strava",
        mock: mock(profile, differences),
        user_id: "134815",
        email: "u-*@strava.invalid",
        name: Some("Ada"),
        more: json!({ "family_name": "Lovelace" }),
        requests: "
            GET /oauth/authorize?client_id=shop-42&redirect_uri&response_type=code&scope=read&state&approval_prompt=auto
            POST /oauth/token
              form: TOKEN
        ",
        ..Imitation::default()
    }
}

fn amazon() -> Imitation {
    let profile = json!({
        "user_id": "amzn1.account.K2LI23KL2LK2", "email": "ada@example.test",
        "name": "Ada Lovelace", "postal_code": "98052",
    });
    let differences = json!({
        "paths": {
            "/ap/oa": "/authorize", "/auth/o2/token": "/token", "/user/profile": "/userinfo",
        },
        "token": { "response": { "token_type_value": "bearer" } },
        "userinfo": { "token_in": "bearer" },
    });
    Imitation {
        file: "amazon",
        mock: mock(profile, differences),
        user_id: "amzn1.account.K2LI23KL2LK2",
        email: "ada@example.test",
        name: Some("Ada Lovelace"),
        requests: "
            GET /ap/oa?client_id=shop-42&redirect_uri&response_type=code&scope=profile&state&PKCE
            POST /auth/o2/token
              form: TOKEN&code_verifier
            GET /user/profile
              Authorization: Bearer *
        ",
        ..Imitation::default()
    }
}

fn spotify() -> Imitation {
    let profile = json!({
        "id": "ada-l", "display_name": "Ada", "email": "ada@example.test", "images": [],
        "country": "GB", "product": "free",
    });
    let differences = and(
        json!({ "client_authentication": ["basic"] }),
        json!({
            "paths": {
                "/authorize": "/authorize", "/api/token": "/token", "/v1/me": "/userinfo",
            },
            "userinfo": { "token_in": "bearer" },
        }),
    );
    Imitation {
        file: "spotify",
        mock: mock(profile, differences),
        user_id: "ada-l",
        email: "ada@example.test",
        name: Some("Ada"),
        requests: "
            GET /authorize?client_id=shop-42&redirect_uri&response_type=code&scope=user-read-email&state&PKCE
            POST /api/token
              Authorization: Basic *
              form: grant_type=authorization_code&code&redirect_uri&code_verifier
            GET /v1/me
              Authorization: Bearer *
        ",
        ..Imitation::default()
    }
}
