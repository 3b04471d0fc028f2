/* SPDX-License-Identifier: Apache-2.0 */
/* test_abi.c - the layout of every public plain struct, and numbers that leave the process.
 *
 * A program that was built against an older header hands over structs of these sizes. When a
 * line here fails, the change is an ABI change: new option fields go at the end of a struct that
 * begins with struct_size, anything else is breaking, and CHANGELOG.md says which. Two fields of
 * a struct are pinned with it, one of them the last, so that a swap is noticed too. The figures
 * are those of 64-bit Linux, the same on x86-64 and aarch64.
 */
#include "plimsoll/arena.h"
#include "plimsoll/backend.h"
#include "plimsoll/backend_plugin.h"
#include "plimsoll/black_box.h"
#include "plimsoll/budget.h"
#include "plimsoll/engine.h"
#include "plimsoll/episode.h"
#include "plimsoll/facts.h"
#include "plimsoll/headroom.h"
#include "plimsoll/heat.h"
#include "plimsoll/load.h"
#include "plimsoll/machine.h"
#include "plimsoll/plan.h"
#include "plimsoll/platform.h"
#include "plimsoll/policy.h"
#include "plimsoll/pressure.h"
#include "plimsoll/provider.h"
#include "plimsoll/recording.h"
#include "plimsoll/report.h"
#include "plimsoll/runtime.h"
#include "plimsoll/status.h"
#include "plimsoll/survey.h"
#include "plimsoll/telemetry.h"
#include "plimsoll/tensor.h"
#include "plimsoll/topology.h"
#include "test/support/cm.h"

typedef struct layout {
    const char *what;
    size_t found, wanted;
} layout;

#define SIZE(type, bytes)                                                                          \
    {                                                                                              \
#type, sizeof(type), (bytes)                                                               \
    }
#define AT(type, field, bytes)                                                                     \
    {                                                                                              \
#type "." #field, offsetof(type, field), (bytes)                                           \
    }

