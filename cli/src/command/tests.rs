//! Tests of the command line's definition: names of flags, and examples in the help.

use std::collections::BTreeSet;

use super::*;
use crate::file;

#[test]
fn what_can_be_typed_is_consistent() {
    Cli::command().debug_assert();
}

/// A user who knows a flag knows its variable.
#[test]
fn environment_variables_are_named_after_their_flags() {
    let command = Cli::command();
    let args = command.get_subcommands().flat_map(clap::Command::get_arguments).chain(command.get_arguments());
    for arg in args.filter(|arg| arg.get_env().is_some()) {
        let key = file::key_of(arg).unwrap().to_uppercase();
        assert_eq!(arg.get_env().unwrap().to_str().unwrap(), format!("BURROW_{key}"));
    }
}

/// The exceptions are flags that hold for one command only, such as the name of an image.
#[test]
fn every_flag_with_a_value_can_be_set_once_and_for_all() {
    let single = [
        ("add", "failed"),
        ("add", "from"),
        ("add", "name"),
        ("add", "referrer"),
        ("add", "settle"),
        ("add", "tags"),
        ("add", "watch"),
        ("export", "since"),
        ("get", "output"),
        ("ls", "host"),
        ("ls", "media_type"),
        ("ls", "search"),
        ("ls", "since"),
        ("ls", "status"),
        ("ls", "tags"),
        ("ls", "until"),
        ("man", "dir"),
        ("repack", "tags"),
        ("retry", "referrer"),
        ("similar", "limit"),
        ("tag", "add"),
        ("tag", "remove"),
        ("tags", "complete"),
    ];
    let command = Cli::command();
    let verbs = command.get_subcommands().flat_map(|verb| verb.get_arguments().map(|arg| (verb.get_name(), arg)));
    let all = verbs.chain(command.get_arguments().map(|arg| ("", arg)));
    let with_value = all.filter(|(_, arg)| arg.get_long().is_some() && arg.get_action().takes_values());
    let found: BTreeSet<_> = with_value
        .filter(|(_, arg)| arg.get_env().is_none())
        .map(|(verb, arg)| (verb, arg.get_id().as_str()))
        .collect();
    assert_eq!(found, BTreeSet::from(single));
}

#[test]
fn every_verb_has_an_example() {
    for verb in Cli::command().get_subcommands().filter(|verb| verb.get_name() != "version") {
        let help = verb.get_after_help().unwrap().to_string();
        assert!(
            help.contains(&format!("burrow {}", verb.get_name())) || help.contains("verify"),
            "{}",
            verb.get_name()
        );
    }
}
