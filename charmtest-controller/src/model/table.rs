//! A table of shared rows.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Rows by key, each shared until it is changed.
///
/// Cloning a table clones pointers. [`Table::get_mut`] copies a row the first time a transaction touches it, so two tables can be
/// compared row by row by pointer: that is how a transaction knows what to write.
#[derive(Debug, Clone, PartialEq)]
pub struct Table<K: Ord, V>(BTreeMap<K, Arc<V>>);

impl<K: Ord, V> Default for Table<K, V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord + Clone, V: Clone> Table<K, V> {
    /// Returns the row under `key`.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.0.get(key).map(Arc::as_ref)
    }

    /// Returns the row under `key`, shared.
    pub fn get_arc<Q: Ord + ?Sized>(&self, key: &Q) -> Option<Arc<V>>
    where
        K: Borrow<Q>,
    {
        self.0.get(key).cloned()
    }

    /// Returns the row under `key` for changing; the row counts as changed from then on.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.0.get_mut(key).map(Arc::make_mut)
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
        self.0.insert(key, Arc::new(row));
    }

    /// Removes and returns the row under `key`.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<Arc<V>>
    where
        K: Borrow<Q>,
    {
        self.0.remove(key)
    }

    /// Iterates over keys and rows in key order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> + Clone {
        self.0.iter().map(|(key, row)| (key, row.as_ref()))
    }

    /// Iterates over the keys in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &K> + Clone {
        self.0.keys()
    }

    /// Iterates over the rows in key order.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> + Clone {
        self.0.values().map(Arc::as_ref)
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Says whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Calls `changed` for every key whose row differs from `before`: with the new row, or with `None` when it is gone.
    pub(crate) fn each_change(&self, before: &Self, mut changed: impl FnMut(&K, Option<&Arc<V>>)) {
        for (key, row) in &self.0 {
            if !before.0.get(key).is_some_and(|old| Arc::ptr_eq(old, row)) {
                changed(key, Some(row));
            }
        }
        for key in before.0.keys().filter(|key| !self.0.contains_key(*key)) {
            changed(key, None);
        }
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for Table<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(rows: I) -> Self {
        Self(
            rows.into_iter()
                .map(|(key, row)| (key, Arc::new(row)))
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
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
            [("b", Some(20)), ("d", Some(4)), ("c", None)]
        );
        assert_eq!(before.get("b"), Some(&2), "the older table keeps its row");
    }
}
