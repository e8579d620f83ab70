//! What must hold when the disk fails, the power goes, or the file is damaged.

mod damage;
mod failure;
mod opening;
mod power;
mod simulation;
