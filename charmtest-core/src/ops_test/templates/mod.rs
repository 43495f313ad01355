//! Bundles and charms from Jinja templates.
//!
//! The engine is in `cargo-charmtest`: it is most of the work of compiling a template engine's user, and most suites have no
//! templates.

mod bundle;
mod charm;
mod context;
mod error;

use super::OpsTest;
use std::path::Path;
use std::sync::Arc;

pub use bundle::{Bundle, BundleSource, RenderBundle, RenderBundles};
pub use charm::{RenderCharm, RenderCharms};
pub use error::TemplateError;

impl OpsTest {
    /// Renders a bundle from a Jinja template, and returns the file, in [`tmp_path`](OpsTest::tmp_path)`/bundles`.
    ///
    /// The template is a file (`.yaml`, `.yml`, or one of these with `.j2`), a text, or a [`Bundle`] of Charmhub. A path is relative to the
    /// package's directory, but paths in the bundle to the rendered file: give charms as absolute paths, as
    /// [`build_charm`](OpsTest::build_charm) returns them. A variable that is not given is an error with the line.
    ///
    /// ```no_run
    /// # use charmtest::ops_test::OpsTest;
    /// # async fn test(ops_test: OpsTest) -> charmtest::Result {
    /// let charm = ops_test.build_charm(".").await?;
    /// let bundle = ops_test
    ///     .render_bundle("tests/bundle.yaml.j2")
    ///     .var("charm", &charm)
    ///     .var("units", 2)
    ///     .await?;
    /// ops_test.model().deploy(bundle).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Awaiting it fails if there is no such template, it is wrong, or there is no `cargo-charmtest` to render it.
    pub fn render_bundle(&self, bundle: impl Into<BundleSource>) -> RenderBundle {
        RenderBundle::new(self.render_bundles([bundle.into()]))
    }

    /// Renders several bundles with the same variables, and returns the files in the same order; see
    /// [`render_bundle`](OpsTest::render_bundle).
    ///
    /// # Errors
    ///
    /// Awaiting it fails as that does.
    pub fn render_bundles<I>(&self, bundles: I) -> RenderBundles
    where
        I: IntoIterator,
        I::Item: Into<BundleSource>,
    {
        let bundles = bundles.into_iter().map(Into::into).collect();
        RenderBundles::new(Arc::clone(self.parts()), bundles)
    }

    /// Copies a charm's directory, rendering the files in it, and returns the copy, in [`tmp_path`](OpsTest::tmp_path)`/charms`. What is
    /// not UTF-8 text is copied as it is; histories, environments and caches of tools stay out.
    ///
    /// ```no_run
    /// # use charmtest::ops_test::OpsTest;
    /// # async fn test(ops_test: OpsTest) -> charmtest::Result {
    /// let directory = ops_test
    ///     .render_charm("tests/tester")
    ///     .include(["charmcraft.yaml", "src/**/*.py"])
    ///     .var("name", "tester")
    ///     .await?;
    /// let charm = ops_test.build_charm(directory).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Awaiting it fails if there is no such directory, a file in it is no template, or there is no `cargo-charmtest` to render it.
    pub fn render_charm(&self, directory: impl AsRef<Path>) -> RenderCharm {
        RenderCharm::new(self.render_charms([directory]))
    }

    /// Renders several charms with the same variables, and returns the copies in the same order; see
    /// [`render_charm`](OpsTest::render_charm).
    ///
    /// # Errors
    ///
    /// Awaiting it fails as that does.
    pub fn render_charms<I>(&self, directories: I) -> RenderCharms
    where
        I: IntoIterator,
        I::Item: AsRef<Path>,
    {
        let directories = directories.into_iter();
        let directories = directories.map(|path| path.as_ref().to_owned()).collect();
        RenderCharms::new(Arc::clone(self.parts()), directories)
    }
}
