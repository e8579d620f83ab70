//! Implements the exported interfaces over the store and the environment.

use std::cell::OnceCell;
use std::path::Path;

use wit_bindgen::{FutureReader, StreamReader, spawn};

use crate::bindings::exports::spin::key_value::key_value::{self, GuestStore};
use crate::bindings::exports::spin::variables::variables;
use crate::bindings::exports::wasi::keyvalue::atomics::{self, CasError};
use crate::bindings::exports::wasi::keyvalue::store as buckets;
use crate::bindings::{wit_future, wit_stream};
use crate::directory::{Directory, Error};
use crate::variable;

/// Where the host shows the directory: `wasmtime serve --dir PATH::/store`.
const ROOT: &str = "/store";

/// The label of the only store.
const LABEL: &str = "default";

/// Implements every exported interface.
struct Adapter;

#[allow(unsafe_code, reason = "the generated entry points")]
mod entry {
    use super::Adapter;

    crate::bindings::export!(Adapter with_types_in crate::bindings);
}

/// The store, as both interfaces have it.
struct Store(Directory);

/// Opens the store: once in an instance, for that also sweeps.
fn open() -> Result<Directory, Error> {
    thread_local! {
        static OPEN: OnceCell<Directory> = const { OnceCell::new() };
    }
    OPEN.with(|open| match open.get() {
        Some(directory) => Ok(directory.clone()),
        None => Directory::open(Path::new(ROOT)).map(|directory| open.get_or_init(|| directory).clone()),
    })
}

impl From<Error> for key_value::Error {
    fn from(Error(text): Error) -> Self {
        Self::Other(text)
    }
}

impl From<Error> for buckets::Error {
    fn from(Error(text): Error) -> Self {
        Self::Other(text)
    }
}

impl key_value::Guest for Adapter {
    type Store = Store;
}

impl GuestStore for Store {
    async fn open(label: String) -> Result<key_value::Store, key_value::Error> {
        if label == LABEL { Ok(key_value::Store::new(Self(open()?))) } else { Err(key_value::Error::NoSuchStore) }
    }

    async fn get(&self, key: String) -> Result<Option<Vec<u8>>, key_value::Error> {
        Ok(self.0.get(&key)?)
    }

    async fn set(&self, key: String, value: Vec<u8>) -> Result<(), key_value::Error> {
        Ok(self.0.set(&key, &value)?)
    }

    async fn delete(&self, key: String) -> Result<(), key_value::Error> {
        Ok(self.0.delete(&key)?)
    }

    async fn exists(&self, key: String) -> Result<bool, key_value::Error> {
        Ok(self.0.exists(&key)?)
    }

    async fn get_keys(&self) -> (StreamReader<String>, FutureReader<Result<(), key_value::Error>>) {
        let (mut keys, reader) = wit_stream::new();
        let (result, completion) = wit_future::new(|| Err(key_value::Error::Other("the listing was given up".into())));
        let directory = self.0.clone();
        spawn(async move {
            let mut outcome = Ok(());
            for shard in 0..=u8::MAX {
                match directory.keys(shard) {
                    Ok(found) => {
                        if !keys.write_all(found).await.is_empty() {
                            return;
                        }
                    }
                    Err(error) => {
                        outcome = Err(error.into());
                        break;
                    }
                }
            }
            drop(keys);
            // If the reader is gone, nobody needs the result.
            let _ = result.write(outcome).await;
        });
        (reader, completion)
    }
}

impl buckets::Guest for Adapter {
    type Bucket = Store;

    fn open(identifier: String) -> Result<buckets::Bucket, buckets::Error> {
        if identifier == LABEL { Ok(buckets::Bucket::new(Store(open()?))) } else { Err(buckets::Error::NoSuchStore) }
    }
}

impl buckets::GuestBucket for Store {
    fn get(&self, key: String) -> Result<Option<Vec<u8>>, buckets::Error> {
        Ok(self.0.get(&key)?)
    }

    fn set(&self, key: String, value: Vec<u8>) -> Result<(), buckets::Error> {
        Ok(self.0.set(&key, &value)?)
    }

    fn delete(&self, key: String) -> Result<(), buckets::Error> {
        Ok(self.0.delete(&key)?)
    }

    fn exists(&self, key: String) -> Result<bool, buckets::Error> {
        Ok(self.0.exists(&key)?)
    }

    /// A page is a shard; the cursor is the number of the next one.
    fn list_keys(&self, cursor: Option<String>) -> Result<buckets::KeyResponse, buckets::Error> {
        let invalid = |_| buckets::Error::Other("the cursor is not one that this store gave".into());
        let shard: u8 = cursor.map_or(Ok(0), |cursor| cursor.parse().map_err(invalid))?;
        Ok(buckets::KeyResponse {
            keys: self.0.keys(shard)?,
            cursor: shard.checked_add(1).map(|next| next.to_string()),
        })
    }
}

/// Compare-and-swap, which this store does not offer: nobody gets one.
enum NoCas {}

impl atomics::GuestCas for NoCas {
    fn new(_: buckets::BucketBorrow<'_>, _: String) -> Result<atomics::Cas, buckets::Error> {
        Err(buckets::Error::Other("this store has no compare-and-swap".into()))
    }

    fn current(&self) -> Result<Option<Vec<u8>>, buckets::Error> {
        match *self {}
    }
}

impl atomics::Guest for Adapter {
    type Cas = NoCas;

    fn increment(bucket: buckets::BucketBorrow<'_>, key: String, delta: i64) -> Result<i64, buckets::Error> {
        Ok(bucket.get::<Store>().0.increment(&key, delta)?)
    }

    fn swap(cas: atomics::Cas, _: Vec<u8>) -> Result<(), CasError> {
        match *cas.get::<NoCas>() {}
    }
}

impl variables::Guest for Adapter {
    async fn get(name: String) -> Result<String, variables::Error> {
        let Some(variable) = variable::of_setting(&name) else { return Err(variables::Error::InvalidName(name)) };
        match std::env::var(&variable) {
            Ok(value) => Ok(value),
            Err(std::env::VarError::NotPresent) => Err(variables::Error::Undefined(name)),
            Err(std::env::VarError::NotUnicode(_)) => Err(variables::Error::Provider(format!("{variable} is no text"))),
        }
    }
}
