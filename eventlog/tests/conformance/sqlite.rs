//! The suite on SQLite.

use crate::book::on_sqlite;
use crate::{append, durable, race, reading, receipts};

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
    on_sqlite(durable::the_database_refuses_changes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_schema_is_refused() {
    on_sqlite(durable::a_newer_schema_is_refused).await;
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
async fn hints_of_new_positions() {
    on_sqlite(reading::hints_of_new_positions).await;
}
