//! Loading what is right, in every form it can have, and never panicking on what is not.

use proptest::prelude::*;

use super::*;

/// The only variant of a text that is right.
fn scenario(text: &str, sets: &[&str]) -> Scenario {
    match load_with(text, sets) {
        Ok(experiment) => experiment.variants[0].scenario.clone(),
        Err(rejected) => panic!("{}", rejected.render(Color::Off)),
    }
}

#[test]
fn the_complete_example_loads() {
    let experiment = load_with(complete(), &[]).expect("the example is right");
    let names: Vec<&str> = experiment
        .variants
        .iter()
        .map(|plan| plan.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "spread",
            "pack",
            "pack-shortest-first",
            "cloud",
            "bought",
            "swarm",
            "swarmkit",
            "fleet",
            "slurm",
            "queues-of-tenants",
            "shutdown",
            "sparrow",
            "omega",
            "flow",
            "graphene",
            "consolidation",
            "gpu-sharing",
            "openshift",
            "ecs",
            "borg",
            "compose",
            "federation",
            "rivals",
            "hypervisors",
            "nova",
            "mesos",
            "dcos"
        ]
    );
    assert_eq!(
        experiment.variants[2]
            .scenario
            .system
            .scheduler
            .queue
            .as_deref(),
        Some("sjf")
    );
    let found = experiment
        .files
        .get("openb/openb_node_list_gpu_node.csv.gz");
    let expected = Path::new("/traces/openb/openb_node_list_gpu_node.csv.gz");
    assert_eq!(found.map(PathBuf::as_path), Some(expected));
}

/// Fields that stand in comments of the example, or nowhere.
fn is_elsewhere(field: &str) -> bool {
    ["perJob", "perTask", "ephemeral-storage"].contains(&field)
}

#[test]
fn the_complete_example_has_every_field() {
    let schema = schema::internal_schema(&AnyName(::systems::SECTIONS));
    let objects = std::iter::once(&*schema).chain(schema["$defs"].as_object().unwrap().values());
    for object in objects {
        for (field, property) in object["properties"].as_object().into_iter().flatten() {
            assert!(
                field.starts_with('$')
                    || complete().contains(&format!("{field}:"))
                    || is_elsewhere(field),
                "{field} is not in complete.yaml"
            );
            let described = !property["description"].is_null() || field == "variants";
            assert!(described, "{field} has no description");
        }
    }
}

#[test]
fn what_is_left_out_has_defaults() {
    let scenario = scenario(MINIMAL, &[]);
    assert_eq!(scenario.seed, 42);
    assert_eq!(scenario.system.name, "kubernetes");
    assert_eq!(scenario.system.scheduler.percentage_of_nodes_to_score, None);
    assert_eq!(
        scenario.stop,
        schema::Stop {
            at: None,
            when: Some(schema::StopWhen::Idle)
        }
    );
    let schema::NodeSource::Template(group) = &scenario.cluster.nodes[0] else {
        panic!()
    };
    assert_eq!(group.name.render(3), "node-3");
    assert_eq!(
        group.template.allocatable.pods,
        units::Quantity::from_units(110)
    );
}

#[test]
fn a_variant_that_replaces_a_map_is_told_how_to_change_one_field() {
    let refused = |variant: &str| {
        let text = format!("{MINIMAL}models: {{watchDelay: 1s}}\nvariants:\n  a: {variant}\n");
        load_with(&text, &[])
            .expect_err("a field that is none")
            .render(Color::Off)
    };
    let told = refused("{models: {startDelay: 3s}}");
    let help = "variant `a` replaces all of `models`, `models.watchDelay` too; `models.startDelay: …` \
                changes one field alone";
    assert!(told.contains(help), "{told}");
    let told = refused("{models.startDelay: 3s}");
    assert!(!told.contains("replaces"), "{told}");
}

#[test]
fn the_text_as_run_gives_the_same_experiment_again() {
    let dotted = format!(
        "{MINIMAL}variants:\n  a: {{cluster.nodes.0.template.labels.\"a.b/c\": x=1}}\n  \
         b: {{extends: a, seed: 7, system.scheduler.plugins: {{random: null}}}}\n  \
         c: {{models.startup.containerStart: 3s, models.decisionTime: {{perJob: 1ms}}}}\n  \
         d: {{system.scheduler.plugins.best-fit: {{weight: 3}}}}\n"
    );
    for text in [complete(), MINIMAL, &dotted] {
        let experiment =
            load_with(text, &[]).unwrap_or_else(|r| panic!("{}", r.render(Color::Off)));
        let yaml = as_run::to_yaml(&experiment);
        let again = load_with(&yaml, &[]);
        let again = again.unwrap_or_else(|r| panic!("{yaml}\n{}", r.render(Color::Off)));
        assert_eq!(again, experiment, "{yaml}");
        assert_eq!(as_run::to_yaml(&again), yaml);
        let json = serde_json::to_string_pretty(&as_run::to_json(&experiment)).unwrap();
        let from_json = load_with(&json.replace("  ", "\t"), &[]);
        assert_eq!(
            from_json.unwrap_or_else(|r| panic!("{}", r.render(Color::Off))),
            experiment
        );
    }
}

