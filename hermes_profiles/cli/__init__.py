"""The command line of both programs: parses arguments, calls one operation, renders its result."""
