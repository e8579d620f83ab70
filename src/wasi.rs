//! Implements the vault's ports over WASI and Spin.

mod fetch;
pub(crate) mod streams;

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use burrow_model::error::{Error, KvError};
use burrow_model::key::Key;
use burrow_vault::ports::{Clock, Kv, Random};
use burrow_vault::vault::Vault;
use futures::future::try_join_all;
use spin_sdk::wasip3::clocks::{monotonic_clock, system_clock};
use spin_sdk::wasip3::random::random::get_random_bytes;
use spin_sdk::wit_bindgen::yield_async;
use spin_sdk::{key_value, variables};

use crate::bindings::wasi::keyvalue::{atomics, store as buckets};
use crate::settings::{self, Settings};

/// The label of the store that `spin.toml` grants.
const LABEL: &str = "default";

/// The ports of one call of an export. They open the store when it is first needed.
#[derive(Clone, Default)]
pub(crate) struct Wasi {
    open: Rc<Open>,
}

#[derive(Default)]
struct Open {
    store: RefCell<Option<Rc<key_value::Store>>>,
    bucket: RefCell<Option<Rc<buckets::Bucket>>>,
}

thread_local! {
    /// Each instance reads the settings once; it serves only a few requests.
    static SETTINGS: OnceCell<Settings> = const { OnceCell::new() };
}

/// Returns the settings.
pub(crate) async fn settings() -> Result<Settings, Error> {
    if let Some(settings) = SETTINGS.with(|settings| settings.get().cloned()) {
        return Ok(settings);
    }
    let values = try_join_all(settings::NAMES.iter().map(async |&name| match variables::get(name).await {
        Ok(value) => Ok((name, Some(value))),
        Err(variables::Error::Undefined(_)) => Ok((name, None)),
        // A token that the host fails to return is not an absent token: taking it for absent would allow every request.
        Err(_) => Err(Error::Setting { name, rule: "returned by the host, which reports an error".into() }),
    }));
    let values = values.await?;
    let mut settings = Settings::read(|name| values.iter().find(|(set, _)| *set == name)?.1.clone())?;
    // A host states these about itself; Spin does not know these variables.
    let own = async |name| variables::get(name).await.ok();
    settings.vault.host.packers = own("packers").await.and_then(|count| count.parse().ok()).unwrap_or(0);
    settings.vault.host.generation = own("generation").await.and_then(|number| number.parse().ok());
    Ok(SETTINGS.with(|read| read.get_or_init(|| settings).clone()))
}

/// Makes the vault for one call of an export.
pub(crate) async fn vault() -> Result<Vault<Wasi>, Error> {
    Ok(Vault::new(Wasi::default(), settings().await?.vault))
}

impl Wasi {
    async fn store(&self) -> Result<Rc<key_value::Store>, KvError> {
        if let Some(store) = self.open.store.borrow().as_ref() {
            return Ok(store.clone());
        }
        // Two tasks may both open the store; then the second handle stays. Both are valid.
        let store = Rc::new(key_value::Store::open(LABEL).await.map_err(store_error)?);
        Ok(self.open.store.borrow_mut().insert(store).clone())
    }

    fn bucket(&self) -> Result<Rc<buckets::Bucket>, KvError> {
        let mut open = self.open.bucket.borrow_mut();
        if let Some(bucket) = open.as_ref() {
            return Ok(bucket.clone());
        }
        let bucket = Rc::new(buckets::open(LABEL).map_err(bucket_error)?);
        Ok(open.insert(bucket).clone())
    }
}

fn store_error(error: key_value::Error) -> KvError {
    KvError(match error {
        key_value::Error::Other(text) => text,
        error => error.to_string(),
    })
}

fn bucket_error(error: buckets::Error) -> KvError {
    KvError(match error {
        buckets::Error::NoSuchStore => format!("there is no store labelled {LABEL}"),
        buckets::Error::AccessDenied => format!("access to the store labelled {LABEL} is denied"),
        buckets::Error::Other(text) => text,
    })
}

impl Kv for Wasi {
    async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, KvError> {
        self.store().await?.get(key.as_str()).await.map_err(store_error)
    }

    async fn set(&self, key: &Key, value: Vec<u8>) -> Result<(), KvError> {
        self.store().await?.set(key.as_str(), value).await.map_err(store_error)
    }

    async fn delete(&self, key: &Key) -> Result<(), KvError> {
        self.store().await?.delete(key.as_str()).await.map_err(store_error)
    }

    async fn increment(&self, key: &Key, delta: i64) -> Result<i64, KvError> {
        atomics::increment(&*self.bucket()?, key.as_str(), delta).map_err(bucket_error)
    }

    async fn keys(&self, mut each: impl FnMut(&str)) -> Result<(), KvError> {
        let mut keys = self.store().await?.get_keys().await;
        while let Some(key) = keys.next().await {
            each(&key);
        }
        keys.result().await.map_err(store_error)
    }
}

impl Clock for Wasi {
    fn now(&self) -> u64 {
        let now = system_clock::now();
        let seconds = u64::try_from(now.seconds).unwrap_or(0);
        seconds * 1000 + u64::from(now.nanoseconds / 1_000_000)
    }

    async fn sleep(&self, time: Duration) {
        monotonic_clock::wait_for(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)).await;
    }

    async fn yield_now(&self) {
        yield_async().await;
    }
}

impl Random for Wasi {
    fn ten_bytes(&self) -> [u8; 10] {
        // A host may return fewer bytes than asked for, but at least one.
        let mut bytes = Vec::new();
        loop {
            if let Some((ten, _)) = bytes.split_first_chunk::<10>() {
                return *ten;
            }
            bytes.extend(get_random_bytes(10));
        }
    }
}
