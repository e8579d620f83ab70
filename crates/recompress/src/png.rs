//! PNG (ISO/IEC 15948): chunks, the geometry of images, filters and rows.

pub(crate) mod chunks;
pub(crate) mod filters;
pub(crate) mod geometry;
pub(crate) mod rows;
