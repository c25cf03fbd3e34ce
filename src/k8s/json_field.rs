//! The first field of a JSON object, found without parsing the others.

/// The text of the first field of an object written without spaces, if that is the wanted one and has
/// no escapes; of most objects of a snapshot it is the kind.
pub(super) fn first_text<'t>(object: &'t [u8], wanted: &str) -> Option<&'t str> {
    let rest = object.strip_prefix(b"{\"")?;
    let rest = rest.strip_prefix(wanted.as_bytes())?;
    let rest = rest.strip_prefix(b"\":\"")?;
    let end = rest.iter().position(|&byte| byte == b'"')?;
    let text = std::str::from_utf8(&rest[..end]).ok()?;
    (!text.contains('\\') && !text.chars().any(char::is_control)).then_some(text)
}
