//! `vestibule demo`

use std::process::ExitCode;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::demo;

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// The storefront's port; the broker takes the next one, the mock identity provider the one after
    #[arg(long, default_value_t = 8080, value_parser = clap::value_parser!(u16).range(1..=65533))]
    port: u16,
    /// Log in once as a browser would, print each request, and end
    #[arg(long)]
    visit: bool,
}

impl Demo {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        start_logs(self.visit);
        let demo = demo::Demo::start(self.port).await?;
        if self.visit {
            let outcome = demo::visit::visit(&demo).await;
            demo.stop().await?;
            outcome?;
            return Ok(ExitCode::SUCCESS);
        }
        println!("{}", demo.welcome());
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        demo.stop().await?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Each step of a login is one line: what happened, then the details.
fn start_logs(quiet: bool) {
    let default = if quiet {
        "warn"
    } else {
        "warn,vestibule::login=debug,mock_idp=info"
    };
    let filter =
        EnvFilter::try_from_env("VESTIBULE_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .without_time()
        .with_target(false)
        .with_level(false)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stdout()))
        .with_writer(std::io::stdout)
        .try_init();
}
