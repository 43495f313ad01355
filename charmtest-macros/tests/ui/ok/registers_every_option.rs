//! What the attribute says arrives in the registry.

#![deny(warnings, missing_docs, unreachable_pub, elided_lifetimes_in_paths, unused_qualifications, single_use_lifetimes)]
#![forbid(unsafe_code)]

#[allow(warnings, missing_docs, unreachable_pub)]
#[path = "../../support/charmtest.rs"]
mod charmtest;

use charmtest::charm_test;

#[charm_test(crate = "crate::charmtest")]
async fn plain() {}

mod relations {
    use super::charmtest::{self, charm_test};

    #[charm_test(
        order = -2,
        abort_on_fail,
        abort_on_xfail,
        skip_if_deployed,
        timeout = "1h30m",
        ignore = "needs a cloud",
        tags("slow", "net"),
        xfail(reason = "no zones", strict),
        retries = 0,
        crate = "self::charmtest",
    )]
    pub(crate) async fn r#match() {}
}

mod slow {
    super::charmtest::module!(retries = 2, tags("slow"), timeout = "1s", abort_on_xfail, crate = super::charmtest);
}

fn main() {
    let plain = charmtest::entry("plain");
    assert_eq!(plain.module_path, module_path!());
    assert_eq!(plain.file, file!());
    assert_eq!((plain.line, plain.column), (13, 10));
    assert_eq!(plain.package, env!("CARGO_PKG_NAME"));
    assert_eq!(plain.order, None);
    assert!(!plain.marks.abort_on_fail);
    assert!(!plain.marks.skip_if_deployed);
    assert_eq!(plain.marks.ignore, None);
    assert!(plain.marks.tags.is_empty());
    assert_eq!(plain.marks.timeout_ms, None);
    assert!(!plain.marks.abort_on_xfail);
    assert_eq!(plain.marks.xfail, None);
    assert_eq!(plain.marks.retries, None);

    let full = charmtest::entry("match");
    assert_eq!(full.module_path, concat!(module_path!(), "::relations"));
    assert_eq!(full.file, file!());
    assert_eq!((full.line, full.column), (30, 25));
    assert_eq!(full.order, Some(-2));
    assert!(full.marks.abort_on_fail);
    assert!(full.marks.skip_if_deployed);
    assert_eq!(full.marks.ignore, Some("needs a cloud"));
    assert_eq!(full.marks.tags, ["slow", "net"]);
    assert_eq!(full.marks.timeout_ms, Some(5_400_000));
    assert!(full.marks.abort_on_xfail);
    let xfail = full.marks.xfail.as_ref().unwrap();
    assert_eq!((xfail.reason, xfail.strict), ("no zones", true));
    assert_eq!(full.marks.retries, Some(0));

    let modules = charmtest::modules();
    assert_eq!(modules.len(), 1);
    assert_eq!(modules[0].module_path, concat!(module_path!(), "::slow"));
    assert_eq!(modules[0].marks.retries, Some(2));
    assert_eq!(modules[0].marks.tags, ["slow"]);
    assert_eq!(modules[0].marks.timeout_ms, Some(1_000));
    assert!(modules[0].marks.abort_on_xfail);
}
