//! Further providers of Japan, China and Vietnam.

use serde_json::json;

use crate::imitation::{CLIENT_SECRET, Imitation, and, mock, openid};

pub fn all() -> Vec<Imitation> {
    vec![yahoo_japan(), rakuten(), weibo(), wecom(), zalo()]
}

fn yahoo_japan() -> Imitation {
    let at = |path: &str| format!("/yconnect/v2{path}");
    let paths = [
        &at("/authorization"),
        &at("/token"),
        &at("/jwks"),
        &at("/attribute"),
    ];
    let profile = json!({
        "sub": "FQBSQOIDGW5PV4NHAAUY7BWAMU", "name": "矢風太郎", "given_name": "太郎",
        "family_name": "矢風", "locale": "ja-JP", "email": "yconnect@example.test",
        "email_verified": true,
    });
    let differences = and(
        openid("/yconnect/v2", paths.map(String::as_str), &[]),
        json!({ "client_authentication": ["basic"], "userinfo": { "token_in": "bearer" } }),
    );
    Imitation {
        file: "yahoo-japan",
        mock: mock(profile, differences),
        user_id: "FQBSQOIDGW5PV4NHAAUY7BWAMU",
        email: "yconnect@example.test",
        name: Some("矢風太郎"),
        links: true,
        more: json!({ "locale": "ja-JP" }),
        requests: "
            GET /yconnect/v2/.well-known/openid-configuration
            GET /yconnect/v2/authorization?client_id=shop-42&redirect_uri&response_type=code&scope=openid profile email&state&nonce&PKCE&bail=1
            POST /yconnect/v2/token
              Authorization: Basic *
              form: grant_type=authorization_code&code&redirect_uri&code_verifier
            GET /yconnect/v2/jwks
            GET /yconnect/v2/attribute
              Authorization: Bearer *
        ",
        ..Imitation::default()
    }
}

/// As those who log people in with it call it; the contract's documents are not public.
fn rakuten() -> Imitation {
    let profile = json!({
        "sub": "https://myid.rakuten.test/openid/user/h65Mxxxxxxx", "email": "ada@example.test",
        "name": "楽天 太郎", "given_name": "太郎", "family_name": "楽天",
    });
    let differences = json!({
        "client_authentication": ["basic_and_body"],
        "paths": {
            "/auth/oauth/authorize": "/authorize",
            "/v1/oAuth/tokens": "/token",
            "/v1/openid/userinfo": "/userinfo",
        },
        "authorize": { "required_parameters": { "nonce": null } },
        "userinfo": { "token_in": "bearer" },
    });
    Imitation {
        file: "rakuten",
        mock: mock(profile, differences),
        user_id: "https://myid.rakuten.test/openid/user/h65Mxxxxxxx",
        email: "ada@example.test",
        name: Some("楽天 太郎"),
        requests: "
            GET /auth/oauth/authorize?client_id=shop-42&redirect_uri&response_type=code&scope=openid profile email&state&nonce
            POST /v1/oAuth/tokens
              Authorization: Basic *
              form: TOKEN
            GET /v1/openid/userinfo
              Authorization: Bearer *
        ",
        ..Imitation::default()
    }
}

