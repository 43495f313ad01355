//! Reading the documents of a bundle.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Bundle;
use crate::yaml;

/// A key that a bundle does not have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unknown {
    /// Its line.
    pub line: u64,
    /// The key.
    pub key: String,
    /// What has no such key: `Bundle`, `Application`, ...
    pub of: &'static str,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, key, of } = self;
        let of = of.to_lowercase();
        write!(f, "line {line}: field {key} not found in {of}")
    }
}

/// Describes a map of a bundle: a struct whose fields are the values of keys, null being nothing.
///
/// It remembers which keys were given, because an overlay changes only those, and which keys it does not know.
macro_rules! spec {
    (
        $(#[$meta:meta])*
        pub struct $name:ident { $($(#[$doc:meta])* $field:ident: $type:ty = $key:literal,)* }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct $name {
            $($(#[$doc])* pub $field: $type,)*
            pub(super) given: BTreeSet<&'static str>,
            pub(super) unknown: Vec<Unknown>,
        }

        impl $crate::bundle::overlay::Layer for $name {
            fn lay(&mut self, overlay: Self) {
                $(if overlay.given.contains($key) {
                    $crate::bundle::overlay::Merge::merge(&mut self.$field, overlay.$field);
                    self.given.insert($key);
                })*
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct SpecVisitor;

                impl<'de> serde::de::Visitor<'de> for SpecVisitor {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("a map")
                    }

                    fn visit_unit<E>(self) -> Result<$name, E> {
                        Ok($name::default())
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<$name, A::Error> {
                        let mut spec = $name::default();
                        while let Some(key) = map.next_key::<$crate::yaml::Located<String>>()? {
                            match key.value.as_str() {
                                $($key => {
                                    let value: Option<$type> = map.next_value()?;
                                    spec.$field = value.unwrap_or_default();
                                    spec.given.insert($key);
                                })*
                                _ => {
                                    map.next_value::<serde::de::IgnoredAny>()?;
                                    let line = key.line();
                                    spec.unknown.push(Unknown { line, key: key.value, of: stringify!($name) });
                                }
                            }
                        }
                        Ok(spec)
                    }
                }

                deserializer.deserialize_any(SpecVisitor)
            }
        }
    };
}
pub(super) use spec;

/// Reads all documents of a bundle file; what is no map counts as an empty bundle, as in Juju.
///
/// # Errors
///
/// Fails in Juju's words, `unmarshal document 0: yaml: line 1: ...`, when the text is not YAML or a value is of another type.
pub fn parse(text: &str) -> Result<Vec<Bundle>, String> {
    let documents: Vec<Document> = yaml::parse_documents(text).map_err(|error| {
        let line = error.position.map_or(0, |position| position.line);
        let index = document_at(text, line);
        let place = if line == 0 {
            String::new()
        } else {
            format!("line {line}: ")
        };
        format!("unmarshal document {index}: yaml: {place}{}", error.message)
    })?;
    let mut bundles = Vec::new();
    for (index, Document(mut bundle)) in documents.into_iter().enumerate() {
        bundle
            .normalise()
            .map_err(|why| format!("unmarshal document {index}: {why}"))?;
        bundles.push(bundle);
    }
    Ok(bundles)
}

/// Returns the number of the document that `line` is in.
fn document_at(text: &str, line: u64) -> usize {
    let before = text.lines().zip(1..=line).map(|(text, _)| text);
    let mut index = 0;
    let mut content = false;
    for text in before {
        if text == "---" || text.starts_with("--- ") {
            index += usize::from(content);
        }
        content |= !text.trim().is_empty() && !text.starts_with('#');
    }
    index
}

/// A document of a bundle file.
struct Document(Bundle);

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DocumentVisitor;

        impl<'de> Visitor<'de> for DocumentVisitor {
            type Value = Document;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a bundle")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Document, A::Error> {
                Bundle::deserialize(MapAccessDeserializer::new(map)).map(Document)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Document, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Document(Bundle::default()))
            }

            fn visit_str<E>(self, _: &str) -> Result<Document, E> {
                Ok(Document(Bundle::default()))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Document, E> {
                Ok(Document(Bundle::default()))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Document, E> {
                Ok(Document(Bundle::default()))
            }

            fn visit_u64<E>(self, _: u64) -> Result<Document, E> {
                Ok(Document(Bundle::default()))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Document, E> {
                Ok(Document(Bundle::default()))
            }

            fn visit_unit<E>(self) -> Result<Document, E> {
                Ok(Document(Bundle::default()))
            }
        }

        deserializer.deserialize_any(DocumentVisitor)
    }
}

impl Bundle {
    /// Makes `num_units` of `scale`.
    fn normalise(&mut self) -> Result<(), String> {
        for (name, app) in &mut self.applications {
            let Some(app) = app else { continue };
            if app.scale > 0 && app.num_units > 0 {
                return Err(format!(
                    "cannot specify both scale and num_units for application {name:?}"
                ));
            }
            if app.scale > 0 {
                app.num_units = std::mem::take(&mut app.scale);
                app.given.insert("num_units");
            }
            if self.kind != super::KUBERNETES && !app.placement.is_empty() {
                let placement = &app.placement;
                return Err(format!(
                    "placement ({placement}) not valid for non-Kubernetes application {name:?}"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_bundle_is_read_with_its_overlays() {
        let text = "# a bundle\ndefault-base: ubuntu@24.04\nname: x\napplications:\n  a:\n    charm: ./a\n    channel: 1.10\n    \
                    scale: 2\n    options: {level: 5, mode: yes}\n    to: [\"1\"]\n    bogus: {deep: [1]}\n  b:\nmachines: {1: }\n\
                    relations:\n- [a:x, \"b:y\"]\n--- # overlay.yaml\napplications:\n  a: {offers: {o: {endpoints: [x]}}}\n";
        let [bundle, overlay] = &parse(text).unwrap()[..] else {
            panic!("two documents");
        };
        let app = bundle.app("a").unwrap();
        assert_eq!(
            (app.num_units, app.scale, app.channel.as_str()),
            (2, 0, "1.10")
        );
        assert_eq!(json!(app.options), json!({"level": 5, "mode": true}));
        assert_eq!(bundle.applications["b"], None);
        assert_eq!(bundle.machines["1"], None);
        assert_eq!(bundle.relations, [["a:x", "b:y"]]);
        let unknown: Vec<String> = bundle
            .unknown_keys()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            unknown,
            [
                "line 3: field name not found in bundle",
                "line 11: field bogus not found in application"
            ]
        );
        let offers = &overlay.app("a").unwrap().offers;
        assert_eq!(offers["o"].as_ref().unwrap().endpoints, ["x"]);
    }

    #[test]
    fn what_is_no_map_is_an_empty_bundle() {
        for text in ["hello\n", "- a\n", "5", "true"] {
            assert_eq!(parse(text), Ok(vec![Bundle::default()]), "{text}");
        }
        assert_eq!(parse(""), Ok(Vec::new()));
    }

    #[test]
    fn errors_name_document_and_line() {
        for (text, expected) in [
            ("applications: [\n", "unmarshal document 0: yaml: line "),
            (
                "applications:\n  a:\n    num_units: many\n",
                "unmarshal document 0: yaml: line 3: ",
            ),
            (
                "---\n{}\n---\napplications:\n  a: {to: {x: 1}}\n",
                "unmarshal document 1: yaml: line 5: ",
            ),
            (
                "applications: {a: {scale: 1, num_units: 2}}",
                "unmarshal document 0: cannot specify both scale and num_units for application \"a\"",
            ),
            (
                "applications: {a: {placement: x}}",
                "unmarshal document 0: placement (x) not valid for non-Kubernetes application \"a\"",
            ),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }
}
