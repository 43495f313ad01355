//! Copying files as the `scp` program does, with its rules for directories and its error texts.

use std::fs::{self, File, FileTimes, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// How deep directories may be nested, as in OpenSSH: links may go in circles.
const MAX_DEPTH: usize = 64;

/// One side of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// A path of the client.
    Local {
        /// Where it is.
        path: PathBuf,
        /// How the user wrote it.
        shown: String,
    },
    /// A path on a machine.
    Remote {
        /// The machine's home directory, where relative paths begin.
        home: PathBuf,
        /// How the user wrote it, without the target; empty for the home directory.
        shown: String,
    },
}

/// What is to be copied.
#[derive(Debug)]
pub(super) struct Copying {
    /// From where.
    pub(super) sources: Vec<End>,
    /// To where.
    pub(super) destination: End,
    /// Directories too (`-r`).
    pub(super) recursive: bool,
    /// With modes and times (`-p`).
    pub(super) preserve: bool,
}

/// Why not everything was copied: what the `scp` program would say, and its exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CopyError {
    /// The exit code.
    pub(super) code: u8,
    /// What it says on standard error.
    pub(super) lines: Vec<String>,
}

impl CopyError {
    fn one(code: u8, line: String) -> Self {
        Self {
            code,
            lines: vec![line],
        }
    }
}

impl End {
    /// Returns the path on this host.
    fn path(&self) -> PathBuf {
        match self {
            Self::Local { path, .. } => path.clone(),
            Self::Remote { home, shown } => {
                let inside = match shown.strip_prefix('~') {
                    Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                        rest.trim_start_matches('/')
                    }
                    _ => shown,
                };
                home.join(inside)
            }
        }
    }

    fn shown(&self) -> &str {
        match self {
            Self::Local { shown, .. } | Self::Remote { shown, .. } => shown,
        }
    }
}

