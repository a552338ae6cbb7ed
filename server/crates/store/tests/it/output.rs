//! Output is capped, numbered and read in pieces.

use crate::support::{Fixture, operation, operation_id};
use quorate_domain::Timestamp;
use quorate_store::{LINE_MAX, NewOutput, STEP_OUTPUT_MAX, StoreError};

fn line(step: u32, text: impl Into<String>) -> NewOutput {
    NewOutput { step, host: "lab1".into(), text: text.into(), at: Timestamp(9) }
}

#[tokio::test]
async fn a_step_keeps_one_mebibyte_and_says_so_once() {
    let f = Fixture::new().await;
    f.accept(&operation("op", "demo", &[])).await;
    let id = operation_id("op");
    let many: Vec<NewOutput> = (0..100).map(|_| line(0, "x".repeat(3 * LINE_MAX))).collect();
    let mut kept = Vec::new();
    for _ in 0..4 {
        kept.extend(f.store.append_output(&id, &many).await.unwrap());
    }
    assert!(kept.iter().all(|line| line.text.len() <= LINE_MAX));
    let bytes: usize = kept.iter().map(|line| line.text.len()).sum();
    assert!(bytes <= STEP_OUTPUT_MAX + 200 && bytes > STEP_OUTPUT_MAX - LINE_MAX, "{bytes}");
    assert_eq!(kept.iter().filter(|line| line.text.contains("capped")).count(), 1);
    assert_eq!(f.store.append_output(&id, &[line(1, "free")]).await.unwrap()[0].text, "free");

    let mut read = Vec::new();
    loop {
        let piece =
            f.store.output(&id, read.last().map_or(0, |l: &quorate_domain::operation::OutputLine| l.seq), 50).await;
        let piece = piece.unwrap();
        if piece.is_empty() {
            break;
        }
        read.extend(piece);
    }
    assert_eq!(read.len(), kept.len() + 1);
    assert!(read.windows(2).all(|pair| pair[1].seq == pair[0].seq + 1));
}

#[tokio::test]
async fn output_of_an_unknown_operation_is_refused() {
    let f = Fixture::new().await;
    let error = f.store.append_output(&operation_id("x"), &[line(0, "a")]).await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound { .. }), "{error:?}");
    assert!(f.store.append_output(&operation_id("x"), &[]).await.unwrap().is_empty());
}
