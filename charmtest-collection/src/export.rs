//! A delta as one file, for somebody else's machine.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Component, Path};

use crate::bounds::LARGEST_FILE;
use crate::disk::{Durability, read_if_there};
use crate::error::{Context, Error, Result};
use crate::gc::objects_of;
use crate::record::DeltaRecord;
use crate::state::State;

/// The files of a delta's directory that go with it.
const FILES: [&str; 3] = ["delta.json", "results.jsonl", "junit.xml"];

/// Writes a delta with all its content to a tar archive. Unpacked, the archive is a state directory with this one delta.
///
/// # Errors
///
/// Fails when something of the delta is missing or damaged, and when `file` cannot be written.
pub fn export(state: &State, record: &DeltaRecord, file: &Path) -> Result<()> {
    let delta = state.delta(record)?;
    let objects = objects_of(state, &delta)?;
    let parent = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let temporary = tempfile::NamedTempFile::new_in(parent).context("write a file in", parent)?;
    let mut archive = tar::Builder::new(BufWriter::new(temporary.as_file()));
    let mut add = |name: String, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive
            .append_data(&mut header, name, bytes)
            .context("write", file)
    };
    for name in FILES {
        if let Some(bytes) = read_if_there(&record.path.join(name))? {
            add(format!("deltas/{}/{name}", delta.directory_name()), &bytes)?;
        }
    }
    for object in objects {
        let bytes = state.store().get(&object)?;
        let (group, rest) = object.as_str().split_at(2);
        add(format!("cas/sha256/{group}/{rest}"), &bytes)?;
    }
    let written = archive.into_inner().and_then(|mut writer| writer.flush());
    written.context("write", file)?;
    temporary
        .persist(file)
        .map_err(|error| error.error)
        .context("write", file)?;
    Ok(())
}

/// Unpacks an exported delta into a state directory and returns it.
///
/// # Errors
///
/// Fails when the archive holds anything else than one delta with its content, or when one byte of it is not what was exported.
pub fn import(state: &State, file: &Path) -> Result<DeltaRecord> {
    let wrong = |message: String| Error::Corrupt {
        path: file.to_owned(),
        message,
    };
    let opened = File::open(file).context("open", file)?;
    let mut archive = tar::Archive::new(BufReader::new(opened));
    let mut records: BTreeSet<String> = BTreeSet::new();
    for entry in archive.entries().context("read", file)? {
        let mut entry = entry.context("read", file)?;
        let path = entry.path().context("read", file)?.into_owned();
        let parts: Option<Vec<&str>> = path
            .components()
            .map(|part| match part {
                Component::Normal(name) => name.to_str(),
                _ => None,
            })
            .collect();
        // Of a file with holes a few bytes are as many as its author likes.
        let is_file = entry.header().entry_type().is_file();
        if !is_file || entry.size() > LARGEST_FILE {
            let path = path.display();
            return Err(wrong(format!("{path} is no file, or too large a one")));
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).context("read", file)?;
        match parts.as_deref() {
            Some(["cas", "sha256", group, rest]) => {
                let digest = state.store().put(&bytes)?;
                if digest.as_str() != format!("{group}{rest}") {
                    return Err(wrong(format!("{} has the sha256 {digest}", path.display())));
                }
            }
            Some(["deltas", name, what]) if FILES.contains(what) => {
                let record = DeltaRecord::of(state.root().join("deltas").join(name));
                let record =
                    record.ok_or_else(|| wrong(format!("{} is no delta", path.display())))?;
                state
                    .disk
                    .write(&record.path.join(what), &bytes, Durability::Cache)?;
                records.insert((*name).to_owned());
            }
            _ => {
                return Err(wrong(format!(
                    "it holds {}, which is no part of a delta",
                    path.display()
                )));
            }
        }
    }
    let mut names = records.into_iter();
    let (Some(name), None) = (names.next(), names.next()) else {
        return Err(wrong("it does not hold one delta".to_owned()));
    };
    let record = DeltaRecord::of(state.root().join("deltas").join(name));
    let record = record.ok_or_else(|| wrong("it does not hold one delta".to_owned()))?;
    objects_of(state, &state.delta(&record)?)?;
    Ok(record)
}
