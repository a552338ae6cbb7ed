//! What a value of Kubernetes says of itself. Invariant: it is only looked at: its bytes are never decoded to be written
//! back. The envelope is `k8s.io/apimachinery/pkg/runtime/generated.proto` (`Unknown`), the names are field 1 of every
//! stored object (`meta/v1`, `ObjectMeta`); values that kube-apiserver encrypted begin with `k8s:enc:`.

use prost::Message;
use quorate_domain::keys::{Key, KubernetesObject};
use serde::Deserialize;

/// kube-apiserver's mark before protobuf.
const PROTOBUF: &[u8] = b"k8s\0";
/// Its mark before what it encrypted: `k8s:enc:<provider>:v1:<key>:`.
const ENCRYPTED: &[u8] = b"k8s:enc:";
/// Names of Kubernetes have at most 253 characters; what is longer is no name.
const NAME: usize = 300;

// Texts are taken as bytes: where one is no UTF-8 the others are still of use.
#[derive(Clone, PartialEq, Message)]
struct Unknown {
    #[prost(message, optional, tag = "1")]
    type_meta: Option<TypeMeta>,
    #[prost(bytes = "vec", tag = "2")]
    raw: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct TypeMeta {
    #[prost(bytes = "vec", tag = "1")]
    api_version: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    kind: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct Object {
    #[prost(message, optional, tag = "1")]
    metadata: Option<ObjectMeta>,
}

#[derive(Clone, PartialEq, Message)]
struct ObjectMeta {
    #[prost(bytes = "vec", tag = "1")]
    name: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    namespace: Vec<u8>,
}

#[derive(Deserialize)]
struct Json {
    #[serde(rename = "apiVersion")]
    api_version: String,
    kind: String,
    metadata: JsonMeta,
}

#[derive(Deserialize)]
struct JsonMeta {
    #[serde(default)]
    name: String,
    #[serde(default)]
    namespace: String,
}

/// The object of Kubernetes that `value` is; none when it is not one, or so broken that it does not even tell its kind.
pub fn object(value: &[u8]) -> Option<KubernetesObject> {
    if let Some(envelope) = value.strip_prefix(PROTOBUF) {
        return protobuf(envelope);
    }
    if value.starts_with(ENCRYPTED) {
        return Some(named("encrypted", &[], &[], &[], &[]));
    }
    let json: Json = value.trim_ascii_start().starts_with(b"{").then(|| serde_json::from_slice(value).ok())??;
    let JsonMeta { name, namespace } = json.metadata;
    let full = !json.api_version.is_empty() && !json.kind.is_empty();
    full.then(|| {
        named("json", json.api_version.as_bytes(), json.kind.as_bytes(), namespace.as_bytes(), name.as_bytes())
    })
}

fn protobuf(envelope: &[u8]) -> Option<KubernetesObject> {
    let unknown = Unknown::decode(envelope).ok()?;
    let of = unknown.type_meta.filter(|of| !of.kind.is_empty())?;
    let meta = Object::decode(unknown.raw.as_slice()).ok().and_then(|object| object.metadata).unwrap_or_default();
    Some(named("protobuf", &of.api_version, &of.kind, &meta.namespace, &meta.name))
}

/// With texts that are safe to show.
fn named(encoding: &str, api_version: &[u8], kind: &[u8], namespace: &[u8], name: &[u8]) -> KubernetesObject {
    let safe = |bytes: &[u8]| Key(bytes[..bytes.len().min(NAME)].to_vec()).to_string();
    KubernetesObject {
        api_version: safe(api_version),
        kind: safe(kind),
        namespace: safe(namespace),
        name: safe(name),
        encoding: encoding.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn secret() -> Vec<u8> {
        let meta = ObjectMeta { name: b"db-password".to_vec(), namespace: b"prod".to_vec() };
        let raw = Object { metadata: Some(meta) }.encode_to_vec();
        let type_meta = Some(TypeMeta { api_version: b"v1".to_vec(), kind: b"Secret".to_vec() });
        [PROTOBUF, &Unknown { type_meta, raw }.encode_to_vec()].concat()
    }

    #[test]
    fn protobuf_tells_kind_namespace_and_name() {
        let expected = named("protobuf", b"v1", b"Secret", b"prod", b"db-password");
        assert_eq!(object(&secret()), Some(expected));
    }

    #[test]
    fn bytes_that_kube_apiserver_writes_are_read() {
        // `v1` Namespace `a`, byte by byte as the protobuf of the API has it.
        let bytes = b"k8s\0\x0a\x0f\x0a\x02v1\x12\x09Namespace\x12\x05\x0a\x03\x0a\x01a\x1a\0\"\0";
        assert_eq!(object(bytes), Some(named("protobuf", b"v1", b"Namespace", b"", b"a")));
    }

    #[test]
    fn an_object_whose_inside_is_broken_still_tells_its_kind() {
        let type_meta = Some(TypeMeta { api_version: b"v1".to_vec(), kind: b"Pod".to_vec() });
        let bytes = [PROTOBUF, &Unknown { type_meta, raw: vec![0xff; 9] }.encode_to_vec()].concat();
        assert_eq!(object(&bytes), Some(named("protobuf", b"v1", b"Pod", b"", b"")));
    }

    #[test]
    fn json_with_kind_and_metadata_is_an_object_and_other_json_is_none() {
        let json =
            br#"{"kind":"Widget","apiVersion":"example.com/v1","metadata":{"name":"w","namespace":"n"},"x":[{}]}"#;
        assert_eq!(object(json), Some(named("json", b"example.com/v1", b"Widget", b"n", b"w")));
        assert_eq!(object(br#"{"kind":"Widget"}"#), None);
        assert_eq!(object(b"[]"), None);
        assert_eq!(object(b""), None);
    }

    #[test]
    fn what_is_encrypted_at_rest_is_said_to_be() {
        let found = object(b"k8s:enc:aescbc:v1:key1:\x01\x02").map(|object| object.encoding);
        assert_eq!(found.as_deref(), Some("encrypted"));
    }

    proptest! {
        #[test]
        fn garbage_after_the_mark_is_harmless(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let found = object(&[PROTOBUF, &bytes].concat());
            prop_assert!(found.is_none_or(|object| object.encoding == "protobuf" && !object.kind.is_empty()));
        }

        #[test]
        fn a_damaged_object_is_harmless(at in 0usize..30, byte: u8, length in 0usize..40) {
            let mut bytes = secret();
            let at = at.min(bytes.len() - 1);
            bytes[at] = byte;
            bytes.truncate(length);
            prop_assert!(object(&bytes).is_none_or(|object| !object.name.contains(char::is_control)));
        }
    }
}
