//! What is typed at the server.

use std::process::Command;

use super::site::Folder;

fn told(folder: &Folder, words: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_windtunnel-serve"))
        .args(words)
        .current_dir(folder.root())
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    (output.status.code(), text)
}

#[test]
fn wrong_words_are_told() {
    let folder = Folder::new("words");
    folder.file("mine.yaml", "windtunnel: v1\n");
    for (words, part) in [
        (&["gone"][..], "gone"),
        (&["mine.yaml"], "the second word is the experiment"),
        (&["results", "/etc/hosts"], "not below the folder of --root"),
        (&["--root", "gone"], "gone"),
        (&["--live", "gone"], "--live gone"),
        (&["--port", "99999"], "--port"),
    ] {
        let (code, text) = told(&folder, words);
        assert!(code == Some(2) && text.contains(part), "{words:?}: {text}");
    }
    let (code, help) = told(&folder, &["--help"]);
    assert!(
        code == Some(0) && help.contains("windtunnel serve"),
        "{help}"
    );
}
