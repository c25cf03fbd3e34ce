//! Data that a report carries for programs that find only the report: the summary and the
//! scenarios, as JSON in the page.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use lab::compare::RecordedStudy;
use lab::summary::{SCHEMA_VERSION, Summary};
use lab::travel::Fork;

/// Id of the element that holds the summary.
const SUMMARY: &str = "windtunnel-summary";

/// Id of the element that holds the scenarios.
const SCENARIOS: &str = "windtunnel-scenarios";

/// Id of the element that holds the record of a comparison.
const STUDY: &str = "windtunnel-comparison";

/// Scenario in a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmbeddedScenario {
    /// Name of the run.
    pub run: String,
    /// Hash of the scenario.
    pub hash: String,
    /// Text of the scenario; paths start from the folder of the report.
    pub text: String,
    /// Fork from another run, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fork: Option<Fork>,
}

/// Data that a report carries.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedded {
    /// Summary of all runs.
    pub summary: Summary,
    /// Scenarios of the runs, each once.
    pub scenarios: Vec<EmbeddedScenario>,
    /// Record of the comparison that made the runs, if one did.
    pub study: Option<RecordedStudy>,
}

/// Reads the data that a report carries.
///
/// # Errors
/// In words, why it cannot be read.
pub fn read(html: &str) -> Result<Embedded, String> {
    let summary = element(html, SUMMARY)
        .ok_or("it is not a windtunnel report (it contains no summary); give its report.html")?;
    let version = summary.get("schemaVersion").and_then(Json::as_u64);
    if version.is_none_or(|version| version > u64::from(SCHEMA_VERSION)) {
        return Err("it was written by a newer windtunnel; use that one".to_owned());
    }
    let damaged = |error: serde_json::Error| format!("it is damaged ({error}); render it again");
    let summary: Summary = serde_json::from_value(summary).map_err(damaged)?;
    let scenarios = element(html, SCENARIOS).ok_or(
        "it contains no scenario, so it can't be run again; render it again with `windtunnel \
         report`, or give the result folder",
    )?;
    let scenarios: Vec<EmbeddedScenario> = serde_json::from_value(scenarios).map_err(damaged)?;
    if scenarios.is_empty() || scenarios.iter().any(|scenario| scenario.text.is_empty()) {
        return Err("one of its runs has no scenario.yaml, so it can't be run again".to_owned());
    }
    let study = element(html, STUDY).filter(|study| !study.is_null());
    let study = study.map(|study| RecordedStudy::read(&study.to_string()));
    Ok(Embedded {
        summary,
        scenarios,
        study: study.transpose()?.flatten(),
    })
}

/// JSON in an element of the page. None of its text can end the element.
fn element(html: &str, id: &str) -> Option<Json> {
    let begin = format!("<script type=\"application/json\" id=\"{id}\">");
    let (_, rest) = html.split_once(&begin)?;
    let (json, _) = rest.split_once("</script>")?;
    serde_json::from_str(json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_page_lacks_is_told() {
        let page = |id: &str, json: &str| {
            format!("<p></p><script type=\"application/json\" id=\"{id}\">{json}</script>")
        };
        let check = |html: &str, part: &str| {
            let told = read(html).expect_err(part);
            assert!(told.contains(part), "{told}");
        };
        check("<p>", "it is not a windtunnel report");
        check(&page(SUMMARY, "{"), "it is not a windtunnel report");
        check(&page(SUMMARY, "{}"), "written by a newer windtunnel");
        check(
            &page(SUMMARY, "{\"schemaVersion\":99}"),
            "written by a newer windtunnel",
        );
        check(&page(SUMMARY, "{\"schemaVersion\":1}"), "it is damaged");
        let summary = "{\"schemaVersion\":1,\"windtunnel\":\"1\",\"name\":\"n\",\"description\":\"\",\
                       \"scenarioHash\":\"\",\"inputs\":[],\"variants\":[]}";
        check(&page(SUMMARY, summary), "it contains no scenario");
        let both =
            |scenarios: &str| format!("{}{}", page(SUMMARY, summary), page(SCENARIOS, scenarios));
        check(&both("[]"), "has no scenario.yaml");
        let empty = "[{\"run\":\"a\",\"hash\":\"b\",\"text\":\"\"}]";
        check(&both(empty), "has no scenario.yaml");
        let whole = read(&both("[{\"run\":\"a\",\"hash\":\"b\",\"text\":\"c\"}]"));
        assert_eq!(whole.expect("a report").scenarios.len(), 1);
    }
}
