//! A YAML document as JSON, each value on a line of its own. The types of the API are compiled for
//! one parser alone, that of JSON; a complaint about a line of the JSON text is one about the value
//! of that number in the YAML document, which is parsed once more to find it.

use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_saphyr::{Location, NonFiniteFloatPolicy, Options, Spanned};

/// The JSON text of a document.
pub(super) fn of_yaml(text: &str, options: Options) -> Result<Vec<u8>, serde_saphyr::Error> {
    let mut json = Vec::with_capacity(text.len());
    serde_saphyr::with_deserializer_from_str_with_options(
        text,
        as_texts(options.clone()),
        |yaml| Transcription { json: &mut json }.deserialize(yaml),
    )?;
    if text.split(is_around).any(|word| LETTERS.contains(&word)) {
        return Ok(with_letters(text, options, &json).unwrap_or(json));
    }
    Ok(json)
}

/// Words of one letter that YAML 1.1 counts as booleans. Manifests have them as names of nodes, zones
/// and namespaces, so that they stay texts: `zone: y` is the zone `y`, while `zone: yes` is refused as
/// it is by kubectl.
const LETTERS: [&str; 4] = ["y", "Y", "n", "N"];

fn is_around(char: char) -> bool {
    char.is_whitespace() || [',', '[', ']', '{', '}'].contains(&char)
}

/// The JSON text with [`LETTERS`] as texts where it has them as booleans.
fn with_letters(text: &str, options: Options, json: &[u8]) -> Option<Vec<u8>> {
    let places = places(text, options)?;
    let mut lines = json.split(|&byte| byte == b'\n');
    let mut out = lines.next()?.to_vec();
    for (line, place) in lines.zip(places) {
        out.push(b'\n');
        let word = text_at(text, place).and_then(|word| LETTERS.iter().find(|&&it| it == word));
        let rest = line
            .strip_prefix(b"true")
            .or_else(|| line.strip_prefix(b"false"));
        if let (Some(word), Some(rest)) = (word, rest) {
            out.extend_from_slice(format!("\"{word}\"").as_bytes());
            out.extend_from_slice(rest);
        } else {
            out.extend_from_slice(line);
        }
    }
    Some(out)
}

/// Place in the document of the value on a line of the JSON text, from 1.
pub(super) fn place_of(text: &str, options: Options, line: usize) -> Option<Location> {
    let values_before = line.saturating_sub(FIRST_LINE);
    places(text, options)?.get(values_before).copied()
}

/// Places in the document of all values, in the order of the lines of the JSON text.
pub(super) fn places(text: &str, options: Options) -> Option<Vec<Location>> {
    let parsed =
        serde_saphyr::with_deserializer_from_str_with_options(text, as_texts(options), |yaml| {
            Spanned::<Shape>::deserialize(yaml)
        });
    let mut places = Vec::new();
    collect(&parsed.ok()?, &mut places);
    Some(places)
}

/// Every value follows a line feed.
const FIRST_LINE: usize = 2;

/// JSON has no numbers without end; they are texts, which no field of the API is.
fn as_texts(mut options: Options) -> Options {
    options.non_finite_float_policy = NonFiniteFloatPolicy::AsString;
    options
}

/// Writes the next value as JSON.
struct Transcription<'a> {
    json: &'a mut Vec<u8>,
}

impl Transcription<'_> {
    fn write<T: serde::Serialize, E: serde::de::Error>(self, value: T) -> Result<(), E> {
        serde_json::to_writer(&mut *self.json, &value).map_err(E::custom)
    }
}

impl<'de> DeserializeSeed<'de> for Transcription<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.json.push(b'\n');
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Transcription<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.write(())
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<(), E> {
        self.write(())
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        self.write(value)
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.write(value)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.write(value)
    }

    fn visit_i128<E: serde::de::Error>(self, value: i128) -> Result<(), E> {
        self.write(value)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        self.write(value)
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<(), E> {
        self.write(value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let json = self.json;
        json.push(b'[');
        while items
            .next_element_seed(Transcription { json: &mut *json })?
            .is_some()
        {
            json.push(b',');
        }
        close(json, b']');
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let json = self.json;
        json.push(b'{');
        while let Some(key) = fields.next_key::<String>()? {
            serde_json::to_writer(&mut *json, &key).map_err(serde::de::Error::custom)?;
            json.push(b':');
            fields.next_value_seed(Transcription { json: &mut *json })?;
            json.push(b',');
        }
        close(json, b'}');
        Ok(())
    }
}

/// Ends a list or a map in the place of the comma after its last element.
fn close(json: &mut Vec<u8>, bracket: u8) {
    if json.last() == Some(&b',') {
        json.pop();
    }
    json.push(bracket);
}

/// The values of a document without what they are, in their order.
struct Shape(Vec<Spanned<Shape>>);

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShapeVisitor)
    }
}

struct ShapeVisitor;

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape(Vec::new()))
    }

    fn visit_none<E>(self) -> Result<Shape, E> {
        Ok(Shape(Vec::new()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
        Ok(Shape(Vec::new()))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape(Vec::new()))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
        Ok(Shape(Vec::new()))
    }

    fn visit_i128<E>(self, _: i128) -> Result<Shape, E> {
        Ok(Shape(Vec::new()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape(Vec::new()))
    }

    fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
        Ok(Shape(Vec::new()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Shape, A::Error> {
        let mut inside = Vec::new();
        while let Some(item) = items.next_element()? {
            inside.push(item);
        }
        Ok(Shape(inside))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Shape, A::Error> {
        let mut inside = Vec::new();
        while let Some((IgnoredAny, value)) = fields.next_entry()? {
            inside.push(value);
        }
        Ok(Shape(inside))
    }
}

/// Adds the places of a value and of those inside it.
fn collect(value: &Spanned<Shape>, places: &mut Vec<Location>) {
    places.push(value.defined);
    for inside in &value.value.0 {
        collect(inside, places);
    }
}

/// What is written at a place.
fn text_at(text: &str, place: Location) -> Option<&str> {
    let start = usize::try_from(place.span().byte_offset()?).ok()?;
    let length = usize::try_from(place.span().byte_len()?).ok()?;
    text.get(start..start + length)
}
