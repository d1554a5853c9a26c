//! One login as a browser would do it, printed step by step.

use anyhow::{Context, bail};
use axum::http::StatusCode;
use url::Url;

use super::Demo;
use super::browser::{Answer, Browser, form, link};

/// The most requests a login may take before something goes round in circles.
const MAX_REQUESTS: usize = 20;
/// The page that is asked for: its query must come back unharmed.
const PAGE: &str = "/account?tab=orders&page=2";

/// Logs in and out of the demo's storefront.
///
/// # Errors
/// If the storefront's protected page does not greet the user at the address
/// that was asked for, or still does after the logout.
pub async fn visit(demo: &Demo) -> anyhow::Result<()> {
    let wanted = Url::parse(demo.storefront())?.join(PAGE)?;
    let account = demo
        .mock
        .config()
        .accounts
        .into_iter()
        .next()
        .context("the mock has accounts")?;
    let name = account
        .profile
        .get("name")
        .and_then(serde_json::Value::as_str)
        .context("the mock's first account has a name")?
        .to_owned();
    let browser = &mut Browser::new();

    println!("A visitor asks for {wanted}\n");
    let page = follow(browser, &wanted, None).await?;
    let choice = link(&page, "login?provider=")?;
    println!("     the ways to log in; choosing the provider\n");
    let page = follow(browser, &choice, None).await?;
    let mut login = form(&page).context("the provider should show its login form")?;
    println!(
        "     the provider's login form; logging in as {}\n",
        account.username
    );
    for (field, value) in &mut login.fields {
        match field.as_str() {
            "username" => value.clone_from(&account.username),
            "password" => value.clone_from(&account.password),
            _ => {}
        }
    }
    let page = follow(browser, &login.action, Some(&login.fields)).await?;
    if page.status != StatusCode::OK || page.url != wanted || !page.body.contains(&name) {
        bail!(
            "the storefront did not greet {name}: {} at {}",
            page.status,
            page.url.path()
        );
    }
    println!("     the storefront greets {name} on the page that was asked for\n");

    println!("The visitor logs out\n");
    let out = form(&page).context("the page should have a logout button")?;
    follow(browser, &out.action, Some(&out.fields)).await?;
    let page = browser.get(&wanted).await?;
    print_exchange("GET", &wanted, &page);
    if !page.status.is_redirection() {
        bail!("after the logout the page should ask for a login again");
    }
    println!("     and is a stranger again");
    Ok(())
}

/// Sends a request and follows every redirect, printing each.
async fn follow(
    browser: &mut Browser,
    url: &Url,
    fields: Option<&[(String, String)]>,
) -> anyhow::Result<Answer> {
    let mut answer = match fields {
        None => browser.get(url).await?,
        Some(fields) => browser.post(url, fields).await?,
    };
    print_exchange(if fields.is_some() { "POST" } else { "GET" }, url, &answer);
    for _ in 0..MAX_REQUESTS {
        let Some(next) = answer.location().filter(|_| answer.status.is_redirection()) else {
            println!(
                "     cookies here: {}\n",
                browser.cookie_names(&answer.url).join(", ")
            );
            return Ok(answer);
        };
        answer = browser.get(&next).await?;
        print_exchange("GET", &next, &answer);
    }
    bail!("the login redirects without end")
}

fn print_exchange(method: &str, url: &Url, answer: &Answer) {
    println!("{method:4} {}", masked(url));
    print!("     {}", answer.status);
    if let Some(location) = answer.location() {
        print!("  -> {}", masked(&location));
    }
    println!();
    for cookie in answer.headers.get_all("set-cookie") {
        let text = cookie.to_str().unwrap_or_default();
        let (pair, attributes) = text.split_once(';').unwrap_or((text, ""));
        let name = pair.split('=').next().unwrap_or_default();
        println!("     set-cookie {name}=[masked];{attributes}");
    }
}

/// A URL with everything that opens something masked.
fn masked(url: &Url) -> String {
    const SECRET: &[&str] = &["code", "state", "ticket", "code_challenge", "nonce"];
    let mut shown = url.clone();
    shown.set_query(None);
    let pairs: Vec<String> = url
        .query_pairs()
        .map(|(name, value)| {
            if SECRET.contains(&&*name) {
                format!("{name}=[masked]")
            } else {
                format!("{name}={value}")
            }
        })
        .collect();
    if pairs.is_empty() {
        shown.to_string()
    } else {
        format!("{shown}?{}", pairs.join("&"))
    }
}
