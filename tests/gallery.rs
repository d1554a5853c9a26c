//! Every bundled mapping logs in at a mock that imitates its server's documented
//! shapes: paths, parameter names, headers, encodings, envelopes. So that a gallery
//! file can't rot.

#![allow(missing_docs, clippy::unwrap_used, clippy::needless_pass_by_value)]

mod support;

#[path = "gallery/asia.rs"]
mod asia;
#[path = "gallery/imitation.rs"]
mod imitation;
#[path = "gallery/rules.rs"]
mod rules;
#[path = "gallery/run.rs"]
mod run;
#[path = "gallery/russia.rs"]
mod russia;
#[path = "gallery/self_hosted.rs"]
mod self_hosted;
#[path = "gallery/shape.rs"]
mod shape;
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
    apple = "apple",
    auth0 = "auth0",
    dingtalk = "dingtalk",
    discord = "discord",
    facebook = "facebook",
    feishu = "feishu",
    github = "github",
    gitlab = "gitlab",
    google = "google",
    kakao = "kakao",
    keycloak = "keycloak",
    line = "line",
    linkedin = "linkedin",
    microsoft = "microsoft",
    mock_idp = "mock-idp",
    naver = "naver",
    okta = "okta",
    qq = "qq",
    salesforce = "salesforce",
    shopify = "shopify",
    slack = "slack",
    virto_commerce = "virto-commerce",
    vk = "vk",
    vtex_exact = "vtex-exact",
    wechat = "wechat",
    yandex = "yandex",
    zitadel = "zitadel",
}
