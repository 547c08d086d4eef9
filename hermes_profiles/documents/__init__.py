"""Files that can be read with certainty and edited without touching any other byte. Pure."""
