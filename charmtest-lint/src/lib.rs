//! Static checks of charms, bundles and their tests.
