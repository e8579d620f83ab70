//! Encodes records as JSON with a kind, a version and a checksum; decodes and checks them.
//!
//! docs/storage-format.md has the layout. The checksum covers the key, so a value stored under a wrong key is detected.

use std::fmt;

use xxhash_rust::xxh3::Xxh3Default;

use crate::error::Error;
use crate::key::Key;
use crate::record::Record;

const HEADER: usize = 10;

/// Puts a record, and bytes that belong to it, into one envelope: the JSON, a zero byte, which JSON never contains, and
/// the bytes.
pub fn encode_with<R: Record>(key: &Key, record: &R, bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let mut value = json_of(key, record)?;
    value.push(0);
    value.extend_from_slice(bytes);
    Ok(sealed(key, record, value))
}

/// Takes a record and its bytes out of their envelope.
///
/// # Errors
///
/// As [`decode`].
pub fn decode_with<R: Record>(key: &Key, value: &[u8]) -> Result<(R, Vec<u8>), Error> {
    let content = opened::<R>(key, value)?;
    let end = content.iter().position(|&byte| byte == 0).ok_or_else(|| corrupt::<R>(key, "it has no bytes"))?;
    let (json, bytes) = content.split_at(end);
    let record = serde_json::from_slice(json).map_err(|error| corrupt::<R>(key, error))?;
    Ok((record, bytes.get(1..).unwrap_or_default().to_vec()))
}

/// Puts a record into an envelope that is stored under `key`.
pub fn encode<R: Record>(key: &Key, record: &R) -> Result<Vec<u8>, Error> {
    Ok(sealed(key, record, json_of(key, record)?))
}

/// Takes a record out of its envelope.
///
/// # Errors
///
/// [`Error::Newer`] if its version is above [`Record::NEWEST`]; [`Error::Corrupt`] for every damage. Both name the key.
pub fn decode<R: Record>(key: &Key, value: &[u8]) -> Result<R, Error> {
    serde_json::from_slice(opened::<R>(key, value)?).map_err(|error| corrupt::<R>(key, error))
}

/// The record as JSON, after room for the envelope's header.
fn json_of<R: Record>(key: &Key, record: &R) -> Result<Vec<u8>, Error> {
    let mut value = vec![0; HEADER];
    serde_json::to_writer(&mut value, record)
        .map_err(|error| Error::Corrupt(format!("{} {key} cannot be written: {error}", R::WHAT)))?;
    Ok(value)
}

/// Writes the header.
fn sealed<R: Record>(key: &Key, record: &R, mut value: Vec<u8>) -> Vec<u8> {
    let sum = checksum(key, value.get(HEADER..).unwrap_or_default());
    value.splice(..HEADER, [R::KIND, record.version()].into_iter().chain(sum.to_le_bytes()));
    value
}

/// Checks the header, and returns what follows it.
fn opened<'a, R: Record>(key: &Key, value: &'a [u8]) -> Result<&'a [u8], Error> {
    let Some((&[kind, version, ref sum @ ..], content)) = value.split_first_chunk::<HEADER>() else {
        return Err(corrupt::<R>(key, format_args!("only {} bytes long", value.len())));
    };
    if kind != R::KIND {
        return Err(corrupt::<R>(key, format_args!("kind byte {kind:#04x}, expected {:#04x}", R::KIND)));
    }
    // Checked before the checksum: another version may have another checksum.
    if !(1..=R::NEWEST).contains(&version) {
        let (what, newest) = (R::WHAT, R::NEWEST);
        return Err(Error::Newer(format!("{what} {key} has version {version}, and {newest} is the newest known here")));
    }
    let stored = sum.iter().rev().fold(0, |sum, &byte| (sum << 8) | u64::from(byte));
    if stored == checksum(key, content) { Ok(content) } else { Err(corrupt::<R>(key, "checksum does not match")) }
}

fn corrupt<R: Record>(key: &Key, why: impl fmt::Display) -> Error {
    Error::Corrupt(format!("{} {key}: {why}", R::WHAT))
}

fn checksum(key: &Key, json: &[u8]) -> u64 {
    let mut hash = Xxh3Default::new();
    hash.update(key.as_str().as_bytes());
    hash.update(&[0]);
    hash.update(json);
    hash.digest()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::BlobId;
    use crate::record::{Manifest, Rubbish, Trash};

    fn stored() -> (Key, Vec<u8>) {
        let key = Key::trash(7);
        let record = Trash { after: 5, what: Rubbish::Blob(BlobId::new(1, &[2; 10])) };
        let value = encode(&key, &record).unwrap();
        assert_eq!(decode::<Trash>(&key, &value).unwrap(), record);
        (key, value)
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let (key, value) = stored();
        for bit in 0..value.len() * 8 {
            let mut damaged = value.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let error = decode::<Trash>(&key, &damaged).unwrap_err();
            let expected = matches!((bit / 8, error), (1, Error::Newer(_)) | (_, Error::Corrupt(_)));
            assert!(expected, "bit {bit}");
        }
    }

    #[test]
    fn truncation_and_a_foreign_key_are_noticed() {
        let (key, value) = stored();
        for len in 0..value.len() {
            assert!(decode::<Trash>(&key, &value[..len]).is_err(), "{len} bytes");
        }
        assert!(decode::<Trash>(&Key::trash(8), &value).is_err());
        assert!(decode::<Manifest>(&key, &value).is_err());
    }
}
