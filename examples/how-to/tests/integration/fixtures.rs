//! What tests share without sharing code: fixtures, each made when something first asks for it in its scope, and torn down at the
//! end of it. A test asks for a fixture by its type, as a parameter, and so does another fixture.

use std::path::{Path, PathBuf};
use std::{fs, io};

use charmtest::ops_test::{Application, Unit};
use charmtest::prelude::*;

// A charm that is packed once for all tests and modules of the run; `--charm-path` gives one that was packed before.
charmtest::charm!(Web, "charms/web");

/// The page that is served; the module `website` asks for it too, and gets the same one.
pub(crate) struct Page(PathBuf);

#[charm_fixture(scope = "run", teardown = Page::remove)]
fn page() -> Result<Page> {
    let name = format!("page-{}.html", std::process::id());
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, "TITLE\nwelcome\n")?;
    Ok(Page(path))
}

impl Page {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    fn remove(&self) -> io::Result<()> {
        fs::remove_file(&self.0)
    }
}

/// The charm, deployed and at work, for all tests of this module. It needs no tear-down: it goes with the module's model.
struct Site(Application);

#[charm_fixture(scope = "module")]
async fn site(model: &Model, web: &Web, page: &Page) -> Result<Site> {
    model.deploy(web).resource("page", page.path()).await?;
    model.wait_for_idle().apps(["web"]).status("active").await?;
    Ok(Site(model.application("web")?))
}

impl Site {
    fn unit(&self) -> Result<Unit> {
        Ok(self.0.unit(0)?)
    }
}

/// A title of its own for each test that asks; afterwards the site has the one that it had.
struct News(Application);

#[charm_fixture(teardown = News::take_back)]
async fn news(site: &Site) -> Result<News> {
    site.0.set_config([("title", "News")]).await?;
    site.0.wait_for_idle().status("active").await?;
    Ok(News(site.0.clone()))
}

impl News {
    async fn take_back(&self) -> Result {
        self.0.reset_config(&["title"]).await?;
        self.0.wait_for_idle().status("active").await?;
        Ok(())
    }
}

#[charm_test]
async fn shows_the_news(site: &Site, _news: &News) -> Result {
    let page = site.unit()?.http_get(8000, "/").status(200);
    let page = page.body_contains("welcome").await?;
    assert!(page.body.starts_with("News\n"), "{page:?}");
    Ok(())
}

#[charm_test]
async fn is_itself_again(site: &Site, web: &Web) -> Result {
    assert_eq!(site.unit()?.workload_status_message().await?, "Home");
    assert!(web.path().is_file());
    Ok(())
}
