//! Users, codes, sessions, tokens and the audit trail.

use crate::support::{Fixture, open, user};
use quorate_domain::{Role, Timestamp, TokenId, audit::AuditOutcome, users::UserState};
use quorate_store::{CodePurpose, CodeRow, NewAudit, SessionRow, StoreError, TokenRow};

pub fn audit(actor: &str, action: &str) -> NewAudit {
    NewAudit {
        at: Timestamp(3),
        actor: actor.into(),
        source: "127.0.0.1".into(),
        action: action.into(),
        object: "demo".into(),
        outcome: AuditOutcome::Ok,
        detail: String::new(),
    }
}

#[tokio::test]
async fn names_are_unique_whatever_their_case() {
    let f = Fixture::new().await;
    let mut tx = f.store.begin().await.unwrap();
    tx.insert_user(&user("Anna")).await.unwrap();
    let error = tx.insert_user(&user("aNNa")).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict { field: "name", .. }), "{error:?}");
    tx.insert_user(&user("bert")).await.unwrap();
    tx.commit().await.unwrap();
    assert!(f.store.user_by_name("ANNA").await.unwrap() == Some(user("Anna")));
    assert_eq!(f.store.users().await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_takes_rights_away_raises_the_epoch() {
    let f = Fixture::new().await;
    let anna = user("anna");
    let mut tx = f.store.begin().await.unwrap();
    tx.insert_user(&anna).await.unwrap();
    assert_eq!(tx.set_user_password(&anna.id, Some("$new")).await.unwrap(), 2);
    assert_eq!(tx.set_user_role(&anna.id, Role::Viewer).await.unwrap(), 3);
    assert_eq!(tx.set_user_state(&anna.id, UserState::Disabled).await.unwrap(), 4);
    tx.set_last_login(&anna.id, Timestamp(50)).await.unwrap();
    let error = tx.set_user_role(&user("nobody").id, Role::Admin).await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound { .. }), "{error:?}");
    tx.commit().await.unwrap();
    let row = f.store.user(&anna.id).await.unwrap().unwrap();
    assert_eq!((row.role, row.state, row.auth_epoch), (Role::Viewer, UserState::Disabled, 4));
    assert_eq!((row.last_login, row.password_hash.as_deref()), (Some(Timestamp(50)), Some("$new")));
}

#[tokio::test]
async fn a_code_is_redeemed_once_even_when_raced_by_two_processes() {
    let f = Fixture::new().await;
    let beside = open(f.dir.path()).await;
    let code = CodeRow { hash: "h".into(), purpose: CodePurpose::Setup, user: None, expires_at: Timestamp(100) };
    let mut tx = f.store.begin().await.unwrap();
    tx.insert_code(&code).await.unwrap();
    tx.commit().await.unwrap();
    let tries: Vec<_> = (0..10)
        .map(|i| {
            let store = if i % 2 == 0 { f.store.clone() } else { beside.clone() };
            tokio::spawn(async move {
                let mut tx = store.begin().await.unwrap();
                let got = tx.redeem_code("h", CodePurpose::Setup, Timestamp(99)).await.unwrap();
                tx.commit().await.unwrap();
                got
            })
        })
        .collect();
    let mut got = Vec::new();
    for t in tries {
        got.extend(t.await.unwrap());
    }
    assert_eq!(got, [code]);
}

#[tokio::test]
async fn a_code_is_good_for_its_purpose_and_until_its_end() {
    let f = Fixture::new().await;
    let anna = user("anna");
    let code = CodeRow {
        hash: "h".into(),
        purpose: CodePurpose::Invite,
        user: Some(anna.id.clone()),
        expires_at: Timestamp(100),
    };
    let mut tx = f.store.begin().await.unwrap();
    tx.insert_user(&anna).await.unwrap();
    tx.insert_code(&code).await.unwrap();
    assert_eq!(tx.redeem_code("h", CodePurpose::Setup, Timestamp(1)).await.unwrap(), None);
    assert_eq!(tx.redeem_code("h", CodePurpose::Invite, Timestamp(100)).await.unwrap(), None);
    assert_eq!(tx.delete_codes_for_setup().await.unwrap(), 0);
    assert_eq!(tx.redeem_code("h", CodePurpose::Invite, Timestamp(99)).await.unwrap(), Some(code.clone()));
    tx.insert_code(&code).await.unwrap();
    assert_eq!(tx.delete_codes_of(&anna.id).await.unwrap(), 1);
    tx.rollback().await.unwrap();
    assert!(f.store.users().await.unwrap().is_empty());
}

