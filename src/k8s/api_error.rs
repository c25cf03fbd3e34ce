//! Texts of `kubectl` where objects were expected: answers of an API server that are errors, so that a
//! dump lacks whatever was asked for, warnings, and forms that are for people.

use serde_json::Value;

use super::source::Source;

/// Beginnings of the lines by which `kubectl` reports a failure.
const LINES: [&str; 5] = [
    "Error from server",
    "error: ",
    "Unable to connect to the server",
    "The connection to the server",
    "You must be logged in to the server",
];

/// Number of bytes of the longest object that is looked into: the check must not cost what reading
/// costs.
const LONGEST_OBJECT: usize = 1 << 12;

/// Spellings of the kind of an answer that is an error.
const KINDS: [&str; 3] = [
    "\"kind\": \"Status\"",
    "\"kind\":\"Status\"",
    "kind: Status",
];

/// The advice at the end of each message.
const FIX: &str = "what was asked for is missing in the dump: take it again with an account that \
                   may list these objects";

/// Number of bytes in which an error message of `kubectl` is looked for.
const LONGEST_MESSAGE: usize = 400;

/// Words about a text that `kubectl` begins with no object: a failure, a warning, a table or a description;
/// `None` of any other.
pub(super) fn in_text(text: &[u8]) -> Option<String> {
    let first = String::from_utf8_lossy(&text[..text.len().min(LONGEST_MESSAGE)]);
    let mut lines = first.lines();
    let (line, next) = (lines.next()?, lines.next().unwrap_or_default());
    in_line(line).or_else(|| for_people(line, next))
}

/// Words about the first two lines of what `kubectl` writes for people.
fn for_people(line: &str, next: &str) -> Option<String> {
    let spaced = |line: &str, name: &str| {
        let rest = line.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with("    "))
    };
    let mut columns = line
        .split("  ")
        .map(str::trim)
        .filter(|name| !name.is_empty());
    let is_table = matches!(columns.next(), Some("NAME" | "NAMESPACE"))
        && columns.next().is_some()
        && !line.chars().any(|own| own.is_ascii_lowercase());
    if line.starts_with("Warning: ") {
        return Some(format!(
            "`kubectl` wrote a warning into this file (`{}`); delete the line, or take the file again \
             without `2>&1`",
            line.trim()
        ));
    }
    let command = if is_table {
        "get` without `-o"
    } else if spaced(line, "Name:") && (spaced(next, "Namespace:") || spaced(next, "Roles:")) {
        "describe"
    } else {
        return None;
    };
    Some(format!(
        "this is what `kubectl {command}` writes for people; take the file with `kubectl get … -o json`"
    ))
}

/// Words about a line of text in which `kubectl` reports a failure; `None` of any other.
fn in_line(line: &str) -> Option<String> {
    let line = line.trim();
    let is_one = LINES.iter().any(|own| line.starts_with(own));
    is_one.then(|| format!("`kubectl` failed here (`{line}`); {FIX}"))
}

/// Words about an object by which an API server reports a failure; `None` of any other.
pub(super) fn in_object(source: &Source<'_>) -> Option<String> {
    if source.text.len() > LONGEST_OBJECT {
        return None;
    }
    let text = std::str::from_utf8(source.text).ok()?;
    if !KINDS.iter().any(|kind| text.contains(kind)) {
        return None;
    }
    let value: Value = source.read(std::marker::PhantomData).ok()?;
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    if text("kind") != Some("Status") || text("status") != Some("Failure") {
        return None;
    }
    let message = text("message").unwrap_or("it gives no message");
    let reason = text("reason").unwrap_or("a failure");
    Some(format!(
        "the API server answered with an error instead of objects ({reason}: {message}); {FIX}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kubectl_writes_where_objects_were_expected_is_named() {
        let told = |text: &str| in_text(text.as_bytes()).unwrap_or_default();
        let failed = told("Error from server (Forbidden): nodes is forbidden\n");
        assert!(
            failed.starts_with("`kubectl` failed here (`Error from"),
            "{failed}"
        );
        let warned =
            told("Warning: v1 ComponentStatus is deprecated in v1.19+\n{\"kind\": \"List\"}\n");
        assert!(warned.contains("without `2>&1`"), "{warned}");
        for table in [
            "NAME    READY   STATUS    RESTARTS   AGE\nweb-1   1/1     Running   0          3d\n",
            "NAMESPACE     NAME      READY   STATUS\nkube-system   dns-1     1/1     Running\n",
        ] {
            assert!(
                told(table).contains("`kubectl get` without `-o`"),
                "{table}"
            );
        }
        for described in [
            "Name:             web-1\nNamespace:        default\n",
            "Name:               node-1\nRoles:              <none>\n",
        ] {
            assert!(
                told(described).contains("`kubectl describe`"),
                "{described}"
            );
        }
        for object in [
            "{\"apiVersion\": \"v1\"}",
            "apiVersion: v1\nkind: Pod\n",
            "Name: a\nNamespace: b\n",
            "NAME: x\n",
            "",
        ] {
            assert_eq!(told(object), "", "{object}");
        }
    }
}
