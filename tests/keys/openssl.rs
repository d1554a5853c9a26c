//! The document's own commands, and what else OpenSSL writes.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The password of the document's `certpass.txt`.
pub(crate) const PASSWORD: &str = "päss word-1";
/// The password of the PFX files.
pub(crate) const PFX_PASSWORD: &str = "other-pass-2";

/// The document's example, with its blanks filled in.
const CERTCONFIG: &str = "[ req ]
default_md = sha256
prompt = no
req_extensions = req_ext
distinguished_name = req_distinguished_name
[ req_distinguished_name ]
commonName = login.platform.test
countryName = RU
stateOrProvinceName = Kaliningrad
organizationName = Virtocommerce
[ req_ext ]
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always,issuer
subjectAltName = @alt_names
[ alt_names ]
DNS.0 = login.platform.test
";

/// A directory of files that OpenSSL made.
pub(crate) struct Files(PathBuf);

impl Files {
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Runs a command line in the directory; arguments have no spaces.
    pub(crate) fn try_run(&self, line: &str) -> Result<String, String> {
        let mut words = line.split_whitespace();
        let output = Command::new(words.next().unwrap())
            .args(words)
            .current_dir(&self.0)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| error.to_string())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(text(&output.stderr))
        }
    }

    pub(crate) fn run(&self, line: &str) -> String {
        self.try_run(line)
            .unwrap_or_else(|error| panic!("`{line}` failed: {error}"))
    }

    /// A fresh directory beside, for one test's own files.
    pub(crate) fn fresh() -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let dir = tempfile::Builder::new().prefix("keys-").tempdir_in(root);
        Self(dir.unwrap().keep())
    }
}

/// The document's files, made once; `None` where there is no OpenSSL.
pub(crate) fn document() -> Option<&'static Files> {
    static FILES: OnceLock<Option<Files>> = OnceLock::new();
    let files = FILES.get_or_init(|| {
        let files = Files::fresh();
        if let Err(error) = files.try_run("openssl version") {
            assert!(
                std::env::var("CI").map_or(true, |ci| ci != "true"),
                "CI needs the openssl command: {error}"
            );
            return None;
        }
        files.write("certpass.txt", format!("{PASSWORD}\n"));
        files.write("pfxpass.txt", format!("{PFX_PASSWORD}\n"));
        files.write("certconfig.txt", CERTCONFIG);
        // Word for word, but for `.exe` and, in the last one, the passwords that
        // it would ask for.
        files.run("openssl genpkey -outform PEM -algorithm RSA -pkeyopt rsa_keygen_bits:4096 -pass file:certpass.txt -des3 -out virtocommerce.key");
        files.run("openssl req -x509 -nodes -days 3650 -key virtocommerce.key -config certconfig.txt -extensions req_ext -passin file:certpass.txt -out virtocommerce.crt");
        files.run("openssl pkcs12 -export -out virtocommerce.pfx -inkey virtocommerce.key -in virtocommerce.crt -passin file:certpass.txt -passout file:pfxpass.txt");
        Some(files)
    });
    if files.is_none() {
        skipped("there is no openssl command on this machine");
    }
    files.as_ref()
}

/// Says so past the test harness, which would keep the lines of a passing test.
pub(crate) fn skipped(why: &str) {
    let line = format!("SKIPPED: {why}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}
