//! Measures `burrow add` over long lists, with an origin on this machine.
//!
//! `lists BURROW [scaling|memory|faults]` runs one measurement, or all three. `lists BURROW origin` only starts the
//! origin and prints a list for it.

mod origin;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let burrow = PathBuf::from(args.next().ok_or("usage: lists BURROW [scaling|memory|faults|origin]")?);
    let directory = std::env::temp_dir().join(format!("burrow-lists-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    let what = args.next();
    let done = match what.as_deref() {
        None => scaling(&burrow, &directory).and_then(|()| memory(&burrow, &directory)).and_then(|()| faults(&burrow, &directory)),
        Some("scaling") => scaling(&burrow, &directory),
        Some("memory") => memory(&burrow, &directory),
        Some("faults") => faults(&burrow, &directory),
        // For runs by hand.
        Some("origin") => {
            let list = list(&directory, 5000, 200_000)?;
            println!("{}", list.display());
            loop {
                std::thread::park();
            }
        }
        Some(other) => Err(format!("there is nothing called {other}").into()),
    };
    std::fs::remove_dir_all(&directory)?;
    done
}

/// Starts an origin, and writes a list of `images` of its URLs, each an image of `size` bytes.
fn list(directory: &Path, images: usize, size: usize) -> Result<PathBuf> {
    let address = origin::start(size)?;
    let path = directory.join(format!("{images}.txt"));
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path)?);
    for number in 0..images {
        writeln!(file, "http://{address}/{number}.bmp")?;
    }
    file.flush()?;
    Ok(path)
}

/// The figures and the output of a run of `burrow add`.
struct Run {
    time: Duration,
    /// Peak resident memory, in KiB (`VmHWM`).
    peak: u64,
    code: Option<i32>,
    summary: String,
}

fn add(burrow: &Path, store: &Path, args: &[&str], interrupt_after: Option<Duration>) -> Result<Run> {
    let begun = Instant::now();
    let mut child = Command::new(burrow)
        .arg("--store")
        .arg(store)
        .args(["--allow-private-network", "add"])
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut errors = child.stderr.take().ok_or("no standard error")?;
    let said = std::thread::spawn(move || std::io::read_to_string(&mut errors));
    let (mut peak, mut interrupted) = (0, false);
    let status = loop {
        if let Ok(status) = std::fs::read_to_string(format!("/proc/{}/status", child.id()))
            && let Some(line) = status.lines().find(|line| line.starts_with("VmHWM"))
        {
            peak = line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(peak);
        }
        if interrupt_after.is_some_and(|after| !interrupted && begun.elapsed() > after) {
            interrupted = true;
            Command::new("kill").args(["-INT", &child.id().to_string()]).status()?;
        }
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let time = begun.elapsed();
    let said = said.join().map_err(|_| "reading its errors failed")??;
    let is_summary = |line: &&str| !line.starts_with("burrow: ");
    Ok(Run { time, peak, code: status.code(), summary: said.lines().filter(is_summary).collect::<Vec<_>>().join("\n") })
}

/// Packs the same files on one thread and on two, in turns, without an origin.
fn scaling(burrow: &Path, directory: &Path) -> Result<()> {
    const FILES: usize = 96;
    const SIZE: usize = 2_000_000;
    let images = directory.join("images");
    std::fs::create_dir_all(&images)?;
    for number in 0..FILES {
        std::fs::write(images.join(format!("{number}.bmp")), origin::bitmap(number, SIZE))?;
    }
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..5 {
        for jobs in [1, 2] {
            let store = directory.join(format!("scaling-{round}-{jobs}"));
            let run = add(burrow, &store, &["--jobs", &jobs.to_string(), &images.display().to_string()], None)?;
            assert_eq!(run.code, Some(0), "{}", run.summary);
            times[jobs - 1].push(run.time.as_secs_f64());
            std::fs::remove_dir_all(&store)?;
        }
    }
    let [one, two] = times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    });
    let megabytes = (FILES * SIZE) as f64 / 1e6;
    println!("packing, medians of 5: one thread {:.1} MB/s, two {:.1} MB/s: {:.2} times", megabytes / one, megabytes / two, one / two);
    Ok(())
}

/// Measures peak memory for a list of 500 images and for one of 5,000.
fn memory(burrow: &Path, directory: &Path) -> Result<()> {
    for images in [500, 5000] {
        let list = list(directory, images, 200_000)?;
        let store = directory.join(format!("memory-{images}"));
        let run = add(burrow, &store, &["--from", &list.display().to_string()], None)?;
        println!("{images} images: peak {:.1} MiB, {:.1} s\n{}", run.peak as f64 / 1024.0, run.time.as_secs_f64(), run.summary);
        std::fs::remove_dir_all(&store)?;
    }
    Ok(())
}

/// Adds a list of 5,000 images with 5 % faults, and interrupts it twice. In the end exactly the good images must be
/// stored, once each.
fn faults(burrow: &Path, directory: &Path) -> Result<()> {
    const IMAGES: usize = 5000;
    let list = list(directory, IMAGES, 200_000)?.display().to_string();
    let store = directory.join("faults");
    let failed = directory.join("failed.jsonl").display().to_string();
    for interrupt_after in [Some(Duration::from_secs(5)), Some(Duration::from_secs(8)), None] {
        let run = add(burrow, &store, &["--from", &list, "--failed", &failed], interrupt_after)?;
        println!("exit code {:?} after {:.1} s\n{}\n", run.code, run.time.as_secs_f64(), run.summary);
    }
    let listed = Command::new(burrow).arg("--store").arg(&store).args(["ls", "--status", "ready", "--json"]).output()?;
    let listed = String::from_utf8(listed.stdout)?;
    let mut stored: Vec<usize> = listed
        .lines()
        .filter_map(|line| line.split(".bmp\"").next()?.rsplit(['/', '"']).next()?.parse().ok())
        .collect();
    stored.sort_unstable();
    let good: Vec<usize> =
        (0..IMAGES).filter(|&number| matches!(origin::kind(number), origin::Kind::Image | origin::Kind::Slow)).collect();
    println!("good {}, stored {}, exactly the good ones once each: {}", good.len(), stored.len(), good == stored);
    if good == stored { Ok(()) } else { Err("not exactly the good ones".into()) }
}