/// developer.work.weixin.qq.com, "Web login" and "Get the visitor's identity"
fn wecom() -> Imitation {
    let profile = json!({
        "errcode": 0, "errmsg": "ok", "userid": "zhangsan", "name": "李四",
        "department": [1, 2], "position": "后台工程师", "biz_mail": "zhangsan@qyycs2.wecom.test",
        "email": "", "avatar": "https://wework.qpic.test/bizmail/0",
    });
    let differences = json!({
        "paths": {
            "/wwlogin/sso/login": "/authorize",
            "/cgi-bin/gettoken": "/app_token",
            "/cgi-bin/auth/getuserinfo": "/token",
            "/cgi-bin/user/get": "/userinfo",
        },
        "authorize": {
            "client_id": "appid", "response_type_required": false, "state_limit": 128,
            "required_parameters": { "login_type": "CorpApp", "agentid": null },
        },
        "callback": { "extra": { "appid": "shop-42" } },
        "app_token": {
            "required": true, "get": true, "id_key": "corpid", "secret_key": "corpsecret",
            "token_key": "access_token", "parameter": "access_token",
        },
        "token": {
            "allow_get": true, "grant_type_required": false, "redirect_uri_required": false,
            "response": {
                "access_token": "userid", "expires_in": null, "token_type": null,
                "extra": { "errcode": 0, "errmsg": "ok" },
            },
        },
        "userinfo": {
            "token_in": "query", "token_key": "userid",
            "required_parameters": { "access_token": null },
        },
    });
    Imitation {
        file: "wecom",
        mock: mock(profile, differences),
        user_id: "zhangsan",
        email: "zhangsan@qyycs2.wecom.test",
        name: Some("李四"),
        more: json!({ "picture": "https://wework.qpic.test/bizmail/0" }),
        requests: "
            GET /wwlogin/sso/login?appid=shop-42&redirect_uri&state&agentid=OUR_AGENT_ID&login_type=CorpApp
            GET /cgi-bin/gettoken?corpid=shop-42&corpsecret=SECRET
            GET /cgi-bin/auth/getuserinfo?code&access_token
            GET /cgi-bin/user/get?access_token&userid
        ",
        ..Imitation::default()
    }
}

fn weibo() -> Imitation {
    let profile = json!({
        "id": 1_404_376_560, "idstr": "1404376560", "screen_name": "zaku", "name": "zaku",
        "avatar_large": "https://tp1.sinaimg.test/1404376560/180/0/1",
    });
    let differences = json!({
        "paths": {
            "/oauth2/authorize": "/authorize",
            "/oauth2/access_token": "/token",
            "/2/users/show.json": "/userinfo",
        },
        "token": { "response": {
            "token_type": null, "expires_in_value": 1234,
            "extra": { "remind_in": "798114", "uid": "1404376560" },
        } },
        "userinfo": {
            "token_in": "query", "required_parameters": { "uid": "1404376560" },
        },
    });
    Imitation {
        file: "weibo",
        mock: mock(profile, differences),
        user_id: "1404376560",
        email: "u-*@weibo.invalid",
        name: Some("zaku"),
        requests: "
            GET /oauth2/authorize?client_id=shop-42&redirect_uri&response_type=code&scope=all&state
            POST /oauth2/access_token
              form: TOKEN
            GET /2/users/show.json?access_token&uid=1404376560
        ",
        ..Imitation::default()
    }
}

fn zalo() -> Imitation {
    let profile = json!({
        "id": "5595518926871850", "name": "Ada", "error": 0, "message": "Success",
        "picture": { "data": { "url": "https://s240-ava-talk.zadn.test/x.jpg" } },
    });
    let differences = json!({
        "paths": {
            "/v4/permission": "/authorize",
            "/v4/access_token": "/token",
            "/v2.0/me": "/userinfo",
        },
        "client_authentication": ["none"],
        "authorize": { "client_id": "app_id" },
        "token": {
            "client_id": "app_id", "redirect_uri_required": false,
            "required_headers": { "secret_key": CLIENT_SECRET },
            "response": { "token_type": null, "expires_in_value": "90000" },
        },
        "userinfo": {
            "token_in": "header", "token_key": "access_token",
            "required_parameters": { "fields": null },
        },
    });
    Imitation {
        file: "zalo",
        mock: mock(profile, differences),
        user_id: "5595518926871850",
        email: "u-*@zalo.invalid",
        name: Some("Ada"),
        requests: "
            GET /v4/permission?app_id=shop-42&redirect_uri&response_type=code&state&PKCE
            POST /v4/access_token
              secret_key: SECRET
              form: grant_type=authorization_code&code&app_id=shop-42&code_verifier
            GET /v2.0/me?fields=id,name,picture
              access_token: *
        ",
        ..Imitation::default()
    }
}
