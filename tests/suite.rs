//! The black-box suite: tests the built program as its users run it. This file lists the tests.
//!
//! Each module tests one promise. `cargo xtask test` builds what the suite needs. With `BURROW_SPIN=/path/to/spin` the
//! tests in `on_every_host` run on Spin, too, and with `BURROW_WASMTIME=/path/to/wasmtime` on `wasmtime serve`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(clippy::cast_possible_truncation, missing_docs, unreachable_pub, reason = "tests")]

mod access;
mod amplification;
mod archive;
mod bucket;
mod cli;
mod clients_field;
mod content;
mod damage;
mod documents;
mod elsewhere;
mod feeds;
mod field;
mod files_field;
mod first_design;
mod gallery;
mod hostile;
mod hostile_component;
mod hostile_fuzz;
mod http_api;
mod images;
mod jobs;
mod lists;
mod lossless;
mod networks;
mod operations;
mod origins_field;
mod proxy_field;
mod referrers;
mod repacking;
mod sharing;
mod similar;
mod socket;
mod spin_template;
mod stores;
mod support;
mod thumbnails;
mod torture;
mod uploads;
mod webhook;
mod world;

use std::future::Future;
use std::io::Write as _;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use support::host::Host;

/// Lists tests that run on every host.
macro_rules! on_every_host {
    ($($module:ident: $($test:ident),+;)+) => {
        vec![$($((
            concat!(stringify!($module), "::", stringify!($test)),
            (|host| run($module::$test(host))) as fn(Host),
        )),+),+]
    };
}

/// Lists tests that run only on the native host.
macro_rules! natively {
    ($($module:ident: $($test:ident),+;)+) => {
        vec![$($(Trial::test(concat!(stringify!($module), "::", stringify!($test)), || {
            run($module::$test());
            Ok(())
        })),+),+]
    };
}

/// `wasmtime serve` keeps the header `Host` from the component, and tells it no authority either: docs/deploy.md.
const NEED_THE_HOST_HEADER: [&str; 8] = [
    "access::only_allowed_names_are_answered_for",
    "elsewhere::links_are_there_to_be_copied",
    "elsewhere::programs_get_their_settings",
    "elsewhere::the_form_needs_a_token",
    "feeds::feeds_are_valid_atom",
    "feeds::the_newest_images_are_a_feed",
    "gallery::one_signs_in_to_change_something",
    "hostile::hostile_requests_change_nothing",
];

