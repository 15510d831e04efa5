//! The command line: what can be said, and how an end is told.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::Flags;

/// Daybook: bookings, payments and settlements in one ordered, provable log.
#[derive(Debug, Parser)]
#[command(name = "daybook", version, propagate_version = true)]
pub struct Cli {
    /// Say only what went wrong.
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run everything in one process with nothing to install: SQLite, a demo, loopback only.
    Dev(Dev),
    /// Serve in production.
    Serve(ServerFlags),
    /// Run projectors, processes, timers and effects, and no server.
    Worker(ServerFlags),
    /// Bring the database's schema up to date, or look at it.
    Migrate {
        /// What to do.
        #[arg(value_enum)]
        action: MigrateAction,
        /// Say what would be applied, and change nothing.
        #[arg(long)]
        dry_run: bool,
        /// Settings.
        #[command(flatten)]
        settings: SettingFlags,
    },
    /// Print the GraphQL schema.
    Schema {
        /// As SDL (the only form there is).
        #[arg(long)]
        sdl: bool,
    },
    /// Look at the configuration.
    Config {
        /// Print every key with its value; secrets are masked.
        #[arg(long)]
        show: bool,
        /// Say where each value came from.
        #[arg(long)]
        sources: bool,
        /// Settings.
        #[command(flatten)]
        settings: SettingFlags,
    },
    /// Check configuration, database, Redis and the data folder, and say what to fix.
    Doctor {
        /// Settings.
        #[command(flatten)]
        settings: SettingFlags,
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Administration.
    Admin {
        /// What to do.
        #[command(subcommand)]
        action: AdminAction,
    },
    /// The keys that sign the heads of the log's tree.
    Tree {
        /// What to do.
        #[command(subcommand)]
        action: TreeAction,
    },
    /// Print the completions of a shell.
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Load generated traffic.
    Seed(Seed),
}

/// Options of `dev`.
#[derive(Clone, Debug, Args)]
pub struct Dev {
    /// Keep the data in this folder; without it, in a temporary one.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The port; when busy, the next free one; 0 for any.
    #[arg(long, value_name = "N", default_value_t = 4480)]
    pub port: u16,
    /// The name of the log in its signed tree heads; another one begins a new tree.
    #[arg(long, value_name = "NAME", default_value = "daybook.local/dev")]
    pub origin: String,
    /// Begin with an empty log.
    #[arg(long)]
    pub no_seed: bool,
    /// Open the console in a browser.
    #[arg(long)]
    pub open: bool,
    /// Print one line of JSON when ready.
    #[arg(long)]
    pub json: bool,
}

/// Options of `serve` and `worker`.
#[derive(Clone, Debug, Args)]
pub struct ServerFlags {
    /// Run projectors, processes, timers and effects in this process.
    #[arg(long, value_enum, value_name = "ON|OFF")]
    pub workers: Option<Switch>,
    /// Do not migrate at start.
    #[arg(long)]
    pub no_migrate: bool,
    /// Where to listen, as 0.0.0.0:4480.
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// How clients reach this server.
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// Settings.
    #[command(flatten)]
    pub settings: SettingFlags,
}

/// Settings that every command takes. Secrets are no flags: other processes can read a command line.
#[derive(Clone, Debug, Default, Args)]
pub struct SettingFlags {
    /// The configuration file; without it daybook.toml here, if there is one.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The log: postgres://… or sqlite://FOLDER.
    #[arg(long, value_name = "URL")]
    pub database_url: Option<String>,
    /// Hot models: redis://….
    #[arg(long, value_name = "URL")]
    pub redis_url: Option<String>,
    /// The folder of uploads and embedded databases.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

impl SettingFlags {
    /// As the uppermost layer of the configuration.
    #[must_use]
    pub fn flags(&self) -> Flags {
        let data = self.data.as_ref().map(|path| path.display().to_string());
        let given = [("database_url", self.database_url.clone()), ("redis_url", self.redis_url.clone()), ("data", data)];
        given.into_iter().filter_map(|(key, value)| value.map(|value| (key, value))).collect()
    }
}

impl ServerFlags {
    /// As the uppermost layer of the configuration.
    #[must_use]
    pub fn flags(&self) -> Flags {
        let mut flags = self.settings.flags();
        let workers = self.workers.map(|switch| if switch == Switch::On { "on" } else { "off" }.to_owned());
        let migrate = self.no_migrate.then(|| "off".to_owned());
        let given = [("workers", workers), ("migrate", migrate), ("listen", self.listen.clone()), ("public_url", self.public_url.clone())];
        flags.extend(given.into_iter().filter_map(|(key, value)| value.map(|value| (key, value))));
        flags
    }
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// What `migrate` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MigrateAction {
    /// Apply what is missing.
    Up,
    /// Say what is applied and what is missing.
    Status,
}

/// What `tree` does.
#[derive(Clone, Debug, Subcommand)]
pub enum TreeAction {
    /// Make a signing key: the secret goes to a new file, the public key to standard output.
    NewKey {
        /// The name of the log, as books.example/main.
        #[arg(long, value_name = "NAME")]
        origin: String,
        /// The new file; only its owner can read it.
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
    },
}

/// What `admin` does.
#[derive(Clone, Debug, Subcommand)]
pub enum AdminAction {
    /// Create a verified user; the password is read from standard input.
    CreateUser {
        /// The e-mail address.
        #[arg(long)]
        email: String,
        /// The name.
        #[arg(long)]
        name: String,
        /// The phone number.
        #[arg(long)]
        phone: String,
        /// Roles, as admin,finance.
        #[arg(long = "role", value_delimiter = ',', required = true)]
        roles: Vec<String>,
        /// Standard input holds no password but its hash, as another system kept it: argon2 ($argon2id$…) or bcrypt ($2b$…).
        #[arg(long)]
        hashed: bool,
        /// Settings.
        #[command(flatten)]
        settings: SettingFlags,
    },
}

/// Options of `seed`.
#[derive(Clone, Debug, Args)]
pub struct Seed {
    /// A month of realistic traffic in Seoul.
    #[arg(long, required = true)]
    pub month: bool,
    /// How much of it, in percent of the whole.
    #[arg(long, value_name = "PERCENT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub scale: u32,
    /// Where the generator's random numbers begin.
    #[arg(long, value_name = "N", default_value_t = 2026)]
    pub seed: u64,
    /// Print the table as JSON.
    #[arg(long)]
    pub json: bool,
    /// Settings.
    #[command(flatten)]
    pub settings: SettingFlags,
}

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Something failed.
    Failure,
    /// The command line or configuration is wrong.
    Usage,
    /// Refused, or a verification that does not hold.
    Refused,
    /// A service that is needed does not answer.
    Unavailable,
    /// Interrupted by the user.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failure => 1,
            Exit::Usage => 2,
            Exit::Refused => 3,
            Exit::Unavailable => 4,
            Exit::Interrupted => 130,
        })
    }
}

