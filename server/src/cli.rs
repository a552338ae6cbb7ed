//! The command line. Invariant: every command but `serve` works beside a running `serve` (the database takes both);
//! passwords come on standard input, never as arguments; a token is printed once, on standard output, alone.

mod accounts;
mod healthcheck;

use crate::{
    http::{cidr::Cidr, public_url::PublicUrl},
    serve::{self, StartError},
    settings::{Overrides, Settings},
};
use clap::{Args, Parser, Subcommand};
use std::{io::IsTerminal, net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};
use tracing_subscriber::EnvFilter;

/// Installs, watches, changes, saves and rescues etcd clusters on plain servers, from the browser.
///
/// Start with `quorate serve --data-dir DIR` and open the link it prints. Everything the console keeps is in that
/// directory: the database, and beside it the key that its secrets are sealed with. Keep a copy of that key
/// (`master.key`) elsewhere.
#[derive(Parser)]
#[command(name = "quorate", version, max_term_width = 100)]
#[command(after_help = "Every option can stand in the environment (QUORATE_LISTEN=…) or in the file that --config \
    names (listen = \"127.0.0.1:3000\"). The command line wins over the environment, that over the file.")]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// How long tasks that nobody waits for may take to end.
const LAST_TASKS: Duration = Duration::from_millis(300);

#[derive(Args)]
struct Common {
    /// Where the database, its key and caches are [default: /var/lib/quorate]
    #[arg(long, global = true, env = "QUORATE_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// A TOML file with any of these options
    #[arg(long, global = true, env = "QUORATE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// What is logged: error, warn, info, debug, or a filter such as `info,quorate_operations=debug` [default: info]
    #[arg(long, global = true, env = "QUORATE_LOG", value_name = "FILTER")]
    log: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the console
    ///
    /// Listens on loopback. To reach it from elsewhere put a proxy in front that speaks TLS, and name both:
    /// `--trusted-proxy 10.0.0.5 --public-url https://quorate.example.net`. Stops within five seconds on SIGINT or
    /// SIGTERM; operations that are under way are taken up again at the next start.
    Serve(Serve),
    /// Bring the database to this version and exit (serve does so by itself)
    Migrate,
    /// Make users and set their passwords
    #[command(subcommand)]
    User(accounts::User),
    /// Make API tokens
    #[command(subcommand)]
    Token(accounts::Token),
    /// Print the OpenAPI document of /api/v1
    Openapi,
    /// Ask a running console whether it is ready; exits 0 when it is
    Healthcheck(healthcheck::Healthcheck),
}

#[derive(Args)]
struct Serve {
    /// Address and port to listen on [default: 127.0.0.1:3000]
    #[arg(long, env = "QUORATE_LISTEN", value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// The URL people type; other host names than its own and loopback ones are refused [default: http://<listen>]
    #[arg(long, env = "QUORATE_PUBLIC_URL", value_name = "URL")]
    public_url: Option<PublicUrl>,
    /// Address or network of a proxy whose X-Forwarded-For is believed; may be given several times
    #[arg(long, env = "QUORATE_TRUSTED_PROXY", value_name = "ADDRESS[/BITS]", value_delimiter = ',')]
    trusted_proxy: Vec<Cidr>,
    /// Where etcd's releases are downloaded from, in upstream's layout
    #[arg(long, env = "QUORATE_ETCD_DOWNLOAD_URL", value_name = "URL")]
    etcd_download_url: Option<String>,
}

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    match start(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("quorate: {}", serve::told(&error));
            ExitCode::FAILURE
        }
    }
}

fn start(cli: Cli) -> Result<ExitCode, StartError> {
    let Cli { common, command } = cli;
    let mut overrides = Overrides { data_dir: common.data_dir, log: common.log, ..Overrides::default() };
    if let Command::Serve(serve) = &command {
        overrides.listen = serve.listen;
        overrides.public_url.clone_from(&serve.public_url);
        overrides.trusted_proxy.clone_from(&serve.trusted_proxy);
        overrides.etcd_download_url.clone_from(&serve.etcd_download_url);
    }
    if matches!(command, Command::Openapi) {
        println!("{}", crate::api::document().to_pretty_json().unwrap_or_default());
        return Ok(ExitCode::SUCCESS);
    }
    let settings = Settings::load(common.config.as_deref(), &overrides)?;
    log_to_stderr(&settings, &command);
    // Few processors must not mean few workers: rendering and hashing may each hold one for a while.
    let workers = std::thread::available_parallelism().map_or(4, usize::from).max(4);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        // Without optimisation every future of a deep call lies on the stack by itself.
        .thread_stack_size(4 << 20)
        .enable_all()
        .build()
        .map_err(|source| StartError::System { what: "the runtime cannot start", source })?;
    // Held until every task is gone: the next console must not meet one of this one's at a host.
    let lock = match &command {
        Command::Serve(_) => {
            settings.check_exposure()?;
            Some(serve::lock(&settings.data_dir)?)
        }
        _ => None,
    };
    let code = runtime.block_on(dispatch(command, settings));
    // A name that is being resolved would otherwise hold the end up for as long as the resolver likes.
    runtime.shutdown_timeout(LAST_TASKS);
    drop(lock);
    code
}

async fn dispatch(command: Command, settings: Settings) -> Result<ExitCode, StartError> {
    match command {
        Command::Serve(_) => serve::serve(settings).await?,
        Command::Migrate => {
            serve::open(&settings.data_dir).await?;
        }
        Command::User(user) => accounts::user(user, &settings).await?,
        Command::Token(token) => accounts::token(token, &settings).await?,
        Command::Healthcheck(check) => return Ok(check.run(&settings).await),
        Command::Openapi => {}
    }
    Ok(ExitCode::SUCCESS)
}

fn log_to_stderr(settings: &Settings, command: &Command) {
    let words = if matches!(command, Command::Serve(_)) { settings.log.as_str() } else { "warn" };
    let filter = EnvFilter::try_new(words).unwrap_or_else(|error| {
        eprintln!("quorate: --log {words}: {error}; using info");
        EnvFilter::new("info")
    });
    // Says "Listening" about a socket that nobody asked for, which reads like the console's own line.
    let filter = if words.contains("ssh_agent_lib") { filter } else { quiet(filter) };
    let ansi = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(ansi).with_writer(std::io::stderr).init();
}

fn quiet(filter: EnvFilter) -> EnvFilter {
    match "ssh_agent_lib=warn".parse() {
        Ok(directive) => filter.add_directive(directive),
        Err(_) => filter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn passwords_are_never_arguments() {
        assert!(Cli::try_parse_from(["quorate", "user", "add", "--name", "a", "--password", "x"]).is_err());
    }
}
