//! Tests of failing disks, power cuts, damaged and foreign files.

mod damage;
mod failure;
mod opening;
mod power;
mod simulation;
