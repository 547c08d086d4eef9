"""Finds credentials by the name beside them, in prose, code, structured files, tables and requests. Pure."""
