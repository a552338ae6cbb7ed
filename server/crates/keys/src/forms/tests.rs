use super::*;
use crate::index::meta_of;
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use quorate_domain::{
    keys::{Key, Syntax},
    wide::Wide,
};
use quorate_etcd::Pair;
use std::io::Write as _;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn view(value: &[u8], asked: Option<Form>, all: bool) -> ValueView {
    show(ValueView::masked(Key::raw("a"), meta_of(&Pair::default(), false), Wide(1)), value, asked, all)
}

fn detected(value: &[u8]) -> Form {
    view(value, None, false).detected
}

#[test]
fn values_are_detected_as_what_a_person_would_call_them() {
    assert_eq!(detected(b""), Form::Text);
    assert_eq!(detected(b"hello: there"), Form::Text);
    assert_eq!(detected(b"17"), Form::Text);
    assert_eq!(detected(b"\"text\""), Form::Text);
    assert_eq!(detected(b" {\"a\": 1}"), Form::Json);
    assert_eq!(detected(b"[]"), Form::Json);
    assert_eq!(detected(b"{\"a\": 1"), Form::Text);
    assert_eq!(detected(b"a: 1\nb:\n  - x\n"), Form::Yaml);
    assert_eq!(detected(b"---\n- a\n- b\n---\n- c\n"), Form::Yaml);
    assert_eq!(detected(b"Some words,\nand more - of them"), Form::Text);
    assert_eq!(detected(b"a\0b"), Form::Hex);
    assert_eq!(detected(b"\xff\xfe"), Form::Hex);
}

#[test]
fn only_forms_that_apply_are_offered() {
    let forms = |value: &[u8]| view(value, None, false).forms;
    assert_eq!(forms(b"\xff"), [Form::Hex, Form::Base64]);
    assert_eq!(forms(b"x"), [Form::Text, Form::Hex, Form::Base64]);
    assert_eq!(forms(b"a\0"), [Form::Text, Form::Hex, Form::Base64]);
    assert_eq!(forms(b"{}"), [Form::Text, Form::Json, Form::Tree, Form::Hex, Form::Base64]);
    assert_eq!(forms(b"a: 1\nb: 2"), [Form::Text, Form::Yaml, Form::Hex, Form::Base64]);
    assert_eq!(view(b"\xff", Some(Form::Json), false).form, Form::Hex);
}

