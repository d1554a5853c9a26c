//! Servers whose calls are signed, and what they check: reckoned anew, as their
//! documents say it, over the parameters as they came.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use mock_idp::JournalEntry;
use serde_json::json;

use crate::imitation::{CLIENT_SECRET, Imitation, mock};
use crate::run::RSA;

pub fn all() -> Vec<Imitation> {
    vec![odnoklassniki(), alipay(), taobao()]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn md5(text: &str) -> String {
    hex(&Md5::digest(text.as_bytes()))
}

/// The parameters of a request: one, and all others sorted.
fn parameters(sent: &JournalEntry, one: &str) -> (String, Vec<(String, String)>) {
    let mut pairs: Vec<_> = sent.query().into_iter().chain(sent.form()).collect();
    let at = pairs.iter().position(|(name, _)| name == one).unwrap();
    let (_, value) = pairs.remove(at);
    pairs.sort();
    (value, pairs)
}

fn value(pairs: &[(String, String)], name: &str) -> String {
    pairs
        .iter()
        .find(|(known, _)| known == name)
        .unwrap()
        .1
        .clone()
}

fn last<'j>(journal: &'j [JournalEntry], path: &str) -> &'j JournalEntry {
    journal.iter().rfind(|entry| entry.path == path).unwrap()
}

/// developers.facebook.com, "Securing Graph API Requests"
pub fn facebook(journal: &[JournalEntry]) {
    let sent = last(journal, "/v21.0/me");
    let (proof, _) = parameters(sent, "appsecret_proof");
    let token = sent
        .header("authorization")
        .unwrap()
        .strip_prefix("Bearer ")
        .unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, CLIENT_SECRET.as_bytes());
    assert_eq!(proof, hex(hmac::sign(&key, token.as_bytes()).as_ref()));
}

/// apiok.ru, "Authorization": `sig`
fn odnoklassniki() -> Imitation {
    fn verify(journal: &[JournalEntry]) {
        let (sig, pairs) = parameters(last(journal, "/fb.do"), "sig");
        let secret = md5(&format!("{}{CLIENT_SECRET}", value(&pairs, "access_token")));
        let joined: String = pairs
            .iter()
            .filter(|(name, _)| name != "access_token")
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(sig, md5(&format!("{joined}{secret}")));
    }
    let profile = json!({
        "uid": "574324567891", "email": "ada@example.test", "name": "Ada Lovelace",
        "first_name": "Ada", "last_name": "Lovelace", "locale": "ru",
        "pic640x480": "https://i.mycdn.test/image?id=1",
    });
    let differences = json!({
        "paths": {
            "/oauth/authorize": "/authorize", "/oauth/token.do": "/token", "/fb.do": "/userinfo",
        },
        "token": { "response": { "token_type_value": "session", "expires_in_value": "1800" } },
        "userinfo": { "token_in": "query", "signature": {
            "name": "sig", "text": "{parameters}{session_secret}", "separator": "", "leave_out": ["access_token"],
        } },
    });
    Imitation {
        file: "odnoklassniki",
        mock: mock(profile, differences),
        user_id: "574324567891",
        email: "ada@example.test",
        name: Some("Ada Lovelace"),
        more: json!({ "locale": "ru" }),
        verify: Some(verify),
        requests: "
            GET /oauth/authorize?client_id=shop-42&redirect_uri&response_type=code&scope=VALUABLE_ACCESS;GET_EMAIL&state
            POST /oauth/token.do
              form: TOKEN
            GET /fb.do?access_token&application_key=OUR_APPLICATION_PUBLIC_KEY&fields=uid,email*&format=json&method=users.getCurrentUser&sig
        ",
        ..Imitation::default()
    }
}

