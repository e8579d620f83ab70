//! Compiles the component once and makes instances of it.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use wasmtime::component::{Component, Instance, InstancePre, Linker, ResourceTable};
use wasmtime::{
    Cache, CacheConfig, Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Result, Store,
    UpdateDeadline,
};
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi_http::WasiHttpCtx;
use wasmtime_wasi_http::p3::bindings::ServicePre;

use crate::bindings::{Burrow as Exports, BurrowPre};
use crate::computing::{Computing, TICK};
use crate::guest_log::GuestLog;
use crate::idle::{Callable, Idle};
use crate::kv::KeyValue;
use crate::metrics;
use crate::outbound::Outbound;
use crate::state::{self, InstanceState, MemoryLimit};
use crate::variables::Variables;

/// Instances that may live at once, besides those of jobs: one for each request, and for each call of a program.
const INSTANCES: u32 = 1024;

/// The most memory of an instance that verifies a whole vault, in bytes: enough for some 3.5 million images.
const LARGE_MEMORY: usize = 3 * 1024 * 1024 * 1024;

/// Bytes of an instance's memory that stay mapped when the instance is dropped, and are zeroed for the next one.
const KEEP_RESIDENT: usize = 2 * 1024 * 1024;

/// The resources of the host that an instance may hold at once, such as fields of requests and answers; and the most
/// bytes of one list of fields. Sixteen requests at once need about a hundred.
const RESOURCES: usize = 2048;
const FIELDS: usize = 32 * 1024;

/// How long an instance may compute without a pause. Its caller's limit is shorter, except for whole vaults.
const COMPUTING: Duration = Duration::from_hours(24);

/// Makes instances of the component, all over one key-value store.
#[derive(Clone)]
pub(crate) struct Factory {
    engine: Engine,
    /// The compiled component. All clones share it, so a replacement reaches all.
    current: Arc<RwLock<Current>>,
    pub(crate) kv: Arc<dyn KeyValue>,
    pub(crate) variables: Arc<Variables>,
    outbound: Outbound,
    /// The most memory of one instance, in bytes.
    memory: usize,
    /// The instances of this factory that wait for their next call.
    idle: Arc<Idle>,
}

/// What instances are made of.
struct Current {
    pre: InstancePre<InstanceState>,
    /// How many times the component has been replaced.
    version: u64,
}

impl Factory {
    /// Compiles the component. At most `for_jobs` instances for jobs may live at once; at most `idle` wait for a call.
    pub(crate) fn new(
        component: &[u8],
        kv: Arc<dyn KeyValue>,
        variables: Variables,
        outbound: Outbound,
        memory: usize,
        for_jobs: usize,
        idle: usize,
    ) -> Result<Self> {
        let instances = INSTANCES + u32::try_from(for_jobs)?;
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(instances);
        pool.total_core_instances(instances * 8);
        pool.total_memories(instances);
        pool.total_tables(instances * 8);
        pool.total_stacks(instances * 4);
        pool.max_memory_size(LARGE_MEMORY);
        pool.linear_memory_keep_resident(KEEP_RESIDENT);
        let mut config = Config::new();
        config.wasm_component_model_async(true);
        config.epoch_interruption(true);
        // Both serve only those who debug the component, and are a sixth of what each start reads from the cache.
        config.generate_address_map(false).native_unwind_info(false);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        match Cache::new(CacheConfig::new()) {
            Ok(cache) => {
                config.cache(Some(cache));
            }
            // Without a cache every start compiles the component again: slower, but correct.
            Err(error) => tracing::debug!("the compiled component cannot be kept: {error:#}"),
        }
        let engine = Engine::new(&config)?;
        let current = Arc::new(RwLock::new(Current { pre: compile(&engine, component)?, version: 0 }));
        tick(&engine)?;
        let idle = Arc::new(Idle::new(idle));
        Ok(Self { engine, current, kv, variables: Arc::new(variables), outbound, memory, idle })
    }

    /// Returns this factory with other outgoing HTTP.
    pub(crate) fn with_outbound(&self, outbound: impl FnOnce(Outbound) -> Outbound) -> Self {
        let idle = Arc::new(Idle::new(self.idle.at_most));
        Self { outbound: outbound(self.outbound.clone()), idle, ..self.clone() }
    }

    /// Compiles another component and makes instances of it from now on. An error changes nothing.
    pub(crate) fn replace(&self, component: &[u8]) -> Result<()> {
        let pre = compile(&self.engine, component)?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = Current { pre, version: current.version + 1 };
        Ok(())
    }

    /// How many times the component has been replaced.
    fn version(&self) -> u64 {
        self.current.read().unwrap_or_else(PoisonError::into_inner).version
    }

    /// Makes an instance in a store of this factory.
    pub(crate) async fn instantiate(&self, store: &mut Store<InstanceState>) -> Result<Instance> {
        let pre = self.current.read().unwrap_or_else(PoisonError::into_inner).pre.clone();
        metrics::instance_made();
        pre.instantiate_async(store).await.inspect_err(|_| metrics::instance_failed())
    }

    /// Takes an instance that waits for its next call, or makes one.
    pub(crate) async fn take(&self) -> Result<Callable> {
        let version = self.version();
        if let Some(callable) = self.idle.take(version) {
            return Ok(callable);
        }
        let mut store = self.store();
        let instance = self.instantiate(&mut store).await?;
        let exports = Exports::new(&mut store, &instance)?;
        Ok(Callable { store, exports, version, calls: 0 })
    }

    /// Lets an instance that answered a call wait for its next one. An instance whose call failed is dropped instead.
    pub(crate) fn put_back(&self, callable: Callable) {
        self.idle.put(callable);
    }

    /// Makes the store of a new instance.
    pub(crate) fn store(&self) -> Store<InstanceState> {
        self.store_with(self.memory)
    }

    /// Makes the store of a new instance that may take up to [`LARGE_MEMORY`].
    pub(crate) fn large_store(&self) -> Store<InstanceState> {
        self.store_with(LARGE_MEMORY)
    }

    fn store_with(&self, memory: usize) -> Store<InstanceState> {
        let (mut table, mut http) = (ResourceTable::new(), WasiHttpCtx::new());
        table.set_max_capacity(RESOURCES);
        http.set_field_size_limit(FIELDS);
        let state = InstanceState {
            table,
            // The component gets standard error, for its log, but no files, sockets or environment.
            wasi: WasiCtx::builder().stderr(GuestLog::default()).build(),
            http,
            outbound: self.outbound.clone(),
            memory: MemoryLimit::new(memory),
            computing: Computing::at_most(COMPUTING),
            kv: self.kv.clone(),
            variables: self.variables.clone(),
            recorded: None,
        };
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| &mut state.memory);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|store| {
            store.data().computing.tick()?;
            Ok(UpdateDeadline::Yield(1))
        });
        store
    }
}

/// Compiles and links a component, and checks that it exports what the host calls.
fn compile(engine: &Engine, component: &[u8]) -> Result<InstancePre<InstanceState>> {
    let component = Component::new(engine, component)?;
    let mut linker = Linker::new(engine);
    state::add_to_linker(&mut linker)?;
    let pre = linker.instantiate_pre(&component)?;
    ServicePre::new(pre.clone())?;
    BurrowPre::new(pre.clone())?;
    Ok(pre)
}

/// Starts the thread that increments the engine's epoch every [`TICK`], as long as the engine lives.
fn tick(engine: &Engine) -> Result<()> {
    let engine = engine.weak();
    std::thread::Builder::new().name("epoch".into()).spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    })?;
    Ok(())
}
