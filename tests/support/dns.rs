//! A name server on loopback, over UDP and TCP (RFC 1035), that says what a test wants.

#![allow(dead_code, missing_docs, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinHandle;

/// What the server does with a question for a name.
#[derive(Debug, Clone)]
pub enum Say {
    /// TXT records, each of these parts.
    Texts(Vec<Vec<String>>),
    /// An alias, with the records of its target in the same answer.
    Alias(String, Vec<String>),
    /// This response code, as in 2: SERVFAIL.
    Code(u8),
    /// Bytes that are no message.
    Garbage,
    /// Nothing at all.
    Silence,
}

impl Say {
    /// One record of one part.
    pub fn text(text: &str) -> Self {
        Self::Texts(vec![vec![text.to_owned()]])
    }
}

type Zone = Arc<Mutex<BTreeMap<String, Say>>>;

/// The server; it ends with this value.
pub struct NameServer {
    pub address: SocketAddr,
    zone: Zone,
    asked: Arc<Mutex<Vec<String>>>,
    tasks: [JoinHandle<()>; 2],
}

impl Drop for NameServer {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl NameServer {
    pub async fn start() -> Self {
        // Both want the same port.
        let (udp, tcp) = loop {
            let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
            if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
                break (udp, tcp);
            }
        };
        let address = tcp.local_addr().unwrap();
        let (zone, asked) = (Zone::default(), Arc::new(Mutex::new(Vec::new())));
        let (of_udp, of_tcp) = (Arc::clone(&zone), Arc::clone(&zone));
        let (seen_udp, seen_tcp) = (Arc::clone(&asked), Arc::clone(&asked));
        let by_udp = tokio::spawn(async move {
            let mut question = [0; 2048];
            while let Ok((length, from)) = udp.recv_from(&mut question).await {
                if let Some(answer) = answer(&question[..length], &of_udp, &seen_udp, true) {
                    let _ = udp.send_to(&answer, from).await;
                }
            }
        });
        let by_tcp = tokio::spawn(async move {
            while let Ok((mut stream, _)) = tcp.accept().await {
                let (zone, seen) = (Arc::clone(&of_tcp), Arc::clone(&seen_tcp));
                tokio::spawn(async move {
                    while let Ok(length) = stream.read_u16().await {
                        let mut question = vec![0; usize::from(length)];
                        if stream.read_exact(&mut question).await.is_err() {
                            return;
                        }
                        if let Some(answer) = answer(&question, &zone, &seen, false) {
                            let length = u16::try_from(answer.len()).unwrap();
                            let _ = stream.write_u16(length).await;
                            let _ = stream.write_all(&answer).await;
                        }
                    }
                });
            }
        });
        Self {
            address,
            zone,
            asked,
            tasks: [by_udp, by_tcp],
        }
    }

    /// What is said of a name from now on; NXDOMAIN of all others.
    pub fn say(&self, name: &str, what: Say) {
        self.zone.lock().unwrap().insert(name.to_owned(), what);
    }

    /// Nothing is known of a name any more.
    pub fn forget(&self, name: &str) {
        self.zone.lock().unwrap().remove(name);
    }

    /// The names that were asked for.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// The name of the question, and where the question ends.
fn question(message: &[u8]) -> (String, usize) {
    let mut labels = Vec::new();
    let mut at = 12;
    while message[at] != 0 {
        let length = usize::from(message[at]);
        let label = &message[at + 1..at + 1 + length];
        labels.push(String::from_utf8_lossy(label).to_lowercase());
        at += 1 + length;
    }
    (labels.join("."), at + 5)
}

fn name(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for label in text.split('.') {
        out.push(u8::try_from(label.len()).unwrap());
        out.extend(label.as_bytes());
    }
    out.push(0);
    out
}

fn record(owner: &[u8], kind: u16, data: &[u8]) -> Vec<u8> {
    let mut out = owner.to_vec();
    out.extend(kind.to_be_bytes());
    out.extend([0, 1, 0, 0, 0, 60]);
    out.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    out.extend(data);
    out
}

fn text(parts: &[String]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts {
        out.push(u8::try_from(part.len()).unwrap());
        out.extend(part.as_bytes());
    }
    out
}

fn answer(
    message: &[u8],
    zone: &Zone,
    asked: &Mutex<Vec<String>>,
    by_udp: bool,
) -> Option<Vec<u8>> {
    let (wanted, end) = question(message);
    asked.lock().unwrap().push(wanted.clone());
    let said = zone.lock().unwrap().get(&wanted).cloned();
    // The question's name, at byte 12 of the message.
    let here = [0xc0, 12];
    let (code, records) = match said {
        None => (3, Vec::new()),
        Some(Say::Code(code)) => (code, Vec::new()),
        Some(Say::Silence) => return None,
        Some(Say::Garbage) => return Some(vec![0xff; 40]),
        Some(Say::Texts(texts)) => {
            let records = texts.iter().map(|parts| record(&here, 16, &text(parts)));
            (0, records.collect())
        }
        Some(Say::Alias(target, texts)) => {
            let target = name(&target);
            let mut records = vec![record(&here, 5, &target)];
            records.extend(
                texts
                    .iter()
                    .map(|one| record(&target, 16, &text(std::slice::from_ref(one)))),
            );
            (0, records)
        }
    };
    let build = |records: &[Vec<u8>], truncated: bool| {
        let mut out = message[..2].to_vec();
        out.push(0x84 | if truncated { 2 } else { 0 });
        out.push(0x80 | code);
        out.extend([0, 1]);
        out.extend(u16::try_from(records.len()).unwrap().to_be_bytes());
        out.extend([0, 0, 0, 0]);
        out.extend(&message[12..end]);
        out.extend(records.concat());
        out
    };
    let whole = build(&records, false);
    if by_udp && whole.len() > 512 {
        return Some(build(&[], true));
    }
    Some(whole)
}
