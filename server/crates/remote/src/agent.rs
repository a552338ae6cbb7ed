//! The ssh agent inside the console. Invariants: it lists one key and signs with it, nothing else; its socket is
//! 0600 in a 0700 directory; ssh gets no private key in any other way.

use crate::{error::RemoteError, key::ConsoleKey};
use ssh_agent_lib::{
    agent::{Session, listen},
    async_trait,
    error::AgentError,
    proto::{Extension, Identity, ProtoError, PublicCredential, SignRequest},
    ssh_key::{Signature, SigningKey},
};
use std::{fs, io, os::unix::fs::PermissionsExt, path::Path};
use tokio::{net::UnixListener, task::JoinHandle};

#[derive(Clone)]
struct KeyAgent(ConsoleKey);

fn signature_of(key: &impl SigningKey, data: &[u8]) -> Result<Signature, AgentError> {
    key.try_sign(data).map_err(AgentError::other)
}

#[async_trait]
impl Session for KeyAgent {
    async fn request_identities(&mut self) -> Result<Vec<Identity>, AgentError> {
        let public = self.0.0.public_key();
        Ok(vec![Identity {
            credential: PublicCredential::Key(public.key_data().clone()),
            comment: public.comment().to_owned(),
        }])
    }

    async fn sign(&mut self, request: SignRequest) -> Result<Signature, AgentError> {
        if request.credential.key_data() != self.0.0.public_key().key_data() {
            return Err(AgentError::IO(io::Error::other("not a key of this agent")));
        }
        signature_of(&*self.0.0, &request.data)
    }

    async fn extension(&mut self, extension: Extension) -> Result<Option<Extension>, AgentError> {
        // ssh announces each connection with it; a refusal would only fill the log.
        if extension.name == "session-bind@openssh.com" {
            return Ok(None);
        }
        Err(AgentError::from(ProtoError::UnsupportedCommand { command: 27 }))
    }
}

/// The running agent; dropping it ends it.
pub struct Agent(JoinHandle<()>);

impl Agent {
    /// Listens on `socket` with `key`.
    ///
    /// # Errors
    /// `Local` if the socket cannot be made.
    pub fn start(socket: &Path, key: ConsoleKey) -> Result<Self, RemoteError> {
        let what = || RemoteError::local(format!("cannot open the agent's socket {}", socket.display()));
        match fs::remove_file(socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(what()(error)),
            _ => {}
        }
        let listener = UnixListener::bind(socket).map_err(what())?;
        fs::set_permissions(socket, fs::Permissions::from_mode(0o600)).map_err(what())?;
        Ok(Self(tokio::spawn(async move {
            if let Err(error) = listen(listener, KeyAgent(key)).await {
                tracing::error!(%error, "the ssh agent ended");
            }
        })))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.0.abort();
    }
}
