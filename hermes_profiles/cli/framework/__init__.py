"""Parts that every command uses: the Typer app, options, output, exit."""
