//! Reading JSON. Invariant: text is parsed into one `Value` first and types are read from that, so that each type's
//! reader is compiled once (reading straight from text would compile it again for every kind of source: 100 KiB of
//! wasm).

use serde::de::DeserializeOwned;
use serde_json::Value;

/// The value of a text; none when it is no JSON.
pub(crate) fn value(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

/// The `T` in a value; none when it is another thing.
pub(crate) fn read<T: DeserializeOwned>(value: Value) -> Option<T> {
    T::deserialize(value).ok()
}
