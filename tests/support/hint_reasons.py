"""Codes whose hint is not run by the test of hints, and why."""

from __future__ import annotations

from collections.abc import Mapping

# Hints without a command, of codes with a case: reason → codes.
NO_COMMAND: Mapping[str, tuple[str, ...]] = {
    "the first command is run again with another argument": (
        "bad-allow", "named-twice", "no-such-account", "unknown-column", "nobody-allowed", "team-differs",
        "nothing-imported",
    ),
    "a person installs Hermes in a place": ("place-no-hermes", "target-unfit"),
    "a person edits a file, or names a folder": (
        "name-clash", "unreadable", "unreadable-document", "unspeakable-path", "managed-ignored",
    ),
    "an administrator, or another user of the machine, does it": ("not-allowed", "sudo"),
    "the same command is run at another place": ("inside",),
    "a person looks for what could not be judged": ("not-searched", "secret-source-dropped"),
    "a person decides where secrets are kept": ("bitwarden", "secret-source", "shadowed"),
}  # fmt: skip
# Codes without any hint: reason → codes.
NO_HINT: Mapping[str, tuple[str, ...]] = {
    "a note about what was done or kept; nothing is left to do": (
        "approvals-kept", "bound-agent", "comment", "drop-in-carried", "drop-in-kept", "jobs-kept", "left-behind",
        "link-replaced", "moved-address", "parts", "recovered", "redacted", "restart-finished", "service-options",
        "left-out", "sticky-reset", "temporary",
    ),
    "a note about an entry of a foreign file that is ignored": (
        "bad-user", "listed-twice", "no-id", "older-file", "other-token", "outside-link",
    ),
    "a note of the demo about itself": ("demo", "leak"),
    "the user interrupted it": ("interrupted",),
    "the message is the answer of Hermes or of a manager": (
        "awake", "watch", "masked", "no-answer", "no-socket", "not-unloaded", "refused", "unsupported",
    ),
    "an error of this program or of a release of Hermes": ("unserved", "unsettled"),
}  # fmt: skip
# Codes that another test provokes, with their hint: code → file below tests/unit, and name of the test.
TRIED_ELSEWHERE: Mapping[str, str] = {
    "another-domain": "multiplex/test_fold.py::test_other_scope_blocks",
    "outside": "multiplex/test_fold.py::test_home_outside_the_root_blocks",
    "unknown-manager": "multiplex/test_fold.py::test_supervisord_is_unknown_to_hermes",
    "unheard-meanwhile": "multiplex/test_multiplex_busy_messages.py::test_many_members_are_one_issue",
    "channel-masked": "fleet/test_listening.py::test_masked_channel_says_why_and_what_helps",
    "mask-free": "doctor/test_cut_short.py::test_profile_that_can_take_over_is_named_when_the_owner_goes",
    "lock-folder": "fleet/test_start_guard.py::test_lock_folder_that_cannot_be_written_is_told_with_its_line",
    "lost-service": "cli/test_gateways_status.py::test_service_that_is_broken_while_its_gateway_runs_is_told",
    "not-served": "operations/test_adopting_host.py::test_wait_is_announced_and_ends",
    "waiting": "operations/test_adopting_host.py::test_wait_is_announced_and_ends",
    "whole-gateway": "cli/test_one_gateway_verbs.py::test_uninstall_of_the_server_asks_and_names_the_others",
    "not-started": "cli/test_gateways_profile_changes.py::test_manually_started_gateway_is_stopped_and_reported",
    "unfinished": "cli/test_team_mode_killed.py::test_killed_switch_to_multiplexer_is_recovered",
    "kept": "cli/test_team_mode.py::test_switch_back_keeps_user_changes",
    "left-over": "cli/test_team_login.py::test_killed_login_is_cleaned_up_by_next_command",
    "no-login": "cli/test_team_login.py::test_failed_login_changes_nothing",
    "no-pairing": "cli/test_team_login.py::test_pairing_under_multiplexer_is_warned_about",
    "no-setup": "cli/test_team_login.py::test_login_with_hermes_without_setup_is_error",
    "token-refused": "cli/test_connect_command.py::test_refused_token_is_not_written",
    "place-key": "cli/test_in_places.py::test_check_names_versions_and_faults_with_their_commands",
    "place-silent": "cli/test_in_places.py::test_silent_place_costs_its_own_row_and_exit_4",
    "newer-format": "archives/test_archive_format.py::test_newer_format_is_refused_with_the_command_that_helps",
    "no-age": "cli/test_archive_commands.py::test_missing_library_is_named_with_its_install_command",
    "claim-changed": "cli/test_kubernetes_place.py::test_claim_that_goes_while_it_is_read_is_free_for_the_next_run",
    "broken-stream": "moves/test_move_hints.py::test_stream_that_ends_early",
    "given-back": "moves/test_move_hints.py::test_move_that_another_command_took_back",
    "not-arriving": "moves/test_move_hints.py::test_files_that_are_gone_from_the_target",
    "not-moving": "moves/test_move_hints.py::test_profile_that_was_made_one_here_meanwhile",
    "not-handed-over": "moves/test_move_hints.py::test_commit_and_way_back_out_of_turn",
    "handed-over": "moves/test_move_hints.py::test_commit_and_way_back_out_of_turn",
    "taken-back": "moves/test_move_hints.py::test_move_that_the_target_gave_back",
    "not-committed": "moves/test_move_hints.py::test_copy_at_the_source_that_is_not_in_the_trash_yet",
    "move-taken-over": "moves/test_mover.py::test_second_command_takes_over_and_the_first_one_cannot_go_on",
    "too-large": "cli/test_archive_commands.py::test_hints_of_encrypted_files_lead_on",
    "locked": "cli/test_archive_commands.py::test_hints_of_encrypted_files_lead_on",
    "holds-identities": "cli/test_archive_commands.py::test_hints_of_encrypted_files_lead_on",
    "smoke-failed": "cli/test_place_smoke.py::test_fault_is_a_row_with_the_command_that_helps",
    "no-stateful-set": "cli/test_move_to_cluster.py::test_place_without_its_stateful_set_or_volume_is_refused",
    "pod-not-ready": "kubernetes/test_volume_hold.py::test_pod_that_does_not_start_has_its_reason",
    "starts-there": "cli/test_move_to_cluster.py::test_place_that_is_down_is_filled_by_the_loader",
    "claims-kept": "operations/test_move_cluster_end.py::test_claims_that_stay_are_named",
    "backup-failed": "cli/test_backup_commands.py::test_watcher_starts_the_daily_backup_and_keeps_its_result",
}
# Hints that need more than input.
NOT_RUN: Mapping[str, str] = {"no-terminal": "it needs a terminal"}
