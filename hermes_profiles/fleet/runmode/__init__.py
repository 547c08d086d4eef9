"""How a root's profiles are run: a gateway for each, or Hermes' multiplexer for all; and the way from one to the other.

`facts` reads, `access` and `limits` judge, `changes` plans the files, `record` remembers what was, `switch` does it.
"""
