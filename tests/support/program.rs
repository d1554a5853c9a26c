//! Other people's programs, started for a test and ended with it.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// How long a program may take for its next line: chromium starts slowly.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where the suites' scripts and their dependencies are.
pub fn suites() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suites")
}

/// Whether a test that needs this file can run. In CI it must; elsewhere a line
/// says what is missing.
pub fn have(file: &Path, how: &str) -> bool {
    if file.exists() {
        return true;
    }
    let missing = format!("{} is missing; {how}", file.display());
    assert!(std::env::var_os("CI").is_none(), "{missing}");
    // Past the harness's capture: a suite that did not run should be seen.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {missing}");
    false
}

/// Whether npm package `name` can be run.
pub fn have_npm(name: &str) -> bool {
    have(
        &suites().join("node_modules").join(name),
        "run tests/suites/install",
    )
}

/// The Python that has the suites' packages, if it is there.
pub fn python() -> Option<PathBuf> {
    let python = suites().join(".venv/bin/python");
    have(&python, "run tests/suites/install").then_some(python)
}

/// A running program that speaks in lines.
pub struct Program {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    name: String,
}

impl Program {
    /// Starts a program; its stderr goes to the test's.
    pub fn start(command: &mut Command) -> Self {
        let name = format!("{command:?}");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let (sender, lines) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        // A thread, so that waiting for a line can have a limit, and so that a
        // program that says more than is read never stands still.
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self {
            input: child.stdin.take(),
            child,
            lines,
            name,
        }
    }

    /// A script of `tests/suites` under node.
    pub fn node(script: &str, argument: &str) -> Self {
        Self::start(
            Command::new("node")
                .arg(suites().join(script))
                .arg(argument)
                .current_dir(suites()),
        )
    }

    /// The next line that begins with `word` and a space; what follows the word.
    pub fn expect(&self, word: &str) -> String {
        loop {
            let line = self
                .lines
                .recv_timeout(PATIENCE)
                .unwrap_or_else(|error| panic!("{}: no line `{word}`: {error}", self.name));
            if let Some(rest) = line.trim_start().strip_prefix(word)
                && (rest.is_empty() || rest.starts_with(' '))
            {
                return rest.trim().to_owned();
            }
        }
    }

    /// Sends a line.
    pub fn say(&mut self, line: &str) {
        let input = self.input.as_mut().unwrap();
        writeln!(input, "{line}").unwrap();
        input.flush().unwrap();
    }

    /// Waits for the end; all that was said, and whether it went well.
    pub fn wait(mut self) -> (bool, Vec<String>) {
        drop(self.input.take());
        let mut said = Vec::new();
        while let Ok(line) = self.lines.recv() {
            said.push(line);
        }
        (self.child.wait().unwrap().success(), said)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Asked first: what has children of its own ends them then.
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        for _ in 0..100 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody uses at this moment.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Waits until somebody listens on a port.
pub async fn listening(port: u16) {
    for _ in 0..2_400 {
        let made = tokio::net::TcpStream::connect(("127.0.0.1", port)).await;
        if made.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("nobody listens on port {port}");
}
