//! The contract of the store, kept by SQLite.

mod audit;
mod faults;
mod files;

use crate::contract::{self, Stores};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use textgate_store::{SqliteOptions, SqliteStore, Store};

struct Sqlite {
    folder: TempDir,
}

impl Stores for Sqlite {
    fn open(&self) -> Arc<dyn Store> {
        self.open_backup(&self.folder.path().join("store"))
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn open_backup(&self, path: &Path) -> Arc<dyn Store> {
        Arc::new(SqliteStore::open(path, SqliteOptions::default()).unwrap())
    }
}

/// One test for each sentence of the contract.
macro_rules! keeps {
    ($($module:ident: $($sentence:ident)+;)+) => {$($(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $sentence() {
            contract::$module::$sentence(&Sqlite { folder: tempfile::tempdir().unwrap() }).await;
        }
    )+)+};
}

keeps! {
    accepting:
        what_was_accepted_is_there_after_reopening
        an_operation_happens_when_called_even_if_nobody_awaits_it
        an_id_that_is_taken_fails_its_call_and_no_other
        all_payers_pay_or_none
        credits_are_exact_under_concurrency_and_never_negative
        the_same_request_under_the_same_key_is_one_message
        of_many_requests_at_once_under_one_key_one_is_new
        a_key_is_free_again_after_24_hours;
    outcomes:
        outcomes_are_recorded_and_there_after_reopening
        long_time_lines_and_texts_read_back
        a_final_state_is_not_changed_but_the_event_is_added
        what_was_sent_does_not_become_unsent
        recording_an_unknown_message_harms_nobody
        a_refund_happens_once_and_to_those_who_were_charged
        credits_given_back_once_are_not_given_back_again_later
        a_refund_after_its_virtual_server_went_harms_nobody
        only_an_unfinished_message_of_its_virtual_server_is_cancelled
        a_cancelled_message_that_may_have_been_taken_stays_paid
        scheduled_messages_wait_are_listed_by_time_and_released
        what_is_unfinished_is_found_page_by_page;
    receipts:
        a_receipt_makes_a_sent_message_delivered
        receipts_that_say_no_make_it_undelivered
        a_repeated_receipt_changes_nothing_and_takes_no_room
        a_message_of_several_segments_is_delivered_when_all_are
        one_id_for_all_segments_needs_one_receipt
        a_receipt_of_an_attempt_that_failed_delivers_nothing
        a_receipt_that_comes_early_is_applied_when_its_id_is_recorded
        early_receipts_that_share_an_id_are_found_each_on_its_own
        an_early_receipt_for_one_segment_leaves_the_others_awaited
        a_receipt_between_the_attempt_and_the_change_to_sent_counts
        ids_that_are_empty_or_absurdly_long_match_nothing
        receipts_are_for_one_gateway
        the_likeliest_candidate_is_taken_first
        the_number_decides_between_candidates
        an_id_that_is_used_again_means_the_newest_or_the_one_with_the_number
        a_receipt_for_a_cancelled_message_is_kept_as_an_event
        receipts_answer_in_order;
    lists:
        a_list_has_each_message_once_the_newest_first
        a_list_shows_what_fits_all_of_its_filter
        a_page_that_fits_little_ends_and_goes_on
        a_rare_state_is_found_at_once_behind_a_long_history;
    figures:
        figures_add_up_by_minute_hour_and_day_and_are_there_after_reopening
        figures_are_told_apart_by_virtual_server_gateway_and_what_is_below
        figures_past_their_time_go_and_the_coarser_stay;
    webhooks:
        an_endpoint_is_owed_each_change_after_reopening_too
        a_state_that_is_already_final_owes_nothing
        what_was_delivered_is_owed_no_more_and_can_be_owed_again
        the_bell_tells_for_whom_a_commit_brought_something
        a_number_of_an_endpoint_is_never_used_twice
        events_go_with_history_and_with_their_endpoint;
    directory:
        a_new_store_has_the_root_and_nothing_else
        changes_are_answered_with_the_directory_and_there_after_reopening
        what_does_not_fit_is_a_conflict_and_nothing_of_the_call_happens
        a_conflict_harms_no_other_operation
        numbers_are_never_used_twice
        a_gateway_keeps_its_number_by_its_name_when_the_order_changes
        an_api_key_is_replaced_by_its_name_and_removed
        removing_a_virtual_server_takes_all_but_its_messages
        allocations_are_in_the_ledger_and_never_below_what_is_used
        the_audit_log_says_who_did_what_without_secrets;
    people:
        a_user_is_there_as_it_was_put_and_its_number_is_never_used_twice
        a_user_name_is_one_in_any_case
        another_password_role_or_virtual_server_ends_all_sessions
        a_removed_user_and_a_removed_virtual_server_take_sessions_along
        a_session_is_there_until_it_is_ended
        a_session_does_not_begin_for_who_is_another_by_now
        a_code_is_used_once_and_none_before_it_again
        of_many_sessions_the_oldest_end
        sessions_whose_time_is_past_end
        what_changed_of_a_user_is_told_without_secrets;
    auditing:
        entries_are_chained_and_found_sound
        an_entry_is_seen_by_its_virtual_server_and_those_above_only
        an_entry_of_what_was_removed_is_still_seen_from_above
        a_page_goes_on_where_the_one_before_ended
        a_filter_shows_what_fits_all_of_it
        a_place_of_the_chain_that_is_kept_is_found_again;
    retention:
        only_old_finished_messages_are_pruned
        receipt_ids_and_early_receipts_go_when_their_time_is_past
        texts_of_messages_that_ended_before_are_erased
        inbound_messages_are_taken;
    files:
        a_backup_opens_as_a_store_of_one_moment
        a_backup_overwrites_nothing
        closing_writes_what_waits_and_refuses_what_comes
        dropping_the_store_writes_what_waits;
}
