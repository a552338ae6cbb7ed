//! Why a member did not do what was asked, in words an operator can act on. Invariant: a text names the cause, not the
//! library; the library's own error is the `source`.

use crate::access::tls_words;
use std::{error::Error, io, time::Duration};
use tonic::{Code, Status};

/// What went wrong when talking to one member.
#[derive(Debug, thiserror::Error)]
pub enum EtcdError {
    /// The URL cannot be dialled; nothing was tried.
    #[error("{url:?} is not usable as a client URL: {reason}")]
    BadUrl {
        /// As given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no connection; whether the request arrived is unknown only for a connection that broke midway.
    #[error("{reason}")]
    Unreachable {
        /// "connection refused", "no route to the host", …
        reason: String,
        /// The transport's error.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The answer did not come in time. A write may still have happened.
    #[error("no answer within {}", seconds(*deadline))]
    Deadline {
        /// What was allowed.
        deadline: Duration,
    },
    /// The member answers and follows no leader: it cannot write or read linearizably.
    #[error("the member follows no leader")]
    NoLeader,
    /// The member answers and waited in vain for a majority of the voters. A write may still happen.
    #[error("a majority of the voters did not answer the member: {message}")]
    NoMajority {
        /// In etcd's words.
        message: String,
    },
    /// etcd said no.
    #[error("etcd refused: {message}")]
    Refused {
        /// gRPC's code.
        code: Code,
        /// In etcd's words.
        message: String,
    },
    /// The answer lacks what it must have; not an etcd, or one from the future.
    #[error("the answer is not one of etcd's: {0}")]
    Malformed(String),
}

impl EtcdError {
    /// Whether the member itself could not be talked to, so that dialling anew may help.
    pub fn is_silence(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Deadline { .. })
    }

    /// Whether a change that ended so may still have been done: the answer was lost, and not the request refused.
    pub fn may_have_happened(&self) -> bool {
        match self {
            Self::Unreachable { reason, .. } => !NEVER_SENT.contains(&reason.as_str()),
            Self::Deadline { .. } | Self::NoMajority { .. } | Self::Malformed(_) => true,
            Self::BadUrl { .. } | Self::NoLeader | Self::Refused { .. } => false,
        }
    }

    /// Whether the revision that was asked for is compacted away.
    pub fn is_compacted(&self) -> bool {
        self.is_refusal("required revision has been compacted")
    }

    /// Whether the cluster has not come to the revision that was asked for; after a restore it may be one that it had.
    pub fn is_ahead(&self) -> bool {
        self.is_refusal("required revision is a future revision")
    }

    /// Whether the database is full (NOSPACE).
    pub fn is_out_of_space(&self) -> bool {
        self.is_refusal("database space exceeded")
    }

    /// Whether the user may not.
    pub fn is_denied(&self) -> bool {
        self.is_refusal("permission denied")
    }

    /// Whether a login is missing, is not taken, or may not do what was asked.
    pub fn is_about_login(&self) -> bool {
        let words = ["user name is empty", "user name not found", "authentication failed", "invalid auth token"];
        self.is_denied() || words.iter().any(|words| self.is_refusal(words))
    }

    /// Whether the request is larger than the member takes (`--max-request-bytes`).
    pub fn is_too_large(&self) -> bool {
        self.is_refusal("request is too large") || self.is_refusal("trying to send message larger than max")
    }

    /// Whether the lease that was named has ended or never was.
    pub fn is_lease_gone(&self) -> bool {
        self.is_refusal("requested lease not found")
    }

    /// Whether etcd said no with these words (`api/v3rpc/rpctypes/error.go`).
    fn is_refusal(&self, words: &str) -> bool {
        matches!(self, Self::Refused { message, .. } if message.contains(words))
    }

    /// A watch that etcd ended, in its words.
    pub(crate) fn refused_watch(message: String) -> Self {
        Self::Refused { code: Code::Cancelled, message }
    }

    /// Whether a login is missing or has run out; such a request had no effect.
    pub(crate) fn wants_login(&self, logged_in: bool) -> bool {
        let Self::Refused { message, .. } = self else { return false };
        let any = |words: &[&str]| words.iter().any(|w| message.contains(w));
        // etcd's words in `api/v3rpc/rpctypes/error.go`; whoever is logged in and may not is told so.
        any(&["user name is empty", "invalid auth token", "revision of auth store is old"])
            // Without a login, the name in the client's certificate counts as one, and need not be a user's.
            || (!logged_in && any(&["permission denied", "user name not found"]))
    }

    /// This error, or what dialling anew `told`, which may say more: never that nothing was sent when something was.
    pub(crate) fn or_told(self, told: Option<Self>) -> Self {
        told.filter(|told| told.may_have_happened() || !self.may_have_happened()).unwrap_or(self)
    }

    pub(crate) fn unreachable(source: Box<dyn Error + Send + Sync>) -> Self {
        Self::Unreachable { reason: reason(source.as_ref()), source }
    }
}

impl From<Status> for EtcdError {
    fn from(status: Status) -> Self {
        let message = status.message().to_owned();
        // A Status made by the transport carries the cause; one sent by etcd never does.
        if status.source().is_some() {
            return Self::unreachable(Box::new(status));
        }
        match message.as_str() {
            // What waited while the leader changed was not done (etcdserver/v3_server.go, `linearizableReadLoop`).
            "etcdserver: no leader" | "etcdserver: leader changed" => Self::NoLeader,
            // A member that stops says so to whoever waits, also of what it has proposed already.
            "etcdserver: server stopped" => {
                Self::Unreachable { reason: "the member was stopped".to_owned(), source: Box::new(status) }
            }
            m if m.starts_with("etcdserver: request timed out") => Self::NoMajority { message },
            _ if status.code() == Code::DeadlineExceeded => Self::NoMajority { message },
            _ => Self::Refused { code: status.code(), message },
        }
    }
}

impl From<etcd_client::Error> for EtcdError {
    fn from(error: etcd_client::Error) -> Self {
        match error {
            etcd_client::Error::GRpcStatus(status) => status.into(),
            etcd_client::Error::TransportError(e) => Self::unreachable(Box::new(e)),
            etcd_client::Error::IoError(e) => Self::unreachable(Box::new(e)),
            other => Self::Malformed(other.to_string()),
        }
    }
}

/// The innermost cause that says something, in words.
fn reason(error: &(dyn Error + 'static)) -> String {
    let mut last = error.to_string();
    let mut cause = Some(error);
    while let Some(e) = cause {
        last = e.to_string();
        if let Some(io) = e.downcast_ref::<io::Error>() {
            // An io::Error shows its own inside by `get_ref` only.
            let tls = io.get_ref().and_then(|inside| inside.downcast_ref::<rustls::Error>());
            if let Some(words) = tls.and_then(tls_words) {
                return words;
            }
            if let Some(words) = io_words(io.kind()) {
                return words.to_owned();
            }
        }
        if let Some(hyper) = e.downcast_ref::<hyper::Error>()
            && (hyper.is_closed() || hyper.is_canceled() || hyper.is_incomplete_message())
        {
            last = "the connection broke".to_owned();
        }
        cause = e.source();
    }
    match last.as_str() {
        "deadline has elapsed" => NO_CONNECTION.to_owned(),
        _ => last,
    }
}

/// Reasons of [`EtcdError::Unreachable`] with which nothing was sent.
const NEVER_SENT: [&str; 4] = [REFUSED, NO_ROUTE, NO_CONNECTION, NO_TUNNEL];
const REFUSED: &str = "connection refused: nothing listens there";
const NO_ROUTE: &str = "no route to the host";
const NO_CONNECTION: &str = "no connection in time";
const NO_TUNNEL: &str = "the tunnel to it is gone";

fn io_words(kind: io::ErrorKind) -> Option<&'static str> {
    Some(match kind {
        io::ErrorKind::ConnectionRefused => REFUSED,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => NO_ROUTE,
        io::ErrorKind::TimedOut => NO_CONNECTION,
        io::ErrorKind::NotFound => NO_TUNNEL,
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::NotConnected
        | io::ErrorKind::UnexpectedEof => "the connection broke",
        _ => return None,
    })
}

fn seconds(deadline: Duration) -> String {
    match deadline.as_millis() {
        ms if ms % 1000 == 0 => format!("{} s", ms / 1000),
        ms => format!("{ms} ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn etcds_own_words_are_told_apart_from_a_dead_connection() {
        let own = |code, text: &str| EtcdError::from(Status::new(code, text));
        assert!(matches!(own(Code::Unavailable, "etcdserver: no leader"), EtcdError::NoLeader));
        assert!(matches!(own(Code::Unavailable, "etcdserver: leader changed"), EtcdError::NoLeader));
        assert!(matches!(own(Code::Unavailable, "etcdserver: request timed out"), EtcdError::NoMajority { .. }));
        assert!(matches!(
            own(Code::ResourceExhausted, "etcdserver: mvcc: database space exceeded"),
            EtcdError::Refused { .. }
        ));
        let dead = Status::from_error(Box::new(io::Error::from(io::ErrorKind::ConnectionRefused)));
        let error = EtcdError::from(dead);
        assert!(error.is_silence());
        assert_eq!(error.to_string(), "connection refused: nothing listens there");
    }

    fn broken(kind: io::ErrorKind) -> EtcdError {
        EtcdError::unreachable(Box::new(io::Error::from(kind)))
    }

    #[test]
    fn a_change_that_a_stopping_member_took_may_have_happened() {
        let error = EtcdError::from(Status::new(Code::Unavailable, "etcdserver: server stopped"));
        assert!(error.may_have_happened() && error.is_silence(), "{error:?}");
    }

    #[test]
    fn dialling_anew_never_makes_what_was_sent_unsent() {
        use io::ErrorKind::{BrokenPipe, ConnectionRefused};
        let kept = broken(BrokenPipe).or_told(Some(broken(ConnectionRefused)));
        assert!(kept.may_have_happened(), "{kept}");
        let unsent = broken(ConnectionRefused).or_told(Some(broken(ConnectionRefused)));
        assert!(!unsent.may_have_happened(), "{unsent}");
        let more = EtcdError::Unreachable { reason: "its certificate has expired".into(), source: "tls".into() };
        assert_eq!(broken(BrokenPipe).or_told(Some(more)).to_string(), "its certificate has expired");
        assert!(broken(BrokenPipe).or_told(None).may_have_happened());
    }

    #[test]
    fn deadlines_read_as_a_person_would_say_them() {
        let text = |ms| EtcdError::Deadline { deadline: Duration::from_millis(ms) }.to_string();
        assert_eq!((text(1000).as_str(), text(250).as_str()), ("no answer within 1 s", "no answer within 250 ms"));
    }
}
