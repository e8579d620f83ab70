//! Verifies content: reads, unpacks and hashes it completely.

use burrow_model::error::Error;
use burrow_model::key::Sha256Hex;
use sha2::{Digest as _, Sha256};

use crate::ports::Ports;
use crate::store::blob::{Blob, Form};

impl<P: Ports> Blob<P> {
    /// Reads all of the content. Returns the size of the original in bytes, if the SHA-256 and CRC-32 match.
    pub async fn verify(&self) -> Result<u64, Error> {
        let (mut sha256, mut crc32, mut size) = (Sha256::new(), crc32fast::Hasher::new(), 0);
        let mut reader = self.read(Form::Original, 0..self.size(Form::Original));
        while let Some(block) = reader.next().await? {
            sha256.update(&block);
            crc32.update(&block);
            size += block.len() as u64;
            self.store.ports.yield_now().await;
        }
        let manifest = &self.manifest;
        if Sha256Hex::from_digest(&sha256.finalize()) != manifest.sha256 {
            return Err(self.corrupt("its SHA-256 differs from the manifest's"));
        }
        if crc32.finalize() != manifest.crc32 {
            return Err(self.corrupt("its CRC-32 differs from the manifest's"));
        }
        Ok(size)
    }
}
