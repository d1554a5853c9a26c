//! Providers of Russia.

use serde_json::json;

use crate::imitation::{Imitation, mock};

pub fn all() -> Vec<Imitation> {
    vec![yandex(), vk(), mail_ru()]
}

fn yandex() -> Imitation {
    let profile = json!({
        "login": "ada", "id": "1000034426", "client_id": "shop-42", "display_name": "ada",
        "real_name": "Ada Lovelace", "first_name": "Ada", "last_name": "Lovelace", "sex": "female",
        "default_email": "ada@yandex.test", "emails": ["ada@yandex.test", "other@yandex.test"],
    });
    let differences = json!({
        "paths": { "/info": "/userinfo" },
        "userinfo": {
            "token_in": "bearer", "scheme": "OAuth", "required_parameters": { "format": "json" },
        },
    });
    Imitation {
        file: "yandex",
        mock: mock(profile, differences),
        user_id: "1000034426",
        email: "ada@yandex.test",
        name: Some("Ada Lovelace"),
        more: json!({ "login": "ada" }),
        requests: "
            GET /authorize?client_id=shop-42&redirect_uri&response_type=code&scope=login:email login:info&state&PKCE
            POST /token
              form: TOKEN&code_verifier
            GET /info?format=json
              Authorization: OAuth *
        ",
        ..Imitation::default()
    }
}

fn vk() -> Imitation {
    let profile = json!({
        "user_id": "1234567890", "first_name": "Ada", "last_name": "Lovelace",
        "avatar": "https://pp.userapi.test/60tZWMo4SmwcploUVl9XEt8ufnTTvDUmQ6Bj1g", "sex": 1,
        "email": "ada@example.test", "verified": false, "birthday": "10.12.1815",
    });
    let differences = json!({
        "paths": { "/oauth2/auth": "/token", "/oauth2/user_info": "/userinfo" },
        "client_authentication": ["none"],
        "pkce_required": true,
        "callback": { "extra": { "device_id": "UZbUkf_G", "type": "code_v2" } },
        "token": {
            "required_parameters": { "device_id": "UZbUkf_G", "state": null },
            "response": { "extra": { "user_id": 1_234_567_890, "scope": "email" } },
        },
        "userinfo": {
            "token_in": "body",
            "required_parameters": { "client_id": "shop-42" },
            "response": { "wrapper": "user" },
        },
    });
    Imitation {
        file: "vk",
        mock: mock(profile, differences),
        user_id: "1234567890",
        email: "ada@example.test",
        name: Some("Ada"),
        more: json!({ "family_name": "Lovelace" }),
        requests: "
            GET /authorize?client_id=shop-42&redirect_uri&response_type=code&scope=vkid.personal_info email&state&PKCE
            POST /oauth2/auth
              form: grant_type=authorization_code&code&redirect_uri&client_id=shop-42&code_verifier&device_id=UZbUkf_G&state
            POST /oauth2/user_info
              form: access_token&client_id=shop-42
        ",
        ..Imitation::default()
    }
}

fn mail_ru() -> Imitation {
    let profile = json!({
        "id": "1234567890", "client_id": "shop-42", "email": "ada@mail.test",
        "name": "Ada Lovelace", "first_name": "Ada", "last_name": "Lovelace", "nickname": "ada",
        "locale": "ru_RU", "image": "https://filin.mail.test/pic?x",
    });
    let differences = json!({
        "paths": { "GET /login": "/authorize" },
        "client_authentication": ["basic"],
        "userinfo": { "token_in": "query" },
    });
    Imitation {
        file: "mail-ru",
        mock: mock(profile, differences),
        user_id: "1234567890",
        email: "ada@mail.test",
        name: Some("Ada Lovelace"),
        more: json!({ "given_name": "Ada" }),
        requests: "
            GET /login?client_id=shop-42&redirect_uri&response_type=code&scope=userinfo&state
            POST /token
              Authorization: Basic *
              form: grant_type=authorization_code&code&redirect_uri
            GET /userinfo?access_token
        ",
        ..Imitation::default()
    }
}
