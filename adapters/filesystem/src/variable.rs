//! The environment variable of each setting: `BURROW_` and its name in capitals, as the program `burrow` has it.

/// The environment variable of a setting. `None` if no setting can have this name.
pub fn of_setting(name: &str) -> Option<String> {
    let is_name = !name.is_empty() && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    is_name.then(|| format!("BURROW_{}", name.to_ascii_uppercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_those_of_the_program() {
        assert_eq!(of_setting("max_image_bytes").as_deref(), Some("BURROW_MAX_IMAGE_BYTES"));
        assert!(["", "Max", "a-b", "a=b", "é"].into_iter().all(|name| of_setting(name).is_none()));
    }
}
