//! File names of keys: every key has one, and no two keys have the same, whether or not the file system knows case.

use std::fmt::Write as _;

/// The longest file name, in bytes, that common file systems take.
const LONGEST: usize = 255;

/// The file name of a key: what is no lower-case letter, digit, `_` or `-`, and no dot behind the first byte, stands as
/// `%` and two hexadecimal digits. `None` if the key is empty or the name would be too long.
pub fn of_key(key: &str) -> Option<String> {
    let mut name = String::with_capacity(key.len() + 8);
    for byte in key.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => name.push(byte.into()),
            b'.' if !name.is_empty() => name.push('.'),
            // Writing to a string cannot fail.
            _ => drop(write!(name, "%{byte:02x}")),
        }
    }
    (1..=LONGEST).contains(&name.len()).then_some(name)
}

/// The key that has this file name. `None` if no key has it.
pub fn to_key(name: &str) -> Option<String> {
    let mut key = Vec::with_capacity(name.len());
    let mut bytes = name.bytes();
    while let Some(byte) = bytes.next() {
        key.push(if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?];
            u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
        } else {
            byte
        });
    }
    let key = String::from_utf8(key).ok()?;
    (of_key(&key).as_deref() == Some(name)).then_some(key)
}

/// The shard of a key, 0 to 255: the low byte of its FNV-1a hash. It keeps directories small.
pub fn shard(key: &str) -> u8 {
    let hash = key.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash.to_le_bytes()[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_its_key() {
        let longest = "k".repeat(255);
        for key in ["b1:i:0190a.b_c-d", ".", "..", "a/b", "Ä ß", "%3a", "%", "\0", &longest] {
            let name = of_key(key).unwrap();
            assert_eq!(to_key(&name).as_deref(), Some(key), "{name}");
            assert!(!name.starts_with('.') && !name.contains(['/', '\\', ':', '\0']), "{name}");
            assert_eq!(name, name.to_lowercase());
        }
        assert_eq!(of_key("b1:s:settled").unwrap(), "b1%3as%3asettled");
    }

    #[test]
    fn what_has_no_name_is_refused() {
        assert_eq!(of_key(""), None);
        assert_eq!(of_key(&"k".repeat(256)), None);
        assert_eq!(of_key(&":".repeat(86)), None);
    }

    #[test]
    fn names_of_no_key_are_passed_over() {
        // The last ones would be second names of keys.
        for name in ["", "A", "%", "%3", "%zz", "%+1", "%ff", ".hidden", "%3A", "%61"] {
            assert_eq!(to_key(name), None, "{name}");
        }
    }

    #[test]
    fn keys_spread_over_all_shards() {
        let mut used = [false; 256];
        (0..4096).for_each(|n| used[usize::from(shard(&format!("b1:c:{n}")))] = true);
        assert!(used.iter().filter(|used| **used).count() > 200);
    }
}
