//! The authorization response: code or error, back to the client through the browser.

use crate::answer::Answer;
use crate::config::Config;
use crate::faults::FaultKind;
use crate::login_page;
use crate::params::encode;
use crate::random::random;
use crate::state::Shared;

/// Where an authorization response goes.
pub(crate) struct Callback {
    pub(crate) redirect_uri: String,
    pub(crate) state: Option<String>,
    pub(crate) mode: Mode,
    /// Whether it answers a POST.
    pub(crate) after_post: bool,
}

/// How it gets there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Query,
    Fragment,
    FormPost,
}

/// What it says.
pub(crate) enum Outcome<'a> {
    Code(String),
    Error {
        error: &'a str,
        description: &'a str,
    },
}

impl Callback {
    /// The response, with the faults of `authorize` applied.
    pub(crate) fn answer(&self, shared: &Shared, config: &Config, outcome: Outcome<'_>) -> Answer {
        let names = &config.callback;
        let mut reply = Reply {
            pairs: Vec::new(),
            mode: self.mode,
        };
        match outcome {
            Outcome::Code(code) => {
                reply.add(&names.code, &code);
                for (name, value) in &names.extra {
                    reply.add(name, value);
                }
            }
            Outcome::Error { error, description } => {
                reply.add(&names.error, error);
                reply.add("error_description", description);
            }
        }
        if let Some(state) = &self.state {
            reply.add(&names.state, state);
        }
        if names.iss {
            reply.add("iss", &shared.issuer(config));
        }
        for fault in shared.take_faults("authorize", FaultKind::is_callback) {
            reply.spoil(config, &fault);
        }
        let encoded = encode(&reply.pairs);
        match reply.mode {
            Mode::FormPost => login_page::form_post(&self.redirect_uri, &reply.pairs),
            Mode::Fragment => {
                Answer::redirect(self.after_post, &format!("{}#{encoded}", self.redirect_uri))
            }
            Mode::Query => {
                let joint = if self.redirect_uri.contains('?') {
                    '&'
                } else {
                    '?'
                };
                let location = format!("{}{joint}{encoded}", self.redirect_uri);
                Answer::redirect(self.after_post, &location)
            }
        }
    }
}

/// The parameters under way.
struct Reply {
    pairs: Vec<(String, String)>,
    mode: Mode,
}

impl Reply {
    fn add(&mut self, name: &str, value: &str) {
        self.pairs.push((name.to_owned(), value.to_owned()));
    }

    fn remove(&mut self, name: &str) {
        self.pairs.retain(|(key, _)| key != name);
    }

    fn set(&mut self, name: &str, value: &str) {
        match self.pairs.iter_mut().find(|(key, _)| key == name) {
            Some((_, old)) => value.clone_into(old),
            None => self.add(name, value),
        }
    }

    fn spoil(&mut self, config: &Config, fault: &FaultKind) {
        let names = &config.callback;
        let foreign_issuer = "https://foreign-issuer.example.test";
        match fault {
            FaultKind::WrongState => self.set(&names.state, &random(32)),
            FaultKind::NoState => self.remove(&names.state),
            FaultKind::EmptyState => self.set(&names.state, ""),
            FaultKind::DuplicateState => self.add(&names.state, &random(32)),
            FaultKind::DuplicateCode => self.add(&names.code, &random(54)),
            FaultKind::CodeAndError => {
                self.add(&names.error, "access_denied");
                self.add("error_description", "and yet here is a code");
            }
            FaultKind::NoCode => self.remove(&names.code),
            FaultKind::Fragment => self.mode = Mode::Fragment,
            FaultKind::Error { error, description } => {
                self.remove(&names.code);
                self.set(&names.error, error);
                self.remove("error_description");
                if !description.is_empty() {
                    self.add("error_description", description);
                }
            }
            FaultKind::ExtraParameter { name, value } => self.add(name, value),
            FaultKind::WrongIss => self.set("iss", foreign_issuer),
            FaultKind::NoIss => self.remove("iss"),
            FaultKind::DuplicateIss => self.add("iss", foreign_issuer),
            _ => {}
        }
    }
}
