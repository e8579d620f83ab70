//! The command line: what can be typed, a file a verb.

mod add;
mod export;
mod get;
mod import;
mod ls;
mod output;
mod serve;
mod settings;
mod verify;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::Context as _;
use burrow_host::Burrow;
use burrow_host::kv::Location;
use clap::{Args, Parser, Subcommand};

/// Keeps images: download, compress without loss, store, and give the same bytes back.
#[derive(Debug, Parser)]
#[command(name = "burrow", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

/// Flags of every verb.
#[derive(Debug, Args)]
struct Global {
    #[arg(long, global = true, env = "BURROW_STORE", default_value = "burrow-data", value_name = "STORE")]
    #[arg(hide_env_values = true)]
    #[arg(help = "Where images are kept: a directory, made if it is not there; redis://HOST[:PORT][/DATABASE]; \
                  spin:PATH, a Spin app's directory or the file of its store; or memory:")]
    store: Location,

    /// Run this component instead of the one inside this program.
    #[arg(long, global = true, env = "BURROW_COMPONENT", value_name = "FILE")]
    component: Option<PathBuf>,

    #[command(flatten)]
    settings: settings::Settings,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Serve images over HTTP, and finish what an earlier run left.
    Serve(serve::Serve),
    /// Download images and keep them.
    Add(add::Add),
    /// List images, newest first.
    Ls(ls::Ls),
    /// Write an image's original bytes to a file.
    Get(get::Get),
    /// Check all that is stored, and repair it.
    Verify(verify::Verify),
    /// Write all images to an archive.
    Export(export::Export),
    /// Read images from archives.
    Import(import::Import),
}

/// Does what was typed. 0: all went well; 1: something did not, and standard error says what; 2: it could not be
/// understood.
pub(crate) fn run(cli: Cli) -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| "warn,burrow_host=info,wasmtime_wasi_http=error".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    let done = tokio::runtime::Runtime::new().context("cannot start the async runtime").and_then(|runtime| {
        runtime.block_on(async {
            let makes_store = matches!(cli.verb, Verb::Serve(_) | Verb::Add(_) | Verb::Import(_));
            let opened = cli.global.open(makes_store).await?;
            match cli.verb {
                Verb::Serve(serve) => serve.run(&opened).await,
                Verb::Add(add) => add.run(&opened.burrow).await,
                Verb::Ls(ls) => ls.run(&opened.burrow).await,
                Verb::Get(get) => get.run(&opened.burrow).await,
                Verb::Verify(verify) => verify.run(&opened).await,
                Verb::Export(export) => export.run(&opened).await,
                Verb::Import(import) => import.run(&opened).await,
            }
        })
    });
    match done {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Whether whoever read our output has had enough.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    causes.any(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// An open store.
struct Opened {
    burrow: Burrow,
    /// When it was opened.
    since: SystemTime,
    /// Whether nobody else can have it open.
    is_exclusive: bool,
}

impl Opened {
    /// Since when nobody else uses the store, if that is known.
    fn alone_since(&self) -> Option<SystemTime> {
        self.is_exclusive.then_some(self.since)
    }
}

impl Global {
    async fn open(&self, makes_store: bool) -> anyhow::Result<Opened> {
        if !makes_store && self.store.is_missing() {
            anyhow::bail!("there is no store at {}; add, import and serve make one", self.store);
        }
        let kv = self.store.open().await?;
        let since = SystemTime::now();
        let burrow = Burrow::new(&self.component()?, kv, self.settings.variables())?;
        Ok(Opened { burrow, since, is_exclusive: self.store.is_exclusive() })
    }

    fn component(&self) -> anyhow::Result<Vec<u8>> {
        match (&self.component, BUNDLED) {
            (Some(path), _) => std::fs::read(path).with_context(|| format!("cannot read {}", path.display())),
            (None, Some(component)) => Ok(component.to_vec()),
            (None, None) => {
                anyhow::bail!("no component was built into this program; name one with --component")
            }
        }
    }
}

/// The component that `cargo xtask build` builds in.
#[cfg(feature = "bundled")]
const BUNDLED: Option<&[u8]> = Some(include_bytes!(env!("BURROW_BUNDLE")));
#[cfg(not(feature = "bundled"))]
const BUNDLED: Option<&[u8]> = None;
