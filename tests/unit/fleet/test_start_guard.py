"""What a start decides for stopped gateways beside those that it restarts."""

from __future__ import annotations

from pathlib import Path

import pytest
from gateway_facts import facts, process, service

from hermes_profiles.conflicts import ledger
from hermes_profiles.conflicts.claims import Claim, write_ledger
from hermes_profiles.conflicts.overlay import overlay_folder
from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.credentials.channels.port_claim import PortClaim
from hermes_profiles.fleet import start_guard
from hermes_profiles.fleet.start_guard import StartGuard
from hermes_profiles.gateways.masks import ChannelOwner, Mask, MaskCause
from hermes_profiles.gateways.observe import SystemContext
from hermes_profiles.gateways.processes import LinuxProcesses
from hermes_profiles.gateways.resolve import resolve
from hermes_profiles.model.layout import Layout
from hermes_profiles.profiles.channels import ClaimedResources
from hermes_profiles.services.manager import Activity, Service
from hermes_profiles.services.naming import ServiceName

ENV = "API_SERVER_ENABLED=true\nAPI_SERVER_KEY=CANARY-0123456789\nAPI_SERVER_PORT={}\n"


@pytest.mark.parametrize("restarted", [("dora", "fay"), ("fay",)])
def test_port_of_a_restarted_process_is_free_for_a_stopped_gateway(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, restarted: tuple[str, ...]
) -> None:
    """`dora` started with the port of `fay`, which stopped; then the files were repaired."""
    layout = Layout(tmp_path / ".hermes", tmp_path)
    for name, port in (("dora", 19001), ("fay", 19002)):
        layout.home(name).mkdir(parents=True)
        (layout.home(name) / ".env").write_text(ENV.format(port))
        (layout.home(name) / "config.yaml").write_text("model: m\n")
    layout.state.mkdir(parents=True)
    write_ledger(layout, {"dora": Claim((), (PortClaim("api_server", 19002, "127.0.0.1"),), (), 1000.0, "service")})
    runs = process()._replace(variables={"HERMES_MANAGED_DIR": str(overlay_folder(layout, "dora"))})
    gateways = {
        "dora": resolve(facts(profile="dora", process=runs)),
        "fay": resolve(facts(profile="fay", service=service(Activity.INACTIVE))),
    }
    monkeypatch.setattr(start_guard, "survey", lambda *_: gateways)
    monkeypatch.setattr(ledger, "listening_now", lambda found: dict.fromkeys(found & {(19002, "127.0.0.1")}))
    world = SystemContext(layout, processes=LinuxProcesses(tmp_path / "proc"))
    guard = StartGuard(world, ("dora", "fay"), load_catalog(), {"HERMES_GATEWAY_LOCK_DIR": str(tmp_path / "locks")})
    guard.observe(restarted)
    masked = {name: [mask.channel for mask in masks] for name, masks in guard.decide(restarted).items()}
    assert masked == ({"dora": [], "fay": []} if "dora" in restarted else {"fay": ["api_server"]})


@pytest.mark.parametrize("variable", ["HERMES_MANAGED_DIR", "EXA_API_KEY"])
def test_start_is_refused_where_a_drop_in_replaces_its_masks(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout(tmp_path / ".hermes", tmp_path)
    layout.home("fay").mkdir(parents=True)
    (layout.home("fay") / "config.yaml").write_text("model: m\n")
    unit = tmp_path / ".config/systemd/user/hermes-gateway-fay.service"
    drop_in = unit.with_name(f"{unit.name}.d") / "60-mine.conf"
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text(f"[Service]\nEnvironment={variable}=/etc/hermes\n")
    world = SystemContext(layout, processes=LinuxProcesses(tmp_path / "proc"))
    monkeypatch.setattr(SystemContext, "service", lambda _, profile: Service(profile, ServiceName("fay", "fay"), unit))
    guard = StartGuard(world, ("fay",), load_catalog(), {})
    mask = Mask("telegram", MaskCause.TOKEN, ChannelOwner("dora"))
    monkeypatch.setattr(guard, "_masks", {"fay": (mask,)})
    monkeypatch.setattr(guard, "_held", {"fay": ClaimedResources()})
    decision = guard.prepare(("fay",))["fay"]
    if variable == "HERMES_MANAGED_DIR":
        assert decision.refusal and str(drop_in) in decision.refusal and "'dora'" in decision.refusal
    else:
        assert not decision.refusal and decision.masked == ("telegram",)


@pytest.mark.parametrize(("files", "place"), [
    ({".env": "A=1\n{line}\n"}, "line 2 of {home}/.env"), ({".op.env": "{line}\n"}, "line 1 of {home}/.op.env"),
    ({"config.yaml": "model: m\nHERMES_GATEWAY_LOCK_DIR: {folder}\n"}, "line 2 of {home}/config.yaml"),
])  # fmt: skip
def test_lock_folder_that_cannot_be_written_is_told_with_its_line(
    tmp_path: Path, files: dict[str, str], place: str
) -> None:
    layout = Layout(tmp_path / ".hermes", tmp_path)
    home = layout.home("dora")
    home.mkdir(parents=True)
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "locks"
    token = "TELEGRAM_BOT_TOKEN=7000000002:CANARY-telegram-token\n"
    files = {".env": "", **files}
    for name, text in files.items():
        added = token if name == ".env" else ""
        (home / name).write_text(text.format(line=f"HERMES_GATEWAY_LOCK_DIR={folder}", folder=folder) + added)
    environment = {"HERMES_GATEWAY_LOCK_DIR": str(tmp_path / "locks")}
    guard = StartGuard(
        SystemContext(layout, processes=LinuxProcesses(tmp_path / "proc")), ("dora",), load_catalog(), environment
    )
    guard.observe(("dora",))
    guard.decide(("dora",))
    (problem,) = guard.warnings
    assert (problem.code, problem.target) == ("lock-folder", "dora") and problem.hint is not None
    assert f"in {folder}: {tmp_path / 'file'} is not a folder" in problem.message
    assert f"HERMES_GATEWAY_LOCK_DIR in {place.format(home=home)} names it" in problem.message
    wanted = "`hermes-profiles env unset dora HERMES_GATEWAY_LOCK_DIR`" if ".env:" in f"{place}:" else "`mv "
    assert wanted in problem.hint or ".op.env" in place


def test_lock_folder_of_a_profile_without_a_lock_is_not_told(tmp_path: Path) -> None:
    layout = Layout(tmp_path / ".hermes", tmp_path)
    layout.home("dora").mkdir(parents=True)
    (layout.home("dora") / ".env").write_text("HERMES_GATEWAY_LOCK_DIR=/proc/nothing\nNTFY_TOPIC=x\n")
    guard = StartGuard(SystemContext(layout, processes=LinuxProcesses(tmp_path)), ("dora",), load_catalog(), {})
    guard.observe(("dora",))
    guard.decide(("dora",))
    assert guard.warnings == []