#[test]
fn numbers_and_quantities_keep_what_was_written() {
    for (written, nanos) in [
        ("0.1", 100_000_000),
        ("1e3", 1_000_000_000_000),
        ("250m", 250_000_000),
    ] {
        let text = MINIMAL.replace("cpu: 8", &format!("cpu: {written}"));
        let scenario = scenario(&text, &[]);
        let schema::NodeSource::Template(group) = &scenario.cluster.nodes[0] else {
            panic!()
        };
        let milli = group.template.allocatable.cpu.milli_ceil().unwrap();
        assert_eq!(i128::from(milli) * 1_000_000, nanos, "{written}");
    }
    let large = scenario(&format!("{MINIMAL}seed: 18446744073709551615\n"), &[]);
    assert_eq!(large.seed, u64::MAX);
    let jobs = scenario(&MINIMAL.replace("jobs: 100", "jobs: 1e3"), &[]);
    let schema::WorkloadSource::Generate(generate) = &jobs.workload[0] else {
        panic!()
    };
    assert_eq!(generate.jobs, 1_000);
}

#[test]
fn aliases_and_merge_keys_are_read() {
    let text = MINIMAL.replace(
        "allocatable: {cpu: 8, memory: 32Gi}",
        "allocatable: &small {cpu: 8, memory: 32Gi}\n    - count: 2\n      name: big-{}\n      \
         template:\n        allocatable: {<<: *small, cpu: 16}",
    );
    let scenario = scenario(&text, &[]);
    let schema::NodeSource::Template(group) = &scenario.cluster.nodes[1] else {
        panic!()
    };
    assert_eq!(group.template.allocatable.cpu.to_string(), "16");
    assert_eq!(group.template.allocatable.memory.to_string(), "32Gi");
}

#[test]
fn overrides_replace_make_and_empty() {
    let text = format!("{MINIMAL}seed: 1\nmetrics: {{warmup: 1h}}\n");
    let sets = [
        "seed=7",
        "cluster.nodes.0.count=9",
        "cluster.nodes.0.template.labels.\"kubernetes.io/os\"=linux",
        "system.scheduler.plugins={best-fit: {weight: 2}}",
        "system.scheduler.plugins.random=null",
        "description=a = b",
        "metrics.warmup=0",
    ];
    let scenario = scenario(&text, &sets);
    assert_eq!(scenario.seed, 7);
    let schema::NodeSource::Template(group) = &scenario.cluster.nodes[0] else {
        panic!()
    };
    assert_eq!(group.count, 9);
    assert_eq!(
        group.template.labels["kubernetes.io/os"].to_string(),
        "linux"
    );
    let plugins = &scenario.system.scheduler.plugins;
    assert_eq!(
        plugins["best-fit"]
            .as_ref()
            .and_then(|plugin| plugin.weight),
        Some(2)
    );
    assert_eq!(plugins["random"], None);
    assert_eq!(scenario.description, "a = b");
    assert_eq!(scenario.metrics.warmup, units::Duration::ZERO);
}

#[test]
fn arguments_of_a_policy_stand_beside_its_weight() {
    let plugins = "system: {scheduler: {plugins: {NodeResourcesFit: {strategy: MostAllocated}}}}";
    let scenario = scenario(&format!("{MINIMAL}{plugins}\n"), &["seed=1"]);
    let plugin = scenario.system.scheduler.plugins["NodeResourcesFit"]
        .as_ref()
        .unwrap();
    assert_eq!(plugin.weight, None);
    let strategy = plugin.arguments.get("strategy");
    assert_eq!(strategy, Some(&Plain::String("MostAllocated".to_owned())));
}

#[test]
fn decimals_have_no_more_places_than_their_parameter() {
    for (factor, expected) in [
        ("1.25", None),
        ("1.250", None),
        ("2", None),
        ("1.255", Some("expected at most 2 decimal places")),
    ] {
        let plugins = format!("{{NodeResourcesFit: {{factor: {factor}}}}}");
        let text = format!("{MINIMAL}system: {{scheduler: {{plugins: {plugins}}}}}\n");
        let found = load_with(&text, &[])
            .err()
            .map(|rejected| rejected.render(Color::Off));
        assert_eq!(found.is_some(), expected.is_some(), "{factor}: {found:?}");
        let shows = |found: String| expected.is_some_and(|expected| found.contains(expected));
        assert!(found.is_none_or(shows), "{factor}");
    }
}

