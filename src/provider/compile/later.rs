//! What later steps need of the authorization response, and all of them of the address
//! at which the login began.

use std::collections::BTreeSet;

use crate::provider::body::Body;
use crate::provider::lifted::Lifted;
use crate::provider::mapped::{Mapped, Root};
use crate::provider::model::{
    Authorization, LoginParameters, ProfileMap, Then, Token, Userinfo, UserinfoRequest, Verified,
};
use crate::provider::parameter::Parameter;
use crate::provider::sign::Signature;
use crate::provider::template::{Slot, Template};

/// Parameters that requests hand on: a login without them can't go on.
pub(super) fn callback_parameters(token: &Token, userinfo: &Userinfo) -> Vec<String> {
    named(of_login(token, userinfo), |slot| match slot {
        Slot::Callback(name) => Some(name),
        _ => None,
    })
}

/// Parameters of the address at which a login begins.
pub(super) fn login_parameters(
    authorization: &Authorization,
    token: &Token,
    userinfo: &Userinfo,
) -> LoginParameters {
    let set = authorization;
    let signed = set.sign.iter().flat_map(Signature::templates);
    let asked = set
        .parameters
        .iter()
        .flat_map(|(_, value)| value.templates());
    let texts = asked.chain(signed).chain(&set.open_url);
    LoginParameters {
        required: named(texts.chain(of_login(token, userinfo)), |slot| match slot {
            Slot::Login(name) => Some(name),
            _ => None,
        }),
        values: mapped(&userinfo.profile, Root::Login),
    }
}

/// The texts of the requests that a login can't do without, from the code on.
fn of_login<'a>(token: &'a Token, userinfo: &'a Userinfo) -> impl Iterator<Item = &'a Template> {
    let requests = std::iter::once(&userinfo.request).chain(
        userinfo
            .then
            .iter()
            .filter(|then| !then.optional)
            .map(|then| &then.request),
    );
    let before = token.before.iter().flat_map(|before| {
        let signed = before.sign.iter().flat_map(Signature::templates);
        sent(&before.parameters, &before.headers, &before.body).chain(signed)
    });
    let signed = token.sign.iter().flat_map(Signature::templates);
    sent(&token.parameters, &token.headers, &token.body)
        .chain(before)
        .chain(signed)
        .chain(&token.open_url)
        .chain(requests.flat_map(texts))
}

/// Values in the head of the token endpoint's answer that later requests or the
/// profile name.
pub(super) fn token_head(userinfo: &Userinfo) -> BTreeSet<Lifted> {
    let requests =
        std::iter::once(&userinfo.request).chain(userinfo.then.iter().map(|then| &then.request));
    let sent = requests.flat_map(texts).flat_map(Template::slots);
    let sent = sent.filter_map(|slot| match slot {
        Slot::Token(place) => Some(place),
        _ => None,
    });
    let mapped = userinfo
        .profile
        .all()
        .flat_map(|(_, place)| place.sources());
    let mapped = mapped.filter(|source| source.root == Root::Token);
    sent.chain(mapped.map(|source| &source.place))
        .filter_map(|place| Lifted::parse(place.as_str()))
        .collect()
}

/// Values in the head of the profile's answer that the requests after it name.
pub(super) fn profile_head(then: &[Then]) -> BTreeSet<Lifted> {
    let sent = then.iter().flat_map(|then| texts(&then.request));
    sent.flat_map(Template::slots)
        .filter_map(|slot| match slot {
            Slot::Profile(place) => Lifted::parse(place.as_str()),
            _ => None,
        })
        .collect()
}

/// Names in the places of texts.
fn named<'a>(
    texts: impl Iterator<Item = &'a Template>,
    name: impl Fn(&'a Slot) -> Option<&'a String>,
) -> Vec<String> {
    let mut names: Vec<String> = texts
        .flat_map(Template::slots)
        .filter_map(name)
        .cloned()
        .collect();
    names.sort();
    names.dedup();
    names
}

fn texts(request: &UserinfoRequest) -> impl Iterator<Item = &Template> {
    let sent = sent(&request.parameters, &request.headers, &request.body);
    let signed = request.sign.iter().flat_map(Signature::templates);
    request.url.iter().chain(sent).chain(signed)
}

/// The texts of what a request carries.
pub(super) fn sent<'a>(
    parameters: &'a [(String, Parameter)],
    headers: &'a [(String, Template)],
    body: &'a Body,
) -> impl Iterator<Item = &'a Template> {
    let raw = match body {
        Body::Raw(raw) => Some(&raw.text),
        Body::Form | Body::Json | Body::None => None,
    };
    parameters
        .iter()
        .flat_map(|(_, value)| value.templates())
        .chain(headers.iter().map(|(_, text)| text))
        .chain(raw)
}

/// Parameters whose values are mapped, which may be absent.
pub(super) fn callback_values(map: &ProfileMap) -> Vec<String> {
    mapped(map, Root::Callback)
}

fn mapped(map: &ProfileMap, root: Root) -> Vec<String> {
    let verified = match &map.email_verified {
        Some(Verified::Place(place)) => Some(place),
        _ => None,
    };
    let mut names: Vec<String> = map
        .all()
        .map(|(_, place)| place)
        .chain(verified)
        .flat_map(Mapped::sources)
        .filter(|source| source.root == root)
        .filter_map(|source| source.place.first_member())
        .map(str::to_owned)
        .collect();
    names.sort();
    names.dedup();
    names
}
