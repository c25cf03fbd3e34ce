//! The tables of a run read back by pyarrow, pandas and `DuckDB` (`tests/readers.py`).

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use windtunnel::lab::columns::{Column, PODS, SERIES};

/// What the script ends with where a package is missing.
const MISSING: i32 = 77;

const NEEDED: &str = "skipped: needs python3 with pandas, pyarrow and duckdb";

fn columns(columns: &[Column]) -> Value {
    let columns = columns
        .iter()
        .map(|column| json!([column.name, column.kind.name(), column.absent.is_some()]));
    columns.collect()
}

#[test]
fn other_readers_find_the_same_rows() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let expected = json!({
        "timeseries": columns(SERIES.columns),
        "pods": columns(PODS.columns),
    });
    for scenario in ["small-cluster", "gpu-packing"] {
        let out = std::env::temp_dir().join(format!(
            "windtunnel-readers-{scenario}-{}",
            std::process::id()
        ));
        let run = Command::new(env!("CARGO_BIN_EXE_windtunnel"))
            .arg("run")
            .arg(project.join(format!("scenarios/{scenario}.yaml")))
            .args([
                "--quiet",
                "--force",
                "--decisions",
                "--tables",
                "both",
                "--out",
            ])
            .arg(&out)
            .output()
            .expect("the program starts");
        assert!(
            run.status.success(),
            "{}",
            String::from_utf8_lossy(&run.stderr)
        );
        let read = read_with_python(&project.join("tests/readers.py"), &out, &expected);
        std::fs::remove_dir_all(&out).expect("the folder is removed");
        match read {
            Ok(told) => print!("{told}"),
            Err(reason) => return println!("{NEEDED}: {reason}"),
        }
    }
}

/// What the script says; an error where Python or a package is missing.
fn read_with_python(script: &Path, folder: &Path, columns: &Value) -> Result<String, String> {
    let mut python = Command::new("python3")
        .arg(script)
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut input = python.stdin.take().expect("invariant: it is piped");
    // A script that ends before it reads tells why by its exit code.
    let _ = write!(input, "{columns}");
    drop(input);
    let output = python
        .wait_with_output()
        .map_err(|error| error.to_string())?;
    let told = String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned();
    match output.status.code() {
        Some(0) => Ok(format!("{told}\n")),
        Some(MISSING) => Err(told),
        _ => panic!("{told}\n{}", String::from_utf8_lossy(&output.stderr)),
    }
}
