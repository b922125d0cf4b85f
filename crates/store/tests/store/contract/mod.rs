//! What every store must do, one function per sentence, whatever stands behind the trait.

pub mod accepting;
pub mod alerts;
pub mod auditing;
pub mod directory;
pub mod erasing;
pub mod figures;
pub mod files;
pub mod guard;
pub mod inbound;
pub mod lists;
pub mod opt_outs;
pub mod outcomes;
pub mod passcodes;
pub mod people;
pub mod receipts;
pub mod retention;
pub mod sealing;
pub mod webhooks;

use smallvec::{SmallVec, smallvec};
use std::path::Path;
use std::sync::Arc;
use textgate_sms::*;
use textgate_store::*;

/// Where a contract test gets its stores.
pub trait Stores: Sync {
    /// Opens the store; after [`Store::close`], again with the same data.
    fn open(&self) -> Arc<dyn Store>;
    /// A folder for backups.
    fn folder(&self) -> &Path;
    /// Opens a backup.
    fn open_backup(&self, path: &Path) -> Arc<dyn Store>;
    /// Messages are pruned in steps of so much time (ms).
    fn prunes_in_steps_of(&self) -> u64 {
        1
    }
}

/// Makes a test of each sentence of the contract that every store keeps, on the stores that `$stores` makes. Where it makes none, the
/// test leaves itself out.
macro_rules! every_store_keeps {
    ($stores:expr) => {
        $crate::contract::keeps! { $stores;
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
            passcodes:
                a_passcode_is_there_with_its_message_and_neither_without_the_other
                the_same_request_under_one_key_is_one_passcode
                the_right_code_is_approved_once_and_then_nothing_is_known_of_it
                wrong_codes_end_a_passcode_and_the_right_one_comes_too_late
                of_many_checks_at_once_one_is_approved_and_no_more_than_allowed_are_tried
                a_passcode_whose_time_is_over_is_expired_whatever_is_asked
                a_cancelled_passcode_approves_nothing
                a_code_goes_again_after_its_pause_and_both_messages_say_so
                a_code_goes_again_by_itself_once_and_no_pause_holds_it_up
                passcodes_are_listed_by_number_and_state_the_newest_first
                what_is_pending_is_found_by_the_end_of_its_time
                passcodes_whose_time_is_over_lose_their_seeds_and_go_after_a_week
                settings_and_templates_of_passcodes_are_part_of_the_directory;
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
                who_paid_to_write_to_a_number_is_found_the_newest_first
                a_rare_state_is_found_at_once_behind_a_long_history;
            figures:
                figures_add_up_by_minute_hour_and_day_and_are_there_after_reopening
                figures_are_told_apart_by_virtual_server_gateway_and_what_is_below
                figures_past_their_time_go_and_the_coarser_stay;
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
            guard:
                blocked_ranges_are_kept_replaced_and_forgotten
                the_guards_rules_are_part_of_the_directory
                a_removed_virtual_server_takes_its_guard_along;
            retention:
                only_old_finished_messages_are_pruned
                receipt_ids_and_early_receipts_go_when_their_time_is_past
                texts_of_messages_that_ended_before_are_erased;
            inbound:
                what_a_phone_sent_is_there_once_after_reopening
                what_a_provider_calls_by_one_name_is_one_message
                a_message_is_unheard_until_it_was_heard
                messages_of_phones_are_listed_by_virtual_server_and_phone
                parts_come_together_in_whatever_order
                a_part_that_comes_again_is_no_other_message
                a_reference_that_is_used_again_is_another_message
                what_never_becomes_whole_is_passed_on_after_a_while
                what_was_not_put_together_is_found_again
                of_parts_that_come_at_the_same_time_one_completes_the_message
                old_messages_of_phones_and_used_parts_go
                rules_for_messages_of_phones_are_part_of_the_directory;
            sealing:
                what_is_sealed_under_other_keys_is_found_page_by_page
                what_is_sealed_anew_is_there_after_reopening
                what_changed_meanwhile_is_not_put_back
                many_are_gone_through_in_bounded_steps
                the_key_file_that_a_store_was_made_with_is_known_by_its_mark;
            erasing:
                finished_messages_to_a_number_go_with_all_that_belongs_to_them
                what_else_is_kept_of_a_number_goes_and_its_opt_out_stays;
            alerts:
                an_alert_is_there_as_it_was_raised_after_reopening
                an_alert_of_a_key_that_is_open_and_recent_is_counted
                an_alert_takes_each_step_once_and_in_order
                alerts_are_listed_by_virtual_server_state_and_code
                old_alerts_are_pruned
                what_is_set_for_alerts_is_in_the_directory;
            opt_outs:
                an_opt_out_holds_until_it_is_ended_and_both_are_in_the_log
                opt_outs_of_senders_end_each_or_all
                opt_outs_are_of_one_virtual_server_and_listed_page_by_page
                of_many_opt_outs_at_once_one_is_new_and_no_number_is_given_twice
                how_opt_outs_are_heeded_is_in_the_directory_and_goes_with_its_virtual_server;
            webhooks:
                an_endpoint_is_owed_each_change_after_reopening_too
                a_state_that_is_already_final_owes_nothing
                an_endpoint_is_owed_what_a_phone_sent_once
                an_endpoint_is_owed_what_happens_to_alerts
                what_was_delivered_is_owed_no_more_and_can_be_owed_again
                what_an_endpoint_has_stays_delivered_whatever_comes_late
                the_bell_tells_for_whom_a_commit_brought_something
                a_number_of_an_endpoint_is_never_used_twice
                an_endpoint_goes_with_its_virtual_server
                events_go_with_history_and_with_their_endpoint;
            files:
                closing_writes_what_waits_and_refuses_what_comes
                dropping_the_store_writes_what_waits;
        }
    };
}
pub(crate) use every_store_keeps;

