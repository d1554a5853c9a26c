//! `vestibule.toml` of an `appsettings.json`: the platform's of Virto Commerce
//! (`Auth`, `Authorization`, `PasswordLogin`), or its storefront's (`Endpoint`).
//!
//! The file is read as .NET reads it: with comments and commas at ends, keys in any case,
//! sections nested or written `Auth:Authority`.

use std::collections::BTreeMap;

use serde_json::Value;
use url::Url;

/// What became of the file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Imported {
    /// The configuration.
    pub toml: String,
    /// Commands that do the rest, once the broker runs.
    pub commands: Vec<String>,
    /// What was not carried, and why.
    pub warnings: Vec<String>,
}

/// The file is not one of these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// Not JSON.
    #[error("it is not JSON: {0}")]
    Json(String),
    /// Nothing of it is known.
    #[error(
        "it has none of the sections `Auth`, `Authorization`, `PasswordLogin` and `Endpoint` of Virto Commerce"
    )]
    Foreign,
}

/// The variable that the password of the key is read from.
const KEY_PASSWORD: &str = "VESTIBULE_KEY_PASSWORD";
/// The variable that the storefront's secret is read from.
const CLIENT_SECRET: &str = "STOREFRONT_CLIENT_SECRET";

/// Reads an `appsettings.json`.
///
/// # Errors
/// If it is not JSON, or has nothing that is known.
pub fn import(text: &str) -> Result<Imported, ImportError> {
    let plain = without_comments(text);
    let value: Value =
        serde_json::from_str(&plain).map_err(|error| ImportError::Json(error.to_string()))?;
    let mut settings = Settings::default();
    settings.collect("", &value);
    let known = ["auth:", "authorization:", "passwordlogin:", "endpoint:"];
    let mut keys = settings.0.keys();
    if !keys.any(|key| known.iter().any(|section| key.starts_with(section))) {
        return Err(ImportError::Foreign);
    }
    Ok(Writer {
        settings,
        auth: Vec::new(),
        session: Vec::new(),
        head: Vec::new(),
        commands: Vec::new(),
        warnings: Vec::new(),
    }
    .write())
}

/// Settings by their path in small letters; each is taken out once.
#[derive(Default)]
struct Settings(BTreeMap<String, String>);

impl Settings {
    fn collect(&mut self, path: &str, value: &Value) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    let name = name.to_ascii_lowercase();
                    let path = if path.is_empty() {
                        name
                    } else {
                        format!("{path}:{name}")
                    };
                    let path = path.strip_prefix("virtocommerce:").unwrap_or(&path);
                    self.collect(path, value);
                }
            }
            Value::String(text) => {
                self.0.insert(path.to_owned(), text.clone());
            }
            Value::Null => {}
            other => {
                self.0.insert(path.to_owned(), other.to_string());
            }
        }
    }

    /// A setting that is there and not empty.
    fn take(&mut self, path: &str) -> Option<String> {
        let found = self.0.remove(&path.to_ascii_lowercase())?;
        Some(found.trim().to_owned()).filter(|text| !text.is_empty())
    }
}

struct Writer {
    settings: Settings,
    head: Vec<String>,
    auth: Vec<String>,
    session: Vec<String>,
    commands: Vec<String>,
    warnings: Vec<String>,
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

impl Writer {
    fn write(mut self) -> Imported {
        self.endpoint();
        self.keys();
        self.lifetimes();
        self.passwords();
        self.rest();
        let mut toml = "# From an appsettings.json of Virto Commerce.\n".to_owned();
        for line in &self.head {
            toml.extend([line, "\n"]);
        }
        for (name, lines) in [("auth", &self.auth), ("session", &self.session)] {
            if !lines.is_empty() {
                toml.extend(["\n[", name, "]\n"]);
                for line in lines {
                    toml.extend([line, "\n"]);
                }
            }
        }
        Imported {
            toml,
            commands: self.commands,
            warnings: self.warnings,
        }
    }

