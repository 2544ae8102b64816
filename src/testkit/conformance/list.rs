//! The list of behaviours.

use super::{Behaviour, subject};

/// Expands the names of all behaviours, by subject, to their table and to a macro of tests, so that
/// neither can forget one. What a name stands for is beside its function, in the subject.
macro_rules! list {
    ($d:tt $($subject:ident { $($name:ident)+ })+) => {
        /// Every behaviour, subject by subject.
        pub static BEHAVIOURS: &[Behaviour] = &[$($(subject::$subject::listed::$name,)+)+];

        /// Makes a test of each behaviour in
        /// [`BEHAVIOURS`](crate::testkit::conformance::BEHAVIOURS), in a module for each subject.
        ///
        /// The expression makes the [`Fixture`](crate::testkit::conformance::Fixture) of one test.
        /// What the fixture lacks is said in the output of the test, which passes.
        ///
        /// ```
        /// # #[cfg(test)]
        /// mod conformance {
        ///     use hyperv_replica::{model::WindowsBuild, testkit::LabFixture};
        ///
        ///     hyperv_replica::conformance_tests!(LabFixture::new(WindowsBuild::Server2019));
        /// }
        /// ```
        #[macro_export]
        macro_rules! conformance_tests {
            ($d fixture:expr) => {$(
                mod $subject {
                    #[allow(unused_imports)]
                    use super::*;
                    $(
                        #[test]
                        fn $name() {
                            $crate::testkit::conformance::check(
                                stringify!($name),
                                &mut || Box::new($d fixture),
                            );
                        }
                    )+
                }
            )+};
        }
    };
}

