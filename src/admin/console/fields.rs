//! What the wizard asks, step by step.

/// A step of the wizard.
pub(super) struct Step {
    /// Its part of the address.
    pub id: &'static str,
    pub title: &'static str,
    pub about: &'static str,
    pub groups: &'static [Group],
    /// Which requests of the preview stand beside it.
    pub previews: &'static [&'static str],
    /// Where in the mapping it writes: findings below these belong to it.
    pub tables: &'static [&'static str],
}

/// Fields under one heading.
pub(super) struct Group {
    pub title: &'static str,
    pub fields: &'static [Field],
    /// The table of custom parameters, if it has one.
    pub parameters: Option<&'static str>,
    /// Whether it is folded away at first.
    pub more: bool,
}

/// One key of the mapping.
pub(super) struct Field {
    /// `token.response.access_token`; also the input's name.
    pub key: &'static str,
    pub label: &'static str,
    pub hint: &'static str,
    /// What the mapping means where the key is absent.
    pub default: &'static str,
    pub kind: Kind,
    pub required: bool,
}

/// How a key is asked for.
pub(super) enum Kind {
    Text,
    Url,
    Secret,
    /// A list, as words with spaces between.
    Words,
    /// A table, as lines of `name: value`.
    Lines,
    /// Follow-up requests, as lines of `name = address`.
    Requests,
    /// Values and what they are called.
    Choice(&'static [(&'static str, &'static str)]),
}

const fn text(
    key: &'static str,
    label: &'static str,
    default: &'static str,
    hint: &'static str,
) -> Field {
    Field {
        key,
        label,
        hint,
        default,
        kind: Kind::Text,
        required: false,
    }
}

const fn many(kind: Kind, key: &'static str, label: &'static str, hint: &'static str) -> Field {
    Field {
        kind,
        ..text(key, label, "", hint)
    }
}

/// What a good answer says, and where a bad one says why.
const fn success(key: &'static str) -> Field {
    text(
        key,
        "Success condition",
        "",
        "For providers that answer 200 to everything: what a good answer meets, such as $.code == 0.",
    )
}

const fn error_message(key: &'static str) -> Field {
    text(
        key,
        "Error message key",
        "",
        "Where a bad answer says what is wrong, in the provider's own words.",
    )
}

const fn headers(key: &'static str) -> Field {
    many(
        Kind::Lines,
        key,
        "Headers",
        "Further headers of the request, one a line: Name: value.",
    )
}

const fn required(key: &'static str, label: &'static str, hint: &'static str) -> Field {
    Field {
        required: true,
        ..text(key, label, "", hint)
    }
}

const fn url(key: &'static str, label: &'static str, hint: &'static str) -> Field {
    Field {
        kind: Kind::Url,
        ..required(key, label, hint)
    }
}

const fn choice(
    key: &'static str,
    label: &'static str,
    hint: &'static str,
    options: &'static [(&'static str, &'static str)],
) -> Field {
    Field {
        kind: Kind::Choice(options),
        ..text(key, label, options[0].0, hint)
    }
}

/// The wizard.
pub(super) const STEPS: &[Step] = &[
    Step {
        id: "provider",
        title: "Provider details",
        about: "Who the identity provider is, and who we are to it. The keys are the names under which the values are sent.",
        groups: &[
            Group {
                title: "Identity provider",
                parameters: None,
                more: false,
                fields: &[
                    required(
                        "provider.name",
                        "Identity provider's name",
                        "Shoppers read it: “Continue with …”.",
                    ),
                    required(
                        "provider.id",
                        "Id",
                        "Lower-case letters, digits and dashes. Users are linked to it, so choose it once.",
                    ),
                ],
            },
            Group {
                title: "Client",
                parameters: None,
                more: false,
                fields: &[
                    text("client.id_key", "Client ID key", "client_id", ""),
                    required("client.id", "Client ID value", ""),
                    text(
                        "client.secret_key",
                        "Client secret key",
                        "client_secret",
                        "",
                    ),
                    Field {
                        kind: Kind::Secret,
                        ..text(
                            "client.secret",
                            "Client secret value",
                            "",
                            "Kept on the broker; it is never shown again.",
                        )
                    },
                ],
            },
            Group {
                title: "More",
                parameters: None,
                more: true,
                fields: &[
                    choice(
                        "provider.kind",
                        "Protocol",
                        "",
                        &[("oauth2", "OAuth 2.0"), ("openid", "OpenID Connect")],
                    ),
                    text(
                        "provider.issuer",
                        "Issuer",
                        "",
                        "Required for OpenID Connect: its discovery tells the addresses.",
                    ),
                    choice(
                        "client.authentication",
                        "Client authentication",
                        "How the id and the secret are sent in the token exchange.",
                        &[
                            (
                                "body",
                                "In the request's body; with OpenID Connect as its discovery lists",
                            ),
                            ("basic", "Authorization: Basic"),
                            ("basic_raw", "Authorization: Basic, not encoded first"),
                            ("query", "In the query string"),
                            ("none", "The id alone, no secret"),
                            (
                                "basic_and_body",
                                "Authorization: Basic, and in the body too",
                            ),
                            ("client_secret_jwt", "An assertion signed with the secret"),
                            ("private_key_jwt", "A signed assertion"),
                            ("tls_client_auth", "The id alone; a certificate in TLS"),
                        ],
                    ),
                ],
            },
        ],
        previews: &["authorization", "token"],
        tables: &["provider", "client"],
    },
    Step {
        id: "authorization",
        title: "Authorization code",
        about: "Where the shopper's browser is sent to log in, and how the code comes back.",
        groups: &[
            Group {
                title: "Request information",
                parameters: Some("authorization.parameters"),
                more: false,
                fields: &[
                    url(
                        "authorization.url",
                        "URL",
                        "The provider's authorization endpoint.",
                    ),
                    many(
                        Kind::Words,
                        "authorization.scopes",
                        "Scopes",
                        "What is asked for, with spaces between: openid profile email.",
                    ),
                ],
            },
            Group {
                title: "Callback request information",
                parameters: None,
                more: false,
                fields: &[text(
                    "callback.code_key",
                    "Authorization code key",
                    "code",
                    "The name under which the code comes back.",
                )],
            },
            Group {
                title: "More",
                parameters: None,
                more: true,
                fields: &[
                    choice(
                        "authorization.pkce",
                        "PKCE",
                        "Leave it on, unless the provider refuses parameters it does not know.",
                        &[("S256", "On (S256)"), ("none", "Off")],
                    ),
                    text(
                        "authorization.redirect_uri_key",
                        "Redirect URI key",
                        "redirect_uri",
                        "",
                    ),
                    text("authorization.state_key", "State key", "state", ""),
                ],
            },
        ],
        previews: &["authorization"],
        tables: &["authorization", "callback"],
    },
    Step {
        id: "token",
        title: "Access token exchange",
        about: "How the broker exchanges the code for an access token.",
        groups: &[
            Group {
                title: "Request information",
                parameters: Some("token.parameters"),
                more: false,
                fields: &[
                    url("token.url", "URL", "The provider's token endpoint."),
                    choice(
                        "token.content_type",
                        "Content type",
                        "",
                        &[
                            ("application/x-www-form-urlencoded", "x-www-form-urlencoded"),
                            ("application/json", "JSON"),
                        ],
                    ),
                    text(
                        "token.code_key",
                        "Authorization code key",
                        "code",
                        "The name under which the code is sent.",
                    ),
                ],
            },
            Group {
                title: "Response information",
                parameters: None,
                more: false,
                fields: &[
                    text(
                        "token.response.access_token",
                        "Access token key",
                        "access_token",
                        "A member's name, or a path that begins with $.",
                    ),
                    text(
                        "token.response.expires_in",
                        "Token duration key",
                        "expires_in",
                        "",
                    ),
                ],
            },
            Group {
                title: "More",
                parameters: None,
                more: true,
                fields: &[
                    headers("token.headers"),
                    success("token.response.success"),
                    error_message("token.response.error_message"),
                ],
            },
        ],
        previews: &["before", "token"],
        tables: &["token"],
    },
    Step {
        id: "userinfo",
        title: "Get user information",
        about: "How the broker learns who logged in.",
        groups: &[
            Group {
                title: "Request information",
                parameters: Some("userinfo.parameters"),
                more: false,
                fields: &[
                    url(
                        "userinfo.url",
                        "URL",
                        "The provider's user information endpoint.",
                    ),
                    choice(
                        "userinfo.send_token",
                        "Send the access token",
                        "",
                        &[
                            ("bearer", "As a Bearer token"),
                            ("query", "In the query string"),
                        ],
                    ),
                    text(
                        "userinfo.token_key",
                        "Access token key",
                        "access_token",
                        "Its name in the query string.",
                    ),
                ],
            },
            Group {
                title: "Response information",
                parameters: None,
                more: false,
                fields: &[
                    required(
                        "userinfo.response.email",
                        "User email key",
                        "A member's name, or a path that begins with $.",
                    ),
                    required(
                        "userinfo.response.user_id",
                        "User ID key",
                        "Stable and never reused: not the email.",
                    ),
                    text("userinfo.response.name", "User name key", "", "Optional."),
                    text(
                        "userinfo.response.email_verified",
                        "Email verified key",
                        "",
                        "Optional: says whether the provider checked the email.",
                    ),
                    choice(
                        "provider.email_trust",
                        "Trust in its emails",
                        "Whether a login may be linked to a user that exists, by email.",
                        &[
                            ("claim", "Where the profile says the email is verified"),
                            ("provider", "Always: this is the account's own user base"),
                            ("never", "Never"),
                        ],
                    ),
                ],
            },
            Group {
                title: "More",
                parameters: None,
                more: true,
                fields: &[
                    headers("userinfo.headers"),
                    success("userinfo.response.success"),
                    error_message("userinfo.response.error_message"),
                    many(
                        Kind::Requests,
                        "userinfo.then",
                        "Follow-up requests",
                        "One a line: name = https://… Each result joins the profile under its name, to be found at $.name. The TOML tab has the rest.",
                    ),
                ],
            },
        ],
        previews: &["userinfo", "then "],
        tables: &["userinfo"],
    },
];

impl Step {
    /// The step of a key.
    pub fn of(key: &str) -> Option<&'static Step> {
        let table = key.split(['.', '[']).next().unwrap_or_default();
        let asks = STEPS
            .iter()
            .find(|step| step.fields().any(|field| field.key == key));
        asks.or_else(|| STEPS.iter().find(|step| step.tables.contains(&table)))
    }

    /// The step of an address.
    pub fn named(id: &str) -> Option<(usize, &'static Step)> {
        STEPS.iter().enumerate().find(|(_, step)| step.id == id)
    }

    pub fn fields(&self) -> impl Iterator<Item = &'static Field> {
        self.groups.iter().flat_map(|group| group.fields)
    }

    pub fn parameters(&self) -> Option<&'static str> {
        self.groups.iter().find_map(|group| group.parameters)
    }
}
