//! Tools: for each a command of windtunnel, and how its parameters become words of it.

use std::path::{Path, PathBuf};

use rmcp::model::JsonObject;
use serde_json::{Value, json};

/// Most items of a list.
const MOST_ITEMS: usize = 64;
/// Most bytes of a word.
const MOST_BYTES: usize = 4_096;

/// Way in which a parameter becomes words of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Paths, as arguments.
    Files,
    /// A path, as an argument.
    File,
    /// A word, as an argument.
    Word,
    /// A word behind an option.
    Option(&'static str),
    /// A path behind an option.
    FileOption(&'static str),
    /// Words, each behind an option.
    Options(&'static str),
}

/// Parameter of a tool.
#[derive(Clone, Copy, Debug)]
struct Parameter {
    name: &'static str,
    about: &'static str,
    form: Form,
    is_required: bool,
}

const fn needed(name: &'static str, form: Form, about: &'static str) -> Parameter {
    Parameter {
        name,
        about,
        form,
        is_required: true,
    }
}

const fn optional(name: &'static str, form: Form, about: &'static str) -> Parameter {
    Parameter {
        name,
        about,
        form,
        is_required: false,
    }
}

/// Tool of the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    words: &'static [&'static str],
    parameters: &'static [Parameter],
}

const DUMPS: Parameter = needed(
    "dumps",
    Form::Files,
    "Dumps of a cluster (`kubectl get nodes,pods,… -A -o yaml`), or manifests",
);

/// Every tool.
pub(crate) const TOOLS: &[Tool] = &[
    Tool {
        name: "place",
        about: "How many more copies of a pod fit in a cluster, where, and what runs out first",
        words: &["place"],
        parameters: &[
            DUMPS,
            needed("pod", Form::File, "Manifest of the pod"),
            optional(
                "lose",
                Form::Options("--lose"),
                "Nodes that are lost before",
            ),
        ],
    },
    Tool {
        name: "explain",
        about: "Why a pod goes to its node or waits: every node, every filter, every score",
        words: &["explain"],
        parameters: &[
            needed(
                "of",
                Form::Files,
                "Dumps of a cluster, or the result folder of a run",
            ),
            needed(
                "pod",
                Form::Word,
                "Pod as NAMESPACE/NAME, or the path of its manifest",
            ),
        ],
    },
    Tool {
        name: "plan",
        about: "What binds in a cluster, which nodes can go, what to buy, when it is full",
        words: &["plan"],
        parameters: &[
            DUMPS,
            optional(
                "minimize",
                Form::Option("--minimize"),
                "`nodes` or `cost`: which nodes can go",
            ),
            optional(
                "survive",
                Form::Option("--survive"),
                "What may be lost, such as `node` or `zone`",
            ),
            optional(
                "headroom",
                Form::Option("--headroom"),
                "Room to keep, such as `10%`",
            ),
            optional("grow", Form::Option("--grow"), "Growth, such as `5%/month`"),
            optional(
                "prices",
                Form::FileOption("--prices"),
                "Price list of instance types",
            ),
            optional(
                "types",
                Form::Option("--types"),
                "Instance types to buy, such as `m5.*`",
            ),
        ],
    },
    Tool {
        name: "queue",
        about: "Whether a job is admitted under the queues of a cluster, who makes room, what binds",
        words: &["queue"],
        parameters: &[DUMPS, needed("job", Form::File, "Manifest of the job")],
    },
    Tool {
        name: "run",
        about: "Run an experiment; writes a result folder and answers with the summary",
        words: &["run", "--no-progress"],
        parameters: &[
            needed("experiment", Form::File, "Experiment file"),
            optional(
                "set",
                Form::Options("--set"),
                "Fields to override, as PATH=VALUE",
            ),
            optional("seed", Form::Option("--seed"), "Seed"),
        ],
    },
    Tool {
        name: "compare",
        about: "Compare the variants of an experiment over paired seeds, with intervals and verdicts",
        words: &["compare", "--no-progress"],
        parameters: &[
            needed("experiment", Form::File, "Experiment file"),
            optional("seeds", Form::Option("--seeds"), "Number of seeds"),
            optional(
                "set",
                Form::Options("--set"),
                "Fields to override, as PATH=VALUE",
            ),
        ],
    },
    Tool {
        name: "summary",
        about: "Metrics of finished runs side by side",
        words: &["report", "--format", "table"],
        parameters: &[
            needed("runs", Form::Files, "Result folders"),
            optional(
                "metrics",
                Form::Options("--metric"),
                "Only these metrics, by id",
            ),
        ],
    },
    Tool {
        name: "events",
        about: "What happened in a finished run that recorded its events",
        words: &["events"],
        parameters: &[
            needed("run", Form::File, "Result folder"),
            optional(
                "object",
                Form::Option("--object"),
                "Text in the name of the object",
            ),
            optional(
                "kind",
                Form::Option("--kind"),
                "Kind of event, such as `bound`",
            ),
            optional("from", Form::Option("--from"), "Start, such as `5m`"),
            optional("to", Form::Option("--to"), "End, such as `10m`"),
        ],
    },
    Tool {
        name: "systems",
        about: "Systems, profiles, policies, trace formats and generators; with a name, what it models",
        words: &["systems"],
        parameters: &[optional("name", Form::Word, "Name of one of them")],
    },
    Tool {
        name: "schema",
        about: "JSON Schema of the experiment file",
        words: &["schema"],
        parameters: &[],
    },
];

impl Tool {
    /// The tool of a name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        TOOLS.iter().find(|tool| tool.name == name)
    }

    /// JSON Schema of its parameters.
    pub(crate) fn schema(&self) -> JsonObject {
        let mut properties = JsonObject::new();
        for own in self.parameters {
            let text = json!({"type": "string", "maxLength": MOST_BYTES});
            let value = match own.form {
                Form::Files | Form::Options(_) => json!({
                    "type": "array", "items": text, "maxItems": MOST_ITEMS, "description": own.about
                }),
                _ => json!({
                    "type": "string", "maxLength": MOST_BYTES, "description": own.about
                }),
            };
            properties.insert(own.name.to_owned(), value);
        }
        let required: Vec<&str> = { self.parameters.iter() }
            .filter(|own| own.is_required)
            .map(|own| own.name)
            .collect();
        let schema = json!({
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        });
        match schema {
            Value::Object(schema) => schema,
            _ => JsonObject::new(),
        }
    }

    /// Words of the command for arguments; paths are those below `root`.
    ///
    /// # Errors
    /// If an argument is missing, unknown, of another type, too long, an option in disguise, or a path
    /// that leads out of `root`; in words.
    pub(crate) fn command(
        &self,
        arguments: &JsonObject,
        root: &Path,
    ) -> Result<Vec<String>, String> {
        if let Some(name) = { arguments.keys() }
            .find(|name| !self.parameters.iter().any(|own| own.name == name.as_str()))
        {
            let names: Vec<&str> = self.parameters.iter().map(|own| own.name).collect();
            let names = names.join(", ");
            return Err(format!(
                "`{}` has no parameter `{name}`; it has: {names}",
                self.name
            ));
        }
        let mut words: Vec<String> = self.words.iter().map(|word| (*word).to_owned()).collect();
        for own in self.parameters {
            let Some(value) = arguments.get(own.name).filter(|value| !value.is_null()) else {
                if own.is_required {
                    return Err(format!("`{}` is missing: {}", own.name, own.about));
                }
                continue;
            };
            own.push(value, root, &mut words)?;
        }
        Ok(words)
    }
}

