//! The data of an instance's wasmtime store, and the imports that it serves.
//!
//! Each field is a capability: an instance can reach nothing else.

use std::sync::Arc;

use burrow_model::key::Family;
use futures::{StreamExt as _, TryStreamExt as _};
use tokio::sync::{Notify, mpsc, oneshot};
use wasmtime::component::{Accessor, FutureReader, HasData, Linker, Resource, ResourceTable, StreamReader};
use wasmtime::{ResourceLimiter, Result};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::bindings::OpenStore;
use crate::bindings::spin::key_value::key_value;
use crate::bindings::spin::variables::variables;
use crate::bindings::wasi::keyvalue::{atomics, store as buckets};
use crate::computing::Computing;
use crate::kv::{KeyValue, KvError};
use crate::outbound::Outbound;
use crate::streams::ToGuest;
use crate::variables::Variables;

/// The label of the only store, which is also Spin's default label.
const LABEL: &str = "default";

/// The data of a wasmtime store.
pub(crate) struct InstanceState {
    pub(crate) table: ResourceTable,
    pub(crate) wasi: WasiCtx,
    pub(crate) http: WasiHttpCtx,
    pub(crate) outbound: Outbound,
    pub(crate) memory: MemoryLimit,
    pub(crate) computing: Computing,
    pub(crate) kv: Arc<dyn KeyValue>,
    pub(crate) variables: Arc<Variables>,
    /// Notified when this instance writes an image's record, if set.
    pub(crate) recorded: Option<Arc<Notify>>,
}

/// Limits the linear memory of an instance, and knows how much it has taken.
pub(crate) struct MemoryLimit {
    limit: usize,
    taken: usize,
}

impl MemoryLimit {
    /// At most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, taken: 0 }
    }

    /// The bytes that the instance has taken; they are never given back.
    pub(crate) fn taken(&self) -> usize {
        self.taken
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        // An instance has one memory for its data, and the memories of its adapters, which do not grow.
        let taken = self.taken.saturating_add(desired.saturating_sub(current));
        let may_grow = taken <= self.limit;
        if may_grow {
            self.taken = taken;
        }
        Ok(may_grow)
    }

    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> Result<bool> {
        // The pooling allocator limits tables.
        Ok(true)
    }
}

impl WasiView for InstanceState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for InstanceState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.outbound }
    }
}

/// Links all imports of the component.
pub(crate) fn add_to_linker(linker: &mut Linker<InstanceState>) -> Result<()> {
    // Rust's standard library still imports WASI 0.2.
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi::p3::add_to_linker(linker)?;
    wasmtime_wasi_http::p3::add_to_linker(linker)?;
    key_value::add_to_linker::<_, Imports>(linker, |state| state)?;
    variables::add_to_linker::<_, Imports>(linker, |state| state)?;
    buckets::add_to_linker::<_, Imports>(linker, |state| state)?;
    atomics::add_to_linker::<_, Imports>(linker, |state| state)
}

/// The imports that are not WASI's: key-value stores and variables.
pub(crate) struct Imports;

impl HasData for Imports {
    type Data<'a> = &'a mut InstanceState;
}

impl From<KvError> for key_value::Error {
    fn from(KvError(text): KvError) -> Self {
        Self::Other(text)
    }
}

impl From<KvError> for buckets::Error {
    fn from(KvError(text): KvError) -> Self {
        Self::Other(text)
    }
}

fn kv(accessor: &Accessor<InstanceState, Imports>) -> Arc<dyn KeyValue> {
    accessor.with(|mut access| access.get().kv.clone())
}

impl key_value::Host for &mut InstanceState {}
impl key_value::HostStore for &mut InstanceState {}

impl key_value::HostStoreWithStore<InstanceState> for Imports {
    async fn open(
        accessor: &Accessor<InstanceState, Self>,
        label: String,
    ) -> Result<Result<Resource<OpenStore>, key_value::Error>> {
        if label != LABEL {
            return Ok(Err(key_value::Error::NoSuchStore));
        }
        accessor.with(|mut access| Ok(Ok(access.get().table.push(OpenStore)?)))
    }

    async fn get(
        accessor: &Accessor<InstanceState, Self>,
        _: Resource<OpenStore>,
        key: String,
    ) -> Result<Result<Option<Vec<u8>>, key_value::Error>> {
        Ok(kv(accessor).get(&key).await.map_err(Into::into))
    }

    async fn set(
        accessor: &Accessor<InstanceState, Self>,
        _: Resource<OpenStore>,
        key: String,
        value: Vec<u8>,
    ) -> Result<Result<(), key_value::Error>> {
        let set = kv(accessor).set(&key, value).await;
        if Family::of(&key) == Some(Family::Image) {
            accessor.with(|mut access| access.get().recorded.as_ref().map(|recorded| recorded.notify_one()));
        }
        Ok(set.map_err(Into::into))
    }

    async fn delete(
        accessor: &Accessor<InstanceState, Self>,
        _: Resource<OpenStore>,
        key: String,
    ) -> Result<Result<(), key_value::Error>> {
        Ok(kv(accessor).delete(&key).await.map_err(Into::into))
    }

