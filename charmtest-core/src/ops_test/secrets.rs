//! Secrets of the model's user, and what can be seen of those of charms.

use super::{Model, awaitable};
use crate::juju::read::{Misshapen, Object, Read, readable};
use crate::juju::{Call, JujuError};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;

/// The values of a secret. Its `Debug` shows the keys alone.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretContent(BTreeMap<String, String>);

impl SecretContent {
    /// Returns the value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Returns the keys.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Returns the values by key.
    #[must_use]
    pub fn into_values(self) -> BTreeMap<String, String> {
        self.0
    }

    fn arguments(&self) -> impl Iterator<Item = OsString> {
        self.0
            .iter()
            .map(|(key, value)| format!("{key}={value}").into())
    }
}

impl fmt::Debug for SecretContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Read for SecretContent {
    /// In JSON the values are one level deeper than in YAML: `{"Data": {..}}`.
    fn read(value: &Value) -> Result<Self, Misshapen> {
        Ok(Self(Object::of(value)?.get("Data")?))
    }
}

readable! {
    /// A secret.
    pub struct Secret {
        /// Its identity, without `secret:`.
        "" => id: String,
        /// The newest revision.
        "revision" => revision: u64,
        /// `<model>` for those of users, else an application or a unit.
        "owner" => owner: String,
        /// The name, of a user's secret.
        "name" => name: String,
        /// The label, of a charm's secret.
        "label" => label: String,
        /// What it is for.
        "description" => description: String,
        /// How often it is rotated: `never`, `daily`, ...
        "rotation" => rotation: String,
        /// When it expires; empty for never.
        "expires" => expires: String,
        /// When it was made, in RFC 3339.
        "created" => created: String,
        /// When it was changed, in RFC 3339.
        "updated" => updated: String,
        /// The values, if they were [revealed](ShowSecret::reveal).
        "content" => content: SecretContent,
        /// Who may read it; only [`Model::show_secret`] tells.
        "access" => access: Vec<SecretAccess>,
        /// The revisions, if they were [asked for](ShowSecret::revisions).
        "revisions" => revisions: Vec<SecretRevision>,
    }
}

readable! {
    /// Who may read a secret.
    pub struct SecretAccess {
        /// An application or a unit.
        "target" => target: String,
        /// A relation, or the model.
        "scope" => scope: String,
        /// `view` or `manage`.
        "role" => role: String,
    }
}

readable! {
    /// One revision of a secret.
    pub struct SecretRevision {
        /// Its number.
        "revision" => revision: u64,
        /// Where the values are kept.
        "backend" => backend: String,
        /// When it was made, in RFC 3339.
        "created" => created: String,
    }
}

impl Secret {
    /// Returns the URI, as charms and configuration options of type `secret` take it: `secret:ID`.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("secret:{}", self.id)
    }
}

impl Model {
    /// Adds a secret and returns its URI, `secret:ID`: `juju add-secret` (Juju 3 and later).
    ///
    /// ```no_run
    /// # async fn test(model: charmtest::ops_test::Model) -> charmtest::Result {
    /// let uri = model.add_secret("admin").value("password", "hunter2").await?;
    /// model.grant_secret(&uri, &["db"]).await?;
    /// model.set_config("db", [("admin-secret", &uri)]).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Awaiting it fails if the name is taken, there is no value, or a key is not made of three or more lower-case letters,
    /// digits and hyphens.
    pub fn add_secret(&self, name: &str) -> AddSecret {
        AddSecret {
            model: self.clone(),
            options: vec![name.into()],
            content: SecretContent::default(),
        }
    }

    /// Changes a secret, by URI or name: `juju update-secret` (Juju 3 and later).
    ///
    /// # Errors
    ///
    /// Awaiting it fails if there is no such secret, or a key is not valid.
    pub fn update_secret(&self, secret: &str) -> UpdateSecret {
        UpdateSecret {
            model: self.clone(),
            options: vec![secret.into()],
            content: SecretContent::default(),
        }
    }

    /// Removes a secret, by URI or name: `juju remove-secret` (Juju 3 and later).
    ///
    /// # Errors
    ///
    /// Awaiting it fails if there is no such secret.
    pub fn remove_secret(&self, secret: &str) -> RemoveSecret {
        RemoveSecret {
            model: self.clone(),
            call: self.call(["remove-secret", secret]),
        }
    }

    /// Lets applications read a secret, by URI or name: `juju grant-secret` (Juju 3 and later).
    ///
    /// # Errors
    ///
    /// If there is no such secret or application.
    pub async fn grant_secret(&self, secret: &str, applications: &[&str]) -> Result<(), JujuError> {
        self.needs_secrets()?;
        self.call(["grant-secret", secret, &applications.join(",")])
            .check()
            .await?;
        Ok(())
    }

    /// Takes back [`Model::grant_secret`]: `juju revoke-secret` (Juju 3 and later).
    ///
    /// # Errors
    ///
    /// If there is no such secret or application.
    pub async fn revoke_secret(
        &self,
        secret: &str,
        applications: &[&str],
    ) -> Result<(), JujuError> {
        self.needs_secrets()?;
        self.call(["revoke-secret", secret, &applications.join(",")])
            .check()
            .await?;
        Ok(())
    }

    /// Returns the secrets of the model, without their values: `juju secrets` (Juju 3 and later).
    ///
    /// # Errors
    ///
    /// If the command fails.
    pub async fn secrets(&self) -> Result<Vec<Secret>, JujuError> {
        self.needs_secrets()?;
        let call = self.call(["secrets", "--format", "json"]);
        let secrets: BTreeMap<String, Secret> = call.read("a list of secrets").await?;
        Ok(with_ids(secrets).collect())
    }

