//! Quotas: how much the vault takes in all.

use burrow_model::error::Error;
use burrow_model::key::Vaultwide;

use super::Vault;
use crate::ports::Ports;

/// How much the vault takes in all. What is under way when a quota is reached may exceed it. 0 means no quota.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quotas {
    /// Images, whatever their status.
    pub images: u64,
    /// Packed bytes, as [`Statistics::stored_bytes`](super::Statistics::stored_bytes) counts them.
    pub stored_bytes: u64,
    /// Jobs that have not ended.
    pub pending_jobs: u64,
}

impl<P: Ports> Vault<P> {
    /// Refuses content while there are as many bytes as the quota allows.
    pub(super) async fn check_bytes(&self) -> Result<(), Error> {
        self.check_quota("max_stored_bytes", self.settings.quotas.stored_bytes, &[Vaultwide::StoredBytes]).await
    }

    /// Refuses a new image while there are as many images or bytes as the quotas allow.
    pub(super) async fn check_images(&self) -> Result<(), Error> {
        let all = [Vaultwide::Ready, Vaultwide::Pending, Vaultwide::Failed];
        self.check_quota("max_images", self.settings.quotas.images, &all).await?;
        self.check_bytes().await
    }

    /// Refuses a job while as many are pending as the quota allows.
    pub(super) async fn check_jobs(&self) -> Result<(), Error> {
        self.check_quota("max_pending_jobs", self.settings.quotas.pending_jobs, &[Vaultwide::Pending]).await
    }

    async fn check_quota(&self, limit: &'static str, allowed: u64, counters: &[Vaultwide]) -> Result<(), Error> {
        if allowed == 0 {
            return Ok(());
        }
        let mut seen = 0;
        for counter in counters {
            seen += self.store.count(*counter).await?;
        }
        if seen < allowed { Ok(()) } else { Err(Error::Full { limit, allowed, seen }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Whole, World};
    use crate::vault::{Label, VaultSettings, Worker};

    const GIF: &[u8] = b"GIF89a\x01\0\x01\0\0\0\0;";

    fn vault(world: &World, quotas: Quotas) -> Vault<World> {
        Vault::new(world.clone(), VaultSettings { quotas, ..VaultSettings::default() })
    }

    fn is_full<T>(result: &Result<T, Error>, named: &str) -> bool {
        matches!(result, Err(Error::Full { limit, allowed: 1.., seen: 1.. }) if *limit == named)
    }

    #[test]
    fn a_full_vault_takes_no_more() {
        let world = World::default();
        world.run(async {
            let submit = async |quotas, n: u32| {
                let vault = vault(&world, quotas);
                let draft = vault.draft_job(&format!("http://origin.example/{n}.gif"), Label::default())?;
                vault.accept(draft, Worker::Anybody).await
            };
            let put = async |quotas| {
                let vault = vault(&world, quotas);
                let packed = vault.pack(&mut Whole::new(GIF)).await?;
                vault.keep(vault.draft(Label::default()), packed).await
            };
            let none = Quotas::default();
            put(none).await.unwrap();
            let pending = submit(Quotas { pending_jobs: 1, images: 2, stored_bytes: 1 << 20 }, 1).await.unwrap();
            assert!(is_full(&submit(Quotas { pending_jobs: 1, ..none }, 2).await, "max_pending_jobs"));
            for refused in [Quotas { images: 2, ..none }, Quotas { images: 1, ..none }] {
                assert!(is_full(&submit(refused, 3).await, "max_images"));
                assert!(is_full(&put(refused).await, "max_images"));
            }
            assert!(is_full(&put(Quotas { stored_bytes: 1, ..none }).await, "max_stored_bytes"));
            assert!(is_full(&submit(Quotas { stored_bytes: 1, ..none }, 4).await, "max_stored_bytes"));
            assert_eq!(vault(&world, none).statistics().await.unwrap().images, 1);
            // What was removed makes room.
            vault(&world, none).remove(pending.id).await.unwrap();
            submit(Quotas { pending_jobs: 1, images: 2, ..none }, 5).await.unwrap();
        });
    }
}
