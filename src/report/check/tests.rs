//! Forms of checks: `JUnit` and SARIF as their schemas want them, annotations escaped, the
//! headline.

use serde_json::Value as Json;

use super::*;
use lab::check::{CHECK_VERSION, EntryReport, ErrorKind, FoundDivergence};
use lab::objects::{FieldChange, ObjectKey};

fn gate(metric: &str, outcome: Outcome, note: Option<&str>) -> Gate {
    Gate {
        entry: "burst, \"mixed\" <1>".to_owned(),
        metric: metric.to_owned(),
        unit: "s".to_owned(),
        better: metrics::Direction::Lower,
        outcome,
        advisory: false,
        is_acknowledged_here: false,
        limit: "limit ≤ 30 s".to_owned(),
        base: None,
        head: Some(41.5),
        despite_inputs: false,
        judgement: None,
        detectable: None,
        note: note.map(str::to_owned),
        file: "./ci/burst mixed.yaml".to_owned(),
        line: 12,
        rerun: "windtunnel run 'ci/burst mixed.yaml'".to_owned(),
        divergence: Some(FoundDivergence {
            words: "seed 7: pod & node\u{1}".to_owned(),
            look: Some("windtunnel diff a.yaml --baseline b.json".to_owned()),
        }),
        cause: Vec::new(),
    }
}

fn report(gates: Vec<Gate>) -> CheckReport {
    let entry = |name: &str, error: Option<&str>| EntryReport {
        name: name.to_owned(),
        file: "ci/burst.yaml".to_owned(),
        seeds: vec![1, 2],
        digest: "d".to_owned(),
        inputs: "i".to_owned(),
        changes: 10,
        error: error.map(str::to_owned),
        error_kind: error.map(|_| ErrorKind::Invariant),
        rerun: format!("windtunnel run {name}.yaml"),
        ..EntryReport::default()
    };
    CheckReport {
        schema_version: CHECK_VERSION,
        windtunnel: "0.1.0".to_owned(),
        program: "0.1.0".to_owned(),
        suite: "quick".to_owned(),
        file: "ci/quick.yaml".to_owned(),
        entries: vec![
            entry("burst, \"mixed\" <1>", None),
            entry("crash", Some("an invariant\nbroke: 100 %")),
        ],
        gates,
        ..CheckReport::default()
    }
}

fn every_outcome() -> CheckReport {
    report(vec![
        gate("pending_time.p99", Outcome::Regressed, None),
        gate(
            "makespan.total",
            Outcome::DifferentInputs,
            Some("other inputs"),
        ),
        gate(
            "cost.total",
            Outcome::NotMeasurable,
            Some("no node has a price"),
        ),
        gate(
            "turnaround.mean",
            Outcome::Inconclusive,
            Some("about 40 seeds would decide"),
        ),
        gate(
            "first_wait.mean",
            Outcome::Acknowledged,
            Some("until 2026-12-31: known"),
        ),
        gate("digest", Outcome::Equivalent, None),
    ])
}

fn written(report: &CheckReport, form: CheckForm) -> String {
    let mut bytes = Vec::new();
    let options = CheckOptions {
        timestamp: Some("2026-01-02T03:04:05"),
        ..CheckOptions::default()
    };
    write(&mut bytes, report, form, options).expect("a vector takes it");
    String::from_utf8(bytes).expect("text")
}

/// An element of XML.
#[derive(Debug)]
struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    children: Vec<Element>,
}

impl Element {
    fn attribute(&self, name: &str) -> &str {
        let found = self.attributes.iter().find(|(known, _)| known == name);
        found.map_or_else(|| panic!("{} lacks {name}", self.name), |(_, value)| value)
    }

    fn count(&self, name: &str) -> usize {
        self.attribute(name).parse().expect("a count")
    }
}

