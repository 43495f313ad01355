//! What every charm can be asked without a line of test: it is deployed, scaled, related to a stand-in, and removed. Each of these
//! tests is a module of its own, `every_charm::generic::relate` and so on, so each has a fresh model.

charmtest::generic_tests!(charm = "charms/reader", only(deploy, scale, relate, remove));
