//! A host loses its power while keys are saved through the API: each save is answered, and the answer is right.

use super::{PATIENCE, cluster::Cluster};
use quorate_testkit::until::{until, until_some};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};

/// Saves that are done before the power goes, so that it goes under load.
const BEFORE: usize = 5;

#[tokio::test(flavor = "multi_thread")]
async fn saves_while_the_leaders_host_loses_power_are_answered_and_the_answers_are_right() {
    let cluster = Cluster::of(3).await;
    let (app, lab) = (&cluster.site.app, &cluster.site.lab);
    let leader = lab.hosts()[cluster.leading().await].clone();
    let path = format!("/clusters/{}/keys/value", cluster.id);
    let (load, dead) = (AtomicBool::new(false), AtomicBool::new(false));
    let save = async || {
        let mut answers: Vec<(StatusCode, Value)> = Vec::new();
        loop {
            let (alone, n) = (dead.load(Ordering::Relaxed), answers.len());
            let put = json!({"key": format!("/save/{n}"), "seen": "0", "value": format!("value {n}")});
            let answer = app.request(Method::PUT, &path, Some(put)).await;
            let saved = answer.0 == StatusCode::OK;
            answers.push(answer);
            load.store(n >= BEFORE, Ordering::Relaxed);
            // The two that are left took one.
            if alone && saved {
                return answers;
            }
        }
    };
    let cut = async {
        until(PATIENCE, "saves are on their way", async || load.load(Ordering::Relaxed)).await;
        lab.kill(&leader).await;
        dead.store(true, Ordering::Relaxed);
    };
    let (answers, ()) = tokio::join!(save(), cut);

    for (n, (status, answer)) in answers.iter().enumerate() {
        let read = format!("{path}?key=/save/{n}");
        let (there, value) = until_some(PATIENCE, "the key is read", async || {
            let read = app.request(Method::GET, &read, None).await;
            [StatusCode::OK, StatusCode::NOT_FOUND].contains(&read.0).then_some(read)
        })
        .await;
        if *status == StatusCode::OK {
            assert_eq!((there, &value["text"]), (StatusCode::OK, &json!(format!("value {n}"))), "{n}: {answer}");
            assert_eq!(value["meta"]["mod_revision"], answer["revision"], "{n}");
        } else {
            let said = answer["title"].as_str().expect("words");
            assert!(status.is_server_error() && !said.is_empty(), "{n}: {status} {answer}");
            let unknown = said.contains("not known") || said.contains("did not say");
            assert!(unknown || there == StatusCode::NOT_FOUND, "{n}: {said}, but it is there");
        }
    }
    lab.start(&leader).await;
    cluster.healthy(3).await;
}
