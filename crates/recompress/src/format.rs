//! The frame of the packed form: version, what unpacking takes, sections.

use crate::Damaged;

/// The version of the packed form that is written.
pub(crate) const VERSION: u8 = 1;

/// What a packed form states about itself. Unpacking holds it to that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// The length of the file, in bytes.
    pub length: u64,
    /// The most memory that unpacking takes, in bytes.
    pub memory: u64,
    /// The work of unpacking: about nanoseconds on a machine of 2020, the same number on every machine.
    pub work: u64,
}

/// Reads what the packed form states about itself.
pub fn info(packed: &[u8]) -> Result<Info, Damaged> {
    Sections::new(packed).map(|(info, ..)| info)
}

/// Appends a number: seven bits a byte, lowest first; the highest bit of a byte says that more follow.
pub(crate) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number > 0x7F {
        out.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends a section: its length, and its bytes.
pub(crate) fn put_section(out: &mut Vec<u8>, section: &[u8]) {
    put_number(out, section.len() as u64);
    out.extend_from_slice(section);
}

/// The beginning of a packed form; sections follow.
pub(crate) fn begin(info: Info, checksum: u32) -> Vec<u8> {
    let mut out = vec![VERSION];
    put_number(&mut out, info.length);
    put_number(&mut out, info.memory >> 10);
    put_number(&mut out, info.work >> 10);
    out.extend_from_slice(&checksum.to_le_bytes());
    out
}

/// The sections of a packed form, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Sections<'a> {
    rest: &'a [u8],
}

impl<'a> Sections<'a> {
    /// What the packed form states, the checksum of the file, and the sections.
    pub(crate) fn new(packed: &'a [u8]) -> Result<(Info, u32, Self), Damaged> {
        let (version, rest) = packed.split_first().ok_or(Damaged::Truncated)?;
        if *version != VERSION {
            return Err(Damaged::Version(*version));
        }
        let mut sections = Self { rest };
        let length = sections.number()?;
        let mut kibi = || sections.number()?.checked_mul(1024).ok_or(Damaged::Stream);
        let (memory, work) = (kibi()?, kibi()?);
        let (checksum, rest) = sections.rest.split_first_chunk().ok_or(Damaged::Truncated)?;
        sections.rest = rest;
        Ok((Info { length, memory, work }, u32::from_le_bytes(*checksum), sections))
    }

    pub(crate) fn number(&mut self) -> Result<u64, Damaged> {
        let mut number = 0;
        for shift in (0..63).step_by(7) {
            let (byte, rest) = self.rest.split_first().ok_or(Damaged::Truncated)?;
            self.rest = rest;
            number |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Damaged::Stream)
    }

    /// The next section.
    pub(crate) fn next(&mut self) -> Result<&'a [u8], Damaged> {
        let length = usize::try_from(self.number()?).map_err(|_| Damaged::Truncated)?;
        let (section, rest) = self.rest.split_at_checked(length).ok_or(Damaged::Truncated)?;
        self.rest = rest;
        Ok(section)
    }
}
