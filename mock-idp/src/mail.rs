//! A mail server (RFC 5321) that delivers nothing and keeps what it is sent, or
//! refuses it on command.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use mail_parser::MessageParser;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The longest line, and the longest message.
const MAX_LINE: usize = 1 << 16;
const MAX_MESSAGE: usize = 1 << 20;

/// A message as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Who it says it is from.
    pub from: String,
    /// Whom it was sent to, by the envelope.
    pub to: Vec<String>,
    /// Its subject, decoded.
    pub subject: String,
    /// Its plain text, decoded.
    pub text: String,
    /// Its HTML, decoded.
    pub html: Option<String>,
    /// All of it, as it came.
    pub raw: String,
}

/// What the server does with one message in place of taking it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailFault {
    /// Answers the recipient so: `550 5.1.1 no such user`, `451 4.7.1 greylisted`.
    Answer(String),
    /// Closes the connection when the message has come.
    Close,
    /// Says nothing any more.
    Hang,
}

/// A running mail server. Dropping it closes its port.
#[derive(Debug)]
pub struct MailCatcher {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    letters: Mutex<Vec<Letter>>,
    faults: Mutex<VecDeque<MailFault>>,
    count: watch::Sender<usize>,
}

impl MailCatcher {
    /// Binds an address (`127.0.0.1:0` for a free port) and serves until dropped.
    pub async fn start(listen: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            letters: Mutex::default(),
            faults: Mutex::default(),
            count: watch::channel(0).0,
        });
        let task = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let shared = Arc::clone(&shared);
                    tokio::spawn(async move { serve(stream, &shared).await });
                }
            }
        });
        Ok(Self {
            address,
            shared,
            task,
        })
    }

    /// What a client is configured with: `smtp://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// All messages so far.
    pub fn letters(&self) -> Vec<Letter> {
        let letters = self.shared.letters.lock();
        letters.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until there are so many messages, and gives them.
    pub async fn wait_for(&self, count: usize) -> Vec<Letter> {
        let mut seen = self.shared.count.subscribe();
        let _ = seen.wait_for(|now| *now >= count).await;
        self.letters()
    }

    /// What becomes of the next messages, one each.
    pub fn spoil(&self, faults: impl IntoIterator<Item = MailFault>) {
        let queue = self.shared.faults.lock();
        queue.unwrap_or_else(PoisonError::into_inner).extend(faults);
    }

    /// Told of each message as it comes: the number so far.
    pub fn watch(&self) -> watch::Receiver<usize> {
        self.shared.count.subscribe()
    }
}

impl Drop for MailCatcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(stream: TcpStream, shared: &Shared) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read);
    if write.write_all(b"220 mock ESMTP\r\n").await.is_err() {
        return;
    }
    let (mut from, mut to) = (String::new(), Vec::new());
    loop {
        let Some(line) = read_line(&mut lines).await else {
            return;
        };
        let verb = line.split([' ', ':']).next().unwrap_or_default();
        let answer = match verb.to_ascii_uppercase().as_str() {
            "EHLO" => "250-mock\r\n250-8BITMIME\r\n250 SMTPUTF8".to_owned(),
            "HELO" | "NOOP" => "250 ok".to_owned(),
            "RSET" => {
                to.clear();
                "250 ok".to_owned()
            }
            "MAIL" => {
                from = path(&line);
                to.clear();
                "250 ok".to_owned()
            }
            "RCPT" => match shared.fault() {
                Some(MailFault::Answer(answer)) => answer,
                Some(MailFault::Close) => return,
                Some(MailFault::Hang) => std::future::pending().await,
                None => {
                    to.push(path(&line));
                    "250 ok".to_owned()
                }
            },
            "DATA" if to.is_empty() => "503 no recipient".to_owned(),
            "DATA" => {
                if write.write_all(b"354 go on\r\n").await.is_err() {
                    return;
                }
                match read_message(&mut lines).await {
                    Some(raw) => {
                        shared.keep(&from, std::mem::take(&mut to), raw);
                        "250 taken".to_owned()
                    }
                    None => return,
                }
            }
            "QUIT" => {
                let _ = write.write_all(b"221 bye\r\n").await;
                return;
            }
            _ => "502 not known here".to_owned(),
        };
        if write
            .write_all(format!("{answer}\r\n").as_bytes())
            .await
            .is_err()
        {
            return;
        }
    }
}

impl Shared {
    fn fault(&self) -> Option<MailFault> {
        let faults = self.faults.lock();
        faults.unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    fn keep(&self, from: &str, to: Vec<String>, raw: String) {
        let parsed = MessageParser::default().parse(raw.as_bytes());
        let parsed = parsed.as_ref();
        let part = |text: Option<std::borrow::Cow<'_, str>>| text.map(std::borrow::Cow::into_owned);
        let letter = Letter {
            from: from.to_owned(),
            to,
            subject: parsed
                .and_then(|mail| mail.subject())
                .unwrap_or_default()
                .to_owned(),
            text: part(parsed.and_then(|mail| mail.body_text(0))).unwrap_or_default(),
            html: part(parsed.and_then(|mail| mail.body_html(0))),
            raw,
        };
        let letters = self.letters.lock();
        letters.unwrap_or_else(PoisonError::into_inner).push(letter);
        self.count.send_modify(|count| *count += 1);
    }
}

/// What stands between `<` and `>`.
fn path(line: &str) -> String {
    let inner = line.split_once('<').map_or("", |(_, rest)| rest);
    inner.split('>').next().unwrap_or_default().to_owned()
}

async fn read_line(lines: &mut (impl AsyncBufReadExt + Unpin)) -> Option<String> {
    let mut line = Vec::new();
    let read = lines.read_until(b'\n', &mut line).await.ok()?;
    if read == 0 || line.len() > MAX_LINE {
        return None;
    }
    let text = String::from_utf8_lossy(&line);
    Some(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// The message up to the line with a single dot (RFC 5321 §4.5.2).
async fn read_message(lines: &mut (impl AsyncBufReadExt + Unpin)) -> Option<String> {
    let mut message = String::new();
    loop {
        let line = read_line(lines).await?;
        if line == "." {
            return Some(message);
        }
        message.push_str(line.strip_prefix('.').unwrap_or(&line));
        message.push_str("\r\n");
        if message.len() > MAX_MESSAGE {
            return None;
        }
    }
}
