//! The list of bodies.

/// Declares one test for each body. `$attribute` is the test attribute, `$make` an async function that makes a bench.
macro_rules! suite {
    (#[$attribute:meta] $make:path) => {
        $crate::suite::tests!(#[$attribute] $make; containers:
            what_is_created_is_what_inspect_shows
            a_taken_name_is_a_conflict
            a_missing_image_is_named
            a_list_shows_all_states_and_only_the_instance
            names_are_found_whoever_owns_them
            what_is_gone_is_not_found_or_done
            names_do_not_lead_to_other_paths
        );
        $crate::suite::tests!(#[$attribute] $make; lifecycle:
            starting_twice_is_starting_once
            stopping_twice_is_stopping_once
            a_process_that_ignores_the_stop_is_killed_after_the_grace
            an_exit_code_is_seen
            a_restart_forgets_the_last_exit
            a_running_container_is_removed
            removals_at_once_all_succeed
            renaming
            pausing_is_seen_and_undone
            a_paused_container_is_stopped
            limits_change_in_place
            a_missing_network_is_named
            a_missing_program_fails_the_start
            a_taken_port_fails_the_start_until_it_is_free
            health_is_seen
        );
        $crate::suite::tests!(#[$attribute] $make; stats:
            a_reading_shows_what_is_used
            without_limit_and_network_there_is_the_machine
            what_is_paused_uses_no_processor
            what_does_not_run_is_a_conflict
        );
        $crate::suite::tests!(#[$attribute] $make; console:
            logs_show_what_was_written
            logs_know_when
            logs_are_followed_to_the_end
            logs_of_nobody_are_not_found
            commands_write_and_end
            commands_read
            a_terminal_has_one_stream
            what_cannot_be_run_is_told
            commands_end_with_the_container
        );
        $crate::suite::tests!(#[$attribute] $make; survey:
            networks_are_listed_with_whatever_is_bound_to_them
            a_description_says_how_it_was_made
        );
        $crate::suite::tests!(#[$attribute] $make; during:
            one_that_is_renamed_is_listed_once
            one_that_is_removed_is_listed_until_it_is_gone
        );
        $crate::suite::tests!(#[$attribute] $make; networks:
            a_network_is_made_once
            ensuring_at_once_makes_one_network
            a_foreign_network_is_left_alone
            a_network_in_use_is_a_conflict
            networks_are_told_whether_or_not_it_runs
            leaving_and_joining_networks_is_told
        );
        $crate::suite::tests!(#[$attribute] $make; volumes:
            volumes_come_with_containers_and_stay
            volumes_of_others_are_not_listed
        );
        $crate::suite::tests!(#[$attribute] $make; images:
            an_image_has_an_id_or_is_missing
            an_unknown_image_is_a_registry_error
        );
        $crate::suite::tests!(#[$attribute] $make; events:
            a_life_is_told_in_order
            only_the_instance_is_told
            meddling_is_told
            changes_of_health_are_told
            a_list_after_subscribing_misses_nothing
            what_was_before_a_subscription_comes_before_what_is_after_it
        );
    };
}

macro_rules! tests {
    (#[$attribute:meta] $make:path; $room:ident: $($body:ident)+) => {
        mod $room {
            $(
                #[$attribute]
                async fn $body() {
                    let bench = $make().await;
                    $crate::$room::$body(&bench).await;
                }
            )+
        }
    };
}

pub(crate) use {suite, tests};
