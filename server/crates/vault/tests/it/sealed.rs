//! Encryption: what goes in comes out for whoever has the identity, and for nobody else.

use crate::support::{SECRET, Server, all, chunks, files, folder, local, noise, sealed, vault_of};
use age::{secrecy::ExposeSecret, x25519::Identity};
use quorate_vault::{Shape, VaultError, names, recipient_of};

const NAME: &str = "20261123-181702-billing-etcd-backup.db.age";

fn pair() -> (String, String) {
    let identity = Identity::generate();
    (identity.to_public().to_string(), identity.to_string().expose_secret().to_owned())
}

#[tokio::test]
async fn what_is_encrypted_comes_back_for_its_identity_alone() {
    let dir = folder();
    let (recipient, identity) = pair();
    assert_eq!(recipient_of(&format!("# made today\n\n{identity}\n").into()).unwrap(), recipient);
    let vault = sealed(dir.path(), Some(&recipient), Some(&identity)).unwrap();
    assert!(vault.encrypts() && vault.can_decrypt());
    let bytes = noise(1_000_003);
    let written = vault.put(NAME, Shape::Other, None, chunks(&bytes, 10_000)).await.unwrap();
    assert!(written.stored > written.bytes);
    let stored = std::fs::read(dir.path().join(NAME)).unwrap();
    assert_eq!((stored.len() as u64, stored.starts_with(b"age-encryption.org/v1")), (written.stored, true));
    assert!(all(vault.read_plain(NAME).await.unwrap()).await.unwrap() == bytes);
    assert_eq!(vault.verify(NAME, &written.sha256).await.unwrap(), written);
    let wrong = sealed(dir.path(), None, Some(&pair().1)).unwrap();
    assert!(matches!(wrong.read_plain(NAME).await, Err(VaultError::WrongIdentity { .. })));
    let none = local(dir.path()).read_plain(NAME).await.err().expect("no identity");
    assert!(matches!(none, VaultError::NoIdentity { .. }) && none.field() == Some("identity"));
    assert!(
        vault.writer("plain.db", Shape::Other, None).await.is_err(),
        "nothing plain gets into a vault that encrypts"
    );
}

#[tokio::test]
async fn configurations_are_encrypted_with_their_snapshot_and_its_manifest_is_not() {
    let dir = folder();
    let (recipient, identity) = pair();
    let vault = sealed(dir.path(), Some(&recipient), Some(&identity)).unwrap();
    for name in [names::configurations(NAME), names::manifest(NAME)] {
        vault.put_json(&name, &"a text to look for").await.unwrap();
        assert_eq!(vault.get_json::<String>(&name).await.unwrap().as_deref(), Some("a text to look for"));
    }
    let holds = |name: String| std::fs::read(dir.path().join(name)).unwrap().windows(7).any(|part| part == b"look fo");
    assert_eq!((holds(names::configurations(NAME)), holds(names::manifest(NAME))), (false, true));
}

#[tokio::test]
async fn damage_of_what_is_encrypted_is_told() {
    let dir = folder();
    let (recipient, identity) = pair();
    let vault = sealed(dir.path(), Some(&recipient), Some(&identity)).unwrap();
    let written = vault.put(NAME, Shape::Other, None, chunks(&noise(300_000), 10_000)).await.unwrap();
    let path = dir.path().join(NAME);
    let whole = std::fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    flipped[200_000] ^= 1;
    for (damaged, told) in [
        (&whole[..150_000], "its end cut off"),
        (&whole[..0], "its end is missing"),
        (&flipped[..], "its bytes were changed"),
        (&[b"hello\n".as_slice(), &whole].concat()[..], "its head is not"),
    ] {
        std::fs::write(&path, damaged).unwrap();
        let error = vault.verify(NAME, &written.sha256).await.unwrap_err();
        assert!(matches!(error, VaultError::Corrupt { .. }) && error.to_string().contains(told), "{error}");
    }
    let to = dir.path().join("out");
    assert!(vault.fetch(NAME, &written.sha256, &to).await.is_err());
    assert_eq!(files(dir.path()), [NAME]);
}

#[tokio::test]
async fn a_bucket_holds_encrypted_snapshots_too() {
    let server = Server::start().await;
    let (recipient, identity) = pair();
    let keys = Some((recipient.as_str(), identity.as_str()));
    let vault = vault_of(server.address, crate::support::BUCKET, crate::support::ID, SECRET, keys).unwrap();
    let bytes = noise(9_000_000);
    let written = vault.put(NAME, Shape::Other, None, chunks(&bytes, 32 * 1024)).await.unwrap();
    assert_eq!(vault.size(NAME).await.unwrap(), written.stored);
    assert!(all(vault.read_plain(NAME).await.unwrap()).await.unwrap() == bytes);
}

#[tokio::test]
async fn what_is_no_key_is_refused_at_its_field() {
    let dir = folder();
    let (recipient, identity) = pair();
    let of = |recipient: Option<&str>, identity: Option<&str>| {
        sealed(dir.path(), recipient, identity).err().map(|error| error.field())
    };
    assert_eq!(of(Some("age1nonsense"), None), Some(Some("recipient")));
    assert_eq!(of(Some(&identity), None), Some(Some("recipient")));
    assert_eq!(of(Some(&recipient), Some(&recipient)), Some(Some("identity")));
    assert_eq!(of(Some(&recipient), Some(&identity)), None);
}
