//! Sorting lists. Invariant: stable; one sort is compiled for all of them (over positions), because the standard
//! library's is compiled anew for each type (4 KiB of wasm apiece).

use std::cmp::Ordering;

/// Sorts `items`; equal ones keep their order.
pub(crate) fn sort_by<T>(items: &mut Vec<T>, compare: impl Fn(&T, &T) -> Ordering) {
    let mut places: Vec<usize> = (0..items.len()).collect();
    sort_places(&mut places, &|a, b| compare(&items[a], &items[b]));
    let mut taken: Vec<Option<T>> = std::mem::take(items).into_iter().map(Some).collect();
    items.extend(places.into_iter().filter_map(|place| taken[place].take()));
}

/// Sorts `items` by what `key` makes of each.
pub(crate) fn sort_by_key<T, K: Ord>(items: &mut Vec<T>, key: impl Fn(&T) -> K) {
    sort_by(items, |a, b| key(a).cmp(&key(b)));
}

fn sort_places(places: &mut [usize], compare: &dyn Fn(usize, usize) -> Ordering) {
    places.sort_by(|a, b| compare(*a, *b));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_ones_keep_their_order() {
        let mut words = vec!["bb", "a", "cc", "d", ""];
        sort_by_key(&mut words, |word| word.len());
        assert_eq!(words, ["", "a", "d", "bb", "cc"]);
        sort_by(&mut words, |a, b| b.cmp(a));
        assert_eq!(words, ["d", "cc", "bb", "a", ""]);
    }
}
