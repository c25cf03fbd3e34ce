//! Files that are cut off within a line or a compressed block: a download that broke off, or a log that
//! still grows. Readers of lines read them up to the last whole one.

use crate::prelude::*;

/// Formats of which a file is one JSON text.
pub(super) const WHOLE: [&str; 8] = [
    "batsim",
    "ecs",
    "kubernetes-events",
    "marathon",
    "nomad",
    "philly",
    "simkube",
    "wfformat",
];

/// The first bytes of a Parquet file.
const PARQUET: &[u8] = b"PAR1";

/// Checks that a file that may be cut off is read line by line in a format.
///
/// # Errors
/// It is read as a whole, so that nothing of a part can be read; or it can't be read at all.
pub fn check_cut_off(input: &Input, format: &FormatEntry) -> Result<(), TraceError> {
    let is_whole = input.is_cut_off()
        && (WHOLE.contains(&format.name) || {
            let first = input.first_bytes()?;
            // An answer to a query; samples in the exposition format are lines.
            let is_answer = format.name == "prometheus" && first.starts_with(b"{");
            is_answer || first.starts_with(PARQUET)
        });
    if !is_whole {
        return Ok(());
    }
    Err(TraceError::Format {
        file: input.name.to_string(),
        reason: format!(
            "a file that is cut off is read up to its last whole line, and this one of the format `{}` has no \
             lines: it is read as a whole; copy all of it, and leave `--cut-off` (`cutOff` in an experiment) out",
            format.name
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_without_lines_refuses_to_be_cut_off() {
        let find = |name| crate::registry::find(name).expect("a format");
        let half = Input::bytes("log.json", &b"[{\"jobid\""[..]);
        assert_eq!(check_cut_off(&half, find("philly")), Ok(()));
        let told = check_cut_off(&half.cut_off(), find("philly"));
        let told = told.expect_err("a whole").to_string();
        assert!(
            told.starts_with("log.json: ") && told.contains("`philly`"),
            "{told}"
        );
        let parquet = Input::bytes("a.parquet", &b"PAR1..."[..]).cut_off();
        assert!(check_cut_off(&parquet, find("csv")).is_err());
        let lines = Input::bytes("a.csv", &b"submit\n0\n"[..]).cut_off();
        assert_eq!(check_cut_off(&lines, find("csv")), Ok(()));
    }
}
