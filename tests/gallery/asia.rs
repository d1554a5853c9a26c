//! Providers of Japan, Korea and China: the ones with the most shapes of their own.

use serde_json::json;

use crate::imitation::{Imitation, and, mock, openid};

pub fn all() -> Vec<Imitation> {
    vec![
        line(),
        kakao(),
        naver(),
        wechat(),
        qq(),
        feishu(),
        dingtalk(),
    ]
}

fn line() -> Imitation {
    let paths = [
        "/oauth2/v2.1/authorize",
        "/oauth2/v2.1/token",
        "/oauth2/v2.1/certs",
        "/oauth2/v2.1/verify",
    ];
    let profile = json!({
        "iss": "https://access.line.me", "sub": "U1234567890abcdef1234567890abcdef",
        "aud": "shop-42", "name": "Taro Line", "picture": "https://profile.line-scdn.test/x",
        "email": "taro.line@example.test",
    });
    let differences = and(
        openid("", paths, &["email", "name"]),
        json!({ "userinfo": {
            "token_in": "body", "token_key": "id_token", "accept_id_token": true,
            "required_parameters": { "client_id": "shop-42" },
        } }),
    );
    Imitation {
        file: "line",
        mock: mock(profile, differences),
        user_id: "U1234567890abcdef1234567890abcdef",
        email: "taro.line@example.test",
        name: Some("Taro Line"),
        requests: "
            GET /oauth2/v2.1/authorize?client_id=shop-42&redirect_uri&response_type=code&scope=openid profile email&state&PKCE
            POST /oauth2/v2.1/token
              form: TOKEN&code_verifier
            POST /oauth2/v2.1/verify
              form: client_id=shop-42&id_token=ey*
        ",
        ..Imitation::default()
    }
}

fn kakao() -> Imitation {
    let profile = json!({
        "id": 123_456_789, "connected_at": "2022-04-11T01:45:28Z",
        "kakao_account": {
            "profile_nickname_needs_agreement": false,
            "profile": { "nickname": "홍길동", "profile_image_url": "https://k.kakaocdn.test/x" },
            "is_email_valid": true, "is_email_verified": true, "email": "sample@kakao.test",
        },
    });
    let differences = json!({
        "paths": {
            "/oauth/authorize": "/authorize", "/oauth/token": "/token", "/v2/user/me": "/userinfo",
        },
        "token": { "response": {
            "token_type_value": "bearer", "expires_in_value": 43_199,
            "content_type": "application/json;charset=UTF-8",
        } },
        "userinfo": { "response": { "content_type": "application/json;charset=UTF-8" } },
    });
    Imitation {
        file: "kakao",
        mock: mock(profile, differences),
        user_id: "123456789",
        email: "sample@kakao.test",
        name: Some("홍길동"),
        links: true,
        more: json!({ "picture": "https://k.kakaocdn.test/x" }),
        requests: "
            GET /oauth/authorize?client_id=shop-42&redirect_uri&response_type=code&scope=account_email,profile_nickname&state&PKCE
            POST /oauth/token
              form: TOKEN&code_verifier
            GET /v2/user/me
              Authorization: Bearer *
        ",
        ..Imitation::default()
    }
}

fn naver() -> Imitation {
    let profile = json!({
        "id": "32742776", "email": "openapi@naver.test", "nickname": "OpenAPI",
        "name": "오픈 API", "profile_image": "https://ssl.pstatic.test/x.gif", "age": "40-49",
    });
    let differences = json!({
        "paths": {
            "/oauth2.0/authorize": "/authorize",
            "/oauth2.0/token": "/token",
            "/v1/nid/me": "/userinfo",
        },
        "token": {
            "redirect_uri_required": false,
            "required_parameters": { "state": null },
            "response": { "token_type_value": "bearer", "expires_in_value": "3600" },
        },
        "userinfo": { "response": {
            "wrapper": "response", "extra": { "resultcode": "00", "message": "success" },
        } },
    });
    Imitation {
        file: "naver",
        mock: mock(profile, differences),
        user_id: "32742776",
        email: "openapi@naver.test",
        name: Some("오픈 API"),
        more: json!({ "nickname": "OpenAPI" }),
        requests: "
            GET /oauth2.0/authorize?client_id=shop-42&redirect_uri&response_type=code&state
            POST /oauth2.0/token
              form: grant_type=authorization_code&code&client_id=shop-42&client_secret=SECRET&state
            GET /v1/nid/me
              Authorization: Bearer *
        ",
        ..Imitation::default()
    }
}

