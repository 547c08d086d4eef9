# fish completion of hermes-gateways; put it into ~/.config/fish/completions/
complete -c hermes-gateways -f
complete -c hermes-gateways -n __fish_use_subcommand -a "install start stop restart status list enable disable group reset print stage uninstall"
complete -c hermes-gateways -n "__fish_seen_subcommand_from install start stop restart status list enable disable group reset print stage uninstall" -a "(hermes-profiles list --names 2>/dev/null)"
complete -c hermes-gateways -l except -x -a "(hermes-profiles list --names 2>/dev/null)"
complete -c hermes-gateways -l owner -x -a "(hermes-profiles list --names 2>/dev/null)"
complete -c hermes-gateways -l remove -x -a "(hermes-profiles list --names 2>/dev/null)"
complete -c hermes-gateways -l manager -x -a "systemd launchd supervisor"
complete -c hermes-gateways -l on-conflict -x -a "mask refuse ignore"
