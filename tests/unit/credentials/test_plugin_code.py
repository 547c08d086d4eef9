"""Channels in the code of plugins: names and variables behind every usual indirection, and what cannot be read."""

# ruff: noqa: E501  (the program of a case is one string)

from __future__ import annotations

import pytest

from hermes_profiles.credentials.catalog.plugin_code import PluginCode, read_plugin_code
from hermes_profiles.credentials.catalog.plugins import parse_plugin

HEAD = "import os, functools\n"
READ = {
    "keyword": "def register(ctx):\n  ctx.register_platform(name='pager', check_fn=lambda: os.getenv('PAGER_KEY'))",
    "first argument": "def register(ctx):\n  ctx.register_platform('pager', 'x', None, lambda: os.environ['PAGER_KEY'])",
    "constants": "N = 'pager'\nK: str = 'PAGER_KEY'\ndef register(ctx):\n  ctx.register_platform(name=N)\n  os.getenv(K)",
    "composed": "P = 'PAGER'\ndef register(ctx):\n  ctx.register_platform(name='pa' + 'ger')\n  os.getenv(f'{P}_KEY')",
    "capitals": "def register(ctx):\n  ctx.register_platform(name='Pager'.lower())\n  os.environ.get('PAGER_KEY')",
    "loop": "K = ['PAGER_KEY']\ndef register(ctx):\n  for n in ('pager',):\n    ctx.register_platform(name=n)",
    "loop over a table": "T = {'pager': 'PAGER_KEY'}\ndef register(ctx):\n  for n, k in T.items():\n    ctx.register_platform(n)",
    "unpacked": "E = {'name': 'pager', 'required_env': ['PAGER_KEY']}\ndef register(ctx):\n  ctx.register_platform(**E)",
    "unpacked dict()": "E = dict(name='pager', env='PAGER_KEY')\ndef register(ctx):\n  ctx.register_platform(**E)",
    "item": "E = {'n': 'pager', 'k': 'PAGER_KEY'}\ndef register(ctx):\n  ctx.register_platform(name=E['n'])",
    "class": "class A:\n  name = 'pager'\n  env = 'PAGER_KEY'\ndef register(ctx):\n  ctx.register_platform(name=A.name)",
    "function": "def n(): return 'pager'\ndef register(ctx):\n  ctx.register_platform(name=n())\n  os.getenv('PAGER_KEY')",
    "helper": "def add(ctx, n):\n  ctx.register_platform(name=n)\ndef register(ctx):\n  add(ctx, 'pager')\n  os.getenv('PAGER_KEY')",
    "default": "def register(ctx, n='pager'):\n  ctx.register_platform(name=n)\n  os.getenv('PAGER_KEY')",
    "alias": "def register(ctx):\n  r = ctx.register_platform\n  r(name='pager')\n  os.getenv('PAGER_KEY')",
    "getattr": "def register(ctx):\n  getattr(ctx, 'register_platform')(name='pager')\n  os.getenv('PAGER_KEY')",
    "partial": "def register(ctx):\n  functools.partial(ctx.register_platform, name='pager')()\n  os.getenv('PAGER_KEY')",
    "thread": "def register(ctx):\n  Thread(target=ctx.register_platform, args=('pager', os.getenv('PAGER_KEY')))",
    "pool": "def register(ctx):\n  pool.submit(ctx.register_platform, 'pager', os.getenv('PAGER_KEY')).result()",
    "starmap": "N = [('pager', 'PAGER_KEY')]\ndef register(ctx):\n  list(starmap(ctx.register_platform, N))",
    "methodcaller": "def register(ctx):\n  methodcaller('register_platform', 'pager', os.getenv('PAGER_KEY'))(ctx)",
    "attrgetter": "def register(ctx):\n  attrgetter('register_platform')(ctx)('pager', os.getenv('PAGER_KEY'))",
    "getattribute": "def register(ctx):\n  ctx.__getattribute__('register_platform')('pager', os.getenv('PAGER_KEY'))",
    "registry": "def register(ctx):\n  platform_registry.register(PlatformEntry(name='pager', ok='PAGER_KEY' in os.environ))",
    "deferred": "def register(ctx):\n  platform_registry.register_deferred('pager', lambda: os.getenv('PAGER_KEY'))",
    "decorator": (
        "ALL = []\ndef platform(n):\n  def wrap(c):\n    ALL.append((n, c))\n    return c\n  return wrap\n"
        "@platform('pager')\nclass A:\n  key = os.getenv('PAGER_KEY')\n"
        "def register(ctx):\n  for n, c in ALL:\n    ctx.register_platform(name=n, adapter_factory=c)"
    ),
    "table": (
        "ALL = {}\nALL['pager'] = 'PAGER_KEY'\ndef register(ctx):\n  for n in ALL:\n    ctx.register_platform(name=n)"
    ),
}