/// Reads the XML that is written: elements, attributes and text, every tag closed.
fn xml(text: &str) -> Element {
    let mut open = vec![Element {
        name: String::new(),
        attributes: Vec::new(),
        children: Vec::new(),
    }];
    let body = text.split_once("?>").expect("a declaration").1;
    for part in body.split('<').skip(1) {
        let (tag, content) = part.split_once('>').expect("a tag that ends");
        assert!(!content.contains('>'), "{content}");
        if let Some(name) = tag.strip_prefix('/') {
            let closed = open.pop().expect("an open element");
            assert_eq!(closed.name, name);
            open.last_mut().expect("a parent").children.push(closed);
            continue;
        }
        let is_empty = tag.ends_with('/');
        let tag = tag.trim_end_matches('/');
        let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
        let mut attributes = Vec::new();
        while let Some((key, after)) = rest.split_once("=\"") {
            let (value, after) = after.split_once('"').expect("a closed attribute");
            attributes.push((key.trim().to_owned(), value.to_owned()));
            rest = after;
        }
        let element = Element {
            name: name.to_owned(),
            attributes,
            children: Vec::new(),
        };
        if is_empty {
            open.last_mut().expect("a parent").children.push(element);
        } else {
            open.push(element);
        }
    }
    assert_eq!(open.len(), 1, "every element is closed");
    let mut root = open.pop().expect("the document");
    root.children.pop().expect("a root")
}

/// Names that an element may have inside.
type Names = &'static [&'static str];

/// Attributes and children that the strict schema (`junit-10.xsd` of Jenkins' xunit plugin) lets an
/// element have: required attributes, optional ones, children.
const JUNIT: &[(&str, Names, Names, Names)] = &[
    (
        "testsuites",
        &[],
        &["name", "time", "tests", "failures", "errors"],
        &["testsuite"],
    ),
    (
        "testsuite",
        &["name", "tests", "failures", "errors"],
        &[
            "time",
            "skipped",
            "timestamp",
            "hostname",
            "id",
            "package",
            "group",
            "file",
            "log",
            "url",
            "version",
        ],
        &[
            "properties",
            "testcase",
            "system-out",
            "system-err",
            "testsuite",
        ],
    ),
    ("properties", &[], &[], &["property"]),
    ("property", &["name", "value"], &[], &[]),
    (
        "testcase",
        &["name"],
        &["classname", "time", "group"],
        &["skipped", "error", "failure", "system-out", "system-err"],
    ),
    ("skipped", &[], &["type", "message"], &[]),
    ("failure", &[], &["type", "message"], &[]),
    ("error", &[], &["type", "message"], &[]),
];

fn valid(element: &Element) {
    let rule = JUNIT.iter().find(|(name, ..)| *name == element.name);
    let (name, required, optional, children) = rule.expect("an element of the schema");
    for attribute in *required {
        element.attribute(attribute);
    }
    for (attribute, _) in &element.attributes {
        let attribute = attribute.as_str();
        let is_known = required.contains(&attribute) || optional.contains(&attribute);
        assert!(is_known, "{name} has {attribute}");
    }
    for child in &element.children {
        assert!(
            children.contains(&child.name.as_str()),
            "{name} holds {}",
            child.name
        );
        valid(child);
    }
}

#[test]
fn strict_junit_follows_the_schema_of_jenkins() {
    let text = written(&every_outcome(), CheckForm::Junit(Flavor::Strict));
    assert!(!text.contains('\u{1}'), "no character that XML forbids");
    let root = xml(&text);
    valid(&root);
    let all = |name: &str| {
        root.children
            .iter()
            .map(|suite| suite.count(name))
            .sum::<usize>()
    };
    let cases: Vec<&Element> = (root.children.iter())
        .flat_map(|suite| {
            suite
                .children
                .iter()
                .filter(|child| child.name == "testcase")
        })
        .collect();
    let with = |kind: &str| {
        let has = |case: &&&Element| case.children.iter().any(|child| child.name == kind);
        cases.iter().filter(has).count()
    };
    // Totals equal the children.
    assert_eq!((root.count("tests"), all("tests")), (7, cases.len()));
    assert_eq!(
        (root.count("failures"), all("failures"), with("failure")),
        (1, 1, 1)
    );
    assert_eq!(
        (root.count("errors"), all("errors"), with("error")),
        (2, 2, 2)
    );
    assert_eq!((all("skipped"), with("skipped")), (3, 3));
    let mut names: Vec<(&str, &str)> = cases
        .iter()
        .map(|case| (case.attribute("classname"), case.attribute("name")))
        .collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), cases.len(), "names are unique");
}