impl Parameter {
    fn push(&self, value: &Value, root: &Path, words: &mut Vec<String>) -> Result<(), String> {
        let items: Vec<String> = match (self.form, value) {
            (Form::Files | Form::Options(_), Value::Array(items)) => items
                .iter()
                .map(|item| self.word(item))
                .collect::<Result<_, _>>()?,
            (_, value) => vec![self.word(value)?],
        };
        if items.len() > MOST_ITEMS || (items.is_empty() && self.is_required) {
            return Err(format!("`{}`: expected 1 to {MOST_ITEMS} items", self.name));
        }
        for item in items {
            match self.form {
                Form::Files | Form::File => words.push(inside(root, self.name, &item)?),
                Form::Word if root.join(&item).exists() => {
                    words.push(inside(root, self.name, &item)?);
                }
                Form::Word => words.push(item),
                Form::Option(option) | Form::Options(option) => {
                    words.push(format!("{option}={item}"));
                }
                Form::FileOption(option) => {
                    words.push(format!("{option}={}", inside(root, self.name, &item)?));
                }
            }
        }
        Ok(())
    }

    /// A word that no command takes for an option.
    fn word(&self, value: &Value) -> Result<String, String> {
        let word = match value {
            Value::String(word) => word.clone(),
            Value::Number(number) => number.to_string(),
            _ => return Err(format!("`{}`: expected a text", self.name)),
        };
        let is_option = word.starts_with('-') && !matches!(self.form, Form::Option(_));
        if word.is_empty() || word.len() > MOST_BYTES || word.contains('\0') || is_option {
            let most = MOST_BYTES;
            return Err(format!(
                "`{}`: expected a text of at most {most} B, without `-` in front",
                self.name
            ));
        }
        Ok(word)
    }
}

/// A path below the root, links followed.
fn inside(root: &Path, name: &str, path: &str) -> Result<String, String> {
    let found: PathBuf = root
        .join(path)
        .canonicalize()
        .map_err(|error| format!("`{name}`: {path}: {error}"))?;
    let inner = found.strip_prefix(root);
    let inner =
        inner.map_err(|_| format!("`{name}`: {path} leads out of the folder of this server"))?;
    let inner = if inner.as_os_str().is_empty() {
        Path::new(".")
    } else {
        inner
    };
    Ok(inner.display().to_string())
}
