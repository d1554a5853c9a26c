//! An account's users.

use crate::Op;
use crate::support::{Browser, World};

#[tokio::test]
async fn an_operator_searches_for_a_user() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let users = "/admin/accounts/acme/users";
    let page = op.get(users).await;
    assert!(page.shows("Nobody has logged in yet") && page.shows("0 users"));
    world.log_in(&mut Browser::new()).await;
    let page = op.get(users).await;
    assert!(
        page.shows("1 user<") && page.shows("ada@example.test"),
        "{}",
        page.body
    );
    let page = op.get(&format!("{users}?q=lovel")).await;
    assert!(page.shows("ada@example.test") && page.shows("1 user found"));
    let page = op.get(&format!("{users}?q=%3Cscript%3Enobody")).await;
    assert!(page.shows("No user matches") && !page.shows("<script>nobody"));
    assert!(page.shows("&lt;script&gt;nobody"), "{}", page.body);
}
