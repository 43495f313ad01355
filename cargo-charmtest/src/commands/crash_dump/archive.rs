//! The archive: files in memory become `NAME.tar.xz`.
//!
//! Compression is `lzma-rust2`'s; the few bytes of the `.xz` format around it are written here (one block, CRC32; the format is
//! described at <https://tukaani.org/xz/xz-file-format.txt>).

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use lzma_rust2::{Lzma2Options, Lzma2Writer};

/// The size of the dictionary, and the byte that stands for it.
const DICTIONARY: (u32, u8) = (1 << 20, 16);

/// The flags of a stream whose check is CRC32.
const STREAM_FLAGS: [u8; 2] = [0, 1];

/// What goes into an archive.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// Paths with their texts, in the order in which they are packed.
    pub(super) files: Vec<(String, String)>,
    /// Symbolic links with their targets.
    pub(super) links: Vec<(String, String)>,
}

/// Writes `juju-crashdump-UNIQUE.tar.xz`, with everything below `UNIQUE/`; returns its path.
///
/// The file appears when it is whole, and only its owner can read it.
///
/// # Errors
///
/// The directory cannot be made or written.
pub(super) fn write(directory: &Path, unique: &str, contents: &Contents) -> io::Result<PathBuf> {
    std::fs::create_dir_all(directory)?;
    let file = tempfile::Builder::new()
        .prefix(".crash-dump-")
        .tempfile_in(directory)?;
    let mut tar = tar::Builder::new(Xz::new(BufWriter::new(file))?);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.map_or(0, |since| since.as_secs());
    let mut header = tar::Header::new_gnu();
    header.set_mtime(now);
    header.set_mode(0o644);
    for (path, text) in &contents.files {
        header.set_size(u64::try_from(text.len()).map_err(io::Error::other)?);
        tar.append_data(&mut header, format!("{unique}/{path}"), text.as_bytes())?;
    }
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    for (path, target) in &contents.links {
        tar.append_link(&mut header, format!("{unique}/{path}"), target)?;
    }
    let file = tar.into_inner()?.finish()?.into_inner()?;
    let path = directory.join(format!("juju-crashdump-{unique}.tar.xz"));
    file.persist(&path)?;
    File::open(&path)?.sync_all()?;
    Ok(path)
}

/// A writer of one `.xz` stream with one block.
struct Xz<W: Write> {
    block: Lzma2Writer<Counted<W>>,
    check: crc32fast::Hasher,
    size: u64,
}

/// A writer that counts what goes through.
struct Counted<W> {
    inner: W,
    count: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.count += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<W: Write> Write for Xz<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.block.write(bytes)?;
        self.check.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.block.flush()
    }
}

/// The header of the block: no sizes, one filter (LZMA2) with one byte of properties, three of padding.
const BLOCK_HEADER: [u8; 8] = [2, 0, 0x21, 1, DICTIONARY.1, 0, 0, 0];

/// How long the header is with its checksum.
const BLOCK_HEADER_LENGTH: u64 = 12;

impl<W: Write> Xz<W> {
    fn new(mut inner: W) -> io::Result<Self> {
        inner.write_all(&[0xFD, b'7', b'z', b'X', b'Z', 0])?;
        with_checksum(&mut inner, &STREAM_FLAGS)?;
        with_checksum(&mut inner, &BLOCK_HEADER)?;
        let mut options = Lzma2Options::with_preset(1);
        options.lzma_options.dict_size = DICTIONARY.0;
        let counted = Counted { inner, count: 0 };
        Ok(Self {
            block: Lzma2Writer::new(counted, options),
            check: crc32fast::Hasher::new(),
            size: 0,
        })
    }

    /// Writes the end of the block, the index and the footer.
    fn finish(self) -> io::Result<W> {
        let Counted { mut inner, count } = self.block.finish()?;
        inner.write_all(&[0; 3][..padding(count)])?;
        inner.write_all(&self.check.finalize().to_le_bytes())?;

        let mut index = vec![0, 1];
        // The check counts, the padding does not.
        push_number(&mut index, BLOCK_HEADER_LENGTH + count + 4);
        push_number(&mut index, self.size);
        index.extend(&[0; 3][..padding(index.len() as u64)]);
        with_checksum(&mut inner, &index)?;

        let length = u32::try_from(index.len() / 4).map_err(io::Error::other)?;
        let mut footer = length.to_le_bytes().to_vec();
        footer.extend(STREAM_FLAGS);
        inner.write_all(&crc32fast::hash(&footer).to_le_bytes())?;
        inner.write_all(&footer)?;
        inner.write_all(b"YZ")?;
        inner.flush()?;
        Ok(inner)
    }
}

fn with_checksum(writer: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    writer.write_all(bytes)?;
    writer.write_all(&crc32fast::hash(bytes).to_le_bytes())
}

/// Returns how many bytes are missing to a multiple of four.
fn padding(length: u64) -> usize {
    match length % 4 {
        0 => 0,
        1 => 3,
        2 => 2,
        _ => 1,
    }
}

/// Appends a number as the format writes it: seven bits a byte, the lowest first.
fn push_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn other_programs_read_the_archive() {
        let directory = tempfile::tempdir().unwrap();
        let long = "a".repeat(120);
        for lines in [0, 1, 2, 3, 50_000] {
            let text: String = (0..lines).map(|n| format!("line {n} of a log\n")).collect();
            let contents = Contents {
                files: vec![
                    ("debug_log.txt".to_owned(), text.clone()),
                    (format!("{long}/f"), "f".to_owned()),
                ],
                links: vec![("web_0".to_owned(), "0/baremetal".to_owned())],
            };
            let unique = format!("u{lines}");
            let path = write(&directory.path().join("out"), &unique, &contents).unwrap();
            assert!(path.ends_with(format!("juju-crashdump-{unique}.tar.xz")));
            // Python reads the format without other programs.
            let script = "import sys, tarfile; tarfile.open(sys.argv[1]).extractall(sys.argv[2])";
            let unpacked = Command::new("python3")
                .args(["-W", "ignore", "-c", script])
                .args([&path, directory.path()])
                .output()
                .unwrap();
            assert!(unpacked.status.success(), "{lines}: {unpacked:?}");
            let root = directory.path().join(&unique);
            assert_eq!(
                std::fs::read_to_string(root.join("debug_log.txt")).unwrap(),
                text
            );
            assert_eq!(
                std::fs::read_to_string(root.join(&long).join("f")).unwrap(),
                "f"
            );
            assert_eq!(
                std::fs::read_link(root.join("web_0")).unwrap(),
                Path::new("0/baremetal")
            );
        }
        let made = std::fs::read_dir(directory.path().join("out")).unwrap();
        assert_eq!(made.count(), 5, "nothing else is left");
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let written = Xz::<File>::new(full).and_then(|mut xz| {
            xz.write_all(&[b'x'; 1 << 16])?;
            xz.finish()
        });
        let error = written.err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
