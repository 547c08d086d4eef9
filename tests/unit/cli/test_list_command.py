"""list and show: every profile once, no unrelated file read, broken profiles as warnings."""

from __future__ import annotations

import os

import pytest
from command_root import CommandRoot


def test_list_names_prints_default_first_one_per_line(world: CommandRoot) -> None:
    for name in ("zeta", "a-1", "b_2"):
        world.make(name, {".env": ""})
    assert world.ok("list", "--names").stdout == "default\na-1\nb_2\nzeta\n"


def test_folders_hermes_ignores_are_not_listed(world: CommandRoot) -> None:
    for name in ("Upper", ".hidden", "with space", "x" * 65, "-dash", "ok"):
        world.make(name, {".env": ""})
    (world.root / "profiles" / "file").write_text("")
    world.ok("create", "other")  # creates the state folder
    assert world.names() == ["default", "ok", "other"]


def test_real_folder_named_default_is_not_listed_twice(world: CommandRoot) -> None:
    (world.root / "profiles" / "default").mkdir(parents=True)
    assert world.names() == ["default"]
    assert world.listed("default")["path"] == str(world.root)


def test_linked_profile_is_listed_and_a_broken_link_is_not(world: CommandRoot) -> None:
    elsewhere = world.user / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "config.yaml").write_text("model: linked\n")
    profiles = world.root / "profiles"
    profiles.mkdir()
    (profiles / "linked").symlink_to(elsewhere)
    (profiles / "dangling").symlink_to(world.user / "nowhere")
    (profiles / "loop").symlink_to(profiles / "loop")
    assert world.names() == ["default", "linked"] and world.listed("linked")["model"] == "linked"
    lost = [each for each in world.ok("list", "--json").json["warnings"] if each["code"] == "lost-home"]
    assert [each["target"] for each in lost] == ["dangling", "loop"]
    assert str(world.user / "nowhere") in lost[0]["message"]
    status = world.runner.gateways("status", "--json")
    assert [each for each in status.json["warnings"] if each["code"] == "lost-home"] == lost


@pytest.mark.parametrize("place", ["profiles", ""])
@pytest.mark.parametrize("is_link", [True, False])
def test_no_profiles_are_claimed_where_their_folder_is_away(place: str, is_link: bool, world: CommandRoot) -> None:
    path = world.root / place if place else world.root
    if not place:
        path.rename(world.user / "unmounted")
    if is_link:
        path.symlink_to(world.user / "disk")
    else:
        path.write_text("")
    done = world.run("list", "--json")
    what = f"a link to {world.user / 'disk'}" if is_link else "not a folder"
    assert done.code == 1 and f"{path} is {what}" in done.problem["message"]


def test_huge_and_odd_files_beside_the_aliases_are_not_read(world: CommandRoot) -> None:
    world.ok("create", "work")
    for number in range(200):
        with open(world.bin / f"tool{number}", "wb") as file:
            file.truncate(2**30)
    os.mkfifo(world.bin / "pipe")
    (world.bin / "link").symlink_to(world.bin / "pipe")
    (world.bin / "loop").symlink_to(world.bin / "loop")
    (world.bin / "nowhere").symlink_to("/nowhere")
    with world.process("list", "--json") as process:
        try:
            process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 0 and world.listed("work")["alias"] == "work"
    world.ok("delete", "work", "--yes")


def test_list_with_broken_file_warns_and_lists_other_profiles(world: CommandRoot) -> None:
    world.make("broken", {"config.yaml": "model: [unclosed\n", ".env": 'KEY="never closed\n'})
    world.make("work", {"config.yaml": "model: good\n"})
    done = world.ok("list", "--json")
    assert [row["name"] for row in done.data["profiles"]] == ["default", "broken", "work"]
    assert done.json["status"] == "success" and done.data["profiles"][2]["model"] == "good"
    messages = " ".join(warning["message"] for warning in done.json["warnings"])
    assert f"{world.home('broken')}/config.yaml:" in messages
    assert world.ok("show", "broken").stderr.startswith("warning: ")


def test_list_with_unreadable_file_type_succeeds(world: CommandRoot) -> None:
    (world.make("odd", {}) / "config.yaml").mkdir()
    (world.home("odd") / "profile.yaml").symlink_to("profile.yaml")
    done = world.ok("list", "--json")
    assert len(done.json["warnings"]) == 2 and world.names() == ["default", "odd"]


def test_list_with_fifo_as_document_does_not_hang(world: CommandRoot) -> None:
    os.mkfifo(world.make("odd", {}) / ".env")
    with world.process("list", "--json") as process:
        try:
            process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 0


def test_missing_sticky_profile_is_reported(world: CommandRoot) -> None:
    (world.root / "active_profile").write_text("gone\n")
    done = world.ok("list", "--json")
    (warning,) = done.json["warnings"]
    assert warning["code"] == "sticky-gone" and "`hermes-profiles use NAME`" in warning["hint"]
    assert not any(row["is_active"] for row in done.data["profiles"])


