//! A disk that fails on command: `disk.c`, compiled once and preloaded.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::time::Duration;

use tempfile::TempDir;

pub const EIO: u32 = 5;
pub const EROFS: u32 = 30;

/// The shim, if it can be built here. Rust needs a C compiler for a dependency
/// of ours too, so a machine without one could not have come so far.
fn shim() -> &'static Path {
    static SHIM: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = SHIM.get_or_init(|| {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("disk.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/disk.c");
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
        let built = Command::new(&compiler)
            .args(["-shared", "-fPIC", "-O2", "-o"])
            .args([&path, &source])
            .args(["-ldl", "-lpthread"])
            .output()
            .unwrap_or_else(|e| panic!("{compiler}: {e}"));
        let said = String::from_utf8_lossy(&built.stderr);
        assert!(built.status.success(), "{compiler}: {said}");
        (dir, path)
    });
    path
}

/// What can be made to fail; the order is that of `struct control`.
#[derive(Debug, Clone, Copy)]
#[allow(dead_code, reason = "the vocabulary of disk.c")]
pub enum Fault {
    Sync = 0,
    Write = 1,
    Read = 2,
    StallSync = 3,
    StallRead = 4,
    LongestKib = 5,
    Halt = 6,
}

/// A directory on such a disk.
pub struct Disk {
    base: TempDir,
    control: File,
}

impl Disk {
    pub fn new() -> Self {
        let base = TempDir::new().unwrap();
        std::fs::create_dir(base.path().join("data")).unwrap();
        let control = File::options()
            .create(true)
            .truncate(true)
            .write(true)
            .open(base.path().join("control"))
            .unwrap();
        control.set_len(4096).unwrap();
        Self { base, control }
    }

    /// The directory.
    pub fn dir(&self) -> PathBuf {
        self.base.path().join("data")
    }

    /// Where a process that uses the disk notes what it does.
    pub fn journal(&self) -> PathBuf {
        self.base.path().join("journal")
    }

    /// Has a process use it.
    pub fn under<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command
            .env("LD_PRELOAD", shim())
            .env("FAULTS_DIR", self.dir())
            .env("FAULTS_JOURNAL", self.journal())
            .env("FAULTS_CONTROL", self.base.path().join("control"))
    }

    /// Kills a process that uses the disk, between two changes to it.
    pub fn kill(&self, child: &mut Child) {
        self.set(Fault::Halt, 1);
        // Time for the change that is being made.
        std::thread::sleep(Duration::from_millis(20));
        child.kill().unwrap();
        child.wait().unwrap();
        self.set(Fault::Halt, 0);
    }

    /// Begins or, with zero, ends a fault: an error's number, or milliseconds, or KiB.
    pub fn set(&self, fault: Fault, value: u32) {
        let place = 4 * fault as u64;
        let written = self.control.write_all_at(&value.to_ne_bytes(), place);
        written.unwrap();
    }
}
