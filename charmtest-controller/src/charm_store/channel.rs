//! Channels of a charm store: `14/edge`, `latest/stable`, `edge`.

use std::fmt;

/// The risks, the safest first.
pub(crate) const RISKS: [&str; 4] = ["stable", "candidate", "beta", "edge"];

/// The track of channels that name none.
pub(crate) const DEFAULT_TRACK: &str = "latest";

/// A channel as somebody wrote it: any of its parts may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Channel {
    /// The track, `14`.
    pub(crate) track: Option<String>,
    /// The risk, one of [`RISKS`].
    pub(crate) risk: Option<&'static str>,
    /// The branch, `fix-1`.
    pub(crate) branch: Option<String>,
}

/// A text that is no channel; the words are Juju's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ChannelError {
    /// It is empty.
    #[error("empty channel not valid")]
    Empty,
    /// It has more than three parts.
    #[error("channel is malformed and has too many components {0:?}")]
    Parts(String),
    /// A part is not what it should be.
    #[error("{0} in channel {1:?} not valid")]
    Part(&'static str, String),
}

impl Channel {
    /// Parses a channel: `RISK`, `TRACK`, `TRACK/RISK`, `RISK/BRANCH` or `TRACK/RISK/BRANCH`.
    ///
    /// # Errors
    ///
    /// Fails when the text is none of these.
    pub(crate) fn parse(text: &str) -> Result<Self, ChannelError> {
        if text.is_empty() {
            return Err(ChannelError::Empty);
        }
        let parts: Vec<&str> = text.split('/').collect();
        let (track, risk, branch) = match parts[..] {
            [one] if risk(one).is_some() => (None, Some(one), None),
            [one] => (Some(one), None, None),
            [one, two] if risk(one).is_some() => (None, Some(one), Some(two)),
            [one, two] => (Some(one), Some(two), None),
            [one, two, three] => (Some(one), Some(two), Some(three)),
            _ => return Err(ChannelError::Parts(text.to_owned())),
        };
        let bad = |part| ChannelError::Part(part, text.to_owned());
        let whole = |part, value: Option<&str>| match value {
            Some("") => Err(bad(part)),
            other => Ok(other.map(str::to_owned)),
        };
        Ok(Self {
            risk: match risk {
                None => None,
                Some(name) => Some(self::risk(name).ok_or_else(|| bad("risk"))?),
            },
            track: whole("track", track)?,
            branch: whole("branch", branch)?,
        })
    }

    /// Returns the channel with a risk: `stable` when it names none.
    pub(crate) fn normalized(&self) -> Self {
        Self {
            risk: Some(self.risk.unwrap_or(RISKS[0])),
            ..self.clone()
        }
    }

    /// Returns the channel with a track and a risk: those of `latest/stable` when it names none.
    pub(crate) fn full(&self) -> Self {
        Self {
            track: Some(
                self.track
                    .clone()
                    .unwrap_or_else(|| DEFAULT_TRACK.to_owned()),
            ),
            ..self.normalized()
        }
    }

    /// Returns this channel where `self` says something and `tracked` where it does not: `juju refresh --channel edge` stays on its track.
    pub(crate) fn on_track_of(&self, tracked: &Self) -> Self {
        match self.track {
            Some(_) => self.clone(),
            None => Self {
                track: tracked.track.clone(),
                ..self.clone()
            },
        }
    }
}

/// Returns the risk called `name`.
pub(crate) fn risk(name: &str) -> Option<&'static str> {
    RISKS.into_iter().find(|risk| *risk == name)
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [self.track.as_deref(), self.risk, self.branch.as_deref()];
        let parts: Vec<&str> = parts.into_iter().flatten().collect();
        f.write_str(&parts.join("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_in_all_forms() {
        for (text, full) in [
            ("edge", "latest/edge"),
            ("14", "14/stable"),
            ("14/beta", "14/beta"),
            ("edge/fix-1", "latest/edge/fix-1"),
            ("14/edge/fix-1", "14/edge/fix-1"),
            ("latest/stable", "latest/stable"),
        ] {
            let channel = Channel::parse(text).unwrap();
            assert_eq!(
                (
                    channel.to_string().as_str(),
                    channel.full().to_string().as_str()
                ),
                (text, full)
            );
        }
    }

    #[test]
    fn what_is_no_channel() {
        for (text, expected) in [
            ("", "empty channel not valid"),
            ("a/b", "risk in channel \"a/b\" not valid"),
            ("/edge", "track in channel \"/edge\" not valid"),
            ("edge/", "branch in channel \"edge/\" not valid"),
            (
                "a/edge/b/c",
                "channel is malformed and has too many components \"a/edge/b/c\"",
            ),
        ] {
            assert_eq!(Channel::parse(text).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn a_risk_alone_stays_on_the_track() {
        let tracked = Channel::parse("14/stable").unwrap();
        for (wanted, expected) in [
            ("edge", "14/edge"),
            ("16", "16"),
            ("latest/edge", "latest/edge"),
        ] {
            let channel = Channel::parse(wanted).unwrap().on_track_of(&tracked);
            assert_eq!(channel.to_string(), expected);
        }
    }
}
