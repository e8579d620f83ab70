//! The settings with which zlib packs: what its levels and strategies mean.

/// How zlib looks for matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// Not at all: level 0.
    Stored,
    /// Takes the first match: levels 1 to 3.
    Fast,
    /// Looks for a longer match one byte later: levels 4 to 9.
    Lazy,
    /// No matches: `Z_HUFFMAN_ONLY`.
    Huffman,
    /// Only repeats of one byte: `Z_RLE`.
    Runs,
}

/// The limits of a search (zlib's `configuration_table`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Search {
    /// Search less for something longer than a match of this length.
    pub(crate) good: u32,
    /// Do not search for anything longer than this; the fast method enters the inside of no longer match.
    pub(crate) lazy: u32,
    /// Take a match of this length at once.
    pub(crate) nice: u32,
    /// Look at most at so many places.
    pub(crate) chain: u32,
}

/// By level.
const SEARCHES: [Search; 10] = [
    Search { good: 0, lazy: 0, nice: 0, chain: 0 },
    Search { good: 4, lazy: 4, nice: 8, chain: 4 },
    Search { good: 4, lazy: 5, nice: 16, chain: 8 },
    Search { good: 4, lazy: 6, nice: 32, chain: 32 },
    Search { good: 4, lazy: 4, nice: 16, chain: 16 },
    Search { good: 8, lazy: 16, nice: 32, chain: 32 },
    Search { good: 8, lazy: 16, nice: 128, chain: 128 },
    Search { good: 8, lazy: 32, nice: 128, chain: 256 },
    Search { good: 32, lazy: 128, nice: 258, chain: 1024 },
    Search { good: 32, lazy: 258, nice: 258, chain: 4096 },
];

/// What zlib was told. It decides the packed form of given bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// 0 to 9.
    pub(crate) level: u8,
    pub(crate) strategy: Strategy,
    /// 9 to 15: matches lie within two to the power of this.
    pub(crate) window_bits: u8,
    /// 1 to 9: how large the hash table is, and how many tokens a block has.
    pub(crate) memory_level: u8,
}

/// zlib's strategies, without `Z_FIXED`, which only decides how blocks are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strategy {
    Default,
    /// Takes no lazy matches of up to five bytes: `Z_FILTERED`.
    Filtered,
    Huffman,
    Runs,
}

impl Strategy {
    const ALL: [Self; 4] = [Self::Default, Self::Filtered, Self::Huffman, Self::Runs];
}

impl Settings {
    pub(crate) fn method(self) -> Method {
        match (self.level, self.strategy) {
            (0, _) => Method::Stored,
            (_, Strategy::Huffman) => Method::Huffman,
            (_, Strategy::Runs) => Method::Runs,
            (1..=3, _) => Method::Fast,
            _ => Method::Lazy,
        }
    }

    pub(crate) fn search(self) -> Search {
        let [.., best] = SEARCHES;
        SEARCHES.get(usize::from(self.level)).copied().unwrap_or(best)
    }

    pub(crate) fn is_filtered(self) -> bool {
        self.strategy == Strategy::Filtered
    }

    /// How many tokens end a block.
    pub(crate) fn block_tokens(self) -> u32 {
        (1 << (u32::from(self.memory_level) + 6)) - 1
    }

    /// As a number: level, strategy, window and memory, each in four bits.
    pub(crate) fn to_u32(self) -> u32 {
        let strategy = Strategy::ALL.iter().position(|one| *one == self.strategy).unwrap_or(0) as u32;
        u32::from(self.level) << 12 | strategy << 8 | u32::from(self.window_bits) << 4 | u32::from(self.memory_level)
    }

    /// From such a number; `None` if zlib has no such settings.
    pub(crate) fn from_u32(packed: u32) -> Option<Self> {
        let nibble = |shift: u32| (packed >> shift & 15) as u8;
        let settings = Self {
            level: nibble(12),
            strategy: *Strategy::ALL.get(usize::from(nibble(8)))?,
            window_bits: nibble(4),
            memory_level: nibble(0),
        };
        let valid = packed >> 16 == 0
            && settings.level <= 9
            && settings.window_bits >= 9
            && (1..=9).contains(&settings.memory_level);
        valid.then_some(settings)
    }
}
