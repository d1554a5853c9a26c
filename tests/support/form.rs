//! Forms of pages that others wrote, filled in without a browser.

use url::Url;

use super::{Browser, Page};

/// A form: where it is posted and what is filled in already.
#[derive(Debug)]
pub struct Form {
    pub action: Url,
    pub fields: Vec<(String, String)>,
}

impl Form {
    /// The first form of a page.
    pub fn of(page: &Page) -> Self {
        let from = page
            .body
            .find("<form")
            .unwrap_or_else(|| panic!("no form: {} {}\n{}", page.status, page.url, page.body));
        let html = &page.body[from..];
        let html = html.split("</form").next().unwrap();
        let tag = html.split('>').next().unwrap();
        let fields = html
            .split("<input")
            .skip(1)
            .map(|rest| rest.split('>').next().unwrap())
            .filter_map(|tag| {
                let value = attribute(tag, "value").unwrap_or_default();
                Some((attribute(tag, "name")?, value))
            })
            .collect();
        Self {
            action: page
                .url
                .join(&attribute(tag, "action").unwrap_or_default())
                .unwrap(),
            fields,
        }
    }

    /// Fills in a field that is there.
    pub fn fill(mut self, name: &str, value: &str) -> Self {
        let field = self.fields.iter_mut().find(|(n, _)| n == name);
        let (_, old) = field.unwrap_or_else(|| panic!("the form has no field {name}"));
        value.clone_into(old);
        self
    }

    /// Posts it.
    pub async fn post(&self, browser: &mut Browser) -> Page {
        let fields: Vec<(&str, &str)> = self
            .fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        browser.post(self.action.as_str(), &fields).await
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let from = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    let to = tag[from..].find('"')? + from;
    let text = &tag[from..to];
    Some(
        text.replace("&quot;", "\"")
            .replace("&#x2f;", "/")
            .replace("&#x27;", "'")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&"),
    )
}
