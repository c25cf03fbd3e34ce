//! The part of the Common Expression Language that selectors of devices use (spec: batch-on-kubernetes.md
//! 2.4; cel.dev, language definition).
//!
//! Numbers with a fraction, unsigned numbers, bytes, timestamps and regular expressions are left out, and of
//! functions `asApproximateFloat`, `optMap`, `optFlatMap`, `optional.ofNonZeroValue`, `map` with a condition and
//! optional elements of list literals: an expression with them is refused when it is compiled, with the
//! place.

mod check;
mod evaluate;
mod functions;
mod parse;
mod token;
mod value;
mod version;

use std::fmt;

pub use self::value::DeviceFacts;

use self::parse::Expression;
use self::value::Value;

/// A selector, ready to be asked about devices.
///
/// ```
/// use dra::cel::{DeviceFacts, Selector};
/// use model::dra::{Attribute, Device};
///
/// let selector = Selector::compile(r#"device.attributes["gpu.example.com"].model == "h100""#)?;
/// let device = Device {
///     name: "dev0".into(),
///     attributes: [("model".into(), Attribute::Text("h100".into()))].into(),
///     capacity: [].into(),
///     has_binding_conditions: false,
/// };
/// let facts = DeviceFacts::new(&"gpu.example.com".into(), &device);
/// assert_eq!(selector.matches(&facts), Ok(true));
/// // Another driver's device lacks the attribute, which is an error.
/// assert!(selector.matches(&DeviceFacts::new(&"nic.example.com".into(), &device)).is_err());
/// # Ok::<(), dra::cel::CompileError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Selector {
    expression: Expression,
}

/// A reason that an expression is no selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileError {
    /// Place in the expression, in characters from its beginning.
    pub at: usize,
    /// The reason in words.
    pub words: String,
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at character {}: {}", self.at + 1, self.words)
    }
}

impl std::error::Error for CompileError {}

impl Selector {
    /// The selector that an expression writes.
    ///
    /// # Errors
    /// The expression breaks the grammar or the types of CEL, or uses what is not modelled.
    pub fn compile(text: &str) -> Result<Self, CompileError> {
        Self::read(text).map_err(|error| CompileError {
            at: text.get(..error.at).unwrap_or(text).chars().count(),
            ..error
        })
    }

    fn read(text: &str) -> Result<Self, CompileError> {
        let expression = parse::parse(text)?;
        check::check(&expression)?;
        Ok(Self { expression })
    }

