//! `quorate user …` and `quorate token …`.

use crate::{
    serve::{self, StartError},
    settings::Settings,
};
use clap::Subcommand;
use nix::sys::termios::{self, LocalFlags, SetArg, Termios};
use quorate_core::{Console, clock::SystemClock};
use quorate_domain::Role;
use secrecy::{ExposeSecret, SecretString};
use std::{
    io::{BufRead, IsTerminal, Stdin, Write},
    sync::Arc,
};

/// Users.
#[derive(Subcommand)]
pub(super) enum User {
    /// Make a user who can log in at once
    ///
    /// For example: printf '%s' "$PASSWORD" | quorate user add --name anna --role admin --password-stdin
    Add {
        /// Login name
        #[arg(long)]
        name: String,
        /// viewer, operator or admin
        #[arg(long)]
        role: Role,
        /// Read the password's one line from standard input (also the default; at a terminal it is asked for)
        #[arg(long)]
        password_stdin: bool,
    },
    /// Give a user another password; all sessions of the user end
    Passwd {
        /// Login name
        #[arg(long)]
        name: String,
        /// Read the password's one line from standard input (also the default; at a terminal it is asked for)
        #[arg(long)]
        password_stdin: bool,
    },
}

/// Tokens.
#[derive(Subcommand)]
pub(super) enum Token {
    /// Make a token and print it; it cannot be shown again
    ///
    /// A token made here may also manage users and tokens, as far as its role goes.
    Create {
        /// What it is for
        #[arg(long)]
        name: String,
        /// viewer, operator or admin; at most the owner's
        #[arg(long)]
        role: Role,
        /// Allow destructive operations (each still needs its `confirm`)
        #[arg(long)]
        destructive: bool,
        /// The owner; with the owner's account the token dies [default: the oldest user whose role is enough]
        #[arg(long)]
        user: Option<String>,
    },
}

async fn console(settings: &Settings) -> Result<Console, StartError> {
    let store = serve::open(&settings.data_dir).await?;
    Ok(serve::console(store, settings, Arc::new(SystemClock)))
}

pub(super) async fn user(command: User, settings: &Settings) -> Result<(), StartError> {
    match command {
        User::Add { name, role, password_stdin } => {
            let password = read_password(password_stdin)?;
            console(settings).await?.add_user(&name, role, password).await?;
        }
        User::Passwd { name, password_stdin } => {
            let password = read_password(password_stdin)?;
            console(settings).await?.set_password(&name, password).await?;
        }
    }
    Ok(())
}

pub(super) async fn token(command: Token, settings: &Settings) -> Result<(), StartError> {
    let Token::Create { name, role, destructive, user } = command;
    let console = console(settings).await?;
    let (_, token) = console.create_token_for(user.as_deref(), &name, role, destructive).await?;
    println!("{}", token.expose_secret());
    Ok(())
}

/// One line of standard input without its end; at a terminal it is asked for and not shown.
fn read_password(from_pipe: bool) -> Result<SecretString, StartError> {
    let failed = |source| StartError::System { what: "the password could not be read from standard input", source };
    let stdin = std::io::stdin();
    let hidden = if !from_pipe && stdin.is_terminal() { Some(Hidden::ask(&stdin).map_err(failed)?) } else { None };
    let mut line = String::new();
    let read = stdin.lock().read_line(&mut line);
    drop(hidden);
    read.map_err(failed)?;
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    Ok(SecretString::from(line))
}

/// A terminal that does not show what is typed, until this is dropped.
struct Hidden(Termios);

impl Hidden {
    fn ask(stdin: &Stdin) -> std::io::Result<Self> {
        eprint!("Password: ");
        std::io::stderr().flush()?;
        let before = termios::tcgetattr(stdin)?;
        let mut quiet = before.clone();
        quiet.local_flags.remove(LocalFlags::ECHO);
        termios::tcsetattr(stdin, SetArg::TCSANOW, &quiet)?;
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        let _ = termios::tcsetattr(std::io::stdin(), SetArg::TCSANOW, &self.0);
        eprintln!();
    }
}
