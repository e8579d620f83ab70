//! Output: colours, control characters, one line for each error, pipes that end early.

use std::process::Stdio;

use super::{run, run_on_terminal, store_of};
use crate::support::host::burrow;

pub async fn colours_are_for_those_who_want_them() {
    const GREEN: &str = "\u{1b}[32mready\u{1b}[0m";
    let store = store_of(&["photo.png"]).await;
    let ls = |args: &[&str]| {
        let mut command = burrow(store.path());
        command.arg("ls").args(args);
        command
    };
    assert!(!run(&mut ls(&[])).await.1.contains('\u{1b}'));
    assert!(run(&mut ls(&["--color", "always"])).await.1.contains(GREEN));
    assert!(run(ls(&[]).env("BURROW_COLOR", "always")).await.1.contains(GREEN));
    assert!(run(ls(&[]).env("CLICOLOR_FORCE", "1")).await.1.contains(GREEN));
    let (code, out) = run_on_terminal(&ls(&[]), &[]).await;
    assert!(code == Some(0) && out.contains(GREEN), "{out:?}");
    for quiet in [("NO_COLOR", "1"), ("CLICOLOR", "0"), ("TERM", "dumb"), ("BURROW_COLOR", "never")] {
        let (_, out) = run_on_terminal(&ls(&[]), &[quiet]).await;
        assert!(out.contains("ready") && !out.contains('\u{1b}'), "{quiet:?}: {out:?}");
    }
    let (_, out) = run_on_terminal(&ls(&["--color", "never"]), &[]).await;
    assert!(out.contains("ready") && !out.contains('\u{1b}'), "{out:?}");
    let mut nobody = burrow(store.path());
    let (_, _, err) = run(nobody.args(["--color", "always", "show", "nobody"])).await;
    assert!(err.contains("\u{1b}[31mburrow:"), "{err:?}");
}

/// Names of images cannot break the layout of the terminal.
pub async fn names_do_not_move_the_cursor() {
    let store = store_of(&["photo.png"]).await;
    let long = "l".repeat(250);
    let (code, _, err) = run(burrow(store.path()).args(["rename", "photo.png", &long])).await;
    assert_eq!(code, Some(0), "{err}");
    // On a terminal lines are cut; elsewhere they are complete.
    let (_, out) = run_on_terminal(burrow(store.path()).args(["--color", "never", "ls"]), &[]).await;
    let widest = out.lines().map(|line| line.trim_end_matches('\r').chars().count()).max();
    assert!(widest == Some(200) && out.contains('…') && out.contains("NAME"), "{out}");
    let (_, out, _) = run(burrow(store.path()).arg("ls")).await;
    assert!(out.contains(&long) && !out.contains("NAME"), "{out}");
}

pub async fn what_cannot_be_understood_is_told_in_one_line() {
    let cases: [(&[&str], &str); 13] = [
        (&["--jobs", "18446744073709551615", "ls"], "--jobs <COUNT>: it must be 1 to 256"),
        (&["--per-origin", "0", "ls"], "it must be 1 to 1024"),
        (&["add", "a", "b", "--name", "n"], "one image only"),
        (&["serve", "--watch"], "--watch needs --component"),
        (&["dig"], "unrecognized subcommand 'dig'"),
        (&["lss"], "'ls'"),
        (&["ls", "--limit", "many"], "--limit"),
        (&["ls", "--pictures", "colourful"], "auto, always, never"),
        (&["show"], "required"),
        (&["get", "--outptu", "x", "y"], "--output"),
        (&["tag", "x"], "--add"),
        (&["completions", "csh"], "bash, zsh, fish"),
        (&["man", "dig"], "there is no verb dig"),
    ];
    for (args, what) in cases {
        let (code, out, err) = run(burrow("nowhere".as_ref()).args(args)).await;
        assert_eq!((code, out.as_str(), err.lines().count()), (Some(2), "", 1), "{args:?}: {err}");
        assert!(err.starts_with("burrow: ") && err.contains(what), "{args:?}: {err}");
    }
    assert!(!std::path::Path::new("nowhere").exists(), "a store was made");
    // Without a verb the program prints its help and exits with 2. With `--help` it exits with 0.
    assert_eq!(run(&mut burrow("nowhere".as_ref())).await.0, Some(2));
    let (code, help, _) = run(burrow("nowhere".as_ref()).arg("--help")).await;
    assert!(code == Some(0) && help.contains("Exit codes:\n    0  all went well"), "{help}");
    assert!(help.contains("  130  SIGINT interrupted it"), "{help}");
}

/// As with `burrow ls | head -1`, but here the reader is gone before the verb begins.
pub async fn a_pipe_that_ends_is_no_failure() {
    let store = store_of(&["photo.bmp"]).await;
    let verbs: [&[&str]; 8] = [
        &["ls"],
        &["ls", "--json"],
        &["show", "photo.bmp"],
        &["get", "photo.bmp", "-o", "-"],
        &["stats"],
        &["config", "show"],
        &["man"],
        &["completions", "zsh"],
    ];
    for verb in verbs {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = burrow(store.path()).args(verb).stdout(writer).stderr(Stdio::piped()).output().await.unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), err.as_ref()), (Some(0), ""), "{verb:?}");
    }
}