list! { $
    presence {
        a_fresh_vm_has_relationship_0_in_state_0
        a_fresh_vm_was_never_replicated
        a_fresh_vm_has_settings_to_edit
        settings_offer_a_window_for_resynchronisation
        a_replica_has_both_relationships
        a_primary_has_no_extended_relationship
        the_list_of_vms_has_each_once
        what_is_not_there_is_not_found
        a_call_about_an_unknown_vm_is_refused
        the_host_says_what_it_is
        the_in_box_provider_is_there
    }
    create {
        create_makes_a_primary_that_is_ready
        create_makes_a_replica_that_waits
        a_replica_has_its_primarys_name
        a_running_vm_is_replicated_as_it_runs
        create_fills_in_both_hosts
        create_keeps_what_was_asked_for
        the_replica_knows_the_settings
        create_moves_no_data
        a_primary_is_not_created_twice
        other_intervals_are_refused
        each_interval_is_taken
        more_than_24_recovery_points_are_refused
        application_consistent_points_are_at_most_12_hours_apart
        application_consistent_points_need_recovery_points
        a_port_is_needed
        a_host_is_needed
        kerberos_takes_no_thumbprint
        certificate_authentication_needs_a_thumbprint
        at_least_one_disk_is_needed
        one_disk_of_two_may_be_left_out
        a_host_does_not_replicate_to_itself
        a_host_that_is_not_there_fails
        certificates_authenticate_both_hosts
        an_unknown_certificate_is_refused
        settings_can_be_changed_later
        bad_changes_change_nothing
        a_fresh_vm_has_nothing_to_change
        a_replica_has_nothing_to_change
        a_disk_added_later_is_copied
    }
    initial {
        both_sides_come_to_replicate
        the_first_replication_has_a_time
        both_sides_wait_while_disks_are_copied
        copying_is_a_job_of_its_own
        copying_can_be_cancelled_and_begun_anew
        copying_can_be_paused_and_resumed
        what_is_not_being_copied_cannot_be_cancelled
        it_needs_a_relationship
        it_is_started_once
        a_replica_does_not_start_it
        other_types_are_refused
        an_export_needs_a_folder
        it_can_be_scheduled
        a_schedule_reaches_seven_days
        a_schedule_can_be_cancelled
        an_export_is_carried_and_imported
        an_import_needs_an_export
        an_old_replica_is_a_seed
        a_vm_of_the_same_guid_is_in_the_way
    }
    cycles {
        changes_arrive_cycle_after_cycle
        both_sides_tell_the_time_of_the_last_log
        what_is_received_is_applied
        a_log_of_a_cycle_is_a_regular_one
        a_vm_that_is_off_stays_in_step
        a_saved_vm_stays_in_step
    }
    points {
        without_a_history_there_are_none
        they_are_an_hour_apart
        the_oldest_makes_room
        the_primary_has_none
        application_consistent_ones_are_taken
        keeping_fewer_deletes_the_rest
        a_replica_fails_over_to_one
        an_unknown_one_is_refused
        they_stay_until_the_failover_is_committed
        another_can_be_tried_after_a_revert
        a_resynchronisation_deletes_them
        a_reversal_after_a_planned_failover_leaves_none
    }
    pause {
        a_paused_primary_is_a_warning
        a_paused_replica_is_critical
        either_side_is_resumed
        nothing_is_sent_meanwhile
        what_replicates_is_not_resumed
        what_is_paused_is_not_paused_again
        what_is_not_replicated_is_not_paused
        other_states_cannot_be_requested
        without_a_relationship_the_first_is_meant
    }
    planned {
        preparing_needs_the_primary_off
        preparing_needs_replication
        what_is_paused_is_not_prepared
        a_replica_is_not_prepared
        the_primary_is_prepared
        a_prepared_primary_does_not_start
        a_preparation_can_be_cancelled
        what_is_not_prepared_cannot_be_cancelled
        the_replica_takes_over
        its_kind_is_planned
        both_sides_can_be_taken_back
        a_reversal_needs_no_initial_replication
        a_reversal_may_follow_a_commit
        a_running_replica_can_be_reversed
        a_reversal_turns_the_settings_round
        the_new_primary_replicates_as_it_runs
        the_old_primary_does_not_start
        what_is_not_failed_over_is_not_reversed
        it_works_in_both_directions
    }
    failover {
        the_replica_is_failed_over
        nothing_is_started
        the_replica_may_start_then
        it_takes_no_more_logs
        its_primary_comes_to_an_error
        there_must_be_a_copy
        a_primary_is_not_failed_over
        what_is_not_replicated_is_not_failed_over
        a_paused_replica_is_resumed_first
        it_is_done_once
        it_can_be_taken_back_and_done_again
        a_running_replica_is_turned_off_first
        replication_goes_on_after_a_revert
        without_a_failover_nothing_is_taken_back
        it_has_a_kind_until_it_is_taken_back
    }
    commit {
        a_commit_ends_the_failover
        a_running_replica_can_be_committed
        what_is_not_failed_over_is_not_committed
        a_primary_is_not_committed
        a_commit_cannot_be_taken_back
        what_is_committed_is_not_failed_over_again
        an_old_primary_becomes_a_replica
        only_what_is_off_becomes_a_replica
        a_replica_does_not_become_one_again
        a_vm_is_marked_as_a_replica
        a_reversal_to_an_old_primary_fills_it_anew
        a_committed_replica_is_reversed_likewise
        a_reversal_needs_an_old_primary_that_is_ready
    }
    test_failover {
        it_makes_a_vm_of_its_own
        replication_goes_on
        a_test_replica_runs
        there_is_one_at_a_time
        deleting_it_makes_room_for_another
        a_running_one_is_not_deleted
        its_job_names_it
        its_time_is_remembered
        a_primary_has_none
        there_must_be_a_copy_to_test
        a_paused_replica_can_be_tested
        a_failed_over_replica_is_not_tested
        a_test_replica_is_not_replicated
    }
    resync {
        it_can_be_forced_after_a_pause
        what_replicates_is_not_resynchronised
        a_replica_has_nothing_to_resynchronise
        its_schedule_reaches_seven_days
        both_sides_show_it
        it_can_be_paused_and_resumed
        it_can_be_cancelled
        what_was_cancelled_begins_anew
        without_one_there_is_none_to_cancel
        meanwhile_nothing_is_prepared_or_tested
        an_unplanned_failover_cancels_it
        disks_changed_offline_need_one
        until_then_nothing_is_sent
        resuming_does_not_stand_for_it
        it_may_be_scheduled
    }
    removal {
        the_primary_is_an_ordinary_vm_again
        the_other_side_is_not_told
        the_replica_stays_as_an_ordinary_vm
        it_may_start_then
        a_primary_without_its_replica_is_in_error
        there_must_be_something_to_remove
        it_need_not_have_begun
        a_prepared_primary_can_be_removed
        a_failed_over_replica_can_be_removed
        the_deprecated_form_means_relationship_0
        a_vm_can_be_replicated_again
        a_running_vm_is_not_deleted
        a_vm_that_is_off_is_deleted
    }
    extended {
        a_replica_is_extended
        the_replica_fills_it
        changes_travel_the_whole_chain
        half_a_minute_is_too_short
        it_is_no_faster_than_the_first_leg
        it_takes_no_application_consistent_points
        a_chain_has_three_hosts
        each_leg_has_its_own_health
        changing_settings_means_the_second_leg
        the_second_leg_is_removed_first
        an_extended_replica_fails_over
        an_extended_replica_is_tested
        the_middle_becomes_the_primary
        the_last_becomes_an_ordinary_replica
        only_a_committed_replica_becomes_the_primary
        only_an_extended_replica_is_left_to_feed
    }
    jobs {
        each_operation_has_its_type
        a_reversal_has_its_type
        changes_of_state_have_their_types
        a_resynchronisation_has_its_type
        a_job_names_its_vm
        a_job_is_in_the_list
        progress_never_goes_back
        a_job_that_has_ended_stays_as_it_is
        a_job_that_has_ended_is_removed_after_five_minutes
        a_job_that_succeeds_has_no_error
        a_job_that_runs_has_no_error
        a_job_that_fails_says_why
        a_job_that_fails_has_error_records
        a_scheduled_job_says_when
        a_job_that_is_cancelled_is_terminated
        a_job_that_has_ended_is_not_cancelled
    }
    statistics {
        they_are_returned_at_once
        without_replication_there_are_none
        cycles_are_counted
        bytes_are_counted
        only_a_sender_has_something_pending
        a_reset_begins_a_new_window
        they_show_the_health
        good_health_has_no_issues
        bad_health_has_issues
        before_the_first_cycle_they_are_zero
        an_hour_behind_is_a_warning
    }
    power {
        an_ordinary_vm_takes_every_state
        what_is_off_is_not_turned_off
        what_is_off_is_not_paused
        at_rest_nothing_is_requested
        other_powers_cannot_be_requested
        a_replica_does_not_start
        a_replica_that_waits_does_not_start
        a_paused_replica_does_not_start
        a_primary_starts
        a_paused_primary_starts
    }
    network {
        either_side_stores_them
        there_are_none_at_first
        storing_none_clears_them
        without_replication_they_are_refused
        more_than_five_gateways_are_refused
        an_address_needs_its_subnet
    }
    server {
        its_settings_are_changed
        windows_have_certain_lengths
        enabling_it_needs_an_authentication
        certificates_need_a_thumbprint
        kerberos_alone_takes_no_thumbprint
        disabled_it_takes_no_replicas
        it_takes_replicas_of_those_it_lets_in
        without_its_entry_a_primary_sends_nothing
        entries_come_and_go
        case_does_not_tell_entries_apart
        an_entry_is_changed
        an_entry_is_there_once
        everybody_stands_alone
        a_wildcard_stands_in_the_first_label
        an_entry_needs_a_group_and_a_folder
        a_replica_is_bound_to_an_entry_that_exists
        certificates_are_returned_at_once
        a_connection_is_tried
        a_connection_to_nowhere_fails
        a_connection_needs_an_authentication
    }
    rights {
        a_stranger_is_refused
        the_service_itself_is_not_controlled
    }
    trouble {
        a_cut_link_is_waited_out
        a_cut_link_is_counted
        an_hour_without_a_link_is_a_warning
        nothing_is_created_over_a_cut_link
        nothing_is_reversed_over_a_cut_link
        a_replica_fails_over_without_its_primary
        a_crash_of_the_primary_needs_a_resynchronisation
        a_crash_of_the_replica_is_waited_out
        an_old_primary_joins_again_after_a_crash
    }
}
