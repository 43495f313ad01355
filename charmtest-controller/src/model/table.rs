//! A table of shared rows.

use std::borrow::Borrow;
use std::ops::Bound;
use std::sync::Arc;

use imbl::OrdMap;
use imbl::ordmap::DiffItem;

/// Rows by key, each shared until it is changed.
///
/// Cloning a table costs nothing, whatever its size. [`Table::get_mut`] copies a row the first time a transaction touches it, and
/// the few nodes of the tree that lead to it; the rest stays shared. So two tables can be compared by pointers, and without a look at
/// what they share: that is how a transaction knows what to write.
#[derive(Debug, Clone)]
pub struct Table<K: Ord, V>(OrdMap<K, Row<V>>);

/// A shared row; it equals itself alone.
#[derive(Debug)]
struct Row<V>(Arc<V>);

impl<V> Clone for Row<V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<V> PartialEq for Row<V> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<K: Ord, V> Default for Table<K, V> {
    fn default() -> Self {
        Self(OrdMap::new())
    }
}

impl<K: Ord, V: PartialEq> PartialEq for Table<K, V> {
    /// Compares by what is in the rows.
    fn eq(&self, other: &Self) -> bool {
        let pairs = || self.0.iter().zip(&other.0);
        self.0.len() == other.0.len()
            && pairs().all(|((key, row), (other_key, other_row))| {
                key == other_key && (row == other_row || row.0 == other_row.0)
            })
    }
}

impl<K: Ord + Clone, V: Clone> Table<K, V> {
    /// Returns the row under `key`.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.0.get(key).map(|row| row.0.as_ref())
    }

    /// Returns the row under `key`, shared.
    pub fn get_arc<Q: Ord + ?Sized>(&self, key: &Q) -> Option<Arc<V>>
    where
        K: Borrow<Q>,
    {
        self.0.get(key).map(|row| Arc::clone(&row.0))
    }

    /// Returns the row under `key` for changing; the row counts as changed from then on.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        // The way to a row that is not there need not be copied.
        if !self.0.contains_key(key) {
            return None;
        }
        self.0.get_mut(key).map(|row| Arc::make_mut(&mut row.0))
    }

    /// Says whether there is a row under `key`.
    pub fn contains<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.0.contains_key(key)
    }

    /// Puts a row under `key`, replacing what was there.
    pub fn insert(&mut self, key: K, row: V) {
        self.0.insert(key, Row(Arc::new(row)));
    }

    /// Removes and returns the row under `key`.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<Arc<V>>
    where
        K: Borrow<Q>,
    {
        self.0.remove(key).map(|row| row.0)
    }

    /// Iterates over keys and rows in key order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> + Clone {
        self.0.iter().map(|(key, row)| (key, row.0.as_ref()))
    }

    /// Iterates over the keys in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &K> + Clone {
        self.iter().map(|(key, _)| key)
    }

    /// Iterates over the rows in key order.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> + Clone {
        self.iter().map(|(_, row)| row)
    }

    /// Iterates over the rows in key order from `key` on, without a look at those before it.
    pub fn values_from<'a, Q: Ord + ?Sized>(
        &'a self,
        key: &Q,
    ) -> impl DoubleEndedIterator<Item = &'a V> + Clone + use<'a, Q, K, V>
    where
        K: Borrow<Q>,
    {
        let range = (Bound::Included(key), Bound::Unbounded);
        self.0.range::<_, Q>(range).map(|(_, row)| row.0.as_ref())
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Says whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Calls `changed` for every key whose row differs from `before`, in key order: with the new row, or with `None` when it is gone.
    pub(crate) fn each_change(&self, before: &Self, mut changed: impl FnMut(&K, Option<&Arc<V>>)) {
        for change in before.0.diff(&self.0) {
            match change {
                DiffItem::Add(key, row)
                | DiffItem::Update {
                    new: (key, row), ..
                } => changed(key, Some(&row.0)),
                DiffItem::Remove(key, _) => changed(key, None),
            }
        }
    }

    /// Says whether any row differs from `before`.
    pub(crate) fn differs(&self, before: &Self) -> bool {
        before.0.diff(&self.0).next().is_some()
    }
}

impl<K: Ord + Clone, V> FromIterator<(K, V)> for Table<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(rows: I) -> Self {
        Self(
            rows.into_iter()
                .map(|(key, row)| (key, Row(Arc::new(row))))
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::cmp::Ordering;

    use super::Table;

    fn table(rows: &[(&'static str, i32)]) -> Table<&'static str, i32> {
        rows.iter().copied().collect()
    }

    fn changes(
        after: &Table<&'static str, i32>,
        before: &Table<&'static str, i32>,
    ) -> Vec<(&'static str, Option<i32>)> {
        let mut seen = Vec::new();
        after.each_change(before, |key, row| seen.push((*key, row.map(|row| **row))));
        seen
    }

    #[test]
    fn only_touched_rows_count_as_changed() {
        let before = table(&[("a", 1), ("b", 2), ("c", 3)]);
        let mut after = before.clone();
        assert!(changes(&after, &before).is_empty());
        *after.get_mut("b").unwrap() = 20;
        after.remove("c");
        after.insert("d", 4);
        assert_eq!(
            changes(&after, &before),
            [("b", Some(20)), ("c", None), ("d", Some(4))]
        );
        assert_eq!(before.get("b"), Some(&2), "the older table keeps its row");
    }

    #[test]
    fn tables_are_equal_when_their_rows_are() {
        let one = table(&[("a", 1), ("b", 2)]);
        assert_eq!(one, table(&[("a", 1), ("b", 2)]));
        for other in [
            &[("a", 1)][..],
            &[("a", 1), ("c", 2)],
            &[("a", 1), ("b", 3)],
        ] {
            assert_ne!(one, table(other));
        }
    }

    #[test]
    fn rows_are_found_from_a_key_on() {
        let rows = table(&[("a", 1), ("c", 3), ("d", 4)]);
        for (from, expected) in [("a", &[1, 3, 4][..]), ("b", &[3, 4]), ("e", &[])] {
            assert_eq!(
                rows.values_from(from).copied().collect::<Vec<_>>(),
                expected
            );
        }
    }

    /// A key that counts how often it is compared.
    #[derive(Debug, Clone, PartialEq, Eq)]
    struct Counted(u32);

    thread_local! {
        static COMPARED: Cell<u32> = const { Cell::new(0) };
    }

    impl Ord for Counted {
        fn cmp(&self, other: &Self) -> Ordering {
            COMPARED.set(COMPARED.get() + 1);
            self.0.cmp(&other.0)
        }
    }

    impl PartialOrd for Counted {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }

    #[test]
    fn a_change_of_one_row_costs_no_look_at_the_others() {
        let before: Table<Counted, u32> = (0..10_000).map(|n| (Counted(n), n)).collect();
        COMPARED.set(0);
        let mut after = before.clone();
        assert!(!after.differs(&before));
        assert_eq!(COMPARED.get(), 0, "a copy is known to be one");
        for changed in [0, 5_000, 9_999] {
            COMPARED.set(0);
            *after.get_mut(&Counted(changed)).unwrap() += 1;
            after.each_change(&before, |_, _| {});
            assert!(COMPARED.get() < 500, "{changed}: {}", COMPARED.get());
        }
    }
}
