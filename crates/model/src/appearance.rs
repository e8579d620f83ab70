//! How an image is shown, as the structure of its file says: its size, how it is turned, and whether it moves.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What the structure of a file says of how its image is shown. Each is `None` if the file does not say it, or not
/// where it is looked for; the last two also in records of earlier versions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appearance {
    /// Width and height in pixels: of the pixels as decoders give them. Those of HEIF, AVIF and JPEG XL are turned
    /// before, all others after.
    pub dimensions: Option<(u32, u32)>,
    /// How the stored pixels are turned when they are shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orientation: Option<Orientation>,
    /// Whether it has more than one picture, which are shown one after the other.
    #[serde(default, rename = "animated", skip_serializing_if = "Option::is_none")]
    pub is_animated: Option<bool>,
}

impl Appearance {
    /// Width and height of the picture as it is shown: exchanged if it is turned on its side.
    pub fn upright(self) -> Option<(u32, u32)> {
        let is_on_side = self.orientation.is_some_and(|orientation| orientation.number() >= 5);
        self.dimensions.map(|(width, height)| if is_on_side { (height, width) } else { (width, height) })
    }
}

/// How stored pixels are turned when they are shown, by its number in EXIF: 1 to 8 (CIPA DC-008, tag 0x0112).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Orientation(u8);

impl Orientation {
    /// The orientation that is made by mirroring, left to right, and then turning by quarters, clockwise.
    pub fn from_turns(is_mirrored: bool, quarters: u8) -> Self {
        Self(match (is_mirrored, quarters % 4) {
            (false, 0) => 1,
            (false, 1) => 6,
            (false, 2) => 3,
            (false, _) => 8,
            (true, 0) => 2,
            (true, 1) => 7,
            (true, 2) => 4,
            (true, _) => 5,
        })
    }

    /// Its number in EXIF.
    pub fn number(self) -> u8 {
        self.0
    }

    /// Whether pixels are shown as they are stored.
    pub fn is_upright(self) -> bool {
        self.0 == 1
    }
}

impl TryFrom<u8> for Orientation {
    type Error = &'static str;

    /// The orientation of a number in EXIF.
    fn try_from(number: u8) -> Result<Self, Self::Error> {
        if (1..=8).contains(&number) { Ok(Self(number)) } else { Err("orientations are 1 to 8") }
    }
}

impl From<Orientation> for u8 {
    fn from(orientation: Orientation) -> Self {
        orientation.0
    }
}

impl fmt::Display for Orientation {
    /// For people, such as `turned by 90° clockwise`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            2 => "mirrored",
            3 => "turned by 180°",
            4 => "mirrored, then turned by 180°",
            5 => "mirrored, then turned by 270° clockwise",
            6 => "turned by 90° clockwise",
            7 => "mirrored, then turned by 90° clockwise",
            8 => "turned by 270° clockwise",
            _ => "as it is stored",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_appearance_of_an_earlier_version_is_read() {
        let read = |json: &str| serde_json::from_str::<Appearance>(json);
        let earlier = Appearance { dimensions: Some((96, 64)), ..Appearance::default() };
        assert_eq!(read(r#"{"dimensions":[96,64]}"#).unwrap(), earlier);
        assert_eq!(serde_json::to_string(&earlier).unwrap(), r#"{"dimensions":[96,64]}"#);
        let whole = r#"{"dimensions":null,"orientation":6,"animated":false}"#;
        assert_eq!(serde_json::to_string(&read(whole).unwrap()).unwrap(), whole);
        for number in [0, 9] {
            assert!(read(&format!(r#"{{"dimensions":null,"orientation":{number}}}"#)).is_err(), "{number}");
        }
    }
}
