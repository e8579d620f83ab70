//! The model of an image by effort.

use crate::best::Best;
use crate::fast::Fast;
use crate::layout::{Depth, Layout};
use crate::range::Coder;

/// How much work the coder does for an image, packing and unpacking alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// Less than deflate can do, at tens of megabytes a second.
    Fast,
    /// As little as this library can do, at a few megabytes a second.
    Best,
}

impl Effort {
    /// All efforts.
    pub const ALL: [Self; 2] = [Self::Fast, Self::Best];

    /// The first byte of what an encoder of this effort writes: the version of the format and the coder.
    pub(crate) fn byte(self) -> u8 {
        match self {
            Self::Fast => 0x10,
            Self::Best => 0x11,
        }
    }

    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|effort| effort.byte() == byte)
    }
}

/// The model of one image.
#[derive(Debug)]
pub(crate) enum Model {
    Fast(Box<Fast>),
    Best(Box<Best>),
}

impl Model {
    pub(crate) fn new(layout: &Layout, effort: Effort) -> Self {
        match effort {
            Effort::Fast => Self::Fast(Box::new(Fast::new(layout))),
            Effort::Best => Self::Best(Box::new(Best::new(layout))),
        }
    }

    /// The depth of the samples that the model codes: samples that it codes as bytes have 8 bits.
    pub(crate) fn depth(&self, layout: &Layout) -> Depth {
        match self {
            Self::Fast(_) => layout.depth().max(Depth::Eight),
            Self::Best(_) => layout.depth(),
        }
    }

    pub(crate) fn row<C: Coder>(&mut self, coder: &mut C, samples: &mut [u16]) {
        match self {
            Self::Fast(model) => model.row(coder, samples),
            Self::Best(model) => model.row(coder, samples),
        }
    }
}

pub(crate) fn memory(layout: &Layout, effort: Effort) -> u64 {
    match effort {
        Effort::Fast => Fast::memory(layout),
        Effort::Best => Best::memory(layout),
    }
}
