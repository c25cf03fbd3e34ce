//! The program, as `windtunnel verify` calls it.

use std::process::Command;

#[test]
fn a_folder_without_cases_names_the_families() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");
    let program = env!("CARGO_BIN_EXE_windtunnel-verify");
    let output = Command::new(program).arg(folder).output().expect("runs");
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{words}");
    for family in verify::FAMILIES {
        assert!(words.contains(family.name), "{words}");
    }
}
