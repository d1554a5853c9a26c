//! Mappings, their versions and previews, and what live logins tell about them.

use axum::http::Method;
use serde_json::json;

use super::takes_mapping;
use crate::admin::mappings::TOML;
use crate::admin::paging::{Page, Paging};
use crate::admin::route::Route;
use crate::admin::{providers, trials, watch};
use crate::login::drift;

#[expect(clippy::too_many_lines, reason = "it is a list")]
pub(super) fn operations() -> Vec<Route> {
    let applied = |operation| {
        takes_mapping(operation)
            .query::<providers::Accept>()
            .gives::<providers::ProviderView>(200)
            .tagged()
            .conditional()
    };
    vec![
        Route::handled(Method::GET,
            "/accounts/{account}/providers",
            "listProviders",
            "Lists an account's providers",
            providers::list,
        )
        .query::<Paging>()
        .gives::<Page<providers::ProviderView>>(200),
        applied(Route::handled(Method::POST,
            "/accounts/{account}/providers",
            "applyMapping",
            "Applies a mapping to the provider that it names",
            providers::apply,
        )),
        Route::handled(Method::GET,
            "/accounts/{account}/providers/{provider}",
            "getProvider",
            "Shows a provider's mapping, secrets redacted",
            providers::show,
        )
        .gives::<providers::ProviderView>(200)
        .gives_text(200, TOML)
        .tagged(),
        applied(Route::handled(Method::PUT,
            "/accounts/{account}/providers/{provider}",
            "putProvider",
            "Applies a mapping; a secret that is sent as `[redacted]` stays what it is",
            providers::put,
        )),
        Route::handled(Method::DELETE,
            "/accounts/{account}/providers/{provider}",
            "removeProvider",
            "Removes a mapping; its versions stay",
            providers::remove,
        )
        .conditional(),
        Route::handled(Method::GET,
            "/accounts/{account}/providers/{provider}/history",
            "listVersions",
            "Lists a mapping's versions, the newest first",
            providers::history,
        )
        .query::<Paging>()
        .gives::<Page<providers::ProviderView>>(200),
        Route::handled(Method::POST,
            "/accounts/{account}/providers/{provider}/rollback",
            "rollBack",
            "Applies an earlier version again, as a new one",
            providers::rollback,
        )
        .query::<providers::Accept>()
        .takes::<providers::Rollback>(json!({ "version": 1 }))
        .gives::<providers::ProviderView>(200)
        .tagged()
        .conditional()
        .refuses(&[409, 422]),
        Route::handled(Method::GET,
            "/accounts/{account}/providers/{provider}/preview",
            "previewProvider",
            "The requests that the applied mapping sends, and the answers it expects",
            providers::preview,
        )
        .gives::<providers::Previewed>(200)
        .refuses(&[422]),
        takes_mapping(Route::handled(Method::POST,
            "/accounts/{account}/preview",
            "previewMapping",
            "The requests that a draft would send; nothing is sent or stored",
            providers::preview_draft,
        ))
        .gives::<providers::Previewed>(200),
        Route::handled(Method::GET,
            "/accounts/{account}/providers/{provider}/drift",
            "getDrift",
            "What is known of the provider's answers, and how they changed",
            watch::drift,
        )
        .gives::<drift::Shape>(200),
        Route::handled(Method::DELETE,
            "/accounts/{account}/providers/{provider}/drift",
            "forgetDrift",
            "Takes the provider's answers from now on as the norm",
            watch::forget_drift,
        )
        .conditional(),
        Route::handled(Method::GET,
            "/accounts/{account}/providers/{provider}/shadow",
            "getShadow",
            "What the shadow would have changed so far",
            watch::shadow,
        )
        .gives::<watch::ShadowView>(200)
        .tagged(),
        takes_mapping(Route::handled(Method::PUT,
            "/accounts/{account}/providers/{provider}/shadow",
            "putShadow",
            "Sets a shadow: a mapping that is asked beside the live one and whose result no login uses",
            watch::set_shadow,
        ))
        .gives_nothing()
        .tagged()
        .conditional(),
        Route::handled(Method::DELETE,
            "/accounts/{account}/providers/{provider}/shadow",
            "removeShadow",
            "Stops asking the shadow",
            watch::remove_shadow,
        )
        .tagged()
        .conditional(),
        takes_mapping(Route::handled(Method::POST,
            "/accounts/{account}/trials",
            "openTrial",
            "Opens a test link for a draft; whoever follows it logs in without a user or a session",
            trials::open,
        ))
        .gives::<trials::OpenTrial>(201)
        .refuses(&[409, 422, 503]),
        Route::handled(Method::GET,
            "/accounts/{account}/trials/{trial}",
            "getTrial",
            "The trace of a test link's login",
            trials::show,
        )
        .gives::<trials::Trial>(200)
        .refuses(&[409]),
    ]
}
