//! Everything that was received.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// One request as it was received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// Its number, counted from 1 over the server's life.
    pub seq: u64,
    /// Its method.
    pub method: String,
    /// Its path.
    pub path: String,
    /// Path and query as they stood on the request line.
    pub target: String,
    /// Names and values in the order they came, names in the case they came.
    pub headers: Vec<(String, String)>,
    /// The body as text; what is not UTF-8 is replaced.
    pub body: String,
    /// The body, byte for byte.
    pub body_base64: String,
    /// The status it was answered with; none while it waits, or if it never got an answer.
    pub response_status: Option<u16>,
}

impl JournalEntry {
    /// The first header of that name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The query string, decoded, in order.
    pub fn query(&self) -> Vec<(String, String)> {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect()
    }

    /// The body read as a form, in order.
    pub fn form(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(&self.body_bytes())
            .into_owned()
            .collect()
    }

    /// The body read as JSON.
    pub fn json(&self) -> serde_json::Result<serde_json::Value> {
        serde_json::from_slice(&self.body_bytes())
    }

    /// The body.
    pub fn body_bytes(&self) -> Vec<u8> {
        STANDARD
            .decode(&self.body_base64)
            .unwrap_or_else(|_| self.body.clone().into_bytes())
    }
}

/// The newest requests.
#[derive(Debug, Default)]
pub(crate) struct Journal(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    entries: VecDeque<JournalEntry>,
    last_seq: u64,
}

impl Journal {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a request down; its number comes back.
    pub(crate) fn record(
        &self,
        capacity: usize,
        method: &str,
        head: crate::wire::Head,
        body: &[u8],
    ) -> u64 {
        let path = head
            .target
            .split(['?', '#'])
            .next()
            .unwrap_or_default()
            .to_owned();
        let mut book = self.book();
        book.last_seq += 1;
        let entry = JournalEntry {
            seq: book.last_seq,
            method: method.to_owned(),
            path,
            target: head.target,
            headers: head.headers,
            body: String::from_utf8_lossy(body).into_owned(),
            body_base64: STANDARD.encode(body),
            response_status: None,
        };
        book.entries.push_back(entry);
        while book.entries.len() > capacity {
            book.entries.pop_front();
        }
        book.last_seq
    }

    /// Notes how a request was answered.
    pub(crate) fn answered(&self, seq: u64, status: u16) {
        let mut book = self.book();
        // From the back: the answer mostly belongs to one of the newest.
        if let Some(entry) = book.entries.iter_mut().rev().find(|entry| entry.seq == seq) {
            entry.response_status = Some(status);
        }
    }

    pub(crate) fn entries(&self) -> Vec<JournalEntry> {
        self.book().entries.iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        self.book().entries.clear();
    }
}
