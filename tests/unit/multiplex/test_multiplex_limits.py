"""Differences between the multiplexer and single gateways: found in the files, with a fix."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hermes_profiles.conflicts.multiplex_masks import without_shared_masks
from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.model.layout import Layout
from hermes_profiles.multiplex.approvals import move_to_multiplexer, move_to_process
from hermes_profiles.multiplex.enable import EnablePlan, plan_enable
from hermes_profiles.multiplex.facts import multiplex_setting, read_facts
from hermes_profiles.multiplex.limits import disabled_channels, limit_issues
from hermes_profiles.multiplex.model import IssueSeverity

CATALOG = load_catalog()


class Root:
    """Profiles on the disk, and what is found of them."""

    def __init__(self, folder: Path) -> None:
        self.layout = Layout(folder / ".hermes", folder)
        self.names: list[str] = []
        self.add("default")

    def add(self, name: str, **files: str) -> Path:
        home = self.layout.home(name)
        home.mkdir(parents=True, exist_ok=True)
        known = {
            "env": ".env",
            "op": ".op.env",
            "config": "config.yaml",
            "meta": "profile.yaml",
            "jobs": "cron/jobs.json",
        }
        for key, text in files.items():
            path = home / known[key]
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        if name not in self.names:
            self.names.append(name)
        return home

    def plan(self) -> EnablePlan:
        return plan_enable(self.layout, read_facts(self.layout, self.names, CATALOG, {}), CATALOG)

    def codes(self, *, without_notes: bool = True) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for limit in self.plan().issues:
            if not (without_notes and limit.severity is IssueSeverity.NOTE):
                found.setdefault(limit.profile, set()).add(limit.code)
                assert limit.hint, limit
        return found


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(tmp_path)


WEIXIN = "WEIXIN_TOKEN=CANARY-token-of-{}\nWEIXIN_ACCOUNT_ID={}@im.bot\n"


@pytest.mark.parametrize(
    ("env", "listens"),
    [
        ("WEBHOOK_ENABLED=true\n", True),
        ("API_SERVER_KEY=CANARY-0123456789abcdef\n", True),
        ("FEISHU_APP_ID=cli_x\nFEISHU_APP_SECRET=CANARYfeishu\nFEISHU_CONNECTION_MODE=webhook\n", True),
        ("FEISHU_APP_ID=cli_x\nFEISHU_APP_SECRET=CANARYfeishu\n", False),
        ("LINE_CHANNEL_ACCESS_TOKEN=CANARYline\nLINE_CHANNEL_SECRET=CANARYline2\n", True),
        (WEIXIN.format("a", "a"), False),
    ],
)
def test_listeners_of_named_profiles_are_issues(root: Root, env: str, listens: bool) -> None:
    root.add("anna", env=env)
    assert ("port-binding" in root.codes().get("anna", ())) is listens
    root.add("anna", env="")
    root.add("default", env=env)
    assert "port-binding" not in root.codes().get("default", ())


def test_keys_outside_env_are_issues(root: Root) -> None:
    root.add("anna", env="A=1\n", op="OPENAI_API_KEY=sk-CANARY-0123456789\n")
    assert root.codes() == {"anna": {"unread-variable"}}
    (limit,) = [each for each in root.plan().issues if each.code == "unread-variable"]
    assert ".op.env:1" in (limit.place or "") and "CANARY" not in repr(limit)
    root.add("anna", env="OPENAI_API_KEY=sk-CANARY-0123456789\n", op="OPENAI_API_KEY=sk-CANARY-0123456789\n")
    assert root.codes() == {}
    root.add("anna", env="OPENAI_API_KEY=sk-CANARY-0123456789 # mine\n", op="")
    assert root.codes() == {"anna": {"unread-variable"}}, "the scope keeps the comment in the value"
    root.add("anna", env="", config="WEIXIN_TOKEN: CANARY-weixin-token\n")
    assert "unread-variable" in root.codes()["anna"]


def test_an_unreadable_file_is_an_issue(root: Root) -> None:
    root.add("anna", env='A="never closed\nB=1\n')
    assert root.codes() == {"anna": {"unreadable"}}


def test_channels_of_defaults_environment_are_disabled_for_others(root: Root) -> None:
    mail = "EMAIL_ADDRESS=a@b.c\nEMAIL_PASSWORD=CANARYpassword\nEMAIL_IMAP_HOST=i\nEMAIL_SMTP_HOST=s\n"
    root.add("default", env=mail + "NTFY_TOPIC=alerts-of-mine\n")
    root.add("anna", config="# mine\nplatforms:\n  email:\n    enabled: false\n")
    facts = read_facts(root.layout, root.names, CATALOG, {})
    assert [(each.profile, each.key) for each in disabled_channels(facts, CATALOG)] == [
        ("anna", ("platforms", "ntfy", "enabled"))
    ]
    assert root.codes() == {}
    (step,) = [step for step in root.plan().steps if "anna" in str(step.path)]  # type: ignore[union-attr]
    assert step.content.reveal() == (  # type: ignore[union-attr]
        b"# mine\nplatforms:\n  email:\n    enabled: false\n  ntfy:\n    enabled: false\n"
    )
    root.add("bob", env=mail.replace("a@b.c", "x@y.z"))
    assert root.codes()["bob"] == {"foreign-environment"}


def test_severities_of_jobs_disabled_profiles_and_options(root: Root) -> None:
    root.add(
        "anna",
        env=WEIXIN.format("a", "a"),
        meta="disabled: true\nservice:\n  memory: 512M\n",
        jobs=json.dumps({"jobs": [{"id": 1, "enabled": True}, {"id": 2, "state": "paused"}, {"id": 3}]}),
    )
    (root.layout.home("anna") / "plugins" / "x").mkdir(parents=True)
    found = {each.code: each.severity for each in root.plan().issues if each.profile == "anna"}
    assert found == {
        "jobs": IssueSeverity.DECIDE,
        "switched-off": IssueSeverity.DECIDE,
        "service-options": IssueSeverity.NOTE,
        "parts": IssueSeverity.NOTE,
        "pairing-codes": IssueSeverity.NOTE,
    }
    assert any("2 scheduled jobs" in each.message for each in root.plan().issues)
    root.add("bob", meta="disabled: true\n")
    assert "bob" not in root.codes(), "it has no user to serve"


def test_shared_accounts_and_ports_are_issues(root: Root) -> None:
    for name in ("anna", "bob"):
        root.add(name, env=WEIXIN.format("same", name))
    assert root.codes() == {"bob": {"same-account"}}
    root.add("bob", env="WHATSAPP_ENABLED=true\n")
    root.add("anna", env="WHATSAPP_ENABLED=true\n")
    facts = read_facts(root.layout, root.names, CATALOG, {})
    assert [each.code for each in limit_issues(facts, CATALOG) if each.severity is IssueSeverity.REFUSE] == [
        "same-account"
    ]


def test_the_overriding_variable_is_an_issue(root: Root) -> None:
    root.add("default", env="GATEWAY_MULTIPLEX_PROFILES=off\n")
    assert root.codes() == {"default": {"overruled"}}
    root.add("default", env="GATEWAY_MULTIPLEX_PROFILES=perhaps\n")
    assert root.codes() == {}


@pytest.mark.parametrize(
    ("config", "path", "said"),
    [
        ("", ("gateway", "multiplex_profiles"), None),
        ("gateway: {}\n", ("gateway", "multiplex_profiles"), None),
        ("multiplex_profiles: false\ngateway: {multiplex_profiles: true}\n", ("multiplex_profiles",), False),
        ("gateway:\n  multiplex_profiles: true\n", ("gateway", "multiplex_profiles"), True),
    ],
)
def test_multiplex_setting_returns_its_path(root: Root, config: str, path: tuple[str, ...], said: object) -> None:
    root.add("default", config=config)
    assert multiplex_setting(root.layout.home("default")) == (path, said)


def test_approvals_of_both_folders_are_merged(tmp_path: Path) -> None:
    for folder, people in (("platforms/pairing", {"a": 1, "b": 1}), ("pairing", {"b": 2})):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "weixin-approved.json").write_text(json.dumps(people))
    (tmp_path / "platforms/pairing/broken-approved.json").write_text("{")
    (carried,) = move_to_multiplexer("anna", tmp_path)
    written, removed = carried.steps
    assert (carried.channel, carried.people) == ("weixin", 2)
    assert json.loads(written.content.reveal()) == {"a": 1, "b": 2} and removed.removes  # type: ignore[union-attr]
    assert move_to_multiplexer("anna", tmp_path / "nowhere") == () == move_to_process("anna", tmp_path, ("telegram",))


def test_a_mask_of_the_multiplexer_keeps_channels_of_others(root: Root) -> None:
    from hermes_profiles.gateways.masks import ChannelOwner, Mask, MaskCause

    mine = {"default": (Mask("weixin", MaskCause.TOKEN, ChannelOwner(pid=9)), Mask("slack"))}
    root.add("anna", env=WEIXIN.format("a", "a"))
    assert without_shared_masks(root.layout, mine, CATALOG, {}) == (mine, [])
    root.add("default", config="gateway:\n  multiplex_profiles: true\n")
    kept, (problem,) = without_shared_masks(root.layout, mine, CATALOG, {})
    assert [mask.channel for mask in kept["default"]] == ["slack"] and "for anna" in problem.message


@pytest.mark.parametrize("folder", ["pairing", "platforms/pairing"])
def test_paired_users_are_listed_for_the_multiplexer(root: Root, folder: str) -> None:
    root.add("default", env="# mine\n")
    home = root.add("anna", env=WEIXIN.format("a", "a"))
    (home / folder).mkdir(parents=True)
    (home / folder / "weixin-approved.json").write_text('{"mum": {"user_name": "x", "approved_at": 1.0}}')
    written = {(each.profile, each.key[0]): each.value for each in root.plan().pinned}
    assert written == {("anna", "WEIXIN_ALLOWED_USERS"): "mum"}
