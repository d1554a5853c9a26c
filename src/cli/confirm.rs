//! What can't be undone is named and asked about first, on a terminal.

use std::io::{BufRead, IsTerminal, Write};

use anyhow::bail;

/// The option of commands whose effect can't be undone.
#[derive(Debug, clap::Args)]
pub(super) struct Consent {
    /// Don't ask; without a terminal nothing is asked either
    #[arg(long, short = 'y')]
    yes: bool,
}

impl Consent {
    /// Says what is about to happen and what ends with it, and waits for a yes.
    ///
    /// # Errors
    /// If the answer is no.
    pub fn ask(&self, what: &str, ends: &str) -> anyhow::Result<()> {
        let terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        if self.yes || !terminal {
            return Ok(());
        }
        eprint!("This will {what}.\n{ends}\nGo on? [y/N] ");
        std::io::stderr().flush()?;
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer)?;
        if ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()) {
            return Ok(());
        }
        bail!("nothing was changed")
    }
}
