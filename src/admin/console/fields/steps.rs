//! The wizard's steps, with their fields.

use super::Field;
use super::{
    Group, Kind, Step, choice, error_message, headers, many, required, success, text, url,
};

/// The wizard.
pub(in crate::admin::console) const STEPS: &[Step] = &[
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
