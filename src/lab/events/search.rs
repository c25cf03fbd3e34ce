//! The search through the log of a result folder, with the alerts and faults of its report.

use std::path::Path;

use history::ReportData;
use intake::{Input, TraceError};
use units::Instant;

use super::incidents::incidents;
use super::{EVENTS_FILE, EventLine};

/// Search criteria; omitted ones match everything.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Objects whose name has this in it.
    pub object: Option<String>,
    /// Events of this kind.
    pub kind: Option<String>,
    /// Events of this variant.
    pub variant: Option<String>,
    /// Events from here on.
    pub from: Option<Instant>,
    /// Events until here.
    pub to: Option<Instant>,
}

impl Search {
    fn finds(&self, line: &EventLine) -> bool {
        let has = |wanted: &Option<String>, own: &str| wanted.as_ref().is_none_or(|it| it == own);
        self.object
            .as_ref()
            .is_none_or(|object| line.object.contains(object.as_str()))
            && has(&self.kind, &line.kind)
            && has(&self.variant, &line.variant)
            && self.from.is_none_or(|from| line.time_ns >= from.as_nanos())
            && self.to.is_none_or(|to| line.time_ns <= to.as_nanos())
    }
}

/// The lines of a result folder that are looked for, by variant and time. Whether the run left its
/// events: without them there are alerts and faults alone.
///
/// # Errors
/// If the file of events can't be read.
pub fn search(
    folder: &Path,
    report: &ReportData,
    search: &Search,
) -> Result<(Vec<EventLine>, bool), TraceError> {
    let mut found = Vec::new();
    for variant in &report.variants {
        found.extend(
            incidents(variant)
                .into_iter()
                .filter(|line| search.finds(line)),
        );
    }
    let path = folder.join(EVENTS_FILE);
    let has_events = path.exists();
    if has_events {
        let mut lines = Input::path(&path).lines()?;
        while let Some((number, text)) = lines.next_line()? {
            if text.is_empty() {
                continue;
            }
            let line: EventLine =
                serde_json::from_slice(text).map_err(|error| TraceError::Format {
                    file: path.display().to_string(),
                    reason: format!(
                        "line {number} is not an event: {error}; run the experiment \
                        again"
                    ),
                })?;
            if search.finds(&line) {
                found.push(line);
            }
        }
    }
    let order = |name: &str| {
        report
            .variants
            .iter()
            .position(|variant| variant.name == name)
    };
    found.sort_by_key(|line| (order(&line.variant), line.time_ns));
    Ok((found, has_events))
}
