"""The text of the shim: POSIX sh that runs Hermes without a fork. Pure.

It runs under dash, bash, busybox and macOS' sh, so it uses POSIX only (2024 for `-ef`; in a shell without it, the mark
in the second line has the same effect). Its variables begin with `_hps_`: a variable of the environment that a script
sets is passed on changed.
"""

from __future__ import annotations

import os
import shlex

from hermes_profiles.gateways.installation.shim_header import MARK, SHEBANG, Recorded, recorded_in

BYPASS = "HERMES_PROFILES_SHIM"
HANDED_OVER = "from-hermes"
_VERSION = "1"

_BODY = r"""
# Succeeds when FILE is a shim of this kind, this one or another: such a one is never handed to.
_hps_is_shim() {
    _hps_line=
    [ -r "$1" ] || return 1
    { IFS= read -r _hps_line && [ "$_hps_line" = '@FIRST@' ] && IFS= read -r _hps_line; } <"$1"
    case $_hps_line in '@MARK@'*) return 0 ;; esac
    return 1
}

# Succeeds when PROGRAM can be run: a script whose interpreter is gone cannot.
_hps_runs() {
    [ -f "$1" ] && [ -x "$1" ] && [ -r "$1" ] || return 1
    _hps_line=
    IFS= read -r _hps_line <"$1"
    case $_hps_line in
    '#!/'*) _hps_line=${_hps_line#'#!'} && [ -x "${_hps_line%% *}" ] ;;
    esac
}

# The real one: the first `hermes` on PATH that is no shim, else the one that was there when this was installed.
_hps_found=
_hps_rest=${PATH-}:
while [ -n "$_hps_rest" ]; do
    _hps_try=${_hps_rest%%:*}
    _hps_rest=${_hps_rest#*:}
    _hps_try=${_hps_try:-.}/hermes
    if ! [ -f "$_hps_try" ] || ! [ -x "$_hps_try" ]; then continue; fi
    # shellcheck disable=SC3013
    if [ "$_hps_try" -ef "$0" ] 2>/dev/null || _hps_is_shim "$_hps_try"; then continue; fi
    _hps_found=$_hps_try
    break
done
if [ -z "$_hps_found" ] && [ -f "$_hps_real" ] && [ -x "$_hps_real" ]; then
    _hps_is_shim "$_hps_real" || _hps_found=$_hps_real
fi

# The word: only a profile may be named before it. A gateway talks to Hermes alone.
_hps_word=
_hps_skip=
if [ "${@BYPASS@-}" != off ] && [ "${_HERMES_GATEWAY-}" != 1 ]; then
    for _hps_arg do
        if [ -n "$_hps_skip" ]; then
            _hps_skip=
            continue
        fi
        case $_hps_arg in
        -p | --profile) _hps_skip=1 ;;
        --profile=*) ;;
        profile | profiles | gateways | doctor) _hps_word=$_hps_arg && break ;;
        *) break ;;
        esac
    done
fi

if [ -n "$_hps_word" ]; then
    _hps_runs "$_hps_ours" && exec "$_hps_ours" @HANDED_OVER@ "$_hps_found" "$@"
    printf '%s\n' "hermes: $_hps_ours cannot be run, so Hermes itself gets the word $_hps_word;" \
        "hint: install hermes-profiles again, or take this away with \`rm -r ${0%/*}\`" >&2
fi
if [ -z "$_hps_found" ]; then
    printf '%s\n' "hermes: there is no other hermes on PATH${_hps_real:+, and none at $_hps_real}" \
        "hint: install Hermes Agent, or put the folder it is in on PATH" >&2
    exit 127
fi
exec "$_hps_found" "$@"
"""


def shim_script(recorded: Recorded) -> bytes:
    """Return the text of the shim."""
    body = _BODY
    for name, text in (("FIRST", SHEBANG), ("MARK", MARK), ("BYPASS", BYPASS), ("HANDED_OVER", HANDED_OVER)):
        body = body.replace(f"@{name}@", text)
    head = (
        f"{SHEBANG}\n{MARK}{_VERSION}\n"
        "# Hands `profile`, `gateways` and `doctor` to hermes-profiles and all the rest to Hermes Agent.\n"
        f"# Put here by `hermes-profiles shim install`; `hermes-profiles shim remove` takes it away. {BYPASS}=off\n"
        "# hands everything to Hermes Agent.\n"
        f"# made: {shlex.join(recorded.made)}\n"
        f"_hps_ours={shlex.quote(recorded.program)}\n"
        f"_hps_real={shlex.quote(recorded.hermes or '')}\n"
    )
    return os.fsencode(head + body)


def is_current(raw: bytes) -> bool:
    """Return whether a shim has the text of this version, unedited."""
    recorded = recorded_in(raw)
    return recorded is not None and shim_script(recorded) == raw
