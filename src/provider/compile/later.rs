//! What later steps need of the authorization response.

use crate::provider::body::Body;
use crate::provider::mapped::{Mapped, Root};
use crate::provider::model::{ProfileMap, Token, Userinfo, UserinfoRequest, Verified};
use crate::provider::parameter::Parameter;
use crate::provider::sign::Signature;
use crate::provider::template::{Slot, Template};

/// Parameters that requests hand on: a login without them can't go on.
pub(super) fn callback_parameters(token: &Token, userinfo: &Userinfo) -> Vec<String> {
    let requests = std::iter::once(&userinfo.request).chain(
        userinfo
            .then
            .iter()
            .filter(|then| !then.optional)
            .map(|then| &then.request),
    );
    let signed = token.sign.iter().flat_map(Signature::templates);
    let mut names: Vec<String> = sent(&token.parameters, &token.headers, &token.body)
        .chain(signed)
        .chain(&token.open_url)
        .chain(requests.flat_map(texts))
        .flat_map(Template::slots)
        .filter_map(|slot| match slot {
            Slot::Callback(name) => Some(name.clone()),
            _ => None,
        })
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
    let verified = match &map.email_verified {
        Some(Verified::Place(place)) => Some(place),
        _ => None,
    };
    let mut names: Vec<String> = map
        .all()
        .map(|(_, place)| place)
        .chain(verified)
        .flat_map(Mapped::sources)
        .filter(|source| source.root == Root::Callback)
        .filter_map(|source| source.place.first_member())
        .map(str::to_owned)
        .collect();
    names.sort();
    names.dedup();
    names
}
