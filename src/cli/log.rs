//! Logs on stderr, without a system call a line.
//!
//! Lines gather for [`FLUSH_INTERVAL`] and are written together. Warnings and errors are
//! written at once, with all that came before them; so is everything where a
//! person looks on. A process that is killed loses the last moment's lines.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// How long a line waits for others, at most.
const FLUSH_INTERVAL: Duration = Duration::from_millis(20);
/// Bytes that wait for no more.
const MAX_BUFFERED_BYTES: usize = 32 << 10;

/// Starts the logs: for people, or as JSON with `VESTIBULE_LOG_FORMAT=json`.
/// What it gives is to be kept until the end: dropped, it writes the last lines.
pub(super) fn start() -> Logs {
    let filter =
        EnvFilter::try_from_env("VESTIBULE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let json = std::env::var("VESTIBULE_LOG_FORMAT").is_ok_and(|format| format == "json");
    let terminal = io::stderr().is_terminal();
    let gathered = BufferedLog::new(terminal);
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(gathered.clone());
    // A second start, in tests, keeps the first.
    let _ = if json {
        logs.json()
            .flatten_event(true)
            .with_span_list(false)
            .try_init()
    } else {
        logs.with_ansi(terminal).try_init()
    };
    Logs(gathered)
}

/// The logs of a program that runs.
pub(super) struct Logs(BufferedLog);

impl Logs {
    /// Writes what has gathered, so that what is printed next comes after it.
    pub(super) fn flush(&self) {
        write_down(&mut lock(&self.0.lines));
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        self.flush();
    }
}

/// Where lines gather.
#[derive(Clone)]
struct BufferedLog {
    lines: Arc<Mutex<Vec<u8>>>,
    /// Writes them down; `None` where each line is written at once.
    writer: Option<Thread>,
}

impl BufferedLog {
    fn new(at_once: bool) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let writer = (!at_once).then(|| {
            let lines = Arc::clone(&lines);
            std::thread::Builder::new()
                .name("log".into())
                .spawn(move || {
                    loop {
                        std::thread::park();
                        std::thread::sleep(FLUSH_INTERVAL);
                        write_down(&mut lock(&lines));
                    }
                })
        });
        Self {
            lines,
            // Without the thread nothing is gathered.
            writer: writer
                .and_then(Result::ok)
                .map(|thread| thread.thread().clone()),
        }
    }
}

fn lock(lines: &Mutex<Vec<u8>>) -> MutexGuard<'_, Vec<u8>> {
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}

fn write_down(lines: &mut Vec<u8>) {
    // Nobody is left to hear that the log can't be written.
    let _ = io::stderr().write_all(lines);
    lines.clear();
}

impl<'a> MakeWriter<'a> for BufferedLog {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line {
            gathered: self,
            urgent: true,
        }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Line<'a> {
        Line {
            gathered: self,
            urgent: *meta.level() <= Level::WARN,
        }
    }
}

/// One line on its way.
struct Line<'a> {
    gathered: &'a BufferedLog,
    urgent: bool,
}

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut lines = lock(&self.gathered.lines);
        let first = lines.is_empty();
        lines.extend_from_slice(line);
        match &self.gathered.writer {
            Some(writer) if !self.urgent && lines.len() < MAX_BUFFERED_BYTES => {
                if first {
                    writer.unpark();
                }
            }
            _ => write_down(&mut lines),
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