    fn warn(&mut self, text: impl Into<String>) {
        self.warnings.push(text.into());
    }

    /// The storefront's `Endpoint`: what is its platform's address is ours.
    fn endpoint(&mut self) {
        if let Some(text) = self.settings.take("Endpoint:Url") {
            match Url::parse(&text) {
                Ok(url) if url.has_host() => {
                    let origin = url.origin().ascii_serialization();
                    self.head.push(format!("public_url = {}", quoted(&origin)));
                    if url.path() != "/" {
                        self.warn(
                            "`Endpoint:Url` has a path: only its origin is the broker's; a storefront may keep `/accounts/ACCOUNT` behind it",
                        );
                    }
                }
                _ => self.warn("`Endpoint:Url` is not a URL; write `public_url` yourself"),
            }
        } else {
            self.head.push(
                "# public_url = \"https://login.platform.test\"   # needed to serve".to_owned(),
            );
        }
        let secret = self.settings.take("Endpoint:ClientSecret");
        if let Some(id) = self.settings.take("Endpoint:ClientId") {
            let with_secret = if secret.is_some() {
                format!(" --client-secret-env {CLIENT_SECRET}")
            } else {
                String::new()
            };
            let id = shell(&id);
            self.commands.push(format!(
                "vestibule app create --name Storefront --account ACCOUNT --client-id {id}{with_secret} --grant client_credentials --virto-claims on --role administrator"
            ));
        }
        if secret.is_some() {
            self.warn(format!(
                "`Endpoint:ClientSecret` is not repeated here: put it into the variable {CLIENT_SECRET} for the command that makes the application; it needs 16 characters or more"
            ));
        }
        let password = self.settings.take("Endpoint:Password").is_some();
        if self.settings.take("Endpoint:UserName").is_some() || password {
            self.warn(
                "`Endpoint:UserName` and `Password`: better give the storefront a client id and a secret; else make a user with a password, and a public application with the grant `password` and `--unnamed-requests on`",
            );
        }
        let key = self.settings.take("Endpoint:SecretKey").is_some();
        if self.settings.take("Endpoint:AppId").is_some() || key {
            self.warn("`Endpoint:AppId` and `SecretKey` (HMAC) are not supported; use a client id and a secret");
        }
        self.settings.take("Endpoint:RequestTimeout");
    }

    fn keys(&mut self) {
        for (theirs, ours) in [
            ("Auth:Authority", "authority"),
            ("Auth:Audience", "audience"),
            ("Auth:PrivateKeyPath", "private_key"),
            ("Auth:PublicCertPath", "public_cert"),
        ] {
            if let Some(text) = self.settings.take(theirs) {
                self.auth.push(format!("{ours} = {}", quoted(&text)));
            }
        }
        let has_key = self.auth.iter().any(|line| line.starts_with("private_key"));
        if self.settings.take("Auth:PrivateKeyPassword").is_some() && has_key {
            self.auth.push(format!(
                "private_key_password = {{ env = {} }}",
                quoted(KEY_PASSWORD)
            ));
            self.warn(format!(
                "`Auth:PrivateKeyPassword` is not repeated here: put it into the variable {KEY_PASSWORD}"
            ));
        }
    }

    fn lifetimes(&mut self) {
        for (theirs, ours) in [
            ("Authorization:AccessTokenLifeTime", "access_token_lifetime"),
            (
                "Authorization:RefreshTokenLifeTime",
                "refresh_token_lifetime",
            ),
        ] {
            if let Some(text) = self.settings.take(theirs) {
                match duration(&text) {
                    Some(time) => self.auth.push(format!("{ours} = {}", quoted(&time))),
                    None => self.warn(format!(
                        "`{theirs}` is not a time as in `00:30:00`; the default counts"
                    )),
                }
            }
        }
        if let Some(text) = self.settings.take("Authorization:CookieExpireTimeSpan") {
            match duration(&text) {
                Some(time) => self.session.push(format!("idle = {}", quoted(&time))),
                None => self.warn("`Authorization:CookieExpireTimeSpan` is not a time"),
            }
        }
    }

