//! The floor: an axum server that makes the HTTP exchanges of a login with
//! fixed answers. No store, no signature, no checks, no logs.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::serve::ListenerExt;
use reqwest::Client;
use tokio::net::TcpListener;

const TOKEN: &str =
    "4%2F0AeanS00000000000000000000000000000000000000000000000000000000000000000000";

#[derive(Clone)]
struct Floor {
    client: Client,
    token: String,
    userinfo: String,
}

/// Serves until it is killed.
pub async fn serve(port: u16, provider: &str) {
    let client = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .unwrap();
    let app = Router::new()
        .route("/accounts/shop/login", get(login))
        .route("/callback/shop/mock-idp", get(callback))
        .route("/accounts/shop/finish", get(finish))
        .route("/accounts/shop/check", get(check))
        .with_state(Floor {
            client,
            token: format!("{provider}/token"),
            userinfo: format!("{provider}/userinfo"),
        });
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
    axum::serve(listener, app).await.unwrap();
}

async fn login() -> impl IntoResponse {
    (
        StatusCode::FOUND,
        [(
            header::LOCATION,
            "http://127.0.0.1:9091/authorize?response_type=code&client_id=vestibule-demo&redirect_uri=http%3A%2F%2F127.0.0.1%3A8080%2Fcallback%2Fshop%2Fmock-idp&state=AZp7Zx0AAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcY&code_challenge=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU&code_challenge_method=S256&scope=profile%20email",
        )],
    )
}

async fn callback(State(floor): State<Floor>, _: Request) -> impl IntoResponse {
    let answer = floor
        .client
        .post(&floor.token)
        .header(header::ACCEPT, "application/json")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(token_request())
        .send()
        .await
        .unwrap();
    answer.bytes().await.unwrap();
    let answer = floor
        .client
        .get(&floor.userinfo)
        .header(header::ACCEPT, "application/json")
        .bearer_auth(TOKEN)
        .send()
        .await
        .unwrap();
    answer.bytes().await.unwrap();
    (
        StatusCode::FOUND,
        [(
            header::LOCATION,
            "http://127.0.0.1:8080/accounts/shop/finish?ticket=AZp7Zx0AAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcY",
        )],
    )
}

fn token_request() -> String {
    format!(
        "grant_type=authorization_code&code={TOKEN}&redirect_uri=http%3A%2F%2F127.0.0.1%3A8080%2Fcallback%2Fshop%2Fmock-idp&client_id=vestibule-demo&client_secret=vestibule-demo-secret&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    )
}

async fn finish() -> impl IntoResponse {
    (
        StatusCode::FOUND,
        [
            (header::LOCATION, "http://127.0.0.1:8080/orders"),
            (header::SET_COOKIE, SESSION),
        ],
    )
}

/// As long as one of the broker's.
const SESSION: &str = concat!(
    "vestibule_shop=eyJhbGciOiJFUzI1NiIsImtpZCI6IjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OSIsInR5cCI6IkpXVCJ9.",
    "eyJpc3MiOiJodHRwOi8vMTI3LjAuMC4xOjQ1Njc4Iiwic3ViIjoiMDEyMzQ1NjctODlhYi1jZGVmLTAxMjMtNDU2Nzg5YWJjZGVmIiwiYXVkIjoiaHR0cDovLzEyNy4wLjAuMTo0NTY3OC9hY2NvdW50cy9zaG9wIiwiYWNjb3VudCI6InNob3AiLCJzaWQiOiJBWnA3WngwQUFRSURCQVVHQndnSkNnc01EUTRQRUJFU0V4UVZGaGNZIiwicHJvdmlkZXIiOiJtb2NrLWlkcCIsImVtYWlsIjoic2hvcHBlci0wMDAwMDAwMEBleGFtcGxlLnRlc3QiLCJuYW1lIjoiQWRhIExvdmVsYWNlIiwiaWF0IjoxODAwMDAwMDAwLCJleHAiOjE4MDAwODY0MDAsImp0aSI6ImRCamZ0SmVaNENWUC1tQjkySzI3dWhiVUpVMXAxcl93VzFnRldGT0VqWGsifQ.",
    "c2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJl; HttpOnly; SameSite=Lax; Path=/; Max-Age=86400",
);

/// The bare handler that `check` is held against: the same headers.
async fn check() -> impl IntoResponse {
    (
        StatusCode::OK,
        [
            ("x-auth-user", "01234567-89ab-4def-8123-456789abcdef"),
            ("x-auth-email", "shopper-00000000@example.test"),
            ("x-auth-name", "Ada Lovelace"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("x-frame-options", "DENY"),
            (
                "content-security-policy",
                "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
            ),
            ("cross-origin-opener-policy", "same-origin"),
        ],
    )
}
