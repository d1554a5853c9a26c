//! Messages to the people of an account.

use axum::Json;
use serde_json::json;

use crate::admin::route::{Body, Query, Route};
use crate::operation::messages;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get(
            "/accounts/{account}/messages",
            "getMessages",
            "Shows who an account's messages to its people are from, and what they say",
            |call, ()| async move { messages::show(&call.ops, &call.caller, call.at("account")).await },
        ),
        Route::patch(
            "/accounts/{account}/messages",
            "changeMessages",
            "Changes who messages are from, or what they say",
            |call, Body(change)| async move {
                let account = call.at("account");
                messages::change(&call.ops, &call.caller, account, change, &call.when).await
            },
        )
        .example(
            json!({ "texts": [{ "kind": "access_key", "lang": "en", "template": {
            "subject": "{{ code }} is your code for {{ account }}",
            "text": "Type {{ code }} within {{ minutes }} minutes.",
        } }] }),
        ),
        Route::post(
            "/accounts/{account}/messages/preview",
            "previewMessage",
            "Shows a message as people get it, with made-up values; changes nothing",
            |call, Body(sample)| async move {
                let account = call.at("account");
                messages::preview(&call.ops, &call.caller, account, sample)
                    .await
                    .map(Json)
            },
        )
        .example(json!({ "kind": "access_key", "lang": "en" })),
        Route::post(
            "/accounts/{account}/messages/sample",
            "sendMessageSample",
            "Sends a message with made-up values",
            |call, Body(sample)| async move {
                let account = call.at("account");
                messages::send_sample(&call.ops, &call.caller, account, sample).await
            },
        )
        .example(json!({ "to": "ada@example.com", "kind": "access_key", "lang": "en" }))
        .unconditional()
        .refuses(&[429, 503]),
        Route::post(
            "/accounts/{account}/deliveries/bounces",
            "reportBounce",
            "Notes that a message came back after the mail server took it",
            |call, Body(report)| async move {
                messages::bounced(&call.ops, &call.caller, call.at("account"), report).await
            },
        )
        .example(json!({ "to": "ada@example.com", "why": "550 5.1.1 no such user" }))
        .unconditional(),
        Route::get(
            "/accounts/{account}/deliveries",
            "listDeliveries",
            "Lists what became of an account's messages of the last week, the newest first",
            |call, Query(query)| async move {
                messages::deliveries(&call.ops, &call.caller, call.at("account"), query).await
            },
        ),
    ]
}
