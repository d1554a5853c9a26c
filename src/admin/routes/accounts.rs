//! Accounts and storefronts.

use serde_json::json;

use crate::account::StoreFront;
use crate::admin::accounts;
use crate::admin::operation::Operation;
use crate::admin::paging::{Page, Paging};

pub(super) fn operations() -> Vec<Operation> {
    let stores = json!([{ "origin": "https://www.acme.example", "auth_path": "/_auth" }]);
    vec![
        Operation::get(
            "/accounts",
            "listAccounts",
            "Lists accounts",
            accounts::list,
        )
        .query::<Paging>()
        .gives::<Page<accounts::AccountView>>(200),
        Operation::post(
            "/accounts",
            "createAccount",
            "Creates an account",
            accounts::create,
        )
        .takes::<accounts::NewAccount>(json!({ "id": "acme", "name": "Acme", "stores": stores }))
        .gives::<accounts::AccountView>(201)
        .tagged()
        .refuses(&[409]),
        Operation::get(
            "/accounts/{account}",
            "getAccount",
            "Shows an account",
            accounts::show,
        )
        .gives::<accounts::AccountView>(200)
        .tagged(),
        Operation::put(
            "/accounts/{account}",
            "putAccount",
            "Creates an account, or makes the one there is as described",
            accounts::put,
        )
        .takes::<accounts::WholeAccount>(
            json!({ "name": "Acme", "stores": stores, "color": "#0b5fff" }),
        )
        .gives::<accounts::AccountView>(200)
        .gives::<accounts::AccountView>(201)
        .tagged()
        .conditional(),
        Operation::patch(
            "/accounts/{account}",
            "changeAccount",
            "Changes an account",
            accounts::change,
        )
        .takes::<accounts::Change>(json!({ "name": "Acme Stores" }))
        .gives::<accounts::AccountView>(200)
        .tagged()
        .conditional(),
        Operation::delete(
            "/accounts/{account}",
            "removeAccount",
            "Removes an account with its mappings, users, sessions and applications",
            accounts::remove,
        )
        .conditional(),
        Operation::get(
            "/accounts/{account}/stores",
            "listStores",
            "Lists an account's storefronts",
            accounts::stores,
        )
        .query::<Paging>()
        .gives::<Page<StoreFront>>(200)
        .tagged(),
        Operation::put(
            "/accounts/{account}/stores",
            "putStore",
            "Adds a storefront, or gives the one at this origin another path; gives the account",
            accounts::put_store,
        )
        .takes::<accounts::StoreInput>(json!({ "origin": "https://shop.acme.example" }))
        .gives::<accounts::AccountView>(200)
        .tagged()
        .conditional(),
        Operation::delete(
            "/accounts/{account}/stores",
            "removeStore",
            "Removes a storefront; gives the account",
            accounts::remove_store,
        )
        .query::<accounts::StoreQuery>()
        .gives_instead::<accounts::AccountView>(200)
        .tagged()
        .conditional(),
    ]
}
