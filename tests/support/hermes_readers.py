"""Prints how the readers of hermes-agent read files given on stdin; run by its interpreter.

Input: JSON {"env": [base64], "yaml": [base64]}.
Output: JSON {"env": [[P1, P2, P3]], "yaml": [data or null], "known": [name]}.
"""

import base64
import datetime
import json
import os
import sys
import tempfile


def read_env(raw: bytes) -> list[dict[str, str]]:
    from agent.secret_scope import load_env_file
    from hermes_cli import config, env_loader

    results = []
    for reader in ("dotenv", "lines", "splitlines"):
        home = tempfile.mkdtemp()
        os.environ["HERMES_HOME"] = home
        path = os.path.join(home, ".env")
        with open(path, "wb") as stream:
            stream.write(raw)
        if reader == "dotenv":
            before = dict(os.environ)
            env_loader.load_hermes_dotenv(hermes_home=home)
            results.append({k: v for k, v in os.environ.items() if before.get(k) != v})
            os.environ.clear()
            os.environ.update(before)
        elif reader == "lines":
            results.append(config.load_env())
        else:
            from pathlib import Path

            results.append(load_env_file(Path(path)))
    return results


def read_yaml(raw: bytes) -> object:
    import yaml

    home = tempfile.mkdtemp()
    path = os.path.join(home, "config.yaml")
    with open(path, "wb") as stream:
        stream.write(raw)
    try:
        with open(path, encoding="utf-8") as stream:
            return [plain(yaml.safe_load(stream) or {})]
    except Exception:
        return None


def plain(value: object) -> object:
    """Return the value with mappings as lists of pairs, so that keys of any type survive JSON."""
    if isinstance(value, dict):
        return {"map": [[plain(k), plain(v)] for k, v in value.items()]}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, (datetime.date, bytes)):
        return "a date"
    return value if isinstance(value, str) else repr(value)


def main() -> None:
    out, sys.stdout = sys.stdout, sys.stderr
    task = json.load(sys.stdin)
    from hermes_cli import config

    answer = {
        "known": sorted(set(config.OPTIONAL_ENV_VARS) | set(config._EXTRA_ENV_KEYS)),
        "env": [read_env(base64.b64decode(one)) for one in task["env"]],
        "yaml": [read_yaml(base64.b64decode(one)) for one in task["yaml"]],
    }
    json.dump(answer, out)


if __name__ == "__main__":
    main()
