//! The stable codes of everything that can go wrong, in one list.
//!
//! A code is part of the interface: pages show it, problem documents and logs
//! carry it, dashboards count it. It never changes its meaning; a new failure
//! gets a new code. The doc comment of each says what happened and what to do,
//! and is its line in `docs/errors.md`. The status that goes with it is `http`'s
//! business, see [`status`](crate::http::status::status).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! error_codes {
    (
        shoppers { $($(#[doc = $page_doc:literal])+ $page:ident = $page_text:literal,)+ }
        programs { $($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+ }
    ) => {
        /// The stable code of a failure.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ErrorCode {
            $($(#[doc = $page_doc])+ $page,)+
            $($(#[doc = $doc])+ $name,)+
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$page,)+ $(Self::$name,)+];

            /// The code as it is written: `login.denied`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$page => $page_text,)+
                    $(Self::$name => $text,)+
                }
            }

            /// What happened and what to do about it, for those who run the
            /// broker: the doc comment of the code.
            pub fn meaning(self) -> &'static str {
                let text = match self {
                    $(Self::$page => concat!($($page_doc),+),)+
                    $(Self::$name => concat!($($doc),+),)+
                };
                text.trim()
            }

            /// Whether a shopper's page can show it. Each such code has its
            /// sentences in every language.
            pub const fn is_for_shoppers(self) -> bool {
                match self {
                    $(Self::$page => true,)+
                    $(Self::$name => false,)+
                }
            }
        }
    };
}

error_codes! {
    shoppers {
        /// The shopper pressed Cancel at the provider, or the provider refused consent (`access_denied`). Nothing needs to be done.
        LoginDenied = "login.denied",
        /// The provider sent the browser back with an error other than `access_denied`, its discovery document could not be used, or one of its endpoints redirects or does not know such a request (405, 406, 411, 415). The log line under the support id names it.
        LoginProviderError = "login.provider_error",
        /// The callback came without a state. Check that the mapping's `authorization.state_key` is what the provider sends back.
        LoginStateMissing = "login.state_missing",
        /// No login is known under the state: it was forgotten since, or was not made by this broker. The shopper starts again.
        LoginStateUnknown = "login.state_unknown",
        /// The shopper took longer than `login.lifetime`. They start again.
        LoginStateExpired = "login.state_expired",
        /// The state was used already: the callback was reloaded or sent twice. The shopper starts again.
        LoginStateReplayed = "login.state_replayed",
        /// The state belongs to a login of another account, store or provider. Check which redirect URI is registered at the provider.
        LoginStateMismatch = "login.state_mismatch",
        /// The `iss` of the callback is not the provider's issuer (RFC 9207). Check `provider.issuer`; otherwise somebody tried a mix-up attack.
        LoginIssuerMismatch = "login.issuer_mismatch",
        /// The callback has a parameter more than once (RFC 6749 §3.1). The provider, or a proxy before the broker, repeats it.
        LoginDuplicateParameter = "login.duplicate_parameter",
        /// The callback cannot be read, has both a code and an error, or lacks a parameter that the mapping hands on.
        LoginBadCallback = "login.bad_callback",
        /// The callback has neither a code nor an error. Check the mapping's `callback.code_key`.
        LoginCodeMissing = "login.code_missing",
        /// No connection to the provider. Check its address with `vestibule provider check`, and the broker's way out.
        LoginProviderUnreachable = "login.provider_unreachable",
        /// The provider did not answer in time. The mapping's `timeouts` say how long the broker waits.
        LoginProviderTimeout = "login.provider_timeout",
        /// The provider answered 429 or 503, too many requests wait for it, or it failed several times in a row and is left alone for a moment.
        LoginProviderBusy = "login.provider_busy",
        /// This client began too many logins; `Retry-After` says when it may begin another. Behind a proxy, `trusted_proxies` tells clients apart.
        LoginTooMany = "login.too_many",
        /// The token endpoint refused. The log has its words; the client secret, the redirect URI and `client.authentication` are the usual causes.
        LoginTokenRejected = "login.token_rejected",
        /// The token response cannot be read, or has no access token where `token.response` says.
        LoginTokenResponseInvalid = "login.token_response_invalid",
        /// The provider answered with another status of 500 and above: the fault is on its side.
        LoginProviderFailing = "login.provider_failing",
        /// The host of a URL, which the provider or the callback named, is not in the mapping's `provider.hosts`. Nothing was sent there. Add it, if it is the provider's.
        LoginHostNotAllowed = "login.host_not_allowed",
        /// What a request would be signed with is empty, so that anybody could make the signature. Check the mapping's `sign`, and what the provider gives.
        LoginSignatureKeyEmpty = "login.signature_key_empty",
        /// The user information endpoint refused. Check `userinfo.send_token` and the scopes.
        LoginUserinfoRejected = "login.userinfo_rejected",
        /// The user information endpoint answered 404 or 410: there is no such address, or no profile of this person. Check `userinfo.url`; a follow-up request may be `optional`.
        LoginUserinfoNotFound = "login.userinfo_not_found",
        /// The user information cannot be read, or does not meet `userinfo.response.success`.
        LoginUserinfoInvalid = "login.userinfo_invalid",
        /// The ID token is missing, or its signature or claims are wrong. The log says which.
        LoginIdTokenInvalid = "login.id_token_invalid",
        /// User information is about someone else than the ID token: their `sub` differ, or the answer has none. Check `userinfo.url`; nothing of either was used.
        LoginOtherSubject = "login.other_subject",
        /// The ID token or the user information is encrypted, and not to the mapping's `client.decryption_key`, or in a way that is not taken. The log says which.
        LoginNotDecrypted = "login.not_decrypted",
        /// The address of the login lacks a parameter that the mapping hands on (`{login.name}`). The storefront's link has to bring it; the log names it.
        LoginParameterMissing = "login.parameter_missing",
        /// The profile has no email where `userinfo.response.email` says. Ask the provider for it with a scope, or set `email_placeholder`.
        LoginEmailMissing = "login.email_missing",
        /// What the profile has for an email is not an email address.
        LoginEmailInvalid = "login.email_invalid",
        /// The profile has no usable id where `userinfo.response.user_id` says.
        LoginUserIdMissing = "login.user_id_missing",
        /// A user with this email exists, and the mapping's `provider.email_trust` does not allow to link the login to them.
        LoginEmailNotTrusted = "login.email_not_trusted",
        /// The mapping's `[access]` does not let this person in.
        LoginAccessDenied = "login.access_denied",
        /// The user was disabled by an operator.
        LoginUserDisabled = "login.user_disabled",
        /// The ticket of `finish` is unknown, was used, or is older than a minute. The shopper starts again.
        LoginTicketInvalid = "login.ticket_invalid",
        /// The login was begun in another browser, or cookies are blocked.
        LoginWrongBrowser = "login.wrong_browser",
        /// Too many codes were asked for within an hour: to one address, by one client, or in the account. Other ways to log in stay open.
        LoginTooManyCodes = "login.too_many_codes",
        /// The code that came by mail was wrong three times. The shopper asks for a new one.
        LoginAccessKeySpent = "login.access_key_spent",
        /// Too many wrong codes were typed for this address, whether or not anybody has it. It gets no codes until the hour is over; other ways to log in stay open. An operator can lift it: `vestibule user unblock`.
        LoginAccessKeyBlocked = "login.access_key_blocked",
        /// Email and password don't belong together; whether anybody has the email is not said.
        LoginPasswordWrong = "login.password_wrong",
        /// Too many wrong passwords were typed for this email from there. A browser that its owner used before, and other ways to log in, are not held up.
        LoginPasswordWait = "login.password_wait",
        /// The password was right, and has to be changed first: the account's passwords expire, or an operator said so.
        LoginPasswordExpired = "login.password_expired",
        /// The password that was chosen lacks length, a digit, a lower-case or an upper-case letter.
        LoginPasswordClasses = "login.password_classes",
        /// The password that was chosen is too short, too long, or one that many people have.
        LoginPasswordWeak = "login.password_weak",
        /// The password that was chosen is one that the person had before, and the account lets none return.
        LoginPasswordUsed = "login.password_used",
        /// The form of a login was posted from a page of another origin.
        LoginCrossSite = "login.cross_site",
        /// `return_to` is not a path or URL on one of the account's stores.
        LoginReturnToInvalid = "login.return_to_invalid",
        /// There is no such account.
        LoginUnknownAccount = "login.unknown_account",
        /// The account has no such provider.
        LoginUnknownProvider = "login.unknown_provider",
        /// The account has no provider yet. Apply a mapping.
        LoginNoProvider = "login.no_provider",
        /// The mapping no longer compiles, or points where the broker must not go. A variable or file of its secret may be gone: `vestibule provider check`.
        LoginProviderMisconfigured = "login.provider_misconfigured",
        /// The store's proxy sends another `Host` than the store's. Configure it to keep the host.
        LoginStoreHostHidden = "login.store_host_hidden",
        /// The account has no store. Add one.
        LoginStoreMissing = "login.store_missing",
        /// `return_to` of a logout, or `post_logout_redirect_uri`, is not allowed.
        LogoutReturnToInvalid = "logout.return_to_invalid",
        /// An application's authorization request names a `client_id` that does not exist.
        AuthorizeClient = "authorize.client",
        /// An application's authorization request has a `redirect_uri` that is not registered.
        AuthorizeRedirectUri = "authorize.redirect_uri",
        /// An application's authorization request is unknown, was used, or waits in another browser. The application sends it again.
        AuthorizeExpired = "authorize.expired",
        /// The request cannot be read.
        RequestBad = "request.bad",
        /// There is nothing at this address.
        RequestNotFound = "request.not_found",
        /// The address does not take this method.
        RequestMethodNotAllowed = "request.method_not_allowed",
        /// The body is longer than the broker reads.
        RequestTooLarge = "request.too_large",
        /// The store cannot be reached or refuses writes. The log says why; nothing was changed.
        ServiceUnavailable = "service.unavailable",
        /// The broker failed. The log has the cause.
        ServiceError = "service.error",
    }
    programs {
        /// Something else occupies the broker for the moment. Try again.
        ServiceBusy = "service.busy",
        /// The body is not the JSON that is expected. The detail names the place.
        RequestInvalid = "request.invalid",
        /// The body has another `Content-Type` than the operation takes.
        RequestContentType = "request.content_type",
        /// `accept` names something that no refusal asks for.
        RequestAccept = "request.accept",
        /// `after` is not the `next` of an earlier page.
        RequestAfter = "request.after",
        /// `limit` is out of range.
        RequestLimit = "request.limit",
        /// `If-Match` is not an `ETag` of an earlier answer.
        RequestIfMatch = "request.if_match",
        /// `If-None-Match` has something other than `*` in a change.
        RequestIfNoneMatch = "request.if_none_match",
        /// Nobody is logged in. Send the browser to `login`.
        SessionNone = "session.none",
        /// Nobody vouched for the email of who is logged in, and the account or the
        /// question refuses such. They log in through a provider that does.
        SessionEmailUnverified = "session.email_unverified",
        /// A proxy asked `check` for a host that none of the account's stores has. The detail
        /// names it: add the store, or let the proxy send the host that browsers ask for.
        SessionUnknownHost = "session.unknown_host",
        /// A logout was posted from a page of another origin.
        LogoutCrossSite = "logout.cross_site",
        /// A provider's back-channel or front-channel logout does not count: its token is not signed by the provider, is about something else or was used before, or it names no session. The log says which.
        LogoutTokenInvalid = "logout.token_invalid",

        /// The admin API was called without a valid access token.
        AdminUnauthenticated = "admin.unauthenticated",
        /// The access token lacks the scope, or is for another account.
        AdminForbidden = "admin.forbidden",
        /// It does not exist, or belongs to an account that the caller may not see.
        AdminNotFound = "admin.not_found",
        /// Somebody else changed it meanwhile. Read it again and repeat the change.
        AdminChangedMeanwhile = "admin.changed_meanwhile",
        /// Others write to this store too. Copy it with the database's own tools.
        AdminExportElsewhere = "admin.export_elsewhere",
        /// The change was made, but the audit log could not be written.
        AuditUnavailable = "audit.unavailable",

        /// An account's id has 1 to 40 lower-case letters, digits and `-`.
        AccountId = "account.id",
        /// There is an account of this id already.
        AccountExists = "account.exists",
        /// A name has 1 to 100 characters on one line.
        AccountName = "account.name",
        /// A logo is an https URL.
        AccountLogoUrl = "account.logo_url",
        /// A logo that is kept is a PNG, JPEG, WebP or SVG of at most 128 KiB and 2048
        /// pixels a side, and has nothing in it that runs or is fetched.
        AccountLogo = "account.logo",
        /// A colour is written as `#rrggbb`.
        AccountColor = "account.color",
        /// Sessions are signed with `ES256` or `RS256`.
        AccountSigningAlg = "account.signing_alg",
        /// An email that nobody vouched for is marked, withheld or refused: `mark`,
        /// `withhold`, `refuse`.
        AccountUnverifiedEmail = "account.unverified_email",
        /// The access key needs a mail server: `[mail]` of the configuration.
        AccountAccessKey = "account.access_key",
        /// The settings for passwords cannot be used; the detail says which and why.
        AccountPassword = "account.password",
        /// The order of the ways to log in, or a domain of emails, cannot be used; the detail says which and why.
        AccountWays = "account.ways",
        /// A message's sender or text cannot be used; the detail says which and why.
        MessageInvalid = "message.invalid",
        /// An audience is an absolute URI without a fragment, and none of the broker's own addresses.
        AccountAudience = "account.audience",
        /// What the account demands of applications cannot be used; the detail says what and why.
        AccountApplicationPolicy = "account.application_policy",
        /// The account's id was not typed to confirm its removal.
        AccountConfirm = "account.confirm",
        /// A store's origin or `auth_path` is not valid.
        StoreInvalid = "store.invalid",
        /// Another account has a store at this origin, or the path is one of the broker's own.
        StoreTaken = "store.taken",

        /// The mapping does not compile; `findings` name each place. What was applied before stays.
        MappingInvalid = "mapping.invalid",
        /// The mapping is not UTF-8.
        MappingNotUtf8 = "mapping.not_utf8",
        /// The mapping's `provider.id` is not the one in the address.
        MappingOtherProvider = "mapping.other_provider",
        /// An account has at most one custom provider. Remove the other one first, or give the mapping its id.
        MappingSecondCustom = "mapping.second_custom",
        /// The change decides anew who users are, and was not confirmed.
        MappingIdentity = "mapping.identity",
        /// The mapping was applied when all accounts had one redirect URI, and the change gives it its own. Register that at the provider, then accept the change (`--accept redirect-uri`).
        MappingRedirectUriChanges = "mapping.redirect_uri_changes",
        /// The mapping would talk to another server than the one whose users are linked. Accept that it knows the same people by the same ids (`--accept same-people`), or others (`--accept new-people`).
        MappingPeopleChange = "mapping.people_change",
        /// The draft was applied, discarded, or is older than a week.
        DraftGone = "draft.gone",
        /// A test link needs a running broker.
        TrialNotServing = "trial.not_serving",

        /// An application's metadata is not valid. The detail says which.
        ApplicationInvalid = "application.invalid",
        /// There is an application with this client id already.
        ApplicationExists = "application.exists",
        /// A client id has 1 to 100 letters, digits and `-`, `.`, `_`, `~`, and is that of the address.
        ApplicationClientId = "application.client_id",
        /// A scope is not valid.
        ApplicationScopes = "application.scopes",
        /// ID tokens are signed with `RS256`, `ES256` or `HS256`.
        ApplicationSigningAlg = "application.signing_alg",
        /// An audience is an absolute URI without a fragment, and none of the broker's own addresses.
        ApplicationAudience = "application.audience",
        /// No account was chosen for the application.
        ApplicationAccount = "application.account",
        /// An application's account, and whether it is public, never change.
        ApplicationFixed = "application.fixed",
        /// A public application has no secret.
        ApplicationPublic = "application.public",
        /// How long an old secret counts beside a new one is not a valid duration.
        ApplicationOverlap = "application.overlap",

        /// It is not an email address.
        UserEmail = "user.email",
        /// A user's name has at most 200 characters on one line.
        UserName = "user.name",
        /// Somebody in the account has this email already.
        UserExists = "user.exists",
        /// The password is too short or too long.
        UserPassword = "user.password",
        /// It is not an email address that an operator can have.
        OperatorEmail = "operator.email",
        /// An operator's name has 1 to 100 characters on one line.
        OperatorName = "operator.name",
        /// There is an operator of this email already.
        OperatorExists = "operator.exists",
        /// It is the last owner who can log in, so nobody could undo that. Make another operator an owner first.
        OperatorLast = "operator.last",
        /// An account administrator is limited to accounts, and none is named. Name one or more.
        OperatorAccounts = "operator.accounts",
        /// The code is wrong, was used already, or is of another time.
        OperatorSecondFactor = "operator.second_factor",
        /// The broker wants a second factor of each operator (`console.second_factor`), and this one has none. Sign in to the console: it leads to the page where it is set up.
        OperatorSecondFactorRequired = "operator.second_factor_required",
        /// Nobody with the email that the provider gave is an operator.
        ConsoleNotOperator = "console.not_operator",
        /// The form did not come from a page of the console.
        ConsoleForeignForm = "console.foreign_form",
        /// The form is of an earlier login. Reload the page.
        ConsoleStaleForm = "console.stale_form",
        /// The form was sent before, and counts once. Open its page anew.
        ConsoleSentTwice = "console.sent_twice",
        /// The link was used already, or has expired.
        ConsoleLinkDead = "console.link_dead",
        /// A set-up link is for somebody who is named, for 1 to 30 days, and what is sent back says why.
        SetupLinkInvalid = "setup_link.invalid",
        /// The account has too many set-up links, or the link too many drafts. Remove those that are not needed.
        SetupLinkTooMany = "setup_link.too_many",
        /// It is not a domain that emails can have. Write it as in `acme.test`, without `@`.
        DomainInvalid = "domain.invalid",
        /// The account proves too many domains. Remove those that are not needed.
        DomainTooMany = "domain.too_many",
        /// What is approved was not named, so that it could be another mapping than the one that was looked at. Give `handed_in`, or `If-Match`.
        SetupLinkUnseen = "setup_link.unseen",

        /// The key file is missing, or is not in base64.
        KeyFile = "key.file",
        /// The key file cannot be read.
        KeyFileUnreadable = "key.file_unreadable",
        /// The key file is larger than any.
        KeyFileTooLarge = "key.file_too_large",
        /// The file is neither PEM nor a PKCS#8, PKCS#1, SEC 1 or PFX file.
        KeyFileNotAKey = "key.file_not_a_key",
        /// The file has only a public part.
        KeyFileNoPrivateKey = "key.file_no_private_key",
        /// The file has more than one private key.
        KeyFileSeveralKeys = "key.file_several_keys",
        /// The file is encrypted, and no password is given.
        KeyFileNeedsPassword = "key.file_needs_password",
        /// The password does not decrypt the file.
        KeyFileWrongPassword = "key.file_wrong_password",
        /// The file asks for so many rounds of key derivation that reading it would take too long.
        KeyFileTooManyRounds = "key.file_too_many_rounds",
        /// The file is encrypted in a way that is not supported.
        KeyFileUnsupportedEncryption = "key.file_unsupported_encryption",
        /// The file holds a kind of key that is not supported.
        KeyFileUnsupportedKey = "key.file_unsupported_key",
        /// The RSA key has fewer than 2048 bits.
        KeyFileRsaTooSmall = "key.file_rsa_too_small",
        /// The private key in the file is damaged.
        KeyFileDamaged = "key.file_damaged",
        /// The file has no certificate.
        KeyFileNoCertificate = "key.file_no_certificate",
        /// The certificate is not the private key's.
        KeyCertificateMismatch = "key.certificate_mismatch",
        /// The certificate has expired.
        KeyCertificateExpired = "key.certificate_expired",
        /// The certificate is not valid yet. Check the clock.
        KeyCertificateNotYetValid = "key.certificate_not_yet_valid",
        /// `public_cert` is configured without `private_key`.
        KeyCertificateWithoutKey = "key.certificate_without_key",
        /// The master key has fewer than 16 characters.
        KeyMasterTooShort = "key.master_too_short",
        /// There are encrypted secrets, and the master key is missing.
        KeyMasterMissing = "key.master_missing",
        /// The master key comes from the configuration. Change it there.
        KeyMasterGiven = "key.master_given",
        /// The file of the master key cannot be used.
        KeyMasterFile = "key.master_file",
        /// The stored secrets are encrypted under another master key.
        KeyMasterWrong = "key.master_wrong",
        /// The stored keys are damaged. Restore the data from a backup.
        KeyCorrupt = "key.corrupt",
        /// The store has no keys. Restart the broker.
        KeyGone = "key.gone",
        /// The default key comes from a file. Replace the file, then rotate.
        KeyFromFile = "key.from_file",
        /// The file still holds the active key.
        KeySameFile = "key.same_file",
        /// The key is among the signing keys already.
        KeyAlreadyKnown = "key.already_known",
        /// An additional key is of another algorithm than the default one.
        KeyNotAdditional = "key.not_additional",
        /// There is no key of this name.
        KeyUnknown = "key.unknown",
        /// The key has no certificate.
        KeyNoCertificate = "key.no_certificate",
        /// It is not a kind of key that can be made.
        KeyBadKind = "key.bad_kind",
        /// Tokens are not signed with this algorithm.
        KeyBadAlgorithm = "key.bad_algorithm",
        /// A certificate cannot be made as wanted.
        KeyBadCertificate = "key.bad_certificate",
        /// A rotation was not confirmed.
        KeyConfirm = "key.confirm",
        /// Others change the keys at the same time. Try again.
        KeyBusy = "key.busy",
        /// The claims of a token cannot be written.
        KeyClaims = "key.claims",
        /// The cryptographic library failed.
        KeyCrypto = "key.crypto",
        /// The store failed while keys were read or written.
        KeyStore = "key.store",

        /// The token is longer than any.
        TokenTooLong = "token.too_long",
        /// It is not a JWT.
        TokenMalformed = "token.malformed",
        /// The token demands extensions by `crit`.
        TokenCritical = "token.critical",
        /// The token's header brings a key of its own.
        TokenForeignKey = "token.foreign_key",
        /// The token's algorithm is not its key's.
        TokenAlgorithm = "token.algorithm",
        /// The token does not name its key (`kid`).
        TokenNoKeyId = "token.no_key_id",
        /// The token's key is not known.
        TokenUnknownKey = "token.unknown_key",
        /// The token's signature is wrong.
        TokenSignature = "token.signature",
        /// The token lacks a claim.
        TokenMissingClaim = "token.missing_claim",
        /// A claim of the token is not of its type.
        TokenBadClaim = "token.bad_claim",
        /// The token has expired.
        TokenExpired = "token.expired",
        /// The token is not valid yet.
        TokenNotYetValid = "token.not_yet_valid",
        /// Somebody else issued the token.
        TokenIssuer = "token.issuer",
        /// The token is for another audience.
        TokenAudience = "token.audience",
        /// It is a token of another type.
        TokenType = "token.type",
        /// The certificate to check the token with cannot be used.
        TokenCertificate = "token.certificate",
        /// The key set has no key that could verify the token.
        TokenNoUsableKey = "token.no_usable_key",

        /// `/connect/token`: a code, refresh token or assertion does not count. It never says why.
        GrantInvalid = "token_invalid",
        /// `/connect/token`, password grant: the user name or the password is wrong.
        GrantLoginFailed = "login_failed",
        /// `/connect/token`, password grant: too many failed logins. Wait.
        GrantTemporarilyLockedOut = "user_is_temporary_locked_out",
        /// `/connect/token`, password grant: the user was disabled by an operator.
        GrantLockedOut = "user_is_locked_out",
        /// `/connect/token`, `external_sign_in`: nobody is logged in at the account.
        GrantSignInNotAllowed = "sign_in_not_allowed",
        /// `/connect/token`, password grant: the application may not use it.
        GrantPasswordDisabled = "password_login_disabled",
    }
}

/// The text is not a code of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an error code of this version")]
pub struct UnknownCode;

impl FromStr for ErrorCode {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        let mut all = Self::ALL.iter().copied();
        all.find(|code| code.as_str() == text).ok_or(UnknownCode)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PartialEq<&str> for ErrorCode {
    fn eq(&self, text: &&str) -> bool {
        self.as_str() == *text
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_differ_and_read_as_they_are_written() {
        let texts: BTreeSet<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(texts.len(), ErrorCode::ALL.len());
        for code in ErrorCode::ALL {
            assert_eq!(code.as_str().parse(), Ok(*code));
            assert!(code.meaning().ends_with('.'), "{code}: {}", code.meaning());
        }
        assert_eq!("login.nonsense".parse::<ErrorCode>(), Err(UnknownCode));
    }
}
