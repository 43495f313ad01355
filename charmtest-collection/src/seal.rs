//! JSON objects that end with the digest of themselves: `..,"sha256":"DIGEST"}`, of all bytes before that. No byte can differ unnoticed.

use std::borrow::Cow;

use crate::digest::Digest;

/// What stands between the content and the digest.
const SEAL: &str = ",\"sha256\":\"";

/// What stands after the digest.
const END: &str = "\"}";

/// How many digits a digest has.
const DIGITS: usize = 64;

/// Adds the seal to a JSON object that has at least one key.
pub(crate) fn sealed(mut object: Vec<u8>) -> Vec<u8> {
    // The brace at the end, which follows the digest.
    object.pop();
    let digest = Digest::of(&object);
    object.extend_from_slice(format!("{SEAL}{digest}{END}").as_bytes());
    object
}

/// Checks the seal, which must be there.
///
/// # Errors
///
/// Fails when a byte differs.
pub(crate) fn check(bytes: &[u8]) -> Result<(), String> {
    let (content, seal) = parts(bytes);
    let digest = Digest::of(content);
    if seal != format!("{SEAL}{digest}{END}").as_bytes() {
        return Err(format!(
            "its content has the sha256 {digest}, which is not what it ends with"
        ));
    }
    Ok(())
}

/// Returns the object without its seal; one that has none, since an earlier version wrote it, as it is.
///
/// # Errors
///
/// Fails when a byte differs.
pub(crate) fn unsealed(bytes: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    let (content, seal) = parts(bytes);
    if !seal.starts_with(SEAL.as_bytes()) || !seal.ends_with(END.as_bytes()) {
        return Ok(Cow::Borrowed(bytes));
    }
    check(bytes)?;
    let mut object = content.to_vec();
    object.push(b'}');
    Ok(Cow::Owned(object))
}

fn parts(bytes: &[u8]) -> (&[u8], &[u8]) {
    let length = SEAL.len() + DIGITS + END.len();
    bytes.split_at(bytes.len().saturating_sub(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_that_differs_is_seen() {
        let object = br#"{"a":"b","c":[1,2]}"#;
        let whole = sealed(object.to_vec());
        check(&whole).unwrap();
        assert_eq!(unsealed(&whole).unwrap().as_ref(), object);
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            check(&bytes).unwrap_err();
            // Of the content; a damaged seal leaves a key that does not belong there.
            assert!(at >= object.len() - 1 || unsealed(&bytes).is_err(), "{at}");
        }
        for at in 0..whole.len() {
            assert!(check(&whole[..at]).is_err(), "{at}");
        }
    }

    #[test]
    fn what_has_no_seal_is_as_it_was() {
        for text in ["", "{}", r#"{"a":1}"#] {
            assert_eq!(unsealed(text.as_bytes()).unwrap().as_ref(), text.as_bytes());
            check(text.as_bytes()).unwrap_err();
        }
    }
}
