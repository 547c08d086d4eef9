"""Loads `.env` files as hermes-agent does at a gateway's start; run by its interpreter, one long-lived process.

Input: one base64 text a line. Output: one JSON object a line, name → value.
"""

import base64
import io
import json
import os
import shutil
import sys
import tempfile


def main() -> None:
    out, sys.stdout, sys.stderr = sys.stdout, io.StringIO(), io.StringIO()
    home = tempfile.mkdtemp()
    os.environ["HERMES_HOME"] = home
    from hermes_cli import env_loader

    base = {key: os.environ[key] for key in ("HOME", "PATH", "HERMES_HOME") if key in os.environ}
    # Only the files: no vaults, and no machine-wide folder.
    for name in ("_apply_external_secret_sources", "_apply_managed_env", "_reapply_terminal_config_bridge"):
        if hasattr(env_loader, name):
            setattr(env_loader, name, lambda *_, **__: None)
    for line in sys.stdin:
        os.environ.clear()
        os.environ.update(base)
        getattr(env_loader, "_DOTENV_PUBLISHED", {}).clear()
        with open(os.path.join(home, ".env"), "wb") as stream:
            stream.write(base64.b64decode(line))
        try:
            env_loader.load_hermes_dotenv(hermes_home=home)
            found = {key: value for key, value in os.environ.items() if base.get(key) != value}
        except Exception as error:
            found = {"": type(error).__name__}
        out.write(json.dumps(found) + "\n")
        out.flush()
    shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
