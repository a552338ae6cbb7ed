//! The API's document. Whoever changes it sees the change in the snapshot and answers for scripts that use it.

#[test]
fn the_document_is_what_was_reviewed() {
    let mut document = quorate_server::api::document();
    document.info.version = "0".into();
    insta::assert_snapshot!(document.to_pretty_json().expect("json"));
}

#[test]
fn every_operation_has_an_id_a_tag_and_words() {
    let document = serde_json::to_value(quorate_server::api::document()).expect("json");
    assert!(document["openapi"].as_str().expect("version").starts_with("3.1"));
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            for key in ["operationId", "summary", "tags"] {
                assert!(!operation[key].is_null(), "{method} {path} has no {key}");
            }
        }
    }
}
