//! Projects of compose files: what is read, listed and refused.

use super::experiment::experiment;
use super::interpolate::Variables;
use super::objects::objects;
use super::{Project, ReadRequest, Target, read};
use crate::NamedText;
use crate::diagnostic::Color;

pub(super) fn read_as(
    text: &str,
    target: Target,
    variables: &[(&str, &str)],
) -> Result<Project, String> {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let variables: Variables = variables.iter().map(own).collect();
    let file = NamedText {
        name: "compose.yaml",
        text,
    };
    let request = ReadRequest {
        files: &[file],
        name: "shop",
        is_named: false,
        variables: &variables,
        profiles: &[],
        target,
        open: &|path| match path {
            "base.yaml" => {
                Ok("services: {base: {image: base, restart: always, scale: 2}}".to_owned())
            }
            "obs/compose.yaml" => {
                Ok("services: {prom: {image: 'prom:${PROM}-${TAG:-1}'}}".to_owned())
            }
            "obs/.env" => Ok("PROM=v3\nTAG=7\n".to_owned()),
            "more.yaml" => Ok("services: {cache: {image: redis}}".to_owned()),
            _ => Err("no such file".to_owned()),
        },
    };
    read(&request).map_err(|rejected| rejected.render(Color::Off))
}

fn project(text: &str) -> Project {
    read_as(text, Target::Compose, &[]).unwrap_or_else(|words| panic!("{words}"))
}

const SHOP: &str = "
x-common: &common {image: app, restart: always}
services:
  web:
    <<: *common
    ports: ['8080:80']
    networks: [front]
    depends_on:
      migrate: {condition: service_completed_successfully}
      cache: {condition: service_started, required: false}
  migrate:
    build: .
    depends_on: [db]
    x-windtunnel: {runTime: 7s}
  db:
    image: postgres
    environment: [POSTGRES_DB=shop, 'ZONE=$ZONE']
    volumes: ['data:/var/lib']
    healthcheck: {test: [CMD, pg_isready], interval: 10s, retries: 5}
  debug:
    image: tools
    profiles: [debug]
networks: {front: {}}
volumes: {data: {}}
";

#[test]
fn a_project_is_read_and_what_has_no_effect_is_listed() {
    let project = project(SHOP);
    let names: Vec<&str> = project.services.iter().map(|own| &*own.name).collect();
    assert_eq!(
        (names, &*project.off),
        (vec!["web", "migrate", "db"], &["debug".to_owned()][..])
    );
    let web = &project.services[0];
    assert_eq!(
        (&*web.image, &*web.restart, web.depends_on.len()),
        ("app", "always", 2)
    );
    assert!(project.services[1].is_job && !web.is_job);
    let listed: Vec<(&str, &str)> = project
        .remarks
        .iter()
        .map(|own| (&*own.service, &*own.field))
        .collect();
    for field in [
        ("web", "networks"),
        ("migrate", "build"),
        ("db", "environment"),
        ("db", "volumes"),
        ("web", "depends_on.cache"),
    ] {
        assert!(listed.contains(&field), "{field:?} of {listed:?}");
    }
    let place = project.remarks.iter().find(|own| own.field == "networks");
    assert_eq!(place.map(|own| &*own.place), Some("compose.yaml:7:5"));
    // The variable is not set; nothing here depends on it.
    assert!(
        project
            .remarks
            .iter()
            .any(|own| own.effect.contains("`ZONE`"))
    );
}

#[test]
fn each_service_of_a_stack_keeps_its_own_rules() {
    let text = "\
services:
  web:
    image: web
    deploy: {replicas: 4, update_config: {parallelism: 2}, restart_policy: {condition: any}}
  db:
    image: db
    deploy: {restart_policy: {condition: on-failure, delay: 1s}, rollback_config: {delay: 2s}}
  cache: {image: cache}
";
    let project = read_as(text, Target::SwarmKit, &[]).expect("a project");
    assert_eq!(project.remarks, []);
    let text = experiment(&project, Target::SwarmKit, "stack.yaml").expect("an experiment");
    let from = text.find("    services:\n").expect("rules");
    let rules: Vec<&str> = text[from..]
        .lines()
        .take_while(|line| line.starts_with("    "))
        .collect();
    assert_eq!(
        rules,
        [
            "    services:",
            "      web:",
            "        restart:",
            "          condition: any",
            "        update:",
            "          parallelism: 2",
            "      db:",
            "        restart:",
            "          condition: on-failure",
            "          delay: 1s",
            "        rollback:",
            "          delay: 2s",
        ]
    );
}