/// One test for each of these sentences.
macro_rules! keeps {
    ($stores:expr; $($module:ident: $($sentence:ident)+;)+) => {$($(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $sentence() {
            if let Some(stores) = $stores {
                $crate::contract::$module::$sentence(&stores).await;
            }
        }
    )+)+};
}
pub(crate) use keeps;

/// Closes the store and opens it again: what is still there is on disk.
pub async fn reopen(stores: &impl Stores, store: Arc<dyn Store>) -> Arc<dyn Store> {
    store.close().await.unwrap();
    drop(store);
    stores.open()
}

/// A moment, in milliseconds of Unix time.
pub const T: i64 = 1_800_000_000_000;
pub const VS: VsId = VsId(2);
pub const GATEWAY: GatewayId = GatewayId(1);

/// The `n`th id of a test: accepted at `T + n` ms.
pub fn id(n: u64) -> MessageId {
    MessageId::from_u64(MessageId::first_at(T).as_u64() + (n << 21))
}

pub fn number(n: u64) -> PhoneNumber {
    PhoneNumber::from_u64(15_550_100_000 + n).unwrap()
}

/// A message of one segment that nobody pays for.
pub fn message(n: u64) -> NewMessage {
    NewMessage {
        id: id(n),
        vs: VS,
        to: number(n),
        kind: Kind::Otp,
        sealed_text: format!("sealed text of message {n:06}").into_bytes(),
        sender: Some("Acme".into()),
        flash: Some(true),
        overwrite: Some(3),
        reference: Some(format!("reference {n}").into()),
        segments: 1,
        encoding: "gsm7".into(),
        due_ms: None,
        expires_ms: T + 300_000,
        idempotency: None,
        payers: smallvec![],
        resend_of: None,
        passcode: None,
    }
}

pub fn transition(to: MessageState) -> Transition {
    Transition { to, at_ms: T + 50, reason: "a reason".into(), erase_text: false, refund: false }
}

/// An attempt that was taken, under these ids, and the change to `sent`.
pub fn sent(n: u64, ids: &[&str]) -> Finished {
    let ids: SmallVec<[Box<str>; 1]> = ids.iter().map(|id| Box::from(*id)).collect();
    Finished {
        id: id(n),
        attempt: Some(attempt(OutcomeClass::Sent, &ids)),
        receipt_ids: ids,
        transition: Some(transition(MessageState::Sent)),
    }
}

pub fn attempt(class: OutcomeClass, ids: &[Box<str>]) -> Event {
    Event::Attempt {
        at_ms: T + 40,
        took_ms: 9,
        gateway: GATEWAY,
        class,
        detail: "ESME_ROK".into(),
        provider_ids: ids.iter().cloned().collect(),
    }
}

/// Only a change of state.
pub fn moved(n: u64, transition: Transition) -> Finished {
    Finished { id: id(n), attempt: None, receipt_ids: smallvec![], transition: Some(transition) }
}

pub fn receipt(candidates: &[&str], state: ReceiptState) -> ReceiptRecord {
    ReceiptRecord {
        gateway: GATEWAY,
        candidates: candidates.iter().map(|id| Box::from(*id)).collect(),
        number: None,
        state,
        error: None,
        at_ms: T + 60,
    }
}

pub async fn accept_one(store: &Arc<dyn Store>, message: NewMessage) -> Accepted {
    store.accept(vec![message]).await.unwrap().remove(0)
}

pub async fn read(store: &Arc<dyn Store>, n: u64) -> StoredMessage {
    store.message(VS, id(n)).await.unwrap().unwrap()
}

pub async fn state(store: &Arc<dyn Store>, n: u64) -> MessageState {
    read(store, n).await.state
}

/// Makes virtual server 2 below the root, and 3 below that.
pub async fn tenants(store: &Arc<dyn Store>) {
    let changes = vec![
        Change::AddVirtualServer { id: VsId(2), parent: VsId::ROOT, name: "acme".into() },
        Change::AddVirtualServer { id: VsId(3), parent: VsId(2), name: "sales".into() },
    ];
    store.change("test".into(), T, changes).await.unwrap();
}

pub async fn allocate(store: &Arc<dyn Store>, vs: VsId, total: u64) {
    let change = Change::Allocate { vs, allocation: Allocation::Total(total), note: "test".into() };
    store.change("test".into(), T, vec![change]).await.unwrap();
}

/// The newest entries of the audit log.
pub async fn audit(store: &Arc<dyn Store>, limit: usize) -> Vec<AuditEntry> {
    store.audit(AuditFilter::default(), None, limit).await.unwrap().entries
}
