//! Which archive belongs to a base, and the private configuration with which apt sees nothing else.

use std::fmt::{self, Write};
use std::path::{Path, PathBuf};

use crate::os_release;

/// A distribution and its release, such as `ubuntu@24.04`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// `ubuntu` or `debian`, as `/etc/os-release` has it.
    pub distribution: String,
    /// The release: `24.04`, `12`.
    pub release: String,
}

/// Releases and the names under which their archives have them.
const RELEASES: [(&str, &str, &str); 9] = [
    ("debian", "11", "bullseye"),
    ("debian", "12", "bookworm"),
    ("debian", "13", "trixie"),
    ("ubuntu", "14.04", "trusty"),
    ("ubuntu", "16.04", "xenial"),
    ("ubuntu", "18.04", "bionic"),
    ("ubuntu", "20.04", "focal"),
    ("ubuntu", "22.04", "jammy"),
    ("ubuntu", "24.04", "noble"),
];

impl Base {
    /// Reads `ubuntu@24.04`, `ubuntu@24.04/stable`, `24.04` or a series such as `noble`; `None` when it is none of these.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.split('/').next().unwrap_or_default();
        let (distribution, release) = match text.split_once('@') {
            Some((distribution, release)) => (distribution, release),
            None => match RELEASES.iter().find(|(_, _, series)| *series == text) {
                Some((distribution, release, _)) => (*distribution, *release),
                None => ("ubuntu", text),
            },
        };
        let known = !distribution.is_empty() && release.starts_with(|c: char| c.is_ascii_digit());
        known.then(|| Self {
            distribution: distribution.to_owned(),
            release: release.to_owned(),
        })
    }

    /// Reads the base of a machine from the text of its `/etc/os-release`; `None` when it does not tell.
    pub fn of_os_release(text: &str) -> Option<Self> {
        Some(Self {
            distribution: os_release::value(text, "ID")?.to_owned(),
            release: os_release::value(text, "VERSION_ID")?.to_owned(),
        })
    }

    fn series(&self) -> Option<&'static str> {
        let found = RELEASES.iter().find(|(distribution, release, _)| {
            *distribution == self.distribution && *release == self.release
        });
        found.map(|(_, _, series)| *series)
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.distribution, self.release)
    }
}

/// One line of a list of sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Where the archive is, without a `/` at the end.
    pub uri: String,
    /// Its suite: `noble-updates`; one that ends in `/` has no components.
    pub suite: String,
    /// The components: `main`.
    pub components: Vec<String>,
}

/// An archive, which is official because its key signed it, whatever its labels say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// What is asked.
    pub sources: Vec<Source>,
    /// The keys that must have signed it, and no other key counts.
    pub keyring: PathBuf,
}

impl Archive {
    /// Returns the default archive of a base for an architecture as dpkg names it (`amd64`): Debian's `main`, Ubuntu's `main` and
    /// `universe`, each with its updates and its security updates.
    ///
    /// # Errors
    ///
    /// Says that no archive is known for the base.
    pub fn of(base: &Base, architecture: &str) -> Result<Self, String> {
        let Some(series) = base.series() else {
            return Err(format!(
                "no official archive is known for {base}; there is one for Debian 11 to 13 and for Ubuntu's long term releases from 14.04 \
                 to 24.04"
            ));
        };
        let ports = !matches!(architecture, "amd64" | "i386");
        let (main, security, components, keyring): (_, _, &[&str], _) =
            match (base.distribution.as_str(), ports) {
                ("debian", _) => (
                    "http://deb.debian.org/debian",
                    "http://deb.debian.org/debian-security",
                    &["main"],
                    "/usr/share/keyrings/debian-archive-keyring.gpg",
                ),
                (_, true) => (
                    "http://ports.ubuntu.com/ubuntu-ports",
                    "http://ports.ubuntu.com/ubuntu-ports",
                    &["main", "universe"],
                    UBUNTU_KEYRING,
                ),
                (_, false) => (
                    "http://archive.ubuntu.com/ubuntu",
                    "http://security.ubuntu.com/ubuntu",
                    &["main", "universe"],
                    UBUNTU_KEYRING,
                ),
            };
        let source = |uri: &str, pocket: &str| Source {
            uri: uri.to_owned(),
            suite: format!("{series}{pocket}"),
            components: components.iter().map(|&name| name.to_owned()).collect(),
        };
        Ok(Self {
            sources: vec![
                source(main, ""),
                source(main, "-updates"),
                source(security, "-security"),
            ],
            keyring: keyring.into(),
        })
    }

