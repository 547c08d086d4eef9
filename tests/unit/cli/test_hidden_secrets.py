"""A secret of any profile is hidden wherever it is repeated, and nothing else is. The runner fails for every canary."""

from __future__ import annotations

import base64
import json
import string
import tempfile
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from command_root import CommandRoot
from command_runner import CANARY, Runner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nightly import NIGHTLY

from hermes_profiles.cli.render import watch
from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.credentials.search.escapes import base64_decoded, unescaped
from hermes_profiles.model.layout import Layout
from hermes_profiles.profiles.known_secrets import KnownSecrets, is_unusual
from hermes_profiles.profiles.redact import redacted

FEISHU = f"SYN{CANARY}feishuAppSecret0123"
PROVIDER = f"syn{CANARY}-provider/key+0123=x"
OLD = f"syn{CANARY}-of-a-comment-99"
PHRASE = f"correct horse {CANARY.lower()} battery staple"
READS = (
    ("list",), ("show", "default"), ("show", "work"), ("diff", "default", "work"), ("config", "get", "default"),
    ("config", "get", "default", "notes"), ("config", "get", "default", "label"),
    ("config", "set", "default", "label", "x", "--dry-run"), ("config", "unset", "default", "notes", "--dry-run"),
    ("sync", "--from", "default", "--to", "work", "--keys", "label", "--dry-run"), ("env", "list", "default"),
    ("doctor",), ("doctor", "work"), ("repair", "--dry-run"), ("explain", "TELEGRAM_BOT_TOKEN"),
    ("team", "list"), ("undo", "--list"), ("trash", "list"), ("clone", "default", "copy", "--dry-run"),
)  # fmt: skip
FLEET = (("list",), ("status",), ("status", "work"), ("install", "--dry-run"), ("upgrade-check",))


@pytest.fixture
def leaky(world: CommandRoot) -> CommandRoot:
    """A root whose secrets are repeated under keys that say nothing."""
    world.make("work", {".env": f"# FEISHU_TOKEN={OLD}\nFEISHU_APP_ID=cli_1\nFEISHU_APP_SECRET={FEISHU}\n"})
    (world.root / ".env").write_text(f"OPENAI_API_KEY={PROVIDER}\nMATRIX_PASSWORD='{PHRASE}'\n")
    notes = {"a": FEISHU, PROVIDER: [f"before {FEISHU} after"], "url": quote(PROVIDER, safe=""), "phrase": PHRASE}
    config = {"model": {"default": PROVIDER, "provider": OLD}, "label": PROVIDER, "notes": notes}
    for name in ("default", "work"):
        (world.home(name) / "config.yaml").write_text(json.dumps(config))
        about = {"description": f"runs {FEISHU} with {PROVIDER}", "display_name": OLD, "groups": {FEISHU: True}}
        (world.home(name) / "profile.yaml").write_text(json.dumps(about))
    return world


@pytest.mark.parametrize("words", READS, ids=" ".join)
def test_answer_hides_the_secrets_of_all_profiles(leaky: CommandRoot, words: tuple[str, ...]) -> None:
    for arguments in (words, (*words, "--json")):
        done = leaky.call(*arguments)
        assert done.code in (0, 3, 5) or "refused" in done.stdout, done
        assert PHRASE not in done.stdout + done.stderr


@pytest.mark.parametrize("words", FLEET, ids=" ".join)
def test_answer_about_gateways_hides_the_secrets_of_all_profiles(leaky: CommandRoot, words: tuple[str, ...]) -> None:
    for arguments in (words, (*words, "--json")):
        leaky.runner.gateways(*arguments)


@pytest.mark.parametrize("words", [("events",), ("history", "work"), ("status",)], ids=" ".join)
def test_secret_of_a_neighbour_in_the_last_words_of_a_gateway_is_hidden(
    leaky: CommandRoot, words: tuple[str, ...]
) -> None:
    said = f"refused {PROVIDER}, {quote(FEISHU, safe='')} and {PHRASE}"
    platforms = {"telegram": {"state": "fatal", "error_code": PROVIDER, "error_message": said}}
    state = {"gateway_state": "startup_failed", "exit_reason": said, "platforms": platforms, "pid": 1}
    for name in ("default", "work"):
        (leaky.home(name) / "gateway_state.json").write_text(json.dumps(state))
    for arguments in (words, (*words, "--json")):
        done = leaky.runner.gateways(*arguments)
        assert PHRASE not in done.stdout + done.stderr and "<OPENAI_API_KEY>" in done.stdout + done.stderr


