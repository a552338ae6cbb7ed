//! What rows a tree of keys has, and where the keyboard goes in it.

use super::*;
use crate::sample::{key_entry as key, key_folder as folder, key_page as page};

fn labels(tree: &Tree) -> Vec<(usize, String)> {
    tree.rows(0..tree.len()).into_iter().map(|row| (row.depth, row.label)).collect()
}

fn sample() -> Tree {
    let mut tree = Tree::of(page(vec![folder("/service/", 3), key("/service"), key("/x")], None));
    assert!(tree.open(&Key::raw("/service/")), "it has to be read");
    tree.put(&Key::raw("/service/"), page(vec![key("/service/a"), folder("/service/b/", 2)], None), false);
    tree
}

#[test]
fn an_open_folder_shows_its_keys_below_it_by_the_rest_of_their_names() {
    let mut tree = sample();
    let rows = [(1, "/service/"), (2, "a"), (2, "b/"), (1, "/service"), (1, "/x")];
    assert_eq!(labels(&tree), rows.map(|(depth, label)| (depth, label.to_owned())));
    tree.close(&Key::raw("/service/"));
    assert_eq!(tree.len(), 3);
    assert!(!tree.open(&Key::raw("/service/")), "what was read is kept");
    assert_eq!(tree.opened(), [Key::raw("/service/")]);
}

#[test]
fn more_of_a_level_is_asked_for_once_and_put_behind() {
    let root = Key::default();
    let mut tree = Tree::of(page(vec![key("a")], Some("a")));
    assert_eq!(tree.row(1).map(|row| row.what), Some(What::More));
    assert_eq!(tree.row(0).map(|row| row.position), Some((1, None)), "nobody knows how many there are");
    assert_eq!(tree.ask_more(&root), Some((Key::raw("a"), Some(Wide(9)))));
    assert_eq!(tree.ask_more(&root), None, "the answer is on its way");
    tree.put(&root, page(vec![key("b")], None), true);
    assert_eq!(labels(&tree), [(1, "a".to_owned()), (1, "b".to_owned())]);
    assert_eq!(tree.row(1).map(|row| row.position), Some((2, Some(2))));
}

#[test]
fn a_level_that_cannot_be_read_says_why_and_can_be_asked_again() {
    let mut tree = Tree::of(page(vec![key("a")], Some("a")));
    assert!(tree.ask_more(&Key::default()).is_some());
    tree.fail(&Key::default(), &Problem::new(quorate_domain::ProblemKind::Unreachable, "no member answers"));
    assert_eq!(tree.row(1).map(|row| row.what), Some(What::Failed("no member answers".into())));
    assert!(tree.ask_more(&Key::default()).is_some());
}

#[test]
fn arrows_walk_open_close_and_choose() {
    let tree = sample();
    let service = Key::raw("/service/");
    assert_eq!(tree.step(0, Move::Up), Step::To(0));
    assert_eq!(tree.step(0, Move::In), Step::To(1));
    assert_eq!(tree.step(0, Move::Out), Step::Close(service));
    assert_eq!(tree.step(1, Move::Enter), Step::Choose(Key::raw("/service/a")));
    assert_eq!(tree.step(2, Move::In), Step::Open(Key::raw("/service/b/")));
    assert_eq!(tree.step(2, Move::Out), Step::To(0), "to its folder");
    assert_eq!(tree.step(1, Move::Last), Step::To(4));
    assert_eq!(tree.step(4, Move::Down), Step::To(4));
    assert_eq!(tree.step(99, Move::First), Step::To(0), "rows that went away are no trap");
    assert_eq!(Tree::default().step(0, Move::Down), Step::Stay);
}

#[test]
fn a_key_that_is_also_a_folder_is_told_from_it() {
    let tree = Tree::of(page(vec![key("/a"), folder("/a/", 1)], None));
    assert_eq!(tree.row(0).map(|row| row.what), Some(What::Key));
    assert_eq!(tree.row(1).map(|row| row.what), Some(What::Folder(false)));
    assert!(tree.entry(&Key::raw("/a")).is_some_and(|entry| entry.meta.is_some()));
    let mut tree = Tree::of(page(vec![folder("/b/", 1)], None));
    tree.open(&Key::raw("/b/"));
    tree.put(&Key::raw("/b/"), page(vec![key("/b/")], None), false);
    assert_eq!(tree.row(1).map(|row| row.label).as_deref(), Some("/b/"), "a key that is spelt like its folder");
}

#[test]
fn an_empty_folder_says_so_and_a_restart_forgets() {
    let mut tree = Tree::of(page(vec![folder("a/", 1)], None));
    tree.open(&Key::raw("a/"));
    tree.put(&Key::raw("a/"), page(vec![], None), false);
    assert_eq!(tree.row(1).map(|row| row.what), Some(What::Nothing));
    assert_eq!(tree.around(&Key::raw("a/b")), [Key::default(), Key::raw("a/")]);
    let before = tree.generation();
    tree.restart();
    assert_eq!((tree.len(), tree.generation()), (0, before + 1));
}
