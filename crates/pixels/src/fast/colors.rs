//! Remembers the last colours: images of few colours are coded by their places in this memory.

use super::frequencies::Frequencies;
use crate::range::Coder;
use crate::rows::{Around, Pixel};
use crate::table::Table;

/// The symbol that says that a colour is not remembered, and how many are.
const NEW: usize = 15;

/// The last 15 colours that were new, and how often each followed which neighbours.
#[derive(Debug)]
pub(crate) struct Colors {
    places: [Pixel; NEW],
    /// The place that the next new colour takes.
    next: usize,
    /// By the places of the pixels to the west and to the north.
    frequencies: Table<Frequencies>,
}

impl Colors {
    pub(crate) fn new() -> Self {
        Self { places: [0; NEW], next: 0, frequencies: Table::new(8, Frequencies::NEW) }
    }

    /// The first place of a colour.
    #[inline(always)]
    fn place(&self, pixel: Pixel) -> usize {
        self.places.iter().position(|place| *place == pixel).unwrap_or(NEW)
    }

    /// Codes a pixel if it is remembered; otherwise only that it is new.
    #[inline(always)]
    pub(crate) fn code<C: Coder>(&mut self, coder: &mut C, around: &Around<Pixel>, pixel: Pixel) -> Option<Pixel> {
        let context = self.place(around.w) << 4 | self.place(around.n);
        let place = self.place(pixel);
        let place = self.frequencies.at(context).code(coder, place);
        self.places.get(place).copied()
    }

    /// Remembers a new colour.
    #[inline(always)]
    pub(crate) fn learn(&mut self, pixel: Pixel) {
        if let Some(place) = self.places.get_mut(self.next) {
            *place = pixel;
        }
        self.next = (self.next + 1) % NEW;
    }
}
