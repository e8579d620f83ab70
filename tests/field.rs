//! What people really have: files, names, clients, origins and clocks as they are in the world (docs/decisions/0008-field.md).

mod clocks;
mod files;
mod names;
mod shown;

pub use clocks::*;
pub use files::*;
pub use names::*;
pub use shown::*;
