"""Use cases of files that hold whole profiles: export, import, backups."""
