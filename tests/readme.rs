//! README's steps, done: its files are written, its commands run, in the order
//! in which a reader meets them. A comment before each block says how:
//!
//! - `<!-- test: file NAME -->` writes the block into that file;
//! - `<!-- test: run -->` runs it in a shell;
//! - `<!-- test: serve -->` runs it until the next `stop`;
//! - `<!-- test: stop -->` ends that as an operator would, then runs the block;
//! - `<!-- test: ci -->` is left to `.ci/run`.

#![allow(missing_docs, clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const README: &str = include_str!("../README.md");

struct Block {
    what: String,
    language: String,
    text: String,
    line: usize,
}

/// The blocks that say how they are tested, and those that should.
fn blocks() -> Vec<Block> {
    let mut found = Vec::new();
    let mut what = String::new();
    let mut lines = README.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if let Some(comment) = line.strip_prefix("<!-- test: ") {
            comment.trim_end_matches(" -->").clone_into(&mut what);
        } else if let Some(language) = line.strip_prefix("```") {
            let text: Vec<&str> = lines
                .by_ref()
                .map(|(_, line)| line)
                .take_while(|line| *line != "```")
                .collect();
            found.push(Block {
                what: std::mem::take(&mut what),
                language: language.to_owned(),
                text: text.join("\n") + "\n",
                line: number + 1,
            });
        }
    }
    found
}

struct Steps {
    dir: tempfile::TempDir,
    port: u16,
    served: Option<Child>,
}

impl Steps {
    fn shell(&self, script: &str) -> Command {
        let bin = Path::new(env!("CARGO_BIN_EXE_vestibule")).parent().unwrap();
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("bash");
        command
            .args(["-euo", "pipefail", "-c", script])
            .current_dir(self.dir.path())
            .env("PATH", path)
            // The port of the reader's machine may be taken here.
            .env("VESTIBULE_LISTEN", format!("127.0.0.1:{}", self.port))
            .env("VESTIBULE_METRICS__LISTEN", "")
            .stdin(Stdio::null());
        command
    }

    fn run(&self, block: &Block) {
        let output = self.shell(&block.text).output().unwrap();
        assert!(
            output.status.success(),
            "README line {}:\n{}\n{}{}",
            block.line,
            block.text,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }

    fn serve(&mut self, block: &Block) {
        // `exec`, so that the signal reaches the broker and not the shell.
        let script = format!("exec {}", block.text);
        self.served = Some(self.shell(&script).spawn().unwrap());
        for _ in 0..400 {
            if self
                .health()
                .is_some_and(|answer| answer.contains("200 OK"))
            {
                return;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!("README line {}: the broker does not serve", block.line);
    }

    fn health(&self) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .ok()?;
        let mut answer = String::new();
        BufReader::new(&mut stream).read_line(&mut answer).ok()?;
        let _ = stream.read_to_end(&mut Vec::new());
        Some(answer)
    }

    fn stop(&mut self) {
        if let Some(mut served) = self.served.take() {
            let id = served.id().to_string();
            Command::new("kill").args(["-TERM", &id]).status().unwrap();
            assert!(served.wait().unwrap().success(), "it did not end in order");
        }
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        if let Some(served) = &mut self.served {
            let _ = served.kill();
            let _ = served.wait();
        }
    }
}

#[test]
fn the_steps_work() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut steps = Steps {
        dir: tempfile::tempdir().unwrap(),
        port: listener.local_addr().unwrap().port(),
        served: None,
    };
    drop(listener);
    let mut done = 0;
    for block in blocks() {
        match block.what.split_once(' ').unwrap_or((&block.what, "")) {
            ("file", name) => std::fs::write(steps.dir.path().join(name), &block.text).unwrap(),
            ("run", "") => steps.run(&block),
            ("serve", "") => steps.serve(&block),
            ("stop", "") => {
                steps.stop();
                steps.run(&block);
            }
            ("ci", "") => continue,
            ("", "") => {
                let shell = matches!(block.language.as_str(), "sh" | "bash" | "console");
                assert!(!shell, "README line {}: say how it is tested", block.line);
                continue;
            }
            _ => panic!("README line {}: `{}`?", block.line, block.what),
        }
        done += 1;
    }
    steps.stop();
    assert!(done >= 5, "README has lost its steps");
}

/// The table of configuration keys has every key of the schema and no other.
#[test]
fn the_table_of_configuration_keys_is_whole() {
    let schema = &*vestibule::config::SCHEMA;
    let properties = |at: &serde_json::Value| {
        let pointer = at.get("$ref").and_then(|r| r.as_str()?.strip_prefix('#'));
        let at = pointer.map_or(at, |pointer| schema.pointer(pointer).unwrap());
        at.get("properties").and_then(|p| p.as_object()).cloned()
    };
    let mut keys = Vec::new();
    for (name, below) in properties(schema).unwrap() {
        match properties(&below) {
            Some(members) => keys.extend(members.keys().map(|key| format!("{name}.{key}"))),
            None => keys.push(name),
        }
    }
    let section = README.split("\n## Configuration\n").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let listed: Vec<String> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .map(|line| line.split('`').next().unwrap().to_owned())
        .collect();
    keys.sort();
    let mut sorted = listed.clone();
    sorted.sort();
    assert_eq!(sorted, keys);
}
