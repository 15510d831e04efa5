//! The suite on PostgreSQL.

use crate::book::on_postgres;
use crate::{append, durable, race, reading, receipts};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_streams_at_once() {
    on_postgres(append::several_streams_at_once).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_a_command_that_fails() {
    on_postgres(append::nothing_of_a_command_that_fails).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_sees_what_it_recorded() {
    on_postgres(append::a_session_sees_what_it_recorded).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_only_read_is_checked() {
    on_postgres(append::a_stream_only_read_is_checked).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_must_not_exist_is_checked() {
    on_postgres(append::a_stream_that_must_not_exist_is_checked).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_refusal_is_decided_again() {
    on_postgres(append::a_stale_refusal_is_decided_again).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_and_columns_survive() {
    on_postgres(append::bytes_and_columns_survive).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_are_refused() {
    on_postgres(append::limits_are_refused).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_winner_per_version() {
    on_postgres(race::one_winner_per_version).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_is_decided_in_the_end() {
    on_postgres(race::everybody_is_decided_in_the_end).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tailing_reader_sees_no_gap() {
    on_postgres(race::a_tailing_reader_sees_no_gap).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neighbours_in_a_batch_are_unaffected() {
    on_postgres(race::neighbours_in_a_batch_are_unaffected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_hears_the_first_answer() {
    on_postgres(receipts::a_retry_hears_the_first_answer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_input_or_name_is_reuse() {
    on_postgres(receipts::another_input_or_name_is_reuse).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_is_stored() {
    on_postgres(receipts::a_refusal_is_stored).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_without_events_names_the_head() {
    on_postgres(receipts::a_command_without_events_names_the_head).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn duplicates_in_flight_are_replayed() {
    on_postgres(receipts::duplicates_in_flight_are_replayed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_writer_loses_nothing() {
    on_postgres(durable::a_killed_writer_loses_nothing).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reopening_keeps_everything() {
    on_postgres(durable::reopening_keeps_everything).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recorded_at_never_falls() {
    on_postgres(durable::recorded_at_never_falls).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_refuses_changes() {
    on_postgres(durable::the_database_refuses_changes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_schema_is_refused() {
    on_postgres(durable::a_newer_schema_is_refused).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_start_together() {
    on_postgres(durable::nodes_start_together).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_is_replaced() {
    on_postgres(durable::a_lost_connection_is_replaced).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_and_pages() {
    on_postgres(reading::filters_and_pages).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_of_a_kind() {
    on_postgres(reading::names_of_a_kind).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hints_of_new_positions() {
    on_postgres(reading::hints_of_new_positions).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_outcome_is_found_out_under_a_key() {
    on_postgres(durable::an_unknown_outcome_is_found_out_under_a_key).await;
}