fn wechat() -> Imitation {
    const OPENID: &str = "oLVPpjqs9BhvzwPj5A-vTYAX3GLc";
    const UNIONID: &str = "o6_bmasdasdsad6_2sgVt7hMZOPfL";
    let profile = json!({
        "openid": OPENID, "nickname": "艾达", "sex": 2, "province": "", "city": "", "country": "",
        "headimgurl": "https://thirdwx.qlogo.test/0", "privilege": [], "unionid": UNIONID,
    });
    let differences = json!({
        "paths": {
            "/connect/qrconnect": "/authorize",
            "/sns/oauth2/access_token": "/token",
            "/sns/userinfo": "/userinfo",
        },
        "client_authentication": ["query"],
        "authorize": { "client_id": "appid" },
        "token": {
            "allow_get": true, "client_id": "appid", "client_secret": "secret",
            "redirect_uri_required": false,
            "response": {
                "token_type": null, "expires_in_value": 7200, "content_type": "text/plain",
                "extra": { "openid": OPENID, "scope": "snsapi_login", "unionid": UNIONID },
            },
        },
        "userinfo": {
            "token_in": "query",
            "required_parameters": { "openid": OPENID },
            "response": { "content_type": "text/plain" },
        },
    });
    Imitation {
        file: "wechat",
        mock: mock(profile, differences),
        user_id: OPENID,
        email: "u-*@wechat.invalid",
        name: Some("艾达"),
        more: json!({ "unionid": UNIONID }),
        fragment: Some("wechat_redirect"),
        requests: "
            GET /connect/qrconnect?appid=shop-42&redirect_uri&response_type=code&scope=snsapi_login&state
            GET /sns/oauth2/access_token?grant_type=authorization_code&code&appid=shop-42&secret=SECRET
            GET /sns/userinfo?access_token&lang=zh_CN&openid=oLVPpjqs9BhvzwPj5A-vTYAX3GLc
        ",
        ..Imitation::default()
    }
}

fn qq() -> Imitation {
    const OPENID: &str = "A0B1C2D3E4F5A0B1C2D3E4F5A0B1C2D3";
    let profile = json!({ "client_id": "shop-42", "openid": OPENID });
    let differences = json!({
        "paths": {
            "/oauth2.0/authorize": "/authorize",
            "/oauth2.0/token": "/token",
            "/oauth2.0/me": "/userinfo",
        },
        "client_authentication": ["query"],
        "token": {
            "allow_get": true,
            "response": {
                "token_type": null, "expires_in_value": 7_776_000, "format": "form",
                "content_type": "text/html",
            },
        },
        "userinfo": {
            "token_in": "query",
            "response": { "format": "jsonp", "content_type": "text/html" },
        },
        "routes": { "/user/get_user_info": {
            "ret": 0, "msg": "", "is_lost": 0, "nickname": "艾达",
            "figureurl_qq_2": "https://thirdqq.qlogo.test/100",
        } },
    });
    Imitation {
        file: "qq",
        mock: mock(profile, differences),
        user_id: OPENID,
        email: "u-*@qq.invalid",
        name: Some("艾达"),
        more: json!({ "picture": "https://thirdqq.qlogo.test/100" }),
        requests: "
            GET /oauth2.0/authorize?client_id=shop-42&redirect_uri&response_type=code&scope=get_user_info&state
            GET /oauth2.0/token?TOKEN
            GET /oauth2.0/me?access_token
            GET /user/get_user_info?access_token&oauth_consumer_key=shop-42&openid=A0B1C2D3E4F5A0B1C2D3E4F5A0B1C2D3
        ",
        ..Imitation::default()
    }
}

