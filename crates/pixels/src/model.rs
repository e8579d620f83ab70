//! The model of an image by effort.

use crate::best::Best;
use crate::layout::Layout;
use crate::range::Coder;

/// How much work the coder does for an image, packing and unpacking alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// Small.
    Best,
}

impl Effort {
    /// All efforts.
    pub const ALL: [Self; 1] = [Self::Best];

    /// The first byte of what an encoder of this effort writes: the version of the format and the coder.
    pub(crate) fn byte(self) -> u8 {
        match self {
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
    Best(Box<Best>),
}

impl Model {
    pub(crate) fn new(layout: &Layout, effort: Effort) -> Self {
        match effort {
            Effort::Best => Self::Best(Box::new(Best::new(layout))),
        }
    }

    pub(crate) fn row<C: Coder>(&mut self, coder: &mut C, samples: &mut [u16]) {
        match self {
            Self::Best(model) => model.row(coder, samples),
        }
    }
}

pub(crate) fn memory(layout: &Layout, effort: Effort) -> u64 {
    match effort {
        Effort::Best => Best::memory(layout),
    }
}