def test_sticky_profile_is_marked(world: CommandRoot) -> None:
    world.make("work", {})
    assert world.listed("default")["is_active"]
    world.ok("use", "work")
    assert world.listed("work")["is_active"] and not world.listed("default")["is_active"]
    assert "\n* work" in world.ok("list").stdout and "(sticky default)" in world.ok("show", "work").stdout


def test_disabled_profile_is_marked(world: CommandRoot) -> None:
    world.make("work", {"profile.yaml": "disabled: true\ndescription: off for now\n"})
    assert world.listed("work")["disabled"] is True
    assert "work (disabled)" in world.ok("list").stdout and "(disabled)" in world.ok("show", "work").stdout


@pytest.mark.parametrize("content", ["x" * 70, "../../etc", "\x00", "a\nb", "\xff"])
def test_list_with_unreadable_sticky_file_succeeds(world: CommandRoot, content: str) -> None:
    (world.root / "active_profile").write_bytes(content.encode("latin-1"))
    assert world.call("list", "--json").code == 0
    assert world.call("create", "work").code == 0
    assert world.call("create", "other", "--clone").code in (0, 2, 5)


def test_show_prints_locations_without_values(world: CommandRoot) -> None:
    done = world.ok("show", "default")
    for word in ("TELEGRAM_BOT_TOKEN", ".env:4", "telegram", "identity credential", "gpt-5 (openai)"):
        assert word in done.stdout


def test_broken_plugin_is_reported_and_profiles_are_listed(world: CommandRoot) -> None:
    folder = world.root / "plugins" / "newchat"
    folder.mkdir(parents=True)
    (folder / "plugin.yaml").write_bytes(b"name: newchat\nkind: platform\nrequires_env: [\xff\n")
    done = world.call("list", "--json")
    assert done.code == 0 and len(done.data["profiles"]) == 1
    assert f"{folder}/plugin.yaml" in done.json["warnings"][0]["message"]
    done = world.call("clone", "default", "work", "--json")
    assert done.code == 1 and f"{folder}/plugin.yaml" in done.problem["message"]
    assert not world.home("work").exists()


def test_list_show_and_status_read_the_managed_directory(world: CommandRoot) -> None:
    folder = world.user / "managed"
    folder.mkdir()
    (folder / ".env").write_text("BOT=7100:CANARY-telegram\nDISCORD_BOT_TOKEN=\nNTFY_TOPIC=CANARY-topic\n")
    (folder / "config.yaml").write_text("platforms: {slack: {enabled: true, token: xoxb-CANARY}}\n")
    world.make("ref", {".env": "TELEGRAM_BOT_TOKEN=${BOT}\nDISCORD_BOT_TOKEN=CANARY-discord\n", "config.yaml": ""})
    world.make("bare", {".env": ""})
    environment = {"HERMES_MANAGED_DIR": str(folder)}
    found = {"ref": ["ntfy", "slack", "telegram"], "bare": ["ntfy"]}  # merged into no missing config.yaml
    listed = world.ok("list", "--json", env=environment).json["data"]["profiles"]
    assert {row["name"]: row["channels"] for row in listed if row["name"] in found} == found
    shown = world.ok("show", "ref", "--json", env=environment).json["data"]
    assert shown["channels"] == found["ref"]
    status = world.runner.gateways("status", "--json", env=environment).json["data"]["gateways"]
    channels = {row["profile"]: sorted(each["name"] for each in row["channels"]) for row in status}
    assert {name: channels[name] for name in found} == found


@pytest.mark.parametrize(
    ("file", "text", "key", "what"),
    [
        (".env", "API_SERVER_PORT=70000", "API_SERVER_PORT", "is not between 1 and 65535: api_server cannot listen"),
        (".env", "API_SERVER_PORT=0", "API_SERVER_PORT", "is 0: api_server listens on another port after each start"),
        (".env", "API_SERVER_PORT=abc", "API_SERVER_PORT", "is not a number: "),
        (
            ".env",
            "WEBHOOK_ENABLED=true\nWEBHOOK_SECRET=CANARYwebhook0001\nWEBHOOK_PORT=99999",
            "WEBHOOK_PORT",
            "webhook",
        ),
        ("config.yaml", "platforms: {api_server: {extra: {port: 70000}}}", "platforms.api_server.extra.port", "cannot"),
    ],
)
def test_show_names_an_impossible_port_as_doctor_does(
    world: CommandRoot, file: str, text: str, key: str, what: str
) -> None:
    enabled = "API_SERVER_ENABLED=true\nAPI_SERVER_KEY=CANARY0123456789abcdef\n"
    world.make("ports", {".env": enabled, "config.yaml": "model: none\n"})
    path = world.home("ports") / file
    path.write_text(f"{path.read_text()}{text}\n")
    done = world.call("show", "ports", "--json")
    (warning,) = done.json["warnings"]
    assert warning["code"] == "invalid-port" and warning["message"].startswith(key) and what in warning["message"]
    (found,) = world.call("doctor", "ports", "--only", "files.invalid-port", "--json").data["findings"]
    assert warning["message"].removeprefix(key) in found["message"]
    path.write_text(path.read_text().replace("70000", "8655").replace("=0\n", "=8655\n").replace("abc", "8655"))
    assert "99999" in text or world.call("show", "ports", "--json").json["warnings"] == []
