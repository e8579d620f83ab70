//! Completions, tried in bash, zsh and fish.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::{run, store_of};
use crate::support::host::burrow;

/// Writes a shell's completion script into a directory.
async fn install(directory: &Path, shell: &str, name: &str) -> PathBuf {
    let (code, script, err) = run(burrow("nowhere".as_ref()).args(["completions", shell])).await;
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let path = directory.join(name);
    std::fs::write(&path, script).unwrap();
    path
}

/// A shell without the environment and configuration of the user who runs the tests.
fn shell(name: &str, home: &Path) -> Command {
    let mut shell = Command::new(name);
    let program = Path::new(env!("CARGO_BIN_EXE_burrow")).parent().unwrap();
    let path = std::env::join_paths(
        [program.to_owned()].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    shell.env_clear().env("HOME", home).env("PATH", path.unwrap()).env("TERM", "dumb").current_dir(home);
    shell
}

pub async fn bash_completes() {
    let home = tempfile::tempdir().unwrap();
    let script = install(home.path(), "bash", "burrow").await;
    for (typed, offered) in [("ver", "verify version"), ("ls --pic", "--pictures"), ("completions z", "zsh")] {
        let words: Vec<&str> = typed.split(' ').collect();
        let drive = format!(
            "source {}; COMP_WORDS=(burrow {typed}); COMP_CWORD={}; _burrow burrow {} {}; echo ${{COMPREPLY[@]}}",
            script.display(),
            words.len(),
            words.last().unwrap(),
            if words.len() > 1 { words[words.len() - 2] } else { "burrow" },
        );
        let (code, out, err) = run(shell("bash", home.path()).args(["--noprofile", "--norc", "-c", &drive])).await;
        assert_eq!((code, out.trim(), err.as_str()), (Some(0), offered, ""), "{typed}");
    }
}

pub async fn fish_completes() {
    let home = tempfile::tempdir().unwrap();
    let script = install(home.path(), "fish", "burrow.fish").await;
    for (typed, offered) in
        [("ver", "verify"), ("ver", "version"), ("ls --pic", "--pictures"), ("ls --pictures k", "kitty")]
    {
        let drive = format!("source {}; complete -C 'burrow {typed}'", script.display());
        let (code, out, err) = run(shell("fish", home.path()).args(["--no-config", "-c", &drive])).await;
        assert_eq!((code, err.as_str()), (Some(0), ""));
        let words: Vec<&str> = out.lines().filter_map(|line| line.split('\t').next()).collect();
        assert!(words.contains(&offered), "{typed}: {out}");
    }
}

/// The test types into a zsh on a pseudo-terminal, because zsh completes only on a terminal.
pub async fn zsh_completes() {
    let home = tempfile::tempdir().unwrap();
    let script = install(home.path(), "zsh", "_burrow").await;
    let (code, _, err) = run(shell("zsh", home.path()).arg("-n").arg(&script)).await;
    assert_eq!((code, err.as_str()), (Some(0), ""));
    for (typed, offered) in [("veri", "verify"), ("ls --pict", "--pictures"), ("completions z", "completions zsh")] {
        let drive = format!(
            "zmodload zsh/zpty; zpty inner zsh -f -i\n\
             zpty -w inner 'fpath=({} $fpath); autoload -Uz compinit; compinit -D -u; PS1=REA\\DY'\n\
             zpty -r inner seen '*READY*'\n\
             zpty -w -n inner $'burrow {typed}\\t; echo OVE\\\\R\\n'\n\
             zpty -r inner seen '*OVER'\n\
             print -r -- $seen; zpty -d inner",
            home.path().display()
        );
        let (code, out, err) = run(shell("zsh", home.path()).args(["-f", "-c", &drive])).await;
        assert_eq!((code, err.as_str()), (Some(0), ""));
        assert!(out.contains(&format!("burrow {offered}")) || out.contains(offered), "{typed}: {out:?}");
    }
}

/// Tags come from the store that the line names; one with a space is one word.
pub async fn shells_complete_tags() {
    let (home, store) = (tempfile::tempdir().unwrap(), store_of(&["photo.png"]).await);
    let tag = ["tag", "photo.png", "--add", "river bank", "--add", "rivet", "--add", "sea"];
    assert_eq!(run(burrow(store.path()).args(tag)).await.0, Some(0));
    let burrow = format!("burrow --store {}", store.path().display());
    // A shell waits two seconds for tags. The first start of all compiles the component, which takes longer.
    let first = format!("{burrow} tags");
    assert_eq!(run(shell("bash", home.path()).args(["--noprofile", "--norc", "-c", &first])).await.0, Some(0));
    let script = install(home.path(), "bash", "burrow").await;
    for (words, offered) in
        [("ls --tag ri", "river\\ bank,rivet,"), ("ls --tag se", "sea,"), ("tag a --remove riv", "river\\ bank,rivet,")]
    {
        let count = 3 + words.split(' ').count() - 1;
        let drive = format!(
            "source {}; COMP_WORDS=({burrow} {words}); COMP_CWORD={count}; _burrow burrow ${{COMP_WORDS[count]}} \
             ${{COMP_WORDS[count-1]}}; printf '%s,' \"${{COMPREPLY[@]}}\"",
            script.display(),
        );
        let drive = drive.replace("count-1", &(count - 1).to_string()).replace("count]", &format!("{count}]"));
        let (code, out, err) = run(shell("bash", home.path()).args(["--noprofile", "--norc", "-c", &drive])).await;
        assert_eq!((code, out.as_str(), err.as_str()), (Some(0), offered, ""), "{words}");
    }
    let script = install(home.path(), "fish", "burrow.fish").await;
    for (typed, offered) in
        [("ls --tag riv", vec!["river bank", "rivet"]), ("ls --tag ", vec!["river bank", "rivet", "sea"])]
    {
        let drive = format!("source {}; complete -C '{burrow} {typed}'", script.display());
        let (code, out, err) = run(shell("fish", home.path()).args(["--no-config", "-c", &drive])).await;
        assert_eq!((code, err.as_str()), (Some(0), ""));
        // fish adds what the flag means.
        let words: Vec<&str> = out.lines().filter_map(|line| line.split('\t').next()).collect();
        assert_eq!(words, offered, "{typed}");
    }
    install(home.path(), "zsh", "_burrow").await;
    for (typed, offered) in [
        ("ls --tag rive", ["river\\ bank", "rivet"].as_slice()),
        ("tag photo.png --add rive", &["river\\ bank", "rivet"]),
        ("tag photo.png --rem", &["photo.png --remove"]),
    ] {
        let drive = format!(
            "zmodload zsh/zpty; zpty inner zsh -f -i\n\
             zpty -w inner 'fpath=({} $fpath); autoload -Uz compinit; compinit -D -u; PS1=REA\\DY'\n\
             zpty -r inner seen '*READY*'\n\
             zpty -w -n inner $'{burrow} {typed}\\t\\t'; sleep 2; zpty -w -n inner $'\\C-uecho OVE\\\\R\\n'\n\
             zpty -r inner seen '*OVER'\n\
             print -r -- $seen; zpty -d inner",
            home.path().display()
        );
        let (code, out, err) = run(shell("zsh", home.path()).args(["-f", "-c", &drive])).await;
        assert_eq!((code, err.as_str()), (Some(0), ""));
        for offered in offered {
            assert!(out.contains(offered), "{typed}: {out:?}");
        }
    }
    // A store that is not there offers nothing, and says nothing.
    let nothing = run(Command::new(env!("CARGO_BIN_EXE_burrow")).args([
        "tags",
        "--complete",
        "",
        "burrow",
        "--store",
        "/nowhere",
    ]))
    .await;
    assert_eq!(nothing, (Some(0), String::new(), String::new()));
}
