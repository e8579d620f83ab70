//! Describes the machine and the versions of all that is measured.

use std::fmt::Write as _;
use std::process::Command;

use anyhow::Result;

use crate::Bench;
use crate::server::nginx;

/// The head of the results: when, where, and what was measured.
pub(crate) fn describe(bench: &Bench) -> Result<String> {
    let programs = &bench.programs;
    let cores = std::thread::available_parallelism()?;
    let memory = field("/proc/meminfo", "MemTotal").unwrap_or_default();
    let processor = field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let system = field("/etc/os-release", "PRETTY_NAME").unwrap_or_default();
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    let mut page = String::from(
        "# Results\n\nWritten by `cargo xtask bench`. [README.md](README.md) says what each figure is.\n\n| | |\n|---|---|\n",
    );
    let mut line = |name: &str, text: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(page, "| {name} | {text} |");
    };
    line("date", &said(Command::new("date").args(["--utc", "+%Y-%m-%d %H:%M UTC"])));
    line("machine", &format!("{cores} cores of {processor}; memory {memory}; {system}, Linux {kernel}"));
    line("load before (1, 5, 15 minutes)", &load.split_whitespace().take(3).collect::<Vec<_>>().join(", "));
    line("rounds", &format!("{}; each figure is the median, with the lowest and the highest", bench.rounds));
    line("Burrow", &said(Command::new(&programs.burrow).arg("version").env("BURROW_CONFIG", "/dev/null")));
    if let Some(spin) = &programs.spin {
        line("Spin", &said(Command::new(spin).arg("--version")));
    }
    line("Go peer", &said(Command::new("go").arg("version")));
    let versions =
        "import sys, importlib.metadata as m; print('Python', sys.version.split()[0], 'Flask', m.version('flask'))";
    line("Flask peer", &said(Command::new(&programs.python).args(["-c", versions])));
    line("nginx", &said(Command::new(nginx()).arg("-v")));
    line("wrk", &said(Command::new("wrk").arg("-v")));
    Ok(page)
}

/// The value of a field in a file of lines such as `name: value` or `NAME="value"`.
fn field(file: &str, name: &str) -> Option<String> {
    let text = read(file);
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim_start_matches([':', '=', ' ', '\t']).trim_matches('"').to_owned())
}

fn read(file: &str) -> String {
    std::fs::read_to_string(file).unwrap_or_default().trim().to_owned()
}

/// What a program prints of its version, in one line, wherever it prints it. Some then fail, or go on with their usage.
fn said(command: &mut Command) -> String {
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => return format!("unknown ({error})"),
    };
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let version = text.split("\nUsage").next().unwrap_or_default();
    let lines: Vec<String> =
        version.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    lines.iter().map(String::as_str).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}
