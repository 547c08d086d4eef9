"""The conversation of `doctor --fix`: finding by finding, the worst first; the accepted fixes are one change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.prose import Block, Prose
from hermes_profiles.cli.render.doctor import SEVERITY_STYLES, place_text
from hermes_profiles.cli.render.plan import step_lines
from hermes_profiles.doctor.runner import ReportedFinding
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.operations.repairs.chosen_fixes import FixOffer, FixOffers, FixPreview
from hermes_profiles.operations.repairs.doctor import FixResult

_ANSWERS = {
    "y": "y", "yes": "y", "n": "n", "no": "n", "": "n", "a": "all", "all": "all", "s": "skip", "skip": "skip",
    "e": "explain", "explain": "explain", "?": "explain",
}  # fmt: skip
_QUESTION = "fix it? [y]es, [n]o, [a]ll that follow, [s]kip this kind, [e]xplain"


class _FixReply(NamedTuple):
    word: str
    offer: FixOffer


class FixConversation:
    """Asks about each finding that can be fixed here. `titles`: check → title; `root`: what paths are relative to."""

    def __init__(self, titles: Mapping[str, str], root: str) -> None:
        self._titles = titles
        self._root = root
        self._chosen: list[FixOffer] = []
        self._by_hand = 0

    def choose(self, offers: FixOffers) -> Sequence[FixOffer]:
        """Return the offers that the user accepts."""
        count, findings = len(offers.offers), offers.findings
        if not findings:
            return []
        _show([Prose(f"{len(findings)} finding{'' if len(findings) == 1 else 's'}; {count} can be fixed here", "bold")])
        skipped: set[str] = set()
        decided: set[object] = set()
        takes_all = False
        for number, row in enumerate(findings, 1):
            offer = offers.offers.get(row.fingerprint)
            if row.check.id in skipped or (offer is not None and offer.shared and offer.keys <= decided):
                continue
            head = f"{number} of {len(findings)}  "
            if offer is None:
                self._by_hand += 1
                if not takes_all:
                    _show(["", *self._finding_lines(head, row), *self._own_hand(row)])
                continue
            if takes_all:
                _show([f"also: {self._short(row.finding.message)}{_owners(offer)}"])
                self._chosen.append(offer)
            else:
                answer = self._asked(head, offer, offers)
                takes_all = answer.word == "all"
                if answer.word == "skip":
                    skipped.add(row.check.id)
                if answer.word in ("y", "all"):
                    self._chosen.append(answer.offer)
            decided |= offer.keys
        _show(["", *self._end_lines()])
        return self._chosen

    def _asked(self, head: str, offer: FixOffer, offers: FixOffers) -> _FixReply:
        """Return what the user answers; an offer with another owner is shown again."""
        _show(["", *self._finding_lines(head, offer.finding)])
        self._show_preview(offer, offers.preview([offer]))
        while True:
            more = f", or who keeps it ({', '.join(offer.holders)})" if offer.shared else ""
            typed = output.ask(f"{_QUESTION}{more}: ")
            word = _ANSWERS.get(typed.lower())
            if typed in offer.holders and (word is None or word not in ("y", "n")):
                offer = offers.with_owner(offer, typed)
                self._show_preview(offer, offers.preview([offer]))
            elif word == "explain":
                _show(self._explained(offer))
            elif word is not None:
                return _FixReply(word, offer)
            else:
                _show([f"{typed!r} is no answer"])

    def _finding_lines(self, head: str, row: ReportedFinding) -> Iterator[Block]:
        title = f"{self._titles.get(row.check.id, row.check.title)}  [{row.check.id}]"
        yield Prose(title, "bold", head=f"{head}{row.severity}: ", head_style=SEVERITY_STYLES[row.severity])
        yield f"  {self._short(row.finding.message)}"

    def _own_hand(self, row: ReportedFinding) -> Iterator[Block]:
        fix = row.finding.fix
        command = f": `{fix.command}`" if fix.command else ""
        yield Prose(f"{self._short(fix.text)}{command}", head="  by hand: ", head_style="cyan")

    def _show_preview(self, offer: FixOffer, preview: FixPreview) -> None:
        _show(self._preview_lines(offer, preview))

    def _preview_lines(self, offer: FixOffer, preview: FixPreview) -> Iterator[Block]:
        for each in offer.shared:
            decision = each.decision
            is_named = decision.owner in {owner for _, owner in offer.owners}
            why = "you say so" if is_named else f"{decision.reason} ({decision.confidence})"
            yield f"  {decision.owner} keeps the {decision.what}: {why}"
            yield from (f"    but {doubt}" for doubt in decision.caveats)
        for loss in preview.losses:
            gone = [*loss.channels, *(f"the login of {name}" for name in loss.logins)]
            if gone:
                yield f"  {loss.profile} loses {', '.join(gone)}"
            for name, value in loss.assigned.items():
                yield f"  {loss.profile} gets {name}={value}" if value else f"  {loss.profile} gets a fresh {name}"
        yield from (f"  {self._short(line)}" for line in step_lines(preview.steps))
        yield from (f"    start the gateway of {name}" for name in offer.starts)
        yield from (Prose(each.message, head="  not possible: ", head_style="yellow") for each in preview.problems)
        if not preview.steps and not preview.problems:
            yield "    nothing has to be written any more"

    def _explained(self, offer: FixOffer) -> Iterator[Block]:
        """Yield the places of a finding, how it is fixed by hand, and where more is written."""
        row = offer.finding
        places = dict.fromkeys(filter(None, (place_text(place._asdict()) for place in row.finding.evidence)))
        yield from (f"    at {self._short(place)}" for place in places)
        yield from self._own_hand(row)
        for each in offer.shared:
            yield f"  held by {', '.join(each.decision.key.holders)}; one of them keeps it, the others lose their copy"
        yield f"  more: docs/reference/checks.md, {row.check.id}"

    def _end_lines(self) -> Iterator[Block]:
        if self._by_hand:
            yield f"{self._by_hand} of the findings need you: see above, or `hermes-profiles doctor`"
        if not self._chosen:
            yield "nothing is chosen, nothing is changed"
        else:
            yield f"fixing {len(self._chosen)} finding{'' if len(self._chosen) == 1 else 's'}"

    def closing_lines(self, fix: FixResult) -> Iterator[Block]:
        """Yield what comes after the report: next steps, and how all of it is taken back."""
        if fix.next_steps:
            yield "next:"
            yield from (f"  {step}" for step in fix.next_steps)
        if len(fix.changes) == 1:
            yield f"to undo all of it: `hermes-profiles undo {fix.changes[0]}`"
        elif fix.changes:
            commands = ", then ".join(f"`hermes-profiles undo {change}`" for change in reversed(fix.changes))
            yield f"to undo all of it, {len(fix.changes)} changes: {commands}"

    def _short(self, text: str) -> str:
        return text.replace(f"{self._root}/", "")


def _owners(offer: FixOffer) -> str:
    return "".join(f"; {each.decision.owner} keeps the {each.decision.what}" for each in offer.shared)


def _show(lines: Iterator[Block] | Sequence[Block]) -> None:
    output.show_now(lines)
