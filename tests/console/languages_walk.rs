//! All pages of the console in each language: none has English left.

use reqwest::StatusCode;

use crate::attacks::{FORMS, PAGES};
use crate::languages::english;
use crate::support::{Browser, Page, World};
use crate::{Op, world_with_mail};

const ACME: &str = "/admin/accounts/acme";

/// An operator whose pages are in a language.
async fn reader<'w>(world: &'w World, tag: &str) -> Op<'w> {
    let mut op = Op::first(world).await;
    let fields = [("name", "Ada"), ("language", tag)];
    op.done("/admin/profile", &fields).await;
    op
}

/// What was looked at, and the English that was found.
struct Walk {
    tag: &'static str,
    found: Vec<String>,
}

impl Walk {
    fn page(&mut self, page: &Page, path: &str) {
        // What leads elsewhere says nothing.
        if !page.status.is_redirection() {
            self.found.extend(english(page, self.tag, path));
        }
    }

    /// Looks at a page, which has to be there.
    async fn look(&mut self, op: &mut Op<'_>, path: &str) {
        let page = op.get(path).await;
        assert!(page.status.is_success(), "{path}: {}", page.status);
        self.page(&page, path);
    }
}

impl Walk {
    /// The pages of an account and its people.
    async fn pages(&mut self, op: &mut Op<'_>, user: &str) {
        self.look(op, &format!("{ACME}/users/{user}")).await;
        self.look(op, &format!("{ACME}/users?q=nobody")).await;
        self.look(op, &format!("{ACME}/logins?outcome=failed"))
            .await;
        self.look(op, "/admin/profile").await;
        for entry in ["google", "gov-br", "apple"] {
            let page = op.get(&format!("{ACME}/new/{entry}")).await;
            self.page(&page, entry);
            let page = op.post(&format!("{ACME}/new/{entry}"), &[]).await;
            self.page(&page, entry);
        }
    }

    /// The wizard, empty and with mistakes.
    async fn wizard(&mut self, op: &mut Op<'_>) {
        let page = op.done(&format!("{ACME}/new"), &[("from", "empty")]).await;
        let draft = page.url.path().trim_end_matches("provider").to_owned();
        for step in [
            "provider",
            "authorization",
            "token",
            "userinfo",
            "toml",
            "review",
        ] {
            self.look(op, &format!("{draft}{step}")).await;
        }
        for (step, fields) in [
            ("provider", [("provider.id", "Ä"), ("client.id", "")]),
            (
                "authorization",
                [
                    ("authorization.url", "htp:/x"),
                    ("authorization.pkce", "none"),
                ],
            ),
            (
                "token",
                [
                    ("token.url", "http://id.test/#x"),
                    ("token.response.success", "x"),
                ],
            ),
            (
                "userinfo",
                [
                    ("userinfo.response.email", "$..[["),
                    ("userinfo.url", "x y"),
                ],
            ),
        ] {
            let mut fields = fields.to_vec();
            fields.push(("action", "next"));
            let page = op.post(&format!("{draft}{step}"), &fields).await;
            self.page(&page, step);
            let page = op.get(&format!("{draft}{step}?check=true&row=true")).await;
            self.page(&page, step);
        }
        self.look(op, &format!("{draft}review")).await;
        let page = op
            .post(
                &format!("{draft}toml"),
                &[("text", "[x"), ("action", "save")],
            )
            .await;
        self.page(&page, "toml");
        for from in ["discovery", "sample", "import", "toml"] {
            let fields = [("from", from), ("text", "[")];
            let page = op.post(&format!("{ACME}/new"), &fields).await;
            self.page(&page, from);
        }
    }

    /// An edit with its review, its test and its shadow.
    async fn edit(&mut self, op: &mut Op<'_>) {
        let provider = format!("{ACME}/providers/mock-idp");
        let page = op.done(&format!("{provider}/edit"), &[]).await;
        let edit = page.url.path().trim_end_matches("provider").to_owned();
        let fields = [
            ("provider.name", "Other"),
            ("provider.id", "mock-idp"),
            ("action", "review"),
        ];
        op.post(&format!("{edit}provider"), &fields).await;
        self.look(op, &format!("{edit}review")).await;
        let page = op.done(&format!("{edit}trial"), &[]).await;
        self.page(&page, "trial");
        op.done(&format!("{edit}shadow"), &[]).await;
        self.look(op, &format!("{provider}/shadow")).await;
        self.look(op, &provider).await;
        self.look(op, ACME).await;
    }

