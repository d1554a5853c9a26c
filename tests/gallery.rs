//! Every bundled mapping logs in at a mock that imitates its server's documented
//! shapes: paths, parameter names, headers, encodings, envelopes. So that a gallery
//! file can't rot.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    clippy::format_collect
)]

mod support;

#[path = "gallery/asia.rs"]
mod asia;
#[path = "gallery/asia_pacific.rs"]
mod asia_pacific;
#[path = "gallery/business.rs"]
mod business;
#[path = "gallery/imitation.rs"]
mod imitation;
#[path = "gallery/rules.rs"]
mod rules;
#[path = "gallery/run.rs"]
mod run;
#[path = "gallery/russia.rs"]
mod russia;
#[path = "gallery/sealed.rs"]
mod sealed;
#[path = "gallery/self_hosted.rs"]
mod self_hosted;
#[path = "gallery/shape.rs"]
mod shape;
#[path = "gallery/signed.rs"]
mod signed;
#[path = "gallery/social.rs"]
mod social;
#[path = "gallery/world.rs"]
mod world;

use imitation::Imitation;

/// All imitations, one a file of `providers/`.
fn all() -> Vec<Imitation> {
    world::all()
        .into_iter()
        .chain(asia::all())
        .chain(russia::all())
        .chain(self_hosted::all())
        .chain(asia_pacific::all())
        .chain(business::all())
        .chain(sealed::all())
        .chain(signed::all())
        .chain(social::all())
        .collect()
}

macro_rules! logs_in {
    ($($test:ident = $file:literal),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $test() {
                let imitation = all().into_iter().find(|i| i.file == $file).unwrap();
                run::run(&imitation).await;
            }
        )*

        /// The files that a test above logs in with.
        const TESTED: &[&str] = &[$($file),*];
    };
}

logs_in! {
    adfs = "adfs",
    alipay = "alipay",
    amazon = "amazon",
    apple = "apple",
    auth0 = "auth0",
    azure_ad_b2c = "azure-ad-b2c",
    bitbucket = "bitbucket",
    dingtalk = "dingtalk",
    discord = "discord",
    dropbox = "dropbox",
    facebook = "facebook",
    feishu = "feishu",
    franceconnect = "franceconnect",
    github = "github",
    gitlab = "gitlab",
    google = "google",
    gov_br = "gov-br",
    hubspot = "hubspot",
    intuit = "intuit",
    itsme = "itsme",
    kakao = "kakao",
    keycloak = "keycloak",
    line = "line",
    linkedin = "linkedin",
    mail_ru = "mail-ru",
    mercado_libre = "mercado-libre",
    microsoft = "microsoft",
    mock_idp = "mock-idp",
    naver = "naver",
    notion = "notion",
    odnoklassniki = "odnoklassniki",
    okta = "okta",
    paypal = "paypal",
    qq = "qq",
    rakuten = "rakuten",
    reddit = "reddit",
    salesforce = "salesforce",
    sap_cdc = "sap-cdc",
    shopify = "shopify",
    singpass = "singpass",
    slack = "slack",
    spotify = "spotify",
    strava = "strava",
    taobao = "taobao",
    tiktok = "tiktok",
    twitch = "twitch",
    twitter = "twitter",
    virto_commerce = "virto-commerce",
    vk = "vk",
    vtex_exact = "vtex-exact",
    wechat = "wechat",
    wecom = "wecom",
    weibo = "weibo",
    yahoo_japan = "yahoo-japan",
    yandex = "yandex",
    zalo = "zalo",
    zitadel = "zitadel",
    zoom = "zoom",
}
