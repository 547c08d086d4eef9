"""Hermes' own set-up of one channel, run at the user's terminal in a home of its own.

Source: Hermes 0.19.0 `hermes_cli/gateway.py`. `hermes gateway setup` shows a menu of all channels and asks about
services afterwards; `_configure_platform`, which it calls for the channel that was chosen, does neither.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from shlex import quote

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.gateways.installation.hermes_install import find_installation
from hermes_profiles.hermes.environment import HERMES_HOME
from hermes_profiles.model.errors import Failed
from hermes_profiles.model.layout import Layout
from hermes_profiles.profiles.home_files import HomeFiles

from .foreground import in_foreground

_NO_SETUP = 97
_SCRIPT = f"""
import sys
try:
    from hermes_cli.gateway import _all_platforms, _configure_platform
    found = [each for each in _all_platforms() if each.get("key") == sys.argv[1]]
except (ImportError, AttributeError) as error:
    print(f"hermes: {{error}}", file=sys.stderr)
    found = []
if not found:
    raise SystemExit({_NO_SETUP})
_configure_platform(found[0])
"""


def run_setup(
    layout: Layout,
    environment: Mapping[str, str],
    *,
    channel: str,
    like: str,
    by_variables: str,
    place: Path,
    catalog: Catalog,
) -> tuple[int, bool]:
    """Run the set-up of a channel with `place` as its home; return its exit code and whether Ctrl-C was pressed.

    `by_variables`: the command that takes the variables of an account in place of a set-up.

    It gets what the `.env` of the profile `like` sets and belongs to no channel (a proxy, say); an account that the
    shell exports stays unseen. Raises NotFound without Hermes, Failed when this Hermes has no such set-up.
    """
    python = find_installation(layout, environment).python
    own = HomeFiles(layout.home(like), catalog.known_names).environment()
    given = {**environment, **own}
    given = {name: value for name, value in given.items() if not catalog.channels_of(name)}
    given[HERMES_HOME] = str(place)
    try:
        code, pressed = in_foreground(
            [str(python), "-c", _SCRIPT, channel],
            environment=given,
            folder=str(place),
            stdout=sys.stderr.fileno(),  # our stdout is for the answer
        )
    except OSError as error:
        raise Failed(
            f"{python} cannot be run: {(error.strerror or '').lower()}",
            target=str(python),
            code="no-hermes",
            hint=f"see what it is: `ls -l {quote(str(python))}`",
        ) from None
    if code == _NO_SETUP:
        raise Failed(
            f"the Hermes of {python} has no set-up for {channel} that can be run by itself",
            target=channel,
            code="no-setup",
            hint=f"give its variables: `{by_variables} < FILE`, one NAME=VALUE on a line",
        )
    return code, pressed
