"""Cases of the test of hints about places, moves, clusters, archives and backups."""

from __future__ import annotations

from finding_hints import TELEGRAM
from hint_case import HintCase
from hint_worlds_archives import (
    a_backup_of_a_damaged_database,
    a_damaged_database,
    a_key_that_is_new,
    a_link_that_stays_behind,
    archive_of_zstd,
    archive_that_leads_out,
    folder_with_a_blank,
    no_zstd,
)
from hint_worlds_moves import (
    a_file_that_cannot_be_read,
    a_gateway_of_the_place_that_is_down,
    a_gateway_that_is_unclear,
    a_gateway_that_serves_others,
    a_hermes_that_is_too_old,
    a_move_to_another_place,
    a_service_of_the_system,
    a_target_on_a_share,
    a_target_without_hermes,
    a_team_that_would_part,
    copy_of_a_profile_that_moved,
    damaged_placements,
    default_and_a_cluster,
    default_and_a_place,
    default_that_others_need,
    handed_over_to_a_lost_place,
    link_into_default,
    link_out_of_the_home,
    member_of_a_team_of_default,
    old_copy_of_a_profile,
    one_bot_in_two_places,
    profile_that_is_arriving,
    profile_that_is_leaving,
    two_homes_that_are_one,
)
from hint_worlds_places import (
    a_clock_that_is_wrong,
    a_host_without_hermes,
    a_root_on_a_share,
    bot_of_another_place,
    damaged_key_of_the_fleet,
    file_for_the_folder,
    group_of_one,
    host_of_another_fleet,
    host_of_another_version,
    host_that_is_years_old,
    host_that_prints_more,
    host_without_ssh,
    host_without_the_program,
    loader_of_another_move,
    rights_that_are_missing,
    services_that_end_with_the_session_there,
    two_replicas,
    zone_without_a_name,
)

