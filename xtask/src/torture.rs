//! Runs the kill loop of the suite for a given time; the suite runs it for 20 seconds.

use std::path::Path;

use crate::host;

/// Runs the kill loop. `args` may hold `--minutes N`, `--seed S` and `--bucket`.
pub(crate) fn test(component: &Path, args: &[String]) -> Result<(), String> {
    let (mut minutes, mut seed, mut bucket) = (10.0, None, false);
    let mut args = args.iter();
    while let Some(flag) = args.next() {
        if flag == "--bucket" {
            bucket = true;
            continue;
        }
        let value = args.next().map(String::as_str).unwrap_or_default();
        let wrong = || format!("{value:?} is no number for {flag}");
        match flag.as_str() {
            "--minutes" => minutes = value.parse::<f64>().map_err(|_| wrong())?,
            "--seed" => seed = Some(value.parse::<u64>().map_err(|_| wrong())?),
            _ => return Err("torture takes --minutes N, --seed S and --bucket, and nothing else".into()),
        }
    }
    let mut variables = vec![("BURROW_TORTURE_MINUTES", minutes.to_string())];
    variables.extend(seed.map(|seed| ("BURROW_TORTURE_SEED", seed.to_string())));
    variables.extend(bucket.then(|| ("BURROW_TORTURE_BUCKET", "1".to_owned())));
    host::test_only(component, "torture::", &variables)
}
