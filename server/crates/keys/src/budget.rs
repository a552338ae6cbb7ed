//! How much memory indexes may take. Invariant: what is counted as taken is the sum of the shares that live, and a share
//! gives back what it took when it is dropped. What an index weighs it says itself (`Index::bytes`).

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// The limits, and what is taken of them; one for all indexes.
#[derive(Debug)]
pub struct Budget {
    each: usize,
    all: usize,
    taken: AtomicUsize,
}

impl Budget {
    /// At most `each` bytes for the index of one cluster, and `all` bytes for those of all clusters.
    pub fn new(each: usize, all: usize) -> Self {
        Self { each, all, taken: AtomicUsize::new(0) }
    }

    /// Bytes that are taken now.
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Acquire)
    }
}

/// Which limit was met, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct OverBudget(pub String);

/// What one index takes.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Share {
    pub fn new(budget: Arc<Budget>) -> Self {
        Self { budget, bytes: 0 }
    }

    /// Takes `bytes` in place of what it took before.
    ///
    /// # Errors
    /// There is not so much; the share is as before.
    pub fn resize(&mut self, bytes: usize) -> Result<(), OverBudget> {
        let Budget { each, all, taken } = &*self.budget;
        if bytes > self.bytes && bytes > *each {
            return Err(OverBudget(format!("an index may take {} MiB a cluster, and the keys need more", each >> 20)));
        }
        let fits = |now: usize| {
            let new = now.saturating_sub(self.bytes).saturating_add(bytes);
            (bytes <= self.bytes || new <= *all).then_some(new)
        };
        match taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits) {
            Ok(_) => self.bytes = bytes,
            Err(_) => {
                let words =
                    format!("the indexes of all clusters may take {} MiB, and there is no room left", all >> 20);
                return Err(OverBudget(words));
            }
        }
        Ok(())
    }
}

impl Share {
    /// Whether so many bytes would fit in place of what it takes.
    pub fn has_room(&self, bytes: usize) -> bool {
        bytes <= self.budget.each
            && self.budget.taken().saturating_sub(self.bytes).saturating_add(bytes) <= self.budget.all
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.taken.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_takes_what_there_is_and_gives_it_back() {
        let budget = Arc::new(Budget::new(100, 150));
        let (mut one, mut other) = (Share::new(budget.clone()), Share::new(budget.clone()));
        assert!(one.resize(101).is_err());
        one.resize(100).expect("its own limit");
        assert!(other.resize(51).is_err() && !other.has_room(51) && other.has_room(50));
        other.resize(50).expect("the limit of all");
        assert_eq!(budget.taken(), 150);
        one.resize(10).expect("less");
        drop(other);
        assert_eq!(budget.taken(), 10);
        drop(one);
        assert_eq!(budget.taken(), 0);
    }
}
