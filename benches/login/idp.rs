//! The provider of both contestants: as little as answers a token and a user
//! information request, so that it is never what is waited for. Below `/dead` it never
//! answers, and below `/huge` its profiles are as large as one may be.

use std::fmt::Write as _;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How large a huge profile is, in bytes.
const HUGE: usize = 900_000;

/// Serves until it is killed.
pub async fn serve(port: u16) {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        tokio::spawn(connection(stream));
    }
}

async fn connection(mut stream: TcpStream) {
    let mut input = Vec::with_capacity(4096);
    let mut output = String::with_capacity(1024);
    while let Ok(1..) = stream.read_buf(&mut input).await {
        if input.starts_with(b"POST /dead/") {
            std::future::pending::<()>().await;
        }
        while let Some(length) = answer(&input, &mut output) {
            input.drain(..length);
        }
        if stream.write_all(output.as_bytes()).await.is_err() {
            return;
        }
        output.clear();
    }
}

/// Answers the first request if it is whole; gives its length.
fn answer(input: &[u8], output: &mut String) -> Option<usize> {
    let head = input.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&input[..head]).unwrap();
    let field = |name: &str| {
        text.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    };
    let length = field("content-length").map_or(0, |value| value.parse().unwrap());
    let body = input.get(head..head + length)?;
    let json = if text.starts_with("POST /token ") || text.starts_with("POST /huge/token ") {
        // The access token is the code.
        let code = std::str::from_utf8(body)
            .unwrap()
            .split('&')
            .find_map(|pair| pair.strip_prefix("code="))
            .unwrap();
        format!(r#"{{"access_token":"{code}","token_type":"Bearer","expires_in":3600}}"#)
    } else if text.starts_with("GET /userinfo ") || text.starts_with("GET /huge/userinfo ") {
        let token = field("authorization").unwrap();
        // Its last digits name the user.
        let user = &token[token.len() - 8..];
        let more = if text.starts_with("GET /huge/") {
            // Every member once: else it is no profile (RFC 8259 §4).
            (0..HUGE / 40).fold(String::with_capacity(HUGE), |mut more, at| {
                let _ = write!(more, r#","group_{at:08}":["everybody","x"]"#);
                more
            })
        } else {
            String::new()
        };
        format!(
            r#"{{"userId":"user-{user}","email":"shopper-{user}@example.test","name":"Ada Lovelace","locale":"pt-BR"{more}}}"#
        )
    } else {
        panic!("an unknown request: {text}");
    };
    let _ = write!(
        output,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{json}",
        json.len()
    );
    Some(head + length)
}
