//! What an account demands of applications, as a page.

use reqwest::StatusCode;

use crate::Op;
use crate::support::World;

const PAGE: &str = "/admin/accounts/acme/application-policy";

#[tokio::test]
async fn what_applications_keep_to_is_saved_and_shown_again() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let page = op.get("/admin/applications?account=acme").await;
    assert!(page.shows(PAGE), "{}", page.body);
    let fields = [
        ("access_token_lifetime", " 10m "),
        ("require_pkce", "yes"),
        ("scopes", "openid, email"),
    ];
    let page = op.done(PAGE, &fields).await;
    assert!(page.shows("Saved."), "{}", page.body);
    for shown in [
        "value=\"10m\"",
        "name=\"require_pkce\" value=\"yes\" checked",
        "value=\"openid email\"",
    ] {
        assert!(page.shows(shown), "{shown}: {}", page.body);
    }
    assert!(!page.shows("name=\"consent\" value=\"yes\" checked"));

    // What is wrong stands at its field, with what was typed.
    let page = op.post(PAGE, &[("access_token_lifetime", "48h")]).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    for shown in ["value=\"48h\"", "access_token_lifetime-wrong", "24 hours"] {
        assert!(page.shows(shown), "{shown}: {}", page.body);
    }

    // Somebody else changed the account meanwhile.
    let page = op.post(PAGE, &[("etag", "1"), ("consent", "yes")]).await;
    assert_eq!(page.status, StatusCode::PRECONDITION_FAILED);

    // An empty form demands nothing.
    let page = op.done(PAGE, &[]).await;
    assert!(
        !page.shows("10m") && !page.shows("openid email"),
        "{}",
        page.body
    );
}
