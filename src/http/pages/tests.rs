//! Every page, whatever is put into it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::base::ErrorCode;
use crate::base::digest::sha256;

const EVIL: &str = r#"</title></style><script>alert("x")</script>' onload='x' {{ 7*7 }}"#;

fn look() -> Look {
    Look {
        name: "Acme".into(),
        kept_logo: None,
        logo_url: Some("https://cdn.acme.test/logo.svg?a=1&b=2".into()),
        color: Some("#e4572e".into()),
    }
}

fn choice(name: &str, icon: Option<Icon>) -> Choice {
    Choice {
        name: name.into(),
        href: format!("login?provider={name}&return_to=%2Fcart"),
        icon,
        last_used: true,
    }
}

fn error_page(code: ErrorCode) -> ErrorPage {
    ErrorPage {
        code,
        support_id: "7k2m9q4xza".into(),
        restart_href: Some("login?return_to=%2Fcart".into()),
        store_href: None,
    }
}

fn email_form(text: &str) -> EmailForm {
    EmailForm {
        action: "login?lang=en".into(),
        return_to: text.into(),
        email: text.into(),
        wrong: Some(ErrorCode::RequestBad),
        codes: true,
        password: true,
        forgot: true,
        ..EmailForm::default()
    }
}

fn code_page(text: &str) -> CodePage {
    CodePage {
        login: text.into(),
        email: text.into(),
        return_to: text.into(),
        other_href: "login".into(),
        minutes: 10,
        tries: 3,
        late: true,
        redirects: Some(Vec::new()),
        ..CodePage::default()
    }
}

/// Every kind of page, with the same text in every place where one may come in.
fn all_pages(look: &Look, text: &str) -> Vec<Page> {
    let pages = Pages::new();
    let mut all = Vec::new();
    for lang in Lang::ALL {
        let choices = [
            Choice {
                name: text.into(),
                href: text.into(),
                icon: None,
                last_used: false,
            },
            choice("google", Icon::of("google")),
        ];
        let langs = Lang::ALL.map(|lang| LangLink {
            lang,
            href: text.into(),
        });
        let notice = Some(Notice::SessionEnded);
        let choices = Block::Choices(choices.to_vec());
        let first = Block::Email(EmailForm {
            first: true,
            last_used: true,
            ..email_form(text)
        });
        let whole = [choices.clone(), Block::Email(email_form(text)), first];
        for blocks in [&[choices][..], &whole] {
            all.push(pages.login(look, lang, blocks, notice, &langs));
        }
        for left in [None, Some(1), Some(3)] {
            let code = CodePage {
                left,
                langs: langs.to_vec(),
                ..code_page(text)
            };
            all.push(pages.code(look, lang, &code));
        }
        all.push(pages.error(
            look,
            lang,
            &ErrorPage {
                code: ErrorCode::LoginDenied,
                support_id: text.into(),
                restart_href: Some(text.into()),
                store_href: Some(text.into()),
            },
        ));
        all.push(pages.logout_confirm(
            look,
            lang,
            &LogoutForm {
                action: text.into(),
                return_to: Some(text.into()),
                user: Some(text.into()),
                stay_href: Some(text.into()),
                redirects: vec![text.into()],
            },
        ));
        all.push(pages.signed_out(look, lang, Some(text)));
        all.push(pages.device(
            lang,
            &DevicePage {
                user_code: text.into(),
                wrong: Some(DeviceWrong::Unknown),
                langs: langs.to_vec(),
            },
        ));
        all.push(pages.ask(
            look,
            lang,
            &Ask {
                application: text.into(),
                user: text.into(),
                scopes: vec![text.into(), "openid".into()],
                user_code: Some(text.into()),
                action: text.into(),
                fields: vec![("proof", text.into())],
                elsewhere: false,
            },
        ));
        let allowed = Allowed {
            client_id: text.into(),
            application: text.into(),
            scopes: vec![text.into()],
        };
        all.push(pages.allowed(look, lang, text, &[allowed]));
        all.push(pages.device_end(look, lang, DeviceEnd::Connected));
    }
    all
}

