//! Manual pages, `--help`, and docs/cli.md, which must agree with them.

use std::path::Path;

use tokio::process::Command;

use super::run;
use crate::support::host::burrow;
use crate::support::images::repository;

/// The verbs that `--help` lists.
async fn verbs() -> Vec<String> {
    let (_, help, _) = run(burrow("nowhere".as_ref()).arg("--help")).await;
    let (_, listed) = help.split_once("Commands:\n").unwrap();
    let lines = listed.lines().take_while(|line| line.starts_with(' '));
    let words = lines.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    let verbs: Vec<String> = words.filter(|word| *word != "help").map(Into::into).collect();
    assert!(verbs.len() > 15, "{help}");
    verbs
}

pub async fn every_verb_is_documented() {
    let text = std::fs::read_to_string(repository().join("docs/cli.md")).unwrap();
    for verb in verbs().await {
        assert!(text.contains(&format!("| `{verb}")), "{verb} is not in docs/cli.md");
        let (code, help, _) = run(burrow("nowhere".as_ref()).args([&verb, "--help"])).await;
        assert!(code == Some(0) && help.contains("Usage: burrow "), "{help}");
        assert!(verb == "version" || help.contains("Example"), "{help}");
    }
    let (_, help, _) = run(burrow("nowhere".as_ref()).arg("--help")).await;
    let (_, codes) = help.split_once("Exit codes:\n").unwrap();
    for line in codes.lines().take_while(|line| line.starts_with("  ")) {
        let (code, meaning) = line.trim().split_once("  ").unwrap();
        assert!(text.contains(&format!("| {code} | {meaning} |")), "exit code {code} is not in docs/cli.md");
    }
    // Every key that can be set is documented.
    let (_, shown, _) = run(burrow("nowhere".as_ref()).args(["config", "show"])).await;
    for key in shown.lines().filter_map(|line| line.split_whitespace().next()) {
        let flag = key.split('.').next_back().unwrap();
        let named = [format!("`{key}`"), format!("`{flag}`")];
        assert!(named.iter().any(|name| text.contains(name)) || is_setting(flag), "{key} is not in docs/cli.md");
    }
}

/// Whether docs/http-api.md, which has the table of settings, names this key.
fn is_setting(key: &str) -> bool {
    std::fs::read_to_string(repository().join("docs/http-api.md")).unwrap().contains(&format!("`{key}`"))
}

pub async fn every_verb_has_a_manual_page_that_renders() {
    let directory = tempfile::tempdir().unwrap();
    let pages = directory.path().join("man1");
    let (code, _, err) = run(burrow("nowhere".as_ref()).args(["man", "--dir"]).arg(&pages)).await;
    assert_eq!((code, err.as_str()), (Some(0), ""));
    render(&pages.join("burrow.1")).await;
    for verb in verbs().await {
        let page = pages.join(format!("burrow-{verb}.1"));
        let text = render(&page).await;
        assert!(text.contains(&format!("burrow-{verb}")) || text.contains(&format!("burrow {verb}")), "{text}");
        assert!(verb == "version" || text.contains("Example"), "{text}");
        let (_, printed, _) = run(burrow("nowhere".as_ref()).args(["man", &verb])).await;
        assert_eq!(printed, std::fs::read_to_string(&page).unwrap(), "{verb}");
    }
}

/// Renders a page as people read it. A warning of groff is a failure.
async fn render(page: &Path) -> String {
    let mut man = Command::new("man");
    man.args(["--warnings=w", "--local-file"]).arg(page).env("MANWIDTH", "100").env("LC_ALL", "C.UTF-8");
    let (code, out, err) = run(&mut man).await;
    assert_eq!((code, err.as_str()), (Some(0), ""), "{}", page.display());
    for section in ["NAME", "SYNOPSIS", "OPTIONS"] {
        assert!(out.contains(section), "{out}");
    }
    out
}
