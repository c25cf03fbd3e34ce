//! Messages that users see for wrong experiments: every section of
//! `tests/data/scenario/findings.md`.

use snapbox::{Data, assert_data_eq};

use super::*;

const BOOK: &str = "../../tests/data/scenario/findings.md";

/// The findings of a text, as printed without color.
fn rendered(text: &str, sets: &[&str]) -> String {
    match load_with(text, sets) {
        Ok(_) => "accepted\n".to_owned(),
        Err(rejected) => rejected.render(Color::Off),
    }
}

/// The book with every output replaced by what is said now.
fn rerun(book: &str) -> String {
    const INPUT: &str = "```yaml\n";
    const OUTPUT: &str = "```text\n";
    const END: &str = "```\n";
    let mut rerun = String::new();
    let mut rest = book;
    while let Some((before, input)) = rest.split_once(INPUT) {
        let (text, after) = input.split_once(END).expect("an input ends");
        let (between, old) = after
            .split_once(OUTPUT)
            .expect("an output follows an input");
        let (_, tail) = old.split_once(END).expect("an output ends");
        rerun.extend([before, INPUT, text, END, between, OUTPUT]);
        rerun.push_str(&rendered(text, &[]));
        rerun.push_str(END);
        rest = tail;
    }
    rerun.push_str(rest);
    rerun
}

#[test]
fn every_wrong_experiment_is_explained_as_the_book_says() {
    let book = include_str!("../../../tests/data/scenario/findings.md");
    let file = Data::read_from(Path::new(BOOK), None);
    assert_data_eq!(rerun(book), file.raw());
}

#[test]
fn every_finding_code_but_one_is_in_the_book() {
    let book = include_str!("../../../tests/data/scenario/findings.md");
    for code in Code::ALL {
        // Shown by a test of its own, its input is too large for a book.
        assert!(
            code == Code::TooLarge || book.contains(&code.id()),
            "{}",
            code.id()
        );
    }
}

#[test]
fn an_override_of_the_command_line_is_shown_as_it_was_typed() {
    let sets = [
        "system.scheduler.queue=wfp4",
        "cluster.nodes.7.count=1",
        "seed",
    ];
    let expected = "\
error[WT013]: unknown queue policy `wfp4`
 --> --set:1:24
  |
1 | system.scheduler.queue=wfp4
  |                        ^^^^ expected `fcfs`, `sjf`, `wfp3`, `slurm` or `volcano`
  |
help: did you mean `wfp3`?
  |
1 - system.scheduler.queue=wfp4
1 + system.scheduler.queue=wfp3
  |

error[WT017]: the list has no item `7`
 --> --set:1:15
  |
1 | cluster.nodes.7.count=1
  |               ^ expected 0, the position of its only item

error[WT017]: `--set` needs PATH=VALUE
 --> --set:1:1
  |
1 | seed
  | ^^^^ no `=` here
  |
help: for example `--set seed=7`
";
    assert_eq!(rendered(MINIMAL, &sets), expected);
}

#[test]
fn findings_as_json_say_the_same() {
    let text = MINIMAL.replace("jobs: 100", "jobs: 0, job: 1");
    let rejected = load_with(&text, &[]).expect_err("it is wrong");
    let expected = serde_json::json!([
        {
            "code": "WT009", "message": "`jobs` cannot be 0", "label": "expected at least 1",
            "file": "lab.yaml", "line": 9, "column": 39, "endLine": 9, "endColumn": 40,
        },
        {
            "code": "WT004", "message": "workload model `lublin99` takes no `job`",
            "label": "expected only `model`, `jobs` or `file`", "help": "did you mean `jobs`?",
            "file": "lab.yaml", "line": 9, "column": 42, "endLine": 9, "endColumn": 45,
            "replacement": {
                "file": "lab.yaml", "line": 9, "column": 42, "endLine": 9, "endColumn": 45,
                "text": "jobs",
            },
        },
    ]);
    assert_eq!(rejected.to_json(), expected);
}

#[test]
fn too_large_inputs_are_refused() {
    let bomb = "\
a: &a [x, x, x, x, x, x, x, x, x, x]
b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]
c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]
d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]
e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]
f: &f [*e, *e, *e, *e, *e, *e, *e, *e, *e, *e]
g: [*f, *f, *f, *f, *f, *f, *f, *f, *f, *f]
";
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let long = format!("name: {}", "x".repeat(17 << 20));
    for text in [bomb.to_owned(), deep, long] {
        let rejected = load_with(&text, &[]).expect_err("too large");
        let codes: Vec<Code> = rejected.findings.sorted().iter().map(|f| f.code).collect();
        assert_eq!(
            codes,
            [Code::TooLarge],
            "{}",
            rejected.findings.sorted()[0].message
        );
    }
}