static const layout layouts[] = {
    SIZE(plim_holder, 48),
    AT(plim_holder, bytes, 40),
    SIZE(plim_error, 944),
    AT(plim_error, file, 48),
    AT(plim_error, holders, 576),
    AT(plim_error, remedy, 720),

    SIZE(plim_survey_container, 32),
    AT(plim_survey_container, bytes, 24),
    SIZE(plim_survey_feature, 512),
    AT(plim_survey_feature, pixels, 280),
    AT(plim_survey_feature, file, 320),
    SIZE(plim_survey_episode, 376),
    AT(plim_survey_episode, containers, 120),
    SIZE(plim_survey_info, 432),
    AT(plim_survey_info, shared, 176),
    SIZE(plim_survey_warning, 40),
    AT(plim_survey_warning, text, 32),
    SIZE(plim_survey_opts, 56),
    AT(plim_survey_opts, context, 48),

    SIZE(plim_node, 32),
    AT(plim_node, free_bytes, 24),
    SIZE(plim_topology, 2176),
    AT(plim_topology, nodes, 72),
    AT(plim_topology, source, 2144),
    SIZE(plim_topology_opts, 24),
    AT(plim_topology_opts, files_only, 16),
    SIZE(plim_page_places, 552),
    AT(plim_page_places, elsewhere_count, 544),

    SIZE(plim_pressure, 48),
    AT(plim_pressure, value, 8),
    SIZE(plim_rung, 176),
    AT(plim_rung, hold_ns, 120),
    AT(plim_rung, context, 168),
    SIZE(plim_pressure_opts, 72),
    AT(plim_pressure_opts, wake_fd, 28),
    AT(plim_pressure_opts, root, 64),
    SIZE(plim_rung_state, 128),
    AT(plim_rung_state, entered_ns, 64),
    AT(plim_rung_state, ns_worst, 120),
    SIZE(plim_pressure_state, 2672),
    AT(plim_pressure_state, acting_ns, 72),
    AT(plim_pressure_state, rungs, 624),

    SIZE(plim_provider_ops, 96),
    AT(plim_provider_ops, reserve, 40),
    AT(plim_provider_ops, resident, 80),
    AT(plim_provider_ops, commit_large, 88),
    SIZE(plim_provider, 8),
    SIZE(plim_segment_provider, 336),
    AT(plim_segment_provider, size_bytes, 112),
    AT(plim_segment_provider, maps, 144),
    SIZE(plim_large_provider, 120),
    AT(plim_large_provider, owner_pid, 112),
    SIZE(plim_recording_provider, 168),
    AT(plim_recording_provider, decommit_count, 128),
    AT(plim_recording_provider, committed_peak_bytes, 160),
    SIZE(plim_failing_provider, 136),
    AT(plim_failing_provider, calls, 112),
    AT(plim_failing_provider, keep_failing, 128),

    SIZE(plim_budget_opts, 40),
    AT(plim_budget_opts, fraction, 16),
    AT(plim_budget_opts, owner_limit, 32),
    SIZE(plim_account_row, 64),
    AT(plim_account_row, now_bytes, 40),
    AT(plim_account_row, at_peak_bytes, 56),
    SIZE(plim_account, 208),
    AT(plim_account, sealed_growth_count, 40),
    AT(plim_account, row_count, 200),

    SIZE(plim_arena_opts, 40),
    AT(plim_arena_opts, granule_bytes, 16),
    AT(plim_arena_opts, home, 32),
    SIZE(plim_region_opts, 104),
    AT(plim_region_opts, align_bytes, 32),
    AT(plim_region_opts, huge, 53),
    AT(plim_region_opts, yield, 64),
    AT(plim_region_opts, large_bytes, 88),
    AT(plim_region_opts, unit_bytes, 96),
    SIZE(plim_region_stats, 184),
    AT(plim_region_stats, used_peak_bytes, 64),
    AT(plim_region_stats, refusal_count, 128),
    AT(plim_region_stats, fragmentation, 152),
    AT(plim_region_stats, misuse_count, 168),
    AT(plim_region_stats, scan_count, 176),
    SIZE(plim_arena_stats, 72),
    AT(plim_arena_stats, sealed_growth_count, 40),
    AT(plim_arena_stats, seal, 64),

    SIZE(plim_headroom_opts, 56),
    AT(plim_headroom_opts, gpu_charged, 24),
    AT(plim_headroom_opts, pinned_bytes, 48),
    SIZE(plim_headroom_row, 160),
    AT(plim_headroom_row, bytes, 8),
    AT(plim_headroom_row, source, 64),
    SIZE(plim_headroom_wall, 112),
    AT(plim_headroom_wall, room_bytes, 8),
    AT(plim_headroom_wall, name, 16),
    SIZE(plim_headroom, 28368),
    AT(plim_headroom, contiguous_bytes, 24),
    AT(plim_headroom, rows, 2768),
    SIZE(plim_gpu_charge_opts, 40),
    AT(plim_gpu_charge_opts, is_pinned_host, 32),
    SIZE(plim_gpu_charge, 160),
    AT(plim_gpu_charge, how, 32),

    SIZE(plim_record_step, 32),
    AT(plim_record_step, align_bytes, 16),
    AT(plim_record_step, run_count, 28),
    SIZE(plim_record_loop, 24),
    AT(plim_record_loop, repeats, 8),
    AT(plim_record_loop, carried_bytes, 16),
    SIZE(plim_replay_miss, 40),
    AT(plim_replay_miss, reason, 20),
    AT(plim_replay_miss, asked_bytes, 32),
    SIZE(plim_replay_stats, 136),
    AT(plim_replay_stats, miss_by_reason, 32),
    AT(plim_replay_stats, is_on, 132),
    SIZE(plim_plan_buffer, 48),
    AT(plim_plan_buffer, size_bytes, 16),
    AT(plim_plan_buffer, is_fixed, 40),
    AT(plim_plan_buffer, stage, 44),
    SIZE(plim_plan_gap, 12),
    AT(plim_plan_gap, upper, 8),
    SIZE(plim_plan_pair, 8),
    AT(plim_plan_pair, output, 4),
    SIZE(plim_plan_region, 32),
    AT(plim_plan_region, verdict, 24),
    SIZE(plim_plan_problem, 80),
    AT(plim_plan_problem, stage_count, 72),
    SIZE(plim_plan_result, 40),
    AT(plim_plan_result, is_optimal, 16),
    AT(plim_plan_result, strategy, 32),
    SIZE(plim_plan_opts, 72),
    AT(plim_plan_opts, capacity_bytes, 8),
    AT(plim_plan_opts, worker_count, 64),

    SIZE(plim_load_item, 120),
    AT(plim_load_item, resident_by_tag, 48),
    SIZE(plim_load_step, 32),
    AT(plim_load_step, after_bytes, 24),
    SIZE(plim_load_plan, 56),
    AT(plim_load_plan, peak_step, 24),
    AT(plim_load_plan, deficit_bytes, 48),
    SIZE(plim_kv_cache, 40),
    AT(plim_kv_cache, head_dim, 16),
    AT(plim_kv_cache, element_bits, 32),

    SIZE(plim_tensor, 160),
    AT(plim_tensor, shape, 24),
    AT(plim_tensor, device, 156),
    SIZE(plim_output, 192),
    AT(plim_output, capacity_bytes, 16),
    AT(plim_output, tensor, 32),

    SIZE(plim_component, 156),
    AT(plim_component, confidence, 152),
    SIZE(plim_board_opts, 64),
    AT(plim_board_opts, out_component_count, 48),
    AT(plim_board_opts, with_gpu, 56),
    SIZE(plim_host, 360),
    AT(plim_host, tensorrt, 128),
    AT(plim_host, tensorrt_source, 168),
    AT(plim_host, multiprocessors_now, 172),
    AT(plim_host, power_mode_source, 248),
    AT(plim_host, power_mode_max_source, 352),
    SIZE(plim_process_memory, 136),
    AT(plim_process_memory, pss_shmem_bytes, 64),
    AT(plim_process_memory, shared_bytes, 128),
    SIZE(plim_system_memory, 104),
    AT(plim_system_memory, anon_bytes, 48),
    AT(plim_system_memory, nvmap_used_bytes, 96),
    SIZE(plim_cgroup_memory, 544),
    AT(plim_cgroup_memory, limit_bytes, 16),
    AT(plim_cgroup_memory, path, 28),

    SIZE(plim_engine_name, 120),
    AT(plim_engine_name, jetpack, 72),
    AT(plim_engine_name, precision, 104),
    SIZE(plim_card_range, 192),
    AT(plim_card_range, max, 128),
    SIZE(plim_card_tensor, 1616),
    AT(plim_card_tensor, dtype, 68),
    AT(plim_card_tensor, profiles, 80),
    SIZE(plim_card, 104288),
    AT(plim_card, load_extra_bytes, 368),
    AT(plim_card, gpu_name, 536),
    AT(plim_card, tensors, 864),
    SIZE(plim_section, 160),
    AT(plim_section, offset_bytes, 136),
    AT(plim_section, align_bytes, 152),
    SIZE(plim_chunk, 72),
    AT(plim_chunk, codec, 24),
    AT(plim_chunk, sha256, 36),
    SIZE(plim_pack_input, 48),
    AT(plim_pack_input, data, 24),
    AT(plim_pack_input, align_bytes, 40),
    SIZE(plim_pack_opts, 40),
    AT(plim_pack_opts, lz4_level, 16),
    AT(plim_pack_opts, progress_context, 32),
    SIZE(plim_pack_result, 64),
    AT(plim_pack_result, chunk_count, 16),
    AT(plim_pack_result, root, 32),
    SIZE(plim_load_opts, 64),
    AT(plim_load_opts, cancel, 32),
    AT(plim_load_opts, no_prefault, 57),
    SIZE(plim_load_stats, 176),
    AT(plim_load_stats, io_cpu_ns, 40),
    AT(plim_load_stats, path_reason, 76),

    SIZE(plim_backend_info, 568),
    AT(plim_backend_info, flags, 288),
    AT(plim_backend_info, absent_reason, 305),

    SIZE(plim_backend_host, 40),
    AT(plim_backend_host, alloc, 16),
    AT(plim_backend_host, log, 32),
    SIZE(plim_backend_source, 48),
    AT(plim_backend_source, payload_bytes, 24),
    AT(plim_backend_source, section_count, 40),
    SIZE(plim_backend_opts, 32),
    AT(plim_backend_opts, thread_count, 16),
    AT(plim_backend_opts, optimization_level, 24),
    SIZE(plim_backend_need, 24),
    AT(plim_backend_need, is_exact, 16),
    SIZE(plim_import_opts, 64),
    AT(plim_import_opts, thread_count, 28),
    AT(plim_import_opts, shape_count, 56),
    SIZE(plim_backend_ops, 112),
    AT(plim_backend_ops, run, 48),
    AT(plim_backend_ops, import_model, 96),
    AT(plim_backend_ops, artifact_flags, 104),

    SIZE(plim_feature, 184),
    AT(plim_feature, rank, 104),
    AT(plim_feature, has_files, 176),
    SIZE(plim_dataset_info, 11872),
    AT(plim_dataset_info, episode_count, 64),
    AT(plim_dataset_info, warning_count, 11864),
    SIZE(plim_episode_size, 72),
    AT(plim_episode_size, disk_bytes, 16),
    AT(plim_episode_size, container_bytes, 64),
    SIZE(plim_episode_opts, 40),
    AT(plim_episode_opts, arena, 16),
    AT(plim_episode_opts, video_plugin, 32),
    SIZE(plim_episode_stats, 96),
    AT(plim_episode_stats, video_now_bytes, 48),
    AT(plim_episode_stats, table_bytes, 88),

    SIZE(plim_box_sample, 96),
    AT(plim_box_sample, refusal_count, 88),
    SIZE(plim_box_telemetry, 184),
    AT(plim_box_telemetry, hottest, 16),
    AT(plim_box_telemetry, hottest_zone, 160),
    SIZE(plim_box_refusal, 560),
    AT(plim_box_refusal, what, 96),
    AT(plim_box_refusal, holders, 416),
    SIZE(plim_box_record, 2072),
    AT(plim_box_record, as, 24),
    SIZE(plim_box_facts, 328),
    AT(plim_box_facts, cap_bytes, 256),
    AT(plim_box_facts, written_count, 320),
    SIZE(plim_box_reader, 1376),
    AT(plim_box_reader, account, 328),
    AT(plim_box_reader, private_words, 1312),

    SIZE(plim_runtime_opts, 192),
    AT(plim_runtime_opts, seal, 80),
    AT(plim_runtime_opts, sysroot, 112),
    AT(plim_runtime_opts, black_box_bytes, 136),
    AT(plim_runtime_opts, telemetry_period_ms, 144),
    AT(plim_runtime_opts, transition_context, 176),
    AT(plim_runtime_opts, headroom, 184),
    SIZE(plim_engine_spec, 184),
    AT(plim_engine_spec, prepack, 44),
    AT(plim_engine_spec, load, 88),
    SIZE(plim_thermal, 64),
    AT(plim_thermal, hottest_celsius, 8),
    AT(plim_thermal, age_ns, 56),
    SIZE(plim_engine_stats, 312),
    AT(plim_engine_stats, run_ns_total, 232),
    AT(plim_engine_stats, activation_live_peak_bytes, 304),

    SIZE(plim_reading, 32),
    AT(plim_reading, state, 24),
    SIZE(plim_telemetry_row, 56),
    SIZE(plim_telemetry_clock, 120),
    SIZE(plim_telemetry_sample, 5920),
    AT(plim_telemetry_sample, list, 96),
    AT(plim_telemetry_sample, clocks, 4480),
    SIZE(plim_transition, 72),
    AT(plim_transition, name, 48),
    SIZE(plim_telemetry_opts, 72),
    AT(plim_telemetry_opts, context, 64),
    SIZE(plim_telemetry_hook, 56),
    AT(plim_telemetry_hook, fd_count, 48),

    SIZE(plim_fact, 192),
    AT(plim_fact, confidence, 184),

    SIZE(plim_slice, 16),
    AT(plim_slice, bytes, 8),
    SIZE(plim_policy, 584),
    AT(plim_policy, texts, 8),
    SIZE(plim_rule, 536),
    AT(plim_rule, line, 528),
    SIZE(plim_board_info, 280),
    AT(plim_board_info, line, 272),
    SIZE(plim_soc_info, 136),
    AT(plim_soc_info, line, 128),
    SIZE(plim_release_info, 168),
    AT(plim_release_info, line, 160),
    SIZE(plim_dtype_info, 240),
    AT(plim_dtype_info, line, 232),
    SIZE(plim_policy_entry, 544),
    AT(plim_policy_entry, as, 8),
    SIZE(plim_policy_cursor, 16),
    AT(plim_policy_cursor, at, 8),
    SIZE(plim_dtype_choice, 528),
    AT(plim_dtype_choice, source, 365),
    SIZE(plim_policy_finding, 56),
    AT(plim_policy_finding, line, 48),

    SIZE(plim_machine_row, 88),
    AT(plim_machine_row, peak_bytes, 80),
    SIZE(plim_machine_peer, 64),
    SIZE(plim_heat_clock, 48),
    AT(plim_heat_clock, max_hz, 40),
    SIZE(plim_heat, 680),
    AT(plim_heat, clock_count, 96),
    AT(plim_heat, clocks, 104),
    SIZE(plim_machine, 24712),
    AT(plim_machine, account, 200),
    AT(plim_machine, rows, 1504),
    AT(plim_machine, heat, 24032),
    SIZE(plim_machine_opts, 56),
    AT(plim_machine_opts, with_gpu, 48),
    SIZE(plim_report_row, 96),
    AT(plim_report_row, peak_bytes, 72),
    AT(plim_report_row, known, 88),
    SIZE(plim_report, 25568),
    AT(plim_report, cgroup, 424),
    AT(plim_report, rows, 992),
    SIZE(plim_report_text_opts, 16),
    AT(plim_report_text_opts, si_units, 13),
};

