//! The bare handlers: axum with the same requests and answers, and nothing done.

use std::process::Command;

use axum::Router;
use axum::body::Bytes;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use tokio::net::TcpListener;

use super::process::{Process, free_port};

pub async fn start() -> Process {
    let port = free_port();
    let mut command = Command::new(std::env::current_exe().unwrap());
    Process::start(command.args(["bare", &port.to_string()]), port, None).await
}

/// Serves until it is killed.
pub async fn serve(port: u16) {
    let app = Router::new()
        .route("/connect/token", post(token))
        .route("/connect/introspect", post(introspect))
        .route("/accounts/shop/check", get(check));
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
    axum::serve(listener, app).await.unwrap();
}

fn json(body: &'static str) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
        (header::PRAGMA, "no-cache"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
    ];
    (headers, body)
}

/// As long as one of the broker's.
const TOKEN: &str = concat!(
    r#"{"access_token":""#,
    "eyJhbGciOiJFUzI1NiIsImtpZCI6IjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OSIsInR5cCI6ImF0K2p3dCJ9.",
    "eyJpc3MiOiJodHRwOi8vMTI3LjAuMC4xOjQ1Njc4Iiwic3ViIjoiY2xpZW50OmJlbmNoIiwiYXVkIjoicmVzb3VyY2Vfc2VydmVyIiwiZXhwIjoxODAwMDAxODAwLCJpYXQiOjE4MDAwMDAwMDAsIm5iZiI6MTgwMDAwMDAwMCwianRpIjoiZEJqZnRKZVo0Q1ZQLW1COTJLMjd1aGJVSlUxcDFyX3dXMWdGV0ZPRWpYayIsImNsaWVudF9pZCI6ImJlbmNoIiwic2NvcGUiOiJvcmRlcnMiLCJhY2NvdW50Ijoic2hvcCJ9.",
    "c2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJl",
    r#"","token_type":"Bearer","expires_in":1800,"scope":"orders","refresh_token":"AZp7Zx0AAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkq.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"}"#
);

async fn token(_: Bytes) -> impl IntoResponse {
    json(TOKEN)
}

async fn introspect(_: Bytes) -> impl IntoResponse {
    json(
        r#"{"iss":"http://127.0.0.1:45678","sub":"01234567-89ab-4def-8123-456789abcdef","aud":"resource_server","exp":1800001800,"iat":1800000000,"nbf":1800000000,"jti":"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk","client_id":"bench","scope":"offline_access orders","account":"shop","active":true,"token_type":"Bearer"}"#,
    )
}

async fn check() -> impl IntoResponse {
    let headers = [
        ("x-auth-user", "01234567-89ab-4def-8123-456789abcdef"),
        ("x-auth-email", "shopper-00000000@example.test"),
        ("x-auth-name", "Ada Lovelace"),
    ];
    (headers, json(""))
}
