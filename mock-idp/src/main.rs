//! The mock identity provider as a program of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use mock_idp::{Config, MockIdp};
use tracing_subscriber::EnvFilter;

/// A little identity provider that works like a real one and misbehaves on command.
#[derive(Parser)]
#[command(name = "mock-idp", version)]
struct Arguments {
    /// Where to listen, unless the configuration file says so [default: 127.0.0.1:9091]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// A JSON file; `GET /control/config` shows all its keys
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Switch OpenID Connect on
    #[arg(long)]
    openid: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("mock_idp=info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_level(false)
        .without_time()
        .init();
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("mock-idp: {message}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), String> {
    let mut config = match &arguments.config {
        None => Config::default(),
        Some(path) => read(path)?,
    };
    if let Some(listen) = arguments.listen {
        config.listen = listen;
    } else if config.listen == Config::default().listen {
        config.listen = SocketAddr::from(([127, 0, 0, 1], 9091));
    }
    config.openid.enabled |= arguments.openid;
    let listen = config.listen;
    let idp = MockIdp::start(config)
        .await
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                format!(
                    "{listen} is taken by another program: choose another address with --listen."
                )
            }
            _ => format!("can't listen on {listen}: {error}."),
        })?;
    introduce(&idp);
    match tokio::signal::ctrl_c().await {
        Ok(()) => println!("\nshutting down"),
        Err(error) => return Err(format!("can't wait for Ctrl-C: {error}.")),
    }
    idp.shutdown().await;
    Ok(())
}

fn read(path: &Path) -> Result<Config, String> {
    let shown = path.display();
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("can't read {shown}: {error}."))?;
    Config::from_json(&text).map_err(|error| format!("{shown}: {error}."))
}

fn introduce(idp: &MockIdp) {
    let (origin, config) = (idp.origin(), idp.config());
    println!("Mock Identity Provider at {origin}\n");
    println!("client    {} / {}", config.client_id, config.client_secret);
    for account in &config.accounts {
        println!("account   {} / {}", account.username, account.password);
    }
    println!("\nauthorize {origin}/authorize");
    println!("token     {origin}/token");
    println!("userinfo  {origin}/userinfo");
    if config.openid.enabled {
        println!("discovery {origin}/.well-known/openid-configuration");
    }
    println!("\nwhat came in   curl {origin}/control/journal");
    println!(
        "a fault        curl -X PUT {origin}/control/faults -d '{{\"token\":[{{\"kind\":\"slow\",\"ms\":3000}}]}}'"
    );
    println!("\nCtrl-C ends it.\n");
}