fn feishu() -> Imitation {
    let profile = json!({
        "name": "艾达", "en_name": "Ada", "avatar_url": "https://internal-api.feishu.test/x",
        "open_id": "ou-caecc734c2e3328a62489fe0648c4b98779515d3",
        "union_id": "on-d89jhsdhjsajkda7828enjdj328ydhhw3u43yjhdj",
        "email": "ada@feishu.test", "tenant_key": "736588c92lxf175d",
    });
    let envelope = json!({ "code": 0, "msg": "success" });
    let differences = json!({
        "paths": {
            "/open-apis/authen/v1/authorize": "/authorize",
            "/open-apis/auth/v3/app_access_token/internal": "/app_token",
            "/open-apis/authen/v1/oidc/access_token": "/token",
            "/open-apis/authen/v1/user_info": "/userinfo",
        },
        "authorize": { "client_id": "app_id", "response_type_required": false },
        "app_token": { "required": true },
        "token": {
            "encoding": "json", "redirect_uri_required": false,
            "response": { "wrapper": "data", "extra": envelope },
        },
        "userinfo": {
            "token_in": "bearer", "response": { "wrapper": "data", "extra": envelope },
        },
    });
    Imitation {
        file: "feishu",
        mock: mock(profile, differences),
        user_id: "ou-caecc734c2e3328a62489fe0648c4b98779515d3",
        email: "ada@feishu.test",
        name: Some("艾达"),
        more: json!({ "tenant_key": "736588c92lxf175d" }),
        requests: "
            GET /open-apis/authen/v1/authorize?app_id=shop-42&redirect_uri&state
            POST /open-apis/auth/v3/app_access_token/internal
              json: app_id=shop-42&app_secret=SECRET
            POST /open-apis/authen/v1/oidc/access_token
              Authorization: Bearer a-*
              json: grant_type=authorization_code&code
            GET /open-apis/authen/v1/user_info
              Authorization: Bearer *
        ",
        ..Imitation::default()
    }
}

fn dingtalk() -> Imitation {
    let profile = json!({
        "nick": "艾达", "avatarUrl": "https://static-legacy.dingtalk.test/x.jpg",
        "mobile": "150xxxx9144", "openId": "123", "unionId": "z21HjQliSzpw0Yxxxx",
        "email": "ada@alibaba.test", "stateCode": "86",
    });
    let differences = json!({
        "paths": {
            "/oauth2/auth": "/authorize",
            "/v1.0/oauth2/userAccessToken": "/token",
            "/v1.0/contact/users/me": "/userinfo",
        },
        "authorize": { "required_parameters": { "prompt": "consent" } },
        "callback": { "code": "authCode" },
        "token": {
            "encoding": "json", "client_id": "clientId", "client_secret": "clientSecret",
            "grant_type_required": false, "redirect_uri_required": false,
            "required_parameters": { "grantType": "authorization_code" },
            "response": {
                "access_token": "accessToken", "expires_in": "expireIn",
                "expires_in_value": 7200, "token_type": null,
                "extra": { "refreshToken": "abcd", "corpId": "corpxxxx" },
            },
        },
        "userinfo": { "token_in": "header", "token_key": "x-acs-dingtalk-access-token" },
    });
    Imitation {
        file: "dingtalk",
        mock: mock(profile, differences),
        user_id: "123",
        email: "ada@alibaba.test",
        name: Some("艾达"),
        more: json!({ "union_id": "z21HjQliSzpw0Yxxxx" }),
        requests: "
            GET /oauth2/auth?client_id=shop-42&redirect_uri&response_type=code&scope=openid&state&prompt=consent
            POST /v1.0/oauth2/userAccessToken
              json: code&clientId=shop-42&clientSecret=SECRET&grantType=authorization_code
            GET /v1.0/contact/users/me
              x-acs-dingtalk-access-token: *
        ",
        ..Imitation::default()
    }
}
