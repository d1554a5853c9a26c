//! The page that brings an answer out of the address's fragment, which no server sees.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minijinja::{Value, context};

use super::look::Style;
use super::{Lang, Look, Page, Pages};
use crate::base::digest::sha256;

/// Posts the fragment's parameters to the address it stands at, as a form. Some servers
/// put them behind a route of a page's script, as in `#/callback?code=…`. The form's
/// address has no fragment: what follows would inherit it, up to the store's page.
const SCRIPT: &str = "\
const form = document.forms[0];
const all = location.hash.slice(1);
const [, route, behind] = /^([^=?]*)\\?(.*)$/s.exec(all) ?? [];
for (const [name, value] of new URLSearchParams(route === undefined ? all : behind)) {
  const field = document.createElement('input');
  field.type = 'hidden';
  field.name = name;
  field.value = value;
  form.append(field);
}
form.action = location.href.split('#')[0];
form.submit();
";

impl Pages {
    /// "One moment": a form that posts itself. Without scripts it says why the login
    /// ends here, and leads to the other ways to sign in.
    ///
    /// It shows no logo, as error pages don't: nobody else is to hear of its address.
    pub fn fragment(&self, look: &Look, lang: Lang, other: Option<&str>) -> Page {
        let text = &self.messages(lang).page;
        let style = Style::new(look).with_any_form();
        let page = self.page(
            "fragment.html",
            lang,
            &style,
            &text.fragment_title,
            context! {
                other,
                // Ours to the last byte.
                script => Value::from_safe_string(SCRIPT.to_owned()),
            },
        );
        let digest = STANDARD.encode(sha256(SCRIPT.as_bytes()));
        Page {
            csp: format!("{}; script-src 'sha256-{digest}'", page.csp),
            ..page
        }
    }
}