#[test]
fn json_keeps_its_numbers_its_order_and_repeated_fields() {
    let shown = view(br#"{"z":18446744073709551615,"a":[1.0,1e400,{}],"z":"a,{b\"","e":[]}"#, Some(Form::Json), false);
    let expected = "{\n  \"z\": 18446744073709551615,\n  \"a\": [\n    1.0,\n    1e400,\n    {}\n  ],\n  \"z\": \"a,{b\\\"\",\n  \"e\": []\n}";
    assert_eq!(shown.text, expected);
    assert!(!shown.cut && shown.is_text);
}

#[test]
fn a_tree_has_a_line_for_every_field_and_item() {
    let shown = view(br#"{"a":{"b":[true,"x"]},"c":1.0}"#, Some(Form::Tree), false);
    let lines: Vec<_> =
        shown.tree.iter().map(|line| (line.depth, line.name.as_str(), line.value.as_str(), line.opens)).collect();
    let expected = [
        (0, "", "{2}", true),
        (1, "a", "{1}", true),
        (2, "b", "[2]", true),
        (3, "0", "true", false),
        (3, "1", "\"x\"", false),
        (1, "c", "1.0", false),
    ];
    assert_eq!(lines, expected);
    assert_eq!(shown.text, "");
}

#[test]
fn a_tree_that_is_too_long_is_cut_and_still_counts_what_it_holds() {
    let items = vec!["1"; 6000].join(",");
    let shown = view(format!("[{items}]").as_bytes(), Some(Form::Tree), true);
    assert_eq!(shown.tree.len(), TREE_LINES);
    assert_eq!(shown.tree[0].value, "[6000]");
    assert!(shown.cut);
}

#[test]
fn documents_that_are_very_deep_are_text() {
    let deep = "[".repeat(500_000) + &"]".repeat(500_000);
    let shown = view(deep.as_bytes(), None, false);
    assert_eq!(shown.detected, Form::Text);
    assert!(shown.cut && shown.text.len() == PREVIEW);
    assert_eq!(check(deep.as_bytes(), Syntax::Json), Ok(()));
    assert!(check("[\n".repeat(100_000).as_bytes(), Syntax::Yaml).is_err());
}

#[test]
fn gzip_is_opened_and_what_is_stored_is_no_text() {
    let shown = view(&gzip(b"{\"a\": 1}"), None, false);
    assert!(shown.gzip && !shown.is_text && !shown.cut);
    assert_eq!((shown.detected, shown.text.as_str()), (Form::Json, "{\n  \"a\": 1\n}"));
}

#[test]
fn gzip_that_is_broken_is_shown_as_bytes_and_a_bomb_is_cut() {
    let packed = gzip(b"some text");
    let broken = view(&packed[..packed.len() - 3], None, false);
    assert_eq!((broken.gzip, broken.detected), (false, Form::Hex));
    let bomb = view(&gzip(&vec![b'a'; 8 * 1024 * 1024]), None, true);
    assert!(bomb.gzip && bomb.cut);
    assert_eq!(bomb.text.len(), MOST);
}

#[test]
fn a_first_look_is_short_and_all_is_more() {
    let value = "é".repeat(300 * 1024);
    let first = view(value.as_bytes(), None, false);
    assert_eq!((first.text.len(), first.cut), (PREVIEW, true));
    let all = view(value.as_bytes(), None, true);
    assert!(!all.cut && all.text == value);
    let hex = view(value.as_bytes(), Some(Form::Hex), false);
    assert!(hex.cut && hex.text.len() <= PREVIEW);
}

#[test]
fn text_that_an_edit_would_change_is_not_offered_as_text_to_edit() {
    let is_text = |value: &[u8]| view(value, None, false).is_text;
    assert!(is_text(b"a\nb\tc") && is_text("שלום 🔑".as_bytes()) && is_text(b""));
    assert!(!is_text(b"a\r\nb") && !is_text(b"a\0") && !is_text(b"\xff"));
}

#[test]
fn hex_has_offset_bytes_and_ascii() {
    let shown = view(b"0123456789abcdef\x00\xffz", Some(Form::Hex), false).text;
    let expected = "00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|\n\
                    00000010  00 ff 7a                                          |..z|\n";
    assert_eq!(shown, expected);
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_without_the_value() {
    let message = |value: &str, syntax| check(value.as_bytes(), syntax).map_err(|error| error.message);
    assert_eq!(message("{\"a\": 1}", Syntax::Json), Ok(()));
    assert_eq!(message("a: [1, 2]\nb: x", Syntax::Yaml), Ok(()));
    assert_eq!(message("any: [", Syntax::Any), Ok(()));
    let json = message("{\n  \"pass\": \"hunter2\"\n  \"b\": 1\n}", Syntax::Json);
    assert_eq!(json, Err("This is no JSON: line 3, column 3: a comma or the end of the object is missing".into()));
    let yaml = message("pass: hunter2\nb: c: d\n", Syntax::Yaml).expect_err("no YAML");
    assert!(yaml.starts_with("This is no YAML: line 2, column ") && !yaml.contains("hunter2"), "{yaml}");
    assert_eq!(check(b"\xff", Syntax::Json).map_err(|error| error.field), Err("value".into()));
}

#[test]
fn an_excerpt_is_one_safe_line_around_the_place() {
    let value = format!("{}needle\n\u{202e}after{}", "x".repeat(500), "é".repeat(500));
    let shown = excerpt(value.as_bytes(), 500..506);
    assert!(shown.starts_with('…') && shown.ends_with('…') && shown.contains("needle \u{fffd}after"), "{shown}");
    assert_eq!(shown.chars().count(), 120);
    assert_eq!(excerpt(b"short", 0..2), "short");
}

#[test]
fn a_preview_is_the_beginning_of_text_and_nothing_of_bytes() {
    assert_eq!(preview("ab\ncd🔑".as_bytes(), 4), "ab …");
    assert_eq!(preview("ab\ncd".as_bytes(), 5), "ab cd");
    assert_eq!(preview(b"ab\xff", 5), "");
}

/// JSON with numbers of all kinds, written with and without spaces.
fn any_json() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        Just("18446744073709551615".to_owned()),
        Just("-0.0".to_owned()),
        Just("1e400".to_owned()),
        Just("null".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<String>().prop_map(|text| serde_json::Value::from(text).to_string()),
    ];
    scalar.prop_recursive(4, 40, 6, |inner| {
        let field = (any::<String>(), inner.clone());
        prop_oneof![
            proptest::collection::vec(inner, 0..6).prop_map(|items| format!("[ {}\t]", items.join(" ,"))),
            proptest::collection::vec(field, 0..6).prop_map(|fields| {
                let field = |(name, value): (String, String)| format!("{} :{value}", serde_json::Value::from(name));
                format!("{{\n{}}}", fields.into_iter().map(field).collect::<Vec<_>>().join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn indenting_changes_no_token(text in any_json()) {
        let (indented, cut) = json::indented(&text, usize::MAX);
        prop_assert!(!cut);
        let of = |text: &str| json::tokens(text).map(|(token, _)| format!("{token:?}")).collect::<Vec<_>>();
        prop_assert_eq!(of(&text), of(&indented));
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
        prop_assert_eq!(value(&text), value(&indented));
        prop_assert!(json::parse(&indented).is_ok());
        prop_assert_eq!(json::indented(&indented, usize::MAX).0, indented);
    }

    #[test]
    fn no_value_is_too_strange_to_look_at(value in proptest::collection::vec(any::<u8>(), 0..300), from in 0usize..400, length in 0usize..400) {
        for form in Form::ALL.map(Some).into_iter().chain([None]) {
            let shown = view(&value, form, false);
            prop_assert!(shown.forms.contains(&shown.form) && shown.forms.contains(&shown.detected));
        }
        let line = excerpt(&value, from..from + length);
        prop_assert!(line.chars().count() <= 120 && !line.contains(char::is_control));
        prop_assert!(preview(&value, 50).chars().count() <= 50);
    }

    #[test]
    fn no_text_is_too_strange_to_look_at(value in "[\\[\\]{}\",:\\\\ \n\r\t0-9ae.&*!|>#'-]{0,60}") {
        for form in Form::ALL {
            let shown = view(value.as_bytes(), Some(form), true);
            prop_assert!(shown.forms.contains(&shown.form));
        }
        for syntax in [Syntax::Json, Syntax::Yaml] {
            prop_assert!(check(value.as_bytes(), syntax).is_ok_and(|()| true) || check(value.as_bytes(), syntax).is_err_and(|error| error.field == "value"));
        }
        let cut = gzip(value.as_bytes());
        prop_assert!(view(&cut, None, false).gzip);
    }

    #[test]
    fn the_scanner_takes_what_is_no_json(text in ".{0,60}", most in 0usize..50) {
        prop_assert!(json::indented(&text, most).0.len() <= most);
        let (lines, _) = tree::lines(&text, 10, most);
        prop_assert!(lines.len() <= 10);
    }
}
