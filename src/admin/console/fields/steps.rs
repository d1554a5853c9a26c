//! The wizard's steps, with their fields.

use super::Field;
use super::{
    Group, Kind, Step, choice, error_message, headers, many, required, success, text, url,
};

/// The wizard.
pub(in crate::admin::console) const STEPS: &[Step] = &[
    Step {
        id: "provider",
        title: "steps.provider_details",
        about: "steps.who_the_identity_provider_is_and",
        groups: &[
            Group {
                title: "steps.identity_provider",
                parameters: None,
                more: false,
                fields: &[
                    required(
                        "provider.name",
                        "steps.identity_providers_name",
                        "steps.shoppers_read_it_continue_with",
                    ),
                    required(
                        "provider.id",
                        "steps.id",
                        "steps.lower_case_letters_digits_and_dashes",
                    ),
                ],
            },
            Group {
                title: "steps.client",
                parameters: None,
                more: false,
                fields: &[
                    text("client.id_key", "steps.client_id_key", "client_id", ""),
                    required("client.id", "steps.client_id_value", ""),
                    text(
                        "client.secret_key",
                        "steps.client_secret_key",
                        "client_secret",
                        "",
                    ),
                    Field {
                        kind: Kind::Secret,
                        ..text(
                            "client.secret",
                            "steps.client_secret_value",
                            "",
                            "steps.kept_on_the_broker_it_is",
                        )
                    },
                ],
            },
            Group {
                title: "steps.more",
                parameters: None,
                more: true,
                fields: &[
                    choice(
                        "provider.kind",
                        "steps.protocol",
                        "",
                        &[
                            ("oauth2", "steps.oauth_2_0"),
                            ("openid", "steps.openid_connect"),
                        ],
                    ),
                    text(
                        "provider.issuer",
                        "steps.issuer",
                        "",
                        "steps.required_for_openid_connect_its_discovery",
                    ),
                    choice(
                        "client.authentication",
                        "steps.client_authentication",
                        "steps.how_the_id_and_the_secret",
                        &[
                            ("body", "steps.in_the_requests_body_with_openid"),
                            ("basic", "steps.authorization_basic"),
                            ("basic_raw", "steps.authorization_basic_not_encoded_first"),
                            ("query", "steps.in_the_query_string"),
                            ("none", "steps.the_id_alone_no_secret"),
                            (
                                "basic_and_body",
                                "steps.authorization_basic_and_in_the_body",
                            ),
                            (
                                "client_secret_jwt",
                                "steps.an_assertion_signed_with_the_secret",
                            ),
                            ("private_key_jwt", "steps.a_signed_assertion"),
                            ("tls_client_auth", "steps.the_id_alone_a_certificate_in"),
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
        title: "steps.authorization_code",
        about: "steps.where_the_shoppers_browser_is_sent",
        groups: &[
            Group {
                title: "steps.request_information",
                parameters: Some("authorization.parameters"),
                more: false,
                fields: &[
                    url(
                        "authorization.url",
                        "steps.url",
                        "steps.the_providers_authorization_endpoint",
                    ),
                    many(
                        Kind::Words,
                        "authorization.scopes",
                        "steps.scopes",
                        "steps.what_is_asked_for_with_spaces",
                    ),
                ],
            },
            Group {
                title: "steps.callback_request_information",
                parameters: None,
                more: false,
                fields: &[text(
                    "callback.code_key",
                    "steps.authorization_code_key",
                    "code",
                    "steps.the_name_under_which_the_code",
                )],
            },
            Group {
                title: "steps.more",
                parameters: None,
                more: true,
                fields: &[
                    choice(
                        "authorization.pkce",
                        "steps.pkce",
                        "steps.leave_it_on_unless_the_provider",
                        &[("S256", "steps.on_s256"), ("none", "steps.off")],
                    ),
                    text(
                        "authorization.redirect_uri_key",
                        "steps.redirect_uri_key",
                        "redirect_uri",
                        "",
                    ),
                    text("authorization.state_key", "steps.state_key", "state", ""),
                ],
            },
        ],
        previews: &["authorization"],
        tables: &["authorization", "callback"],
    },
    Step {
        id: "token",
        title: "steps.access_token_exchange",
        about: "steps.how_the_broker_exchanges_the_code",
        groups: &[
            Group {
                title: "steps.request_information",
                parameters: Some("token.parameters"),
                more: false,
                fields: &[
                    url(
                        "token.url",
                        "steps.url",
                        "steps.the_providers_token_endpoint",
                    ),
                    choice(
                        "token.content_type",
                        "steps.content_type",
                        "",
                        &[
                            (
                                "application/x-www-form-urlencoded",
                                "steps.x_www_form_urlencoded",
                            ),
                            ("application/json", "steps.json"),
                        ],
                    ),
                    text(
                        "token.code_key",
                        "steps.authorization_code_key",
                        "code",
                        "steps.the_name_under_which_the_code_2",
                    ),
                ],
            },
            Group {
                title: "steps.response_information",
                parameters: None,
                more: false,
                fields: &[
                    text(
                        "token.response.access_token",
                        "steps.access_token_key",
                        "access_token",
                        "steps.a_members_name_or_a_path",
                    ),
                    text(
                        "token.response.expires_in",
                        "steps.token_duration_key",
                        "expires_in",
                        "",
                    ),
                ],
            },
            Group {
                title: "steps.more",
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
        title: "steps.get_user_information",
        about: "steps.how_the_broker_learns_who_logged",
        groups: &[
            Group {
                title: "steps.request_information",
                parameters: Some("userinfo.parameters"),
                more: false,
                fields: &[
                    url(
                        "userinfo.url",
                        "steps.url",
                        "steps.the_providers_user_information_endpoint",
                    ),
                    choice(
                        "userinfo.send_token",
                        "steps.send_the_access_token",
                        "",
                        &[
                            ("bearer", "steps.as_a_bearer_token"),
                            ("query", "steps.in_the_query_string"),
                        ],
                    ),
                    text(
                        "userinfo.token_key",
                        "steps.access_token_key",
                        "access_token",
                        "steps.its_name_in_the_query_string",
                    ),
                ],
            },
            Group {
                title: "steps.response_information",
                parameters: None,
                more: false,
                fields: &[
                    required(
                        "userinfo.response.email",
                        "steps.user_email_key",
                        "steps.a_members_name_or_a_path",
                    ),
                    required(
                        "userinfo.response.user_id",
                        "steps.user_id_key",
                        "steps.stable_and_never_reused_not_the",
                    ),
                    text(
                        "userinfo.response.name",
                        "steps.user_name_key",
                        "",
                        "steps.optional",
                    ),
                    text(
                        "userinfo.response.email_verified",
                        "steps.email_verified_key",
                        "",
                        "steps.optional_says_whether_the_provider_checked",
                    ),
                    choice(
                        "provider.email_trust",
                        "steps.trust_in_its_emails",
                        "steps.whether_a_login_may_be_linked",
                        &[
                            ("claim", "steps.where_the_profile_says_the_email"),
                            ("provider", "steps.always_this_is_the_accounts_own"),
                            ("never", "steps.never"),
                        ],
                    ),
                ],
            },
            Group {
                title: "steps.more",
                parameters: None,
                more: true,
                fields: &[
                    headers("userinfo.headers"),
                    success("userinfo.response.success"),
                    error_message("userinfo.response.error_message"),
                    many(
                        Kind::Requests,
                        "userinfo.then",
                        "steps.follow_up_requests",
                        "steps.one_a_line_name_https_each",
                    ),
                ],
            },
        ],
        previews: &["userinfo", "then "],
        tables: &["userinfo"],
    },
];
