//! Writes the headers of ZIP archives (PKWARE APPNOTE 6.3.10).
//!
//! The bytes of the entries are packed already: deflated content goes in as it is stored. So the length of an archive
//! is known before any content is read.

use burrow_model::name::{MAX_BYTES, folded, shortened};
use burrow_model::time::instant;
use jiff::tz::TimeZone;

/// How an entry's bytes are packed (APPNOTE 4.4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Unchanged.
    Stored = 0,
    /// Raw deflate.
    Deflated = 8,
}

/// One file of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its path in the archive, from [`Names`].
    pub name: String,
    /// How it is packed.
    pub method: Method,
    /// CRC-32 of the unpacked bytes.
    pub crc32: u32,
    /// Length of the packed bytes.
    pub packed: u64,
    /// Length of the unpacked bytes.
    pub size: u64,
    /// Its date, in milliseconds since 1970.
    pub time: u64,
}

/// The value of a 32-bit field whose number is in the ZIP64 extra field instead (APPNOTE 4.3.9.2).
const ELSEWHERE: u32 = u32::MAX;

/// Flag: names are UTF-8 (APPNOTE 4.4.4).
const UTF8: u16 = 1 << 11;

impl Entry {
    /// The local header, which precedes the entry's bytes.
    pub fn header(&self) -> Vec<u8> {
        let large = self.is_large();
        let mut bytes = b"PK\x03\x04".to_vec();
        self.describe(&mut bytes, large);
        bytes.extend(length(self.name.len()));
        bytes.extend(if large { 20_u16 } else { 0 }.to_le_bytes());
        bytes.extend(self.name.as_bytes());
        if large {
            bytes.extend([1, 0, 16, 0]);
            bytes.extend(self.size.to_le_bytes());
            bytes.extend(self.packed.to_le_bytes());
        }
        bytes
    }

    /// The directory's header of an entry that begins at `offset`.
    fn listed(&self, offset: u64) -> Vec<u8> {
        let large = self.is_large() || offset >= u64::from(ELSEWHERE);
        let mut bytes = b"PK\x01\x02".to_vec();
        // Made on Unix; the mode below lets everybody read the file.
        bytes.extend([45, 3]);
        self.describe(&mut bytes, large);
        bytes.extend(length(self.name.len()));
        bytes.extend(if large { 28_u16 } else { 0 }.to_le_bytes());
        bytes.extend([0; 6]);
        bytes.extend((0o100_644_u32 << 16).to_le_bytes());
        bytes.extend(if large { ELSEWHERE } else { short(offset) }.to_le_bytes());
        bytes.extend(self.name.as_bytes());
        if large {
            bytes.extend([1, 0, 24, 0]);
            for number in [self.size, self.packed, offset] {
                bytes.extend(number.to_le_bytes());
            }
        }
        bytes
    }

    /// The fields that both headers share: from the version needed to the sizes.
    fn describe(&self, bytes: &mut Vec<u8>, large: bool) {
        bytes.extend(if large { 45_u16 } else { 20 }.to_le_bytes());
        bytes.extend(UTF8.to_le_bytes());
        bytes.extend((self.method as u16).to_le_bytes());
        bytes.extend(dos_time(self.time));
        bytes.extend(self.crc32.to_le_bytes());
        for number in [self.packed, self.size] {
            bytes.extend(if large { ELSEWHERE } else { short(number) }.to_le_bytes());
        }
    }

    fn is_large(&self) -> bool {
        self.size >= u64::from(ELSEWHERE) || self.packed >= u64::from(ELSEWHERE)
    }
}

