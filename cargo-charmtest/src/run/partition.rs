//! A part of the modules, so that several machines run them all together: `--partition`.

use std::fmt;
use std::str::FromStr;

use super::module::ModulePlan;

/// A part of a run: `hash:1/4`, `count:1/4`, or one module by its name in reports, `module:web::integration relations`.
///
/// Each module is in exactly one of the parts, and always in the same one, on any machine, as long as the same tests are selected; with
/// [`How::Hash`] also when other modules come and go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Partition {
    /// One of so many.
    Numbered {
        /// How they are made.
        how: How,
        /// Which part, from 0.
        index: u64,
        /// How many there are.
        count: u64,
    },
    /// One module.
    Module(String),
}

/// How modules are spread over the parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// By name: a module stays in its part whatever else there is.
    Hash,
    /// In turn: the parts have the same number of modules, give or take one.
    Count,
}

impl FromStr for Partition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is no part of a run: write `hash:1/4` or `count:1/4`, the first of four, or `module:NAME`"
            )
        };
        let (how, part) = text.split_once(':').ok_or_else(wrong)?;
        let how = match how {
            "hash" => How::Hash,
            "count" => How::Count,
            "module" if !part.is_empty() => return Ok(Self::Module(part.to_owned())),
            _ => return Err(wrong()),
        };
        let (number, count) = part.split_once('/').ok_or_else(wrong)?;
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let count: u64 = count.parse().map_err(|_| wrong())?;
        if number == 0 || number > count {
            return Err(format!(
                "`{text}` is no part of a run: parts are counted from 1 to {count}"
            ));
        }
        Ok(Self::Numbered {
            how,
            index: number - 1,
            count,
        })
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Numbered { how, index, count } => {
                write!(f, "{}:{}/{count}", how.word(), index + 1)
            }
            Self::Module(name) => write!(f, "module:{name}"),
        }
    }
}

impl How {
    fn word(self) -> &'static str {
        match self {
            Self::Hash => "hash",
            Self::Count => "count",
        }
    }
}

impl Partition {
    /// Returns the name of the module that it is, if it is one.
    pub(crate) fn module(&self) -> Option<&str> {
        match self {
            Self::Module(name) => Some(name),
            Self::Numbered { .. } => None,
        }
    }

    /// Returns which part it is, from 0, and what all parts of that division have in common.
    pub(crate) fn numbered(&self) -> Option<(u64, String)> {
        match self {
            Self::Numbered { how, index, count } => {
                Some((*index, format!("{}/{count}", how.word())))
            }
            Self::Module(_) => None,
        }
    }

    /// Returns all parts of the same division.
    pub(crate) fn all(&self) -> Vec<Self> {
        match *self {
            Self::Numbered { how, count, .. } => (0..count)
                .map(|index| Self::Numbered { how, index, count })
                .collect(),
            Self::Module(_) => vec![self.clone()],
        }
    }

    /// Leaves the modules of this part in `plan`, in their order.
    pub(crate) fn apply(&self, plan: &mut Vec<ModulePlan>) {
        let names: Vec<_> = plan.iter().map(ModulePlan::name).collect();
        let mut chosen = self.choose(&names).into_iter();
        plan.retain(|_| chosen.next().unwrap_or(true));
    }

    /// Says of each module whether it is in this part.
    pub(crate) fn choose(&self, names: &[String]) -> Vec<bool> {
        let (how, index, count) = match self {
            Self::Module(wanted) => return names.iter().map(|name| name == wanted).collect(),
            Self::Numbered { how, index, count } => (*how, *index, *count),
        };
        match how {
            How::Hash => names
                .iter()
                .map(|name| hash(name) % count == index)
                .collect(),
            How::Count => {
                let mut sorted: Vec<_> = (0..names.len()).collect();
                // Not the order of the plan, which is what `cargo` finds first.
                sorted.sort_by_key(|&at| &names[at]);
                let mut chosen = vec![false; names.len()];
                for (turn, at) in (0..count).cycle().zip(sorted) {
                    chosen[at] = turn == index;
                }
                chosen
            }
        }
    }
}

/// FNV-1a with its bits mixed: the same on every machine and in every version.
fn hash(name: &str) -> u64 {
    let mut hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // The low bits of FNV-1a alone depend on little of the name.
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count)
            .map(|index| format!("kv::suite module_{index}"))
            .collect()
    }

    fn part(text: &str) -> Partition {
        text.parse().unwrap()
    }

    #[test]
    fn parts_are_read_and_wrong_ones_are_refused() {
        for text in ["hash:1/4", "count:4/4", "hash:1/1", "module:web::it a::b"] {
            assert_eq!(part(text).to_string(), text);
        }
        for text in [
            "",
            "1/4",
            "hash:0/4",
            "hash:5/4",
            "hash:1/0",
            "slice:1/4",
            "hash:1",
            "hash:-1/4",
            "hash:1/4/4",
            "module:",
        ] {
            let error = text.parse::<Partition>().unwrap_err();
            assert!(
                error.contains(&format!("`{text}` is no part of a run")),
                "{error}"
            );
        }
    }

    #[test]
    fn every_module_is_in_exactly_one_part() {
        for how in ["hash", "count"] {
            for (modules, parts) in [(0, 3), (1, 4), (10, 1), (10, 3), (100, 7), (3, 100)] {
                let names = names(modules);
                let mut times = vec![0; modules];
                for number in 1..=parts {
                    let chosen = part(&format!("{how}:{number}/{parts}")).choose(&names);
                    for (times, chosen) in times.iter_mut().zip(chosen) {
                        *times += usize::from(chosen);
                    }
                }
                assert!(
                    times.iter().all(|&times| times == 1),
                    "{how} {modules} {parts}: {times:?}"
                );
            }
        }
    }

    #[test]
    fn parts_by_count_are_even_and_do_not_depend_on_the_order() {
        let mut names = names(10);
        let chosen = |names: &[String]| {
            let flags = part("count:2/3").choose(names);
            let mut chosen: Vec<_> = names
                .iter()
                .zip(flags)
                .filter(|(_, chosen)| *chosen)
                .map(|(name, _)| name.clone())
                .collect();
            chosen.sort();
            chosen
        };
        let before = chosen(&names);
        assert_eq!(before.len(), 3);
        names.reverse();
        assert_eq!(chosen(&names), before);
    }

    #[test]
    fn parts_by_hash_stay_when_modules_come_and_go_and_are_about_even() {
        let (few, many) = (names(40), names(400));
        let part = part("hash:1/4");
        assert_eq!(part.choose(&few)[..], part.choose(&many)[..40]);
        let count = part
            .choose(&many)
            .into_iter()
            .filter(|&chosen| chosen)
            .count();
        assert!((70..=130).contains(&count), "{count}");
        // Another version must not spread them otherwise.
        assert_eq!(hash("kv::suite storage") % 1000, 719);
    }
}