#[expect(clippy::too_many_lines, reason = "a list")]
fn main() -> ExitCode {
    let on_every_host = on_every_host! {
        access: other_sites_show_nothing, changes_need_a_token, reading_may_need_a_token_too, a_signed_link_needs_no_token,
            links_need_keys, other_sites_change_nothing, allowed_sites_may_read_and_change, only_allowed_hosts_are_asked,
            only_allowed_names_are_answered_for;
        clients_field: forms_are_read_as_clients_send_them, json_is_sent_compressed, a_304_says_what_its_200_says;
        content: content_says_what_it_is, a_name_leads_to_its_newest_image, conditions_hold_or_not, ranges_are_sent,
            several_ranges_are_sent, what_is_stored_as_deflate_goes_out_as_gzip, content_that_is_not_there_yet;
        field: names_are_found_however_they_are_composed, names_that_nobody_typed_are_cleaned,
            file_names_that_go_out_fit, sizes_are_right_or_none, orientation_and_animation_are_told,
            drawings_are_known_as_xml,
            of_cut_files_what_came_is_drawn, thumbnails_are_srgb;
        feeds: the_newest_images_are_a_feed, feeds_are_valid_atom;
        first_design: upload_answers_at_once, basic_stats_lists_images, image_by_name_is_a_page_or_the_bytes;
        gallery: the_page_shows_images_and_adds_some, names_are_shown_as_text, a_form_of_another_site_is_refused,
            forms_do_what_they_say, lists_are_searched_and_ordered, an_image_has_a_page,
            pages_speak_the_reader_s_language, one_signs_in_to_change_something, numbers_are_drawn, several_images_are_one_file,
            failures_are_pages_for_browsers, pages_are_sent_compressed;
        hostile: hostile_requests_change_nothing, forged_links_and_tokens_open_nothing;
        http_api: unknown_routes_and_methods, malformed_json_names_the_place, invalid_input_names_the_field,
            images_are_listed_newest_first, removing_is_idempotent_and_spares_twins, head_has_no_body,
            what_is_polled_costs_a_304;
        images: lists_are_filtered, an_image_is_renamed_and_tagged, changes_can_be_conditional,
            of_changes_at_once_none_is_lost, a_name_is_found_though_many_bore_it,
            a_failed_job_is_tried_again, a_tag_is_renamed_and_merged;
        jobs: origins_that_fail_leave_the_old_image, a_full_vault_takes_no_more, origins_say_when_to_come_back, fifty_uploads_at_once, a_restart_keeps_everything,
            redirects_are_followed_and_checked, a_page_is_served_while_a_big_image_is_packed,
            removing_an_image_that_is_being_stored, jobs_may_be_left_to_others;
        lossless: every_kind_of_image_comes_back, a_big_image_comes_back, what_is_no_image_is_refused,
            names_are_only_text, the_same_url_twice_is_stored_once, block_edges_come_back;
        origins_field: codings_are_undone;
        elsewhere: a_form_is_opened_with_its_fields_filled_in, the_form_needs_a_token, programs_get_their_settings,
            links_are_there_to_be_copied;
        referrers: origins_are_told_the_page, pages_that_cannot_be_told_are_refused,
            a_failed_image_is_tried_again_with_a_page, headers_go_where_they_are_for;
        repacking: photos_become_smaller_and_stay_the_same, pngs_and_bitmaps_become_smaller_and_stay_the_same,
            a_policy_may_forbid_it;
        sharing: a_link_to_a_tag_shows_its_images_and_nothing_else, a_shared_tag_is_one_file,
            links_to_tags_end_and_cannot_be_forged;
        similar: similar_pictures_are_found, what_cannot_be_compared_is_told;
        stores: the_command_line_goes_on_where_a_server_stopped;
        thumbnails: small_pictures_are_made_and_kept, every_kind_has_something_to_show, drawings_run_nothing,
            what_cannot_be_decoded_is_told, nobody_waits_for_a_picture_to_be_drawn;
        uploads: bytes_are_stored_as_they_are, limits_are_told, several_files_are_stored_at_once,
            several_files_are_stored_all_or_none, digests_are_verified, a_request_sent_again_adds_nothing,
            a_client_may_wait;
        webhook: each_end_is_told_and_signed, a_receiver_that_was_away_gets_everything;
    };
    let on_configured_spin = on_every_host! {
        networks: private_addresses_are_refused;
    };
    let mut trials = natively! {
        access: settings_that_cannot_be_read_are_told, the_settings_are_the_same_everywhere;
        amplification: no_answer_outgrows_its_request;
        archive: a_vault_goes_to_another_and_back_unchanged, an_archive_can_be_read_without_burrow,
            a_later_archive_holds_only_what_is_new, a_damaged_archive_is_noticed,
            an_image_being_removed_is_not_put_back;
        bucket: larger_contents_are_objects, a_store_and_its_bucket_belong_together, what_is_hurt_is_found_and_nothing_else,
            a_bucket_beside_redis, what_the_bucket_refuses_is_told, an_upload_is_acknowledged_when_its_object_is_there;
        cli: add_ls_get_give_the_same_bytes, failures_are_told_and_counted,
            private_places_are_refused, serve_stops_when_asked, an_interrupted_run_says_so_with_its_exit_code,
            json_is_what_the_http_interface_says, show_tells_all_for_people, ls_lists_what_is_asked_for,
            get_writes_several_into_a_directory, tags_and_names_are_changed, rm_removes_by_id_and_by_name,
            failed_images_are_found_and_tried_again, stats_draw_what_is_saved, version_says_what_is_at_work,
            flags_come_before_the_environment_and_that_before_the_file, the_file_is_where_it_is_looked_for,
            what_is_wrong_in_the_file_is_told_with_its_place, secrets_are_not_shown,
            defaults_are_those_of_the_documentation, colours_are_for_those_who_want_them,
            names_do_not_move_the_cursor, what_cannot_be_understood_is_told_in_one_line,
            a_pipe_that_ends_is_no_failure, pictures_are_shown_in_each_protocol,
            pictures_are_shown_only_where_they_can_be_seen, every_verb_is_documented,
            every_verb_has_a_manual_page_that_renders, bash_completes, fish_completes, zsh_completes,
            shells_complete_tags, tags_are_listed_and_renamed,
            what_appears_is_kept_whole_and_once, what_cannot_be_kept_is_told_in_one_line,
            a_watched_directory_may_go_and_come_back, watching_ends_with_the_server_whose_store_it_uses;
        clients_field: an_answer_arrives_though_the_body_is_not_read;
        damage: a_flipped_byte_in_a_value_harms_only_what_it_belongs_to,
            what_a_newer_burrow_stored_is_not_called_damaged,
            a_blobs_file_that_is_not_right_harms_only_its_images,
            a_flipped_byte_in_the_file_never_changes_an_image, a_store_that_cannot_be_used_is_told_in_one_line,
            a_store_that_may_not_be_written_is_told_in_one_line, a_disk_that_is_full_loses_nothing;
        documents: the_map_has_every_source_file, every_link_leads_to_a_file,
            every_threat_names_a_test_that_is_there;
        field: a_job_of_a_killed_server_whose_clock_was_wrong, openings_are_counted_and_verified;
        hostile_component: a_hostile_component_is_contained;
        hostile_fuzz: damaged_requests_fail_as_documented;
        files_field: lists_of_every_program_are_read, lists_that_cannot_be_read_are_told_in_one_line,
            files_with_any_name_are_taken, directories_are_taken_as_they_are, a_picture_on_a_terminal_is_upright;
        images: a_job_being_retried_is_resumed_after_a_kill;
        jobs: slow_origins_stop_nobody, a_slow_download_tells_how_far_it_has_come, a_killed_server_finishes_its_jobs, an_acknowledged_image_survives_a_kill;
        lists: bad_lines_are_told_by_number_and_the_rest_goes_on, a_second_run_fetches_only_what_is_missing,
            interrupted_it_ends_what_is_under_way_and_goes_on_the_next_time, files_and_directories,
            all_of_a_list_is_done_and_none_is_left, the_first_failure_may_end_it;
        operations: what_is_over_a_limit_waits_and_is_refused, slow_clients_are_bounded,
            bodies_that_trickle_keep_nobody_out, a_client_has_its_share_and_no_more, who_guesses_tokens_is_held_up,
            every_answer_has_its_request_id, the_access_log_has_a_line_a_request, no_secret_is_in_any_log,
            what_the_component_logs_is_an_event, a_trace_of_every_request_is_sent, what_happens_is_counted,
            a_new_component_is_taken_up, stopping_is_told_first, asked_twice_it_ends_at_once,
            an_answer_is_sent_again_as_it_was, an_answer_is_not_sent_again_once_the_image_changed,
            what_needs_a_token_is_not_sent_to_others, a_removed_image_is_gone_for_every_reader;
        origins_field: heads_are_read_as_browsers_read_them, every_failure_has_its_sentence,
            without_a_network_the_reason_is_told, certificates_that_cannot_be_read_are_told;
        proxy_field: origins_are_reached_through_a_proxy, a_proxy_that_fails_is_told, which_proxy_is_used_is_told;
        referrers: the_command_line_tells_the_page;
        repacking: the_command_line_repacks, the_component_packs_what_native_code_packs,
            files_are_explained_and_not_kept, an_idle_server_repacks;
        similar: the_command_line_compares;
        socket: verbs_work_while_a_server_runs, a_server_that_was_killed_is_in_nobodys_way, what_was_left_is_done_once,
            short_verbs_wait_for_each_other,
            a_long_list_leaves_room_for_others;
        spin_template: manifests_are_whole;
        stores: a_vault_may_be_on_redis, what_spin_left_is_read_and_gone_on_with,
            a_store_of_version_1_is_read_and_gone_on_with;
        torture: what_was_acknowledged_survives_every_kill;
        uploads: what_is_refused_leaves_no_chunks;
        webhook: private_receivers_are_refused;
        world: the_component_is_what_the_world_says;
    };
    for (name, test) in &on_every_host {
        let test = *test;
        trials.push(Trial::test(format!("native::{name}"), move || {
            test(Host::Native);
            Ok(())
        }));
    }
    // The bytes of images take another way there.
    let in_bucket = on_every_host.iter().filter(|(name, _)| {
        ["content::", "jobs::", "lossless::", "repacking::", "uploads::"].iter().any(|module| name.starts_with(module))
    });
    for &(name, test) in in_bucket {
        trials.push(Trial::test(format!("bucket::{name}"), move || {
            test(Host::WithBucket);
            Ok(())
        }));
    }
    if let Some(Host::Spin(spin)) = Host::spin() {
        trials.push(Trial::test("spin_template::a_new_app_keeps_images", move || {
            run(spin_template::a_new_app_keeps_images(spin));
            Ok(())
        }));
    }
    let elsewhere = [("spin", "BURROW_SPIN", Host::spin()), ("wasmtime", "BURROW_WASMTIME", Host::wasmtime())];
    for (name, variable, host) in elsewhere {
        let configured = if name == "spin" { on_configured_spin.as_slice() } else { &[] };
        let Some(host) = host else {
            let skipped = on_every_host.len() + configured.len();
            let notice = format!("SKIPPED: {skipped} tests on {name}, for {variable} does not name a {name} binary\n");
            std::io::stderr().write_all(notice.as_bytes()).unwrap();
            continue;
        };
        let may = |test: &str| name != "wasmtime" || !NEED_THE_HOST_HEADER.contains(&test);
        if name == "wasmtime" {
            let skipped = NEED_THE_HOST_HEADER.len();
            let notice =
                format!("SKIPPED: {skipped} tests on {name}, for it keeps the header Host from the component\n");
            std::io::stderr().write_all(notice.as_bytes()).unwrap();
        }
        let tests = on_every_host.iter().filter(|(test, _)| may(test)).map(|test| (test, host.clone()));
        for (&(test_name, test), host) in tests.chain(configured.iter().map(|test| (test, host.configured()))) {
            trials.push(Trial::test(format!("{name}::{test_name}"), move || {
                test(host);
                Ok(())
            }));
        }
    }
    let mut arguments = Arguments::from_args();
    // Each test starts its own servers: more tests at once than cores would only make each slower.
    arguments.test_threads = arguments.test_threads.or(std::thread::available_parallelism().ok().map(Into::into));
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn run(test: impl Future<Output = ()>) {
    // Ends a test that hangs. It is no limit of performance.
    const TOO_LONG: std::time::Duration = std::time::Duration::from_mins(5);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let limit = TOO_LONG + torture::time_given() + hostile_fuzz::time_given();
    runtime.block_on(async { tokio::time::timeout(limit, test).await }).expect("the test hung");
}