/// The central directory, which follows the bytes of all entries.
pub fn directory(entries: &[Entry]) -> Vec<u8> {
    let (mut bytes, mut offset) = (Vec::new(), 0);
    for entry in entries {
        bytes.extend(entry.listed(offset));
        offset += entry.header().len() as u64 + entry.packed;
    }
    let (count, size) = (entries.len() as u64, bytes.len() as u64);
    let large = offset >= u64::from(ELSEWHERE) || count >= 0xffff;
    if large {
        let end = offset + size;
        bytes.extend(b"PK\x06\x06");
        bytes.extend(44_u64.to_le_bytes());
        bytes.extend([45, 3, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        for number in [count, count, size, offset] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(b"PK\x06\x07\0\0\0\0");
        bytes.extend(end.to_le_bytes());
        bytes.extend(1_u32.to_le_bytes());
    }
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    let count = if large { u16::MAX } else { u16::try_from(count).unwrap_or(u16::MAX) };
    bytes.extend([count.to_le_bytes(), count.to_le_bytes()].concat());
    bytes.extend(short(size).to_le_bytes());
    bytes.extend(if large { ELSEWHERE } else { short(offset) }.to_le_bytes());
    bytes.extend([0, 0]);
    bytes
}

fn short(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(ELSEWHERE)
}

fn length(bytes: usize) -> [u8; 2] {
    u16::try_from(bytes).unwrap_or(u16::MAX).to_le_bytes()
}

/// A time as MS-DOS writes it: UTC, in steps of two seconds, from 1980 to 2107 (APPNOTE 4.4.6). Any other time becomes
/// the first of these.
fn dos_time(millis: u64) -> [u8; 4] {
    let time = instant(millis).unwrap_or_default().to_zoned(TimeZone::UTC);
    let Some(year) = u16::try_from(time.year() - 1980).ok().filter(|year| *year <= 127) else {
        return [0, 0, 0x21, 0];
    };
    let part = |number: i8| u16::from(number.unsigned_abs());
    let clock = (part(time.hour()) << 11) | (part(time.minute()) << 5) | (part(time.second()) / 2);
    let date = (year << 9) | (part(time.month()) << 5) | part(time.day());
    let ([a, b], [c, d]) = (clock.to_le_bytes(), date.to_le_bytes());
    [a, b, c, d]
}

/// Gives every file a path of its own that stays inside the directory into which the archive is unpacked.
#[derive(Debug, Default)]
pub struct Names(std::collections::HashSet<String>);

impl Names {
    /// The path of the next file, which has this name: one that every system accepts, in no directory.
    pub fn path(&mut self, name: &str) -> String {
        let name = name.replace(|c: char| c.is_control() || r#"/\:*?"<>|"#.contains(c), "_");
        // Windows ignores these.
        let name = name.trim_start().trim_end_matches([' ', '.']);
        let stem = name.split('.').next().unwrap_or_default().trim_end();
        let path = if name.is_empty() {
            "image".into()
        } else if RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(stem)) {
            format!("_{name}")
        } else {
            name.to_owned()
        };
        let path = shortened(&path, MAX_BYTES).into_owned();
        // Some systems ignore case, and how characters are composed.
        if self.0.insert(folded(&path)) {
            return path;
        }
        let dot = path.rfind('.').filter(|dot| *dot > 0 && path.len() - dot < MAX_BYTES / 2).unwrap_or(path.len());
        let (stem, extension) = path.split_at(dot);
        let mut paths = (2..).map(|n: u64| {
            let end = format!(" ({n}){extension}");
            format!("{}{end}", shortened(stem, MAX_BYTES - end.len()))
        });
        paths.find(|path| self.0.insert(folded(path))).unwrap_or(path)
    }
}

/// Names of devices on Windows.
const RESERVED: [&str; 22] = [
    "aux", "con", "nul", "prn", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9", "lpt1", "lpt2",
    "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere_else_and_are_each_others_only() {
        let mut names = Names::default();
        let mut path = |name: &str| names.path(name);
        assert_eq!(path("a.png"), "a.png");
        assert_eq!(path("A.PNG"), "A (2).PNG");
        assert_eq!(path("a.png"), "a (3).png");
        assert_eq!(path("../../etc/passwd"), ".._.._etc_passwd");
        assert_eq!(path("/x//y"), "_x__y");
        assert_eq!(path("c:\\x"), "c__x");
        assert_eq!(path(" .. "), "image");
        assert_eq!(path("d. ."), "d");
        assert_eq!(path("CON.png"), "_CON.png");
        assert_eq!(path("con sole"), "con sole");
        assert_eq!(path("a\nb?.gif"), "a_b_.gif");
        assert_eq!(path("A"), "A");
        assert_eq!(path("a/b.jpg"), "a_b.jpg");
        assert_eq!(path("Übung.png"), "Übung.png");
        assert_eq!(path("u\u{308}BUNG.png"), "u\u{308}BUNG (2).png", "macOS takes it for the same");
        let long = format!("{}.png", "n".repeat(300));
        assert_eq!(path(&long), format!("{}.png", "n".repeat(251)));
        assert_eq!(path(&long), format!("{} (2).png", "n".repeat(247)));
        assert_eq!(path(&format!("a.{}", "b".repeat(300))).len(), 255);
        assert_eq!(path(&format!("a.{}", "b".repeat(300))), format!("a.{} (2)", "b".repeat(249)));
    }

    #[test]
    fn large_archives_say_so() {
        let large = Entry {
            name: "a".into(),
            method: Method::Stored,
            crc32: 0,
            packed: 5_000_000_000,
            size: 5_000_000_000,
            time: 1_800_000_000_000,
        };
        let small = Entry { packed: 10, size: 10, ..large.clone() };
        assert_eq!((large.header().len(), small.header().len()), (31 + 20, 31));
        let end = directory(&[large.clone(), small.clone()]);
        assert!(
            end.windows(4).any(|bytes| bytes == b"PK\x06\x06") && end.windows(4).any(|bytes| bytes == b"PK\x06\x07")
        );
        let offset = large.header().len() as u64 + large.packed;
        assert!(end.windows(8).any(|bytes| bytes == offset.to_le_bytes()), "the second entry's offset is there");
        assert!(!directory(&[small]).windows(4).any(|bytes| bytes == b"PK\x06\x06"));
        assert_eq!(dos_time(1_800_000_000_000), [0, 0x40, 0x2f, 0x5e]);
        assert_eq!((dos_time(0), dos_time(u64::MAX)), ([0, 0, 0x21, 0], [0, 0, 0x21, 0]));
    }
}
