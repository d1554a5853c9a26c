//! What belongs to the broker: applications, keys, operators, the audit log.

use axum::http::Method;
use serde_json::json;

use crate::admin::paging::{Page, Paging};
use crate::admin::route::Route;
use crate::admin::{applications, audit, export, keys, operators};
use crate::audit::Entry;
use crate::operation::audit_log::AuditQuery;
use crate::operation::operators as people;

#[expect(clippy::too_many_lines, reason = "it is a list")]
pub(super) fn operations() -> Vec<Route> {
    let application = json!({
        "name": "Orders",
        "account": "acme",
        "grants": ["client_credentials"],
        "scopes": ["orders"],
    });
    vec![
        Route::handled(Method::GET, "/applications", "listApplications", "Lists applications", applications::list)
            .query::<applications::Filter>()
            .gives::<Page<applications::ApplicationView>>(200)
            .refuses(&[404]),
        Route::handled(Method::POST,
            "/applications",
            "createApplication",
            "Creates an application; its secret is shown this once",
            applications::create,
        )
        .takes::<applications::Input>(application.clone())
        .gives::<applications::ApplicationView>(201)
        .tagged()
        .refuses(&[404, 409]),
        Route::handled(Method::GET,
            "/applications/{application}",
            "getApplication",
            "Shows an application",
            applications::show,
        )
        .gives::<applications::ApplicationView>(200)
        .tagged(),
        Route::handled(Method::PUT,
            "/applications/{application}",
            "putApplication",
            "Creates an application under this client id, or makes the one there is as described; a secret is taken or made at its creation only",
            applications::put,
        )
        .takes::<applications::Input>(application)
        .gives::<applications::ApplicationView>(200)
        .gives::<applications::ApplicationView>(201)
        .tagged()
        .conditional()
        .refuses(&[409]),
        Route::handled(Method::PATCH,
            "/applications/{application}",
            "changeApplication",
            "Changes an application",
            applications::change,
        )
        .takes::<applications::Change>(json!({ "name": "Order service" }))
        .gives::<applications::ApplicationView>(200)
        .tagged()
        .conditional(),
        Route::handled(Method::DELETE,
            "/applications/{application}",
            "removeApplication",
            "Removes an application; its tokens end",
            applications::remove,
        )
        .conditional(),
        Route::handled(Method::POST,
            "/applications/{application}/rotate",
            "rotateSecret",
            "Adds a secret, which is shown this once; the old one ends after a while",
            applications::rotate,
        )
        .takes::<applications::Rotation>(json!({ "overlap": "24h" }))
        .gives::<applications::ApplicationView>(200)
        .tagged()
        .conditional(),
        Route::handled(Method::GET, "/keys", "listKeys", "Lists signing keys; one tag for all of them", keys::list)
            .query::<Paging>()
            .gives::<Page<keys::KeyView>>(200)
            .tagged()
            .refuses(&[409]),
        Route::handled(Method::POST,
            "/keys",
            "importKey",
            "Imports a key, which signs from the next rotation on",
            keys::import,
        )
        .takes::<keys::Import>(json!({ "file": "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCg==", "password": "of the file" }))
        .gives::<keys::KeyView>(200)
        .tagged()
        .conditional()
        .refuses(&[409, 422]),
        Route::handled(Method::POST, "/keys/prepare", "prepareKey", "Publishes the next key ahead of its use", keys::prepare)
            .takes::<keys::KeyQuery>(json!({ "algorithm": "RS256" }))
            .body_optional()
            .gives::<keys::KeyView>(200)
            .tagged()
            .conditional()
            .refuses(&[409]),
        Route::handled(Method::POST,
            "/keys/rotate",
            "rotateKeys",
            "Makes the next key the one that signs; the old one verifies until its last token ends",
            keys::rotate,
        )
        .takes::<keys::Rotation>(json!({ "withdraw": false }))
        .body_optional()
        .gives::<keys::KeyView>(200)
        .tagged()
        .conditional()
        .refuses(&[409]),
        Route::handled(Method::GET,
            "/keys/{key}",
            "getKey",
            "Shows a key's public part; `active` names the default one",
            keys::show,
        )
        .gives::<keys::KeyView>(200)
        .tagged(),
        Route::handled(Method::GET, "/operators", "listOperators", "Lists operators", operators::list)
            .query::<Paging>()
            .gives::<Page<operators::OperatorView>>(200),
        Route::handled(Method::POST,
            "/operators",
            "createOperator",
            "Creates an operator; gives the link with which they choose a password",
            operators::create,
        )
        .takes::<operators::NewOperator>(json!({ "email": "grace@example.com", "name": "Grace" }))
        .gives::<operators::Invited>(201)
        .tagged()
        .refuses(&[409]),
        Route::handled(Method::GET, "/operators/{operator}", "getOperator", "Shows an operator", operators::show)
            .gives::<operators::OperatorView>(200)
            .tagged(),
        Route::handled(Method::PATCH,
            "/operators/{operator}",
            "changeOperator",
            "Changes an operator; a disabled one's sessions end",
            operators::change,
        )
        .takes::<operators::Edit>(json!({ "disabled": true }))
        .gives::<operators::OperatorView>(200)
        .tagged()
        .conditional(),
        Route::handled(Method::DELETE,
            "/operators/{operator}",
            "removeOperator",
            "Removes an operator and ends their sessions",
            operators::remove,
        )
        .conditional(),
        Route::delete(
            "/operators/{operator}/second-factor",
            "resetSecondFactor",
            "Removes the second factor of an operator who lost it; their sessions end",
            |call, ()| async move {
                let email = call.at("operator");
                people::reset_second_factor(&call.ops, &call.caller, email, &call.when).await
            },
        ),
        Route::handled(Method::POST,
            "/operators/{operator}/invite",
            "inviteOperator",
            "Makes a link with which an operator chooses another password",
            operators::invite,
        )
        .gives::<operators::Invited>(200)
        .tagged()
        .conditional(),
        Route::handled(Method::GET,
            "/audit",
            "listAudit",
            "The audit log: a page of it, or all of it as JSON lines; an application of one account sees that account's",
            audit::list,
        )
        .query::<AuditQuery>()
        .gives::<Page<Entry>>(200)
        .gives_text(200, "application/jsonl")
        .refuses(&[404]),
        Route::handled(Method::GET,
            "/export",
            "export",
            "Everything that is kept, as it is at one moment: a record a line, secrets encrypted; for `vestibule import`",
            export::export,
        )
        .gives_text(200, export::LINES)
        .refuses(&[409]),
    ]
}