    /// Returns a secret, by URI or name: `juju show-secret` (Juju 3 and later).
    ///
    /// ```no_run
    /// # async fn test(model: charmtest::ops_test::Model) -> charmtest::Result {
    /// let secret = model.show_secret("admin").reveal().await?;
    /// assert_eq!(secret.content.get("password"), Some("hunter2"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Awaiting it fails if there is no such secret.
    pub fn show_secret(&self, secret: &str) -> ShowSecret {
        ShowSecret {
            model: self.clone(),
            secret: secret.to_owned(),
            call: self.call(["show-secret", secret, "--format", "json"]),
        }
    }

    fn needs_secrets(&self) -> Result<(), JujuError> {
        if self.juju().version().is_2() {
            return Err(JujuError::Unsupported(format!(
                "Juju {} has no secrets; they came with Juju 3",
                self.juju().version()
            )));
        }
        Ok(())
    }
}

fn with_ids(secrets: BTreeMap<String, Secret>) -> impl Iterator<Item = Secret> {
    secrets
        .into_iter()
        .map(|(id, secret)| Secret { id, ..secret })
}

/// A secret about to be added: see [`Model::add_secret`].
#[must_use = "nothing is added until this is awaited"]
#[derive(Clone, Debug)]
pub struct AddSecret {
    model: Model,
    options: Vec<OsString>,
    content: SecretContent,
}

impl AddSecret {
    /// Sets a value. A key that ends in `#base64` has a value in base64, one that ends in `#file` the path of a file.
    pub fn value(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.content.0.insert(key.into(), value.into());
        self
    }

    /// Says what the secret is for.
    pub fn info(mut self, text: &str) -> Self {
        self.options.extend(["--info".into(), text.into()]);
        self
    }

    async fn run(self) -> Result<String, JujuError> {
        self.model.needs_secrets()?;
        let call = self.model.call(["add-secret"]).args(self.options);
        let call = call.args(self.content.arguments()).check();
        Ok(call.await?.stdout.trim().to_owned())
    }
}

awaitable!(AddSecret => Result<String, JujuError>);

/// A secret about to be changed: see [`Model::update_secret`].
#[must_use = "nothing is changed until this is awaited"]
#[derive(Clone, Debug)]
pub struct UpdateSecret {
    model: Model,
    options: Vec<OsString>,
    content: SecretContent,
}

impl UpdateSecret {
    /// Sets a value; a revision with these values alone follows. Keys are as for [`AddSecret::value`].
    pub fn value(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.content.0.insert(key.into(), value.into());
        self
    }

    /// Says what the secret is for.
    pub fn info(mut self, text: &str) -> Self {
        self.options.extend(["--info".into(), text.into()]);
        self
    }

    /// Gives it another name.
    pub fn name(mut self, name: &str) -> Self {
        self.options.extend(["--name".into(), name.into()]);
        self
    }

    /// Lets revisions go that nobody uses any more.
    pub fn auto_prune(mut self) -> Self {
        self.options.push("--auto-prune".into());
        self
    }

    async fn run(self) -> Result<(), JujuError> {
        self.model.needs_secrets()?;
        let call = self.model.call(["update-secret"]).args(self.options);
        call.args(self.content.arguments()).check().await?;
        Ok(())
    }
}

awaitable!(UpdateSecret => Result<(), JujuError>);

/// A secret about to be removed: see [`Model::remove_secret`].
#[must_use = "nothing is removed until this is awaited"]
#[derive(Clone, Debug)]
pub struct RemoveSecret {
    model: Model,
    call: Call,
}

impl RemoveSecret {
    /// Removes only this revision.
    pub fn revision(mut self, revision: u64) -> Self {
        self.call = self.call.arg("--revision").arg(revision.to_string());
        self
    }

    async fn run(self) -> Result<(), JujuError> {
        self.model.needs_secrets()?;
        self.call.check().await?;
        Ok(())
    }
}

awaitable!(RemoveSecret => Result<(), JujuError>);

/// A secret about to be shown: see [`Model::show_secret`].
#[must_use = "nothing is asked until this is awaited"]
#[derive(Clone, Debug)]
pub struct ShowSecret {
    model: Model,
    secret: String,
    call: Call,
}

impl ShowSecret {
    /// Shows the values too.
    pub fn reveal(mut self) -> Self {
        self.call = self.call.arg("--reveal");
        self
    }

    /// Shows the values of this revision; Juju still names the newest one as the secret's.
    pub fn revision(mut self, revision: u64) -> Self {
        self.call = self.call.arg("--revision").arg(revision.to_string());
        self
    }

    /// Lists the revisions. Juju shows either them or values.
    pub fn revisions(mut self) -> Self {
        self.call = self.call.arg("--revisions");
        self
    }

    async fn run(self) -> Result<Secret, JujuError> {
        self.model.needs_secrets()?;
        let secrets: BTreeMap<String, Secret> = self.call.read("a secret").await?;
        let bare = self.secret.rsplit(['/', ':']).next().unwrap_or_default();
        let mut others = None;
        // Juju 4.0.0 shows all secrets when asked for one by its name.
        for secret in with_ids(secrets) {
            if secret.id == bare || secret.name == self.secret || secret.label == self.secret {
                return Ok(secret);
            }
            others.get_or_insert(secret);
        }
        others.ok_or_else(|| {
            JujuError::NotFound(format!(
                "there is no secret `{}` in the model {}",
                self.secret,
                self.model.full_name()
            ))
        })
    }
}

awaitable!(ShowSecret => Result<Secret, JujuError>);
