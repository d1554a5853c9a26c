//! Floor 8: the command line, one file a command.
//!
//! Errors go to stderr as one sentence that says what to do; the exit status is
//! 2 for bad usage and 1 for a failure.

/// As `std`'s, but a reader that went away (`| head`) is an end and no fault.
macro_rules! println {
    () => { print!("\n") };
    ($($said:tt)*) => { print!("{}\n", format_args!($($said)*)) };
}
/// See [`println`].
macro_rules! print {
    ($($said:tt)*) => { $crate::cli::output::say(format_args!($($said)*)) };
}

mod account;
mod api;
mod app;
mod audit;
mod backup;
mod config_import;
mod confirm;
mod data;
#[cfg(feature = "demo")]
mod demo;
mod domain;
mod endpoint;
mod grant;
mod key;
mod log;
mod login;
mod message;
mod operator;
mod output;
pub mod panics;
mod plan;
mod provider;
mod remote;
mod schema;
mod serve;
mod session;
mod setup_link;
mod sign_in;
mod store;
mod token;
mod traces;
mod user;

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::base::units::duration;
use crate::config::{self, Config, Loaded};
use crate::document::Finding;

/// A login broker for storefronts whose customers' identity providers are odd.
#[derive(Debug, Parser)]
#[command(name = "vestibule", version, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Debug, clap::Args)]
struct Global {
    /// The configuration file [default: vestibule.toml, where there is one]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data directory, in place of the configuration's
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// A broker elsewhere: as who logged in there (`operator login`), or by `VESTIBULE_CLIENT_ID` and `VESTIBULE_CLIENT_SECRET`
    #[arg(long, global = true, value_name = "URL", env = "VESTIBULE_SERVER")]
    server: Option<String>,
    /// How long a broker may take to answer
    #[arg(long, global = true, value_name = "TIME", default_value = "10s", value_parser = duration)]
    timeout: Duration,
    /// Print data as JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run broker, mock identity provider and a sample storefront on loopback
    #[cfg(feature = "demo")]
    Demo(demo::Demo),
    /// Run the broker
    Serve,
    /// Write, check and apply provider mappings
    #[command(subcommand)]
    Provider(provider::Provider),
    /// Configurations of other programs
    #[command(subcommand)]
    Config(config_import::Config),
    /// Administer accounts
    #[command(subcommand)]
    Account(account::Account),
    /// Administer the storefronts of an account
    #[command(subcommand)]
    Store(store::Store),
    /// Administer the users of an account
    #[command(subcommand)]
    User(user::User),
    /// Choose what messages to an account's people say, and see what became of them
    #[command(subcommand)]
    Message(message::Message),
    /// List and revoke sessions
    #[command(subcommand)]
    Session(session::Session),
    /// Read the log of logins
    #[command(subcommand, visible_alias = "logs")]
    Login(login::Login),
    /// List and revoke what people granted to applications
    #[command(subcommand)]
    Grant(grant::Grant),
    /// Administer the operators of the console
    #[command(subcommand)]
    Operator(operator::Operator),
    /// Let an account's own people set up its providers, and answer what they hand in
    #[command(subcommand)]
    SetupLink(setup_link::SetupLink),
    /// Prove by DNS that a domain of emails is an account's people's
    #[command(subcommand)]
    Domain(domain::Domain),
    /// Read the audit log
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Administer applications, the OAuth 2.0 clients of the broker
    #[command(subcommand)]
    App(app::App),
    /// Make, import, list and rotate signing keys
    #[command(subcommand)]
    Key(key::Key),
    Plan(plan::Plan),
    Apply(plan::Apply),
    Export(backup::Export),
    Import(backup::Import),
    /// Check the data directory
    #[command(subcommand)]
    Data(data::Data),
    /// Check tokens
    #[command(subcommand)]
    Token(token::Token),
    /// Print a JSON Schema
    Schema(schema::Schema),
    /// Print the admin API's OpenAPI document
    Openapi,
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// The commands with their options, as the reference has them.
pub fn command() -> clap::Command {
    let mut command = Cli::command();
    command.build();
    command
}

/// Reads the command line. A `kid`, a cursor or an application's id may begin with `-`
/// (base64url, RFC 4648 §5): where one is among the arguments, arguments that take
/// values take it as one.
fn parse(arguments: &[OsString]) -> Cli {
    let mut command = Cli::command();
    if arguments.iter().any(|one| is_identifier(one)) {
        command = with_hyphen_values(command);
    }
    let matches = command.get_matches_from(arguments);
    Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// Options are lower-case words; of an identifier's random characters some are not.
fn is_identifier(argument: &OsStr) -> bool {
    const SHORTEST: usize = 16;
    let Some(text) = argument.to_str() else {
        return false;
    };
    let base64url = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let of_no_option = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    text.starts_with('-')
        && text.len() >= SHORTEST
        && text.bytes().all(base64url)
        && text.bytes().any(of_no_option)
}

fn with_hyphen_values(command: clap::Command) -> clap::Command {
    let takes = |one: clap::Arg| {
        let values = one.get_action().takes_values();
        one.allow_hyphen_values(values)
    };
    command.mut_args(takes).mut_subcommands(with_hyphen_values)
}

/// Runs the program.
pub fn main() -> ExitCode {
    panics::install();
    let cli = parse(&std::env::args_os().collect::<Vec<_>>());
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the runtime cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(cli)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let global = &cli.global;
    match cli.command {
        #[cfg(feature = "demo")]
        Command::Demo(demo) => return demo.run().await,
        Command::Serve => serve::run(global).await?,
        Command::Provider(command) => return command.run(global).await,
        Command::Config(command) => command.run(global)?,
        Command::Account(command) => command.run(global).await?,
        Command::Store(command) => command.run(global).await?,
        Command::User(command) => command.run(global).await?,
        Command::Message(command) => command.run(global).await?,
        Command::Session(command) => command.run(global).await?,
        Command::Login(command) => command.run(global).await?,
        Command::Grant(command) => command.run(global).await?,
        Command::Operator(command) => command.run(global).await?,
        Command::SetupLink(command) => command.run(global).await?,
        Command::Domain(command) => command.run(global).await?,
        Command::Audit(command) => command.run(global).await?,
        Command::App(command) => command.run(global).await?,
        Command::Plan(command) => return command.run(global).await,
        Command::Apply(command) => return command.run(global).await,
        Command::Export(command) => command.run(global).await?,
        Command::Import(command) => command.run(global).await?,
        Command::Data(command) => return command.run(global).await,
        Command::Key(command) => command.run(global).await?,
        Command::Token(command) => command.run(global).await?,
        Command::Schema(command) => command.run()?,
        Command::Openapi => println!("{:#}", crate::admin::openapi()),
        Command::Completions { shell } => {
            // Into memory first: whoever reads it may stop, which is no failure.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "vestibule", &mut script);
            print!("{}", String::from_utf8_lossy(&script));
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl Global {
    /// The configuration, with what was given on the command line over it.
    fn load(&self) -> anyhow::Result<Config> {
        let Loaded { mut config, .. } = config::load(self.config.as_deref())
            .map_err(|(file, findings)| anyhow::anyhow!(listed(&file, &findings)))?;
        if let Some(dir) = &self.data_dir {
            config.data_dir.clone_from(dir);
        }
        Ok(config)
    }
}

/// Findings about a file, one below the other.
fn listed(file: &str, findings: &[Finding]) -> String {
    findings
        .iter()
        .map(|finding| format!("{file}:{finding}"))
        .collect::<Vec<_>>()
        .join("\n")
}