    fn passwords(&mut self) {
        let enabled = self.settings.take("PasswordLogin:Enabled");
        match enabled.as_deref().map(str::to_ascii_lowercase).as_deref() {
            Some("true") => self.commands.push(
                "vestibule app create --name \"Storefront front end\" --account ACCOUNT --public --grant password --grant refresh_token --scope openid --scope profile --scope email --scope offline_access --unnamed-requests on --virto-claims on".to_owned(),
            ),
            Some("false") | None => {}
            Some(_) => self.warn("`PasswordLogin:Enabled` is neither true nor false"),
        }
        if let Some(detailed) = self.settings.take("PasswordLogin:DetailedErrors")
            && detailed.eq_ignore_ascii_case("false")
        {
            self.warn("`PasswordLogin:DetailedErrors`: lock-outs are always told apart here");
        }
        self.settings.take("PasswordLogin:AuthenticationType");
        self.settings.take("PasswordLogin:Priority");
    }

    /// What else there is in the sections that are known.
    fn rest(&mut self) {
        let sections = ["auth:", "authorization:", "passwordlogin:", "endpoint:"];
        let left: Vec<String> = self.settings.0.keys().cloned().collect();
        let known = left
            .iter()
            .filter(|key| sections.iter().any(|section| key.starts_with(section)));
        for key in known {
            self.warnings
                .push(format!("`{key}` has nothing like it here"));
        }
        if left.iter().any(|key| key.starts_with("identityoptions:")) {
            self.warn("`IdentityOptions`: rules for passwords are the broker's own");
        }
    }
}

/// A text as one word of a shell.
fn shell(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~');
    if !text.is_empty() && text.bytes().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// A .NET `TimeSpan`, `[days.]hours:minutes[:seconds[.fraction]]`, or days, as a duration.
fn duration(text: &str) -> Option<String> {
    let number = |text: &str| text.parse::<u64>().ok().filter(|n| *n < 1_000_000);
    if let Some(days) = number(text) {
        return Some(format!("{days}d")).filter(|_| days > 0);
    }
    let parts: Vec<&str> = text.split(':').collect();
    let (first, minutes, seconds) = match parts[..] {
        [first, minutes] => (first, minutes, "0"),
        [first, minutes, seconds] => (first, minutes, seconds),
        _ => return None,
    };
    let (days, hours) = first.split_once('.').unwrap_or(("0", first));
    let seconds = seconds.split('.').next()?;
    let (days, hours) = (number(days)?, number(hours).filter(|n| *n < 24)?);
    let minutes = number(minutes).filter(|n| *n < 60)?;
    let seconds = number(seconds).filter(|n| *n < 60)?;
    let all = ((days * 24 + hours) * 60 + minutes) * 60 + seconds;
    match all {
        0 => None,
        _ if all % 86_400 == 0 => Some(format!("{}d", all / 86_400)),
        _ if all % 3600 == 0 => Some(format!("{}h", all / 3600)),
        _ if all % 60 == 0 => Some(format!("{}m", all / 60)),
        _ => Some(format!("{all}s")),
    }
}

/// The text without comments, and without commas before a closing bracket.
fn without_comments(text: &str) -> String {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    let mut inside = false;
    while let Some(c) = rest.next() {
        match (inside, c, rest.peek()) {
            (true, '\\', _) => {
                out.push(c);
                out.extend(rest.next());
            }
            (_, '"', _) => {
                inside = !inside;
                out.push(c);
            }
            (false, '/', Some('/')) => while rest.next_if(|c| *c != '\n').is_some() {},
            (false, '/', Some('*')) => {
                rest.next();
                let mut last = ' ';
                for c in rest.by_ref() {
                    if (last, c) == ('*', '/') {
                        break;
                    }
                    last = c;
                }
            }
            (false, '}' | ']', _) => {
                let end = out.trim_end().len();
                if out[..end].ends_with(',') {
                    out.truncate(end - 1);
                }
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}
