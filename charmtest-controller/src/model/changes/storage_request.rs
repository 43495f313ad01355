//! What users ask of storage: `pool,count,size`, in any order.

use std::collections::BTreeMap;

use charmtest_charm::parse_size;

/// A storage directive as a user writes it; what is missing follows from the application and the charm.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StorageRequest {
    /// The pool.
    pub pool: Option<String>,
    /// How many instances.
    pub count: Option<u32>,
    /// The size of each in MiB.
    pub size: Option<u64>,
}

impl StorageRequest {
    /// Asks for so many instances and says nothing else.
    pub fn of_count(count: u32) -> Self {
        Self {
            count: Some(count),
            ..Self::default()
        }
    }

    /// Parses `pool,count,size`: any of them, in any order (Juju 3.6, storage directives).
    ///
    /// # Errors
    ///
    /// Fails when nothing is there, a part is none of the three, or the count is not positive.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut request = Self::default();
        for field in text.split(',').filter(|field| !field.is_empty()) {
            if is_pool(field) {
                // Of two pools the first counts.
                request.pool.get_or_insert_with(|| field.to_owned());
            } else if is_integer(field) {
                let count = field.parse().ok().filter(|count| *count > 0);
                request.count = Some(count.ok_or_else(|| {
                    format!("cannot parse count: count must be greater than zero, got {field:?}")
                })?);
            } else if let Some(size) = parse_size(field) {
                request.size = Some(size);
            } else {
                return Err(format!(
                    "unrecognized storage constraint {field:?} not valid"
                ));
            }
        }
        if request == Self::default() {
            return Err(
                "storage constraints require at least one field to be specified".to_owned(),
            );
        }
        Ok(request)
    }

    /// Parses `name[=pool,count,size]` arguments; a name alone asks for one instance.
    ///
    /// # Errors
    ///
    /// Fails when an argument is no such thing or a name comes twice.
    pub fn parse_all(arguments: &[String]) -> Result<BTreeMap<String, Self>, String> {
        let mut requests = BTreeMap::new();
        for argument in arguments {
            let request = match argument.split_once('=') {
                None => Self::of_count(1),
                Some((_, rest)) if rest.contains('=') => {
                    return Err(format!(
                        "expected \"name=constraints\" or \"name\", got {argument:?}"
                    ));
                }
                Some((name, text)) => Self::parse(text).map_err(|why| {
                    format!("cannot parse constraints for storage {name:?}: {why}")
                })?,
            };
            let name = argument.split('=').next().unwrap_or_default().to_owned();
            if requests.contains_key(&name) {
                return Err(format!("storage {name:?} specified more than once"));
            }
            requests.insert(name, request);
        }
        Ok(requests)
    }
}

/// Says whether the text can be the name of a pool: letters, then letters, digits, hyphens.
pub(super) fn is_pool(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'?')
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives() {
        for (text, pool, count, size) in [
            ("rootfs,2,16M", Some("rootfs"), Some(2), Some(16)),
            ("1G", None, None, Some(1024)),
            ("3", None, Some(3), None),
            ("1.5GiB,fast-1", Some("fast-1"), None, Some(1536)),
            ("bogus,,", Some("bogus"), None, None),
            ("a,b,1", Some("a"), Some(1), None),
        ] {
            let expected = StorageRequest {
                pool: pool.map(str::to_owned),
                count,
                size,
            };
            assert_eq!(StorageRequest::parse(text), Ok(expected), "{text}");
        }
        for (text, why) in [
            ("0", "count must be greater than zero, got \"0\""),
            ("-1", "count must be greater than zero, got \"-1\""),
            ("", "at least one field"),
            ("1X", "unrecognized storage constraint \"1X\" not valid"),
        ] {
            let error = StorageRequest::parse(text).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn arguments() {
        let parse = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            StorageRequest::parse_all(&words)
        };
        let both = parse(&["data", "logs=1G"]).unwrap();
        assert_eq!(both["data"], StorageRequest::of_count(1));
        assert_eq!(both["logs"].size, Some(1024));
        for (words, why) in [
            (
                &["data=1", "data"][..],
                "storage \"data\" specified more than once",
            ),
            (
                &["a=b=c"],
                "expected \"name=constraints\" or \"name\", got \"a=b=c\"",
            ),
            (
                &["a=0"],
                "cannot parse constraints for storage \"a\": cannot parse count: count must be greater than zero, got \"0\"",
            ),
        ] {
            assert_eq!(parse(words), Err(why.to_owned()));
        }
    }
}
