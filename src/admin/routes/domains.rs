//! Domains of emails that an account's people prove by DNS.

use crate::admin::route::{Query, Route};
use crate::operation::domain_proofs;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get(
            "/accounts/{account}/domains",
            "listDomains",
            "Lists the domains of emails that an account's people prove by DNS",
            |call, Query(paging)| async move {
                domain_proofs::list(&call.ops, &call.caller, call.at("account"), &paging).await
            },
        ),
        Route::get(
            "/accounts/{account}/domains/{domain}",
            "getDomain",
            "Shows a domain, the TXT record that proves it, and what the last look-up found",
            |call, ()| async move {
                let (account, domain) = (call.at("account"), call.at("domain"));
                domain_proofs::show(&call.ops, &call.caller, account, domain).await
            },
        ),
        Route::put(
            "/accounts/{account}/domains/{domain}",
            "beginDomain",
            "Says that a domain is the account's people's; gives the TXT record that proves it",
            |call, ()| async move {
                let (account, domain) = (call.at("account"), call.at("domain"));
                domain_proofs::begin(&call.ops, &call.caller, account, domain).await
            },
        )
        .may_create()
        .unconditional()
        .refuses(&[409]),
        Route::post(
            "/accounts/{account}/domains/{domain}/check",
            "checkDomain",
            "Looks the TXT record of a domain up, and says what was found",
            |call, ()| async move {
                let (account, domain) = (call.at("account"), call.at("domain"));
                domain_proofs::check(&call.ops, &call.caller, account, domain).await
            },
        )
        .unconditional(),
        Route::delete(
            "/accounts/{account}/domains/{domain}",
            "removeDomain",
            "Takes back that a domain is the account's people's; its record proves nothing any more",
            |call, ()| async move {
                let (account, domain) = (call.at("account"), call.at("domain"));
                domain_proofs::remove(&call.ops, &call.caller, account, domain, &call.when).await
            },
        ),
    ]
}