    async fn exists(
        accessor: &Accessor<InstanceState, Self>,
        _: Resource<OpenStore>,
        key: String,
    ) -> Result<Result<bool, key_value::Error>> {
        Ok(kv(accessor).get(&key).await.map(|value| value.is_some()).map_err(Into::into))
    }

    async fn get_keys(
        accessor: &Accessor<InstanceState, Self>,
        _: Resource<OpenStore>,
    ) -> Result<(StreamReader<String>, FutureReader<Result<(), key_value::Error>>)> {
        let kv = kv(accessor);
        // At most one batch waits, so the store is read at the guest's pace.
        let (batches, receiver) = mpsc::channel(1);
        let (done, outcome) = oneshot::channel();
        tokio::spawn(async move {
            let mut keys = kv.keys("");
            let result = loop {
                match keys.next().await {
                    None => break Ok(()),
                    Some(Err(error)) => break Err(error.into()),
                    // The reader may be gone.
                    Some(Ok(batch)) if !batch.is_empty() => {
                        if batches.send(batch).await.is_err() {
                            break Ok(());
                        }
                    }
                    Some(Ok(_)) => {}
                }
            };
            let _ = done.send(result);
        });
        let given_up = || Err(key_value::Error::Other("listing keys was given up".into()));
        let outcome = async move { wasmtime::error::Ok(outcome.await.unwrap_or_else(|_| given_up())) };
        let keys = futures::stream::unfold(receiver, async |mut keys| Some((Ok(keys.recv().await?), keys)));
        accessor.with(|mut access| {
            let keys = StreamReader::new(&mut access, ToGuest(keys.boxed()))?;
            Ok((keys, FutureReader::new(&mut access, outcome)?))
        })
    }

    async fn drop(accessor: &Accessor<InstanceState, Self>, store: Resource<OpenStore>) -> Result<()> {
        accessor.with(|mut access| access.get().table.delete(store))?;
        Ok(())
    }
}

impl variables::Host for &mut InstanceState {}

impl variables::HostWithStore<InstanceState> for Imports {
    async fn get(accessor: &Accessor<InstanceState, Self>, name: String) -> Result<Result<String, variables::Error>> {
        let variables = accessor.with(|mut access| access.get().variables.clone());
        Ok(variables.ask(&name).map(str::to_owned).ok_or(variables::Error::Undefined(name)))
    }
}

impl buckets::Host for &mut InstanceState {
    async fn open(&mut self, label: String) -> Result<Result<Resource<OpenStore>, buckets::Error>> {
        if label != LABEL {
            return Ok(Err(buckets::Error::NoSuchStore));
        }
        Ok(Ok(self.table.push(OpenStore)?))
    }
}

impl buckets::HostBucket for &mut InstanceState {
    async fn get(&mut self, _: Resource<OpenStore>, key: String) -> Result<Result<Option<Vec<u8>>, buckets::Error>> {
        Ok(self.kv.get(&key).await.map_err(Into::into))
    }

    async fn set(&mut self, _: Resource<OpenStore>, key: String, value: Vec<u8>) -> Result<Result<(), buckets::Error>> {
        Ok(self.kv.set(&key, value).await.map_err(Into::into))
    }

    async fn delete(&mut self, _: Resource<OpenStore>, key: String) -> Result<Result<(), buckets::Error>> {
        Ok(self.kv.delete(&key).await.map_err(Into::into))
    }

    async fn exists(&mut self, _: Resource<OpenStore>, key: String) -> Result<Result<bool, buckets::Error>> {
        Ok(self.kv.get(&key).await.map(|value| value.is_some()).map_err(Into::into))
    }

    async fn list_keys(
        &mut self,
        _: Resource<OpenStore>,
        _: Option<String>,
    ) -> Result<Result<buckets::KeyResponse, buckets::Error>> {
        let keys: Result<Vec<_>, KvError> = self.kv.keys("").try_concat().await;
        Ok(keys.map(|keys| buckets::KeyResponse { keys, cursor: None }).map_err(Into::into))
    }

    async fn drop(&mut self, bucket: Resource<OpenStore>) -> Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl atomics::Host for &mut InstanceState {
    async fn increment(
        &mut self,
        _: Resource<OpenStore>,
        key: String,
        delta: i64,
    ) -> Result<Result<i64, buckets::Error>> {
        Ok(self.kv.increment(&key, delta).await.map_err(Into::into))
    }

    async fn swap(&mut self, _: Resource<atomics::Cas>, _: Vec<u8>) -> Result<Result<(), atomics::CasError>> {
        Ok(Err(atomics::CasError::StoreError(no_cas())))
    }
}

/// Burrow's component needs no compare-and-swap, and providers disagree on it, so this host provides no handle.
fn no_cas() -> buckets::Error {
    buckets::Error::Other("compare-and-swap is not provided".into())
}

impl atomics::HostCas for &mut InstanceState {
    async fn new(
        &mut self,
        _: Resource<OpenStore>,
        _: String,
    ) -> Result<Result<Resource<atomics::Cas>, buckets::Error>> {
        Ok(Err(no_cas()))
    }

    async fn current(&mut self, _: Resource<atomics::Cas>) -> Result<Result<Option<Vec<u8>>, buckets::Error>> {
        Ok(Err(no_cas()))
    }

    async fn drop(&mut self, _: Resource<atomics::Cas>) -> Result<()> {
        Ok(())
    }
}