impl Copying {
    /// Copies everything.
    ///
    /// # Errors
    ///
    /// Fails when something could not be copied; the rest is copied nevertheless, as far as the `scp` program goes on.
    pub(super) fn run(&self) -> Result<(), CopyError> {
        let target = self.destination.path();
        let into = target.is_dir();
        let mut failed: Option<CopyError> = None;
        let sources = self.expanded()?;
        if sources.len() > 1 && !into {
            return Err(CopyError::one(
                1,
                format!("scp: {}: Not a directory", self.destination.shown()),
            ));
        }
        for (source, path) in sources {
            // `dir/.` has no name of its own: its content goes into the target.
            let to = match path.file_name().filter(|_| into && !ends_with_dot(&path)) {
                Some(name) => target.join(name),
                None => target.clone(),
            };
            if let Err(error) = self.copy(source, &path, &to) {
                let all = failed.get_or_insert(CopyError {
                    code: error.code,
                    lines: Vec::new(),
                });
                all.lines.extend(error.lines);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Lists the sources with their paths; patterns are expanded on the machine, those of local paths by the client's shell.
    fn expanded(&self) -> Result<Vec<(&End, PathBuf)>, CopyError> {
        let mut all = Vec::new();
        for source in &self.sources {
            let path = source.path();
            let is_pattern = matches!(source, End::Remote { shown, .. } if shown.contains(['*', '?', '[']))
                && !path.exists();
            if !is_pattern {
                all.push((source, path));
                continue;
            }
            let pattern = match source {
                End::Remote { home, shown } if !shown.starts_with('/') => {
                    let home = glob::Pattern::escape(&home.display().to_string());
                    format!("{home}/{}", shown.trim_start_matches("~/"))
                }
                other => other.shown().to_owned(),
            };
            let found: Vec<PathBuf> = glob::glob(&pattern)
                .map(|paths| paths.filter_map(Result::ok).collect())
                .unwrap_or_default();
            if found.is_empty() {
                return Err(CopyError::one(
                    1,
                    format!("scp: {}: No such file or directory", source.shown()),
                ));
            }
            all.extend(found.into_iter().map(|path| (source, path)));
        }
        Ok(all)
    }

    fn copy(&self, source: &End, from: &Path, to: &Path) -> Result<(), CopyError> {
        let meta = fs::metadata(from).map_err(|error| match source {
            End::Local { shown, .. } => CopyError::one(
                255,
                format!("scp: stat local {shown:?}: {}", reason(&error)),
            ),
            End::Remote { shown, .. } => {
                CopyError::one(1, format!("scp: {shown}: {}", reason(&error)))
            }
        })?;
        if meta.is_dir() && self.recursive {
            return self.copy_dir(source, from, to, &meta, 0);
        }
        if !meta.is_file() {
            let line = match source {
                End::Local { shown, .. } => format!("scp: local {shown:?} is not a regular file"),
                End::Remote { shown, .. } => format!("scp: download {shown}: not a regular file"),
            };
            return Err(self.with_upload(source, to, CopyError::one(1, line)));
        }
        self.copy_file(source, from, to, &meta)
    }

    fn copy_dir(
        &self,
        source: &End,
        from: &Path,
        to: &Path,
        meta: &Metadata,
        depth: usize,
    ) -> Result<(), CopyError> {
        if depth > MAX_DEPTH {
            return Err(CopyError::one(
                1,
                format!("scp: Maximum directory depth exceeded: {MAX_DEPTH} levels"),
            ));
        }
        if !to.is_dir() {
            fs::create_dir(to).map_err(|error| self.cannot_write(source, to, &error))?;
        }
        let entries = fs::read_dir(from).map_err(|error| cannot_read(source, from, &error))?;
        let mut failed: Option<CopyError> = None;
        for entry in entries.filter_map(Result::ok) {
            let (from, to) = (entry.path(), to.join(entry.file_name()));
            let outcome = match fs::metadata(&from) {
                Ok(meta) if meta.is_dir() => self.copy_dir(source, &from, &to, &meta, depth + 1),
                Ok(meta) if meta.is_file() => self.copy_file(source, &from, &to, &meta),
                Ok(_) => Err(CopyError::one(
                    1,
                    format!("scp: {}: not a regular file", from.display()),
                )),
                Err(error) => Err(cannot_read(source, &from, &error)),
            };
            if let Err(error) = outcome {
                let all = failed.get_or_insert(CopyError {
                    code: 1,
                    lines: Vec::new(),
                });
                all.lines.extend(error.lines);
            }
        }
        if self.preserve {
            // As with the program, a time that cannot be kept is no failure.
            let _ = keep(to, meta);
        }
        failed.map_or(Ok(()), Err)
    }

    fn copy_file(
        &self,
        source: &End,
        from: &Path,
        to: &Path,
        meta: &Metadata,
    ) -> Result<(), CopyError> {
        if fs::metadata(to)
            .is_ok_and(|there| (there.dev(), there.ino()) == (meta.dev(), meta.ino()))
        {
            return Ok(());
        }
        let mut input = File::open(from).map_err(|error| cannot_read(source, from, &error))?;
        let mut output = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(meta.permissions().mode() & 0o777)
            .open(to)
            .map_err(|error| self.cannot_write(source, to, &error))?;
        io::copy(&mut input, &mut output).map_err(|error| self.cannot_write(source, to, &error))?;
        if self.preserve {
            let _ = keep(to, meta);
        }
        Ok(())
    }

    fn cannot_write(&self, source: &End, to: &Path, error: &io::Error) -> CopyError {
        let why = reason(error);
        match &self.destination {
            End::Local { .. } => CopyError::one(
                1,
                format!("scp: open local {:?}: {why}", to.display().to_string()),
            ),
            End::Remote { .. } => {
                let line = format!("scp: dest open {:?}: {why}", self.shown_target(to));
                self.with_upload(source, to, CopyError::one(1, line))
            }
        }
    }

    /// Adds the line that follows every failed upload.
    fn with_upload(&self, source: &End, to: &Path, mut error: CopyError) -> CopyError {
        if matches!(self.destination, End::Remote { .. }) {
            error.lines.push(format!(
                "scp: failed to upload file {} to {}",
                source.shown(),
                self.shown_target(to)
            ));
        }
        error
    }

    /// Returns a path of the destination as seen from the machine: relative to its home directory where it can be.
    fn shown_target(&self, to: &Path) -> String {
        match &self.destination {
            End::Remote { home, .. } => to.strip_prefix(home).unwrap_or(to).display().to_string(),
            End::Local { .. } => to.display().to_string(),
        }
    }
}

fn cannot_read(source: &End, from: &Path, error: &io::Error) -> CopyError {
    let why = reason(error);
    let path = from.display();
    CopyError::one(
        1,
        match source {
            End::Local { .. } => format!("scp: open local \"{path}\": {why}"),
            End::Remote { .. } => format!("scp: remote open \"{path}\": {why}"),
        },
    )
}

fn ends_with_dot(path: &Path) -> bool {
    let text = path.as_os_str().as_encoded_bytes();
    text.ends_with(b"/.") || text.ends_with(b"/..")
}

fn keep(to: &Path, meta: &Metadata) -> io::Result<()> {
    fs::set_permissions(to, meta.permissions())?;
    let times = FileTimes::new()
        .set_accessed(meta.accessed()?)
        .set_modified(meta.modified()?);
    File::open(to)?.set_times(times)
}

/// Returns what the C library says about an error.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((text, _)) => text.to_owned(),
        None => text,
    }
}

#[cfg(test)]
#[path = "copy_tests.rs"]
mod tests;
