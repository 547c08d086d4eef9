"""The bodies of the commands, one small module a family; each is imported only when its command is called."""
