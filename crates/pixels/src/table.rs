//! Tables whose every index is valid: it is taken modulo the size, a power of two.

/// A table of `2^bits` cells.
#[derive(Debug)]
pub(crate) struct Table<T> {
    cells: Vec<T>,
    mask: usize,
    /// Never used; it lets [`Table::at`] answer without a panic.
    spare: T,
}

impl<T: Copy> Table<T> {
    /// A table of `2^bits` such cells.
    pub(crate) fn new(bits: u32, cell: T) -> Self {
        Self { cells: vec![cell; 1 << bits], mask: (1 << bits) - 1, spare: cell }
    }

    /// The cell of this index.
    #[inline(always)]
    pub(crate) fn at(&mut self, index: usize) -> &mut T {
        match self.cells.get_mut(index & self.mask) {
            Some(cell) => cell,
            None => &mut self.spare,
        }
    }

    /// The cell of this index, to read.
    #[inline(always)]
    pub(crate) fn at_ref(&self, index: usize) -> &T {
        self.cells.get(index & self.mask).unwrap_or(&self.spare)
    }

    /// What is in the cell of this index.
    #[inline(always)]
    pub(crate) fn get(&self, index: usize) -> T {
        self.cells.get(index & self.mask).copied().unwrap_or(self.spare)
    }
}

/// Mixes a value into a hash.
#[inline(always)]
pub(crate) fn hash(a: u32, b: u32) -> u32 {
    let mixed = (a.rotate_left(5) ^ b.wrapping_mul(0x85EB_CA6B)).wrapping_mul(0xC2B2_AE35);
    mixed ^ mixed >> 15
}
