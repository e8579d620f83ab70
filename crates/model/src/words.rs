//! Parses lists in settings and forms: words separated by spaces or commas.

/// Parses each word of a list.
///
/// # Errors
///
/// The first error of `parse`; the default error if the list has no word.
pub fn words<T, E: Default>(text: &str, parse: impl Fn(&str) -> Result<T, E>) -> Result<Vec<T>, E> {
    let words = text.split([',', ' ', '\t', '\n']).filter(|word| !word.is_empty());
    let list = words.map(parse).collect::<Result<Vec<T>, E>>()?;
    if list.is_empty() { Err(E::default()) } else { Ok(list) }
}
