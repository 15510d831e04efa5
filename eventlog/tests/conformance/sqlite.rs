//! The suite on SQLite.

use crate::book::on_sqlite;
use crate::{append, cache, cqrs, durable, immutable, import, race, reading, receipts, together, verify};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_streams_at_once() {
    on_sqlite(append::several_streams_at_once).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_a_command_that_fails() {
    on_sqlite(append::nothing_of_a_command_that_fails).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_sees_what_it_recorded() {
    on_sqlite(append::a_session_sees_what_it_recorded).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_only_read_is_checked() {
    on_sqlite(append::a_stream_only_read_is_checked).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_must_not_exist_is_checked() {
    on_sqlite(append::a_stream_that_must_not_exist_is_checked).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_refusal_is_decided_again() {
    on_sqlite(append::a_stale_refusal_is_decided_again).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_and_columns_survive() {
    on_sqlite(append::bytes_and_columns_survive).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_are_refused() {
    on_sqlite(append::limits_are_refused).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_winner_per_version() {
    on_sqlite(race::one_winner_per_version).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_is_decided_in_the_end() {
    on_sqlite(race::everybody_is_decided_in_the_end).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tailing_reader_sees_no_gap() {
    on_sqlite(race::a_tailing_reader_sees_no_gap).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neighbours_in_a_batch_are_unaffected() {
    on_sqlite(race::neighbours_in_a_batch_are_unaffected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_hears_the_first_answer() {
    on_sqlite(receipts::a_retry_hears_the_first_answer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_input_or_name_is_reuse() {
    on_sqlite(receipts::another_input_or_name_is_reuse).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_is_stored() {
    on_sqlite(receipts::a_refusal_is_stored).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_without_events_names_the_head() {
    on_sqlite(receipts::a_command_without_events_names_the_head).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn duplicates_in_flight_are_replayed() {
    on_sqlite(receipts::duplicates_in_flight_are_replayed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_writer_loses_nothing() {
    on_sqlite(durable::a_killed_writer_loses_nothing).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reopening_keeps_everything() {
    on_sqlite(durable::reopening_keeps_everything).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recorded_at_never_falls() {
    on_sqlite(durable::recorded_at_never_falls).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_refuses_changes() {
    on_sqlite(immutable::the_database_refuses_changes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_schema_is_refused() {
    on_sqlite(durable::a_newer_schema_is_refused).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_migrations_are_refused() {
    on_sqlite(durable::other_migrations_are_refused).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_start_together() {
    on_sqlite(durable::nodes_start_together).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_is_replaced() {
    on_sqlite(durable::a_lost_connection_is_replaced).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_and_pages() {
    on_sqlite(reading::filters_and_pages).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_of_a_kind() {
    on_sqlite(reading::names_of_a_kind).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_followed_is_what_is_read() {
    on_sqlite(reading::what_is_followed_is_what_is_read).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hints_of_new_positions() {
    on_sqlite(reading::hints_of_new_positions).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_runs() {
    on_sqlite(cqrs::the_example_runs).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_commit_is_a_conflict() {
    on_sqlite(cqrs::a_stale_commit_is_a_conflict).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metadata_is_kept_and_fills_the_envelope() {
    on_sqlite(cqrs::metadata_is_kept_and_fills_the_envelope).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn upcasters_of_cqrs_es_are_used() {
    on_sqlite(cqrs::upcasters_of_cqrs_es_are_used).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decider_of_ours_runs_under_the_framework() {
    on_sqlite(cqrs::a_decider_of_ours_runs_under_the_framework).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_holds() {
    on_sqlite(verify::a_log_holds).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verifies_beside_a_writer() {
    on_sqlite(verify::verifies_beside_a_writer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_observer_sees_what_holds() {
    on_sqlite(verify::an_observer_sees_what_holds).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alterations_are_found_where_they_are() {
    on_sqlite(verify::alterations_are_found_where_they_are).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_lost_events_is_written_on_where_it_stands() {
    on_sqlite(verify::a_log_that_lost_events_is_written_on_where_it_stands).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kept_digest_shows_that_a_receipt_is_gone() {
    on_sqlite(verify::a_kept_digest_shows_that_a_receipt_is_gone).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_may_not_come_twice() {
    on_sqlite(verify::an_id_may_not_come_twice).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_comes_once() {
    on_sqlite(import::everything_comes_once).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_import_goes_on() {
    on_sqlite(import::an_interrupted_import_goes_on).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn imported_aggregates_live_on() {
    on_sqlite(import::imported_aggregates_live_on).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn times_of_the_metadata_make_the_order() {
    on_sqlite(import::times_of_the_metadata_make_the_order).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_fit_is_named() {
    on_sqlite(import::what_does_not_fit_is_named).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_replaced() {
    on_sqlite(immutable::nothing_is_replaced).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_counts_only_when_it_fits() {
    on_sqlite(cache::a_snapshot_counts_only_when_it_fits).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_taken_for_fresh_is_found_out() {
    on_sqlite(cache::a_stream_taken_for_fresh_is_found_out).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_has_its_own_answer() {
    on_sqlite(together::each_has_its_own_answer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_is_its_own() {
    on_sqlite(together::a_refusal_is_its_own).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_known_key_is_replayed() {
    on_sqlite(together::a_known_key_is_replayed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_combine_lose_nothing() {
    on_sqlite(together::nodes_that_combine_lose_nothing).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_and_small_events_are_folded() {
    on_sqlite(together::large_and_small_events_are_folded).await;
}
