//! Directories that are not in git.

use std::path::Path;

use crate::digest::Digest;
use crate::store::Store;
use crate::tree::Tree;

/// Returns the digest of each directory, read side by side; with a store, all content is kept there too.
pub(super) fn read_all(paths: &[&Path], store: Option<&Store>) -> Vec<Result<Digest, String>> {
    let one = |path: &&Path| {
        let mut keep = |digest: &Digest, bytes: &[u8]| match store {
            Some(store) => store
                .put_as(digest, bytes)
                .map_err(|error| error.to_string()),
            None => Ok(()),
        };
        let tree = Tree::read(path, &mut keep)?;
        if let Some(store) = store {
            store.put_tree(&tree).map_err(|error| error.to_string())?;
        }
        Ok(tree.digest())
    };
    let threads = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(8);
    let part = paths.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        let parts = paths.chunks(part);
        let running: Vec<_> = parts
            .map(|part| scope.spawn(move || part.iter().map(one).collect::<Vec<_>>()))
            .collect();
        let joined = running.into_iter().map(std::thread::ScopedJoinHandle::join);
        joined
            .flat_map(|results| results.unwrap_or_default())
            .collect()
    })
}