    /// Whether a device meets the selector.
    ///
    /// # Errors
    /// The expression asks for what the device lacks, or finds a value of another type than it takes.
    pub fn matches(&self, device: &DeviceFacts) -> Result<bool, String> {
        let device = device.0.as_ref().map_err(String::clone)?;
        match evaluate::evaluate(&self.expression, device)? {
            Value::Bool(own) => Ok(own),
            other => Err(format!("expected a bool, found a {}", other.kind().name())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::dra::{Attribute, Device};

    fn device() -> DeviceFacts {
        let device = Device {
            name: "dev0".into(),
            attributes: [
                ("model".into(), Attribute::Text("h100".into())),
                ("numa".into(), Attribute::Int(1)),
                ("mig".into(), Attribute::Bool(true)),
                ("version".into(), Attribute::Version("1.10.0".into())),
                ("dra.net/root".into(), Attribute::Text("r0".into())),
            ]
            .into(),
            capacity: [("memory".into(), "80Gi".parse().expect("a quantity"))].into(),
            has_binding_conditions: false,
        };
        DeviceFacts::new(&"gpu".into(), &device)
    }

    #[test]
    fn expressions_have_the_values_of_cel() {
        let facts = device();
        let attributes = r#"device.attributes["gpu"]"#;
        for (text, expected) in [
            (r#"device.driver == "gpu""#, true),
            ("A.model == 'h100' && A.numa < 2", true),
            ("A.model.startsWith('h') ? A.mig : false", true),
            ("A.missing == 1 || true", true),
            ("false && A.missing == 1", false),
            ("A.missing == 1 && false", false),
            ("'numa' in A && A.numa == 0", false),
            ("has(A.numa) && !has(A.missing)", true),
            ("device.attributes['dra.net'].root == 'r0'", true),
            (
                "device.attributes['other'].?root.orValue('r1') == 'r1'",
                true,
            ),
            ("A[?'missing'].orValue(7) == 7", true),
            (
                "A.?version.orValue(semver('0.0.1')).isGreaterThan(semver('1.9.0'))",
                true,
            ),
            (
                "A.version.major() == 1 && A.version.compareTo(semver('1.10.0')) == 0",
                true,
            ),
            (
                "device.capacity[device.driver].memory.isGreaterThan(quantity('50Gi'))",
                true,
            ),
            (
                "device.capacity['gpu'].memory.compareTo(quantity('81Gi')) >= 0",
                false,
            ),
            ("device.capacity.gpu.memory == quantity('81920Mi')", true),
            ("A.numa in [1, 2] && !(A.numa in [0])", true),
            ("[1, 2].exists(n, n == A.numa) && [1].all(n, n > 0)", true),
            ("A.exists(key, key.contains('um')) && size(A) == 4", true),
            (
                "{'a': 1}.a + 2 * 3 - 1 == 6 && -7 % 4 == -3 && 7 / 2 == 3",
                true,
            ),
            // Values of different types differ.
            ("A.model == 1", false),
            ("A.model != 1", true),
            ("r'\\d'.size() == 2 && \"\\\"\" == '\"'", true),
            (
                "optional.of(1).hasValue() && !optional.none().hasValue()",
                true,
            ),
            ("A.?model.size() == 4 || true // a note", true),
            ("device.attributes[?'other'].model.orValue('') == ''", true),
            (
                "A.?missing.c.orValue(1) == 1 && A.?model.orValue('') == 'h100'",
                true,
            ),
            ("[A.model, true].exists(own, own)", true),
            (
                "semver('v1.2', true) == semver('1.2.0') && !isSemver('v1')",
                true,
            ),
        ] {
            let text = text
                .replace("A.", &format!("{attributes}."))
                .replace("A[", &format!("{attributes}["));
            let text = text
                .replace("in A ", &format!("in {attributes} "))
                .replace("size(A)", &format!("size({attributes})"));
            let selector =
                Selector::compile(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(selector.matches(&facts), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_a_device_lacks_is_an_error() {
        for (text, expected) in [
            (
                r#"device.attributes["gpu"].missing == 1"#,
                "no such key: missing",
            ),
            (
                r#"device.attributes["other"].model == """#,
                "no such key: model",
            ),
            (
                r#"device.attributes["gpu"].model > 1"#,
                "no such overload: string > int",
            ),
            (
                r#"device.attributes["gpu"].numa / 0 == 1"#,
                "division by zero",
            ),
            (
                r#"device.attributes["gpu"].model"#,
                "expected a bool, found a string",
            ),
            (r#"quantity("many").isLessThan(quantity("1"))"#, ""),
        ] {
            let selector =
                Selector::compile(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            let found = selector.matches(&device()).expect_err(text);
            assert!(found.contains(expected), "{text}: {found}");
        }
    }

    #[test]
    fn what_is_no_selector_is_refused_with_its_place() {
        for (text, expected) in [
            ("", "at character 1: expected a value, found the end"),
            (
                "device.driver = 'a'",
                "at character 15: `=` begins nothing known in CEL",
            ),
            (
                "device.driver",
                "at character 1: expected an expression that is true or false, found a string",
            ),
            (
                "'ä' == 'a' && devise.driver == 'a'",
                "at character 15: there is no variable `devise`; did you mean `device`?",
            ),
            (
                "true && device.drivers == 'a'",
                "at character 16: a device has no field `drivers`; did you mean `driver`?",
            ),
            (
                "device.driver == 1",
                "at character 15: `==` does not take a string and a int",
            ),
            (
                "device.driver.startsWith(1)",
                "at character 15: the function `startsWith` does not take (string, int)",
            ),
            ("1.5 > 1", "at character 3: expected a name, found `5`"),
            ("'a", "at character 1: expected the end of the text"),
            ("(true", "at character 6: expected `)`, found the end"),
            (
                "true true",
                "at character 6: expected the end of the expression, found `true`",
            ),
            (
                "!device.driver",
                "at character 1: `!` takes a bool, not a string",
            ),
            (
                "99999999999999999999 > 1",
                "at character 1: expected a whole number of 64 bits, found `99999999999999999999`",
            ),
        ] {
            let found = Selector::compile(text).expect_err(text).to_string();
            assert_eq!(found, expected, "{text}");
        }
        let unknown = Selector::compile("device.driver.matches('a')").expect_err("a function");
        let words = unknown.to_string();
        assert!(words.starts_with("at character 15: the function `matches` is not modelled"));
        // Expressions as deep as they are long.
        for long in [
            "(".repeat(1_000),
            "!".repeat(1_000),
            format!("true{}", " && true".repeat(1_000)),
            format!("true{}", " || true".repeat(1_000)),
            format!("device{}", ".a".repeat(1_000)),
            format!("1{} == 1", " + 1".repeat(1_000)),
            "a".repeat(1 << 20),
        ] {
            let words = Selector::compile(&long).expect_err("too long").to_string();
            assert!(words.contains("expected"), "{words}");
        }
    }
}