    /// Says whether a file to fetch is of this archive.
    pub fn holds(&self, uri: &str) -> bool {
        // apt prints `file:/srv` for what is `file:///srv` in the list.
        let plain = |uri: &str| uri.replacen("file:///", "file:/", 1);
        let uri = plain(uri);
        self.sources.iter().any(|source| {
            let source = plain(source.uri.trim_end_matches('/'));
            uri.strip_prefix(&source)
                .is_some_and(|rest| rest.starts_with('/') && !rest.contains("/../"))
        })
    }

    /// Returns the list of sources, of which each names the keyring.
    pub fn sources_list(&self) -> String {
        let mut text = String::new();
        for source in &self.sources {
            let keyring = self.keyring.display();
            let components = source.components.join(" ");
            let line = format!(
                "deb [signed-by={keyring}] {} {} {components}",
                source.uri, source.suite
            );
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

const UBUNTU_KEYRING: &str = "/usr/share/keyrings/ubuntu-archive-keyring.gpg";

/// What else goes into the private configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// How the machine reaches the network: `Acquire::http::Proxy` and its value.
    pub proxies: Vec<(String, String)>,
    /// Whether we are root.
    pub root: bool,
}

/// Returns the text of the private configuration whose files are in `room`: `sources.list`, `none` (an empty file), `empty/`, `lists/`, `cache/`.
///
/// What the machine has of its own, other archives, preferences, trusted keys, hooks, does not exist for apt then. Nothing may be pointed at
/// `/dev/null`: apt run by root changes the mode of files that it is given.
///
/// # Errors
///
/// Fails for a path or a proxy that cannot be written into a configuration.
pub fn configuration(room: &Path, surroundings: &Surroundings) -> Result<String, String> {
    let mut text = String::new();
    let mut set = |key: &str, value: &str| {
        if value.contains(['"', '\n', '\\', ';']) {
            return Err(format!("apt cannot be told `{key}` as `{value}`"));
        }
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{key} \"{value}\";");
        Ok(())
    };
    let path = |name: &str| match room.join(name).to_str() {
        Some(path) => Ok(path.to_owned()),
        None => Err(format!("`{}` is not text for apt", room.display())),
    };
    for (key, name) in [
        ("Dir::Etc::main", "none"),
        ("Dir::Etc::parts", "empty"),
        ("Dir::Etc::sourcelist", "sources.list"),
        ("Dir::Etc::sourceparts", "empty"),
        ("Dir::Etc::preferences", "none"),
        ("Dir::Etc::preferencesparts", "empty"),
        ("Dir::Etc::trusted", "none"),
        ("Dir::Etc::trustedparts", "empty"),
        ("Dir::State::lists", "lists"),
        ("Dir::Cache", "cache"),
    ] {
        set(key, &path(name)?)?;
    }
    for (key, value) in [
        ("APT::Get::AllowUnauthenticated", "false"),
        ("APT::Install-Recommends", "false"),
        ("APT::Update::Error-Mode", "any"),
        ("Acquire::AllowInsecureRepositories", "false"),
        ("Acquire::AllowWeakRepositories", "false"),
        ("Acquire::AllowDowngradeToInsecureRepositories", "false"),
        ("Acquire::Languages", "none"),
        ("Acquire::GzipIndexes", "true"),
        ("Acquire::Retries", "1"),
        ("Acquire::http::Timeout", "30"),
        ("Acquire::https::Timeout", "30"),
        ("DPkg::Lock::Timeout", "120"),
    ] {
        set(key, value)?;
    }
    if surroundings.root {
        // The room may be where apt's own user cannot go.
        set("APT::Sandbox::User", "root")?;
    }
    for (key, value) in &surroundings.proxies {
        set(key, value)?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_are_read_in_every_form_a_charm_has_them() {
        let table = [
            ("ubuntu@24.04", Some("ubuntu@24.04")),
            ("ubuntu@22.04/stable", Some("ubuntu@22.04")),
            ("20.04", Some("ubuntu@20.04")),
            ("jammy", Some("ubuntu@22.04")),
            ("bookworm", Some("debian@12")),
            ("debian@12", Some("debian@12")),
            ("precise", None),
            ("", None),
        ];
        for (text, base) in table {
            let found = Base::parse(text).map(|base| base.to_string());
            assert_eq!(found.as_deref(), base, "{text}");
        }
        let os = "PRETTY_NAME=\"Debian\"\nVERSION_ID=\"12\"\nID=debian\n";
        assert_eq!(Base::of_os_release(os), Base::parse("debian@12"));
        assert_eq!(Base::of_os_release("ID=arch\n"), None);
    }

    #[test]
    fn r19_the_archive_of_a_base_is_the_distributions_own() {
        let table = [
            (
                ("debian@12", "amd64"),
                "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main\n\
                 deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm-updates main\n\
                 deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian-security bookworm-security main\n",
            ),
            (
                ("ubuntu@22.04", "amd64"),
                "deb [signed-by=/usr/share/keyrings/ubuntu-archive-keyring.gpg] http://archive.ubuntu.com/ubuntu jammy main universe\n\
                 deb [signed-by=/usr/share/keyrings/ubuntu-archive-keyring.gpg] http://archive.ubuntu.com/ubuntu jammy-updates main universe\n\
                 deb [signed-by=/usr/share/keyrings/ubuntu-archive-keyring.gpg] http://security.ubuntu.com/ubuntu jammy-security main universe\n",
            ),
        ];
        for ((base, architecture), list) in table {
            let base = Base::parse(base).unwrap();
            let archive = Archive::of(&base, architecture).unwrap();
            assert_eq!(archive.sources_list(), list);
        }
        let ports = Archive::of(&Base::parse("noble").unwrap(), "arm64").unwrap();
        assert!(
            ports
                .sources
                .iter()
                .all(|source| source.uri == "http://ports.ubuntu.com/ubuntu-ports")
        );
        let error = Archive::of(&Base::parse("fedora@40").unwrap(), "amd64").unwrap_err();
        assert!(error.contains("fedora@40"), "{error}");
    }

    #[test]
    fn r19_only_files_below_the_archive_are_of_it() {
        let archive = Archive::of(&Base::parse("debian@12").unwrap(), "amd64").unwrap();
        for (uri, held) in [
            (
                "http://deb.debian.org/debian/pool/main/t/tree/tree_2.1.0-1_amd64.deb",
                true,
            ),
            ("http://deb.debian.org/debian-security/pool/x.deb", true),
            ("http://deb.debian.org/debian-other/pool/x.deb", false),
            ("http://deb.debian.org.example.com/debian/pool/x.deb", false),
            ("http://deb.debian.org/debian/../other/x.deb", false),
            ("file:/srv/repo/tree_99.0_all.deb", false),
        ] {
            assert_eq!(archive.holds(uri), held, "{uri}");
        }
    }

    #[test]
    fn r19_nothing_of_the_machines_own_configuration_is_left() {
        let surroundings = Surroundings {
            proxies: vec![("Acquire::http::Proxy".into(), "http://proxy:3128".into())],
            root: false,
        };
        let text = configuration(Path::new("/room"), &surroundings).unwrap();
        for line in [
            "Dir::Etc::main \"/room/none\";",
            "Dir::Etc::parts \"/room/empty\";",
            "Dir::Etc::sourceparts \"/room/empty\";",
            "Dir::Etc::preferencesparts \"/room/empty\";",
            "Dir::Etc::trusted \"/room/none\";",
            "Dir::Etc::trustedparts \"/room/empty\";",
            "APT::Get::AllowUnauthenticated \"false\";",
            "Acquire::AllowInsecureRepositories \"false\";",
            "Acquire::http::Proxy \"http://proxy:3128\";",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(!text.contains("/dev/null"), "{text}");
        assert!(!text.contains("Sandbox"), "{text}");
        configuration(Path::new("/a\"; evil"), &surroundings).unwrap_err();
    }
}
