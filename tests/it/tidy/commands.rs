//! Commands that the documentation tells to type: each names what there is.

use std::path::Path;

use windtunnel::units::{SortedMap, SortedSet};

use super::{root, sources};
use crate::scratch::{output, stderr};

/// A command of a page, in words.
struct Command {
    page: String,
    words: Vec<String>,
}

#[test]
fn typed_commands_can_work() {
    let mut known = Known::default();
    let mut wrong = Vec::new();
    let typed = typed();
    assert!(typed.len() > 150, "{} commands", typed.len());
    for Command { page, words } in typed {
        if let Err(why) = known.check(&words) {
            wrong.push(format!("{page}: `{}`: {why}", words.join(" ")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_can_not_work_is_found() {
    let mut known = Known::default();
    for (line, why) in [
        ("cargo bench --bench nothing", "no benchmark `nothing`"),
        ("cargo test --test itt", "no test `itt`"),
        ("cargo test --features lives", "no feature `lives`"),
        ("cargo test --test it -- nowhere::x", "no module `nowhere`"),
        (
            "cargo run --manifest-path benches/peer/Cargo.toml",
            "no file",
        ),
        ("cargo bnech", "no command of cargo"),
        ("cargo bench -- --save-baseline x", "not every benchmark"),
        ("windtunnel runs mine.yaml", "no command `runs`"),
        ("windtunnel run mine.yaml --sed 7", "no option `--sed`"),
        ("windtunnel run scenarios/none.yaml", "no file"),
        ("python3 benches/system.py", "no file"),
    ] {
        let said = known.check(&words(line)).expect_err(line);
        assert!(said.contains(why), "{line}: {said}");
    }
}

/// What the package of other simulators has from the benchmarks names no crate of the workspace, which it
/// does not see.
#[test]
fn shared_benchmarks_name_windtunnel_alone() {
    let layers: Vec<String> = std::fs::read_dir(root().join("src"))
        .expect("a folder of layers")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    let sources = sources(&["benches"]);
    let mut shared = 0;
    for peer in sources
        .iter()
        .filter(|own| own.path.starts_with("benches/peers/"))
    {
        for path in peer.code.split("#[path = \"../../").skip(1) {
            let path = format!("benches/{}", path.split('"').next().unwrap_or_default());
            let own = sources
                .iter()
                .find(|own| own.path == path)
                .expect("a file that is there");
            shared += 1;
            for layer in &layers {
                for (at, _) in own.code.match_indices(&format!("{layer}::")) {
                    let before = own.code[..at].chars().next_back().unwrap_or(' ');
                    let is_whole = !(before.is_alphanumeric() || before == '_' || before == ':');
                    assert!(
                        !is_whole,
                        "{path}: `{layer}::` is `windtunnel::{layer}::` there"
                    );
                }
            }
        }
    }
    assert_eq!(shared, 2);
}

/// Other simulators are built by nobody but `benches/run`: their package stands outside of the workspace, and
/// its lock names what windtunnel needs by now.
#[test]
fn the_package_of_other_simulators_is_up_to_date() {
    let folder = root().join("benches/peers");
    let manifest = text(&folder.join("Cargo.toml"));
    assert!(manifest.contains("\n[workspace]"), "a workspace of its own");
    let lock = text(&folder.join("Cargo.lock"));
    let mut packages: SortedMap<&str, &str> = SortedMap::new();
    for package in lock.split("[[package]]\n").skip(1) {
        let name = package
            .strip_prefix("name = \"")
            .and_then(|rest| rest.split('"').next());
        packages.insert(name.expect("a name"), package);
    }
    let mut open = vec![("windtunnel".to_owned(), root().join("Cargo.toml"))];
    while let Some((name, path)) = open.pop() {
        let Some(locked) = packages.get(&*name) else {
            panic!("benches/peers/Cargo.lock lacks `{name}`");
        };
        let manifest = text(&path);
        let needs = manifest
            .split("\n[dependencies]\n")
            .nth(1)
            .unwrap_or_default();
        for line in needs.lines().take_while(|line| !line.starts_with('[')) {
            let Some((need, rest)) = line.split_once(['.', ' ']) else {
                continue;
            };
            if rest.contains("optional = true") {
                continue;
            }
            assert!(
                locked.contains(&format!(" \"{need}\"")) || locked.contains(&format!(" \"{need} ")),
                "benches/peers/Cargo.lock: `{name}` lacks `{need}`"
            );
            let layer = need.strip_prefix("windtunnel-");
            if let Some(layer) = layer.filter(|_| packages.contains_key(need)) {
                open.push((
                    need.to_owned(),
                    root().join("src").join(layer).join("Cargo.toml"),
                ));
            }
        }
        packages.remove(&*name);
        // Each is looked at once, by whoever needs it first.
        open.retain(|(next, _)| packages.contains_key(&**next));
        open.dedup();
    }
}

/// Property tests draw the same cases everywhere, and write nothing beside the sources.
#[test]
fn property_tests_have_one_seed_and_keep_no_files() {
    let config = text(&root().join(".cargo/config.toml"));
    assert!(config.contains("PROPTEST_RNG_SEED = { value = \"1\", force = false }"));
    assert!(config.contains("PROPTEST_DISABLE_FAILURE_PERSISTENCE"));
    for folder in ["src/proptest-regressions", "tests/proptest-regressions"] {
        assert!(
            !root().join(folder).exists(),
            "{folder}: write a test of the case"
        );
    }
    for source in sources(&["src", "tests", "benches"]) {
        let own = concat!("rng", "_seed");
        assert!(!source.code.contains(own), "{}: another seed", source.path);
    }
}

/// What commands may name.
#[derive(Default)]
struct Known {
    /// Options of the commands of the program, as its help has them; `None` of what is no command.
    options: SortedMap<String, Option<SortedSet<String>>>,
}

impl Known {
    fn check(&mut self, words: &[String]) -> Result<(), String> {
        // Settings of the environment come first.
        let is_setting = |word: &&String| {
            let name = word.split_once('=').map(|(name, _)| name);
            name.is_some_and(|name| {
                name.chars()
                    .all(|own| own.is_ascii_uppercase() || own == '_')
            })
        };
        let count = words.iter().take_while(is_setting).count();
        let Some((program, rest)) = words[count..].split_first() else {
            return Ok(());
        };
        match &**program {
            "cargo" => self.cargo(rest),
            "windtunnel" | "target/release/windtunnel" => self.windtunnel(rest),
            "python3" if rest.first().is_some_and(|word| word == "-m") => Ok(()),
            "python3" | "bash" => rest.first().map_or(Ok(()), |file| there(file)),
            "mdbook" => there("docs/book.toml"),
            "cp" => rest
                .iter()
                .filter(|word| !word.starts_with('-'))
                .take(1)
                .try_for_each(|from| there(from.strip_prefix("../").unwrap_or(from))),
            file if file.starts_with("benches/") || file.starts_with(".ci/") => there(file),
            file if file.starts_with("target/") => {
                let files = rest.windows(2).filter(|pair| pair[0] == "-r");
                files.map(|pair| &pair[1]).try_for_each(|file| there(file))
            }
            _ => Ok(()),
        }
    }

    fn cargo(&mut self, words: &[String]) -> Result<(), String> {
        let Some((command, rest)) = words.split_first() else {
            return Ok(());
        };
        let end = rest.iter().position(|word| word == "--");
        let (own, after) = rest.split_at(end.unwrap_or(rest.len()));
        let after = after.get(1..).unwrap_or_default();
        let known = [
            "run", "test", "bench", "build", "install", "check", "doc", "clippy", "fmt",
        ];
        if !known.contains(&&**command) {
            return Err("no command of cargo".into());
        }
        let manifest = text(&root().join("Cargo.toml"));
        let (mut is_own, mut benches, mut filter) = (true, Vec::new(), None);
        let mut own = own.iter();
        while let Some(word) = own.next() {
            let mut value = || own.next().map_or("", |word| &**word);
            match &**word {
                "--bench" => {
                    let name = value();
                    declared(&manifest, "bench", name).ok_or(format!("no benchmark `{name}`"))?;
                    benches.push(name.to_owned());
                }
                "--test" => {
                    let name = value();
                    test(name).ok_or(format!("no test `{name}`"))?;
                }
                "--features" => {
                    let name = value();
                    if !manifest.contains(&format!("\n{name} = [")) {
                        return Err(format!("no feature `{name}`"));
                    }
                }
                "-p" | "--package" => {
                    let name = value().trim_start_matches("windtunnel-");
                    if name != "NAME" && !root().join("src").join(name).exists() {
                        return Err(format!("no package `{name}`"));
                    }
                }
                "--manifest-path" => {
                    is_own = false;
                    there(value())?;
                }
                "--path" => there(value())?,
                "--target-dir" | "--profile" | "--bin" => {
                    value();
                }
                "--release" | "--benches" | "--locked" | "--no-deps" => {}
                word if word.starts_with('-') => return Err(format!("no option `{word}` here")),
                word => filter = Some(word.to_owned()),
            }
        }
        match &**command {
            "run" if is_own => self.windtunnel(after),
            "test" => {
                let names = after.iter().filter(|word| !word.starts_with('-')).cloned();
                names.chain(filter).try_for_each(|name| module(&name))
            }
            // Those that print tables keep nothing.
            "bench" if after.iter().any(|word| word.ends_with("baseline")) => {
                let keep = ["runs", "engine", "kube", "synthetic"];
                let all = !benches.is_empty() && benches.iter().all(|name| keep.contains(&&**name));
                all.then_some(())
                    .ok_or("not every benchmark takes this".into())
            }
            _ => Ok(()),
        }
    }

    fn windtunnel(&mut self, words: &[String]) -> Result<(), String> {
        // A program of its own, which no test of this package builds.
        if words
            .first()
            .is_some_and(|word| ["live", "mcp", "serve"].contains(&word.as_str()))
        {
            return Ok(());
        }
        let mut command = String::new();
        let mut options = self.options("").ok_or("no help")?;
        for word in words {
            let is_word = word
                .chars()
                .all(|own| own.is_ascii_lowercase() || own == '-');
            if word.starts_with('-') || !is_word {
                break;
            }
            let deeper = format!("{command} {word}");
            match self.options(deeper.trim()) {
                Some(own) => (command, options) = (deeper.trim().to_owned(), own),
                None if command.is_empty() => return Err(format!("no command `{word}`")),
                None => break,
            }
        }
        for word in words {
            let option = word.split('=').next().unwrap_or_default();
            if option.starts_with("--") && option.len() > 2 && !options.contains(option) {
                return Err(format!("no option `{option}` of `{command}`"));
            }
            let is_file = ["scenarios/", "docs/", "benches/", "notebooks/", "traces/"];
            if is_file.iter().any(|folder| word.starts_with(folder)) {
                there(word)?;
            }
        }
        Ok(())
    }

    /// Options of a command of the program; `None` if there is none of that name.
    fn options(&mut self, command: &str) -> Option<SortedSet<String>> {
        if let Some(known) = self.options.get(command) {
            return known.clone();
        }
        let mut arguments: Vec<&str> = command.split_whitespace().collect();
        let depth = arguments.len();
        arguments.push("--help");
        let ended = output(root(), &arguments);
        let help = format!(
            "{}{}",
            String::from_utf8_lossy(&ended.stdout),
            stderr(&ended)
        );
        // A word that is no command is an argument of the one before, whose help it is.
        let usage = help.lines().find(|line| line.starts_with("Usage:"));
        let usage: Vec<&str> = usage
            .unwrap_or_default()
            .split_whitespace()
            .skip(2)
            .collect();
        let is_command = ended.status.success() && usage.get(..depth) == Some(&arguments[..depth]);
        let options = is_command.then(|| {
            let found = help.split(|own: char| !(own.is_ascii_alphanumeric() || own == '-'));
            let found = found.filter(|word| word.starts_with("--") && word.len() > 2);
            found.map(ToOwned::to_owned).collect()
        });
        self.options.insert(command.to_owned(), options.clone());
        options
    }
}

/// Whether a manifest declares a target of a kind and name.
fn declared(manifest: &str, kind: &str, name: &str) -> Option<()> {
    manifest
        .contains(&format!("[[{kind}]]\nname = \"{name}\"\n"))
        .then_some(())
}

/// Whether there are tests of a name, in a folder of their own or of an optimized crate.
fn test(name: &str) -> Option<()> {
    let file = root().join("tests").join(name).join("main.rs");
    let unit_tests = || text(&root().join("src/unit-tests/Cargo.toml"));
    let is_there = file.exists() || declared(&unit_tests(), "test", name).is_some();
    is_there.then_some(())
}

/// A test's name begins with a module of `tests/it`, or is a part of one.
fn module(name: &str) -> Result<(), String> {
    let first = name.split("::").next().unwrap_or_default();
    let folder = root().join("tests/it");
    let is_there = folder.join(first).exists() || folder.join(format!("{first}.rs")).exists();
    is_there.then_some(()).ok_or(format!("no module `{first}`"))
}

fn there(file: &str) -> Result<(), String> {
    // A variant of an experiment may follow.
    let file = file.split(':').next().unwrap_or_default();
    root()
        .join(file)
        .exists()
        .then_some(())
        .ok_or(format!("no file `{file}`"))
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Commands of all pages: those of consoles, and those that a text names.
fn typed() -> Vec<Command> {
    let mut pages = vec!["README.md".to_owned(), "ARCHITECTURE.md".to_owned()];
    pages.push("benches/README.md".to_owned());
    for folder in ["docs", "docs/manual"] {
        let entries = std::fs::read_dir(root().join(folder)).expect("a folder of pages");
        let files = entries.map(|entry| entry.expect("an entry").path());
        let pages_of = files.filter(|file| file.extension().is_some_and(|own| own == "md"));
        let names = pages_of.filter_map(|file| Some(file.file_name()?.to_str()?.to_owned()));
        let mut names: Vec<String> = names.collect();
        names.sort();
        pages.extend(names.into_iter().map(|name| format!("{folder}/{name}")));
    }
    let mut typed = Vec::new();
    for page in pages {
        // This one is about what is mistyped.
        if page.ends_with("/bad-input.md") {
            continue;
        }
        let lines = commands(&text(&root().join(&page)));
        let commands = lines.iter().map(|line| words(line));
        typed.extend(commands.map(|words| Command {
            page: page.clone(),
            words,
        }));
    }
    typed
}

/// The lines of a page that are typed.
fn commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let (mut block, mut goes_on) = (None, false);
    for line in text.lines() {
        if let Some(kind) = line.trim_start().strip_prefix("```") {
            block = match block {
                None => Some(kind.to_owned()),
                Some(_) => None,
            };
            goes_on = false;
            continue;
        }
        match &block {
            Some(_) if goes_on => {
                let last: &mut String = found.last_mut().expect("the line before");
                goes_on = line.ends_with('\\');
                last.push(' ');
                last.push_str(line.trim().trim_end_matches('\\'));
            }
            Some(kind) if kind == "console" => {
                if let Some(command) = line.trim_start().strip_prefix("$ ") {
                    goes_on = command.ends_with('\\');
                    found.push(command.trim_end_matches('\\').to_owned());
                }
            }
            Some(_) => {}
            None => {
                let spans = line.split('`').skip(1).step_by(2);
                let is_command = |span: &&str| {
                    let first = span
                        .split(' ')
                        .find(|word| !word.contains('='))
                        .unwrap_or("");
                    let programs = ["cargo", "windtunnel", "mdbook", "python3"];
                    let has_more = span.contains(' ');
                    (has_more && programs.contains(&first))
                        || first == "benches/run"
                        || first.starts_with(".ci/")
                };
                found.extend(spans.filter(is_command).map(ToOwned::to_owned));
            }
        }
    }
    found
}

/// The words of a command up to where another one takes over.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut quote) = (String::new(), None);
    for own in line.chars() {
        match (quote, own) {
            (Some(open), own) if open == own => quote = None,
            (None, '\'' | '"') => quote = Some(own),
            (None, own) if own.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            (None, '|' | '>' | ';' | '&' | '#') if word.is_empty() => return words,
            (_, own) => word.push(own),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}