fn session(id: &str, expires_at: i64) -> SessionRow {
    SessionRow {
        id: id.into(),
        user: Some(user("anna").id),
        data: vec![0, 255, 7],
        created_at: Timestamp(1),
        expires_at: Timestamp(expires_at),
    }
}

#[tokio::test]
async fn sessions_expire_by_number_and_deleted_ones_stay_deleted() {
    let f = Fixture::new().await;
    let mut tx = f.store.begin().await.unwrap();
    tx.insert_user(&user("anna")).await.unwrap();
    // As text "9" would be later than "10".
    for (id, end) in [("a", 9), ("b", 10), ("c", 11), ("d", 1_000)] {
        tx.insert_session(&session(id, end)).await.unwrap();
    }
    assert_eq!(tx.delete_expired_sessions(Timestamp(10)).await.unwrap(), 2);
    assert!(tx.delete_session("c").await.unwrap());
    assert!(!tx.update_session(&session("c", 5_000)).await.unwrap());
    assert!(tx.update_session(&session("d", 2_000)).await.unwrap());
    tx.commit().await.unwrap();
    assert!(f.store.session("a").await.unwrap().is_none());
    assert!(f.store.session("c").await.unwrap().is_none());
    assert!(f.store.session("d").await.unwrap() == Some(session("d", 2_000)));

    let mut tx = f.store.begin().await.unwrap();
    assert_eq!(tx.delete_sessions_of(&user("anna").id).await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert!(f.store.session("d").await.unwrap().is_none());
}

#[tokio::test]
async fn a_token_is_found_by_its_hash_and_goes_with_its_owner() {
    let f = Fixture::new().await;
    let token = TokenRow {
        id: TokenId::from_random([1; 10]),
        name: "ci".into(),
        owner: user("anna").id,
        role: Role::Operator,
        destructive: true,
        cli: false,
        hash: "hash".into(),
        created_at: Timestamp(1),
        last_used: None,
        revoked_at: None,
    };
    let mut tx = f.store.begin().await.unwrap();
    let error = tx.insert_token(&token).await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound { .. }), "{error:?}");
    tx.insert_user(&user("anna")).await.unwrap();
    tx.insert_token(&token).await.unwrap();
    tx.set_token_used(&token.id, Timestamp(20)).await.unwrap();
    tx.revoke_token(&token.id, Timestamp(30)).await.unwrap();
    tx.revoke_token(&token.id, Timestamp(40)).await.unwrap();
    tx.commit().await.unwrap();
    let row = f.store.token_by_hash("hash").await.unwrap().unwrap();
    assert_eq!((row.last_used, row.revoked_at), (Some(Timestamp(20)), Some(Timestamp(30))));
    assert_eq!(f.store.tokens().await.unwrap(), [row]);

    let mut tx = f.store.begin().await.unwrap();
    tx.delete_user(&user("anna").id).await.unwrap();
    tx.commit().await.unwrap();
    assert!(f.store.tokens().await.unwrap().is_empty());
}

#[tokio::test]
async fn audit_pages_go_back_from_the_newest() {
    let f = Fixture::new().await;
    let mut tx = f.store.begin().await.unwrap();
    for i in 0..5 {
        assert_eq!(tx.insert_audit(&audit("anna", &format!("noun.verb{i}"))).await.unwrap(), i + 1);
    }
    tx.commit().await.unwrap();
    let page = f.store.audit_page(None, 3).await.unwrap();
    assert_eq!(page.iter().map(|e| e.seq).collect::<Vec<_>>(), [5, 4, 3]);
    let rest = f.store.audit_page(Some(3), 3).await.unwrap();
    assert_eq!(rest.iter().map(|e| e.action.as_str()).collect::<Vec<_>>(), ["noun.verb1", "noun.verb0"]);
}
