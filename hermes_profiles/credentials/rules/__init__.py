"""The rules that give each key, setting, file and login a verdict."""