/// opendocs.alipay.com, "Signing yourself": RSA2
fn alipay() -> Imitation {
    fn verify(journal: &[JournalEntry]) {
        let key = RSA.get().unwrap().public_key_raw();
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key);
        for sent in journal.iter().filter(|entry| entry.path == "/gateway.do") {
            let (sign, pairs) = parameters(sent, "sign");
            let joined: Vec<String> = pairs
                .iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let sign = STANDARD.decode(sign).unwrap();
            key.verify(joined.join("&").as_bytes(), &sign).unwrap();
            assert_eq!(
                value(&pairs, "timestamp").len(),
                "2014-07-24 03:07:50".len()
            );
        }
    }
    let profile = json!({
        "code": "10000", "msg": "Success", "user_id": "2088102104794936",
        "avatar": "https://tfs.alipayobjects.test/images/partner/x", "nick_name": "小艾",
        "province": "浙江省", "gender": "f",
    });
    let differences = json!({
        "client_authentication": ["none"],
        "paths": {
            "/oauth2/publicAppAuthorize.htm": "/authorize",
            "POST /gateway.do": "/token", "GET /gateway.do": "/userinfo",
        },
        "authorize": { "client_id": "app_id", "response_type_required": false },
        "callback": { "code": "auth_code", "extra": { "app_id": "shop-42", "scope": "auth_user" } },
        "token": {
            "client_id": "app_id",
            "redirect_uri_required": false,
            "required_parameters": { "method": "alipay.system.oauth.token", "sign_type": "RSA2", "sign": null },
            "response": {
                "wrapper": "alipay_system_oauth_token_response", "token_type": null,
                "expires_in_value": "3600", "extra": { "sign": "ERITJKEIJKJHKKKKKKKHJEREEEEEEEEEEE" },
            },
        },
        "userinfo": {
            "token_in": "query", "token_key": "auth_token",
            "required_parameters": { "app_id": "shop-42", "method": "alipay.user.info.share", "sign": null },
            "response": { "wrapper": "alipay_user_info_share_response", "extra": { "sign": "ERITJKEIJKJHKKKKKKKHJEREEEEEEEEEEE" } },
        },
    });
    Imitation {
        file: "alipay",
        mock: mock(profile, differences),
        user_id: "2088102104794936",
        email: "u-*@alipay.invalid",
        name: Some("小艾"),
        verify: Some(verify),
        requests: "
            GET /oauth2/publicAppAuthorize.htm?app_id=shop-42&redirect_uri&scope=auth_user&state
            POST /gateway.do
              form: code&app_id=shop-42&charset=utf-8&format=JSON&grant_type=authorization_code&method=alipay.system.oauth.token&sign_type=RSA2&timestamp&version=1.0&sign
            GET /gateway.do?auth_token&app_id=shop-42&charset=utf-8&format=JSON&method=alipay.user.info.share&sign_type=RSA2&timestamp&version=1.0&sign
        ",
        ..Imitation::default()
    }
}

/// open.taobao.com, "API call": `sign_method=md5`
fn taobao() -> Imitation {
    fn verify(journal: &[JournalEntry]) {
        let (sign, pairs) = parameters(last(journal, "/router/rest"), "sign");
        let joined: String = pairs.iter().map(|(n, v)| format!("{n}{v}")).collect();
        let wanted = md5(&format!("{CLIENT_SECRET}{joined}{CLIENT_SECRET}"));
        assert_eq!(sign, wanted.to_uppercase());
    }
    let differences = json!({
        "paths": { "/authorize": "/authorize", "/router/rest": "/userinfo" },
        "token": { "response": { "extra": {
            "taobao_user_id": "263685215", "taobao_user_nick": "%E5%95%86", "taobao_open_uid": "AAHd5d-EAAeGwJedwSHpg8bT",
            "re_expires_in": 15_552_000, "w1_expires_in": 15_552_000,
        } } },
        "userinfo": {
            "token_in": "body", "token_key": "session",
            "required_parameters": { "app_key": "shop-42", "method": "taobao.user.buyer.get" },
            "signature": {
                "text": "{secret}{parameters}{secret}", "assign": "", "separator": "", "encoding": "upper_hex",
            },
            "response": { "wrapper": "user_buyer_get_response" },
        },
    });
    let profile =
        json!({ "user": { "nick": "hz0799", "avatar": "https://img.taobao.test/avatar" } });
    Imitation {
        file: "taobao",
        mock: mock(profile, differences),
        user_id: "AAHd5d-EAAeGwJedwSHpg8bT",
        email: "u-*@taobao.invalid",
        name: Some("hz0799"),
        more: json!({ "picture": "https://img.taobao.test/avatar" }),
        verify: Some(verify),
        requests: "
            GET /authorize?client_id=shop-42&redirect_uri&response_type=code&state&view=web
            POST /token
              form: TOKEN
            POST /router/rest
              form: app_key=shop-42&fields=nick,avatar&format=json&method=taobao.user.buyer.get&session&sign_method=md5&timestamp&v=2.0&sign
        ",
        ..Imitation::default()
    }
}