#[test]
fn extended_junit_says_more() {
    let text = written(&every_outcome(), CheckForm::Junit(Flavor::Extended));
    let root = xml(&text);
    assert_eq!(root.count("skipped"), 3);
    assert_eq!(root.attribute("timestamp"), "2026-01-02T03:04:05");
    assert!(
        text.contains("file=\"./ci/burst mixed.yaml\" line=\"12\""),
        "{text}"
    );
}

/// The constraints of the SARIF 2.1.0 schema and of GitHub on what is written.
#[test]
fn sarif_has_what_schema_and_github_ask_for() {
    let text = written(&every_outcome(), CheckForm::Sarif);
    let log: Json = serde_json::from_str(&text).expect("JSON");
    assert_eq!(log["version"], "2.1.0");
    assert!(
        log["$schema"]
            .as_str()
            .expect("a schema")
            .ends_with("sarif-schema-2.1.0.json")
    );
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
    let results = run["results"].as_array().expect("results");
    assert_eq!(results.len(), 6);
    for rule in rules {
        for text in ["shortDescription", "fullDescription"] {
            assert!(
                rule[text]["text"]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "{rule}"
            );
        }
        assert!(rule["help"]["text"].is_string() && rule["help"]["markdown"].is_string());
    }
    for result in results {
        let index = result["ruleIndex"].as_u64().expect("an index") as usize;
        assert_eq!(rules[index]["id"], result["ruleId"]);
        let level = result["level"].as_str().expect("a level");
        assert!(["error", "warning", "note"].contains(&level));
        assert!(
            result["message"]["text"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        );
        let place = &result["locations"][0]["physicalLocation"];
        let uri = place["artifactLocation"]["uri"].as_str().expect("a uri");
        assert!(
            !uri.starts_with('/') && !uri.starts_with('.') && !uri.contains(' '),
            "{uri}"
        );
        assert!(place["region"]["startLine"].as_u64() >= Some(1));
        let print = result["partialFingerprints"]["windtunnel/v1"].as_str();
        assert_eq!(print.map(str::len), Some(64));
    }
    assert_eq!(results[0]["level"], "error");
}

#[test]
fn annotations_are_escaped_and_few() {
    let gates = (0..30)
        .map(|_| gate("pending_time.p99", Outcome::Regressed, None))
        .collect();
    let text = written(&report(gates), CheckForm::Github);
    let errors = text
        .lines()
        .filter(|line| line.starts_with("::error "))
        .count();
    // The crash and the nine worst: ten are shown.
    assert_eq!(errors, 10);
    assert!(text.contains("::an invariant; broke: 100 %25"), "{text}");
    assert!(
        text.contains("title=burst%2C \"mixed\" <1> pending time%2C p99::"),
        "{text}"
    );
    assert!(text.lines().all(|line| line.starts_with("::")), "{text}");
}

#[test]
fn the_headline_is_the_most_severe() {
    let mut of = every_outcome();
    assert!(
        headline(&of).starts_with("crash could not be run: "),
        "{}",
        headline(&of)
    );
    of.entries.pop();
    assert_eq!(
        headline(&of),
        "burst, \"mixed\" <1>: pending time, p99 is 41.5 s (limit ≤ 30 s)."
    );
    of.gates.remove(0);
    assert!(
        headline(&of).ends_with("can't be compared: other inputs."),
        "{}",
        headline(&of)
    );
    of.gates.remove(0);
    assert_eq!(
        headline(&of),
        "No gate failed; inconclusive: 1, not measurable: 1 of 4."
    );
    of.gates.drain(..3);
    assert_eq!(headline(&of), "The gate holds.");
}

#[test]
fn markdown_carries_its_mark_and_folds_what_holds() {
    let text = written(&every_outcome(), CheckForm::Markdown);
    assert!(text.starts_with("<!-- windtunnel:quick -->\n"), "{text}");
    assert!(
        text.contains("<details><summary>1 gate that holds</summary>"),
        "{text}"
    );
    assert!(text.contains("burst, \"mixed\" &lt;1&gt;"), "{text}");
    assert!(!text.contains("<1>"), "{text}");
}

#[test]
fn benchmarks_are_a_list_of_values() {
    let more = written(&every_outcome(), CheckForm::Benchmark(Better::Bigger));
    assert_eq!(more.trim(), "[]", "all of these are better when less");
    let text = written(&every_outcome(), CheckForm::Benchmark(Better::Smaller));
    let list: Json = serde_json::from_str(&text).expect("JSON");
    for item in list.as_array().expect("a list") {
        assert!(item["name"].is_string() && item["unit"].is_string() && item["value"].is_number());
    }
}

/// A failed gate of an entry, and changes of the input: one of another entry, and two of its own.
fn changed(cause: Vec<Vec<usize>>) -> CheckReport {
    let change = |name: &str, entry: &str, line: u64| FieldChange {
        object: ObjectKey {
            kind: "Deployment".to_owned(),
            namespace: "shop".to_owned(),
            name: name.to_owned(),
        },
        field: "requests.cpu".to_owned(),
        base: Some("1".to_owned()),
        head: Some("2".to_owned()),
        file: "web.yaml".to_owned(),
        line: Some(line),
        entries: vec![entry.to_owned()],
        item: None,
    };
    let mut failed = gate("makespan.total", Outcome::Regressed, None);
    failed.cause = cause;
    let own = failed.entry.clone();
    CheckReport {
        changes: vec![
            change("other", "x", 3),
            change("web", &own, 14),
            change("api", &own, 40),
        ],
        ..report(vec![failed])
    }
}

#[test]
fn every_form_names_the_changes_behind_a_gate() {
    let web = "because: Deployment shop/web requests.cpu 1 → 2 (web.yaml:14)";
    let all = changed(Vec::new());
    for form in [
        CheckForm::Table,
        CheckForm::Markdown,
        CheckForm::Github,
        CheckForm::CodeQuality,
        CheckForm::Junit(Flavor::Strict),
        CheckForm::Sarif,
    ] {
        let text = written(&all, form);
        assert!(text.contains(web), "{form:?}: {text}");
        assert!(
            text.contains("shop/api") && !text.contains("shop/other"),
            "{form:?}: {text}"
        );
    }
    let github = written(&all, CheckForm::Github);
    assert!(
        github.contains("::error file=web.yaml,line=14,"),
        "{github}"
    );
    let issues: Json = serde_json::from_str(&written(&all, CheckForm::CodeQuality)).expect("JSON");
    let issue = issues.as_array().and_then(|all| all.last());
    assert_eq!(issue.expect("an issue")["location"]["lines"]["begin"], 14);
    let sarif: Json = serde_json::from_str(&written(&all, CheckForm::Sarif)).expect("JSON");
    let result = &sarif["runs"][0]["results"][0];
    let line = |location: &Json| location["physicalLocation"]["region"]["startLine"].clone();
    assert_eq!(line(&result["locations"][0]), 14);
    assert_eq!(line(&result["relatedLocations"][0]), 12);
    let json: Json = serde_json::from_str(&written(&all, CheckForm::Json)).expect("JSON");
    assert_eq!(json["changes"][1]["object"], "Deployment shop/web");
}

#[test]
fn a_change_that_alone_brings_a_gate_back_is_the_one_that_is_told() {
    let found = changed(vec![vec![2]]);
    let table = written(&found, CheckForm::Table);
    let api =
        "because: Deployment shop/api requests.cpu 1 → 2 (web.yaml:40); alone brings back burst";
    assert!(
        table.contains(api) && !table.contains("shop/web"),
        "{table}"
    );
    // What was taken back together is one line.
    let both = written(&changed(vec![vec![1, 2]]), CheckForm::Table);
    let words = "requests.cpu 1 → 2 of 2 objects: Deployment shop/api, Deployment shop/web (web.yaml:14); alone";
    assert!(both.contains(words), "{both}");
    let junit = written(&found, CheckForm::Junit(Flavor::Strict));
    assert!(
        junit.contains("(web.yaml:40), which alone brings it back"),
        "{junit}"
    );
}
