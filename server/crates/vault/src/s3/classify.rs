//! What an S3 store's failure means. Invariant: pure; an answer's own code decides, then its status, then what the network said; no
//! text that leaves here holds a signature or a key, because requests are not part of it.

use crate::error::VaultError;
use object_store::{Error, client::HttpError};
use std::error::Error as _;

/// Codes of S3 and of those who speak it: MinIO's begin with X.
const SECRET: [&str; 6] = [
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidToken",
    "ExpiredToken",
    "AuthorizationHeaderMalformed",
    "NotSignedUp",
];
const FULL: [&str; 4] = ["XMinioStorageFull", "QuotaExceeded", "InsufficientStorage", "XAmzQuotaExceeded"];
const REGION: [&str; 3] = ["PermanentRedirect", "IllegalLocationConstraintException", "InvalidRegion"];
const BUSY: [&str; 5] =
    ["SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "XMinioServerNotInitialized"];

/// What is known of the request: where it went, and what it was for (completes "does not allow to …").
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) endpoint: &'a str,
    pub(crate) place: &'a str,
    pub(crate) bucket: &'a str,
    pub(crate) name: &'a str,
    pub(crate) doing: &'a str,
}

/// The failure in the operator's words.
pub(crate) fn classify(error: &Error, asked: Asked<'_>) -> VaultError {
    let place = asked.place.to_owned();
    let text = chain(error);
    let code = between(&text, "<Code>", "</Code>").unwrap_or_default();
    let message = between(&text, "<Message>", "</Message>").unwrap_or_default();
    let said = [code, message].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ");
    if let Some(region) = between(&text, "<Region>", "</Region>") {
        return VaultError::Setting {
            field: "region",
            what: format!("The bucket is in the region {region}; set that"),
        };
    }
    match code {
        "NoSuchBucket" | "InvalidBucketName" => {
            VaultError::NoBucket { place: asked.endpoint.to_owned(), bucket: asked.bucket.to_owned() }
        }
        "NoSuchKey" => VaultError::NotThere { name: asked.name.to_owned() },
        "RequestTimeTooSkewed" => VaultError::Denied {
            place,
            what: format!(
                "{} because the clocks of the console and the store are more than 15 minutes apart; set them right",
                asked.doing
            ),
        },
        "NoSuchUpload" => VaultError::Remote {
            place,
            detail: "it gave the unfinished upload up; a rule of the bucket may remove those too early".into(),
        },
        _ if SECRET.contains(&code) => VaultError::Credentials { place },
        _ if FULL.contains(&code) => VaultError::Full { place, detail: said },
        _ if REGION.contains(&code) || text.contains("incorrectly configured region") => VaultError::Setting {
            field: "region",
            what: "The bucket is in another region; set the one that the store shows for it".into(),
        },
        _ if BUSY.contains(&code) => VaultError::Unreachable { place, detail: said },
        _ => by_kind(error, asked, &said),
    }
}

fn by_kind(error: &Error, asked: Asked<'_>, said: &str) -> VaultError {
    let place = asked.place.to_owned();
    match error {
        Error::NotFound { .. } => VaultError::NotThere { name: asked.name.to_owned() },
        Error::Unauthenticated { .. } => VaultError::Credentials { place },
        Error::PermissionDenied { .. } => VaultError::Denied {
            place,
            what: format!(
                "{}; let the access key's policy allow s3:GetObject, s3:PutObject, s3:DeleteObject, s3:AbortMultipartUpload and s3:ListBucket there",
                asked.doing
            ),
        },
        _ => match network(error) {
            Some(detail) => VaultError::Unreachable { place, detail },
            None if said.is_empty() => VaultError::Remote { place, detail: short(&root(error)) },
            None => VaultError::Remote { place, detail: short(said) },
        },
    }
}

/// What the network said, if it was the network.
fn network(error: &Error) -> Option<String> {
    let mut next = error.source();
    while let Some(inner) = next {
        if let Some(http) = inner.downcast_ref::<HttpError>() {
            return Some(short(&root(http)));
        }
        next = inner.source();
    }
    None
}

/// The innermost text: "Connection refused (os error 111)".
fn root(error: &(dyn std::error::Error + 'static)) -> String {
    let mut inner = error;
    while let Some(next) = inner.source() {
        inner = next;
    }
    inner.to_string()
}

/// All texts of an error; each of object_store's holds those below it already, so this repeats, which does no harm.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(inner) = next {
        text.push('\n');
        text.push_str(&inner.to_string());
        next = inner.source();
    }
    text
}

fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(open)?;
    Some(rest.split_once(close)?.0.trim())
}

/// A line that fits a page, whatever a proxy answered with.
fn short(text: &str) -> String {
    text.chars().take(200).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ASKED: Asked<'_> = Asked {
        endpoint: "https://s3.test",
        place: "bucket b at https://s3.test",
        bucket: "b",
        name: "a.db",
        doing: "write",
    };

    fn answered(code: &str) -> VaultError {
        let body = format!("<Error><Code>{code}</Code><Message>told</Message></Error>");
        classify(&Error::Generic { store: "S3", source: body.into() }, ASKED)
    }

    #[test]
    fn an_answers_own_code_decides() {
        assert!(matches!(answered("InvalidAccessKeyId"), VaultError::Credentials { .. }));
        assert!(matches!(answered("SignatureDoesNotMatch"), VaultError::Credentials { .. }));
        assert!(matches!(answered("NoSuchBucket"), VaultError::NoBucket { bucket, .. } if bucket == "b"));
        assert!(matches!(answered("NoSuchKey"), VaultError::NotThere { name } if name == "a.db"));
        assert!(
            matches!(answered("XMinioStorageFull"), VaultError::Full { detail, .. } if detail == "XMinioStorageFull: told")
        );
        assert!(matches!(answered("SlowDown"), VaultError::Unreachable { .. }));
        assert!(matches!(answered("PermanentRedirect"), VaultError::Setting { field: "region", .. }));
        assert!(matches!(answered("RequestTimeTooSkewed"), VaultError::Denied { what, .. } if what.contains("clocks")));
        assert!(matches!(answered("Teapot"), VaultError::Remote { detail, .. } if detail == "Teapot: told"));
    }

    #[test]
    fn without_a_code_the_status_decides() {
        let denied = Error::PermissionDenied { path: "a.db".into(), source: "403".into() };
        assert!(matches!(classify(&denied, ASKED), VaultError::Denied { what, .. } if what.starts_with("write; let")));
        let elsewhere = "<Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region>";
        let error = classify(&Error::Generic { store: "S3", source: elsewhere.into() }, ASKED);
        assert_eq!((error.field(), error.to_string().contains("eu-west-1")), (Some("region"), true));
    }

    proptest! {
        #[test]
        fn any_answer_is_survived_and_stays_short(text in ".{0,3000}") {
            let error = classify(&Error::Generic { store: "S3", source: text.into() }, ASKED);
            prop_assert!(error.to_string().len() < 1500);
        }
    }
}
