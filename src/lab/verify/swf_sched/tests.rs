//! Windows against the recorded figures, and how bad input is told.

use super::*;

fn shared(path: &str) -> Option<std::path::PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared")
        .join(path);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: needs ../shared/{}", path.display());
    None
}

#[test]
fn all() {
    let (Some(files), Some(traces)) = (shared("vectors/swf-sched"), shared("traces")) else {
        return;
    };
    let report = verify(&files, &traces);
    println!("{report:#?}");
    assert_eq!((report.failed, report.unsupported), (0, 0));
}