static void every_public_struct_has_its_pinned_layout(void **state)
{
    (void)state;
    unsigned wrong = 0;
    if (sizeof(void *) != 8 || sizeof(size_t) != 8) {
        skip_because("pinned for 64-bit systems");
    }
    for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
        const layout *l = &layouts[i];
        if (l->found != l->wanted) {
            print_error("%s: pinned at %zu, is %zu\n", l->what, l->wanted, l->found);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

/* Tags are published in the account, dtypes in cards by name, statuses to every caller. */
static void published_numbers_stay_what_they_are(void **state)
{
    (void)state;
    assert_int_equal(PLIM_TAG_WEIGHTS, 0);
    assert_int_equal(PLIM_TAG_LOAD_WINDOW, 4);
    assert_int_equal(PLIM_TAG_OTHER, 8);
    assert_int_equal(PLIM_TAG_COUNT, 9);
    assert_int_equal(PLIM_E_BUDGET, 4);
    assert_int_equal(PLIM_E_NOMEM, 5);
    assert_int_equal(PLIM_E_FRAG, 6);
    assert_int_equal(PLIM_E_RESIDENT, 17);
    assert_string_equal(plim_status_name((plim_status)18), "E_?");
    assert_int_equal(PLIM_F32, 1);
    assert_int_equal(PLIM_I4, 14);
    assert_int_equal(PLIM_F4E2M1, 18);
    assert_int_equal(plim_dtype_bits((plim_dtype)19), 0);
    assert_int_equal(PLIM_MEMORY_DEVICE, 5);
    assert_int_equal(PLIM_SECTION_WEIGHTS, 2);
    assert_int_equal(PLIM_CODEC_LZ4, 1);
    assert_int_equal(PLIM_PROVIDER_ABI, 1);
    assert_int_equal(PLIM_PRESSURE_EVENTS, 4);
    assert_int_equal(PLIM_RUNG_REFUSE_ADMISSIONS, 4);
    assert_int_equal(PLIM_RUNG_KINDS, 5); /* a kind that ends a process is not among them */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_public_struct_has_its_pinned_layout),
        cmocka_unit_test(published_numbers_stay_what_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
