//! The list of providers: those in the program, and those an installation adds in a folder of its own.

use super::plugin::CataloguePlugin;
use crate::Plugin;
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));

/// Largest file; the longest of ours has a few hundred lines.
const LARGEST_FILE: u64 = 256 * 1024;
/// Most files of a folder.
const MOST_FILES: usize = 1_000;

/// What is wrong with a provider's file, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct CatalogueError {
    /// The file.
    pub file: String,
    /// The line, from 1; none where it is about the whole.
    pub line: Option<usize>,
    /// What is wrong and what to do.
    pub reason: String,
}

impl fmt::Display for CatalogueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}, line {line}: {}", self.file, self.reason),
            None => write!(f, "{}: {}", self.file, self.reason),
        }
    }
}

/// All preconfigured providers by their labels: those of the program, and over them the files of this folder. A file of
/// the folder takes the place of the one of its name.
///
/// # Errors
/// The first file of the folder that is wrong; nothing is used then, because a gateway may need just that one.
pub fn catalogue(folder: Option<&Path>) -> Result<Vec<Arc<dyn Plugin>>, CatalogueError> {
    let mut plugins: BTreeMap<String, CataloguePlugin> = BTreeMap::new();
    for (name, text) in FILES {
        plugins.insert((*name).to_owned(), CataloguePlugin::parse(&format!("{name}.toml"), text)?);
    }
    for path in folder.map(files).transpose()?.unwrap_or_default() {
        let plugin = CataloguePlugin::read(&path)?;
        plugins.insert(plugin.name().to_owned(), plugin);
    }
    let mut plugins: Vec<CataloguePlugin> = plugins.into_values().collect();
    plugins.sort_by_key(|plugin| plugin.label().to_lowercase());
    Ok(plugins.into_iter().map(|plugin| Arc::new(plugin) as Arc<dyn Plugin>).collect())
}

fn files(folder: &Path) -> Result<Vec<std::path::PathBuf>, CatalogueError> {
    let wrong = |reason: String| CatalogueError { file: folder.display().to_string(), line: None, reason };
    let entries = fs::read_dir(folder).map_err(|error| {
        wrong(format!("the catalogue's folder cannot be read: {error}; correct catalogue_dir"))
    })?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| wrong(format!("the folder cannot be read: {error}")))?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
        if paths.len() > MOST_FILES {
            return Err(wrong(format!("there are more than {MOST_FILES} files in it")));
        }
    }
    paths.sort();
    Ok(paths)
}

impl CataloguePlugin {
    /// The provider in a file.
    ///
    /// # Errors
    /// What is wrong with it, and in which line.
    pub fn read(path: &Path) -> Result<Self, CatalogueError> {
        let name = path.display().to_string();
        let wrong = |error: std::io::Error| CatalogueError {
            file: name.clone(),
            line: None,
            reason: error.to_string(),
        };
        let mut text = String::new();
        // What is opened must end: a pipe would keep the program from starting.
        if !fs::metadata(path).map_err(wrong)?.is_file() {
            let reason = "it is no file; remove it from the folder".to_owned();
            return Err(CatalogueError { file: name, line: None, reason });
        }
        let file = fs::File::open(path).map_err(wrong)?;
        file.take(LARGEST_FILE + 1).read_to_string(&mut text).map_err(wrong)?;
        if text.len() as u64 > LARGEST_FILE {
            let reason = format!("it is larger than {} KiB", LARGEST_FILE / 1024);
            return Err(CatalogueError { file: name, line: None, reason });
        }
        Self::parse(&name, &text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folders_file_takes_the_place_of_the_programs_and_adds_others() {
        let folder = tempfile::tempdir().unwrap();
        let (_, twilio) = FILES.iter().find(|(name, _)| *name == "twilio").unwrap();
        let changed = twilio.replacen("label = \"", "label = \"Own ", 1);
        fs::write(folder.path().join("twilio.toml"), &changed).unwrap();
        fs::write(
            folder.path().join("mine.toml"),
            changed.replacen("name = \"twilio\"", "name = \"mine\"", 1),
        )
        .unwrap();
        fs::write(folder.path().join("notes.txt"), "no provider").unwrap();
        let all = catalogue(Some(folder.path())).unwrap();
        assert_eq!(all.len(), FILES.len() + 1);
        let label = |name: &str| all.iter().find(|p| p.name() == name).unwrap().label().to_owned();
        assert!(label("twilio").starts_with("Own ") && label("mine").starts_with("Own "));
    }

    #[test]
    fn a_wrong_file_is_told_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("bad.toml"), "name = \"bad\"\nlabel = 3\n").unwrap();
        let error = catalogue(Some(folder.path())).err().unwrap();
        assert_eq!(error.line, Some(2), "{error}");
        assert!(error.to_string().contains("bad.toml, line 2: "), "{error}");
        assert!(catalogue(Some(&folder.path().join("nowhere"))).is_err());
    }

    #[test]
    fn providers_are_listed_by_label() {
        let labels: Vec<String> =
            catalogue(None).unwrap().iter().map(|plugin| plugin.label().to_lowercase()).collect();
        assert!(labels.is_sorted() && !labels.is_empty());
    }
}