OTHER_BOT = TELEGRAM.replace("7000000002", "7000000004")
DIGEST = "a" * 64
IMAGE = f"registry.example.org/hermes:1@sha256:{DIGEST}"
OFFICIAL = f"nousresearch/hermes-agent:v1@sha256:{DIGEST}"
MOVE = "hermes-gateways move work --to vps --dry-run"
DEFAULT_AS_ADA = "hermes-gateways move default --to vps --as ada --dry-run"
RENDER = "hermes-gateways render kubernetes --output out --dry-run"
CHECK = "hermes-gateways place check vps"
PLACE_CASES: tuple[HintCase, ...] = (
    # moves
    HintCase("bad-placements", "hermes-gateways status", damaged_placements, names={"PLACE": "vps"}),
    HintCase("not-moved", "hermes-gateways move work --source-is-dead work"),
    HintCase("not-moved", "hermes-gateways move nobody --source-is-dead nobody"),
    HintCase("bot-elsewhere", MOVE, one_bot_in_two_places, answer=f"TELEGRAM_BOT_TOKEN={OTHER_BOT}\n",
             names={"CHANNEL": "telegram"}),
    HintCase("links-out", MOVE, link_out_of_the_home),
    HintCase("links-in", DEFAULT_AS_ADA, link_into_default),
    HintCase("default-profile", "hermes-gateways move default --to vps --dry-run", default_and_a_place,
             names={"NAME": "ada"}),
    HintCase("default-profile", DEFAULT_AS_ADA, told=default_and_a_cluster, names={"IMAGE": IMAGE, "DIR": "deploy"}),
    HintCase("stays-in-root", DEFAULT_AS_ADA, default_that_others_need),
    HintCase("logins-leave", DEFAULT_AS_ADA, default_that_others_need, names={"PROVIDER": "nous"}),
    HintCase("source-path", DEFAULT_AS_ADA, default_that_others_need, names={"PATH": "/srv"}),
    HintCase("team-apart", "hermes-gateways move ann --to vps --dry-run", member_of_a_team_of_default),
    HintCase("team-apart", MOVE, told=a_team_that_would_part),
    HintCase("move-unfinished", MOVE, told=a_move_to_another_place),
    HintCase("move-unclear", "hermes-gateways move work --take-back", handed_over_to_a_lost_place),
    HintCase("moved", "hermes-profiles repair work --dry-run", copy_of_a_profile_that_moved),
    HintCase("moved", "hermes-profiles repair work --dry-run", profile_that_is_leaving),
    HintCase("moved", "hermes-profiles repair work --dry-run", profile_that_is_arriving),
    HintCase("moved", "hermes-profiles repair work --dry-run", old_copy_of_a_profile),
    HintCase("older-hermes", MOVE, told=a_hermes_that_is_too_old),
    HintCase("target-unfit", MOVE, told=a_target_on_a_share),
    HintCase("target-unfit", MOVE, told=a_target_without_hermes),
    HintCase("unreadable-file", MOVE, told=a_file_that_cannot_be_read),
    HintCase("foreign-manager", MOVE, told=a_service_of_the_system),
    HintCase("unclear-gateway", MOVE, told=a_gateway_that_is_unclear),
    HintCase("serves-others", MOVE, told=a_gateway_that_serves_others),
    HintCase("no-server", MOVE, told=a_gateway_of_the_place_that_is_down),
    HintCase("name-clash", "hermes-gateways install", told=two_homes_that_are_one),
    # places
    HintCase("bad-answer", CHECK, host_that_prints_more),
    HintCase("place-version", CHECK, host_of_another_version),
    HintCase("other-version-there", CHECK, host_that_is_years_old),
    HintCase("no-program-there", CHECK, host_without_the_program),
    HintCase("no-client", CHECK, host_without_ssh),
    HintCase("bad-fleet-key", CHECK, damaged_key_of_the_fleet),
    HintCase("other-fleet", "hermes-gateways place add three --ssh three", host_of_another_fleet),
    HintCase("place-clock", CHECK, told=a_clock_that_is_wrong),
    HintCase("place-file-system", CHECK, told=a_root_on_a_share),
    HintCase("place-linger", CHECK, told=services_that_end_with_the_session_there),
    HintCase("place-no-hermes", CHECK, told=a_host_without_hermes),
    HintCase("place-replicas", "hermes-gateways place check prod", two_replicas),
    HintCase("place-loader", "hermes-gateways place check prod", loader_of_another_move),
    HintCase("loader-in-use", "hermes-gateways start --place prod", loader_of_another_move),
    HintCase("cluster-refused", "hermes-gateways stop --place prod", rights_that_are_missing),
    HintCase("claimed-elsewhere", "hermes-gateways place claim prod", bot_of_another_place),
    # files of a pod
    HintCase("image-without-hermes-profiles", f"{RENDER} --image {OFFICIAL}", names={"NAME": IMAGE}),
    HintCase("image-without-digest", f"{RENDER} --image registry.example.org/hermes:1", names={"DIGEST": DIGEST}),
    HintCase("image-without-digest", f"{RENDER} --image {IMAGE} --from nousresearch/hermes-agent:v1",
             names={"DIGEST": DIGEST}),
    HintCase("large-pod", f"{RENDER} --image {IMAGE} --memory 16Gi", group_of_one, names={"GROUP": "small"}),
    HintCase("not-a-folder", f"{RENDER} --image {IMAGE}", file_for_the_folder, names={"DIR": "deploy"}),
    HintCase("unknown-time-zone", f"{RENDER} --image {IMAGE}", patch=zone_without_a_name),
    # archives and backups
    HintCase("bad-archive", "hermes-profiles import work.tar.gz", archive_that_leads_out),
    HintCase("no-zstd", "hermes-profiles export work -o work.tar.zst", patch=no_zstd),
    HintCase("no-zstd", "hermes-profiles import work.tar.zst --as kid", archive_of_zstd, patch=no_zstd),
    HintCase("no-such-file", "hermes-profiles import 'my files/work.tar.zst'", folder_with_a_blank),
    HintCase("no-such-backup", "hermes-profiles backup verify nobody"),
    HintCase("database", "hermes-profiles backup create work", told=a_damaged_database),
    HintCase("database", "hermes-profiles backup verify", told=a_backup_of_a_damaged_database),
    HintCase("new-key", "hermes-profiles backup create work", told=a_key_that_is_new),
    HintCase("link-out", "hermes-profiles export work --with-identities", told=a_link_that_stays_behind),
)  # fmt: skip
