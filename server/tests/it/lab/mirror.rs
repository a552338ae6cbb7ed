//! A mirror of etcd's releases that fails on demand, on this machine, where the lab's hosts reach it. Invariant: the
//! sums are always the true ones, so whatever fails, fails while the archive is brought.

use quorate_testkit::lab::Lab;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// What is wrong with the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing.
    None,
    /// It is another file than the sums say.
    OtherContent,
    /// It is not there.
    NotThere,
    /// The connection ends in the middle of it.
    CutOff,
    /// No answer until the fault is another.
    Silent,
}

/// A running mirror; it ends with the test.
pub(super) struct Mirror {
    url: String,
    fault: watch::Sender<Fault>,
}

impl Mirror {
    /// One that has what the lab's own mirror has.
    pub(super) async fn of(lab: &Lab, fault: Fault) -> Self {
        let listener = TcpListener::bind((lab.console_address(), 0)).await.expect("a port on the lab's bridge");
        let url = format!("http://{}", listener.local_addr().expect("address"));
        let (fault, seen) = watch::channel(fault);
        let upstream = lab.mirror();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, upstream.clone(), seen.clone()));
            }
        });
        Self { url, fault }
    }

    /// The base of the download URL.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// From now on this is wrong; who waits in silence is answered.
    pub(super) fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }
}

/// One request, one answer. Clients that go away are no fault of the test.
async fn answer(mut stream: TcpStream, upstream: String, mut fault: watch::Receiver<Fault>) {
    let Some(path) = path_of(&mut stream).await else { return };
    let file = reqwest::get(format!("{upstream}{path}")).await.expect("the lab's mirror answers");
    let file = file.error_for_status().expect("the lab's mirror has it").bytes().await.expect("whole");
    let fault = if path.ends_with("/SHA256SUMS") {
        Fault::None
    } else {
        let Ok(spoken) = fault.wait_for(|fault| *fault != Fault::Silent).await else { return };
        *spoken
    };
    let (status, length, body) = match fault {
        Fault::NotThere => ("404 Not Found", 0, &file[..0]),
        Fault::OtherContent => ("200 OK", 7, &b"another"[..]),
        Fault::CutOff => ("200 OK", file.len(), &file[..file.len() / 2]),
        Fault::None | Fault::Silent => ("200 OK", file.len(), &file[..]),
    };
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(body).await;
    let _ = stream.shutdown().await;
}

/// The path of a request, once its head is there.
async fn path_of(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    String::from_utf8(head).ok()?.split(' ').nth(1).map(str::to_owned)
}
