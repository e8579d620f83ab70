//! Tests of failing disks, power cuts, files of blobs, damaged and foreign files.

mod blobs;
mod damage;
mod failure;
mod opening;
mod power;
mod simulation;