/// Why a command did not do what it should, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failed {
    /// How to end.
    pub exit: Exit,
    /// What went wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl Failed {
    /// A failure with its fix.
    pub fn new(exit: Exit, message: impl std::fmt::Display, hint: impl Into<String>) -> Self {
        Self { exit, message: message.to_string(), hint: hint.into() }
    }

    /// As it is printed on standard error: what went wrong, and a line `hint:` with the fix.
    #[must_use]
    pub fn report(&self) -> String {
        let hint = if self.hint.is_empty() { String::new() } else { format!("hint: {}\n", self.hint) };
        format!("error: {}\n{hint}", self.message)
    }
}

impl From<crate::config::ConfigError> for Failed {
    fn from(error: crate::config::ConfigError) -> Self {
        Self::new(Exit::Usage, &error, error.hint())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_become_the_uppermost_layer() {
        let cli = Cli::try_parse_from(["daybook", "serve", "--workers=off", "--no-migrate", "--database-url", "sqlite://x"]).unwrap();
        let Command::Serve(serve) = cli.command else { unreachable!() };
        let flags = serve.flags();
        assert_eq!(flags.get("workers").map(String::as_str), Some("off"));
        assert_eq!(flags.get("migrate").map(String::as_str), Some("off"));
        assert_eq!(flags.get("database_url").map(String::as_str), Some("sqlite://x"));
        assert_eq!(flags.len(), 3);
    }

    #[test]
    fn a_failure_names_its_fix() {
        let failed = Failed::new(Exit::Unavailable, "the database does not answer", "start it");
        assert_eq!(failed.report(), "error: the database does not answer\nhint: start it\n");
    }
}