@pytest.mark.parametrize("case", READ)
def test_name_and_variable_are_read(case: str) -> None:
    code = read_plugin_code({"__init__.py": HEAD + READ[case]})
    assert "pager" in code.names and "PAGER_KEY" in code.variables and code.unread is None


def test_several_files_are_read_together() -> None:
    files = {
        "__init__.py": "from .adapter import register\n",
        "adapter.py": "from .names import NAME\ndef register(ctx):\n  ctx.register_platform(name=NAME)\n",
        "names.py": "import os\nNAME = 'pager'\nKEY = os.environ.get('PAGER_KEY')\n",
    }
    assert read_plugin_code(files) == PluginCode(("pager",), ("PAGER_KEY",))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("def register(ctx):\n  ctx.register_platform(name='regap'[::-1])\n", 2),
        ("def register(ctx):\n  ctx.register_platform(*arguments())\n", 2),
        ("from acme_pager import register\n", 1),
        ("from acme_pager import setup as register\n", 1),
        ("from .compiled import register\n", 1),
        ("import os\nfrom .inner.compiled import register\n", 2),
        ("def register(ctx):\n  ctx.register_platform(name=\n", 1),
        ("def register(ctx):\n  exec('ctx.register_platform(name=\"x\")')\n", 1),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(text: str, line: int) -> None:
    assert read_plugin_code({"__init__.py": text}).unread == ("__init__.py", line)


def test_relative_import_of_a_module_with_its_source_is_read() -> None:
    for inner in ("p/tools.py", "p/tools/__init__.py"):
        files = {
            "p/__init__.py": "from .tools import register\n",
            inner: "def register(ctx):\n  ctx.register_tool('x')\n",
        }
        assert not read_plugin_code(files).registers


@pytest.mark.parametrize("text", ["", "def register(ctx):\n  ctx.register_tool(name='x')\n", "broken ("])
def test_other_plugins_register_nothing(text: str) -> None:
    assert not read_plugin_code({"__init__.py": text}).registers


def test_variables_of_the_machine_are_not_the_plugins() -> None:
    text = "import os\ndef register(ctx):\n  ctx.register_platform(name='x')\n"
    text += "".join(f"  os.getenv('{name}')\n" for name in ("PATH", "HOME", "HTTPS_PROXY", "HERMES_HOME", "X_KEY"))
    assert read_plugin_code({"__init__.py": text}).variables == ("X_KEY",)


def test_manifest_and_code_both_count() -> None:
    manifest = "name: acme-platform\nkind: platform\nrequires_env: [OTHER_VAR]\n"
    channels, _ = parse_plugin(manifest, {"a": HEAD + READ["keyword"]}, path="/x/plugins/acme/plugin.yaml")
    assert [channel.name for channel in channels] == ["pager", "acme"]
    assert {fact.name for fact in channels[0].keys} == {"OTHER_VAR", "PAGER_KEY"}
    assert channels[0].plugins == ("acme-platform", "acme", "plugins/acme")
    assert parse_plugin("name: tool\n", {"a": "def register(ctx): pass"}, path="/x/plugins/tool/plugin.yaml")[0] == ()


@pytest.mark.parametrize(
    "line",
    [
        "getattr(ctx, 'register_' + 'platform')(name='pager')",
        "getattr(ctx, METHOD)('pager')",
        "exec(decoded, {'ctx': ctx})",
        "eval(decoded)(ctx)",
    ],
)
def test_registration_that_the_code_hides_is_unread(line: str) -> None:
    assert read_plugin_code({"p/__init__.py": f"import os\ndef register(ctx):\n  {line}\n"}).unread == (
        "p/__init__.py",
        3,
    )


@pytest.mark.parametrize(
    "text",
    [
        "def register(ctx):\n  getattr(ctx, 'register_tool')(name='x')\n",
        "def handle(text):\n  return eval(text)\ndef register(ctx):\n  ctx.register_tool(name='x', handler=handle)\n",
        "def register(ctx):\n  for n in TOOLS:\n    ctx.register_tool(getattr(tools, n))\n",
    ],
)
def test_plugin_of_a_tool_registers_no_channel(text: str) -> None:
    assert not read_plugin_code({"p/__init__.py": text}).registers


def test_variables_of_a_hidden_registration_are_read() -> None:
    text = "import os\ndef register(ctx):\n  getattr(ctx, 'register_' + KIND)(ok=lambda cfg: bool(os.getenv('XP_TOKEN')))\n"
    assert read_plugin_code({"p/__init__.py": text}) == PluginCode((), ("XP_TOKEN",), ("p/__init__.py", 3))
