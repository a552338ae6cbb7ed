//! 64-bit numbers on the wire. Invariant: they are decimal strings in JSON, because a browser's numbers lose
//! precision above 2^53 and revisions must be exact.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// An unsigned 64-bit number that is a string in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Wide(pub u64);

impl From<u64> for Wide {
    fn from(value: u64) -> Self {
        Self(value)
    }
}

impl fmt::Display for Wide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Wide {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Wide {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map(Self).map_err(de::Error::custom)
    }
}

#[cfg(feature = "openapi")]
pub(crate) fn string_schema(description: &str) -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
    utoipa::openapi::ObjectBuilder::new()
        .schema_type(utoipa::openapi::schema::Type::String)
        .description(Some(description))
        .into()
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Wide {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        string_schema("An unsigned 64-bit number in decimal.")
    }
}
#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Wide {}
