//! Lists that people write.

/// Parses each word of a list that people write with spaces or commas between them; there must be one at least.
pub fn words<T>(text: &str, parse: impl Fn(&str) -> Result<T, ()>) -> Result<Vec<T>, ()> {
    let words = text.split([',', ' ', '\t', '\n']).filter(|word| !word.is_empty());
    let list = words.map(parse).collect::<Result<Vec<T>, ()>>()?;
    if list.is_empty() { Err(()) } else { Ok(list) }
}