def test_live_table_hides_the_secrets_of_all_profiles(leaky: CommandRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    near = KnownSecrets(Layout(leaky.root, leaky.root.parent), load_catalog(), {}).near(PROVIDER)
    monkeypatch.setattr(watch.output, "without_secrets", lambda texts: redacted(texts, near))
    session = SimpleNamespace(layout=SimpleNamespace(root=leaky.root), fresh=lambda: None)
    monkeypatch.setattr(watch, "FleetSigner", lambda session: None)
    watcher = watch.FleetWatcher(session, lambda *_: None, 2.0)  # type: ignore[arg-type, return-value]
    monkeypatch.setattr(watcher, "_last_line", lambda *_: f"refused {PROVIDER}")
    numbers = {"uptime_s": None, "rss_bytes": None, "restarts": None}
    row = {"profile": "work", "state": "failed", "disabled": False, "channels": [], **numbers}
    assert watcher._row_cells(session, row, "")[-1] == "refused <OPENAI_API_KEY>"  # type: ignore[arg-type]


def test_value_is_hidden_before_it_is_cut(leaky: CommandRoot) -> None:
    """A value of more than 80 characters is shortened: the first half of a secret is a part of it."""
    half = FEISHU[: len(FEISHU) // 2 + 4]
    for size in range(80 - len(half) - 4, 80 - len(half) + 2):
        leaky.ok("config", "set", "work", "label", f"{'x' * size} {FEISHU}")
        done = (
            leaky.ok("config", "set", "work", "label", "y", "--dry-run"),
            leaky.ok("sync", "--from", "default", "--to", "work", "--keys", "label", "--dry-run"),
            leaky.call("diff", "default", "work"),
        )
        assert not any(half in one.stdout for one in done), size


def test_name_of_the_secret_is_shown_in_its_place(leaky: CommandRoot) -> None:
    (row,) = (row for row in leaky.ok("list", "--json").data["profiles"] if row["name"] == "work")
    assert row["description"] == "runs <FEISHU_APP_SECRET> with <OPENAI_API_KEY>"
    assert row["model"] == "<OPENAI_API_KEY>"


def test_reveal_shows_the_setting_but_no_message_with_it(leaky: CommandRoot) -> None:
    from hermes_profiles.cli.framework import output
    from hermes_profiles.model.errors import Problem, Result

    assert output._filter is None or output._filter.hide("fine") == "fine"
    with pytest.raises(AssertionError, match="a secret in stdout"):
        leaky.call("config", "get", "default", "label", "--reveal")
    with pytest.raises(AssertionError, match="a secret in stdout"):
        leaky.call("config", "get", "default", "label", "--reveal", "--json")
    result = Result(("x",), warnings=[Problem("x", f"a message with {PROVIDER}")])
    assert CANARY not in output._json(result, reveals=True)


@pytest.mark.parametrize("debug", ["", "1"] if NIGHTLY else ["1"])
@pytest.mark.parametrize("line", [
    f"password: *{FEISHU}", f"password: !{FEISHU}", f"password: x: {FEISHU}: y", f'password: "{FEISHU}\\q"',
    f"password: %{FEISHU}", f"password: @{FEISHU}", f"password: &a*{FEISHU}, ]", f"password: [{FEISHU}",
    f"password: !!int {FEISHU}", f"!<{FEISHU}> a: b", f"? {FEISHU}\n: [a", f"*{FEISHU}: x", f"password: |{FEISHU}",
    f"token: '{FEISHU}", f"%TAG ! {FEISHU}\n---\na: b", f"password: {{{FEISHU}",
])  # fmt: skip
def test_message_about_broken_yaml_quotes_nothing(world: CommandRoot, line: str, debug: str) -> None:
    (world.root / "config.yaml").write_text(f"model:\n  default: x\nemail:\n  {line}\n")
    if debug:
        world.runner.environment["HERMES_PROFILES_DEBUG"] = debug
    for words in (("clone", "default", "b", "--dry-run"), ("doctor",), ("config", "get", "default")):
        done = world.run(*words)
        assert not debug or "!!int" in line or words == ("doctor",) or "DocumentError" in done.stderr


@pytest.mark.parametrize("words", [
    (FEISHU,), ("clone", FEISHU, "x"), ("show", FEISHU), ("list", FEISHU), ("list", f"--{FEISHU}"), ("use", FEISHU),
    ("config", "get", "default", FEISHU), ("env", "set", "default", f"X={FEISHU}"), ("undo", FEISHU),
    ("restore", FEISHU), ("team", "add", FEISHU, "--lead", FEISHU), ("rename", "work", FEISHU),
    ("config", "set", "default", "label", FEISHU, FEISHU), ("doctor", "--only", FEISHU), ("explain", FEISHU),
    ("list", "--home", f"/nowhere/{FEISHU}"), ("config", "set", "default", "label", f"*{FEISHU}"),
], ids=lambda words: " ".join(words).replace(FEISHU, "S"))  # fmt: skip
def test_message_about_arguments_hides_a_secret(leaky: CommandRoot, words: tuple[str, ...]) -> None:
    if "--home" in words:
        words = (*words[:-1], f"{leaky.root}/../.hermes")
    for arguments in (words, (*words, "--json")):
        assert leaky.call(*arguments).stderr is not None


def test_token_that_no_file_has_is_hidden_by_its_form(world: CommandRoot) -> None:
    token = f"8812345678:AAF-{CANARY}TelegramTokenAbCdEf123"
    for words in ((token,), ("show", token), ("clone", "default", token), ("config", "get", "default", token)):
        for arguments in (words, (*words, "--json")):
            world.call(*arguments)


def test_ordinary_answers_stay_as_they_are(world: CommandRoot) -> None:
    """Names of models, words, paths, short secrets and names of profiles are shown, whatever a secret is called."""
    world.make("sk-learning-bot-2024", {".env": "LM_API_KEY=lm-studio\nX_TOKEN=gpt-5\nY_TOKEN=openrouter\n"})
    home = world.make("work", {
        ".env": f"A_KEY=true\nB_KEY=not-needed\nC_PASSWORD=short12\nD_TOKEN=sk-learning-bot-2024\nE_KEY={world.root}\n"
        "F_SECRET=${OTHER}\nG_TOKEN=your_token_here\nH_KEY=********\nTERMINAL_SSH_KEY=/home/me/.ssh/id_ed25519\n"
        "OPENAI_BASE_URL=http://gpu-box.lan:8000/v1\nTOKEN_URL=https://login.example.org/token\n",
        "profile.yaml": "description: 'gpt-5 with short12 at http://gpu-box.lan:8000/v1, not-needed, "
        "sk-learning-bot-2024, /home/me/.ssh/id_ed25519, https://login.example.org/token, ******** and "
        "your_token_here'\n",
        "config.yaml": "model:\n  default: gpt-5\n  provider: lm-studio\n",
    })  # fmt: skip
    rows = {row["name"]: row for row in world.ok("list", "--json").data["profiles"]}
    assert rows["work"]["model"] == "gpt-5" and rows["work"]["provider"] == "lm-studio"
    assert rows["work"]["path"] == str(home) and "sk-learning-bot-2024" in rows
    assert "<" not in rows["work"]["description"]
    assert "sk-learning-bot-2024" in world.ok("list").stdout


@pytest.mark.parametrize("spelled", [
    quote(PROVIDER, safe=""), quote(quote(PROVIDER, safe=""), safe=""), "".join(f"%{ord(c):02x}" for c in PROVIDER),
    "".join(f"\\u{ord(c):04x}" for c in PROVIDER), "".join(f"\\x{ord(c):02x}" for c in PROVIDER),
    "".join(f"&#{ord(c)};" for c in PROVIDER), PROVIDER.replace("/", "\\/").replace("+", "\\+"),
    base64.b64encode(f"user:{PROVIDER}".encode()).decode(), base64.urlsafe_b64encode(PROVIDER.encode()).decode(),
    f"https://api.example.org/bot{PROVIDER}/getMe", f"x{PROVIDER}y",
])  # fmt: skip
def test_spelling_of_a_secret_is_hidden(leaky: CommandRoot, spelled: str) -> None:
    (leaky.root / "config.yaml").write_text(json.dumps({"label": f"it is {spelled}"}))
    for arguments in (("config", "get", "default", "label"), ("config", "get", "default", "label", "--json")):
        shown = leaky.ok(*arguments).stdout
        assert spelled not in shown and "<OPENAI_API_KEY>" in shown
        views = [*unescaped(shown), *base64_decoded(shown)]
        assert not any(CANARY in view for view in views)


def test_token_of_one_case_is_hidden_in_the_other_one(world: CommandRoot) -> None:
    (world.root / ".env").write_text("MATTERMOST_TOKEN=canary8tq3xw7n5kc1fz9hgj4r\n")
    (world.root / "config.yaml").write_text("label: it is CANARY8TQ3XW7N5KC1FZ9HGJ4R\n")
    assert world.ok("config", "get", "default", "label").stdout == "it is <MATTERMOST_TOKEN>\n"


@pytest.mark.parametrize("value", ['it\'s-a-"quoted"-CANARY77', "back\\slash-CANARY-77", "tab\tCANARY 77 end"])
def test_secret_with_quotes_is_hidden_in_every_quoting(world: CommandRoot, value: str) -> None:
    import shlex

    (world.root / "auth.json").write_text(json.dumps({"providers": {"x": {"access_token": value}}}))
    for text in (value, shlex.quote(value), repr(value), json.dumps(value)):
        (world.root / "profile.yaml").write_text(json.dumps({"description": f"is {text}"}))
        world.ok("list", "--json")
        world.ok("show", "default")


@pytest.mark.parametrize(("value", "is_searched"), [
    ("true-or-false", False), ("lm-studio", False), ("your_token_here", False), ("/home/me/.ssh/id_rsa", False),
    ("op://vault/item/field", False), ("${OTHER_NAME}", False), ("http://127.0.0.1:1234/v1", False),
    ("hunter2hunter2", True), ("12345678", True), ("correct horse battery staple", True),
    ("https://hooks.slack.com/services/T000/B000/abcdEFGH1234", True),
])  # fmt: skip
def test_common_values_are_not_searched_for(value: str, is_searched: bool) -> None:
    assert is_unusual(value, load_catalog()) is is_searched


KEYS = st.sampled_from(
    (
        "description",
        "display_name",
        "label",
        "notes",
        "model",
        "provider",
        "title",
        "groups",
        "max_turns",
        "cwd",
        "team",
    )
)
CANARIES = st.text(string.ascii_letters + string.digits + "-_./+:@=!", min_size=3, max_size=24).map(
    lambda text: f"{CANARY}{text}z9"
)


def _nested(canary: str) -> st.SearchStrategy[object]:
    texts = st.sampled_from((canary, f"see {canary}.", f"bot{canary}/x", quote(canary, safe=""), "fine"))
    return st.recursive(
        texts,
        lambda below: st.lists(below, max_size=3) | st.dictionaries(KEYS | texts, below, max_size=3),
        max_leaves=5,
    )


@given(st.data())
@settings(
    max_examples=200 if NIGHTLY else 12, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
def test_no_read_command_shows_a_canary_of_any_key(isolated: Path, data: st.DataObject) -> None:
    """Random homes: a secret of one profile under random keys of all, read by every command in text and JSON."""
    with tempfile.TemporaryDirectory(dir=isolated) as folder:
        root = CommandRoot(Runner(Path(folder)))
        canary = data.draw(CANARIES)
        name = data.draw(
            st.sampled_from(("OPENAI_API_KEY", "WORK_TELEGRAM_BOT_TOKEN", "MY_PASSWORD", "slack_app_secret"))
        )
        quoting = data.draw(st.sampled_from(("{}={}", "export {}='{}'", '{} = "{}" # mine', "# {}={}")))
        root.make("default", {".env": quoting.format(name, canary) + "\n"})
        for profile in ("default", "work"):
            for file in ("config.yaml", "profile.yaml"):
                content = data.draw(st.dictionaries(KEYS, _nested(canary), max_size=4))
                root.make(profile, {file: json.dumps(content)})
        words = data.draw(st.lists(st.sampled_from(READS), min_size=3, max_size=3, unique=True))
        for arguments in words if not NIGHTLY else READS:
            for output in ((), ("--json",)):
                root.call(*arguments, *output)
        root.runner.gateways("status", "--json")


def test_secret_of_a_name_of_the_users_own_is_hidden_in_profiles_with_equal_configurations(world: CommandRoot) -> None:
    """Which variables hold secrets is read once from equal files, and holds for each of the profiles."""
    config = "mcp_servers:\n  x:\n    headers:\n      Authorization: ${MINE}\n"
    for name in ("first", "second", "third"):
        world.make(name, {".env": f"MINE=syn-{CANARY}-{name}-9x\n", "config.yaml": config})
    about = " ".join(f"syn-{CANARY}-{name}-9x" for name in ("first", "second", "third"))
    (world.home("first") / "profile.yaml").write_text(f"description: {about}\n")
    (row,) = (row for row in world.ok("list", "--json").data["profiles"] if row["name"] == "first")
    assert row["description"] == "<MINE> <MINE> <MINE>"


def test_secret_that_is_put_together_is_hidden(world: CommandRoot) -> None:
    world.make("work", {".env": f"START=syn-{CANARY[:4]}\nX_TOKEN=${{START}}{CANARY[4:]}-77-end\n"})
    (world.home("work") / "profile.yaml").write_text(f"description: syn-{CANARY}-77-end\n")
    (row,) = (row for row in world.ok("list", "--json").data["profiles"] if row["name"] == "work")
    assert row["description"] == "<X_TOKEN>"


def test_completions_offer_no_secret(leaky: CommandRoot) -> None:
    from hermes_profiles.cli.completion import candidates

    (leaky.home("work") / "profile.yaml").write_text(f"groups:\n  family: true\n  {FEISHU}: true\n")
    answers = [leaky.run("__complete", shell, "group", "").stdout for shell in ("fish", "zsh", "bash")]
    assert all("family" in answer for answer in answers)
    assert {"group", "team", "change"} <= candidates._FREE <= candidates._KINDS.keys()


def test_journal_has_no_secret_of_a_path_or_a_group(leaky: CommandRoot) -> None:
    leaky.ok("config", "set", "work", f"notes.{PROVIDER}-x", "2")
    leaky.runner.gateways("group", FEISHU, "--add", "work")
    assert "<OPENAI_API_KEY>" in leaky.ok("undo", "--list").stdout
    assert "<" in leaky.run("__complete", "fish", "change", "").stdout


def test_log_hides_a_secret_that_was_replaced_or_deleted(world: CommandRoot) -> None:
    old, gone = f"oldSecret{CANARY}of0work99", f"goneSecret{CANARY}of1other99"
    world.make("work", {".env": f"FEISHU_APP_SECRET={old}\n"})
    world.make("other", {".env": f"FEISHU_APP_SECRET={gone}\n", "config.yaml": "a: 1\n"})
    world.ok("env", "set", "work", "FEISHU_APP_SECRET", typed="SYNtheNewSecretCANARY0123456\n")
    world.ok("delete", "other", "--yes")
    logs = world.home("work") / "logs"
    logs.mkdir()
    (logs / "gateway.log").write_text(f"2026-11-20 10:00:00,000 INFO gateway.run: refused {old} and {gone}\n")
    assert "<FEISHU_APP_SECRET> and <FEISHU_APP_SECRET>" in world.runner.gateways("logs", "work").stdout
