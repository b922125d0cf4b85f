//! Packages of npm that tests need: installed in the target directory, once for each version.

use std::fs;
use std::io::{Error, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The modules of the package in `home`, a folder of the source tree with its `package-lock.json`; or why they are not there.
pub fn modules(home: &Path, name: &str) -> Result<PathBuf, String> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let failed = |what: &str, error: Error| format!("{what}: {error}");
    let run = |command: &mut Command| {
        let output = command.stdin(Stdio::null()).output();
        output.map_err(|error| failed("Node.js and npm are needed (apt-get install nodejs npm)", error))
    };
    run(Command::new("node").arg("--version"))?;
    fs::create_dir_all(&dir).map_err(|error| failed("its directory cannot be made", error))?;
    // Tests run in parallel, in threads or in processes.
    let lock = fs::File::create(dir.join("lock")).map_err(|error| failed("no lock", error))?;
    lock.lock().map_err(|error| failed("no lock", error))?;
    let wanted = fs::read(home.join("package-lock.json")).unwrap();
    let (modules, installed) = (dir.join("node_modules"), dir.join("installed.json"));
    if fs::read(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(modules);
    }
    for name in ["package.json", "package-lock.json"] {
        fs::copy(home.join(name), dir.join(name)).map_err(|error| failed(name, error))?;
    }
    let ci = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
    let npm = run(Command::new("npm").args(ci).current_dir(&dir))?;
    if !npm.status.success() {
        return Err(format!("npm ci failed: {}", String::from_utf8_lossy(&npm.stderr)));
    }
    fs::write(installed, wanted).map_err(|error| failed("installed, but not noted", error))?;
    Ok(modules)
}

/// For a test that this machine cannot run: fails in CI, and tells elsewhere.
pub fn not_run(test: &str, why: &str) {
    if std::env::var_os("CI").is_some_and(|ci| ci != "false" && !ci.is_empty()) {
        panic!("{why}");
    }
    // Past the test harness, which shows what a passing test prints to nobody.
    let _ = writeln!(std::io::stderr(), "NOT RUN: {test}: {why}");
}
