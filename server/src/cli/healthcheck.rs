//! `quorate healthcheck`: one request to `/readyz`, for containers and units. Invariant: no more HTTP than that takes.

use crate::settings::Settings;
use clap::Args;
use std::{net::SocketAddr, process::ExitCode, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Ask a running console whether it is ready.
#[derive(Args)]
pub(super) struct Healthcheck {
    /// Where it listens, if not where the settings say
    #[arg(long, env = "QUORATE_LISTEN", value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
}

impl Healthcheck {
    pub(super) async fn run(&self, settings: &Settings) -> ExitCode {
        let mut address = self.listen.unwrap_or(settings.listen);
        if address.ip().is_unspecified() {
            address.set_ip(if address.is_ipv4() { [127, 0, 0, 1].into() } else { [0, 0, 0, 0, 0, 0, 0, 1].into() });
        }
        match tokio::time::timeout(Duration::from_secs(5), status(address)).await {
            Ok(Ok(200)) => ExitCode::SUCCESS,
            Ok(Ok(status)) => failed(&format!("{address} answers {status}")),
            Ok(Err(error)) => failed(&format!("{address}: {error}")),
            Err(_) => failed(&format!("{address} does not answer within 5 seconds")),
        }
    }
}

fn failed(why: &str) -> ExitCode {
    eprintln!("quorate: not ready: {why}");
    ExitCode::FAILURE
}

async fn status(address: SocketAddr) -> std::io::Result<u16> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    stream.take(64).read_to_end(&mut head).await?;
    let line = String::from_utf8_lossy(&head);
    let code = line.split(' ').nth(1).and_then(|code| code.parse().ok());
    code.ok_or_else(|| std::io::Error::new(std::io::ErrorKind::InvalidData, "this is not a console"))
}