fn style_of(page: &Page) -> &str {
    let (_, rest) = page.html.split_once("<style>").expect("a style");
    rest.split_once("</style>").expect("its end").0
}

#[test]
fn the_policy_allows_the_style_and_nothing_else() {
    for page in all_pages(&look(), "text") {
        let hash = STANDARD.encode(sha256(style_of(&page).as_bytes()));
        assert!(
            page.csp.contains(&format!("style-src 'sha256-{hash}';")),
            "{}",
            page.csp
        );
        assert!(page.csp.starts_with("default-src 'none'; "), "{}", page.csp);
        assert!(
            page.csp
                .ends_with("base-uri 'none'; frame-ancestors 'none'"),
            "{}",
            page.csp
        );
        assert!(!page.csp.contains("unsafe"), "{}", page.csp);
        assert!(
            !page.html.contains(" style="),
            "an inline style would be ignored"
        );
        assert!(!page.html.contains("<script"), "no scripts");
        assert_eq!(page.html.matches("<style>").count(), 1);
    }
}

#[test]
fn x03_text_stays_text() {
    let evil = Look {
        name: EVIL.into(),
        kept_logo: Some(EVIL.into()),
        logo_url: Some(EVIL.into()),
        color: Some(EVIL.into()),
    };
    for page in all_pages(&evil, EVIL) {
        assert!(!page.html.contains("<script"), "{}", page.html);
        assert!(!page.html.contains("onload='"), "{}", page.html);
        assert!(!page.html.contains("49"), "rendered twice: {}", page.html);
        assert!(page.html.contains("&lt;script&gt;"), "{}", page.html);
        assert!(
            !page.csp.contains("script") && !page.csp.contains('\n'),
            "{}",
            page.csp
        );
    }
}

#[test]
fn pages_are_well_formed() {
    for page in all_pages(&look(), "text") {
        let html = &page.html;
        assert!(html.starts_with("<!doctype html>\n<html lang=\""), "{html}");
        assert_eq!(html.matches("<h1>").count(), 1, "{html}");
        assert_eq!(html.matches("<main ").count(), 1, "{html}");
        assert!(html.contains("<meta name=\"referrer\" content=\"no-referrer\">"));
        assert!(html.contains("<meta name=\"robots\" content=\"noindex\">"));
        assert!(html.contains("<meta name=\"viewport\""));
        assert!(!html.contains('{'.to_string().repeat(2).as_str()), "{html}");
        let after_style = html.split_once("</style>").expect("a style").1;
        assert!(
            !after_style.contains('{'),
            "an unfilled sentence: {after_style}"
        );
    }
}

#[test]
fn the_page_for_a_fragment_runs_its_one_script_and_says_so_without() {
    for lang in Lang::ALL {
        let page = Pages::new().fragment(&look(), lang, Some("login?a=1&b=2"));
        assert_eq!(page.html.matches("<script>").count(), 1);
        let (_, rest) = page.html.split_once("<script>").expect("a script");
        let (script, _) = rest.split_once("</script>").expect("its end");
        let digest = STANDARD.encode(sha256(script.as_bytes()));
        assert!(
            page.csp.ends_with(&format!(
                "frame-ancestors 'none'; script-src 'sha256-{digest}'"
            )),
            "{}",
            page.csp
        );
        // The answer leads to the store, or to an application of any scheme.
        assert!(!page.csp.contains("form-action") && !page.csp.contains("unsafe"));
        assert!(page.html.contains("<form method=\"post\"></form>"));
        let (_, rest) = page.html.split_once("<noscript>").expect("an explanation");
        assert!(rest.contains("href=\"login?a=1&amp;b=2\""), "{rest}");
        assert!(
            !page.html.contains("<img"),
            "nobody else hears of the address"
        );
    }
}

