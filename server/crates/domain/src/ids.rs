//! Typed ids. Invariant: an id is opaque text that is safe in a URL path, a unit name and a file name
//! (`[a-z0-9-]`, at most 40 characters); who makes them lives in `core`, which injects the randomness.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// What every id of this type starts with.
            pub const PREFIX: &'static str = $prefix;

            /// Builds an id from 10 random bytes (80 bits: collisions are out of the question on one console).
            pub fn from_random(bytes: [u8; 10]) -> Self {
                Self(format!("{}{}", $prefix, base32(bytes)))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let ok = text.starts_with($prefix)
                    && text.len() <= 40
                    && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
                if ok { Ok(Self(text.to_owned())) } else { Err(InvalidId) }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

text_id!(/** A cluster under management. */ ClusterId, "c-");
text_id!(/** A server reached by SSH. */ HostId, "h-");
text_id!(/** Something still to be done on a host. */ HostTaskId, "ht-");
text_id!(/** A durable, reviewed change. */ OperationId, "op-");
text_id!(/** A person (or script owner) who logs in. */ UserId, "u-");
text_id!(/** An API token. */ TokenId, "t-");
text_id!(/** What the console keeps of an overwritten or deleted key. */ KeyUndoId, "ku-");
text_id!(/** A file of keys that the console keeps. */ KeyFileId, "kf-");
text_id!(/** A place where snapshots are kept. */ VaultId, "v-");
text_id!(/** A snapshot. */ SnapshotId, "sn-");
text_id!(/** When snapshots of a cluster are taken. */ ScheduleId, "sc-");
text_id!(/** A restore that was tried out. */ DrillId, "dr-");
text_id!(/** A sealed secret; parameters of operations hold these, never the secret. */ SecretId, "s-");

/// The text is not an id of the wanted type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidId;

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an id of this type")
    }
}

impl std::error::Error for InvalidId {}

fn base32(bytes: [u8; 10]) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bits = 0u32;
    let mut have = 0;
    let mut text = String::with_capacity(16);
    for byte in bytes {
        bits = (bits << 8) | u32::from(byte);
        have += 8;
        while have >= 5 {
            have -= 5;
            text.push(char::from(ALPHABET[((bits >> have) & 31) as usize]));
        }
    }
    text
}

/// Ids that etcd makes: 64 bits, written in hex without a prefix, as etcdctl prints them.
macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident, $schema:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:x}", self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                u64::from_str_radix(text, 16).map(Self).map_err(|_| InvalidId)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                crate::wide::string_schema($schema)
            }
        }
        #[cfg(feature = "openapi")]
        impl utoipa::ToSchema for $name {}
    };
}

hex_id!(/** An etcd member. */ MemberId, "An etcd member id in hex, as etcdctl prints it.");
hex_id!(/** A lease; never 0, which in etcd means none. */ LeaseId, "An etcd lease id in hex, as etcdctl prints it.");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_safe_in_paths_and_unit_names() {
        let id = OperationId::from_random([0xff; 10]);
        assert_eq!(id.as_str(), "op-9999999999999999");
        assert_eq!(id.as_str().parse::<OperationId>(), Ok(id));
        for bad in ["op-../x", "h-abc", "op-A", "", "op-a b"] {
            assert!(bad.parse::<OperationId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn member_ids_are_hex_as_etcdctl_prints_them() {
        let id: MemberId = "986395a1041128fe".parse().expect("hex");
        assert_eq!(id.to_string(), "986395a1041128fe");
        assert_eq!(serde_json::to_string(&id).expect("json"), "\"986395a1041128fe\"");
    }
}