    /// What asks before it is done, and what is refused.
    async fn forms(&mut self, op: &mut Op<'_>, user: &str) {
        for path in FORMS {
            let path = path.replace("providers/x", "providers/mock-idp");
            let fields = [("user", user), ("email", "eve@example.test")];
            let page = op.post(&path, &fields).await;
            if path == "/admin/logout" {
                *op = Op::with_password(op.world).await;
            } else if page.header("content-type").starts_with("text/html") {
                self.page(&page, &path);
            }
        }
    }

    /// Forms with mistakes, and some without.
    async fn mistakes(&mut self, op: &mut Op<'_>) {
        for (path, fields) in [
            ("/admin/", vec![("id", "Ä"), ("name", "A")]),
            ("/admin/", vec![("id", "acme"), ("name", "A")]),
            ("/admin/new-application", vec![("name", "")]),
            ("/admin/operators", vec![("email", "no")]),
            (
                "/admin/operators",
                vec![("email", "bo@example.test"), ("name", "Bo")],
            ),
            (
                "/admin/operators/change",
                vec![("email", "bo@example.test"), ("action", "disable")],
            ),
            (
                "/admin/operators/change",
                vec![("email", "bo@example.test"), ("action", "remove")],
            ),
            ("/admin/accounts/acme/stores", vec![("origin", "ftp://x")]),
            (
                "/admin/accounts/acme/branding",
                vec![("name", ""), ("color", "red")],
            ),
            ("/admin/accounts/acme/remove", vec![("confirm", "no")]),
            ("/admin/accounts/acme/users", vec![("email", "no")]),
            (
                "/admin/accounts/acme/setup-links",
                vec![("name", "Eve"), ("days", "400")],
            ),
            ("/admin/accounts/acme/setup-links", vec![("name", "Eve")]),
            (
                "/admin/accounts/acme/ways/domains",
                vec![("domain", "x"), ("action", "add")],
            ),
            (
                "/admin/accounts/acme/ways/switch",
                vec![("way", "mock-idp"), ("on", "false")],
            ),
            (
                "/admin/accounts/acme/settings",
                vec![("audience", "no"), ("signing_alg", "x")],
            ),
            ("/admin/profile", vec![("name", "")]),
            ("/admin/profile/password", vec![("new", "short")]),
            (
                "/admin/profile/password",
                vec![("current", "wrong"), ("new", "a new long password")],
            ),
        ] {
            let page = op.post(path, &fields).await;
            if page.status == StatusCode::SEE_OTHER {
                let page = op.browser.follow(page).await;
                self.page(&page, path);
            } else {
                self.page(&page, path);
            }
        }
    }
}

/// All pages, with something on each.
async fn walk(tag: &'static str) {
    let (world, _mail) = world_with_mail().await;
    world.apply("acme", &world.mapping()).await;
    let mut shopper = Browser::new();
    world.log_in(&mut shopper).await;
    let user = world.users("acme").await[0].id.to_string();
    let mut op = reader(&world, tag).await;
    let mut walk = Walk {
        tag,
        found: Vec::new(),
    };
    for path in PAGES {
        let page = op.get(path).await;
        if page.header("content-type").starts_with("text/html") {
            walk.page(&page, path);
        }
    }
    walk.pages(&mut op, &user).await;
    walk.wizard(&mut op).await;
    walk.edit(&mut op).await;
    walk.forms(&mut op, &user).await;
    walk.mistakes(&mut op).await;
    for done in ["saved", "created", "applied", "prepared", "shadow-removed"] {
        let path = format!("/admin/keys?done={done}");
        walk.look(&mut op, &path).await;
    }
    walk.found.sort();
    walk.found.dedup();
    assert!(walk.found.is_empty(), "{}", walk.found.join("\n"));
}

#[tokio::test]
async fn no_page_has_english_left_in_portuguese() {
    walk("pt-BR").await;
}

#[tokio::test]
async fn no_page_has_english_left_in_spanish() {
    walk("es").await;
}
