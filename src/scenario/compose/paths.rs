//! Paths of files that compose files name.

/// Path of a file that another one names.
pub(super) fn beside(file: &str, named: &str) -> String {
    let is_absolute = named.starts_with('/');
    match file.rsplit_once('/') {
        Some((folder, _)) if !is_absolute => format!("{folder}/{named}"),
        _ => named.to_owned(),
    }
}

/// A path without steps that lead nowhere, so that a file has one path.
pub(super) fn plain(path: &str) -> String {
    let mut steps: Vec<&str> = Vec::new();
    for (number, step) in path.split('/').enumerate() {
        match step {
            "." => {}
            "" if number > 0 => {}
            ".." if !matches!(steps.last(), None | Some(&(".." | ""))) => {
                steps.pop();
            }
            _ => steps.push(step),
        }
    }
    steps.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_one_path() {
        for (path, expected) in [
            ("compose.yaml", "compose.yaml"),
            ("./a//b/../compose.yaml", "a/compose.yaml"),
            ("a/../../b.yaml", "../b.yaml"),
            ("/a/./../b.yaml", "/b.yaml"),
            ("../../b.yaml", "../../b.yaml"),
        ] {
            assert_eq!(plain(path), expected);
        }
        assert_eq!(beside("a/b.yaml", "c.yaml"), "a/c.yaml");
    }
}
