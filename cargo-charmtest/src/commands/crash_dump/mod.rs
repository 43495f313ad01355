//! `cargo charmtest crash-dump`: all that `juju` tells about a model, in one archive.
//!
//! The name and the top level of the archive are those of `juju-crashdump`, so that its readers find their files. It asks the
//! `juju` program only and reaches no machine: the logs below `N/baremetal/var/log/juju` are the model's log, by unit.

mod archive;
mod collect;

use std::io::Read;
use std::path::PathBuf;
use std::time::Instant;

use charmtest::harness::BackendArg;
use charmtest::juju::{Backend, BackendChoice, BackendOptions, Masker};

use crate::cli::{CrashDumpArgs, CrashDumpFormat};
use crate::error::{Error, Kind, Result};
use crate::report::{print, say};
use collect::Collector;

/// The most that is read of the values that a caller wants hidden, in bytes.
const SECRETS_LIMIT: u64 = 16 << 20;

/// Makes a crash dump of a model and prints where it is.
///
/// # Errors
///
/// Fails when there is no backend, when Juju tells nothing of the model, and when the archive cannot be written.
pub(crate) fn main(args: &CrashDumpArgs) -> Result<u8> {
    let limit = args.timeout.duration().ok_or_else(|| {
        Error::new(
            Kind::Usage,
            "--timeout 0 would wait for ever; give a duration like 5m",
        )
    })?;
    let deadline = Instant::now() + limit;
    let mut masker = Masker::default();
    if args.secrets_from_stdin {
        let mut text = String::new();
        let mut input = std::io::stdin().take(SECRETS_LIMIT);
        input
            .read_to_string(&mut text)
            .map_err(Error::infrastructure)?;
        let values: Vec<String> = serde_json::from_str(&text).map_err(|error| {
            Error::new(
                Kind::Usage,
                format!("--secrets-from-stdin: not a list of JSON: {error}"),
            )
        })?;
        values.iter().for_each(|value| masker.learn(value));
    }
    let controller = args.model.as_ref().and_then(|model| model.controller());
    let kind = match (args.backend, controller) {
        (BackendArg::Auto, Some("embedded")) => BackendChoice::Embedded,
        (backend, _) => backend.into(),
    };
    let backend = Backend::select(&BackendOptions {
        kind,
        juju: args.juju.clone(),
        controller: controller.map(str::to_owned),
        program: Some(std::env::current_exe().map_err(Error::infrastructure)?),
        ..BackendOptions::default()
    })
    .map_err(|error| Error::caused(Kind::Infrastructure, &error))?;

    let collector = Collector::new(backend, args.model.clone(), deadline);
    let collected = collector.collect(args.record.as_deref()).map_err(|error| {
        let model = args.model.as_ref().map_or_else(
            || "the current model".to_owned(),
            |model| format!("model {model}"),
        );
        Error::new(Kind::Failed, format!("no crash dump of {model}: {error}"))
    })?;
    let missing = collected.missing();
    let contents = collected.into_contents(masker);
    let unique = unique().map_err(Error::infrastructure)?;
    let path = archive::write(&args.output, &unique, &contents).map_err(|error| {
        Error::infrastructure(format!(
            "cannot write a crash dump to {}: {error}",
            args.output.display()
        ))
    })?;
    let path: PathBuf = std::path::absolute(&path).unwrap_or(path);
    match args.format {
        CrashDumpFormat::Human => {
            for line in &missing {
                say(&format!("not in the dump: {line}"));
            }
            print(&format!("{}\n", path.display()));
        }
        CrashDumpFormat::Json => {
            let answer = serde_json::json!({ "path": path, "missing": missing });
            print(&format!("{answer}\n"));
        }
    }
    Ok(charmtest::exit::SUCCESS)
}

/// Returns a random UUID (version 4), as `juju-crashdump` names its archives.
fn unique() -> std::io::Result<String> {
    let mut bytes = [0; 16];
    let mut filled = 0;
    while filled < bytes.len() {
        filled +=
            rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty())?;
    }
    bytes[6] = bytes[6] & 0x0F | 0x40;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let parts = [
        &bytes[..4],
        &bytes[4..6],
        &bytes[6..8],
        &bytes[8..10],
        &bytes[10..],
    ];
    Ok(parts.map(hex).join("-"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_are_random_uuids() {
        let name = super::unique().unwrap();
        let lengths: Vec<usize> = name.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{name}");
        assert_eq!(name.as_bytes()[14], b'4');
        assert_ne!(name, super::unique().unwrap());
    }
}
