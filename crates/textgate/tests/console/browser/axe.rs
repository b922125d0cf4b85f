//! axe-core: the rules of accessibility (WCAG 2.2 AA) that every page is held to.

use super::Browser;
use crate::kit::npm;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The package in the source tree.
const HOME: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/console/axe");

static MODULES: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| npm::modules(Path::new(HOME), "axe"));

/// Runs after axe-core itself, and answers one line for each violation.
const RUN: &str = r"
const done = arguments[arguments.length - 1];
axe.run(document, {
  runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  resultTypes: ['violations'],
}).then(
  found => done(found.violations.flatMap(v => v.nodes.map(n => v.id + ' (' + v.help + '): ' + n.html + ' — ' + n.failureSummary))),
  error => done([String(error)]),
);
";

impl Browser {
    /// Asserts that the page breaks no rule of axe-core's.
    pub async fn axe(&self, page: &str) {
        let modules = match &*MODULES {
            Ok(modules) => modules,
            Err(why) => return npm::not_run("axe-core", why),
        };
        let axe = std::fs::read_to_string(modules.join("axe-core/axe.min.js")).unwrap();
        let is_there = self.script("return typeof axe !== 'undefined'").await;
        if is_there != true {
            // The driver's scripts are not the page's: its policy does not hold them.
            self.client.execute(&axe, Vec::new()).await.unwrap();
        }
        let found = self.client.execute_async(RUN, Vec::new()).await.unwrap();
        let found: Vec<&str> = found.as_array().unwrap().iter().filter_map(|line| line.as_str()).collect();
        assert!(found.is_empty(), "{page}:\n{}", found.join("\n"));
    }
}
