//! A delta as one file, for somebody else's machine.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, Write};
use std::path::{Component, Path};

use sha2::{Digest as _, Sha256};

use crate::bounds::LARGEST_FILE;
use crate::digest::hex;
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
    let mut archive = tar::Builder::new(Sealing::new(BufWriter::new(temporary.as_file())));
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
    let written = archive.into_inner().and_then(Sealing::end);
    written.context("write", file)?;
    temporary
        .persist(file)
        .map_err(|error| error.error)
        .context("write", file)?;
    Ok(())
}

/// How long the seal after the archive is: a block, as all that is in it. Other programs do not look behind the end of an archive.
const SEAL: usize = 512;

/// What the seal begins with; the SHA-256 of all bytes before it follows.
const SEAL_WORD: &str = "charmtest sha256 ";

/// Writes, and a seal in the end: so no byte can differ unnoticed, whatever it is that tar makes of it.
struct Sealing<W> {
    to: W,
    sha256: Sha256,
}

impl<W: Write> Sealing<W> {
    fn new(to: W) -> Self {
        let sha256 = Sha256::new();
        Self { to, sha256 }
    }

    fn end(mut self) -> io::Result<()> {
        self.to.write_all(&seal(self.sha256))?;
        self.to.flush()
    }
}

impl<W: Write> Write for Sealing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.sha256.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

fn seal(sha256: Sha256) -> Vec<u8> {
    let mut seal = format!("{SEAL_WORD}{}\n", hex(&sha256.finalize())).into_bytes();
    seal.resize(SEAL, 0);
    seal
}

/// Seals an archive that a test made, as somebody who means harm would.
#[cfg(test)]
pub(crate) fn forge_seal(file: &Path) {
    let mut bytes = std::fs::read(file).unwrap();
    bytes.extend(seal(Sha256::new_with_prefix(&bytes)));
    std::fs::write(file, bytes).unwrap();
}

/// Checks the seal of an archive, and goes back to its beginning; in the result is what is wrong with it.
fn check_seal(file: &mut File) -> io::Result<std::result::Result<(), String>> {
    let length = file.metadata()?.len();
    let Some(content) = length.checked_sub(SEAL as u64) else {
        return Ok(Err("it is not what `watch export` writes".to_owned()));
    };
    let mut sha256 = Sha256::new();
    let mut reader = BufReader::with_capacity(1 << 16, &mut *file);
    let mut left = content;
    while left > 0 {
        let piece = reader.fill_buf()?;
        let length = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if length == 0 {
            return Ok(Err("it became shorter meanwhile".to_owned()));
        }
        sha256.update(&piece[..length]);
        reader.consume(length);
        left -= length as u64;
    }
    let mut found = Vec::new();
    reader.read_to_end(&mut found)?;
    file.rewind()?;
    if found == seal(sha256) {
        return Ok(Ok(()));
    }
    Ok(Err(match found.starts_with(SEAL_WORD.as_bytes()) {
        true => "its content is not what was exported: the SHA-256 in the end is another one",
        false => {
            "it does not end as `watch export` ends a file: it was cut off, changed or packed again"
        }
    }
    .to_owned()))
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
    let mut opened = File::open(file).context("open", file)?;
    check_seal(&mut opened)
        .context("read", file)?
        .map_err(wrong)?;
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
