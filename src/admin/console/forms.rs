//! What comes of a form about an account.

use minijinja::context;

use super::accounts::{ListQuery, account};
use super::api::segment;
use super::guard::Post;
use super::screens;
use super::view::{Html, redirect_to, shown, status};
use crate::http::problem::Problem;
use crate::operation::accounts::{self, AccountChange};
use crate::operation::{Changed, Outcome};

/// The pages of an account that have forms about it.
enum Place {
    Authentication,
    Stores,
    Branding,
    Settings,
    ApplicationPolicy,
}

impl Place {
    /// The page of a form.
    fn of(which: &str) -> Self {
        match which {
            "store" => Self::Stores,
            "look" | "logo" => Self::Branding,
            "settings" | "remove" => Self::Settings,
            "policy" => Self::ApplicationPolicy,
            _ => Self::Authentication,
        }
    }

    /// The end of its address.
    fn end(&self) -> &'static str {
        match self {
            Self::Authentication => "",
            Self::Stores => "/stores",
            Self::Branding => "/branding",
            Self::Settings => "/settings",
            Self::ApplicationPolicy => "/application-policy",
        }
    }
}

/// What comes of a form about an account: back to its page, or the page with the problem
/// and what was typed.
pub(super) async fn done<T>(
    post: &Post,
    id: &str,
    outcome: Outcome<Changed<T>>,
    done: &str,
    which: &str,
) -> Html {
    let place = Place::of(which);
    let Err(refused) = outcome else {
        // Where the page itself shows what changed, it is shown from there on.
        let at = match which {
            "order" | "domains" => format!("#{which}"),
            _ => String::new(),
        };
        let to = format!(
            "/admin/accounts/{}{}?done={done}{at}",
            segment(id),
            place.end()
        );
        return Ok(redirect_to(&to));
    };
    // Sent again, it is refused again: the version stays what it was.
    let stale = refused.is_stale();
    let problem = Problem::from(refused);
    let more = context! { problem => shown(&problem), which, form => post.typed(), stale };
    let more = if stale {
        context! { etag => post.get("etag"), ..more }
    } else {
        more
    };
    let status = status(&problem);
    match place {
        Place::Authentication => account(post, id, status, more).await,
        Place::Stores => screens::stores(post, id, &ListQuery::default(), status, more).await,
        Place::Branding => screens::branding(post, id, status, more).await,
        Place::Settings => screens::settings(post, id, status, more).await,
        Place::ApplicationPolicy => screens::application_policy(post, id, status, more).await,
    }
}

/// Changes an account as the form `which` of its page asks.
pub(super) async fn save(
    post: &Post,
    id: &str,
    change: AccountChange,
    what: &str,
    which: &str,
) -> Html {
    let when = post.condition();
    let changed = accounts::change(post.ops(), &post.caller(), id, change, &when).await;
    done(post, id, changed, what, which).await
}

/// A number of a form; `None` where the form has no such field, zero where it is empty.
pub(super) fn number<N: std::str::FromStr + Default>(
    post: &Post,
    name: &str,
    most: N,
) -> Option<N> {
    let text = post.filled(name);
    let number = text.map_or(N::default(), |text| text.trim().parse().unwrap_or(most));
    post.has(name).then_some(number)
}
