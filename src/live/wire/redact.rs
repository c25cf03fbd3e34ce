//! Secrets in requests. Of a `Secret` the cluster needs the name alone, so its values are left out
//! before the request is recorded.

use serde_json::{Map, Value, json};

use super::request::{Outcome, Request};

/// Fields of a `Secret` that are kept.
const KEPT: [&str; 3] = ["apiVersion", "kind", "type"];

/// A request without the values of secrets. One without secrets stays as it is written.
///
/// # Errors
/// The request holds no manifest; it may hold anything, so it is answered and not recorded.
pub(crate) fn redacted(request: Request) -> Result<Request, Outcome> {
    let Request::Apply { file, text } = request else {
        return Ok(request);
    };
    let mut documents = k8s::read_values(&text).map_err(|why| Outcome {
        refused: vec![format!("{file}: {why}")],
        ..Outcome::default()
    })?;
    let mut any = false;
    for document in &mut documents {
        any |= redact(document);
    }
    if !any {
        return Ok(Request::Apply { file, text });
    }
    // One list reads as the documents do, whether the text is taken for YAML or for JSON.
    let text = json!({"apiVersion": "v1", "kind": "List", "items": documents}).to_string();
    Ok(Request::Apply { file, text })
}

/// Leaves out the values of secrets; returns whether there were any.
fn redact(document: &mut Value) -> bool {
    let list = match document {
        Value::Array(items) => Some(items),
        Value::Object(fields) => fields.get_mut("items").and_then(Value::as_array_mut),
        _ => None,
    };
    let mut any = false;
    for item in list.into_iter().flatten() {
        any |= redact(item);
    }
    if let Value::Object(fields) = document
        && fields.get("kind").and_then(Value::as_str) == Some("Secret")
    {
        let mut metadata = Map::new();
        for field in ["name", "namespace"] {
            let value = fields.get("metadata").and_then(|known| known.get(field));
            metadata.extend(value.map(|value| (field.to_owned(), value.clone())));
        }
        fields.retain(|field, _| KEPT.contains(&field.as_str()));
        fields.insert("metadata".to_owned(), Value::Object(metadata));
        any = true;
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted_text(text: &str) -> String {
        let request = Request::Apply {
            file: "x.yaml".to_owned(),
            text: text.to_owned(),
        };
        match redacted(request).expect("a manifest") {
            Request::Apply { text, .. } => text,
            other => panic!("another request: {other:?}"),
        }
    }

    #[test]
    fn values_of_secrets_are_left_out_wherever_they_stand() {
        let secret = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\n  annotations: {a: PLANTED}\n\
                      data: {k: PLANTED}\nstringData: {k: PLANTED}\n";
        let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n";
        let indented = secret.replace('\n', "\n  ");
        for text in [
            secret.to_owned(),
            format!("{pod}---\n{secret}"),
            format!("apiVersion: v1\nkind: List\nitems:\n- {indented}"),
        ] {
            let redacted = redacted_text(&text);
            assert!(!redacted.contains("PLANTED"), "{redacted}");
            assert!(redacted.contains("Secret"), "{redacted}");
        }
        assert_eq!(redacted_text(pod), pod);
        let broken = Request::Apply {
            file: "x.yaml".to_owned(),
            text: "kind: Secret\ndata: {k: [PLANTED".to_owned(),
        };
        assert!(redacted(broken).is_err());
    }
}
