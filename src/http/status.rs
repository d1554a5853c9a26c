//! The status of each error code: the one place that decides it.

use axum::http::StatusCode;

use crate::base::ErrorCode as E;

/// The HTTP status that a failure is answered with (RFC 9110 §15).
#[expect(clippy::too_many_lines, reason = "one line a code")]
pub fn status(code: E) -> StatusCode {
    match code {
        E::SessionNone | E::AdminUnauthenticated => StatusCode::UNAUTHORIZED,

        E::LoginDenied
        | E::LoginAccessDenied
        | E::LoginUserDisabled
        | E::LoginEmailNotTrusted
        | E::LoginWrongBrowser
        | E::LogoutCrossSite
        | E::LoginCrossSite
        | E::LoginAccessKeySpent
        | E::LoginPasswordWrong
        | E::LoginPasswordExpired
        | E::SessionEmailUnverified
        | E::SessionUnknownHost
        | E::AdminForbidden
        | E::ConsoleNotOperator
        | E::OperatorSecondFactorRequired
        | E::ConsoleForeignForm
        | E::ConsoleStaleForm => StatusCode::FORBIDDEN,

        E::LoginUnknownAccount
        | E::LoginUnknownProvider
        | E::RequestNotFound
        | E::AdminNotFound
        | E::DraftGone
        | E::ConsoleLinkDead
        | E::KeyUnknown
        | E::KeyNoCertificate => StatusCode::NOT_FOUND,

        E::LoginTooManyCodes | E::LoginAccessKeyBlocked | E::LoginPasswordWait => {
            StatusCode::TOO_MANY_REQUESTS
        }

        E::RequestMethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,

        E::AccountExists
        | E::StoreTaken
        | E::ApplicationExists
        | E::UserExists
        | E::OperatorExists
        | E::OperatorLast
        | E::ConsoleSentTwice
        | E::SetupLinkTooMany
        | E::DomainTooMany
        | E::MappingSecondCustom
        | E::MappingRedirectUriChanges
        | E::MappingPeopleChange
        | E::TrialNotServing
        | E::KeyFromFile
        | E::KeySameFile
        | E::KeyMasterGiven
        | E::AdminExportElsewhere
        | E::KeyNotAdditional
        | E::KeyBusy => StatusCode::CONFLICT,

        E::AdminChangedMeanwhile => StatusCode::PRECONDITION_FAILED,
        E::SetupLinkUnseen => StatusCode::PRECONDITION_REQUIRED,
        E::LoginTooMany => StatusCode::TOO_MANY_REQUESTS,
        E::RequestTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        E::RequestContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,

        E::AccountConfirm
        | E::MappingInvalid
        | E::MappingIdentity
        | E::ApplicationAccount
        | E::KeyFile
        | E::KeyFileUnreadable
        | E::KeyFileTooLarge
        | E::KeyFileNotAKey
        | E::KeyFileNoPrivateKey
        | E::KeyFileSeveralKeys
        | E::KeyFileNeedsPassword
        | E::KeyFileWrongPassword
        | E::KeyFileTooManyRounds
        | E::KeyFileUnsupportedEncryption
        | E::KeyFileUnsupportedKey
        | E::KeyFileRsaTooSmall
        | E::KeyFileDamaged
        | E::KeyFileNoCertificate
        | E::KeyCertificateMismatch
        | E::KeyCertificateExpired
        | E::KeyCertificateNotYetValid
        | E::KeyAlreadyKnown
        | E::KeyBadKind
        | E::KeyBadAlgorithm
        | E::KeyBadCertificate
        | E::KeyConfirm => StatusCode::UNPROCESSABLE_ENTITY,

        E::ServiceError
        | E::LoginProviderMisconfigured
        | E::LoginStoreHostHidden
        | E::KeyCertificateWithoutKey
        | E::KeyMasterTooShort
        | E::KeyMasterMissing
        | E::KeyMasterFile
        | E::KeyMasterWrong
        | E::KeyCorrupt
        | E::KeyGone
        | E::KeyClaims
        | E::KeyCrypto
        | E::TokenCertificate
        | E::TokenNoUsableKey => StatusCode::INTERNAL_SERVER_ERROR,

        E::LoginProviderUnreachable
        | E::LoginProviderError
        | E::LoginProviderFailing
        | E::LoginUserinfoNotFound
        | E::LoginHostNotAllowed
        | E::LoginSignatureKeyEmpty
        | E::LoginTokenRejected
        | E::LoginTokenResponseInvalid
        | E::LoginUserinfoRejected
        | E::LoginUserinfoInvalid
        | E::LoginIdTokenInvalid
        | E::LoginOtherSubject
        | E::LoginNotDecrypted
        | E::LoginEmailMissing
        | E::LoginEmailInvalid
        | E::LoginUserIdMissing => StatusCode::BAD_GATEWAY,

        E::ServiceUnavailable
        | E::ServiceBusy
        | E::AuditUnavailable
        | E::LoginProviderBusy
        | E::LoginNoProvider
        | E::LoginStoreMissing
        | E::KeyStore => StatusCode::SERVICE_UNAVAILABLE,

        E::LoginProviderTimeout => StatusCode::GATEWAY_TIMEOUT,

        E::TokenTooLong
        | E::TokenMalformed
        | E::TokenCritical
        | E::TokenForeignKey
        | E::TokenAlgorithm
        | E::TokenNoKeyId
        | E::TokenUnknownKey
        | E::TokenSignature
        | E::TokenMissingClaim
        | E::TokenBadClaim
        | E::TokenExpired
        | E::TokenNotYetValid
        | E::TokenIssuer
        | E::TokenAudience
        | E::TokenType => StatusCode::UNAUTHORIZED,

        E::LoginStateMissing
        | E::LoginStateUnknown
        | E::LoginStateExpired
        | E::LoginStateReplayed
        | E::LoginStateMismatch
        | E::LoginIssuerMismatch
        | E::LoginDuplicateParameter
        | E::LoginParameterMissing
        | E::LoginBadCallback
        | E::LoginCodeMissing
        | E::LoginTicketInvalid
        | E::LoginReturnToInvalid
        | E::LogoutReturnToInvalid
        | E::LogoutTokenInvalid
        | E::AuthorizeClient
        | E::AuthorizeRedirectUri
        | E::AuthorizeExpired
        | E::RequestBad
        | E::RequestInvalid
        | E::RequestAccept
        | E::RequestAfter
        | E::RequestLimit
        | E::RequestIfMatch
        | E::RequestIfNoneMatch
        | E::AccountId
        | E::AccountName
        | E::AccountLogoUrl
        | E::AccountLogo
        | E::AccountColor
        | E::AccountSigningAlg
        | E::AccountUnverifiedEmail
        | E::AccountAccessKey
        | E::MessageInvalid
        | E::AccountPassword
        | E::AccountWays
        | E::LoginPasswordClasses
        | E::LoginPasswordWeak
        | E::LoginPasswordUsed
        | E::AccountAudience
        | E::AccountApplicationPolicy
        | E::StoreInvalid
        | E::MappingNotUtf8
        | E::MappingOtherProvider
        | E::ApplicationInvalid
        | E::ApplicationClientId
        | E::ApplicationScopes
        | E::ApplicationSigningAlg
        | E::ApplicationAudience
        | E::ApplicationFixed
        | E::ApplicationPublic
        | E::ApplicationOverlap
        | E::UserEmail
        | E::UserName
        | E::UserPassword
        | E::OperatorEmail
        | E::OperatorName
        | E::OperatorAccounts
        | E::OperatorSecondFactor
        | E::SetupLinkInvalid
        | E::DomainInvalid
        | E::GrantInvalid
        | E::GrantLoginFailed
        | E::GrantLockedOut
        | E::GrantTemporarilyLockedOut
        | E::GrantSignInNotAllowed
        | E::GrantPasswordDisabled => StatusCode::BAD_REQUEST,
    }
}
