"""Use cases of profiles: create, clone, list, rename, delete, restore, explain, their settings and the trash."""
