//! The suite on PostgreSQL.

use crate::book::on_postgres;
use crate::{folding, letters, processes, reading, rebuilding, upcasts};

#[tokio::test(flavor = "multi_thread")]
async fn rows_equal_the_naive_fold_at_every_checkpoint() {
    for case in folding::cases() {
        on_postgres(async |book| folding::rows_equal_the_naive_fold_at_every_checkpoint(book, case).await).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redelivery_and_late_writers_change_nothing() {
    on_postgres(folding::redelivery_and_late_writers_change_nothing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_parks_its_key_and_nothing_else() {
    on_postgres(folding::a_poison_parks_its_key_and_nothing_else).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_of_money_halts_before_a_poison() {
    on_postgres(folding::a_model_of_money_halts_before_a_poison).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_event_halts_every_model() {
    on_postgres(folding::an_unreadable_event_halts_every_model).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_is_built_beside_and_takes_over() {
    on_postgres(folding::a_new_version_is_built_beside_and_takes_over).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watched_row_moves_with_the_log_without_any_projector() {
    on_postgres(reading::a_watched_row_moves_with_the_log_without_any_projector).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_may_ask_for_more_than_one_statement_takes() {
    on_postgres(processes::a_page_may_ask_for_more_than_one_statement_takes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_is_fresh_without_any_projector() {
    on_postgres(reading::a_row_is_fresh_without_any_projector).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_ends_with_the_position_or_says_lagging() {
    on_postgres(reading::a_wait_ends_with_the_position_or_says_lagging).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_follow_the_log() {
    on_postgres(reading::workers_follow_the_log).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_views_are_rebuilt() {
    on_postgres(reading::deleted_views_are_rebuilt).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_readers_at_once_get_a_row_each() {
    on_postgres(reading::many_readers_at_once_get_a_row_each).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_passed_is_told_at_once_and_stored_soon() {
    on_postgres(reading::what_is_passed_is_told_at_once_and_stored_soon).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_has_an_index_in_its_order() {
    on_postgres(reading::a_list_has_an_index_in_its_order).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_neither_skip_nor_repeat_under_inserts() {
    on_postgres(reading::pages_neither_skip_nor_repeat_under_inserts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_keep_their_limits() {
    on_postgres(reading::pages_keep_their_limits).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_compare_typed_columns() {
    on_postgres(reading::filters_compare_typed_columns).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_found_by_any_part_of_it() {
    on_postgres(reading::a_text_is_found_by_any_part_of_it).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_happens_in_a_fixed_order_by_hand() {
    on_postgres(processes::everything_happens_in_a_fixed_order_by_hand).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_repeated_changes_nothing() {
    on_postgres(processes::what_is_repeated_changes_nothing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_happen_once() {
    on_postgres(processes::many_at_once_happen_once).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_repeated_then_parked() {
    on_postgres(processes::calls_are_repeated_then_parked).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_cannot_work_is_parked() {
    on_postgres(processes::a_command_that_cannot_work_is_parked).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_event_stops_the_process_before_it() {
    on_postgres(processes::an_unreadable_event_stops_the_process_before_it).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_background_comes_to_rest() {
    on_postgres(processes::the_background_comes_to_rest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runtimes_share_without_doubling() {
    on_postgres(processes::two_runtimes_share_without_doubling).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_that_is_killed_anywhere_doubles_nothing() {
    on_postgres(processes::a_runtime_that_is_killed_anywhere_doubles_nothing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_position_may_be_any_number_of_events() {
    on_postgres(upcasts::one_position_may_be_any_number_of_events).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_is_fresh_with_events_of_older_shapes() {
    on_postgres(upcasts::a_row_is_fresh_with_events_of_older_shapes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_parks_its_whole_position() {
    on_postgres(upcasts::a_poison_parks_its_whole_position).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shape_without_a_path_halts_and_refuses() {
    on_postgres(upcasts::a_shape_without_a_path_halts_and_refuses).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reactions_are_numbered_through_a_position() {
    on_postgres(processes::reactions_are_numbered_through_a_position).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_during_live_writes_ends_equal() {
    on_postgres(rebuilding::a_rebuild_during_live_writes_ends_equal).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_that_is_killed_anywhere_goes_on() {
    on_postgres(rebuilding::a_rebuild_that_is_killed_anywhere_goes_on).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_row_is_named_and_mended() {
    on_postgres(rebuilding::a_damaged_row_is_named_and_mended).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_changes_nothing() {
    on_postgres(rebuilding::a_dry_run_changes_nothing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cursors_survive_a_rebuild() {
    on_postgres(rebuilding::cursors_survive_a_rebuild).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_without_readers_is_built_at_once() {
    on_postgres(rebuilding::a_model_without_readers_is_built_at_once).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_halts_where_the_model_does() {
    on_postgres(rebuilding::a_rebuild_halts_where_the_model_does).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_skipped_is_left_out_of_every_rebuild() {
    on_postgres(letters::what_is_skipped_is_left_out_of_every_rebuild).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_resolved_leaves_all_that_waits_out() {
    on_postgres(letters::what_is_resolved_leaves_all_that_waits_out).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_halted_model_is_a_letter_too() {
    on_postgres(letters::a_halted_model_is_a_letter_too).await;
}
