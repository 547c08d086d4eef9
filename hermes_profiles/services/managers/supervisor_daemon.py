"""Runs the supervisor daemon under the module path of version 0.1.0."""

from __future__ import annotations

from hermes_profiles.services.supervisor.daemon import main

if __name__ == "__main__":
    main()
