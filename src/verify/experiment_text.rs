//! Experiments that judges write: a text, and files that are nowhere else.

use std::path::Path;

use lab::names::Registered;
use scenario::{Color, Experiment, FileLookup, Files, LoadOptions, SearchPath, load};
use world::inputs::inline;

/// The files of an experiment, for its checks.
struct Named<'a>(&'a Files);

impl FileLookup for Named<'_> {
    fn exists(&self, path: &Path) -> bool {
        path.to_str().is_some_and(|name| self.0.contains_key(name))
    }

    fn names_in(&self, _folder: &Path) -> Vec<String> {
        Vec::new()
    }
}

/// The experiment of a text, with the contents of its files by their names.
///
/// # Errors
/// What is wrong with the text.
pub(crate) fn experiment(
    text: &str,
    contents: impl Iterator<Item = (String, String)>,
) -> Result<Experiment, String> {
    let files: Files = contents
        .map(|(name, content)| (name, inline(&content)))
        .collect();
    let options = LoadOptions {
        sets: &[],
        search: &SearchPath::default(),
        lookup: &Named(&files),
        names: &Registered,
    };
    let experiment = load(text, "experiment", options);
    let mut experiment = experiment.map_err(|rejected| rejected.render(Color::Off))?;
    experiment.files = files;
    Ok(experiment)
}