#[test]
fn only_https_logos_are_shown() {
    let pages = Pages::new();
    let shown = pages.signed_out(&look(), Lang::En, Some("login"));
    assert!(shown.html.contains("<img class=\"logo\""), "{}", shown.html);
    assert!(
        shown.csp.contains("img-src data: https://cdn.acme.test;"),
        "{}",
        shown.csp
    );
    for url in [
        "http://cdn.test/a.png",
        "javascript:alert(1)",
        "data:image/png;base64,",
        "/logo.png",
        "",
    ] {
        let look = Look {
            logo_url: Some(url.into()),
            ..look()
        };
        let page = pages.signed_out(&look, Lang::En, Some("login"));
        assert!(!page.html.contains("<img"), "{url}");
        assert!(page.csp.contains("img-src data:;"), "{url}: {}", page.csp);
    }
}

#[test]
fn s19_error_pages_load_nothing() {
    let pages = Pages::new();
    for code in ErrorCode::ALL.iter().copied() {
        let page = pages.error(&look(), Lang::En, &error_page(code));
        assert!(!page.html.contains("<img"), "{code}");
        assert!(
            page.csp.contains("img-src data:; form-action 'none';"),
            "{code}: {}",
            page.csp
        );
        assert!(
            page.html.contains(code.as_str()) && page.html.contains("7k2m9q4xza"),
            "{code}"
        );
        assert!(
            page.html.contains("href=\"login?return_to=%2Fcart\""),
            "{code}"
        );
    }
}

#[test]
fn the_accent_is_the_accounts_own() {
    let pages = Pages::new();
    let style = |color: Option<&str>| {
        let look = Look {
            color: color.map(Into::into),
            ..look()
        };
        style_of(&pages.signed_out(&look, Lang::En, Some("login"))).to_owned()
    };
    assert!(style(Some("#FFEE00")).contains("--accent:#ffee00;--on-accent:#000000;"));
    assert!(style(Some("#102a43")).contains("--accent:#102a43;--on-accent:#ffffff;"));
    assert_eq!(style(Some("red;} body{display:none}")), style(None));
}

#[test]
fn the_logout_form_keeps_what_it_needs() {
    let form = LogoutForm {
        action: "logout".into(),
        return_to: Some("https://www.acme.test/?a=1&b=2".into()),
        redirects: vec![
            "https://id.acme.test/end?x=1".into(),
            "javascript:x".into(),
            "https://www.acme.test/".into(),
        ],
        ..LogoutForm::default()
    };
    let page = Pages::new().logout_confirm(&look(), Lang::En, &form);
    assert!(
        page.html
            .contains("<form class=\"actions\" method=\"post\" action=\"logout\">")
    );
    assert!(
        page.html.contains(
            "name=\"return_to\" value=\"https:&#x2f;&#x2f;www.acme.test&#x2f;?a=1&amp;b=2\""
        ),
        "{}",
        page.html
    );
    assert!(
        page.html
            .contains("<h1>Do you want to sign out of Acme?</h1>")
    );
    let expected = "form-action 'self' https://id.acme.test https://www.acme.test;";
    assert!(page.csp.contains(expected), "{}", page.csp);
}

#[test]
fn a_page_without_an_account_has_no_name() {
    let page = Pages::new().error(
        &Look::default(),
        Lang::PtBr,
        &error_page(ErrorCode::LoginUnknownAccount),
    );
    assert!(page.html.contains("<html lang=\"pt-BR\">"));
    assert!(
        page.html
            .contains("<title>Esta loja não existe aqui</title>"),
        "{}",
        page.html
    );
    assert!(!page.html.contains("<header"), "{}", page.html);
}

#[test]
fn a_code_of_programs_is_shown_with_general_sentences() {
    let page = Pages::new().error(&look(), Lang::En, &error_page(ErrorCode::KeyBusy));
    assert!(page.html.contains("<h1>Something went wrong</h1>"));
    assert!(page.html.contains("<code>key.busy</code>"));
}

#[test]
fn pages_are_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Pages>();
}