#[test]
fn objects_and_the_experiment_hold_what_a_run_needs() {
    let project = project(SHOP);
    let kinds: Vec<String> = objects(&project, Target::Kubernetes)
        .iter()
        .map(|own| format!("{}/{}", own["kind"], own["metadata"]["name"]).replace('"', ""))
        .collect();
    assert_eq!(
        kinds,
        [
            "Deployment/web",
            "Service/web",
            "Job/migrate",
            "Deployment/db"
        ]
    );
    let text = experiment(&project, Target::Compose, "shop.objects.yaml").expect("a text");
    for part in [
        "name: compose",
        "condition: service_completed_successfully",
        "restart: always",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    let text = experiment(&project, Target::Kubernetes, "shop.objects.yaml").expect("a text");
    assert!(
        text.contains("name: kubernetes") && !text.contains("dependsOn"),
        "{text}"
    );
}

#[test]
fn an_include_has_variables_of_its_own() {
    let image = |include: &str, variables: &[(&str, &str)]| {
        let text = format!("include: [{include}]\nservices: {{web: {{image: 'web:${{TAG:-0}}'}}}}");
        let own =
            read_as(&text, Target::Compose, variables).unwrap_or_else(|words| panic!("{words}"));
        own.services
            .iter()
            .map(|own| own.image.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(image("obs/compose.yaml", &[]), ["web:0", "prom:v3-7"]);
    let named = "{path: [obs/compose.yaml], env_file: obs/.env}";
    assert_eq!(image(named, &[("TAG", "9")]), ["web:9", "prom:v3-9"]);
    let gone = "include: [{path: obs/compose.yaml, env_file: none.env}]\nservices: {}";
    let words = read_as(gone, Target::Compose, &[]).expect_err("there is no such file");
    assert!(
        words.contains("compose.yaml:1:") && words.contains("none.env"),
        "{words}"
    );
    let misspelt = "include: [{path: obs/compose.yaml, envfile: obs/.env}]\nservices: {}";
    let words = read_as(misspelt, Target::Compose, &[]).expect_err("there is no such field");
    assert!(words.contains("did you mean `env_file`?"), "{words}");
}

#[test]
fn services_extend_others_and_files_include_others() {
    let text = "include: [more.yaml]\nservices:\n  web: {extends: {file: base.yaml, service: base}, scale: 3}\n  \
                small: {extends: {service: web}, scale: 1, image: small}\n";
    let project = project(text);
    let found: Vec<(&str, &str, u32, &str)> = project
        .services
        .iter()
        .map(|own| (&*own.name, &*own.image, own.replicas, &*own.restart))
        .collect();
    let expected = [
        ("web", "base", 3, "always"),
        ("small", "small", 1, "always"),
        ("cache", "redis", 1, "no"),
    ];
    assert_eq!(found, expected);
}

/// Every file is refused with its position and these words.
#[test]
fn wrong_files_are_refused_with_their_position() {
    for (text, words) in [
        (
            "services:\n  a: {image: a, depends_on: [b]}\n  b: {image: b, depends_on: [a]}\n",
            "dependency cycle: a -> b -> a",
        ),
        ("services:\n  a: {image: 'a:${TAG}'}\n", "`TAG` is not set"),
        (
            "services:\n  a: {image: a, command: '${KEY:?no key}'}\n",
            "has to be set: no key",
        ),
        (
            "services:\n  a: {image: a, depends_on: [db]}\n",
            "undefined service `db`",
        ),
        (
            "services:\n  a: {imge: a}\n",
            "there is no field `imge` here",
        ),
        (
            "service:\n  a: {image: a}\n",
            "there is no field `service` at the top",
        ),
        (
            "services:\n  a: {image: a, volumes: ['data:/x']}\n",
            "which is not in `volumes`",
        ),
        (
            "services:\n  a: {image: a, restart: sometimes}\n",
            "`sometimes` is not `no`",
        ),
        (
            "services:\n  a: {image: a, mem_limit: lots}\n",
            "`lots` is not a size",
        ),
        (
            "services:\n  a: {image: a, ports: ['80:http']}\n",
            "`80:http` is no port",
        ),
        (
            "services:\n  a: {image: a, ports: ['80:80']}\n  b: {image: b, ports: ['80:81']}\n",
            "port 80/tcp is published by `a` and by `b`",
        ),
        (
            "services:\n  a: {extends: {service: a}}\n",
            "extend each other in a circle",
        ),
        (
            "services:\n  a: {extends: {file: none.yaml, service: a}}\n",
            "none.yaml: no such file",
        ),
        (
            "services:\n  a: {image: a, scale: 2, deploy: {replicas: 3}}\n",
            "`scale` asks for 2",
        ),
        ("services:\n  a: {}\n", "neither `image` nor `build`"),
        ("services: {}\n", "declares no service"),
        ("services:\n  a: {image: $}\n", "holds no variable"),
    ] {
        let refused = read_as(text, Target::Compose, &[]).expect_err(text);
        assert!(refused.contains(words), "{text}\n{refused}");
        assert!(refused.contains("compose.yaml:"), "{refused}");
    }
}

#[test]
fn checks_that_are_off_are_not_waited_for_and_drivers_are_known_or_plugins() {
    for (text, words) in [
        (
            "services:\n  a: {image: a, depends_on: {b: {condition: service_healthy}}}\n  \
             b: {image: b, healthcheck: {test: [NONE]}}\n",
            "the health check of `b` is switched off",
        ),
        (
            "services:\n  a: {image: a}\nvolumes: {v: {driver: locl}}\n",
            "no driver of volumes is named `locl`",
        ),
    ] {
        let refused = read_as(text, Target::Compose, &[]).expect_err(text);
        assert!(refused.contains(words), "{text}\n{refused}");
    }
    let text = "services:\n  a: {image: a}\nvolumes: {v: {driver: rexray/ebs}}\n";
    let project = read_as(text, Target::Compose, &[]).expect("a plugin");
    let mut remarks = project.remarks.iter();
    assert!(remarks.any(|own| own.effect.contains("the driver `rexray/ebs`")));
}

#[test]
fn a_circle_of_three_is_the_only_thing_that_is_wrong() {
    let text = "services:\n  a: {extends: b}\n  b: {extends: c}\n  c: {extends: a}\n";
    let refused = read_as(text, Target::Compose, &[]).expect_err(text);
    assert!(refused.contains("a -> b -> c -> a"), "{refused}");
    assert!(!refused.contains("neither"), "{refused}");
}

#[test]
fn files_that_include_each_other_are_refused_once_with_the_circle() {
    for (own, other, circle) in [
        ("compose.yaml", "", "compose.yaml -> compose.yaml"),
        (
            "a/one.yaml",
            "include: [./../two.yaml]\nservices: {one: {image: one}}",
            "compose.yaml -> a/one.yaml -> two.yaml -> compose.yaml",
        ),
    ] {
        let text = format!("include: [{own}]\nservices: {{web: {{image: web}}}}\n");
        let file = NamedText {
            name: "compose.yaml",
            text: &text,
        };
        let request = ReadRequest {
            files: &[file],
            name: "circle",
            is_named: false,
            variables: &Variables::new(),
            profiles: &[],
            target: Target::Compose,
            open: &|path| match path {
                "a/one.yaml" => Ok(other.to_owned()),
                "a/./../two.yaml" => {
                    Ok("include: [./compose.yaml]\nservices: {two: {image: two}}".to_owned())
                }
                _ if path.contains(".env") => Err("no such file".to_owned()),
                _ => Ok(text.clone()),
            },
        };
        let refused = read(&request).map_err(|rejected| rejected.render(Color::Off));
        let refused = refused.expect_err("it is a circle");
        assert!(
            refused.contains(&format!("in a circle: {circle}\n")),
            "{refused}"
        );
        assert_eq!(refused.matches("error[").count(), 1, "{refused}");
    }
}

#[test]
fn missing_files_of_variables_are_listed() {
    let text =
        "services:\n  a: {image: a, env_file: [none.env, {path: other.env, required: false}]}\n";
    let project = read_as(text, Target::Compose, &[]).expect(text);
    let listed = project.remarks.iter();
    let missing: Vec<&str> = listed
        .filter(|own| own.effect.contains("is not there"))
        .map(|own| &*own.place)
        .collect();
    assert_eq!(missing, ["compose.yaml:2:28"]);
}

#[test]
fn later_files_are_laid_over_earlier_ones() {
    let files = [
        NamedText {
            name: "one.yaml",
            text: "services: {a: {image: one, ports: ['80:80'], command: [x, y], profiles: [p]}}",
        },
        NamedText {
            name: "two.yaml",
            text: "services:\n  a:\n    image: two\n    ports: ['81:81']\n    profiles: !reset []\n    command: [z]\n",
        },
    ];
    let request = ReadRequest {
        files: &files,
        name: "laid",
        is_named: false,
        variables: &Variables::new(),
        profiles: &[],
        target: Target::SwarmKit,
        open: &|_| Err("no such file".to_owned()),
    };
    let project = read(&request).expect("a project");
    let own = &project.services[0];
    assert_eq!((&*own.image, own.ports.len()), ("two", 2));
}

#[test]
fn a_project_needs_a_service_that_is_on_and_ports_that_are_some() {
    let one = |fields: &str| format!("services:\n  a: {{image: a, {fields}}}\n");
    for (text, expected) in [
        (one("profiles: [x, y]"), "no service is on: `a`"),
        (one("ports: ['80:80:80:80']"), "`80:80:80:80` is no port"),
        (one("ports: [{target: 80, host_ip: here}]"), "is no port"),
        (one("expose: [abc]"), "`abc` is no port"),
        (
            one("extends: {service: b}"),
            "there is no service `b` to extend",
        ),
    ] {
        let found = read_as(&text, Target::Compose, &[]).expect_err("wrong");
        assert!(found.contains(expected), "{found}");
        assert_eq!(found.matches("error").count().max(1), 1, "{found}");
    }
    for ports in ["'127.0.0.1:80:80'", "'[::1]:80:80'", "'::1:80:80'"] {
        let read = read_as(&one(&format!("ports: [{ports}]")), Target::Compose, &[]);
        assert_eq!(
            read.map(|own| own.services[0].ports.len()),
            Ok(1),
            "{ports}"
        );
    }
}

#[test]
fn ports_of_one_host_are_taken_once_each() {
    let read = |services: &str, target| {
        let text = format!("services:\n{services}");
        read_as(&text, target, &[]).map(|own| own.services.len())
    };
    let a = |ports: &str| format!("  a: {{image: a, ports: [{ports}]}}\n");
    let b =
        |ports: &str, scale: u32| format!("  b: {{image: b, scale: {scale}, ports: [{ports}]}}\n");
    for (services, expected) in [
        (a("'80:1', '80:2'"), "port 80/tcp is published by `a` twice"),
        (
            a("'80:1'") + &b("'80-81:1'", 2),
            "a port of 80-81/tcp is published by `a` and by `b`",
        ),
        (
            a("'127.0.0.1:80:1'") + &b("'0.0.0.0:80:1'", 1),
            "port 80/tcp is published by `a` and by `b`",
        ),
        (
            b("'80:1'", 2),
            "2 containers of `b` publish port 80, and one host has it once",
        ),
    ] {
        let refused = read(&services, Target::Compose).expect_err(&services);
        assert!(refused.contains(expected), "{services}\n{refused}");
        assert_eq!(refused.matches("error[").count(), 1, "{refused}");
    }
    for services in [
        a("'80:1', '80:2/udp', '81:3'"),
        a("'81:1'") + &b("'80-82:1'", 2),
        a("'80-81:1'") + &b("'80:1'", 1),
        a("'127.0.0.1:80:1'") + &b("'127.0.0.2:80:1'", 1),
        a("'80:1'") + &b("'80:1'", 0),
        b("'20000-60000:1'", 40_000),
    ] {
        assert!(read(&services, Target::Compose).is_ok(), "{services}");
    }
    // A stack has each port of a range once on every node.
    let two = a("'80:1'") + &b("'80:1'", 2);
    assert!(read(&two, Target::SwarmKit).is_err());
    assert!(read(&b("'80:1'", 2), Target::SwarmKit).is_ok());
    assert!(read(&two, Target::Kubernetes).is_ok());
}

#[test]
fn unknown_services_are_refused_where_they_are_named() {
    for (field, place) in [
        ("links: [db:alias, cach]", "compose.yaml:5:23"),
        ("volumes_from: [cach:ro]", "compose.yaml:5:20"),
        ("network_mode: 'service:cach'", "compose.yaml:5:19"),
        ("ipc: 'service:cach'", "compose.yaml:5:10"),
        ("pid: 'service:cach'", "compose.yaml:5:10"),
        ("depends_on: [cach]", "compose.yaml:5:18"),
        (
            "depends_on: {cach: {condition: service_started}}",
            "compose.yaml:5:18",
        ),
    ] {
        let text = format!(
            "services:\n  db: {{image: db}}\n  web:\n    image: web\n    {field}\n    restart: always\n"
        );
        let refused = read_as(&text, Target::Compose, &[]).expect_err(field);
        assert!(refused.contains(place), "{field}\n{refused}");
        assert!(refused.contains("undefined service `cach`"), "{refused}");
        let name = field.split(':').next().unwrap_or_default();
        let is_told = name == "depends_on" || refused.contains(&format!("`{name}` of `web`"));
        assert!(is_told, "{refused}");
        assert_eq!(refused.matches("error[").count(), 1, "{refused}");
    }
}
