//! The name of a module's model.

use std::hash::{BuildHasher, Hasher, RandomState};

/// The longest name that every cloud takes: on Kubernetes the model is a namespace.
const MAX_LENGTH: usize = 63;

/// How many random characters tell the models of two runs apart.
const SUFFIX_LENGTH: u32 = 4;

const SUFFIX_ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// Returns a name for the model of `module`: the module's name in the letters that Juju allows, a hyphen, and four characters
/// drawn from `seed`. The root of a target is named after the target.
pub(super) fn generate(module: &str, target: &str, seed: u64) -> String {
    let mut stem = String::new();
    for c in self::stem(module, target).chars() {
        match c.to_ascii_lowercase() {
            c @ ('a'..='z' | '0'..='9') => stem.push(c),
            _ if stem.is_empty() || stem.ends_with('-') => {}
            _ => stem.push('-'),
        }
    }
    if stem.is_empty() {
        stem.push_str("module");
    }
    // A namespace may not begin with a digit everywhere.
    if stem.starts_with(|c: char| c.is_ascii_digit()) {
        stem.insert(0, 'm');
    }
    stem.truncate(MAX_LENGTH - 1 - SUFFIX_LENGTH as usize);
    let stem = stem.trim_end_matches('-');
    let suffix: String = (0..SUFFIX_LENGTH)
        .map(|place| {
            let letter = seed / 36_u64.pow(place) % 36;
            char::from(SUFFIX_ALPHABET[usize::try_from(letter).expect("a remainder of 36 fits")])
        })
        .collect();
    format!("{stem}-{suffix}")
}

/// Returns what the models of a module are named after: the root of a target is named after the target.
pub(super) fn stem<'a>(module: &'a str, target: &'a str) -> &'a str {
    if module == super::plan::ROOT {
        target
    } else {
        module
    }
}

/// Returns a name that begins with `stem`, in the letters that Juju allows, and ends like no other.
pub(crate) fn generate_random(stem: &str) -> String {
    generate(stem, stem, random_seed())
}

/// Returns a random number. The standard library seeds its hash maps from the system's randomness; that is enough to
/// tell model names apart, and it costs no crate.
pub(super) fn random_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_juju_allows() {
        let long = "a".repeat(100);
        let long_number = format!("_{}", "1".repeat(100));
        let long_number_name = format!("m{}-aaaa", "1".repeat(57));
        let long_name = format!("{}-aaaa", "a".repeat(58));
        let cases = [
            ("relations", "relations-aaaa"),
            ("crate", "integration-aaaa"),
            ("my_Relations", "my-relations-aaaa"),
            ("a::b_c", "a-b-c-aaaa"),
            ("__x__", "x-aaaa"),
            ("größe", "gr-e-aaaa"),
            ("日本", "module-aaaa"),
            ("_2nd", "m2nd-aaaa"),
            (long.as_str(), long_name.as_str()),
            (long_number.as_str(), long_number_name.as_str()),
        ];
        for (module, expected) in cases {
            let name = generate(module, "integration", 0);
            assert_eq!(name, expected);
            assert!(name.len() <= MAX_LENGTH, "{name}");
        }
    }

    #[test]
    fn the_seed_decides_the_suffix() {
        assert_eq!(generate("m", "t", 1), "m-baaa");
        assert_eq!(generate("m", "t", 36 * 35), "m-a9aa");
        assert_eq!(generate("m", "t", u64::MAX).len(), "m-xxxx".len());
    }

    #[test]
    fn random_seeds_differ() {
        assert_ne!(random_seed(), random_seed());
    }
}
