"""repair: take copied identities out of the profiles that do not own them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated

import typer

from hermes_profiles.cli.framework.examples import examples
from hermes_profiles.cli.framework.fleet_options import ManagerName
from hermes_profiles.cli.framework.options import DryRun, Home, Json, Yes
from hermes_profiles.cli.framework.run import Answer, run
from hermes_profiles.cli.render.repair import report_lines
from hermes_profiles.conflicts.repair_plan import Asked
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.model.errors import UsageProblem
from hermes_profiles.model.names import check_existing_name
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.repair import RepairRun
from hermes_profiles.profiles.listing import require


@examples(
    "hermes-profiles repair --dry-run",
    "hermes-profiles repair work --yes",
    "hermes-profiles repair --owner telegram=work --dry-run",
    "hermes-profiles repair --channel slack --yes --json",
)
def repair(
    profiles: Annotated[
        list[str] | None, typer.Argument(metavar="[PROFILE]...", help="Change only these profiles (default: all).")
    ] = None,
    owner: Annotated[
        list[str] | None,
        typer.Option("--owner", metavar="CHANNEL=PROFILE", help="Who keeps a channel or login (repeatable)."),
    ] = None,
    channel: Annotated[
        list[str] | None, typer.Option("--channel", metavar="NAME", help="Only this channel or login (repeatable).")
    ] = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    manager: ManagerName = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Mend profiles that were cloned with their bots: one keeps each bot, account, port and login, the others lose
    their copy. One `undo` brings all back."""
    session = FleetSession(home, json, manager_option=manager)

    def body() -> Answer:
        warnings = session.recover(dry_run=dry_run)
        named = session.selection(profiles or (), (), None).profiles if profiles else session.existing
        wanted = _channels(channel, session.catalog)
        asked = Asked(_owners(owner or (), session), wanted, frozenset(named))
        result = RepairRun(session, asked).run(yes=yes, dry_run=dry_run)
        result.warnings[:0] = warnings
        data = result.data
        return Answer(result, lambda: report_lines(data))

    run(("repair",), session, body)


def _channels(given: Collection[str] | None, catalog: Catalog) -> frozenset[str] | None:
    return frozenset(_known(name, catalog, "--channel") for name in given) if given else None


def _owners(given: Sequence[str], session: FleetSession) -> dict[str, tuple[str, ...]]:
    """Return channel → profiles that are to keep it, in the order given. Raises UsageProblem and NotFound."""
    found: dict[str, tuple[str, ...]] = {}
    for text in given:
        channel, equals, profile = text.partition("=")
        if not channel or not equals or not profile:
            raise UsageProblem(
                f"{text!r} does not say whose the channel is", target="--owner", hint="say `--owner telegram=work`"
            )
        name = check_existing_name(profile)
        require(session.layout, name)
        known = _known(channel, session.catalog, "--owner")
        found[known] = (*found.get(known, ()), name)
    return found


def _known(name: str, catalog: Catalog, option: str) -> str:
    channel = catalog.channel_of_config_key(name)
    logins = {row.provider for row in catalog.oauth_rows if row.single_use}
    if channel is None and name not in logins and not name.startswith("mcp-tokens/"):
        raise UsageProblem(
            f"{name!r} is no channel and no login", target=option, hint="see them all with `hermes-profiles catalog`"
        )
    return channel or name
