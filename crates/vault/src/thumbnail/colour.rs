//! Converts the colours of an ICC profile to sRGB, which every browser assumes.

use image::RgbaImage;
use moxcms::{ColorProfile, DataColorSpace, Layout, Transform8BitExecutor, TransformOptions};
use std::sync::Arc;

/// The longest ICC profile that is read, in bytes. Those of printers have up to 3 MiB.
const MAX_PROFILE: usize = 4 * 1024 * 1024;

/// The profile's colours, if they are of this kind, as a conversion to sRGB. `None` for a profile that is damaged, or
/// of colours that the image does not have: then the colours are taken for sRGB, as browsers do.
fn conversion(profile: &[u8], space: DataColorSpace, layout: Layout, to: Layout) -> Option<Arc<Transform8BitExecutor>> {
    let profile = Some(profile).filter(|profile| profile.len() <= MAX_PROFILE);
    let profile = ColorProfile::new_from_slice(profile?).ok().filter(|profile| profile.color_space == space)?;
    profile.create_transform_8bit(layout, &ColorProfile::new_srgb(), to, TransformOptions::default()).ok()
}

/// Converts rows of cyan, magenta, yellow and black.
pub(super) struct Inks(Arc<Transform8BitExecutor>);

impl Inks {
    /// The conversion of a profile of inks, if it is one.
    pub(super) fn new(profile: &[u8]) -> Option<Self> {
        conversion(profile, DataColorSpace::Cmyk, Layout::Rgba, Layout::Rgb).map(Self)
    }

    /// Converts a row of inks to red, green and blue. `None` if it cannot.
    pub(super) fn row(&self, inks: &[u8]) -> Option<Vec<u8>> {
        let mut colours = vec![0; inks.len() / 4 * 3];
        self.0.transform(inks, &mut colours).ok().map(|()| colours)
    }
}

/// Converts the colours of a picture from those of a profile to sRGB.
pub(super) fn convert(picture: &mut RgbaImage, profile: &[u8]) {
    if let Some(conversion) = conversion(profile, DataColorSpace::Rgb, Layout::Rgba, Layout::Rgba) {
        let before = picture.as_raw().clone();
        let mut after = before.clone();
        // If it fails, the picture stays as it is.
        if conversion.transform(&before, &mut after).is_ok() {
            for (pixel, after) in picture.pixels_mut().zip(after.as_chunks::<4>().0) {
                let [red, green, blue, _] = *after;
                pixel.0 = [red, green, blue, pixel.0[3]];
            }
        }
        return;
    }
    let is_grey = || picture.pixels().all(|pixel| pixel.0[0] == pixel.0[1] && pixel.0[1] == pixel.0[2]);
    if let Some(conversion) = conversion(profile, DataColorSpace::Gray, Layout::Gray, Layout::Rgb)
        && is_grey()
    {
        let before: Vec<u8> = picture.pixels().map(|pixel| pixel.0[0]).collect();
        let mut after = vec![0; before.len() * 3];
        if conversion.transform(&before, &mut after).is_ok() {
            for (pixel, after) in picture.pixels_mut().zip(after.as_chunks::<3>().0) {
                let [red, green, blue] = *after;
                pixel.0 = [red, green, blue, pixel.0[3]];
            }
        }
    }
}
