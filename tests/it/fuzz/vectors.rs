//! Vectors for `verify`, family by family.

use std::fs;
use std::path::{Path, PathBuf};

use verify::{FAMILIES, VerifyOptions};
use windtunnel::intake::Input;

use super::{Kind, project};

/// Length to which a file of vectors is cut: judging takes longer than reading.
const CASES_BYTES: usize = 1 << 13;

/// The files of vectors in the project, by path.
fn vectors(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).expect("a folder of the project");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            vectors(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// The first whole lines of a file.
fn beginning(path: &Path) -> Vec<u8> {
    let text = Input::path(path).read_to_string().expect("a bundled file");
    let mut bytes = text.into_bytes();
    if bytes.len() > CASES_BYTES {
        let end = bytes[..CASES_BYTES].iter().rposition(|byte| *byte == b'\n');
        bytes.truncate(end.map_or(CASES_BYTES, |end| end + 1));
    }
    bytes
}

/// The name of a plain file for a name that may end in `.gz`.
fn plain(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.trim_end_matches(".gz").to_owned()
}

pub(super) fn kinds() -> Vec<Kind> {
    let mut paths = Vec::new();
    vectors(&project("tests/data"), &mut paths);
    let of_family = |family: &'static verify::Family| {
        let mut own = paths.iter().filter(|path| (family.claims)(path));
        own.next().map(|path| {
            let name = plain(path);
            let parent = path.parent().and_then(Path::file_name);
            let parent = parent.unwrap_or_default().to_string_lossy().into_owned();
            Kind::new(
                format!("vectors {}", family.name),
                vec![beginning(path)],
                move |scene, bytes| {
                    let folder = scene.folder.join("vectors").join(&parent);
                    fs::create_dir_all(&folder).expect("a folder for the test");
                    let file = folder.join(&name);
                    fs::write(&file, bytes).expect("a file for the test");
                    let _ = family.judge.run(&[file], &VerifyOptions::default());
                },
            )
        })
    };
    FAMILIES.iter().filter_map(of_family).collect()
}