#[test]
fn the_schema_for_editors_has_only_standard_keywords() {
    let schema = json_schema(&SomeNames);
    let text = schema.to_string();
    assert!(!text.contains("\"x-") && !text.contains("$rest"));
    let system = &schema["$defs"]["System"]["properties"]["name"]["enum"];
    assert_eq!(
        *system,
        serde_json::json!([
            "kubernetes",
            "batch",
            "swarm",
            "swarmkit",
            "fleet",
            "sparrow",
            "omega",
            "flow",
            "graphene",
            "consolidation",
            "gpu-sharing",
            "openshift",
            "ecs",
            "borg",
            "compose",
            "nova",
            "mesos",
            "dcos"
        ])
    );
    assert_eq!(schema["$defs"]["Plugin"]["additionalProperties"], true);
    let plugins = &schema["$defs"]["Scheduler"]["properties"]["plugins"]["properties"];
    let own = &plugins["NodeResourcesFit"]["allOf"][1]["properties"];
    assert_eq!(own["factor"]["description"], "How much.");
    assert!(schema["$defs"]["Variant"]["properties"]["extends"].is_object());
}

#[test]
fn the_schema_is_the_stored_one() {
    let schema = serde_json::to_string_pretty(&json_schema(&AnyName(::systems::SECTIONS))).unwrap();
    let stored = Path::new("../../tests/data/scenario/windtunnel.schema.json");
    snapbox::assert_data_eq!(schema + "\n", snapbox::Data::read_from(stored, None).raw());
}

/// Texts that look like what stands after `--set`.
fn set() -> impl Strategy<Value = String> {
    const PATHS: [&str; 4] = [
        "seed",
        "workload.0.trace.path",
        "system.scheduler.plugins.\"a.b\"",
        "variants",
    ];
    let path = prop_oneof![
        proptest::sample::select(PATHS.as_slice()).prop_map(str::to_owned),
        "\\PC{0,9}"
    ];
    (path, "[=.]{0,2}", "[a-z0-9\\[\\]{}:, \\PC]{0,9}").prop_map(|(a, b, c)| format!("{a}{b}{c}"))
}

fn mutated() -> impl Strategy<Value = String> {
    let text = complete();
    let insert = prop_oneof!["\\PC{0,3}", "[ \\[\\]{}:,&*\"'\n\t#0-9-]{1,3}"];
    (0..text.len(), 0_usize..12, insert).prop_map(move |(at, n_removed, insert)| {
        let start = text.floor_char_boundary(at);
        let end = text.ceil_char_boundary((start + n_removed).min(text.len()));
        format!("{}{insert}{}", &text[..start], &text[end..])
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn no_text_makes_loading_or_rendering_panic(text in mutated(), set in set()) {
        for sets in [&[][..], &[set.as_str()][..]] {
            match load_with(&text, sets) {
                Ok(experiment) => {
                    let yaml = as_run::to_yaml(&experiment);
                    let again = load_with(&yaml, &[]);
                    let again = again.map_err(|r| TestCaseError::fail(r.render(Color::Off)))?;
                    prop_assert_eq!(again.variants, experiment.variants);
                }
                Err(rejected) => {
                    prop_assert!(!rejected.findings.is_empty());
                    rejected.render(Color::On);
                    rejected.to_json();
                }
            }
        }
    }

    #[test]
    fn no_bytes_make_loading_panic(text in "\\PC{0,200}") {
        if let Err(rejected) = load_with(&text, &[]) {
            rejected.render(Color::Off);
        }
    }
}

#[test]
fn commas_within_parentheses_belong_to_the_value() {
    let text = "windtunnel: v1\nname: a\ncluster: {nodes: [{count: 1, template: \
                {allocatable: {cpu: 1, memory: 1Gi}}}]}\nworkload: [{manifests: a.yaml}]\n\
                models: {startup: {containerStart: truncated(lognormal(1s, 0.5), 1s, 1d)}, \
                usage: none}\n";
    let source = crate::tree::Sources::default();
    let mut sources = source;
    let id = sources.add("a.yaml", text);
    let mut findings = Findings::default();
    let tree = crate::yaml::parse(&sources, id, &mut findings).expect("a tree");
    assert!(findings.is_empty());
    let plain = Plain::from(&tree);
    let found = format!("{plain:?}");
    assert!(
        found.contains("\"truncated(lognormal(1s, 0.5), 1s, 1d)\""),
        "{found}"
    );
    assert!(found.contains("(\"usage\", String(\"none\"))"), "{found}");
}

#[test]
fn a_former_word_is_read_as_its_new_one() {
    let tie_break = |word: &str| {
        let set = format!("system.scheduler.tieBreak={word}");
        scenario(MINIMAL, &[&set]).system.scheduler.tie_break
    };
    assert_eq!(tie_break("published"), Some(schema::TieBreak::Rank));
    assert_eq!(tie_break("round-robin"), Some(schema::TieBreak::RoundRobin));
}
